"""What is awaited, with a call around it: current in its steps only, over when its await is.

A function that returns something to await is measured to the end of that await; what nobody awaits is never told.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Generator
from types import CoroutineType, GeneratorType
from typing import Any, Protocol

from telemetry_kit._core import counters

NEVER_AWAITABLE: set[type] = {type(None), bool, int, float, str, bytes, list, tuple, dict, set, frozenset}
"""Types of results that nobody awaits: a look into this set is all that a plain result costs. It learns."""
_REMEMBERED_TYPES = 1_000
NO_RESULT: Any = object()
"""What `Call.end` is given where there is no result to judge: a `with` block, an async generator."""


class Call(Protocol):
    """One call. `begin` has made it current; whoever runs the body says what becomes of it. Nothing here raises."""

    def pause(self) -> None: ...
    def go_on(self) -> None: ...
    def end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None: ...
    def drop(self) -> None:
        """Nobody will ever end it: it counts no longer, and is never told. Called by finalisers."""
        ...


class Nothing:
    """A call of which nobody keeps anything."""

    __slots__ = ()

    def pause(self) -> None: ...
    def go_on(self) -> None: ...
    def end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None: ...
    def drop(self) -> None: ...


class Counted(Nothing):
    """A call that only counts as running, while its awaitable is awaited."""

    __slots__ = ("_cell", "_running")

    def __init__(self, running: counters.Running) -> None:
        self._running = running
        self._cell: list[int] | None = None

    def go_on(self) -> None:
        if self._cell is None:
            self._cell = self._running.enter()

    def end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        self.drop()

    def drop(self) -> None:
        if self._cell is not None:
            self._running.leave(self._cell)
            self._cell = None


class Stepwise:
    """An awaitable during whose steps, and only then, `call` is current."""

    __slots__ = ("_awaitable", "_call")

    def __init__(self, awaitable: Awaitable[Any], call: Call) -> None:
        self._awaitable = awaitable
        self._call = call

    def __await__(self) -> Generator[Any, Any, Any]:
        call = self._call
        call.go_on()
        try:
            bare: Any = self._awaitable
            steps: Any = bare if type(bare) is GeneratorType else bare.__await__()
        finally:
            call.pause()
        step: Callable[[Any], Any] = steps.send if hasattr(steps, "send") else lambda _: next(steps)
        sent: Any = None
        while True:
            call.go_on()
            try:
                item = step(sent)
            except StopIteration as stop:
                return stop.value
            finally:
                sent = None
                call.pause()
            try:
                sent = yield item
                step = steps.send if hasattr(steps, "send") else lambda _: next(steps)
            except GeneratorExit:
                close = getattr(steps, "close", None)
                if close is not None:
                    call.go_on()
                    try:
                        close()
                    finally:
                        call.pause()
                raise
            except BaseException as exc:
                if not hasattr(steps, "throw"):
                    raise
                sent = exc
                step = steps.throw


class Unawaited:
    """Holds a call until somebody awaits what it gave; one that nobody awaits is dropped with this."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call: Call | None = call

    def take(self) -> Call:
        """The call, the first time."""
        call, self._call = self._call, None
        return Nothing() if call is None else call

    def __del__(self) -> None:
        if self._call is not None:
            self._call.drop()


def awaitable(result: Any) -> bool:
    """Whether a function's result is there to be awaited. Types that aren't are remembered.

    Only the type is asked: a lazy object would come to life if `isinstance` asked it.
    """
    kind = type(result)
    if hasattr(kind, "__await__"):
        return True
    if kind is GeneratorType:
        return inspect.isawaitable(result)
    if len(NEVER_AWAITABLE) < _REMEMBERED_TYPES and not kind.__flags__ & _HEAP_TYPE:
        NEVER_AWAITABLE.add(kind)
    return False


_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: classes made at run time, which a set would keep alive, and which can change."""


def measured_awaitable(result: Any, call: Call) -> Any:
    """`result`, with `call` ending when its await does. A call that nobody awaits is never ended, so never told."""
    if type(result) in (CoroutineType, GeneratorType):
        wrapped: Any = awaited(result, Unawaited(call))
        wrapped.__name__ = result.__name__
        wrapped.__qualname__ = result.__qualname__
        return wrapped
    if hasattr(type(result), "add_done_callback"):
        call.go_on()
        call.pause()
        result.add_done_callback(functools.partial(_done, call))
        return result
    from telemetry_kit._wrapping import awaitable_proxy

    return awaitable_proxy.awaitable(result, Unawaited(call))


async def awaited(awaitable: Awaitable[Any], unawaited: Unawaited) -> Any:
    """What awaiting it gives; the call ends with that."""
    call = unawaited.take()
    try:
        result = await Stepwise(awaitable, call)
    except BaseException as exc:
        call.end(without_steps(exc))
        raise
    call.end(None, result)
    return result


def without_steps(exc: BaseException) -> BaseException:
    """Take the frame of `Stepwise` out of the traceback: one frame of ours is enough."""
    traceback = exc.__traceback__
    inner = None if traceback is None else traceback.tb_next
    if traceback is not None and inner is not None and inner.tb_frame.f_code is Stepwise.__await__.__code__:
        traceback.tb_next = inner.tb_next
    return exc


def _done(call: Call, future: Any) -> None:
    if future.cancelled():
        from asyncio import CancelledError

        call.end(CancelledError())
        return
    # `exception()` would count as retrieving it, and silence asyncio's "exception was never retrieved".
    exc = future._exception if hasattr(future, "_exception") else future.exception()
    call.end(exc, None if exc is not None else future.result())
