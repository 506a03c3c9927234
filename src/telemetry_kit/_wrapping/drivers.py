"""Run any kind of callable inside something that begins, is suspended, resumed and ended with it; knows no telemetry.

What runs inside is a `Call`. Functions become `functools.wraps` closures of their own kind, so that introspection,
pickling and descriptors work as on the bare function; objects that must stay what they are become wrapt proxies.

What the closures refer to are modules, functions, classes and what travels by itself: cloudpickle and dill send a
decorated function of a script by value, with all that its code names. Its globals are those of the bare function
(`callables.disguise`), so that each maker has what its closure names beside it, builtins too, which a module may shadow.

What a plain function returned is followed to its end where it goes on: another decorator, or the function itself, may
stand between a coroutine or a generator and us.

A generator is driven step by step: its call is current only while the body runs, and suspended while the consumer
has what it yielded. An async generator is driven like that between its awaits too, since whoever closes it may be another
task, in another context. A coroutine is current from its start to its end: its task has a context of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, TypeVar

from telemetry_kit._wrapping.awaitables import MANAGERS, Call, Calls, Unawaited, WhenDone, awaited
from telemetry_kit._wrapping.managers import Begun, Entering

F = TypeVar("F", bound=Callable[..., Any])


def _sync(func: Callable[..., Any], calls: Calls) -> Callable[..., Any]:
    from builtins import AttributeError, BaseException, Exception, RecursionError, type  # noqa: A004

    from telemetry_kit._wrapping import awaitables

    go_on = follow

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call: Any = None
        cell: Any = None
        active = 0
        try:
            try:
                unseen = calls.idle()
                if not unseen:
                    call = calls.begin(args, kwargs)
            except RecursionError:  # no room to record it: the body may have enough
                unseen, call = False, awaitables.NO_CALL
            if unseen:
                try:
                    cell = calls.running.local.cell
                except AttributeError:
                    cell = calls.running.new()
                cell[0] += (active := 1)
                result = func(*args, **kwargs)
                cell[0], active = cell[0] - 1, 0
                try:
                    waits = type(result) not in awaitables.NEVER_FOLLOWED and awaitables.followed(result)
                except Exception as fault:  # a class that can't be hashed
                    waits = awaitables.odd(fault)
                return go_on(result, awaitables.Counted(calls.running)) if waits else result
            result = func(*args, **kwargs)
            try:
                waits = type(result) not in awaitables.NEVER_FOLLOWED and awaitables.followed(result)
            except Exception as fault:
                waits = awaitables.odd(fault)
            if not waits:
                call._end(None, result)
                call = None
                return result
            call._suspend()
            waiting, call = call, None
            return go_on(result, waiting)
        except BaseException as exc:
            if call is not None:
                call._end(exc)
            raise
        finally:
            # Whatever line an interrupt arrived at, nothing stays active or current.
            if active:
                cell[0], active = cell[0] - 1, 0
            if call is not None:
                call._put_back()

    return wrapper


def _async(func: Callable[..., Awaitable[Any]], calls: Calls) -> Callable[..., Any]:
    from builtins import BaseException, RecursionError  # noqa: A004

    from telemetry_kit._wrapping import awaitables

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call: Any = None
        cell: Any = None
        try:
            try:
                unseen = calls.idle()
                if not unseen:
                    call = calls.begin(args, kwargs)
            except RecursionError:
                unseen, call = False, awaitables.NO_CALL
            if unseen:
                cell = calls.running.enter()
                return await func(*args, **kwargs)
            result = await func(*args, **kwargs)
            call._end(None, result)
            call = None
            return result
        except BaseException as exc:
            if call is not None:
                call._end(exc)
            raise
        finally:
            if cell is not None:
                calls.running.leave(cell)
            if call is not None:
                call._put_back()

    return wrapper


def _generator(func: Callable[..., Generator[Any, Any, Any]], calls: Calls) -> Callable[..., Any]:
    from builtins import AttributeError, BaseException, GeneratorExit, RuntimeError, StopIteration, getattr  # noqa: A004
    from contextvars import copy_context

    from telemetry_kit._core import cells, context
    from telemetry_kit._wrapping import awaitables

    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = func(*args, **kwargs)
        call: Any = awaitables.NO_CALL
        # None as long as nobody sees the body, and it has made nothing current: two looks before and after each step.
        resume: Any = None
        suspend: Any = None
        get_current, get_call, send = context.get_current, context.get_call, generator.send
        cell: Any = None
        outside = outer = beside = None
        sent: Any = None
        active = 0
        over = False
        try:
            if calls.idle():
                try:
                    cell = calls.running.local.cell
                except AttributeError:
                    cell = calls.running.new()
                cell[0] += (active := 1)
            else:
                call = calls.begin(args, kwargs)
                resume, suspend = awaitables.steps_of(call)
            step: Callable[[Any], Any] = send
            while True:
                if resume is None:
                    outside, outer = get_current(), get_call()
                    if context.others:
                        beside = copy_context()
                try:
                    if resume is not None:
                        resume()
                    item = step(sent)
                finally:
                    sent = None
                    if resume is not None:
                        suspend()
                    elif (
                        get_current() is not outside
                        or get_call() is not outer
                        or (context.others and (beside is None or context.others_changed(beside)))
                    ):
                        call, active = awaitables.Counted(calls.running, cell), 0
                        call.suspend_first(outside, outer, beside)
                        resume, suspend = awaitables.steps_of(call)
                closing = None
                try:
                    sent = yield item
                    step = send
                except GeneratorExit as exit_:
                    closing = exit_
                except BaseException as exc:
                    sent = exc
                    step = generator.throw
                if closing is not None:  # outside of the handler: what the body raises has the context of the bare one
                    if active:
                        call, active = awaitables.Counted(calls.running, cell), 0
                    try:
                        call._resume()
                        generator.close()
                    finally:
                        call._suspend()
                    try:
                        raise closing
                    finally:
                        closing = None
        except StopIteration as stop:
            if not active:
                call._end(None, stop.value)
            over = True
            return stop.value
        except BaseException as exc:
            if getattr(generator, "gi_frame", None) is not None and exc.__class__ is not RuntimeError:
                # Interrupted here, while the body was suspended: it ends where what it leaves is current. (A RuntimeError
                # is that of a body which ignores GeneratorExit.)
                if active:
                    call, active = awaitables.Counted(calls.running, cell), 0
                call._suspend()
                try:
                    call._resume()
                    generator.close()
                finally:
                    call._suspend()
            call._end(exc)
            raise
        finally:
            resume = suspend = None  # before the call goes: its watch must not outlive it here
            if active:
                if cells.GIL:
                    cell[0] -= 1
                else:
                    calls.running.leave(cell)
            elif not over:
                call._put_back()

    return wrapper


def _async_generator(func: Callable[..., AsyncGenerator[Any, Any]], calls: Calls) -> Callable[..., Any]:
    from builtins import BaseException, GeneratorExit, StopAsyncIteration, getattr  # noqa: A004

    from telemetry_kit._core import reentrancy
    from telemetry_kit._wrapping import awaitables

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = func(*args, **kwargs)
        step: Any = None
        call: Call = awaitables.NO_CALL
        watch = None
        body = awaitables.Frame()
        try:
            call = awaitables.Counted(calls.running) if calls.idle() else calls.begin(args, kwargs)
            watch = reentrancy.watch(body, awaitables.unfinished(call))
            step = awaitables.first_step(generator)
            while True:
                item = await awaitables.stepwise(step, call)
                closing = None
                try:
                    sent = yield item
                    step = generator.asend(sent)
                except GeneratorExit as exit_:
                    closing = exit_
                except BaseException as exc:
                    step = generator.athrow(exc)
                if closing is not None:
                    await awaitables.stepwise(generator.aclose(), call)
                    try:
                        raise closing
                    finally:
                        closing = None
        except StopAsyncIteration:
            call._end(None)
        except BaseException as exc:
            if getattr(generator, "ag_frame", None) is not None:
                # As of a generator above; without awaiting it, it ends by being let go.
                call._suspend()
                call._resume()
                awaitables.without_steps(exc)
                del generator, step
                call._suspend()
            call._end(awaitables.without_steps(exc))
            raise
        finally:
            if watch is not None:
                reentrancy.unwatch(watch)
            call._put_back()

    return wrapper


def _manager(func: Callable[..., Any], calls: Calls) -> Callable[..., Any]:
    entered, entering = _entered, Entering

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return entered(func(*args, **kwargs), entering(calls, args, kwargs))

    return wrapper


def _entered(manager: Any, calls: Calls) -> Any:
    """One of contextlib's managers, whose call begins when it is entered, is current in the `with` block and ends when
    that is left. The object is the same: its generator is driven, also where it is used as a decorator."""
    drive: Any = _generator if hasattr(type(manager), "__enter__") else _async_generator
    bare, generator = manager.func, manager.gen

    def func(*args: Any, **kwargs: Any) -> Any:
        return drive(bare, calls)(*args, **kwargs)

    func.__doc__ = bare.__doc__
    manager.func = func
    manager.gen = drive(lambda: generator, calls)()
    return manager


def follow(result: Any, call: Call) -> Any:
    """What a function returned and `followed` knows, with `call` ending when it does; one that is never started is never
    recorded."""
    kind = type(result)
    if hasattr(kind, "_asyncio_future_blocking"):
        call._resume()
        call._suspend()
        result.add_done_callback(WhenDone(call))
        return result
    if kind in MANAGERS:
        return _entered(result, Begun(call, stays=True))
    if hasattr(kind, "cr_running") or inspect.isawaitable(result):
        wrapped: Any = awaited(result, Unawaited(call))
    else:
        drive: Any = _async_generator if hasattr(kind, "ag_running") else _generator
        wrapped = drive(lambda: result, Begun(call))()
    bare: Any = result
    wrapped.__name__ = bare.__name__
    wrapped.__qualname__ = bare.__qualname__
    return wrapped


MAKERS: dict[str, Callable[[Callable[..., Any], Calls], Callable[..., Any]]] = {
    "sync": _sync,
    "async": _async,
    "generator": _generator,
    "async_generator": _async_generator,
    "context_manager": _manager,
    "async_context_manager": _manager,
}
"""The closure for each kind of callable."""
