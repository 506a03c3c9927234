"""`bind`: whatever a callable returns, each step of it runs in the context of when it was bound."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from opentelemetry import baggage

from telemetry_kit import attached, bind

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


def seen() -> tuple[str, object]:
    """What is current: a context variable, and OpenTelemetry's baggage."""
    return TENANT.get(), baggage.get_baggage("tenant")


async def coroutine() -> list[Any]:
    first = seen()
    await asyncio.sleep(0)
    return [first, seen()]


def generator() -> Iterator[Any]:
    yield seen()
    yield seen()


async def async_generator() -> AsyncIterator[Any]:
    yield seen()
    await asyncio.sleep(0)
    yield seen()


class Service:
    """Its call is a coroutine, though it is no coroutine function."""

    async def __call__(self) -> list[Any]:
        return await coroutine()


def bound_for_acme(func: Callable[..., Any]) -> Callable[..., Any]:
    """`func`, bound where acme is the tenant."""
    TENANT.set("acme")
    with attached(baggage.set_baggage("tenant", "acme")):
        return bind(func)


async def steps_of(result: Any) -> list[Any]:
    """All that it yields, or gives when it is awaited."""
    if inspect.isasyncgen(result):
        return [step async for step in result]
    return await result if inspect.iscoroutine(result) else list(result)


@pytest.mark.parametrize(
    "func",
    [
        coroutine,
        generator,
        async_generator,
        Service(),
        functools.partial(async_generator),
        lambda: coroutine(),
        lambda: generator(),
        lambda: async_generator(),
    ],
    ids=[
        "coroutine",
        "generator",
        "async generator",
        "object",
        "partial",
        "to a coroutine",
        "to a generator",
        "to both",
    ],
)
def test_each_step_runs_in_the_context_of_when_it_was_bound(func: Callable[..., Any]) -> None:
    """Context variables and OpenTelemetry's context, whatever kind of callable it is."""
    import contextvars

    bound = contextvars.copy_context().run(bound_for_acme, func)

    assert asyncio.run(steps_of(bound())) == [("acme", "acme")] * 2
    assert seen() == ("nobody", None)


@pytest.mark.parametrize(
    ("func", "asked"),
    [
        (coroutine, inspect.iscoroutinefunction),
        (generator, inspect.isgeneratorfunction),
        (async_generator, inspect.isasyncgenfunction),
    ],
)
def test_a_bound_function_is_of_the_kind_that_it_was(func: Callable[..., Any], asked: Callable[[Any], bool]) -> None:
    """Frameworks ask."""
    assert asked(bind(func))


def test_what_is_sent_and_thrown_reaches_the_body_of_an_async_generator() -> None:
    """GEN 4: `asend`, `athrow` and `aclose` go through."""
    got: list[object] = []

    async def body() -> Any:
        try:
            while True:
                try:
                    got.append((yield seen()))
                except KeyError as exc:
                    got.append(type(exc))
        finally:
            await asyncio.sleep(0)
            got.append("closed")

    async def drive() -> None:
        steps = bind(body)()
        await steps.asend(None)
        await steps.asend("sent")
        await steps.athrow(KeyError("k"))
        await steps.aclose()

    asyncio.run(drive())

    assert got == ["sent", KeyError, "closed"]
