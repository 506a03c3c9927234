"""A function with today's context, for whoever calls it later, in whatever thread, or in another process."""

from __future__ import annotations

import contextvars
import functools
import inspect
import types
from collections.abc import AsyncGenerator, Callable, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MethodType
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry.context import Context

from telemetry_kit._core import context as _context
from telemetry_kit._core import faults
from telemetry_kit._core.face import public
from telemetry_kit._executors import envelope
from telemetry_kit._wrapping import callables

P = ParamSpec("P")
R = TypeVar("R")


@public
def bind(func: Callable[P, R], context: Context | None = None) -> Callable[P, R]:
    """`func`, run in today's context whoever calls it, in whatever thread.

    All context variables are carried, in a copy for each call, so that calls don't disturb each other and may overlap.
    Each step of what it returns runs there too: of a coroutine, a generator or an async generator, whatever kind of
    callable made it. A coroutine function stays one, a generator function likewise. Pickled, for a process pool, it takes
    along OpenTelemetry's context alone, as `wrap_executor` does.

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
    if isinstance(context, Context):
        today.run(_context.attach, context)
    elif context is not None:
        msg = f"context of bind() must be a Context, got {type(context).__name__}: extract() it from a carrier"
        faults.record("bind.context", TypeError(msg))
    return cast("Callable[P, R]", _bound(_Today(today), func))


class _Today:
    """The context of a bound function. Elsewhere it is what travels of OpenTelemetry's context, as to a process pool."""

    __slots__ = ("context",)

    def __init__(self, context: contextvars.Context) -> None:
        self.context = context

    def __deepcopy__(self, _memo: Any) -> _Today:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        carrier: dict[str, Any] = {}
        with faults.guard("bind.pickle"):
            carrier = envelope.packed(self.context.run(_context.get_current))
        return _arrived, (carrier,)


def _arrived(carrier: dict[str, Any]) -> _Today:
    today = contextvars.Context()
    with faults.guard("bind.pickle"):
        today.run(_context.attach, envelope.unpacked(carrier))
    return _Today(today)


class _Bound(functools.partial[Any]):
    """A partial, so that whoever asks what kind of function it is looks through it; as an attribute of a class it is a
    method, as the function is."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        today, func = self.args
        return callables.found_again(self, func) or (_bound, (today, func))

    def __repr__(self) -> str:
        return f"<bound {self.args[1]!r}>"


def _bound(today: _Today, func: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(func):
        run: Callable[..., Any] = _run_coroutine
    elif inspect.isgeneratorfunction(func):
        run = _run_generator
    elif inspect.isasyncgenfunction(func):
        run = _run_async_generator
    else:
        run = _run
    bound = _Bound(run, today, func)
    try:
        return functools.update_wrapper(bound, func)
    except Exception as odd:
        faults.pass_on(odd)
        return bound


def _run(today: _Today, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    here = today.context.copy()
    result = here.run(func, *args, **kwargs)
    go_on = _STEPWISE.get(type(result))
    return result if go_on is None else go_on(_Today(here), lambda: result)


async def _run_coroutine(today: _Today, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    here = today.context.copy()
    return await _awaited(here, here.run(func, *args, **kwargs))


def _run_generator(today: _Today, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
    here = today.context.copy()
    return (yield from _steps(here, here.run(func, *args, **kwargs)))


async def _run_async_generator(
    today: _Today, func: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> AsyncGenerator[Any, Any]:
    here = today.context.copy()
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


_STEPWISE = {
    CoroutineType: _run_coroutine,
    GeneratorType: _run_generator,
    AsyncGeneratorType: _run_async_generator,
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
