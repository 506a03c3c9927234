"""A timed section: one object that heads a `with` block and decorates any kind of function.

What begins with each section and what becomes of its duration is the capability's: it gives a `Timed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from telemetry_kit._core import blocks, cells, clock, faults, forks, outcome, reentrancy
from telemetry_kit._core.blocks import HeadsBlocks
from telemetry_kit._wrapping import awaitables, decorating

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


class Owner(Protocol):
    """Whose sections they are."""

    _what: str
    """What it is called in errors: `pool 'gpu'`."""
    _disabled: bool
    """Whether the host has switched it off, so that what it decorates stays bare."""


class Timed:
    """One section, from its `begin` to its end. It is a `Call` for `_wrapping.drivers`; nothing here raises."""

    what = ""
    """How its user spells it, in errors: `use()`."""
    _of: Any
    # Defaults stand on the class: what isn't there yet costs nothing.
    _over = False
    _watch: reentrancy.Watch | None = None
    _running: cells.Running
    _cell: list[Any] | None = None
    """Where it is counted, until it is given back."""

    def begin(self, of: Any, running: cells.Running | None, block: object) -> None:
        """Begin a section of `of`, counted in `running` meanwhile. What `block` heads is given back if that goes, since
        nobody else can end it."""
        if reentrancy.waiting:
            reentrancy.drain()
        if block is not None:
            self._watch = reentrancy.watch_block(block, self._put_back)
        self._of = of
        self._generation = forks.fork.generation
        if running is not None:
            try:
                cell = running.local.cell
            except AttributeError:
                cell = running.new()
            self._running, self._cell, cell[0] = running, cell, cell[0] + 1
        self._start = clock.perf_counter()

    def _suspend(self) -> None:
        """A generator that has yielded still has what it took, and goes on taking time."""

    def _resume(self) -> None:
        """Likewise."""

    def _end(self, exc: BaseException | None, result: Any = awaitables.NO_RESULT) -> None:
        """The section is over. What began in the parent of this process is recorded there."""
        if self._over:
            return
        try:
            duration = clock.perf_counter() - self._start
            self._put_back()
            if self._generation is forks.fork.generation:
                error_type = None
                if exc is not None:
                    try:
                        error_type = self.judge(exc)
                    except Exception as fault:  # an exception that can't be asked what it is
                        error_type = outcome.OTHER
                        faults.record("outcome", fault)
                self.done(duration, error_type)
        finally:
            if self._cell is not None or self._watch is not None:  # an exception arrived in the middle of it
                self._put_back()

    def _put_back(self) -> None:
        """Give back what was taken, once."""
        self._over = True
        cell = self._cell
        if cell is not None and cells.GIL:
            cell[0], self._cell = cell[0] - 1, None  # in one: what interrupts it comes before or after
        elif cell is not None:
            self._cell = None
            self._running.leave(cell)
        if self._watch is not None:
            reentrancy.unwatch(self._watch)
            self._watch = None

    _drop = _put_back
    """Nobody will ever end it: it is never recorded."""

    def judge(self, exc: BaseException) -> str | None:
        """The `error.type` of an exception that left the section, None where it is no error."""
        return outcome.error_type(exc)

    def done(self, duration: float, error_type: str | None) -> None:
        """Record it."""
        raise NotImplementedError


class Block(HeadsBlocks[None]):
    """A context manager, for sync and async code alike, and a decorator of any kind of function.

    One object can be entered again and again, also while it is entered, here or in another thread or task, and can
    decorate several functions.
    """

    __slots__ = ("__weakref__", "_blocks", "_kind", "_of", "_running")

    def __init__(self, kind: type[Timed], of: Owner, running: cells.Running | None = None) -> None:
        self._kind = kind
        self._of = of
        self._running = running
        """Where its sections are counted meanwhile."""
        self._blocks: list[Timed] = []

    def __enter__(self) -> None:
        timed = self._kind()
        try:
            blocks.begin(self._blocks, timed)
            timed.begin(self._of, self._running, self)
        except BaseException:
            blocks.forget(self._blocks, timed)
            timed._put_back()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        timed = blocks.end(self._blocks, self)
        if timed is not None:
            timed._end(exc)

    def __str__(self) -> str:
        return f"{self._kind.what} of {self._of._what}"

    def __call__(self, func: F, /) -> F:
        """Decorate `func`: each call of it is one section, to the end of what it awaits or yields.

        Raises TypeError for what can't be decorated.
        """
        return decorating.decorate(func, str(self), self._sections)

    def _sections(self, _func: Any) -> _Sections | None:
        return None if self._of._disabled else _Sections(self._kind, self._of, self._running)


class _Sections:
    """The calls of one decorated function: `Calls` for `_wrapping.drivers`."""

    __slots__ = ("_counted", "_kind", "_of", "running")

    def __init__(self, kind: type[Timed], of: Owner, counted: cells.Running | None) -> None:
        self._kind = kind
        self._of = of
        self._counted = counted
        self.running = cells.Running()

    def idle(self) -> bool:
        return False  # what is counted here counts whether anybody looks or not

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Timed:
        timed = self._kind()
        try:
            timed.begin(self._of, self._counted, None)
            return timed
        except BaseException:
            timed._put_back()
            raise
