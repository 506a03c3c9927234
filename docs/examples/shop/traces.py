"""The trace store: spans as OTLP delivers them, from this process and from others, and questions to ask of them."""

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

KEPT = 60_000
"""Spans beyond this push out the oldest: a demo keeps minutes, not days."""

_STATUS = {0: "unset", 1: "ok", 2: "error"}


@dataclass(frozen=True, slots=True)
class Event:
    """What happened within a span, at a time in nanoseconds since 1970."""

    name: str
    time: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """One span: ids in hex, times in nanoseconds since 1970, `status` one of unset, ok, error."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start: int
    end: int
    attributes: Mapping[str, Any]
    status: str
    description: str
    service: str
    scope: str
    events: tuple[Event, ...] = ()
    links: tuple[str, ...] = ()
    resource: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / 1e9


class Traces:
    """Every span that was exported to the demo; safe to ask from any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lock = threading.Lock()
        self._spans: deque[Span] = deque(maxlen=kept)
        self.received = 0

    def add(self, request: ExportTraceServiceRequest) -> None:
        """Take in what an exporter sent."""
        spans = [
            _span(span, resource, scope.scope.name)
            for group in request.resource_spans
            for resource in [attributes(group.resource.attributes)]
            for scope in group.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans.extend(spans)
            self.received += len(spans)

    def spans(self, name: str | None = None, *, service: str | None = None, since: int = 0) -> list[Span]:
        """The spans (of this name, of this service, that began at or after `since`, in nanoseconds), oldest first."""
        with self._lock:
            kept = list(self._spans)
        found = [s for s in kept if name in (None, s.name) and service in (None, s.service) and s.start >= since]
        return sorted(found, key=lambda span: span.start)

    def trace(self, trace_id: str) -> list[Span]:
        """All spans of one trace, oldest first."""
        return [span for span in self.spans() if span.trace_id == trace_id]

    def slowest(self, name: str, *, since: int = 0) -> list[Span]:
        """The whole trace of the slowest span of this name, empty if there is none."""
        candidates = self.spans(name, since=since)
        return self.trace(max(candidates, key=lambda span: span.seconds).trace_id) if candidates else []


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """OTLP's key-value list as a dictionary."""
    return {pair.key: value(pair.value) for pair in pairs}


def value(any_value: AnyValue) -> Any:
    """An OTLP value as Python's own."""
    which = any_value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if which == "kvlist_value":
        return attributes(any_value.kvlist_value.values)
    return getattr(any_value, which)


def _span(span: trace_pb2.Span, resource: Mapping[str, Any], scope: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=attributes(span.attributes),
        status=_STATUS.get(span.status.code, "unset"),
        description=span.status.message,
        service=str(resource.get("service.name", "")),
        scope=scope,
        events=tuple(Event(event.name, event.time_unix_nano, attributes(event.attributes)) for event in span.events),
        links=tuple(link.trace_id.hex() for link in span.links),
        resource=resource,
    )
