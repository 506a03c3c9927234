"""What mypy and pyright must see of the testing kit."""

from opentelemetry.trace import Link, SpanContext, SpanKind
from typing_extensions import assert_type

from telemetry_kit import Telemetry
from telemetry_kit.testing import (
    Captured,
    FakeClock,
    Finding,
    Point,
    RecordedEvent,
    RecordedSpan,
    RecordedStatus,
    SpanEvent,
    Word,
    capture,
    point,
    same_behaviour,
)

telemetry = Telemetry("typed")


def test_it(telemetry_capture: Captured) -> None:
    assert_type(telemetry_capture.points("operation.duration"), list[Point])
    assert_type(telemetry_capture.value("operation.duration", {"operation.name": "checkout"}), float)
    assert_type(telemetry_capture.metrics, list[str])
    assert_type(telemetry_capture.clock, FakeClock)
    assert_type(telemetry_capture.findings(allow=("fault",)), list[Finding])


with capture() as captured:
    assert_type(captured, Captured)

span = captured.span("checkout")
assert_type(span, RecordedSpan)
assert_type(span.name, str)
assert_type(span.kind, SpanKind)
assert_type(span.status, RecordedStatus)
assert_type(span.parent, RecordedSpan | SpanContext | None)
assert_type(span.links, list[Link])
assert_type(span.events, list[SpanEvent])
assert_type(span.start, int)
assert_type(span.end, int | None)
if span.parent is not None:
    assert_type(span.parent.span_id, int)

assert_type(captured.event("config.changed"), RecordedEvent)
assert_type(captured.event("config.changed").severity, str)
assert_type(captured.event("config.changed").span, RecordedSpan | SpanContext | None)

assert_type(point(count=1, attributes={"operation.name": "checkout"}), Point)
assert_type([point(count=1)] == captured.points("operation.duration"), bool)

word: Word = "never_ended"
captured.validate(allow=(word, "ended_twice"))
captured.validate(allow=("nothing",))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
captured.wait_for("operation.duration", count=2, attributes={"operation.name": "checkout"}, timeout=0.5)


def price(sku: str) -> int:
    return len(sku)


same_behaviour(price, telemetry.operation("price")(price), [(("A1",), {}), lambda function: function("A1")])
