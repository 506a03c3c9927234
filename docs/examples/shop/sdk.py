"""The host's choice: which SDK, which exporters. The shop knows nothing of it.

The demo's process hands what it measures straight to the stores, in OTLP's shape; other processes of the demo send it
over HTTP, to where `OTEL_EXPORTER_OTLP_ENDPOINT` says, as any service would.
"""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from opentelemetry import _logs, metrics, trace
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from shop.logs import Logs
from shop.metrics import Metrics
from shop.traces import Traces

HOST_METRICS: dict[str, list[str] | None] = {
    "system.cpu.time": ["user", "system", "idle"],
    "process.cpu.time": ["user", "system"],
    "process.memory.usage": None,
    "process.open_file_descriptor.count": None,
    "process.thread.count": None,
}
"""What OpenTelemetry's own instrumentation reports of the machine and the process, beside the kit."""


class _ToTraces(SpanExporter):
    def __init__(self, store: Traces) -> None:
        self.store = store

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.store.add(encode_spans(spans))
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class _ToLogs(LogRecordExporter):
    def __init__(self, store: Logs) -> None:
        self.store = store

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.store.add(encode_logs(batch))
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


@dataclass
class Sdk:
    """The providers that were installed for this process, and how to stop what was started with them."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider
    logger_provider: LoggerProvider
    stops: list[Callable[[], None]] = field(default_factory=list)

    def flush_spans(self) -> None:
        """Bring every ended span to the store."""
        self.tracer_provider.force_flush()
        self.logger_provider.force_flush()

    def stop(self) -> None:
        """Export the rest and end."""
        for stop in self.stops:
            stop()
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()
        self.logger_provider.shutdown()


def into(traces: Traces, history: Metrics, logs: Logs, *, service: str, interval: float = 0.5) -> Sdk:
    """The SDK of the demo's own process: into the stores, and onto a Prometheus page."""
    reader = InMemoryMetricReader()
    sdk = _install(
        Resource.create({"service.name": service}),
        spans=BatchSpanProcessor(_ToTraces(traces), max_queue_size=20_000, schedule_delay_millis=500),
        logs=BatchLogRecordProcessor(_ToLogs(logs), schedule_delay_millis=500),
        readers=[reader, PrometheusMetricReader()],
    )

    def collect() -> None:
        collected = reader.get_metrics_data()
        if collected is not None:
            history.add(encode_metrics(collected))

    stopped = threading.Event()

    def keep_collecting() -> None:
        while not stopped.wait(interval):
            collect()

    collecting = threading.Thread(target=keep_collecting, name="shop-collect", daemon=True)
    history.collect_from(collect)
    collecting.start()
    instrumentor = SystemMetricsInstrumentor(config=HOST_METRICS)
    instrumentor.instrument(meter_provider=sdk.meter_provider)
    sdk.stops += [stopped.set, collecting.join, instrumentor.uninstrument]
    return sdk


def from_environment(*, interval: float = 0.5) -> Sdk:
    """The SDK of another process: over OTLP to `OTEL_EXPORTER_OTLP_ENDPOINT`, named by `OTEL_SERVICE_NAME`."""
    exporter = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=interval * 1_000)
    return _install(
        Resource.create({"process.pid": os.getpid()}),
        spans=BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=int(interval * 1_000)),
        logs=BatchLogRecordProcessor(OTLPLogExporter(), schedule_delay_millis=int(interval * 1_000)),
        readers=[exporter],
    )


def _install(
    resource: Resource, *, spans: BatchSpanProcessor, logs: BatchLogRecordProcessor, readers: Sequence[MetricReader]
) -> Sdk:
    sdk = Sdk(
        TracerProvider(resource=resource),
        MeterProvider(readers, resource=resource),
        LoggerProvider(resource=resource),
    )
    sdk.tracer_provider.add_span_processor(spans)
    sdk.logger_provider.add_log_record_processor(logs)
    trace.set_tracer_provider(sdk.tracer_provider)
    metrics.set_meter_provider(sdk.meter_provider)
    _logs.set_logger_provider(sdk.logger_provider)
    return sdk
