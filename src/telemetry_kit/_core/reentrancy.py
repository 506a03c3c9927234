"""What ends where the API can't be called waits here until it can.

The SDK holds locks that can't be taken twice while it records. Whatever runs in the middle of that, in the same thread
(a finaliser or a generator that the collector closes, a signal handler), would wait for its own thread for ever if it
recorded too. So it leaves its record here, and the next call or collection on safe ground makes it.

A fork is the same between processes: what another thread holds stays locked in the child for ever. So a fork waits until
no thread is inside the SDK for the kit, and calls that begin meanwhile wait for it, where they look after what waits.
"""

import gc
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from telemetry_kit._core import counters, faults

WAITING_AT_MOST = 10_000
"""Records that wait: a host that never makes another call must not grow for ever. Older ones are lost first."""
FORK = 0.2
"""Seconds that a fork waits for the calls of other threads, and they for it: both take far less."""

here = counters.threads
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
    gate = _gate
    if gate is not None and not unsafe():
        gate.wait(FORK)
    while waiting and not unsafe():
        try:
            work = waiting.popleft()
        except IndexError:
            return
        try:
            work()
        except Exception as fault:
            faults.record("safe_points", fault)


def watch_collector() -> None:
    """Know from now on when the collector runs, so that finalisers don't record in the middle of somebody's record."""
    if _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)


def _on_collection(phase: str, _info: dict[str, int]) -> None:
    state = here.state
    if phase == "start":
        state.was_busy, state.busy = state.busy, True
    else:
        state.busy = state.was_busy


_gate: threading.Event | None = None


def _before_fork() -> None:
    global _gate
    _gate = threading.Event()
    waiting.append(_nothing)
    mine, ends = here.state, time.monotonic() + FORK
    while any(state.busy for state in counters.states() if state is not mine) and time.monotonic() < ends:
        if not waiting:
            waiting.append(_nothing)
        time.sleep(0.0001)


def _after_fork_in_parent() -> None:
    global _gate
    gate, _gate = _gate, None
    if gate is not None:
        gate.set()


def _nothing() -> None:
    """Waits, so that others look after what waits."""


def _start_again() -> None:
    global _gate
    _gate = None
    waiting.clear()


if sys.version_info >= (3, 12):
    # Before, the collector runs in the middle of changes to context variables, and a callback of ours would let signal
    # handlers run there: the interpreter can crash of that. There it is watched only where generators make it needed.
    watch_collector()
counters.after_fork(_start_again)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
