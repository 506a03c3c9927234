"""The `with` blocks that one object heads, several at a time: in each thread and task on its own.

An object that stands at the top of a module heads blocks of many tasks at once, and they end in any order. Which of them
ends is told by where it ends: what began here and last.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import Any, Generic, TypeVar

from opentelemetry.trace import INVALID_SPAN, Span

from telemetry_kit._core import context, faults

Opened = TypeVar("Opened")
Entered_co = TypeVar("Entered_co", covariant=True)

_HERE: ContextVar[tuple[tuple[Blocks[Any], Any], ...] | None] = ContextVar("telemetry_kit.blocks", default=None)
"""Whose blocks were begun here while others of theirs were open, the innermost last."""


class Blocks(list[Opened]):
    """The open blocks of one object."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        """What heads them travels as if no block were open. Where one is, it belongs to this process."""
        if self:
            msg = "what is copied or pickled must not belong to this process, got an open block: make one where it is needed"
            raise TypeError(msg)
        return type(self), ()

    def begin(self, block: Opened) -> None:
        """`block` is open here. The first one needs no note of where: none is beside it."""
        self.append(block)
        if len(self) > 1:
            context.travels_with_bodies(_HERE)
            still = (one for one in _HERE.get() or () if _index(one[0], one[1]) is not None)
            _HERE.set((*still, (self, block)))

    def forget(self, block: Opened) -> None:
        """`block` didn't begin: an exception arrived in the middle of it."""
        place = _index(self, block)
        if place is not None:
            del self[place]

    def end(self, what: object) -> Opened | None:
        """The block that ends here; None, and a fault that names `what` it is, where none is open."""
        try:
            if len(self) > 1:
                for of, block in reversed(_HERE.get() or ()):
                    place = _index(self, block) if of is self else None
                    if place is not None:
                        return self.pop(place)
            return self.pop(0)
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

    def __enter__(self) -> Entered_co:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Entered_co:
        """`async with`, for what `with` does."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, exc, traceback)


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
