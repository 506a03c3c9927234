"""Points, spans and events as a test expects them, and what is said where they aren't."""

import pytest
from opentelemetry.trace import SpanKind, Status, StatusCode

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, capture, event, explain, point, span

telemetry = Telemetry("shop.orders")
KEYS = {"operation.name": "sell", "scope.name": "shop.orders"}


@pytest.fixture(scope="module")
def captured() -> Captured:
    """A sale that fails."""
    with capture() as captured:
        sell = telemetry.operation("sell", kind=SpanKind.SERVER)
        with sell.measure(metric_attributes={"size": 1}) as measurement:
            with telemetry.span("price", attributes={"tags": ["a", "b"]}):
                telemetry.event("priced", {"sku": "A1"}, severity="WARN", body="dear")
            measurement.add_event("refused", {"why": "price"})
            measurement.fail("refused", "too dear")
            captured.clock.advance(0.1)
            captured.clock.advance(0.2)
    return captured


def test_a_point_is_equal_by_what_is_given(captured) -> None:
    """A point equals a recorded one by the fields that are given, attributes as a whole."""
    [recorded] = captured.points("operation.duration")

    assert recorded == point(count=1)
    assert recorded == point(sum=0.3)
    assert recorded == point(attributes={**KEYS, "size": 1, "error.type": "refused"})
    assert recorded != point(count=2)
    assert recorded != point(value=1)
    assert recorded != point(attributes={**KEYS, "size": 1})


@pytest.mark.parametrize("value", [True, 1.5, "1", None])
def test_values_of_another_type_are_others(captured, value) -> None:
    """1 isn't True and isn't "1": a backend takes them for different values."""
    assert captured.points("operation.duration") != [point(attributes={**KEYS, "size": value, "error.type": "refused"})]


def test_a_span_is_equal_by_what_is_given(captured) -> None:
    """A span equals a recorded one by what is given; its parent by name or itself, its status with or without words."""
    sold, priced = captured.spans

    assert sold == span("sell", kind=SpanKind.SERVER, attributes={"size": 1, "error.type": "refused"}, parent="")
    assert sold == span(status=StatusCode.ERROR, events=["refused"])
    assert sold == span(
        status=Status(StatusCode.ERROR, "too dear"), events=[event("refused", attributes={"why": "price"})]
    )
    assert priced == span("price", attributes={"tags": ["a", "b"]}, parent="sell", events=[])
    assert priced == span(parent=sold)
    assert priced != span(parent="")
    assert sold != span("sell", kind=SpanKind.CLIENT)


def test_an_event_is_equal_by_what_is_given(captured) -> None:
    """An event equals a recorded one by what is given."""
    assert captured.events == [event("priced", attributes={"sku": "A1"}, severity="WARN", body="dear")]
    assert captured.events != [event("priced", severity="INFO")]


def test_the_nearest_span_is_shown_first(captured) -> None:
    """Of a span that isn't there the nearest is shown, with each difference in a line."""
    lines = explain([span("price", attributes={"tags": ["a"], "sku": "A1"}, parent="")], captured.spans)

    assert lines == [
        "what was recorded isn't what was expected:",
        "  missing: span(name='price', attributes={'tags': ['a'], 'sku': 'A1'}, parent='')",
        "    nearest: <span 'price' {'tags': ('a', 'b')}>",
        "      attribute 'sku': expected 'A1', is absent",
        "      attribute 'tags': expected ['a'], is ('a', 'b')",
        "      parent: expected None, is 'sell'",
        "  not expected: <span 'sell' {'size': 1, 'error.type': 'refused'}>",
    ]


def test_one_too_many_is_shown(captured) -> None:
    """What was recorded and not expected is shown after what is missing."""
    lines = explain([], captured.points("operation.duration"))

    assert lines is not None
    assert [line.split(": ")[0] for line in lines[1:]] == ["  not expected"]


def test_one_that_isnt_among_them_is_shown_with_the_nearest(captured) -> None:
    """Where one is to be among others, those aren't too many."""
    assert explain(span("prize"), captured.spans, among=True) == [
        "what was recorded isn't what was expected:",
        "  missing: span(name='prize')",
        "    nearest: <span 'price' {'tags': ('a', 'b')}>",
        "      name: expected 'prize', is 'price'",
    ]


def test_a_kind_is_said_by_its_name(captured) -> None:
    """An enum's member is written as it is written in the test."""
    [*_, difference] = explain(span("price", kind=SpanKind.SERVER), captured.span("price")) or []

    assert difference == "      kind: expected SpanKind.SERVER, is SpanKind.INTERNAL"


def test_another_order_is_said(captured) -> None:
    """Where all is there in another order, that is what is said."""
    assert explain([span("price"), span("sell")], captured.spans) == [
        "what was recorded isn't what was expected:",
        "  only their order differs; it was:",
        "    <span 'sell' {'size': 1, 'error.type': 'refused'}>",
        "    <span 'price' {'tags': ('a', 'b')}>",
    ]


def test_whatever_else_is_nobodys_business() -> None:
    """Comparisons of other things are left to pytest."""
    assert explain([1], [2]) is None
    assert explain(1, point()) is None
    assert explain([], []) is None


def test_nothing_recorded_is_said_either_way() -> None:
    """Where nothing was recorded the expected ones are missing, on whichever side they stand."""
    for lines in (explain([], [point(count=1)]), explain([point(count=1)], [])):
        assert lines == ["what was recorded isn't what was expected:", "  missing: point(count=1)"]
