"""Log records as they are recorded: the API's logger provider and logger, and what is kept of each event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry._logs import Logger, LoggerProvider, SeverityNumber
from opentelemetry.trace import SpanContext

from telemetry_kit._core import clock
from telemetry_kit._recording.metrics import frozen
from telemetry_kit._recording.sink import OfOneCapture, described_exception
from telemetry_kit._recording.spans import LIMIT, RecordedSpan, RecordingSpan

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord
    from opentelemetry.context import Context

    from telemetry_kit._recording.sink import Sink


class RecordedEvent(OfOneCapture):
    """What is kept of a log record, which is an event where it has a name.

    `severity` is the name of its severity number (`"INFO"`, `"WARN2"`), or its severity text where it has no number;
    `timestamp` is nanoseconds since the epoch; `scope` is the logger's name.

    >>> from telemetry_kit import Telemetry
    >>> from telemetry_kit.testing import capture
    >>> with capture() as captured:
    ...     Telemetry("shop.orders").event("order.placed", {"order.id": "o-7"})
    >>> captured.event("order.placed")
    <event 'order.placed' INFO {'order.id': 'o-7'}>
    """

    __slots__ = ("_sink", "_span", "attributes", "body", "name", "scope", "severity", "severity_number", "timestamp")

    def __init__(
        self,
        sink: Sink,
        name: str,
        attributes: dict[str, Any],
        severity_number: SeverityNumber | None,
        severity_text: str | None,
        body: Any,
        timestamp: int,
        span: RecordedSpan | SpanContext | None,
        scope: str,
    ) -> None:
        self._sink = sink
        self._span = span
        self.name: str = name
        self.attributes: dict[str, Any] = attributes
        self.severity_number: SeverityNumber | None = severity_number
        numbered = severity_number is not None and severity_number is not SeverityNumber.UNSPECIFIED
        self.severity: str = severity_number.name if numbered and severity_number else severity_text or ""
        self.body: Any = body
        self.timestamp: int = timestamp
        self.scope: str = scope

    @property
    def span(self) -> RecordedSpan | SpanContext | None:
        """The span that was current, the bare context of one that wasn't recorded here, or None."""
        span = self._span
        if isinstance(span, SpanContext):
            return self._sink.find_span(span) or span
        return span

    def __repr__(self) -> str:
        return f"<event {self.name!r} {self.severity} {self.attributes!r}>"


class RecordingLogger(Logger):
    """Makes log records that are recorded."""

    def __init__(self, sink: Sink, name: str, version: str | None, schema_url: str | None, attributes: Any) -> None:
        super().__init__(name, version, schema_url, attributes)
        self._sink = sink

    def enabled(
        self,
        *,
        context: Context | None = None,
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Everything is recorded."""
        return True

    def emit(self, record: LogRecord | None = None, **fields: Any) -> None:
        """Keep a record, or one made of its fields."""

        def given(field: str) -> Any:
            return fields.get(field) if record is None else getattr(record, field, None)

        exception = given("exception")
        described = {} if exception is None else described_exception(exception)
        attributes = {**described, **(given("attributes") or {})}
        event = RecordedEvent(
            self._sink,
            given("event_name") or "",
            {key: frozen(attributes[key]) for key in list(attributes)[:LIMIT]},
            given("severity_number"),
            given("severity_text"),
            given("body"),
            given("timestamp") or given("observed_timestamp") or clock.time_ns(),
            self._current(record, fields.get("context")),
            self._name,
        )
        self._sink.event_emitted(event)

    def _current(self, record: LogRecord | None, context: Context | None) -> RecordedSpan | SpanContext | None:
        if record is not None:
            context = record.context
        span = trace.get_current_span(context)
        if isinstance(span, RecordingSpan) and span.sink is self._sink:
            return span.recorded
        found = span.get_span_context()
        if record is not None and not found.is_valid:  # made with the ids alone, which old callers do
            found = SpanContext(record.trace_id or 0, record.span_id or 0, is_remote=False)
        return found if found.is_valid else None


class RecordingLoggerProvider(OfOneCapture, LoggerProvider):
    """Gives loggers whose records go to `sink`."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def get_logger(
        self, name: str, version: str | None = None, schema_url: str | None = None, attributes: Any = None
    ) -> Logger:
        return RecordingLogger(self._sink, name, version, schema_url, attributes)
