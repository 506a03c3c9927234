"""`bind`: whatever a callable returns, each step of it runs in the context of when it was bound."""

import asyncio
import contextvars
import copy
import functools
import inspect
import multiprocessing
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.trace import get_current_span

from telemetry_kit import Telemetry, attached, bind, context_attributes, extract
from telemetry_kit.testing import capture

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


def told() -> tuple[str, object, list[str]]:
    """Runs in another process: what is current there, and what a span there carries."""
    telemetry = Telemetry("shop")
    with capture() as captured, telemetry.span("there"):
        pass
    span = captured.span("there")
    return *seen(), [f"{get_current_span().get_span_context().trace_id:x}", str(span.attributes["tenant.id"])]


def test_what_is_bound_goes_to_a_spawn_pool_with_what_travels() -> None:
    """WRP 8: OpenTelemetry's context and the attributes for everything below; other variables stay."""
    with (
        attached(extract({"traceparent": f"00-{7:032x}-{8:016x}-01", "baggage": "tenant=acme"})),
        context_attributes({"tenant.id": "acme"}),
    ):
        bound = contextvars.copy_context().run(bound_for_acme, told)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(bound).result(60) == ("nobody", "acme", ["7", "acme"])


@pytest.mark.parametrize("func", [told, coroutine, generator, async_generator, Service(), [].append])
@pytest.mark.parametrize(
    "how",
    [copy.copy, copy.deepcopy, lambda bound: pickle.loads(pickle.dumps(bound))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_what_is_bound_arrives_as_the_kind_that_it_was(func: Any, how: Callable[[Any], Any]) -> None:
    """WRP 8: in an object that is copied, too."""
    there = how({"work": bind(func)})["work"]

    assert inspect.iscoroutinefunction(there) == inspect.iscoroutinefunction(func)
    assert inspect.isgeneratorfunction(there) == inspect.isgeneratorfunction(func)
    assert inspect.isasyncgenfunction(there) == inspect.isasyncgenfunction(func)
    assert getattr(there, "__name__", None) == getattr(func, "__name__", None)


def test_what_is_no_context_leaves_that_of_today() -> None:
    """As in `attached`: what comes with a message is no mistake of the function."""
    bound = contextvars.copy_context().run(lambda: bind(seen, {"tenant": "b"}))  # type: ignore[arg-type]

    assert bound() == ("nobody", None)


@bind
def bound_below_its_name() -> object:
    return "there"


def test_what_is_bound_where_its_function_stood_travels_by_that_name() -> None:
    """As decorated functions do: pickle would not find the bare one there."""
    assert pickle.loads(pickle.dumps(bound_below_its_name)) is bound_below_its_name


def test_what_is_bound_in_a_class_is_a_method_of_it() -> None:
    """As the function is."""

    class Shop:
        price = bind(lambda self, count: (type(self).__name__, count))

    assert Shop().price(3) == ("Shop", 3)
    assert Shop.price(Shop(), 4) == ("Shop", 4)


def test_what_is_bound_shows_what_it_runs() -> None:
    """Its signature is the bare one's, and `repr` names it."""

    def price(sku: str, *, count: int = 1) -> int:
        return count

    assert inspect.signature(bind(price)) == inspect.signature(price)
    assert repr(bind(price)) == f"<bound {price!r}>"


def test_an_operation_is_named_as_the_function_that_was_bound() -> None:
    """Its span says where that stands, too."""
    with capture() as captured:
        Telemetry("shop").operation(bind(seen))()

    span = captured.span("seen")
    assert span.attributes["code.function.name"] == f"{__name__}.seen"
