"""What the how-to's table says of other Python kits, where it can be executed: OpenTelemetry's in-memory exporters."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as logs_export
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from telemetry_kit import Telemetry
from telemetry_kit.testing import capture, event, point, span

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "prove-your-telemetry.md"
LogExporter: Any = getattr(logs_export, "InMemoryLogRecordExporter", None) or logs_export.InMemoryLogExporter
ATTRIBUTES = {"operation.name": "checkout", "scope.name": "shop.orders"}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def test_the_exporter_has_ended_spans_only(exporter, provider) -> None:
    """A span that nobody ends isn't there, and nothing says so; neither does a second end fail."""
    tracer = provider.get_tracer("mine")
    tracer.start_span("lost")
    span = tracer.start_span("twice")
    span.end()
    span.end()

    assert [span.name for span in exporter.get_finished_spans()] == ["twice"]


def test_the_exporters_ids_and_times_are_the_machines(exporter, provider) -> None:
    """Two runs of one program differ in what they export."""
    for _ in range(2):
        provider.get_tracer("mine").start_span("work").end()
    first, second = exporter.get_finished_spans()

    assert first.to_json() != second.to_json()


def test_the_reader_is_cumulative() -> None:
    """What one test counts is in what the next one reads."""
    reader = InMemoryMetricReader()
    counter = MeterProvider([reader], shutdown_on_exit=False).get_meter("mine").create_counter("sold")
    read = []
    for _ in range(2):
        counter.add(1)
        [metric] = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
        read.append(metric.data.data_points[0].value)

    assert read == [1, 2]


def test_the_global_provider_is_set_once(monkeypatch, caplog, provider) -> None:
    """A second provider isn't taken: tests that want one of their own reset the API by private names."""
    from opentelemetry.util._once import Once

    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    trace.set_tracer_provider(provider)
    trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))

    assert trace.get_tracer_provider() is provider
    assert "Overriding of current TracerProvider is not allowed" in caplog.text


def test_exported_spans_have_no_equality() -> None:
    """Spans have no equality of their own, so that what is expected is written attribute by attribute."""
    provider = TracerProvider(shutdown_on_exit=False)
    one, other = (provider.get_tracer("mine").start_span("work") for _ in range(2))

    assert one != other


# One test written with both: a span with an attribute and no parent, an event, and a histogram's point


def sell(telemetry: Telemetry) -> None:
    with telemetry.operation("checkout").measure(span_attributes={"order.id": "A1"}):
        telemetry.event("order.placed", {"order.items": 3})


def with_this_kit() -> None:
    with capture() as captured:
        sell(Telemetry("shop.orders"))

    assert captured.spans == [span("checkout", attributes={"order.id": "A1"}, parent="")]
    assert captured.events == [event("order.placed", severity="INFO", attributes={"order.items": 3})]
    assert captured.points("operation.duration") == [point(count=1, sum=0, attributes=ATTRIBUTES)]


def with_the_exporters() -> None:
    spans, logs, reader = InMemorySpanExporter(), LogExporter(), InMemoryMetricReader()
    traces, records = TracerProvider(shutdown_on_exit=False), LoggerProvider(shutdown_on_exit=False)
    meters = MeterProvider([reader], shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(spans))
    records.add_log_record_processor(logs_export.SimpleLogRecordProcessor(logs))
    sell(Telemetry("shop.orders", tracer_provider=traces, meter_provider=meters, logger_provider=records))

    [checkout] = spans.get_finished_spans()
    assert checkout.name == "checkout"
    assert checkout.parent is None
    assert dict(checkout.attributes or {}) == {"order.id": "A1"}
    [placed] = [finished.log_record for finished in logs.get_finished_logs()]
    assert (placed.event_name, placed.severity_text) == ("order.placed", "INFO")
    assert dict(placed.attributes) == {"order.items": 3}
    collected: Any = reader.get_metrics_data()
    scopes = [scope for resource in collected.resource_metrics for scope in resource.scope_metrics]
    [duration] = [metric for scope in scopes for metric in scope.metrics if metric.name == "operation.duration"]
    [only] = duration.data.data_points
    assert (only.count, dict(only.attributes)) == (1, ATTRIBUTES)
    for provider in (traces, meters, records):
        provider.shutdown()


def lines_of(function: Callable[[], None]) -> int:
    """Of its body, blank ones left out."""
    function()
    return sum(bool(line.strip()) for line in inspect.getsource(function).splitlines()) - 1


def test_how_many_lines_a_test_takes() -> None:
    """The page's table says how many lines one and the same test takes with either, both executed here."""
    [row] = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| lines of one test")]
    ours, _, exporters = row.split("|")[2:5]

    assert [ours.split()[0], exporters.split()[0]] == [str(lines_of(with_this_kit)), str(lines_of(with_the_exporters))]
