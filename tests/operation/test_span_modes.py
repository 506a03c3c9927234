"""`span=`: a span of its own, none, the one that is current, or one only where it fails."""

import contextlib
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode

from telemetry_kit import ErrorPolicy, Telemetry, current_measurement
from telemetry_kit.testing import Captured, FakeClock, span
from tests.support import Sdk

# False


def test_metrics_only(telemetry: Telemetry, captured: Captured) -> None:
    """`span=False` makes no span, and measures."""
    telemetry.operation("work", span=False)(lambda: None)()

    assert captured.spans == []
    assert captured.point("operation.duration").count == 1


def test_without_a_span_it_is_the_invalid_one(telemetry: Telemetry, captured: Captured) -> None:
    """With `span=False`, `.span` is the API's invalid span, also inside another span."""
    with (
        captured.tracer_provider.get_tracer("tests").start_as_current_span("outer"),
        telemetry.operation("work", span=False).measure() as m,
    ):
        assert m.span is INVALID_SPAN


def test_without_a_span_the_current_one_stays(telemetry: Telemetry, captured: Captured) -> None:
    """With `span=False` the span that was current stays it, without a word about the operation."""
    with captured.tracer_provider.get_tracer("tests").start_as_current_span("outer") as outer:

        @telemetry.operation("work", span=False)
        def work() -> None:
            assert trace.get_current_span() is outer
            current_measurement().set_attribute("a", 1)
            raise ValueError

        with pytest.raises(ValueError):
            work()

    assert dict(captured.span("outer").attributes) == {}
    assert captured.span("outer").status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("share", [1.0, 0.0], ids=["fast path", "hot path"])
def test_calls_in_one_another_without_spans(captured: Captured, share: float) -> None:
    """A failure that passes two calls without a span is told once, and is no fault of telemetry."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(signal="log"))
    inner = telemetry.operation("inner", span=False, sample_durations=share)
    outer = telemetry.operation("outer", span=False, sample_durations=share)

    @inner
    def work() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        outer(lambda: work())()

    assert [record.attributes["error.type"] for record in captured.events] == ["ValueError"]
    assert captured.points("telemetry_kit.faults") == []


# "current"


def test_current_makes_no_span_of_its_own(telemetry: Telemetry, captured: Captured) -> None:
    """`span="current"` puts attributes on the span that is current, and makes none."""
    operation = telemetry.operation(
        "work", span="current", metric_attributes={"a": 1}, span_attributes={"b": 2}, arguments=["sku"]
    )

    @operation
    def work(sku: str) -> None:
        current_measurement().set_attribute("c", 3)

    with captured.tracer_provider.get_tracer("tests").start_as_current_span("GET /"):
        work("book")

    assert dict(captured.span().attributes) == {"a": 1, "b": 2, "c": 3, "sku": "book"}
    assert captured.point("operation.duration", {"a": 1}).count == 1


def test_current_does_not_end_the_span(telemetry: Telemetry, captured: Captured) -> None:
    """The current span goes on after the operation."""
    with captured.tracer_provider.get_tracer("tests").start_as_current_span("GET /") as span:
        with telemetry.operation("work", span="current").measure() as m:
            assert m.span is span
        assert span.is_recording()
        assert trace.get_current_span() is span


def test_current_has_the_outcome(telemetry: Telemetry, captured: Captured) -> None:
    """A failure is the type, status and event of the current span."""
    with (
        captured.tracer_provider.get_tracer("tests").start_as_current_span(
            "GET /", record_exception=False, set_status_on_exception=False
        ),
        pytest.raises(ValueError),
        telemetry.operation("work", span="current").measure(),
    ):
        raise ValueError("no")

    span = captured.span()
    assert span.attributes["error.type"] == "ValueError"
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]


def test_current_without_a_span(telemetry: Telemetry, captured: Captured) -> None:
    """Where no span is current there is none, and the call is measured."""
    with telemetry.operation("work", span="current").measure() as m:
        assert m.span is INVALID_SPAN

    assert captured.spans == []
    assert captured.point("operation.duration").count == 1


# "errors"


def test_errors_makes_no_span_on_success(telemetry: Telemetry, captured: Captured) -> None:
    """`span="errors"` makes no span where nothing failed (STM 2)."""
    telemetry.operation("work", span="errors")(lambda: None)()

    assert captured.spans == []
    assert captured.point("operation.duration").count == 1


def test_errors_makes_a_back_dated_span(telemetry: Telemetry, captured: Captured, clock: FakeClock) -> None:
    """A failure makes a span that began when the call did, as the child of what was current (STM 2)."""

    @telemetry.operation("work", span="errors", kind=SpanKind.CLIENT, metric_attributes={"a": 1})
    def work() -> None:
        clock.advance(2.0)
        raise ValueError("no")

    began = clock.time_ns()
    with (
        captured.tracer_provider.get_tracer("tests").start_as_current_span("outer"),
        pytest.raises(ValueError),
    ):
        work()

    span = captured.span("work")
    assert (span.start, span.duration) == (began, 2.0)
    assert span.parent is captured.span("outer")
    assert span.kind is SpanKind.CLIENT
    assert span.attributes["error.type"] == "ValueError"
    assert span.attributes["a"] == 1
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]


def test_a_back_dated_span_has_the_name_of_the_code(telemetry: Telemetry, captured: Captured) -> None:
    """A back-dated span of a decorated function has `code.function.name`, like any (STM 2)."""

    @telemetry.operation("work", span="errors")
    def work() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        work()

    assert captured.span().attributes["code.function.name"].endswith("work")


def test_a_back_dated_span_has_what_was_said_of_the_call(telemetry: Telemetry, captured: Captured) -> None:
    """Arguments, span attributes and what was set during the call are on the back-dated span (STM 2)."""

    @telemetry.operation(
        "work",
        span="errors",
        arguments=["sku"],
        span_attributes=lambda sku: {"length": len(sku)},
        metric_attributes={"m": 1},
    )
    def work(sku: str) -> None:
        current_measurement().set_attribute("user.id", 7)
        current_measurement().set_metric_attribute("cache.result", "miss")
        raise ValueError

    with pytest.raises(ValueError):
        work("book")

    expected = {"sku": "book", "length": 4, "user.id": 7, "cache.result": "miss", "m": 1}
    assert expected.items() <= dict(captured.span().attributes).items()


def test_a_failure_by_name_makes_a_span(telemetry: Telemetry, captured: Captured) -> None:
    """`fail()` makes a back-dated span, too, with its description (STM 2)."""
    with telemetry.operation("work", span="errors").measure() as m:
        m.fail("card_declined", "no funds")

    assert captured.span().attributes["error.type"] == "card_declined"
    assert captured.span().status.description == "no funds"


def test_back_dated_spans_stay_within_the_limit(captured: Captured) -> None:
    """Back-dated spans are made within the error limit, and all failures are counted (STM 2)."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(rate=0.0, burst=3))
    operation = telemetry.operation("work", span="errors")
    for _ in range(10):
        with pytest.raises(ValueError), operation.measure():
            raise ValueError

    assert len(captured.spans) == 3
    assert captured.value("operation.duration", {"error.type": "ValueError"}) == 10


def test_a_cancellation_makes_no_span(telemetry: Telemetry, captured: Captured) -> None:
    """A cancellation is no failure (STM 2)."""
    import asyncio

    with pytest.raises(asyncio.CancelledError), telemetry.operation("work", span="errors").measure():
        raise asyncio.CancelledError

    assert captured.spans == []


@pytest.mark.parametrize("options", [{}, {"span_attributes": lambda *_, **__: {}}], ids=["lean", "full"])
def test_sampled_out(options: dict[str, Any]) -> None:
    """Where the sampler says no the call is measured, and what is said of it harms nobody."""
    sdk = Sdk(sampler=ALWAYS_OFF)

    @sdk.telemetry().operation("work", **options)
    def work() -> bool:
        current_measurement().set_attribute("a", 1)
        current_measurement().set_metric_attribute("b", 2)
        return current_measurement().span.is_recording()

    assert work() is False
    assert sdk.spans() == []
    assert sdk.point("operation.duration", {"b": 2}).count == 1


def test_a_failure_inside_of_a_plain_call_has_its_span(telemetry: Telemetry, captured: Captured) -> None:
    """Whether a call of any kind runs around one that fails, `span="errors"` makes the span of the failure."""

    @telemetry.operation("inner", span="errors")
    def inner() -> None:
        raise ValueError

    @telemetry.operation("outer")
    def outer() -> None:
        with contextlib.suppress(ValueError):
            inner()

    outer()

    assert captured.spans == [span("outer"), span("inner", parent="outer")]
