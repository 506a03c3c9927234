"""The two clocks, and how a test puts its own in their place."""

import time

import pytest

from telemetry_kit._core import clock as _clock
from telemetry_kit.testing import FakeClock
from tests.support import use_clock


def test_durations_are_of_the_monotonic_clock() -> None:
    """Durations come from `time.perf_counter`, which never jumps (JOB 3)."""
    assert _clock.perf_counter is time.perf_counter


def test_timestamps_are_of_the_wall_clock() -> None:
    """Timestamps come from `time.time` and `time.time_ns` (JOB 3)."""
    assert (_clock.time, _clock.time_ns) == (time.time, time.time_ns)


def test_a_clock_is_used_until_its_block_ends() -> None:
    """Inside of the block the kit reads the given clock, afterwards the system's."""
    clock = FakeClock()
    with use_clock(clock):
        before = _clock.perf_counter(), _clock.time(), _clock.time_ns()
        clock.advance(2.5)
        after = _clock.perf_counter(), _clock.time(), _clock.time_ns()

    assert (after[0] - before[0], after[1] - before[1], after[2] - before[2]) == (2.5, 2.5, 2_500_000_000)
    assert _clock.perf_counter is time.perf_counter


def test_a_clock_is_put_back_after_an_exception() -> None:
    """The system's clocks come back also where the block raises."""
    with pytest.raises(ValueError), use_clock(FakeClock()):
        raise ValueError

    assert _clock.time is time.time


def test_clocks_nest() -> None:
    """The inner clock counts until its block ends, then the outer one again."""
    outer, inner = FakeClock(at=100.0), FakeClock(at=200.0)
    with use_clock(outer):
        with use_clock(inner):
            assert _clock.time() == 200.0
        assert _clock.time() == 100.0
