"""Numbers that many threads add to, exactly, without a lock.

Each thread adds to a cell of its own, and whoever reads sums the cells. A cell is changed by one bytecode sequence in
which CPython neither switches threads nor runs signal handlers (a subscript, an addition, a store), so that an
addition is never lost: not to another thread, with or without the GIL, nor to a signal handler or finaliser in the
same thread. Those of threads that ended are folded into one, now and then.

Where there is a GIL, the hottest of them (`Running`) have one cell for all threads, for the same reason: asking for the
thread's own costs as much as all the counting. Free-threaded builds have a cell a thread there too.

A forked child starts at zero: what its parent counted is reported by the parent. Whoever holds on to a cell across
the fork (a call that was running) adds to a cell that nobody reads any more, so that nothing goes below zero.
"""

import sys
import threading
import weakref
from collections.abc import Iterable
from operator import methodcaller
from typing import Any, TypeVar

from telemetry_kit._core import forks
from telemetry_kit._core.forks import fork
from telemetry_kit._core.threads import threads

GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether this build of Python runs one thread at a time."""
PerThreads = TypeVar("PerThreads", bound="PerThread")
FOLD_FROM = 32
"""Cells from which on a new thread's cell makes the list look for ended threads: rare enough to cost nothing."""


class _Alive:
    """Lives as long as its thread does: the thread's own storage holds the only strong reference."""

    __slots__ = ("__weakref__",)


exclusive = forks.Lock()
"""Held while cells are folded or summed, which runs no code of anybody else's. Adding never takes it."""
_all: "forks.Living[PerThread]" = forks.Living(methodcaller("forget"))


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
        _all.add(self)

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
            self._fold_ended()
            self._limit = max(FOLD_FROM, 2 * len(self._cells))
        return cell

    def cells(self) -> list[Any]:
        """All cells. To sum them is the caller's, under `exclusive`, so that none is folded meanwhile."""
        return [cell for _, cell in self._cells]

    def _fold_ended(self) -> None:
        """Make one of the cells of threads that ended."""
        if forks.is_mine(exclusive):  # a finaliser or signal handler came while this thread sums
            return
        with exclusive:
            cells = self._cells
            ended = [entry for entry in cells if entry[0] is not None and entry[0]() is None]
            if not ended:
                return
            rest = next((cell for alive, cell in cells if alive is None), None)
            if rest is None:
                rest = self._make()
                cells.append((None, rest))
            for entry in ended:
                cells.remove(entry)
                self._fold(rest, entry[1])

    def forget(self) -> None:
        """Start at zero, as a forked child must."""
        self._cells = []
        self._limit = FOLD_FROM
        self.local.__dict__.clear()


def of_all(every: Iterable[PerThreads]) -> list[tuple[PerThreads, Any]]:
    """The cells of all of these, each with whose it is, in one go."""
    return [(one, cell) for one in every for _, cell in one._cells]


class _OneCell:
    """Stands in for `threading.local()` where one cell serves all threads."""

    __slots__ = ("cell",)


class Shared(PerThread):
    """`PerThread` with one cell for all threads where there is a GIL."""

    __slots__ = ()

    def __init__(self) -> None:
        if not GIL:
            super().__init__()
            return
        self.local: Any = _OneCell()
        _all.add(self)
        self.new()

    def new(self) -> Any:
        if not GIL:
            return super().new()
        cell = self.local.cell = self._make()
        return cell

    def cells(self) -> list[Any]:
        return [self.local.cell] if GIL else super().cells()

    def forget(self) -> None:
        if GIL:
            self.new()
        else:
            super().forget()

    def __reduce__(self) -> Any:
        return type(self), ()  # sent to another process: there nothing runs yet

    def mine(self, entered: list[Any]) -> list[Any]:
        """The cell of this thread for what entered in `entered`; a lost one for what entered before a fork."""
        if GIL or entered[1] is not fork.generation:
            return entered
        try:
            cell: list[Any] = self.local.cell
        except AttributeError:
            cell = self.new()
        return cell


class Running(Shared):
    """How many of something run now: a cell is added to at the start and taken from at the end.

    A cell is `[number, fork.generation]`: what entered before a fork is the parent's, and doesn't leave here. Whoever
    keeps the cell for a call may take from it where it ends, if `GIL` or if that is in the same thread.

    >>> running = Running()
    >>> cell = running.enter()
    >>> running.total()
    1
    """

    __slots__ = ()

    def _make(self) -> list[Any]:
        return [0, fork.generation]

    def _fold(self, into: Any, cell: Any) -> None:
        into[0] += cell[0]

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
        if entered[1] is fork.generation:
            self.mine(entered)[0] -= 1

    def total(self) -> int:
        if GIL:
            return int(self.local.cell[0])
        with exclusive:
            return sum(int(cell[0]) for cell in self.cells())
