"""Numbers that many threads add to, exactly, without a lock.

Each thread adds to a cell of its own, and whoever reads sums the cells. A cell is changed by one bytecode sequence in
which CPython neither switches threads nor runs signal handlers (a subscript, an addition, a store), so that an
addition is never lost: not to another thread, with or without the GIL, nor to a signal handler or finaliser in the
same thread. Cells of threads that ended are folded into one.

Where there is a GIL, the hottest of them (`Running`) have one cell for all threads, for the same reason: asking for the
thread's own costs as much as all the counting. Free-threaded builds have a cell a thread there too.

A forked child starts at zero: what its parent counted is reported by the parent. Whoever holds on to a cell across
the fork (a call that was running) adds to a cell that nobody reads any more, so that nothing goes below zero.
"""

import os
import sys
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether this build of Python runs one thread at a time."""
FOLD_FROM = 32
"""Cells from which on a new thread's cell makes the list look for ended threads: rare enough to cost nothing."""


class _Alive:
    """Lives as long as its thread does: the thread's own storage holds the only strong reference."""

    __slots__ = ("__weakref__",)


class _Fork:
    """Which process this is, counted in forks: an identity that a running call can compare."""

    __slots__ = ("generation",)

    def __init__(self) -> None:
        self.generation: object = object()


_states: set["weakref.ref[ThreadState]"] = set()


def states() -> list["ThreadState"]:
    """The states of all threads that the kit knows."""
    return [state for state in (reference() for reference in list(_states)) if state is not None]


class ThreadState:
    """What the kit knows of a thread."""

    __slots__ = ("__weakref__", "busy", "was_busy")

    def __init__(self) -> None:
        _states.add(weakref.ref(self, _states.discard))
        self.busy = False
        """It is inside the API or the SDK, called by the kit, or it runs the garbage collector: no place to record."""
        self.was_busy = False
        """What `busy` was before the collector came."""


class _Threads(threading.local):
    """Each thread's own."""

    state = ThreadState()
    """For the moment in which a thread's own is being made, where the collector or a signal handler may ask already."""

    def __init__(self) -> None:
        self.state = ThreadState()

    @property
    def busy(self) -> bool:
        """`state.busy`, for whoever asks once."""
        return self.state.busy

    @busy.setter
    def busy(self, busy: bool) -> None:
        self.state.busy = busy


fork = _Fork()
threads = _Threads()
_lock = threading.RLock()
_all: set["weakref.ref[PerThread]"] = set()


def _alive() -> "weakref.ref[_Alive]":
    try:
        token: _Alive = threads.token
    except AttributeError:
        token = threads.token = _Alive()
    return weakref.ref(token)


class PerThread:
    """A list of cells, one per thread. Subclasses say what a cell is and how two become one.

    The hot path is `try: cell = counts.local.cell` / `except AttributeError: cell = counts.new()`.
    """

    __slots__ = ("__weakref__", "_cells", "_limit", "local")

    def __init__(self) -> None:
        self.local: Any = threading.local()
        self._cells: list[tuple[weakref.ref[_Alive] | None, Any]] = []
        self._limit = FOLD_FROM
        _all.add(weakref.ref(self, _all.discard))

    def _make(self) -> Any:
        raise NotImplementedError

    def _fold(self, into: Any, cell: Any) -> None:
        raise NotImplementedError

    def new(self) -> Any:
        """This thread's cell, made and entered. Twice is harmless: both are read."""
        cell = self._make()
        self._cells.append((_alive(), cell))
        self.local.cell = cell
        if len(self._cells) > self._limit:
            self.cells()
            self._limit = max(FOLD_FROM, 2 * len(self._cells))
        return cell

    def cells(self) -> list[Any]:
        """All cells, those of ended threads folded into one. Reading them is the caller's work."""
        with _lock:
            cells = self._cells
            ended = [entry for entry in cells if entry[0] is not None and entry[0]() is None]
            if ended:
                rest = next((cell for alive, cell in cells if alive is None), None)
                if rest is None:
                    rest = self._make()
                    cells.append((None, rest))
                for entry in ended:
                    cells.remove(entry)
                    self._fold(rest, entry[1])
            return [cell for _, cell in cells]

    def forget(self) -> None:
        """Start at zero, as a forked child must."""
        self._cells = []
        self._limit = FOLD_FROM
        self.local.__dict__.clear()


class _OneCell:
    """Stands in for `threading.local()` where one cell serves all threads."""

    __slots__ = ("cell",)


class Running(PerThread):
    """How many of something run now: a cell is added to at the start and taken from at the end.

    A cell is `[number, fork.generation]`: what entered before a fork is the parent's, and doesn't leave here. Whoever
    keeps the cell for a call may take from it where it ends, if `GIL` or if that is in the same thread.

    >>> running = Running()
    >>> cell = running.enter()
    >>> running.total()
    1
    """

    __slots__ = ()

    def __init__(self) -> None:
        if not GIL:
            super().__init__()
            return
        self.local: Any = _OneCell()
        _all.add(weakref.ref(self, _all.discard))
        self.new()

    def _make(self) -> list[Any]:
        return [0, fork.generation]

    def _fold(self, into: Any, cell: Any) -> None:
        into[0] += cell[0]

    def new(self) -> list[Any]:
        if not GIL:
            return super().new()  # type: ignore[no-any-return]
        cell: list[Any] = self._make()
        self.local.cell = cell
        return cell

    def cells(self) -> list[Any]:
        return [self.local.cell] if GIL else super().cells()

    def forget(self) -> None:
        if GIL:
            self.new()
        else:
            super().forget()

    def enter(self) -> list[Any]:
        """Count one more, in the cell that `leave` wants to see."""
        try:
            cell: list[Any] = self.local.cell
        except AttributeError:
            cell = self.new()
        cell[0] += 1
        return cell

    def leave(self, entered: list[Any]) -> None:
        """Count one less, in the cell of the thread that leaves, which may be another than the one that entered."""
        if entered[1] is not fork.generation:
            return
        try:
            cell: list[Any] = self.local.cell
        except AttributeError:
            cell = self.new()
        cell[0] -= 1

    def total(self) -> int:
        return sum(int(cell[0]) for cell in self.cells())


class Tally(PerThread, Generic[K]):
    """Sums by key.

    >>> tally: Tally[str] = Tally()
    >>> tally.add("hit")
    >>> tally.add("hit", 2)
    >>> tally.read()
    {'hit': 3}
    """

    __slots__ = ()

    def _make(self) -> dict[K, float]:
        return {}

    def _fold(self, into: Any, cell: Any) -> None:
        for key, number in cell.items():
            into[key] = into.get(key, 0) + number

    def add(self, key: K, number: float = 1) -> None:
        """Add `number`, which may be negative, to what `key` has."""
        try:
            cell = self.local.cell
        except AttributeError:
            cell = self.new()
        try:
            cell[key] += number
        except KeyError:
            cell.setdefault(key, 0)
            cell[key] += number

    def of(self, key: K) -> float:
        """The sum of one key, each addition in it exactly once, also while cells of ended threads are folded."""
        if not self._cells:
            return 0.0
        with _lock:
            return sum(float(cell.get(key, 0)) for _, cell in self._cells)

    def read(self) -> dict[K, float]:
        """The sums of now. Additions made while it reads are in it or not."""
        total: dict[K, float] = {}
        for cell in self.cells():
            for key, number in list(cell.items()):
                total[key] = total.get(key, 0) + number
        return total

    def total(self) -> float:
        """The sum over all keys."""
        return sum(float(sum(list(cell.values()))) for cell in self.cells())


class Monotonic:
    """Sums that somebody else keeps and may set back to zero, all at once (`cache_clear()`): what was before stays counted.

    >>> counts = Monotonic()
    >>> [counts(hits, misses) for hits, misses in ((3, 1), (5, 1), (0, 1))]
    [(3, 1), (5, 1), (5, 2)]
    """

    __slots__ = ("_before", "_last")

    def __init__(self) -> None:
        self._before: tuple[float, ...] = ()
        self._last: tuple[float, ...] = ()

    def __call__(self, *sums: float) -> tuple[float, ...]:
        """All that was ever counted, now that the sums are these. One that went down tells that all began anew."""
        before = self._before or (0,) * len(sums)
        last = self._last or sums
        if any(now < was for now, was in zip(sums, last, strict=True)):
            before = tuple(map(sum, zip(before, last, strict=True)))
        self._before, self._last = before, sums
        return tuple(map(sum, zip(before, sums, strict=True)))


def _start_again() -> None:
    global _lock
    _lock = threading.RLock()
    fork.generation = object()
    # Calls that run across the fork hold on to the state of their thread: there they see that this is no place to record.
    threads.state.busy = True
    _states.clear()
    threads.state = ThreadState()
    for reference in list(_all):
        counts = reference()
        if counts is not None:
            counts.forget()


def after_fork(function: Callable[[], None]) -> None:
    """Run `function` in every forked child, where the platform forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


after_fork(_start_again)
