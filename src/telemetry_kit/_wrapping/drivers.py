"""Run any kind of callable inside something that begins, pauses, goes on and ends with it; knows no telemetry.

What runs inside is a `Call`. Functions become `functools.wraps` closures of their own kind, so that introspection,
pickling and descriptors work as on the bare function; objects that must stay what they are become wrapt proxies.

A generator is driven step by step: its call is current only while the body runs, and paused while the consumer has
what it yielded. An async generator is driven like that between its awaits too, since whoever closes it may be another
task, in another context. A coroutine is current from its start to its end: its task has a context of its own.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Protocol, TypeVar, cast

from telemetry_kit._core import counters, reentrancy
from telemetry_kit._wrapping.awaitables import (
    NEVER_AWAITABLE,
    Call,
    Counted,
    Nothing,
    Stepwise,
    awaitable,
    measured_awaitable,
    without_steps,
)
from telemetry_kit._wrapping.callables import disguise, kind_of

F = TypeVar("F", bound=Callable[..., Any])


class Calls(Protocol):
    """What begins the calls of one callable."""

    @property
    def running(self) -> counters.Running:
        """How many run while nobody looks: `begin` counts the others."""
        ...

    @property
    def idle(self) -> Callable[[], bool]:
        """Says whether nobody looks, so that a call is only counted as running."""
        ...

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Begin the call and make it current."""
        ...


def decorate(func: F, calls: Calls) -> F:
    """`func`, run inside a call of `calls` each time. `check` has passed."""
    kind = kind_of(func)
    if kind == "object":
        from telemetry_kit._wrapping import proxies

        return cast("F", proxies.wrap(func, calls))
    return cast("F", disguise(MAKERS[kind](func, calls), func))


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
            except Exception:
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
        except Exception:
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
    reentrancy.watch_collector()

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
                except BaseException as exc:
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
    reentrancy.watch_collector()

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        if calls.idle():
            cell: Any = calls.running.enter()
            generator, call = func(*args, **kwargs), cast("Call", Nothing())
        else:
            cell = None
            generator, call = func(*args, **kwargs), calls.begin(args, kwargs)
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
                except BaseException as exc:
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


MAKERS: dict[str, Callable[[Callable[..., Any], Calls], Callable[..., Any]]] = {
    "sync": _sync,
    "async": _async,
    "generator": _generator,
    "async_generator": _async_generator,
}
"""The closure for each kind of callable."""
