"""What a host does once, early: choose an SDK. All three signals leave as OTLP, to
OTEL_EXPORTER_OTLP_ENDPOINT."""

import signal
import sys
from collections.abc import Callable

from opentelemetry import _logs, metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def set_up(service: str) -> Callable[[], None]:
    """Set the global providers. What it returns delivers what is left, and is for a
    server that has a moment for that: the SDK's own exit handlers do the same, where a
    process lives to run them."""
    resource = Resource.create({"service.name": service})
    tracer_provider = TracerProvider(resource=resource)
    tracer_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracer_provider)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    meter_provider = MeterProvider([reader], resource=resource)
    metrics.set_meter_provider(meter_provider)
    logger_provider = LoggerProvider(resource=resource)  # events, exceptions
    logger_provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    _logs.set_logger_provider(logger_provider)

    def shut_down() -> None:
        for provider in (tracer_provider, meter_provider, logger_provider):
            provider.shutdown()

    return shut_down


def end_as_ctrl_c_does() -> None:
    """Have SIGTERM, by which a container is stopped, run the exit handlers: its default
    action runs none."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def trace_id() -> str:
    """The id of the trace that is current, as a log line or an answer shows it."""
    return trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
