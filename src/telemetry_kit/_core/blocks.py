"""The `with` blocks that one object heads, several at a time: in each thread and task on its own.

An object that stands at the top of a module heads blocks of many tasks at once, and they end in any order. Which of them
ends is told by where it ends: what began here and last.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry.trace import INVALID_SPAN, Span

from telemetry_kit._core import context, faults

Opened = TypeVar("Opened")
Entered_co = TypeVar("Entered_co", covariant=True)

_HERE: ContextVar[tuple[tuple[list[Any], Any], ...] | None] = ContextVar("telemetry_kit.blocks", default=None)
"""Whose blocks were begun here while others of theirs were open, the innermost last."""


def begin(blocks: list[Opened], block: Opened) -> None:
    """`block` is open here, one of these. The first one needs no note of where: none is beside it."""
    blocks.append(block)
    if len(blocks) > 1:
        context.travels_with_bodies(_HERE)
        still = (one for one in _HERE.get() or () if _index(one[0], one[1]) is not None)
        _HERE.set((*still, (blocks, block)))


def forget(blocks: list[Opened], block: Opened) -> None:
    """`block` didn't begin: an exception arrived in the middle of it."""
    place = _index(blocks, block)
    if place is not None:
        del blocks[place]


def end(blocks: list[Opened], what: object) -> Opened | None:
    """The one of these that ends here; None, and a fault that names `what` it is, where none is open."""
    try:
        if len(blocks) > 1:
            for of, block in reversed(_HERE.get() or ()):
                place = _index(blocks, block) if of is blocks else None
                if place is not None:
                    return blocks.pop(place)
        return blocks.pop(0)
    except IndexError:
        ended_again(what)
        return None


def ended_again(what: object) -> None:
    """A fault that names `what` was ended once too often."""
    msg = f"{what} must be ended once for each time it began, and was ended again"
    faults.record("block.end", RuntimeError(msg), about=str(what))


def _index(blocks: list[Any], block: object) -> int | None:
    return next((place for place, one in enumerate(blocks) if one is block), None)


class AlsoAsync(Generic[Entered_co]):
    """A context manager of async code too: `async with` does what `with` does."""

    __slots__ = ()

    if TYPE_CHECKING:  # what its subclasses have

        def __enter__(self) -> Entered_co: ...
        def __exit__(
            self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
        ) -> None: ...

    async def __aenter__(self) -> Entered_co:
        """`async with`, for what `with` does."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, exc, traceback)


class HeadsBlocks(AlsoAsync[Entered_co]):
    """Heads `with` blocks, several at a time: those that are open stand in its `_blocks`."""

    __slots__ = ()
    _blocks: list[Any]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """It travels where no block is open: one that is belongs to this process."""
        if self._blocks:
            msg = "what is copied or pickled must not belong to this process, got an open block: make one where it is needed"
            raise TypeError(msg)
        return super().__reduce_ex__(protocol)


class Gone(AlsoAsync[Span]):
    """A span that a finaliser makes while the interpreter goes, when nothing can be imported any more: it does nothing."""

    __slots__ = ()

    def __init__(self, *_given: object, **_options: object) -> None: ...

    def __call__(self, func: Any, /) -> Any:
        return func

    def __enter__(self) -> Span:
        return INVALID_SPAN

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
