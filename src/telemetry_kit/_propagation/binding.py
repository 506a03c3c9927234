"""A function with today's context, for whoever calls it later, in whatever thread."""

import contextvars
import functools
import inspect
import types
from collections.abc import AsyncGenerator, Callable, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry.context import Context

from telemetry_kit._core import context as _context
from telemetry_kit._core import faults
from telemetry_kit._core.face import public

P = ParamSpec("P")
R = TypeVar("R")


@public
def bind(func: Callable[P, R], context: Context | None = None) -> Callable[P, R]:
    """`func`, run in today's context whoever calls it, in whatever thread.

    All context variables are carried, in a copy for each call, so that calls don't disturb each other and may overlap.
    Each step of what it returns runs there too: of a coroutine, a generator or an async generator, whatever kind of
    callable made it. A coroutine function stays one, a generator function likewise.

    Args:
        func: any callable.
        context: the OpenTelemetry context to have in the place of today's.

    >>> from threading import Thread
    >>> from opentelemetry import baggage
    >>> from telemetry_kit import attached, bind
    >>> with attached(baggage.set_baggage("tenant", "acme")):
    ...     thread = Thread(target=bind(lambda: print(baggage.get_baggage("tenant"))))
    >>> thread.start(); thread.join()
    acme
    """
    if not callable(func):
        raise TypeError(
            f"func of bind must be callable, got {func!r:.100}: give a function, or a lambda around the value"
        )
    today = contextvars.copy_context()
    if context is not None:
        today.run(_context.attach, context)
    if inspect.iscoroutinefunction(func):
        bound = _coroutine_function(today, func)
    elif inspect.isgeneratorfunction(func):
        bound = _generator_function(today, func)
    elif inspect.isasyncgenfunction(func):
        bound = _async_generator_function(today, func)
    else:
        bound = _function(today, func)
    return cast("Callable[P, R]", _named_like(bound, func))


def _named_like(bound: Callable[..., Any], func: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return functools.wraps(func)(bound)
    except Exception as odd:
        faults.pass_on(odd)
        return bound


def _function(today: contextvars.Context, func: Callable[..., Any]) -> Callable[..., Any]:
    def bound(*args: Any, **kwargs: Any) -> Any:
        here = today.copy()
        result = here.run(func, *args, **kwargs)
        stepwise = _STEPWISE.get(type(result))
        return result if stepwise is None else stepwise(here, lambda: result)()

    return bound


def _coroutine_function(today: contextvars.Context, func: Callable[..., Any]) -> Callable[..., Any]:
    async def bound(*args: Any, **kwargs: Any) -> Any:
        here = today.copy()
        return await _awaited(here, here.run(func, *args, **kwargs))

    return bound


def _generator_function(today: contextvars.Context, func: Callable[..., Any]) -> Callable[..., Any]:
    def bound(*args: Any, **kwargs: Any) -> Any:
        here = today.copy()
        return (yield from _steps(here, here.run(func, *args, **kwargs)))

    return bound


def _async_generator_function(today: contextvars.Context, func: Callable[..., Any]) -> Callable[..., Any]:
    async def bound(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        here = today.copy()
        steps = here.run(func, *args, **kwargs)
        step = steps.asend(None)
        while True:
            try:
                given = await _awaited(here, step)
            except StopAsyncIteration:
                return
            try:
                answer = yield given
            except GeneratorExit:
                await _awaited(here, steps.aclose())
                raise
            except BaseException as exc:
                step = steps.athrow(exc)
            else:
                step = steps.asend(answer)

    return bound


_STEPWISE = {
    CoroutineType: _coroutine_function,
    GeneratorType: _generator_function,
    AsyncGeneratorType: _async_generator_function,
}
"""How what a plain function returned is carried on, by its exact type."""


def _steps(context: contextvars.Context, steps: Any) -> Generator[Any, Any, Any]:
    """A generator or coroutine, each step of it in `context`."""
    step = functools.partial(steps.send, None)
    while True:
        try:
            given = context.run(step)
        except StopIteration as stop:
            return stop.value
        try:
            answer = yield given
        except GeneratorExit:
            context.run(steps.close)
            raise
        except BaseException as exc:
            step = functools.partial(steps.throw, exc)
        else:
            step = functools.partial(steps.send, answer)


_awaited = types.coroutine(_steps)
