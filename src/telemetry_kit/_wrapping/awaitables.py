"""What is awaited, with a call around it: current in its steps only, over when its await is.

A function that returns something to await is measured to the end of that await; what nobody awaits is never recorded.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial
from types import CoroutineType, GeneratorType
from typing import Any, Protocol

from telemetry_kit._core import cells, faults, late, reentrancy
from telemetry_kit._core.context import Suspended

NEVER_FOLLOWED: set[type] = {type(None), bool, int, float, str, bytes, list, tuple, dict, set, frozenset}
"""Types of results with which a call is over: a look into this set is all that a plain result costs. It learns."""
_REMEMBERED_TYPES = 1_000
MANAGERS: frozenset[type] = frozenset({contextlib._GeneratorContextManager, contextlib._AsyncGeneratorContextManager})
"""What functions decorated by contextlib's two return, and nothing else that has an `__enter__`."""
NO_RESULT: Any = object()
"""What `Call.end` is given where there is no result to judge: a `with` block, an async generator."""


class Call(Protocol):
    """One call. `begin` has made it current, where the body runs at once; whoever runs the body says what becomes of
    it. Nothing here raises."""

    def _suspend(self) -> None:
        """The body has stopped for now: nothing of it is current."""

    def _resume(self) -> None:
        """The body goes on, here and now."""

    def _end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        """The call is over. Only the first time counts."""

    def _put_back(self) -> None:
        """Put everything back that still is the call's, where an exception arrived in the middle of its end."""

    def _drop(self) -> None:
        """Nobody will ever end it: it counts no longer, and is never recorded."""


class Calls(Protocol):
    """What begins the calls of one callable."""

    @property
    def running(self) -> cells.Running:
        """How many run while nobody looks: `begin` counts the others."""
        ...

    @property
    def idle(self) -> Callable[[], bool]:
        """Says whether nobody looks, so that a call is only counted as running."""
        ...

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Begin the call and make it current; that of a generator will be resumed for its first step."""
        ...


class Nothing:
    """A call of which nobody keeps anything."""

    __slots__ = ()

    def _suspend(self) -> None: ...
    def _resume(self) -> None: ...
    def _end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None: ...
    def _put_back(self) -> None: ...
    def _drop(self) -> None: ...


NO_CALL = Nothing()


class Counted(Nothing):
    """A call that only counts as running, from when its body first goes on; what that makes current is its own."""

    __slots__ = ("_cell", "_running", "_suspended")

    def __init__(self, running: cells.Running, cell: list[Any] | None = None) -> None:
        self._running = running
        self._suspended: Suspended | None = None
        """None as long as nobody has asked what is current in the body, or found something."""
        self._cell = cell
        """Where it is counted already."""

    def count(self) -> None:
        """It runs."""
        self._cell = self._running.enter()

    def suspend_first(self, outside: Any, call: Any, beside: Any) -> None:
        """The body has stopped, and made something current for the first time, which is put aside from now on."""
        self._suspended = Suspended()
        self._suspended.suspend_first(outside, call, beside)

    def _resume(self) -> None:
        if self._cell is None:
            self.count()
        if self._suspended is None:
            self._suspended = Suspended()
        self._suspended.resume()

    def _suspend(self) -> None:
        if self._suspended is not None:
            self._suspended.suspend()

    def _end(self, exc: BaseException | None = None, result: Any = NO_RESULT) -> None:
        if self._suspended is not None:
            self._suspended.suspend()
        self._drop()

    _put_back = _end

    def _drop(self) -> None:
        cell, self._cell = self._cell, None
        if cell is not None:
            self._running.leave(cell)


def steps_of(call: Call) -> tuple[Callable[[], None], Callable[[], None]]:
    """What lets the body go on and what stops it, at each of its steps, without what would only hand that on."""
    suspended = getattr(call, "_suspended", None)
    return (call._resume, call._suspend) if suspended is None else (suspended.resume, suspended.suspend)


_STEPS: set[type] = {GeneratorType, CoroutineType}
"""What goes step by step as it is: to ask these for an iterator runs no code of a body. It learns those written in C that
give themselves, as the steps of async generators do."""


@types.coroutine
def stepwise(awaitable: Awaitable[Any], call: Call) -> Generator[Any, Any, Any]:
    """What awaiting `awaitable` gives; during its steps, and only then, `call` is current."""
    steps: Any = awaitable
    kind = type(steps)
    if kind not in _STEPS:
        try:
            call._resume()
            steps = steps.__await__()
        finally:
            call._suspend()
        if type(steps) is kind and not kind.__flags__ & _HEAP_TYPE:
            _STEPS.add(kind)
    step: Any = steps.send if hasattr(steps, "send") else lambda _: next(steps)
    sent: Any = None
    while True:
        try:
            call._resume()
            item = step(sent)
        except StopIteration as stop:
            return stop.value
        finally:
            sent = None
            call._suspend()
        closing = None
        try:
            sent = yield item
            step = steps.send if hasattr(steps, "send") else lambda _: next(steps)
        except GeneratorExit as exit_:
            closing = exit_
        except BaseException as exc:
            if not hasattr(steps, "throw"):
                raise
            sent = exc
            step = steps.throw
        if closing is not None:  # outside of the handler: what the body raises has the context of the bare one
            try:
                call._resume()
                if hasattr(steps, "close"):
                    steps.close()
            finally:
                call._suspend()
            try:
                raise closing
            finally:
                closing = None


class Unawaited:
    """Holds a call until somebody awaits what it gave; one that nobody awaits is dropped with this."""

    __slots__ = ("__weakref__", "_call", "_watch")

    def __init__(self, call: Call) -> None:
        self._call: Call | None = call
        self._watch: reentrancy.Watch | None = reentrancy.watch(self, call._drop)

    def take(self) -> Call:
        """The call, the first time."""
        if self._watch is not None:
            reentrancy.unwatch(self._watch)
        call, self._call, self._watch = self._call, None, None
        return NO_CALL if call is None else call


def unfinished(call: Call) -> Callable[[], None]:
    """Ends a call when a body goes that nobody finished: that is no error."""
    return partial(call._end, GeneratorExit())


def followed(result: Any) -> bool:
    """Whether a function's result goes on after it was returned, and the call with it: a coroutine, a generator, an
    async generator, a future of asyncio's, or one of contextlib's managers. Types that are none are remembered.

    Only the type is asked: a lazy object would come to life if `isinstance` asked it. An object that can also be awaited
    is none of these: a query or a client is used in other ways too, and handed on as it is.
    """
    kind = type(result)
    if kind is GeneratorType:
        return inspect.getgeneratorstate(result) == inspect.GEN_CREATED  # else somebody has it already
    if kind is CoroutineType or kind in MANAGERS:
        return True
    # Compiled by Cython they are of other types, which have the same attributes. asyncio tells its futures by theirs.
    if hasattr(kind, "__await__"):
        return hasattr(kind, "cr_running") or hasattr(kind, "_asyncio_future_blocking")
    if hasattr(kind, "ag_running") or hasattr(kind, "gi_running"):
        return True
    if len(NEVER_FOLLOWED) < _REMEMBERED_TYPES and not kind.__flags__ & _HEAP_TYPE:
        NEVER_FOLLOWED.add(kind)
    return False


def odd(fault: Exception) -> bool:
    """A class that can't be asked whether its objects go on: they don't. What a signal handler of the host raised
    meanwhile goes on."""
    try:
        faults.pass_on(fault)
    finally:
        del fault  # as in `pass_on`
    return False


_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: classes made at run time, which a set would keep alive, and which can change."""


async def awaited(awaitable: Awaitable[Any], unawaited: Unawaited) -> Any:
    """What awaiting it gives; the call ends with that."""
    call = unawaited.take()
    try:
        result = await stepwise(awaitable, call)
        call._end(None, result)
        return result
    except BaseException as exc:
        call._end(without_steps(exc))
        raise
    finally:
        call._put_back()


def without_steps(exc: BaseException) -> BaseException:
    """Take the frame of `stepwise` out of the traceback: one frame of ours is enough. What it holds of a body goes."""
    traceback = exc.__traceback__
    inner = None if traceback is None else traceback.tb_next
    if traceback is not None and inner is not None and inner.tb_frame.f_code is stepwise.__code__:
        traceback.tb_next = inner.tb_next
        inner.tb_frame.clear()
    return exc


class WhenDone:
    """Ends a call when a future is done; one that goes without ever being done is abandoned."""

    __slots__ = ("__weakref__", "_call", "_watch")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._watch: reentrancy.Watch | None = reentrancy.watch(self, unfinished(call))

    def __call__(self, future: Any) -> None:
        if self._watch is not None:
            reentrancy.unwatch(self._watch)
            self._watch = None
        call = self._call
        if future.cancelled():
            with late.late_import():
                from asyncio import CancelledError

            call._end(CancelledError())
            return
        # `exception()` would count as retrieving it, and silence asyncio's "exception was never retrieved".
        exc = future._exception if hasattr(future, "_exception") else future.exception()
        call._end(exc, None if exc is not None else future.result())


class Frame:
    """Goes with the frame of an async generator, whose `finally` isn't run where its event loop has gone before it."""

    __slots__ = ("__weakref__",)


def first_step(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """The first step, made without the event loop seeing the inner generator: it sees ours, and would otherwise
    close both at once when it shuts down."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)
