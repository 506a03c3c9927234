"""What the how-to's table says of other Python kits, where it can be executed: OpenTelemetry's in-memory exporters."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


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
