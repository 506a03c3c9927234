"""`capture()`: for a while, everything that the kit records is kept.

Captures can lie in one another, in all threads, and end in any order: the newest that is active has everything.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import clock as _clock
from telemetry_kit._core import forks, observer, reentrancy, sdk
from telemetry_kit._core.instruments import instruments_of
from telemetry_kit.testing.captured import Captured

if TYPE_CHECKING:
    from collections.abc import Generator

    from telemetry_kit.testing.clock import FakeClock

_IDS = 1 << 28
"""Ids that one capture has for its own, so that those of captures in one another aren't taken for each other."""
_PROCESS = 1 << 34
"""Ids that the captures of one worker process have, so that they aren't taken for its parent's."""

_lock = threading.RLock()
_active: list[Captured] = []
_of_host: tuple[sdk.Providers | None, Any] = (None, _clock.installed())
"""What was in the place of the captures before the first of them began."""
_newest_source = -1
"""Of those that were there when the last capture began."""


@contextmanager
def capture_and_watch() -> Generator[Captured, None, None]:
    """What the fixture does: a capture whose validator also looks at the context of this thread or task.

    >>> with capture_and_watch() as captured:
    ...     captured.findings()
    []
    """
    with capture() as captured:
        captured._recording.validator.watch_context()
        try:
            yield captured
        finally:
            captured._recording.validator.leave_context()


@contextmanager
def capture(*, clock: FakeClock | None = None) -> Generator[Captured, None, None]:
    """Keep what every `Telemetry` without providers of its own records, in every thread, until the block ends.

    It works with and without an SDK, and touches nothing that is global to OpenTelemetry. While it is active the kit reads
    the capture's clock, which stands still. A capture within it takes over until that ends, and the outer one knows nothing
    of what was done there or left behind.

    Args:
        clock: The clock to read; None: a new `FakeClock`.

    >>> from telemetry_kit import Telemetry
    >>> from telemetry_kit.testing import capture
    >>> telemetry = Telemetry("shop.orders")
    >>> with capture() as captured:
    ...     with telemetry.span("price"):
    ...         captured.clock.advance(0.25)
    >>> captured.span("price").duration
    0.25
    """
    captured = begin(clock)
    try:
        yield captured
    finally:
        end(captured)


def begin(clock: FakeClock | None = None) -> Captured:
    """Start a capture, which is the newest."""
    global _of_host
    with _lock:
        if not _active:
            _of_host = sdk.override, _clock.installed()
            _let_go()
        taken = {other._first_id for other in _active}
        first_id = next(first for first in range(_first_of_process(), 1 << 60, _IDS) if first not in taken)
        captured = Captured(clock, first_id=first_id)
        if _active:
            _active[-1]._readings.suspend()
        _active.append(captured)
        _take_over()
        observer.restart()
        instruments_of().provider()  # what observes is made on the capture's meter, which then knows what was before
        captured._readings.begin()
        return captured


def end(captured: Captured) -> None:
    """End a capture, which need not be the newest. A second time does nothing."""
    with _lock:
        if captured not in _active:
            return
        newest = _active[-1] is captured
        captured._readings.suspend()
        captured._stop()
        _active.remove(captured)
        if newest:
            _take_over()
            if _active:
                observer.restart()  # what the newer one left is none of this one's, nor are its jobs
                _active[-1]._readings.resume()


def _let_go() -> None:
    """What an earlier test made and nobody has any more goes now, though an exception's traceback, as `pytest.raises`
    keeps it, makes a cycle with the test's frame: else its pool would add its limit to that of the next of its name."""
    global _newest_source
    instruments = instruments_of()
    for generation in (
        1,
        2,
    ):  # what the test just before made is young, as a rule: all is looked at only if it has to be
        if instruments.newest_source() > _newest_source:
            gc.collect(generation)
    _newest_source = instruments.newest_source()
    reentrancy.drain()


def _first_of_process() -> int:
    multiprocessing: Any = sys.modules.get("multiprocessing.process")
    is_worker = multiprocessing is not None and multiprocessing.parent_process() is not None
    return os.getpid() * _PROCESS if is_worker else 0


def _take_over() -> None:
    """Give everything to the newest capture, or back to the host (a console may have been there)."""
    if _active:
        newest = _active[-1]
        sdk.override = newest._providers
        observer.current = newest._recording
        reentrancy.watch_block = newest._recording.validator.blocks.watch
        _clock.install((newest.clock.perf_counter, newest.clock.time, newest.clock.time_ns))
    else:
        sdk.override, clock = _of_host
        observer.current, reentrancy.watch_block = observer.NOBODY, reentrancy.watch
        _clock.install(clock)


def _start_again() -> None:
    for captured in _active:
        captured._readings.start_again()


forks.after_fork(_start_again)
