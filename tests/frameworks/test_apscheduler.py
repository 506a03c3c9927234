"""APScheduler checks the arguments of a job when it is added, without following `__wrapped__`."""

# ruff: noqa: E402 - imported where it is there

import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("apscheduler", reason="needs apscheduler from PyPI")
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.schedulers.background import BackgroundScheduler

from telemetry_kit import Telemetry

pytestmark = pytest.mark.integration

telemetry = Telemetry("shop.module")


@telemetry.operation("nightly")
def nightly(shop: str, *, day: int = 1) -> str:
    return f"{shop} {day}"


class TestAPScheduler:
    """APScheduler checks a job's arguments when it is added, without following `__wrapped__`."""

    @pytest.fixture
    def scheduler(self) -> Iterator[BackgroundScheduler]:
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.start(paused=True)
        yield scheduler
        scheduler.shutdown()

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [((), {}), (("a", "b"), {}), (("a",), {"other": 1}), (("a",), {"shop": "b"})],
        ids=["missing", "too many", "unknown", "twice"],
    )
    def test_wrong_arguments(
        self, scheduler: BackgroundScheduler, args: tuple[str, ...], kwargs: dict[str, Any]
    ) -> None:
        """WRP 6: arguments that the bare job refuses are refused when it is added."""
        with pytest.raises(ValueError):
            scheduler.add_job(nightly, "date", args=args, kwargs=kwargs)

    def test_running(self, scheduler: BackgroundScheduler) -> None:
        """WRP 6: the job runs with its arguments."""
        events: list[Any] = []
        done = threading.Event()
        scheduler.add_listener(lambda event: (events.append(event), done.set()), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        scheduler.add_job(nightly, args=("north",), kwargs={"day": 2})
        scheduler.resume()

        assert done.wait(20) and [event.retval for event in events] == ["north 2"]

    def test_references(self, scheduler: BackgroundScheduler) -> None:
        """WRP 6: a stored job refers to the decorated function by its module and name."""
        job = scheduler.add_job(nightly, "date", args=("north",))

        assert (job.func_ref, job.name) == (f"{__name__}:nightly", "nightly")
