"""One rule for values, on every way in. The rule itself: `core/test_attributes.py`."""

from collections import UserString
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.trace import Link, SpanContext

from telemetry_kit import Telemetry, context_attributes, current_measurement, enrich_span, set_span_attributes
from telemetry_kit.testing import Captured, point


class Tier(Enum):
    GOLD = 1


class Share(float, Enum):
    HALF = 0.5


class Mark(bytes, Enum):
    A = b"a"


class Basket:
    """Nothing that OpenTelemetry takes."""


VALUES: dict[str, tuple[Any, Any]] = {
    "UUID": (UUID(int=7), str(UUID(int=7))),
    "date": (date(2026, 1, 2), "2026-01-02"),
    "decimal": (Decimal("1.5"), "1.5"),
    "enum": (Tier.GOLD, "GOLD"),
    "float enum": (Share.HALF, "HALF"),
    "bytes enum": (Mark.A, "A"),
    "bytes": (b"text", "text"),
    "memoryview": (memoryview(b"text"), "text"),
    "text of a class": (UserString("text"), "text"),
    "huge int": (2**64, str(2**64)),
    "sequence": ([Tier.GOLD, Tier.GOLD], ("GOLD", "GOLD")),
    "int": (7, 7),
}
"""What is given, and what is there."""

Way = Callable[[Telemetry, Captured, Any], Any]


def _on_span(captured: Captured) -> Any:
    return captured.span().attributes.get("k")


def metric_attributes(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.operation("op", metric_attributes={"k": value}).measure():
        pass
    assert captured.point("operation.duration").attributes.get("k") == _on_span(captured)
    return _on_span(captured)


def metric_attributes_of_a_call(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.operation("op").measure(metric_attributes={"k": value}):
        pass
    assert captured.point("operation.duration").attributes.get("k") == _on_span(captured)
    return _on_span(captured)


def set_metric_attribute(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.operation("op").measure() as m:
        m.set_metric_attribute("k", value)
    assert captured.point("operation.duration").attributes.get("k") == _on_span(captured)
    return _on_span(captured)


def span_attributes(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.operation("op", span_attributes={"k": value}).measure():
        pass
    return _on_span(captured)


def set_attribute(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.operation("op").measure() as m:
        m.set_attribute("k", value)
    return _on_span(captured)


def current(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    telemetry.operation("op")(lambda: current_measurement().set_attributes({"k": value}))()
    return _on_span(captured)


def arguments(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    telemetry.operation("op", arguments=["k"])(lambda k: None)(value)
    return _on_span(captured)


def span(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.span("span", attributes={"k": value}):
        pass
    return _on_span(captured)


def current_span(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.span("span"):
        set_span_attributes({"k": value})
    return _on_span(captured)


def enriched_by_the_result(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.span("span"):
        enrich_span(result=lambda result: {"k": result})(lambda: value)()
    return _on_span(captured)


def event(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    telemetry.event("happened", {"k": value})
    return captured.event("happened").attributes.get("k")


def body(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    telemetry.event("happened", body=value)
    found = captured.event("happened").body
    return tuple(found) if isinstance(found, list) else found


def recorded_exception(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.span("span"):
        telemetry.record_exception(ValueError(), attributes={"k": value})
    return captured.span().events[0].attributes.get("k")


def measured_event(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.operation("op").measure() as m:
        m.add_event("happened", {"k": value})
    return captured.span().events[0].attributes.get("k")


def run(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.batch_job("job").run() as running:
        running.set_attribute("k", value)
    return _on_span(captured)


def step(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.batch_job("job").run() as running, running.step("step") as part:
        part.set_attribute("k", value)
    return captured.span("step").attributes.get("k")


def job(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.batch_job("job", metric_attributes={"k": value}).run():
        pass
    assert captured.point("job.duration").attributes.get("k") == _on_span(captured)
    return _on_span(captured)


def job_of_a_run(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.batch_job("job").run(metric_attributes={"k": value}):
        pass
    assert captured.point("job.duration").attributes.get("k") == _on_span(captured)
    return _on_span(captured)


def inherited(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with context_attributes({"k": value}, metric_keys=["k"]), telemetry.operation("op").measure():
        pass
    assert captured.point("operation.duration").attributes.get("k") == _on_span(captured)
    return _on_span(captured)


def link(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.span("span", links=[Link(SpanContext(1, 2, is_remote=True), {"k": value})]):
        pass
    return captured.span().links[0].attributes.get("k")


def counter(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    telemetry.counter("sold", unit="{lamp}", description="Lamps that were sold").add(1, {"k": value})
    return captured.point("sold").attributes.get("k")


def pool(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.pool("pool", metric_attributes={"k": value}).use():
        pass
    return captured.point("pool.use_time").attributes.get("k")


def query(telemetry: Telemetry, captured: Captured, value: Any) -> Any:
    with telemetry.database("sqlite").query("SELECT") as q:
        q.set_attribute("k", value)
    return _on_span(captured)


WAYS: list[Way] = [
    metric_attributes, metric_attributes_of_a_call, set_metric_attribute, span_attributes, set_attribute, current,
    arguments, span, current_span, enriched_by_the_result, event, body, recorded_exception, measured_event, run, step,
    job, job_of_a_run, inherited, link, counter, pool, query,
]  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_value_is_the_same_on_every_way_in(telemetry: Telemetry, captured: Captured, way: Way, name: str) -> None:
    """FLT 2: what can be kept is kept, by the same rule wherever it is handed over."""
    value, right = VALUES[name]

    assert way(telemetry, captured, value) == right


@pytest.mark.telemetry_capture(allow=("dropped",))
@pytest.mark.parametrize("way", [way for way in WAYS if way is not arguments], ids=lambda way: way.__name__)
def test_what_cannot_be_kept_is_a_counted_fault(telemetry: Telemetry, captured: Captured, way: Way) -> None:
    """FLT 2: it costs itself only, and exactly one fault says so, wherever it is handed over."""
    assert way(telemetry, captured, Basket()) is None
    assert captured.points("telemetry_kit.faults") == [point(value=1, attributes={"fault.site": "attributes.value"})]


ON_BOTH: list[Way] = [
    metric_attributes,
    metric_attributes_of_a_call,
    set_metric_attribute,
    job,
    job_of_a_run,
    inherited,
]
"""What puts a value on a metric and a span."""


@pytest.mark.telemetry_capture(allow=("dropped",))
@pytest.mark.parametrize(
    ("value", "right"),
    [({"sku": "A1"}, '{"sku": "A1"}'), ([1, "a"], '[1, "a"]'), (float("inf"), float("inf")), ("", "")],
)
@pytest.mark.parametrize("way", ON_BOTH, ids=lambda way: way.__name__)
def test_what_no_metric_takes_stays_on_the_span(
    telemetry: Telemetry, captured: Captured, way: Way, value: Any, right: Any
) -> None:
    """FLT 2: the metric goes without, the span has it as it was given."""
    with pytest.raises(AssertionError, match=r"assert None =="):
        way(telemetry, captured, value)

    assert _on_span(captured) == right


def test_a_run_id_follows_the_rule(telemetry: Telemetry, captured: Captured) -> None:
    """FLT 2: a date is ISO 8601, a UUID its text."""
    with telemetry.batch_job("job").run(run_id=date(2026, 1, 2)):
        pass

    assert captured.span().attributes["job.run.id"] == "2026-01-02"
