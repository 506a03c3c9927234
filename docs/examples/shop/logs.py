"""Log-based events, as OTLP delivers them."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from shop.traces import attributes, value

KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Log:
    """One log record or event; `time` in nanoseconds since 1970, ids in hex (empty outside a span)."""

    name: str
    time: int
    severity: str
    body: Any
    attributes: Mapping[str, Any]
    trace_id: str
    span_id: str
    service: str


class Logs:
    """Every log record that was exported to the demo."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lock = threading.Lock()
        self._logs: deque[Log] = deque(maxlen=kept)
        self.received = 0

    def add(self, request: ExportLogsServiceRequest) -> None:
        """Take in what an exporter sent."""
        logs = [
            Log(
                name=record.event_name,
                time=record.time_unix_nano or record.observed_time_unix_nano,
                severity=record.severity_text,
                body=value(record.body),
                attributes=attributes(record.attributes),
                trace_id=record.trace_id.hex(),
                span_id=record.span_id.hex(),
                service=service,
            )
            for group in request.resource_logs
            for service in [str(attributes(group.resource.attributes).get("service.name", ""))]
            for scope in group.scope_logs
            for record in scope.log_records
        ]
        with self._lock:
            self._logs.extend(logs)
            self.received += len(logs)

    def events(self, name: str | None = None, *, since: int = 0) -> list[Log]:
        """The records (of this event name), in the order in which they came."""
        with self._lock:
            return [log for log in self._logs if name in (None, log.name) and log.time >= since]
