"""A real SDK per test, handed over explicitly: nothing global is touched, so that tests can run in any order."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as logs_export
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler

from telemetry_kit import ErrorPolicy, Telemetry
from telemetry_kit._core import clock as _clock
from telemetry_kit.testing.points import contains

_LogExporter: Any = getattr(logs_export, "InMemoryLogRecordExporter", None) or logs_export.InMemoryLogExporter
_LogProcessor: Any = logs_export.SimpleLogRecordProcessor


@contextmanager
def use_clock(clock: Any) -> Iterator[None]:
    """Make the whole kit read `clock`, in every thread, until the block ends."""
    before = _clock.installed()
    _clock.install((clock.perf_counter, clock.time, clock.time_ns))
    try:
        yield
    finally:
        _clock.install(before)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread or process is about to do."""
    waiting = threading.Event()
    for _ in range(3_000):
        if holds():
            return
        waiting.wait(0.01)
    assert holds()


class Sdk:
    """Three real providers with everything kept in memory, which answers what a `Captured` answers, by the same words."""

    def __init__(self, *, sampler: Sampler | None = None, views: Sequence[View] = ()) -> None:
        resource = Resource.create({"service.name": "tests"})
        self.reader = InMemoryMetricReader()
        self.span_exporter = InMemorySpanExporter()
        self.log_exporter = _LogExporter()
        self.tracer_provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        self.meter_provider = MeterProvider([self.reader], resource=resource, views=views, shutdown_on_exit=False)
        self.logger_provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.span_exporter))
        self.logger_provider.add_log_record_processor(_LogProcessor(self.log_exporter))
        self.tracer = self.tracer_provider.get_tracer("tests")
        self.errors = ErrorPolicy()
        """The default one is the process's: what other tests raised a moment ago would count against this one."""

    def telemetry(self, name: str = "shop.orders", version: str | None = None, **options: Any) -> Telemetry:
        """A `Telemetry` that records here; `options` are its own."""
        providers: dict[str, Any] = {
            "tracer_provider": self.tracer_provider,
            "meter_provider": self.meter_provider,
            "logger_provider": self.logger_provider,
            "errors": self.errors,
        }
        return Telemetry(name, version, **{**providers, **options})

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """All ended spans in the order in which they ended, or those of one name."""
        return [span for span in self.span_exporter.get_finished_spans() if name in (None, span.name)]

    def span(self, name: str | None = None) -> ReadableSpan:
        """The one ended span (of this name)."""
        spans = self.spans(name)
        assert len(spans) == 1, f"expected one span {name or ''}, there are {[span.name for span in self.spans()]}"
        return spans[0]

    def logs(self, event_name: str | None = None) -> list[Any]:
        """All log records (the API's, with `.event_name`, `.attributes`, `.trace_id` ...), or those of one event."""
        records = [finished.log_record for finished in self.log_exporter.get_finished_logs()]
        return [record for record in records if event_name in (None, record.event_name)]

    def log(self, event_name: str | None = None) -> Any:
        """The one log record (of this event)."""
        records = self.logs(event_name)
        assert len(records) == 1, f"expected one log record {event_name or ''}, there are {len(records)}"
        return records[0]

    def metrics(self) -> dict[str, Metric]:
        """Collect now: every metric that has points, by name."""
        collected = self.reader.get_metrics_data()
        of_resources = [] if collected is None else collected.resource_metrics
        scopes = [scope for resource in of_resources for scope in resource.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def points(self, metric: str, attributes: Mapping[str, Any] | None = None) -> list[Any]:
        """Collect now: the metric's points whose attributes contain these."""
        found = self.metrics().get(metric)
        points: list[Any] = [] if found is None else list(found.data.data_points)
        return [point for point in points if contains(point.attributes, attributes)]

    def point(self, metric: str, attributes: Mapping[str, Any] | None = None) -> Any:
        """Collect now: the one such point."""
        points = self.points(metric, attributes)
        assert len(points) == 1, f"expected one point of {metric}, there are {[dict(p.attributes) for p in points]}"
        return points[0]

    def value(self, metric: str, attributes: Mapping[str, Any] | None = None) -> float:
        """Collect now: the sum over such points; of a histogram, its count."""
        points = self.points(metric, attributes)
        return sum(getattr(point, "count", getattr(point, "value", 0)) for point in points)

    def shutdown(self) -> None:
        """Stop the three providers."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()
        self.logger_provider.shutdown()


def unmeasured() -> dict[str, str]:
    """The environment of a program that coverage doesn't measure."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
