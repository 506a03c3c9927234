"""`enrich_span` and `set_span_attributes`: more on the span that is there, and no other."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from telemetry_kit import Telemetry, enrich_span, set_span_attributes
from telemetry_kit._core import faults
from telemetry_kit.testing import Captured
from tests.support import Sdk


def attributes(captured: Captured, name: str = "request") -> dict[str, Any]:
    return dict(captured.span(name).attributes or {})


def test_arguments_attributes_and_result(captured: Captured) -> None:
    """What the function was given and gave back is on the span that a framework has made; no other span is made."""

    @enrich_span(arguments=["user_id"], attributes={"shop.page": "cart"}, result=lambda cart: {"cart.size": len(cart)})
    def load(user_id: int) -> list[str]:
        return ["A1", "B2"]

    with captured.tracer_provider.get_tracer("tests").start_as_current_span("request"):
        assert load(7) == ["A1", "B2"]

    assert attributes(captured) == {"user_id": 7, "shop.page": "cart", "cart.size": 2}
    assert len(captured.spans) == 1


def test_attributes_of_the_call(captured: Captured) -> None:
    """`attributes` may be a callable given the call's arguments."""

    @enrich_span(attributes=lambda user_id, *, lang="en": {"user": f"u{user_id}", "lang": lang})
    def load(user_id: int, *, lang: str = "en") -> None: ...

    with captured.tracer_provider.get_tracer("tests").start_as_current_span("request"):
        load(7, lang="de")

    assert attributes(captured) == {"user": "u7", "lang": "de"}


def test_every_kind(captured: Captured) -> None:
    """Coroutines, generators with their return value, async generators, methods: each stays of its kind."""
    enrich = enrich_span(arguments=["a"], result=lambda value: {f"got.{value}": True})

    @enrich
    async def coroutine(a: int) -> str:
        await asyncio.sleep(0)
        return "coroutine"

    @enrich
    def generator(a: int) -> Generator[int, None, str]:
        yield 1
        return "generator"

    @enrich
    async def async_generator(a: int) -> AsyncIterator[int]:
        yield 1

    class Cart:
        @enrich
        def method(self, a: int) -> str:
            return "method"

        @enrich
        @staticmethod
        def static(a: int) -> str:
            return "static"

    async def main() -> None:
        await coroutine(1)
        async for _ in async_generator(1):
            pass

    with captured.tracer_provider.get_tracer("tests").start_as_current_span("request"):
        asyncio.run(main())
        list(generator(1))
        Cart().method(1)
        Cart.static(1)

    assert attributes(captured) == {
        "a": 1,
        "got.coroutine": True,
        "got.generator": True,
        "got.method": True,
        "got.static": True,
    }
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)


def test_star_redacts(captured: Captured) -> None:
    """`"*"` is all arguments, secrets redacted (SEC 4)."""

    @enrich_span(arguments="*")
    def log_in(user: str, password: str) -> None: ...

    with captured.tracer_provider.get_tracer("tests").start_as_current_span("request"):
        log_in("ann", "hunter2")

    assert attributes(captured) == {"user": "ann", "password": "[REDACTED]"}


def test_an_exception_is_the_frameworks(captured: Captured) -> None:
    """A failing function leaves the result away; the exception goes through as it is."""
    problem = ValueError("no")

    @enrich_span(arguments=["a"], result=lambda _: {"result": 1})
    def load(a: int) -> None:
        raise problem

    with (
        captured.tracer_provider.get_tracer("tests").start_as_current_span("request", record_exception=False),
        pytest.raises(ValueError, match="no") as caught,
    ):
        load(1)

    assert caught.value is problem
    assert attributes(captured) == {"a": 1}


@pytest.mark.parametrize("sampled", [True, False])
def test_nothing_is_evaluated_where_nobody_records(sampled: bool) -> None:
    """Without a recorded span the callables aren't asked."""
    sdk = Sdk(sampler=ALWAYS_OFF)
    asked: list[int] = []

    def ask(*_: object) -> dict[str, object]:
        asked.append(1)
        return {}

    @enrich_span(attributes=ask, result=ask)
    def load() -> None: ...

    if sampled:
        with sdk.tracer.start_as_current_span("request"):
            load()
    else:
        load()
    sdk.shutdown()

    assert asked == []


@pytest.mark.telemetry_capture(allow=("fault",))
def test_callbacks_that_raise_change_nothing(captured: Captured) -> None:
    """They are counted faults, and the function's result is its own (FLT 1)."""
    before = faults.counts()

    def broken(*_: object) -> dict[str, object]:
        raise RuntimeError

    @enrich_span(attributes=broken, result=broken)
    def load() -> int:
        return 5

    with captured.tracer_provider.get_tracer("tests").start_as_current_span("request"):
        assert load() == 5

    after = faults.counts()
    assert after["span.attributes"] == before.get("span.attributes", 0) + 1
    assert after["span.result"] == before.get("span.result", 0) + 1


def test_mistakes_are_told() -> None:
    """At once or at decoration, naming the thing and the way out."""
    with pytest.raises(TypeError, match="result of enrich_span must be a callable"):
        enrich_span(result={"a": 1})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="attributes of enrich_span must be a mapping"):
        enrich_span(attributes=["a"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be parameters of it, got 'colour'"):
        enrich_span(arguments=["colour"])(lambda sku: None)
    with pytest.raises(TypeError, match="attributes of enrich_span must take what"):
        enrich_span(attributes=lambda a, b: {})(lambda sku: None)
    with pytest.raises(TypeError, match="must not be a class, got the class int"):
        enrich_span()(int)


@pytest.mark.telemetry_capture(allow=("dropped",))
def test_set_span_attributes(captured: Captured, telemetry: Telemetry) -> None:
    """On the current span; values that can't be exported are left out, long ones cut, the kit's own keys stay its own."""
    with telemetry.operation("checkout").measure():
        set_span_attributes(
            {"a": 1, "b": "x" * 5_000, "c": object(), "d": None, "error.type": "mine", "operation.name": "x"}
        )

    found = attributes(captured, "checkout")
    assert found["a"] == 1
    assert len(found["b"]) == 4_096
    assert {"c", "d", "error.type", "operation.name"}.isdisjoint(found)


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("given", [None, 3, "text", [("a", 1)]])
def test_set_span_attributes_never_raises(captured: Captured, given: Any) -> None:
    """Whatever it is given, and without any span (FLT 2)."""
    set_span_attributes({"a": 1})
    with captured.tracer_provider.get_tracer("tests").start_as_current_span("request"):
        set_span_attributes(given)

    assert attributes(captured) == {}
