"""What ends where the API can't be called waits here until it can.

The SDK holds locks that can't be taken twice while it records. Whatever runs in the middle of that, in the same thread
(a finaliser or a generator that the collector closes, a signal handler), would wait for its own thread for ever if it
recorded too. So it leaves its record here, and the next call or collection on safe ground makes it.
"""

import gc
from collections import deque
from collections.abc import Callable

from telemetry_kit import _counts, _faults

WAITING_AT_MOST = 10_000
"""Records that wait: a host that never makes another call must not grow for ever. Older ones are lost first."""


here = _counts.threads
"""`here.state.busy`: this thread is inside the API or the SDK, called by the kit, or runs the collector."""
waiting: deque[Callable[[], None]] = deque(maxlen=WAITING_AT_MOST)


def unsafe() -> bool:
    """Whether to leave a record for later: this thread is in the middle of a record, or of a collection."""
    return here.state.busy


def later(work: Callable[[], None]) -> None:
    """Do `work` at the next safe point."""
    waiting.append(work)


def drain() -> None:
    """Do what waits, if this is a safe point."""
    while waiting and not unsafe():
        try:
            work = waiting.popleft()
        except IndexError:
            return
        try:
            work()
        except Exception as fault:  # noqa: BLE001
            _faults.record("safe_points", fault)


def watch_collector() -> None:
    """Know from now on when the collector runs. Called where the first generator is decorated."""
    if _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)


def _on_collection(phase: str, _info: dict[str, int]) -> None:
    state = here.state
    if phase == "start":
        state.was_busy, state.busy = state.busy, True
    else:
        state.busy = state.was_busy


def _start_again() -> None:
    waiting.clear()


_counts.after_fork(_start_again)
