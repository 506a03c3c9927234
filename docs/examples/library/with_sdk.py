"""An application that has chosen an SDK: it sees what `exchange` does, inside its own trace."""

import without_sdk
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans = InMemorySpanExporter()
reader = InMemoryMetricReader()


def install() -> None:
    """What a host does once, in its own code; here everything is kept in memory, to be printed."""
    resource = Resource.create({"service.name": "till"})
    tracer_provider = TracerProvider(resource=resource)
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(tracer_provider)
    metrics.set_meter_provider(MeterProvider([reader], resource=resource))


def main() -> None:
    install()
    with trace.get_tracer("till").start_as_current_span("close the till"):
        without_sdk.main()
    show_trace()
    show_metrics()


def show_trace() -> None:
    print("\nthe trace:")
    finished = sorted(spans.get_finished_spans(), key=lambda span: span.start_time or 0)
    for span in finished:
        scope = span.instrumentation_scope
        of = "" if scope is None else f"{scope.name} {scope.version or ''}".strip()
        attributes = {
            key: value for key, value in (span.attributes or {}).items() if key.startswith(("exchange", "error"))
        }
        print(f"{'  ' if span.parent else ''}{span.name} ({of}) {attributes or ''}".rstrip())


def show_metrics() -> None:
    print("\nthe metrics:")
    collected = reader.get_metrics_data()
    for resource in collected.resource_metrics if collected else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    if isinstance(point, HistogramDataPoint):
                        print(f"{metric.name} {dict(point.attributes or {})}: {point.count}")


if __name__ == "__main__":
    main()
