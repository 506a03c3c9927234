"""The two clocks: one for durations, one for timestamps.

A duration is a difference of `perf_counter()`, which never jumps. A timestamp is `time()` or `time_ns()`, which the
operator of the machine may set. Nothing else in the kit asks for the time, and always through this module
(`clock.perf_counter()`), so that a test can put a clock of its own in their place.
"""

import time as _time
from typing import Any

perf_counter = _time.perf_counter
"""Seconds of a monotonic clock with an arbitrary zero."""
time = _time.time
"""Seconds since the epoch."""
time_ns = _time.time_ns
"""Nanoseconds since the epoch, the unit of span timestamps."""


def installed() -> tuple[Any, Any, Any]:
    """What the kit reads now: `perf_counter`, `time` and `time_ns`."""
    return perf_counter, time, time_ns


def install(functions: tuple[Any, Any, Any]) -> None:
    """Make the whole kit read these from now on."""
    global perf_counter, time, time_ns
    perf_counter, time, time_ns = functions
