"""What ends where the API can't be called waits until it can. How it holds under fire: `test_processes.py`."""

import gc
from collections.abc import Iterator

import pytest

from telemetry_kit import Telemetry, current_measurement
from telemetry_kit._core import faults, reentrancy
from tests.support import FakeClock, Sdk


@pytest.fixture(autouse=True)
def nothing_waits() -> Iterator[None]:
    reentrancy.drain()
    yield
    reentrancy.here.busy = False
    reentrancy.drain()


@pytest.fixture
def busy() -> None:
    """This thread is inside the SDK."""
    reentrancy.here.busy = True


def test_work_waits_until_it_is_safe(busy: None) -> None:
    """Work that is left for later isn't done while the thread is busy (PRC 2)."""
    done = []
    reentrancy.later(lambda: done.append(1))
    reentrancy.drain()
    assert done == []

    reentrancy.here.busy = False
    reentrancy.drain()
    assert done == [1]


def test_work_that_raises_loses_itself_only() -> None:
    """Work that raises is a counted fault, the rest is done (FLT 1)."""
    before = faults.counts().get("safe_points", 0)
    done = []
    reentrancy.later(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    reentrancy.later(lambda: done.append(1))
    reentrancy.drain()

    assert done == [1]
    assert faults.counts()["safe_points"] == before + 1


def test_so_much_waits_and_no_more(busy: None) -> None:
    """A host that never comes to a safe point doesn't grow for ever: the oldest go first."""
    for number in range(reentrancy.WAITING_AT_MOST + 10):
        reentrancy.later(lambda number=number: None)  # type: ignore[misc]

    assert len(reentrancy.waiting) == reentrancy.WAITING_AT_MOST
    reentrancy.waiting.clear()


def test_the_collector_is_no_safe_place() -> None:
    """While the collector runs a thread is busy, afterwards as it was (GEN 6)."""
    reentrancy.watch_collector()
    seen = []

    class Finalised:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            seen.append(reentrancy.unsafe())

    Finalised()
    gc.collect()

    assert seen == [True]
    assert not reentrancy.unsafe()


@pytest.mark.parametrize(
    "options", [{}, {"error_if": lambda _: None}, {"span": False}], ids=["lean", "full", "no span"]
)
def test_a_call_inside_of_the_sdk_is_told_later(
    telemetry: Telemetry, sdk: Sdk, clock: FakeClock, options: dict[str, object], busy: None
) -> None:
    """A call that runs inside of the SDK is told at the next safe point, with its times and attributes (PRC 2)."""

    @telemetry.operation("work", **options)  # type: ignore[call-overload,misc]
    def work() -> None:
        current_measurement().set_attribute("a", 1)
        current_measurement().set_metric_attribute("b", 2)
        clock.advance(2.0)

    work()
    assert sdk.spans() == []

    reentrancy.here.busy = False
    point = sdk.point("operation.duration", b=2)
    assert (point.count, point.sum) == (1, 2.0)
    if "span" not in options:
        span = sdk.span("work")
        assert span.end_time - span.start_time == 2_000_000_000
        assert span.attributes["a"] == 1
        assert span.attributes["code.function.name"].endswith("work")


def test_a_failure_inside_of_the_sdk_is_told_later(telemetry: Telemetry, sdk: Sdk, busy: None) -> None:
    """A failing call inside of the SDK has its `error.type` on metric and span (PRC 2)."""

    @telemetry.operation("work")
    def work() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        work()

    reentrancy.here.busy = False
    assert sdk.point("operation.duration", error__type="ValueError").count == 1
    assert sdk.span("work").attributes["error.type"] == "ValueError"


def test_an_attribute_set_inside_of_the_sdk_waits_for_the_end(telemetry: Telemetry, sdk: Sdk) -> None:
    """A signal handler in the middle of the SDK can set an attribute: it is on the span at its end (PRC 2)."""
    with telemetry.operation("work").measure() as m:
        reentrancy.here.busy = True
        m.set_attribute("late", 1)
        reentrancy.here.busy = False

    assert sdk.span("work").attributes["late"] == 1
