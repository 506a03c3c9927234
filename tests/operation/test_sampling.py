"""`sample_durations` below 1.0: every call is counted exactly, a share of the durations goes into the histogram."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, FakeClock, capture

OWN = {"operation.name": "work", "scope.name": "shop.orders"}
WAYS = pytest.mark.parametrize(
    "options", [{}, {"span": False}, {"span_attributes": lambda *_, **__: {}}], ids=["lean", "no span", "full"]
)


@WAYS
def test_calls_and_time_are_exact(
    telemetry: Telemetry, captured: Captured, clock: FakeClock, options: dict[str, Any]
) -> None:
    """`operation.calls` and `operation.time` count every call, whatever share is sampled."""
    work = telemetry.operation("work", sample_durations=0.01, **options)(lambda: clock.advance(0.5))
    for _ in range(1_000):
        work()

    assert captured.point("operation.calls").value == 1_000
    assert captured.point("operation.time").value == 500.0
    assert dict(captured.point("operation.calls").attributes) == OWN


@WAYS
def test_a_share_of_the_durations_is_recorded(
    telemetry: Telemetry, captured: Captured, options: dict[str, Any]
) -> None:
    """The histogram has about the share that was asked for."""
    work = telemetry.operation("work", sample_durations=0.25, **options)(lambda: None)
    for _ in range(4_000):
        work()

    assert 800 < captured.value("operation.duration") < 1_200


@WAYS
def test_no_durations_at_all(telemetry: Telemetry, captured: Captured, options: dict[str, Any]) -> None:
    """At 0.0 nothing goes into the histogram, and all is counted."""
    work = telemetry.operation("never", sample_durations=0.0, **options)(lambda: None)
    for _ in range(100):
        work()

    assert captured.points("operation.duration") == []
    assert captured.point("operation.calls").value == 100


def test_all_durations(telemetry: Telemetry, captured: Captured) -> None:
    """At 1.0 there is the histogram alone: no second counter for what it counts."""
    telemetry.operation("work", sample_durations=1.0)(lambda: None)()

    assert captured.point("operation.duration").count == 1
    assert captured.points("operation.calls") == []
    assert captured.points("operation.time") == []


@WAYS
def test_errors_are_counted_exactly(telemetry: Telemetry, captured: Captured, options: dict[str, Any]) -> None:
    """Failing calls are in `operation.calls` with their `error.type`."""

    @telemetry.operation("work", sample_durations=0.0, **options)
    def work() -> None:
        raise ValueError

    for _ in range(10):
        with pytest.raises(ValueError):
            work()

    assert captured.point("operation.calls", {"error.type": "ValueError"}).value == 10


def test_every_call_has_its_span(telemetry: Telemetry, captured: Captured) -> None:
    """Sampled durations leave the spans as they are, ended and put back."""
    from opentelemetry import trace

    work = telemetry.operation("work", sample_durations=0.1)(lambda: None)
    for _ in range(50):
        work()

    assert len([span for span in captured.spans if span.name == "work"]) == 50
    assert {span.parent for span in captured.spans} == {None}
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_blocks_are_counted_too(telemetry: Telemetry, captured: Captured) -> None:
    """Measured blocks count like calls, with the attributes they are given."""
    operation = telemetry.operation("work", sample_durations=0.0)
    for hit in (True, True, False):
        with operation.measure(metric_attributes={"hit": hit}):
            pass

    assert captured.point("operation.calls", {"hit": True}).value == 2
    assert captured.point("operation.calls", {"hit": False}).value == 1


def test_a_hosts_random_sequence_stays_as_it_is() -> None:
    """Sampling draws from a source of its own: a host that seeded `random` gets what it expects."""
    random.seed(7)
    expected = [random.random() for _ in range(3)]
    # Without the SDK, which draws its ids from the host's source.
    work = Telemetry("lib").operation("work", sample_durations=0.5)(lambda: None)
    random.seed(7)
    seen = []
    for _ in range(3):
        work()
        seen.append(random.random())

    assert seen == expected


async def _coroutine(work: Callable[[], object]) -> None:
    work()


@pytest.mark.parametrize("kind", ["function", "coroutine function"])
def test_calls_on_the_hot_path_are_active_while_they_run(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """What runs is counted although no number of its own says so, whether it ends well or not."""
    seen = []

    def work() -> None:
        seen.append(captured.value("operation.active"))
        if len(seen) > 1:
            raise ValueError

    operation = telemetry.operation("work", span=False, sample_durations=0.01)
    if kind == "function":
        run = operation(work)
    else:
        hot = operation(_coroutine)

        def run() -> None:
            asyncio.run(hot(work))

    run()
    with pytest.raises(ValueError):
        run()

    assert seen == [1, 1]
    assert captured.value("operation.active") == 0
    assert captured.value("operation.calls") == 2
    assert captured.value("operation.calls", {"error.type": "ValueError"}) == 1


def test_a_block_takes_nobody_elses_turn(telemetry: Telemetry, captured: Captured) -> None:
    """Blocks and calls of one operation are sampled each by itself: neither makes the other's share larger."""
    operation = telemetry.operation("work", span=False, sample_durations=0.25)
    work = operation(lambda: None)
    for _ in range(2_000):
        work()
        with operation.measure():
            pass

    assert captured.value("operation.calls") == 4_000
    assert 800 < captured.value("operation.duration") < 1_200


def test_captures_in_one_another_have_each_their_calls() -> None:
    """A call on the hot path is counted where it is recorded now, also if its function was called before."""
    work = Telemetry("lib").operation("captured work", span=False, sample_durations=0.0)(lambda: None)
    work()
    with capture() as outer:
        work()
        with capture() as inner:
            work()

    assert (outer.value("operation.calls"), inner.value("operation.calls")) == (1, 1)
