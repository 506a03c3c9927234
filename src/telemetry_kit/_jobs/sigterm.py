"""SIGTERM ends a run instead of the process in the middle of it, so that the run is told as a failure.

The handler calls no telemetry: it marks the runs and raises `SystemExit` in the main thread, with the status that a
shell gives to a process that the signal killed (143). The run ends on the exception's way out, or, where an event loop
turned it into the cancellation of its tasks, on that; the exit handlers then run as at every exit.

Python delivers signals to the main thread of the main interpreter only: elsewhere nothing is watched.
"""

from __future__ import annotations

import atexit
import signal
import threading
from typing import Any, Protocol

from telemetry_kit._core import counters

STATUS = 128 + signal.SIGTERM


class Terminable(Protocol):
    """A run that SIGTERM ends."""

    terminated: bool
    """SIGTERM came while it ran."""
    ending: bool
    """It has begun to end: what arrives now is for whoever comes after it."""

    def end(self, exc: BaseException | None, result: Any = None) -> None: ...


_runs: list[Terminable] = []
_previous: Any = None
_came = False
"""SIGTERM came while a run was ending."""


def watch(run: Terminable) -> bool:
    """Let SIGTERM end `run` from now on, and say whether that can be."""
    global _previous
    if threading.current_thread() is not threading.main_thread():
        return False
    current = signal.getsignal(signal.SIGTERM)
    if current is not _on_sigterm:
        if current is None:  # not Python's, so that it could not be put back
            return False
        try:
            signal.signal(signal.SIGTERM, _on_sigterm)
        except ValueError:  # a sub-interpreter
            return False
        _previous = current
    _runs.append(run)
    return True


def unwatch(run: Terminable) -> None:
    """The run has ended: after the last one, put the handler back that was there before.

    Raises SystemExit if SIGTERM came while it was ending.
    """
    global _came
    if run in _runs:
        _runs.remove(run)
    if not _runs:
        _put_back()
    if _came:
        _came = False
        _terminate()


def _on_sigterm(_signal: int, _frame: object) -> None:
    global _came
    if any(run.ending for run in _runs):
        _came = True
        return
    _terminate()


def _terminate() -> None:
    for run in _runs:
        run.terminated = True
    # Registered last, it runs before the exit handlers of the SDK, wherever that was set up.
    atexit.unregister(_end_what_is_left)
    atexit.register(_end_what_is_left)
    raise SystemExit(STATUS)


def _end_what_is_left() -> None:
    """End the runs that the exception has passed by, such as that of a coroutine in a loop that nobody cleaned up."""
    for run in tuple(_runs):
        if run.terminated:
            run.end(SystemExit(STATUS))


def _put_back() -> None:
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        try:
            signal.signal(signal.SIGTERM, _previous)
        except ValueError:  # ended in another thread than it began: the next run in the main thread puts it back
            pass


def _start_again() -> None:
    """A forked child dies of SIGTERM as it would have: the runs are its parent's."""
    global _came
    _came = False
    _runs.clear()
    _put_back()


counters.after_fork(_start_again)
