"""Celery reads the head of a task without following `__wrapped__`, and checks arguments before it sends."""

# ruff: noqa: E402 - imported where it is there

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("celery", reason="needs celery from PyPI")
import celery

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


class TestCelery:
    """Celery reads the task's head without following `__wrapped__`, and checks arguments before it sends."""

    @pytest.fixture
    def app(self) -> Iterator[celery.Celery]:
        app = celery.Celery("shop", broker="memory://", set_as_current=False)
        yield app
        app.close()

    @pytest.fixture
    def add(self, app: celery.Celery, telemetry: Telemetry) -> Any:
        @app.task(name="shop.add")
        @telemetry.operation("add")
        def add(left: int, right: int, *, extra: int = 0) -> int:
            return left + right + extra

        return add

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [((1,), {}), ((1, 2, 3), {}), ((1, 2), {"other": 3}), ((1, 2), {"right": 2})],
        ids=["missing", "too many", "unknown", "twice"],
    )
    def test_wrong_arguments(self, add: Any, args: tuple[int, ...], kwargs: dict[str, int]) -> None:
        """WRP 6: arguments that the bare task refuses are refused before anything is sent."""
        with pytest.raises(TypeError):
            add.apply_async(args, kwargs)

    def test_the_message(self, app: celery.Celery, add: Any) -> None:
        """WRP 6: what is sent to the broker has the task's name and arguments."""
        add.delay(1, 2, extra=3)
        with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
            message = queue.get(timeout=10)
            message.ack()

        assert (message.headers["task"], message.payload[:2]) == ("shop.add", [[1, 2], {"extra": 3}])

    def test_running(self, captured: Captured, add: Any) -> None:
        """WRP 6: the task runs, gives its result, and is recorded."""
        assert (add.apply((1, 2), {"extra": 3}).get(), captured.span().name) == (6, "add")

    def test_bound_tasks(self, app: celery.Celery, telemetry: Telemetry) -> None:
        """WRP 6: a bound task has its `self`, which doesn't count as an argument."""

        @app.task(bind=True)
        @telemetry.operation
        def which(self: Any, number: int) -> tuple[bool, int]:
            return self.request.called_directly, number

        with pytest.raises(TypeError):
            which.delay()
        assert which.apply((7,)).get() == (False, 7)

    def test_names(self, app: celery.Celery, telemetry: Telemetry) -> None:
        """WRP 6: a task without a name of its own is named after its function and module."""

        def price() -> None: ...

        assert app.task(telemetry.operation(price)).name == f"{__name__}.price"

    def test_its_control_flow(self, captured: Captured, app: celery.Celery, telemetry: Telemetry) -> None:
        """What a task raises to be told something is no error where that is said: Retry, Ignore, Reject."""
        from celery.exceptions import Ignore, Reject, Retry

        @app.task(bind=True, max_retries=1)
        @telemetry.operation("task", expected=(Retry, Ignore, Reject))
        def task(self: Any, how: str) -> None:
            if how == "retry":
                raise self.retry(countdown=0)
            raise {"ignore": Ignore, "reject": Reject}[how]

        for how in ("retry", "ignore", "reject"):
            task.apply((how,))

        assert {p.attributes.get("error.type") for p in captured.points("operation.duration")} <= {
            None,
            "celery.exceptions.MaxRetriesExceededError",
        }
