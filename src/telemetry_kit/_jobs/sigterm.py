"""SIGTERM ends a run instead of the process in the middle of it, so that the run is recorded as a failure.

The host decides. Where the signal would have killed the process, the handler raises `SystemExit` in the main thread, with
the status that a shell gives to a process that the signal killed (143). A handler of the host's is called, and only what
it raises ends the run: an event loop's graceful stop, or a server that finishes its work first, lets the run finish. A
host that ignores the signal goes on ignoring it. A second signal meets what was there before.

The handler calls no telemetry: it marks the runs. A run ends on the exception's way out, or, where an event loop turned
it into the cancellation of its tasks, on that; the exit handlers then run as at every exit.

Python delivers signals to the main thread of the main interpreter only: elsewhere nothing is watched.
"""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Callable
from typing import Any

from telemetry_kit._core import forks
from telemetry_kit._core.outcome import CANCELLED

STATUS = 128 + signal.SIGTERM


class Watched:
    """A run that SIGTERM ends."""

    __slots__ = ("end", "ending", "raised")

    def __init__(self, end: Callable[[BaseException], None]) -> None:
        self.end = end
        self.ending: bool = False
        """It has begun to end: what arrives now is for whoever comes after it."""
        self.raised: BaseException | None = None
        """What was raised because SIGTERM came while it ran."""


_runs: list[Watched] = []
_previous: Any = None
_came = False
"""SIGTERM came while a run was ending."""


def ended(run: Watched, exc: BaseException | None, failure: str | None) -> bool:
    """Whether SIGTERM is what ended `run`, which ends with `exc`: an exit, or the cancellation that a loop made of one.
    Another exception that a handler of the host raised is a failure under its own name; one that the run has dealt with
    is none.
    """
    raised = run.raised
    if raised is None:
        return False
    if isinstance(raised, SystemExit) and raised.code == STATUS:
        return True
    if exc is None:
        return False
    return isinstance(exc, SystemExit) or failure == CANCELLED or (exc is raised and failure is None)


def watch(run: Watched) -> None:
    """Let SIGTERM end `run` from now on, where that can be."""
    global _previous
    if threading.current_thread() is not threading.main_thread():
        return
    current = signal.getsignal(signal.SIGTERM)
    if current is not _on_sigterm:
        if current is None or current is signal.SIG_IGN:  # not Python's, so that it could not be put back; or ignored
            return
        try:
            signal.signal(signal.SIGTERM, _on_sigterm)
        except ValueError:  # a sub-interpreter
            return
        _previous = current
    _runs.append(run)


def unwatch(run: Watched) -> None:
    """The run has ended: after the last one, put the handler back that was there before.

    Raises what SIGTERM raises, if it came while the run was ending.
    """
    global _came
    if run in _runs:
        _runs.remove(run)
    if not _runs:
        _put_back()
    if _came:
        _came = False
        _terminate(signal.SIGTERM, None)


def _on_sigterm(number: int, frame: Any) -> None:
    global _came
    if any(run.ending for run in _runs):
        _came = True
        if not callable(_previous):
            _put_back()
        return
    _terminate(number, frame)


def _terminate(number: int, frame: Any) -> None:
    """Do what the host does about the signal, and mark the runs if that raises."""
    try:
        if callable(_previous):
            _previous(number, frame)
        else:
            _put_back()
            raise SystemExit(STATUS)  # noqa: TRY301 - what is raised is marked below, whoever raises it
    except BaseException as raised:
        for run in _runs:
            run.raised = raised
        # Registered last, it runs before the exit handlers of the SDK, wherever that was set up.
        atexit.unregister(_end_what_is_left)
        atexit.register(_end_what_is_left)
        raise


def _end_what_is_left() -> None:
    """End the runs that the exception has passed by, such as that of a coroutine in a loop that nobody cleaned up."""
    for run in tuple(_runs):
        if run.raised is not None:
            run.end(run.raised)


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


forks.after_fork(_start_again)
