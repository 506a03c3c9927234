"""What ends where the API can't be called waits here until it can.

The SDK holds locks that can't be taken twice while it records. Whatever runs in the middle of that, in the same thread
(a finaliser or a generator that the collector closes, a signal handler), would wait for its own thread for ever if it
recorded too. So it leaves its record here, and the next call or collection on safe ground makes it.

A thread is inside the API as long as a *section* runs on its stack: a function of the kit under `@section`, which sets
the thread's mark when it enters the API and takes it back when it leaves. An exception that a signal handler of the
host raises can arrive between any two instructions, also before the mark is taken back. So the mark is only a hint:
whoever finds it set looks whether a section stands on the stack in truth, and takes back a mark that nobody stands for.

The collector says by functions written in C that it runs. Python calls what is written in Python from there too, but
swallows what a signal handler raises in it: the host's Ctrl-C would be lost.

A fork is the same between processes: what another thread holds stays locked in the child for ever. So a fork waits until
no thread is inside the SDK for the kit, and calls that begin meanwhile wait for it, where they look after what waits.
"""

import gc
import os
import sys
import threading
import time
import weakref
from _thread import _local
from collections import deque
from collections.abc import Callable
from functools import partial
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from telemetry_kit._core import faults, forks, threads
from telemetry_kit._core.late import importing

F = TypeVar("F", bound=Callable[..., Any])

WAITING_AT_MOST = 10_000
"""Records that wait: a host that never makes another call must not grow for ever. Older ones are lost first."""
ROUNDS = 3
"""How often a safe point looks at what waits."""
FORK = 1.0
"""Seconds that a fork waits for the calls of other threads, and they for it. Both take far less, but where the machine has
more to do than it can a thread may come to its turn late: with a fifth of this a child hung now and then."""

here = threads.threads
"""`here.state.busy`: this thread is inside the API or the SDK, called by the kit. A hint: ask `unsafe()`."""
waiting: deque[Any] = deque(maxlen=WAITING_AT_MOST)
"""What is to be done on safe ground: callables, and the `Watch` of what nobody can end any more."""

_sections: set[CodeType] = set()


def section(function: F) -> F:
    """Say of a function that it may be what this thread's mark stands for: while it runs, the API may be running.

    It sets `here.state.busy` itself, for as long as it is inside the API, and must not call what a user decorated.
    """
    _sections.add(function.__code__)
    return function


def unsafe() -> bool:
    """Whether to leave a record for later: this thread is in the middle of a record, or of a collection."""
    if here.state.busy and _in_section(sys._getframe(1)):
        return True
    return latest.reported is begun.reported and collecting()


def still_busy() -> bool:
    """What a section asks that finds its thread marked: whether another section stands below it on the stack. If not,
    the mark was left behind by a section that an exception ended, and is taken back."""
    return _in_section(sys._getframe(2))


def _in_section(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code in _sections:
            return True
        frame = frame.f_back
    here.state.busy = False
    return False


@section
def inside(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call the API: what `function` gives. Meanwhile this thread is marked."""
    state = here.state
    was, state.busy = state.busy, True
    try:
        return function(*args, **kwargs)
    finally:
        state.busy = was


def later(work: Callable[[], object]) -> None:
    """Do `work` at the next safe point, where it finds its thread marked: it may call the API, and asks nothing."""
    waiting.append(work)


def drain() -> None:
    """Do what waits, if this is a safe point."""
    gate = _gate
    if unsafe():
        return
    if gate is not None:
        gate.wait(FORK)
    _drain()


@section
def _drain() -> None:
    state = here.state
    try:
        state.busy = True
        # What is done may leave something to do, or itself once more: a few times round, not for ever.
        for _ in range(ROUNDS):
            for _ in range(len(waiting)):
                try:
                    work = waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                try:
                    if work.__class__ is not Watch:
                        work()
                    elif work in _watches:  # else the call has ended meanwhile
                        unwatch(work)
                        work.drop()
                except Exception as fault:
                    faults.record("safe_points", fault)
    finally:
        state.busy = False


# What nobody can end any more


class Watch(weakref.ref[Any]):
    """Sees an object go on which the end of a call depends: the handle of a `with` block, a future, a suspended body.

    When that goes before the call has ended, `drop` is done at the next safe point. Nothing of ours runs in the collector:
    the list that waits takes the reference by itself.
    """

    __slots__ = ("drop", "left_for")
    if TYPE_CHECKING:

        def __hash__(self) -> int: ...
        def __eq__(self, value: object, /) -> bool: ...

    else:
        __hash__, __eq__ = object.__hash__, object.__eq__  # an object may head several blocks, each with its own
    drop: Callable[[], None]
    left_for: Any
    """Of a block that was left out of order: what was current before it."""


_watches: set[Watch] = set()
"""Held, since the collector asks no reference that goes together with its object."""
_take = waiting.append


def watch(handle: object, drop: Callable[[], None]) -> Watch:
    """Have `drop()` done once `handle` has gone, unless `unwatch` comes before. `drop` must not hold it."""
    found = Watch(handle, _take)
    found.drop = drop
    _watches.add(found)
    return found


Watching = Callable[[object, Callable[[], None]], Watch]
watch_block: Watching = watch
"""The same for what heads a `with` block; a capture puts its own in its place, which knows the line."""


def to_drop() -> list[Callable[[], None]]:
    """What would be done if nobody could end any of the calls that run."""
    return [watched.drop for watched in list(_watches)]


unwatch: Callable[[Watch], None] = _watches.discard
"""The call has ended. Let the watch go then: it is of use to nobody, and its object still has it say that it goes."""


# The collector


class _Latest:
    """What the collector last reported, whichever phase that was: both are one slot, under two names."""

    __slots__ = ("reported",)
    reported: Any


class _Begun:
    """What it reported of its last beginning."""

    __slots__ = ("ended", "reported")
    reported: Any
    ended: Any


for _class, _stop in ((_Latest, "reported"), (_Begun, "ended")):
    setattr(_class, "start", vars(_class)["reported"])  # noqa: B010
    setattr(_class, "stop", vars(_class)[_stop])  # noqa: B010

latest, begun, _mine = _Latest(), _Begun(), _local()
latest.reported, begun.reported = (), None
"""`latest.reported is begun.reported`: a thread runs the collector. Hot paths look at that before they ask `collecting()`."""


def collecting() -> bool:
    """Whether this thread runs the garbage collector, and with it finalisers of anybody's."""
    return latest.reported is begun.reported and (not _OWN or getattr(_mine, "start", None) is begun.reported)


_OWN = type(_mine).__module__ == "_thread"
"""Whether threads have something of their own that C code can set: not where gevent has put its own in its place."""
_on_collection = tuple(partial(setattr, on) for on in ((begun, _mine, latest) if _OWN else (begun, latest)))
"""Each is called with the phase and a dictionary that is new each time, and keeps that. All are written in C."""


def watch_collector() -> None:
    """Know when the collector runs, so that finalisers don't record in the middle of somebody's record."""
    for function in _on_collection:
        if function not in gc.callbacks:
            gc.callbacks.append(function)


# Forks


_gate: threading.Event | None = None
IMPORTS = 5.0
"""Seconds that a fork waits for modules that another thread imports: a child would wait for their locks for ever."""


def _before_fork() -> None:
    global _gate
    _gate = threading.Event()
    waiting.append(_nothing)
    mine, began, me = here.state, time.monotonic(), threading.get_ident()
    while True:
        waited = time.monotonic() - began
        calls = waited < FORK and any(state.busy for state in threads.states() if state is not mine)
        imports = waited < IMPORTS and any(thread != me for thread, _ in list(importing))
        if not calls and not imports:
            return
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
    importing.clear()
    _watches.clear()
    waiting.clear()


watch_collector()
forks.after_fork(_start_again)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
