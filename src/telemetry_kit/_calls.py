"""Run any kind of callable inside something that begins, pauses, goes on and ends with it; knows no telemetry.

What runs inside is a `Call`. Functions become `functools.wraps` closures of their own kind, so that introspection,
pickling and descriptors work as on the bare function; objects that must stay what they are become wrapt proxies.

A generator is driven step by step: its call is current only while the body runs, and paused while the consumer has
what it yielded. An async generator is driven like that between its awaits too, since whoever closes it may be another
task, in another context. A coroutine is current from its start to its end: its task has a context of its own.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import BuiltinFunctionType, CoroutineType, FunctionType, GeneratorType, MethodType
from typing import Any, Protocol, TypeVar, cast

from telemetry_kit import _counts, _safe_points

F = TypeVar("F", bound=Callable[..., Any])

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


class Calls(Protocol):
    """What begins the calls of one callable."""

    running: _counts.Running
    """How many run while nobody looks: `begin` counts the others."""

    def idle(self) -> bool:
        """Whether nobody looks, so that a call is only counted as running."""
        ...

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Begin the call and make it current."""
        ...


def kind_of(func: object) -> str:
    """What `func` is: `sync`, `async`, `generator`, `async_generator`, or `object` for what only a proxy can wrap."""
    bare = func
    while isinstance(bare, functools.partial):
        bare = bare.func
    if isinstance(func, (FunctionType, MethodType, BuiltinFunctionType)):
        if inspect.iscoroutinefunction(bare):
            return "async"
        if inspect.isasyncgenfunction(bare):
            return "async_generator"
        return "generator" if inspect.isgeneratorfunction(bare) else "sync"
    return "object"


def kind_of_call(func: Any) -> str:
    """The kind of what calling it runs: of a partial its function, of an object its `__call__`."""
    bare = func
    while isinstance(bare, functools.partial):
        bare = bare.func
    kind = kind_of(bare)
    if kind == "object":
        kind = kind_of(getattr(type(bare), "__call__", None))  # noqa: B004
    return "sync" if kind == "object" else kind


def check(func: object, what: str) -> None:
    """Raise TypeError where `func` is nothing that can be decorated, and say what to do instead."""
    if isinstance(func, (classmethod, staticmethod)):
        return
    name = getattr(func, "__name__", None) or type(func).__name__
    if isinstance(func, type):
        msg = f"{what} can't decorate the class {name}: decorate its __init__ or a function that makes it"
        raise TypeError(msg)
    if isinstance(func, (property, functools.cached_property)):
        msg = f"{what} can't decorate a {type(func).__name__}: put it below @{type(func).__name__}, on the function"
        raise TypeError(msg)
    if not callable(func):
        msg = f"{what} decorates what can be called, and got {func!r:.100} of type {type(func).__name__}"
        raise TypeError(msg)


def name_of(func: Any) -> str:
    """The qualified name without `<locals>`: `price`, `Cart.add`; of a partial, its function's."""
    while isinstance(func, functools.partial):
        func = func.func
    name = getattr(func, "__qualname__", None) or type(func).__qualname__
    return name.rpartition("<locals>.")[2].replace("<lambda>", "lambda")


def full_name_of(func: Any) -> str:
    """What `code.function.name` says: module and qualified name."""
    while isinstance(func, functools.partial):
        func = func.func
    name = getattr(func, "__qualname__", None) or f"{type(func).__qualname__}.__call__"
    module = getattr(func, "__module__", None) or type(func).__module__
    return f"{module}.{name}"


def check_takes(option: Callable[..., Any], func: Any, what: str) -> None:
    """Raise TypeError where `option`, a callable that is given what `func` is given, can't take that."""
    try:
        parameters = inspect.signature(func).parameters.values()
        takes = inspect.signature(option)
    except (TypeError, ValueError):
        return
    kinds = inspect.Parameter
    positional = [p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    keywords = {p.name: None for p in parameters if p.kind is kinds.KEYWORD_ONLY and p.default is kinds.empty}
    required = [p for p in positional if p.default is kinds.empty]
    by_name = {p.name: None for p in required if p.kind is kinds.POSITIONAL_OR_KEYWORD}
    ways: list[tuple[int, dict[str, None]]] = [
        (len(positional), keywords),
        (len(required), keywords),
        (len(required) - len(by_name), {**by_name, **keywords}),
    ]
    if any(p.kind is kinds.VAR_POSITIONAL for p in parameters):
        return
    for count, named in ways:
        try:
            takes.bind(*[None] * count, **named)
        except TypeError:
            continue
        return
    msg = f"{what} is given what {name_of(func)}{inspect.signature(func)} is given, and takes {takes}"
    raise TypeError(msg)


def decorate(func: F, calls: Calls) -> F:
    """`func`, run inside a call of `calls` each time. `check` has passed."""
    kind = kind_of(func)
    if kind == "object":
        from telemetry_kit import _objects  # noqa: PLC0415 - wrapt takes 50 ms to import

        return cast("F", _objects.wrap(func, calls))
    return cast("F", disguise(MAKERS[kind](func, calls), func))


def disguise(wrapper: Any, func: Any) -> Any:
    """Make `wrapper` look like `func` to whoever inspects it, also where they ignore `__wrapped__`."""
    functools.update_wrapper(wrapper, func)
    for name in ("__defaults__", "__kwdefaults__"):
        value = getattr(func, name, None)
        if value is not None:
            setattr(wrapper, name, value)
    try:
        wrapper.__signature__ = inspect.signature(func)
    except (TypeError, ValueError):  # a builtin that doesn't say
        pass
    return wrapper


def _sync(func: Callable[..., Any], calls: Calls) -> Callable[..., Any]:
    idle, begin, running, plain = calls.idle, calls.begin, calls.running, NEVER_AWAITABLE
    local = running.local

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if idle():
            try:
                cell = local.cell
            except AttributeError:
                cell = running.new()
            cell[0] += 1
            try:
                result = func(*args, **kwargs)
            finally:
                cell[0] -= 1
            try:
                waits = type(result) not in plain and awaitable(result)
            except Exception:  # noqa: BLE001 - a class that can't be hashed
                waits = False
            if not waits:
                return result
            return measured_awaitable(result, Counted(running))
        call = begin(args, kwargs)
        try:
            result = func(*args, **kwargs)
        except BaseException as exc:
            try:
                call.end(exc)
            except RecursionError:  # the stack has no room for telling it
                pass
            raise
        try:
            waits = type(result) not in plain and awaitable(result)
        except Exception:  # noqa: BLE001 - a class that can't be hashed
            waits = False
        if not waits:
            call.end(None, result)
            return result
        call.pause()
        return measured_awaitable(result, call)

    return wrapper


def _async(func: Callable[..., Awaitable[Any]], calls: Calls) -> Callable[..., Any]:
    idle, begin, running = calls.idle, calls.begin, calls.running
    local = running.local

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if idle():
            try:
                cell = local.cell
            except AttributeError:
                cell = running.new()
            cell[0] += 1
            try:
                return await func(*args, **kwargs)
            finally:
                running.leave(cell)
        call = begin(args, kwargs)
        try:
            result = await func(*args, **kwargs)
        except BaseException as exc:
            call.end(exc)
            raise
        call.end(None, result)
        return result

    return wrapper


def _generator(func: Callable[..., Generator[Any, Any, Any]], calls: Calls) -> Callable[..., Any]:
    _safe_points.watch_collector()

    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        if calls.idle():
            cell = calls.running.enter()
            try:
                return (yield from func(*args, **kwargs))
            finally:
                calls.running.leave(cell)
        generator = func(*args, **kwargs)
        call = calls.begin(args, kwargs)
        step: Callable[[Any], Any] = generator.send
        sent: Any = None
        try:
            while True:
                try:
                    item = step(sent)
                finally:
                    sent = None
                    call.pause()
                try:
                    sent = yield item
                    step = generator.send
                except GeneratorExit:
                    call.go_on()
                    try:
                        generator.close()
                    finally:
                        call.pause()
                    raise
                except BaseException as exc:  # noqa: BLE001 - it belongs to the body, which decides
                    sent = exc
                    step = generator.throw
                call.go_on()
        except StopIteration as stop:
            call.end(None, stop.value)
            return stop.value
        except BaseException as exc:
            call.end(exc)
            raise

    return wrapper


def _async_generator(func: Callable[..., AsyncGenerator[Any, Any]], calls: Calls) -> Callable[..., Any]:
    _safe_points.watch_collector()

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        if calls.idle():
            cell = calls.running.enter()
            call: Call = _Nothing()
        else:
            cell = None
        generator = func(*args, **kwargs)
        if cell is None:
            call = calls.begin(args, kwargs)
            call.pause()
        step = _first_step(generator)
        try:
            while True:
                item = await Stepwise(step, call)
                try:
                    sent = yield item
                except GeneratorExit:
                    await Stepwise(generator.aclose(), call)
                    raise
                except BaseException as exc:  # noqa: BLE001 - it belongs to the body, which decides
                    step = generator.athrow(exc)
                else:
                    step = generator.asend(sent)
        except StopAsyncIteration:
            call.end(None)
        except BaseException as exc:
            call.end(without_steps(exc))
            raise
        finally:
            if cell is not None:
                calls.running.leave(cell)

    return wrapper


def _first_step(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """The first step, made without the event loop seeing the inner generator: it sees ours, and would otherwise
    close both at once when it shuts down."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


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
            bare = self._awaitable
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


class _Nothing:
    """A call of which nobody keeps anything."""

    __slots__ = ()

    def pause(self) -> None: ...
    def go_on(self) -> None: ...
    def end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None: ...
    def drop(self) -> None: ...


class Counted(_Nothing):
    """A call that only counts as running, while its awaitable is awaited."""

    __slots__ = ("_cell", "_running")

    def __init__(self, running: _counts.Running) -> None:
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


class Unawaited:
    """Holds a call until somebody awaits what it gave; one that nobody awaits is dropped with this."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call: Call | None = call

    def take(self) -> Call:
        """The call, the first time."""
        call, self._call = self._call, None
        return _Nothing() if call is None else call

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
        wrapped = awaited(result, Unawaited(call))
        wrapped.__name__ = result.__name__
        wrapped.__qualname__ = result.__qualname__
        return wrapped
    if hasattr(type(result), "add_done_callback"):
        call.go_on()
        call.pause()
        result.add_done_callback(functools.partial(_done, call))
        return result
    from telemetry_kit import _objects  # noqa: PLC0415 - wrapt takes 50 ms to import

    return _objects.awaitable(result, Unawaited(call))


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
        from asyncio import CancelledError  # noqa: PLC0415 - imported already, by whoever made a future

        call.end(CancelledError())
        return
    # `exception()` would count as retrieving it, and silence asyncio's "exception was never retrieved".
    exc = future._exception if hasattr(future, "_exception") else future.exception()
    call.end(exc, None if exc is not None else future.result())


MAKERS: dict[str, Callable[[Callable[..., Any], Calls], Callable[..., Any]]] = {
    "sync": _sync,
    "async": _async,
    "generator": _generator,
    "async_generator": _async_generator,
}
"""The closure for each kind of callable."""
