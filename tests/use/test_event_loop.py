"""How late a loop is: measured by a loop whose clock the test moves."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from opentelemetry import trace

from telemetry_kit import Handle, Telemetry
from telemetry_kit._use.event_loop import INTERVAL
from telemetry_kit.testing import Captured

SERIES = {"event_loop.name": "main", "scope.name": "shop.orders"}


class Loop(asyncio.SelectorEventLoop):
    """A loop whose time is the test's."""

    now = 100.0

    def time(self) -> float:
        return self.now

    def turn(self) -> None:
        """Run what is due now, once."""
        self.call_soon(self.stop)
        self.run_forever()

    def pass_by(self, seconds: float) -> None:
        """Let the time pass while the loop is busy, then let it run what is due."""
        self.now += seconds
        self.turn()


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_the_lag_is_how_late_what_is_due_runs(captured: Captured, telemetry: Telemetry, loop: Loop) -> None:
    """A loop that is blocked for two seconds is 1.9 s late for what was due after a tenth."""
    telemetry.observe_event_loop(loop)
    loop.turn()
    loop.pass_by(INTERVAL)
    loop.pass_by(2.0)

    point = captured.point("event_loop.lag")
    assert dict(point.attributes) == SERIES
    assert (point.count, point.min, point.max) == (2, pytest.approx(0.0), pytest.approx(1.9))


def test_a_loop_is_looked_at_ten_times_a_second(captured: Captured, telemetry: Telemetry, loop: Loop) -> None:
    """It costs little: no more looks than that, however often the loop turns."""
    telemetry.observe_event_loop(loop)
    for _ in range(100):
        loop.pass_by(0.01)

    assert 9 <= captured.value("event_loop.lag") <= 10


def test_a_stopped_observation_looks_no_more(captured: Captured, telemetry: Telemetry, loop: Loop) -> None:
    """`.stop()`, once or twice; nothing stays scheduled."""
    handle = telemetry.observe_event_loop(loop, name="worker")
    loop.turn()
    loop.pass_by(INTERVAL)
    handle.stop()
    handle.stop()
    loop.turn()
    loop.pass_by(2.0)

    assert captured.point("event_loop.lag", {"event_loop.name": "worker"}).count == 1
    assert all(timer.cancelled() for timer in loop._scheduled)  # type: ignore[attr-defined]


@pytest.mark.asyncio
async def test_the_running_loop_is_the_default(captured: Captured, telemetry: Telemetry) -> None:
    """In a coroutine no loop has to be named."""
    with telemetry.observe_event_loop():
        await asyncio.sleep(0)
        assert len([t for t in asyncio.get_running_loop()._scheduled if not t.cancelled()]) >= 1  # type: ignore[attr-defined]
    await asyncio.sleep(0)


def test_a_loop_of_another_thread_is_observed(captured: Captured, telemetry: Telemetry) -> None:
    """From wherever it is said, also before the loop runs."""
    loop, seen = asyncio.new_event_loop(), threading.Event()
    handle = telemetry.observe_event_loop(loop, name="other")
    loop.call_soon(lambda: loop.call_later(INTERVAL * 1.5, seen.set))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    assert seen.wait(20)

    assert captured.value("event_loop.lag", {"event_loop.name": "other"}) >= 1
    handle.stop()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()


def test_an_observed_loop_isnt_kept_alive_and_ends_as_it_would(telemetry: Telemetry) -> None:
    """`asyncio.run` returns at once, and the loop is freed."""

    async def main() -> "weakref.ref[asyncio.AbstractEventLoop]":
        telemetry.observe_event_loop()
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(main())
    gc.collect()

    assert loop() is None


def test_stopping_after_the_loop_has_ended_does_nothing(telemetry: Telemetry) -> None:
    """The handle outlives its loop."""

    async def main() -> Handle:
        return telemetry.observe_event_loop()

    asyncio.run(main()).stop()


def test_a_look_has_a_context_of_its_own(captured: Captured, telemetry: Telemetry, loop: Loop) -> None:
    """A request that was current when the observation began isn't in every look's exemplar."""
    seen = []
    with captured.tracer_provider.get_tracer("tests").start_as_current_span("request"):
        telemetry.observe_event_loop(loop)
    handle = loop._ready[-1]  # type: ignore[attr-defined]
    handle._context.run(lambda: seen.append(trace.get_current_span()))
    loop.turn()
    loop._scheduled[0]._context.run(lambda: seen.append(trace.get_current_span()))  # type: ignore[attr-defined]

    assert seen == [trace.INVALID_SPAN, trace.INVALID_SPAN]


def test_two_loops_of_one_name_share_a_series(captured: Captured, telemetry: Telemetry, loop: Loop) -> None:
    """Their lags are in one histogram."""
    telemetry.observe_event_loop(loop)
    telemetry.observe_event_loop(loop)
    loop.turn()
    loop.pass_by(INTERVAL)

    assert captured.point("event_loop.lag").count == 2


def test_outside_of_a_loop_one_has_to_be_given(telemetry: Telemetry) -> None:
    """The ValueError names the way out."""
    with pytest.raises(ValueError, match="give loop="):
        telemetry.observe_event_loop()


def test_what_is_no_loop_is_refused(telemetry: Telemetry) -> None:
    """A TypeError with the type."""
    with pytest.raises(TypeError, match="of type str"):
        telemetry.observe_event_loop("main")  # type: ignore[arg-type]


def test_a_closed_loop_is_refused(telemetry: Telemetry, loop: Loop) -> None:
    """A ValueError."""
    loop.close()

    with pytest.raises(ValueError, match="closed"):
        telemetry.observe_event_loop(loop)
