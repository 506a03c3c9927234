"""`telemetry.span`: a new span around any kind of callable, and around a block."""

import asyncio
import contextlib
import functools
import gc
import inspect
import os
import pickle
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode

from telemetry_kit import ErrorPolicy, Telemetry, current_measurement
from telemetry_kit._core import faults
from telemetry_kit.testing import Captured, FakeClock, span
from tests.support import Sdk

module_telemetry = Telemetry("shop.module")


@module_telemetry.span("picklable")
def picklable(sku: str) -> str:
    """What it does."""
    return sku


def attributes(captured: Captured, name: str | None = None) -> dict[str, Any]:
    return dict(captured.span(name).attributes or {})


# As a decorator


def test_a_function(captured: Captured, telemetry: Telemetry) -> None:
    """Name, kind, attributes, arguments, the function's name, no metric."""

    @telemetry.span("price", kind=SpanKind.CLIENT, attributes={"shop.region": "eu"}, arguments={"sku": "product.sku"})
    def price(sku: str) -> int:
        assert trace.get_current_span().is_recording()
        return 100

    assert price("A1") == 100
    span = captured.span("price")
    assert span.kind is SpanKind.CLIENT
    assert attributes(captured) == {
        "shop.region": "eu",
        "product.sku": "A1",
        "code.function.name": f"{__name__}.test_a_function.<locals>.price",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert [name for name in captured.metrics if not name.startswith("telemetry_kit.")] == []


def test_bare(captured: Captured, telemetry: Telemetry) -> None:
    """`@telemetry.span` names the span after the function."""

    @telemetry.span
    def price() -> None: ...

    price()

    assert captured.span().name == "test_bare.price" or captured.span().name == "price"


def test_every_kind_of_callable(captured: Captured, telemetry: Telemetry) -> None:
    """Functions, coroutines, both generators, methods of all kinds, partials, callable objects."""
    made = telemetry.span("it")

    @made
    def function() -> str:
        return "function"

    @made
    async def coroutine() -> str:
        await asyncio.sleep(0)
        return "coroutine"

    @made
    def generator() -> Iterator[str]:
        yield "generator"

    @made
    async def async_generator() -> AsyncIterator[str]:
        yield "async generator"

    class Cart:
        @made
        def method(self) -> str:
            return type(self).__name__

        @classmethod
        @made
        def below(cls) -> str:
            return cls.__name__

        @made
        @classmethod
        def above(cls) -> str:
            return cls.__name__

        @made
        @staticmethod
        def static() -> str:
            return "static"

    class Callable_:
        def __call__(self) -> str:
            return "object"

    async def first() -> str:
        return await async_generator().__anext__()

    results: list[Any] = [
        function(), asyncio.run(coroutine()), next(generator()), asyncio.run(first()), Cart().method(), Cart.below(),
        Cart.above(), Cart.static(), made(functools.partial(function))(), made(Callable_())(),
    ]  # fmt: skip
    gc.collect()

    assert results == ["function", "coroutine", "generator", "async generator", "Cart", "Cart", "Cart", "static",
                       "function", "object"]  # fmt: skip
    assert len([span for span in captured.spans if span.name == "it"]) >= 10
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)


def test_it_looks_like_the_function() -> None:
    """Signature, documentation, name; pickled by name (WRP 1, WRP 2)."""
    assert str(inspect.signature(picklable)) == "(sku: str) -> str"
    assert picklable.__doc__ == "What it does."
    assert pickle.loads(pickle.dumps(picklable)) is picklable


def test_a_generator_is_current_only_while_its_body_runs(captured: Captured, telemetry: Telemetry) -> None:
    """Between yields the consumer sees its own span; how long the body worked is on the span (GEN 1, GEN 8)."""
    clocks: list[Any] = []

    @telemetry.span("rows")
    def rows() -> Iterator[int]:
        for number in range(2):
            clocks.append(trace.get_current_span())
            captured.clock.advance(0.25)
            yield number

    with telemetry.span("consumer") as consumer:
        for _ in rows():
            assert trace.get_current_span() is consumer

    assert all(seen is not consumer for seen in clocks)
    assert captured.spans == [span("consumer"), span("rows", parent="consumer")]
    assert captured.span("rows").attributes["operation.busy_time"] == 0.5


def test_busy_time_is_the_bodys(captured: Captured, telemetry: Telemetry, clock: FakeClock) -> None:
    """The consumer's time is not the generator's."""

    @telemetry.span("rows")
    def rows() -> Iterator[int]:
        clock.advance(1.0)
        yield 1
        clock.advance(0.5)

    for _ in rows():
        clock.advance(100.0)

    assert attributes(captured)["operation.busy_time"] == 1.5


def test_an_abandoned_generator_ends_once(captured: Captured, telemetry: Telemetry) -> None:
    """A consumer that breaks early: one ended span, no error (GEN 3, GEN 6)."""

    @telemetry.span("rows")
    def rows() -> Iterator[int]:
        yield from range(10)

    for _ in rows():
        break
    gc.collect()
    with telemetry.span("later"):
        pass

    assert captured.span("rows").status.status_code is StatusCode.UNSET
    assert "error.type" not in attributes(captured, "rows")


def test_the_body_of_a_context_manager_sees_the_exception(telemetry: Telemetry) -> None:
    """Under `@contextmanager` a transaction rolls back (GEN 5)."""
    seen: list[BaseException] = []

    @contextlib.contextmanager
    @telemetry.span("transaction")
    def transaction() -> Iterator[None]:
        try:
            yield
        except ValueError as problem:
            seen.append(problem)
            raise

    with pytest.raises(ValueError, match="no"), transaction():
        raise ValueError("no")
    assert len(seen) == 1


def test_callables_are_given_the_arguments(captured: Captured, telemetry: Telemetry) -> None:
    """`attributes`, `carrier` and `links` may be callables, `self` included."""

    class Cart:
        name = "c1"

        @telemetry.span("add", attributes=lambda self, sku: {"cart": self.name, "sku": sku})
        def add(self, sku: str) -> None: ...

    Cart().add("A1")

    assert attributes(captured)["cart"] == "c1"
    assert attributes(captured)["sku"] == "A1"


def test_callables_are_only_asked_if_the_span_is_recorded() -> None:
    """With a sampler that drops all nothing is evaluated."""
    sdk = Sdk(sampler=ALWAYS_OFF)
    asked: list[int] = []

    def ask() -> dict[str, object]:
        asked.append(1)
        return {}

    sdk.telemetry().span("price", attributes=ask)(lambda: None)()
    sdk.shutdown()

    assert asked == []


# As a context manager


def test_a_block_gives_the_span(captured: Captured, telemetry: Telemetry) -> None:
    """`as` gives the OpenTelemetry span, which is current."""
    with telemetry.span("price", attributes={"a": 1}) as span:
        assert span is trace.get_current_span()
        span.set_attribute("b", 2)

    assert trace.get_current_span() is INVALID_SPAN
    assert attributes(captured) == {"a": 1, "b": 2}


def test_one_maker_heads_many_blocks(captured: Captured, telemetry: Telemetry) -> None:
    """Nested, in tasks and in threads at once."""
    made = telemetry.span("price")

    async def task(number: int) -> int:
        with made as span:
            span.set_attribute("number", number)
            await asyncio.sleep(0)
            with made as inner:
                await asyncio.sleep(0)
                assert trace.get_current_span() is inner
            assert trace.get_current_span() is span
        return number

    async def main() -> None:
        await asyncio.gather(*(task(number) for number in range(20)))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    spans = [span for span in captured.spans if span.name == "price"]
    assert len(spans) == 160
    outer = {span.context.span_id for span in spans if "number" in (span.attributes or {})}
    inner = [span for span in spans if "number" not in (span.attributes or {})]
    assert {span.parent.span_id for span in inner if span.parent} == outer


# Errors


def test_an_exception(captured: Captured, telemetry: Telemetry) -> None:
    """`error.type`, status and detail; the exception is handed on as it is."""
    problem = KeyError("sku")
    with pytest.raises(KeyError) as caught, telemetry.span("price"):
        raise problem

    span = captured.span("price")
    assert caught.value is problem
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(captured)["error.type"] == "KeyError"
    assert [event.name for event in span.events] == ["exception"]


@pytest.mark.parametrize(
    ("exc", "error_type"),
    [(asyncio.CancelledError(), "cancelled"), (SystemExit(0), None), (SystemExit(2), "SystemExit"),
     (KeyboardInterrupt(), "KeyboardInterrupt"), (GeneratorExit(), None), (StopIteration(), None)],
)  # fmt: skip
def test_outcomes(captured: Captured, telemetry: Telemetry, exc: BaseException, error_type: str | None) -> None:
    """Cancellation, exits and ends are what the contract says, and `BaseException`s go through (ASY 1, ASY 2)."""
    with pytest.raises(type(exc)), telemetry.span("price"):
        raise exc

    assert attributes(captured).get("error.type") == error_type
    is_error = error_type not in (None, "cancelled")
    assert captured.span().status.status_code is (StatusCode.ERROR if is_error else StatusCode.UNSET)


@pytest.mark.parametrize("expected", [KeyError, (KeyError, OSError), [LookupError], lambda exc: "sku" in str(exc)])
def test_expected_exceptions_are_no_errors(captured: Captured, telemetry: Telemetry, expected: Any) -> None:
    """By type or by a callable: status unset, no `error.type`, no event."""
    with pytest.raises(KeyError), telemetry.span("price", expected=expected):
        raise KeyError("sku")

    assert captured.span().status.status_code is StatusCode.UNSET
    assert captured.span().events == []
    assert attributes(captured) == {}


def test_within_the_limit(captured: Captured, clock: FakeClock) -> None:
    """Details of spans are limited by name and error type, and the suppressed are counted (STM 1)."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(rate=0, burst=2))
    for _ in range(10):
        with contextlib.suppress(ValueError), telemetry.span("price"):
            raise ValueError

    assert sum(len(span.events) for span in captured.spans) == 2
    assert captured.value("telemetry_kit.exception.suppressed", {"error.type": "ValueError"}) == 8


# Mistakes


def test_mistakes_are_told_at_definition(telemetry: Telemetry) -> None:
    """What can't be right is refused, naming the thing and the way out."""
    with pytest.raises(ValueError, match="must not be INTERNAL beside a carrier, got INTERNAL: give kind"):
        telemetry.span("price", carrier={})
    with pytest.raises(TypeError, match="name of a span must be a str"):
        telemetry.span("")
    with pytest.raises(TypeError, match="name of a span must be a str"):
        telemetry.span(3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"kind of span 'price' must be an opentelemetry.trace.SpanKind"):
        telemetry.span("price", kind="client")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="attributes of span 'price' must be a mapping"):
        telemetry.span("price", attributes=[("a", 1)])  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="expected of span 'price' must be exception types"):
        telemetry.span("price", expected=[int])  # type: ignore[list-item]


def test_mistakes_are_told_at_decoration(telemetry: Telemetry) -> None:
    """What doesn't fit the function, and what can't be decorated."""
    with pytest.raises(TypeError, match="must be parameters of it, got 'colour'"):
        telemetry.span("price", arguments=["colour"])(lambda sku: None)
    with pytest.raises(TypeError, match="attributes of span 'price' must take what"):
        telemetry.span("price", attributes=lambda a, b, c: {})(lambda sku: None)
    with pytest.raises(TypeError, match="must not be a class, got the class int"):
        telemetry.span("price")(int)
    with pytest.raises(TypeError, match="put it below @property"):
        telemetry.span("price")(property(lambda self: None))  # type: ignore[type-var]


# Faults


@pytest.mark.telemetry_capture(allow=("fault",))
def test_callbacks_that_raise_change_nothing(captured: Captured, telemetry: Telemetry) -> None:
    """Attributes, carrier, links, expected: a counted fault each, and the function's own result (FLT 1)."""

    def broken(*args: object) -> Any:
        raise RuntimeError

    before = sum(faults.counts().values())

    @telemetry.span("price", kind=SpanKind.SERVER, attributes=broken, carrier=broken, links=broken, expected=broken)
    def price() -> None:
        raise KeyError("sku")

    with pytest.raises(KeyError):
        price()
    assert sum(faults.counts().values()) == before + 4
    assert attributes(captured)["error.type"] == "KeyError"


def test_a_broken_tracer_changes_nothing() -> None:
    """Where the SDK raises at start, the block runs without a span (FLT 1)."""

    class Broken(trace.Tracer):
        def start_span(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError

        def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError

    class Provider(trace.TracerProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
            return Broken()

    before = faults.counts().get("trace.start_span", 0)
    with Telemetry("broken", tracer_provider=Provider()).span("price") as span:
        assert span is INVALID_SPAN

    assert faults.counts()["trace.start_span"] == before + 1


def test_without_an_sdk() -> None:
    """The function's own result, the invalid span for the block, no fault."""
    before = faults.counts()
    telemetry = Telemetry("alone")
    with telemetry.span("price") as span:
        assert not span.is_recording()
    assert telemetry.span("price")(lambda: 5)() == 5

    assert faults.counts() == before


def test_switched_off(monkeypatch: pytest.MonkeyPatch, captured: Captured) -> None:
    """A library that the host has switched off makes no spans, and still tells mistakes."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.*")
    telemetry = Telemetry("shop.orders")
    function = lambda: 5
    assert telemetry.span("price")(function) is function
    with telemetry.span("price"):
        pass
    with pytest.raises(TypeError):
        telemetry.span("price", arguments=["colour"])(function)

    assert captured.spans == []


def test_the_measurement_stays_current(telemetry: Telemetry) -> None:
    """A span inside of an operation isn't a measurement: the operation's stays the current one."""
    with telemetry.operation("checkout").measure() as m, telemetry.span("price"):
        assert current_measurement() is m


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this platform doesn't have")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_does_not_end_its_parents_spans(captured: Captured, telemetry: Telemetry) -> None:
    """A span that was running at a fork is ended by the parent alone (PRC 1)."""
    block = telemetry.span("price")
    block.__enter__()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        block.__exit__(None, None, None)
        os._exit(0 if captured.span("price").end is None else 1)

    assert os.waitpid(child, 0)[1] == 0
    block.__exit__(None, None, None)
    assert captured.span("price").end is not None


# Context from elsewhere

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_server_continues_what_came_in(captured: Captured, telemetry: Telemetry) -> None:
    """SERVER and CONSUMER: the parent is extracted from the carrier, its baggage current."""
    from opentelemetry import baggage

    @telemetry.span("handle", kind=SpanKind.CONSUMER, carrier=lambda message: message["headers"])
    def handle(message: dict[str, Any]) -> object:
        return baggage.get_baggage("tenant")

    assert handle({"headers": {"traceparent": PARENT, "baggage": "tenant=eu"}}) == "eu"
    assert captured.span().parent.span_id == 0x00F067AA0BA902B7  # type: ignore[union-attr]
    assert captured.span().context.trace_id == 0x4BF92F3577B34DA6A3CE929D0E0E4736
    assert trace.get_current_span() is INVALID_SPAN
    assert baggage.get_baggage("tenant") is None


def test_a_client_sends_its_own(captured: Captured, telemetry: Telemetry) -> None:
    """CLIENT and PRODUCER: the new span is injected into the carrier."""
    headers: dict[str, str] = {}
    with telemetry.span("send", kind=SpanKind.PRODUCER, carrier=headers):
        pass

    assert f"{captured.span().context.span_id:016x}" in headers["traceparent"]


def test_links(captured: Captured, telemetry: Telemetry) -> None:
    """Carriers of other work become links, not parents."""
    with telemetry.span("batch", links=[{"traceparent": PARENT}, {}]):
        pass

    span = captured.span()
    assert span.parent is None
    assert [link.context.span_id for link in span.links] == [0x00F067AA0BA902B7]


def test_without_an_sdk_the_context_goes_on() -> None:
    """Who has no SDK still hands the incoming context on."""
    telemetry = Telemetry("alone")

    @telemetry.span("handle", kind=SpanKind.SERVER, carrier=lambda headers: headers)
    def handle(headers: dict[str, str]) -> int:
        return trace.get_current_span().get_span_context().span_id

    assert handle({"traceparent": PARENT}) == 0x00F067AA0BA902B7
    assert trace.get_current_span() is INVALID_SPAN
