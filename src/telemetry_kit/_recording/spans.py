"""Spans as they are recorded: the API's tracer provider, tracer and span, and what is kept of each span.

The rules are those of the OpenTelemetry SDK with its default settings: children of an unsampled parent aren't recorded,
a status of OK is final, nothing changes after the end, 128 attributes, events and links are kept.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.util._decorator import _agnosticcontextmanager

from telemetry_kit._core import clock
from telemetry_kit._recording.sink import OfOneCapture, described_exception

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from opentelemetry.context import Context

    from telemetry_kit._recording.sink import Sink

LIMIT = 128
"""Attributes, events and links that the SDK keeps of a span."""


class RecordedStatus(trace.Status):
    """A span's status: equal to another of the same code and description, and to a bare `StatusCode`.

    >>> from opentelemetry.trace import StatusCode
    >>> RecordedStatus(StatusCode.ERROR, "card declined")
    Status(ERROR, 'card declined')
    >>> RecordedStatus() == StatusCode.UNSET
    True
    """

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StatusCode):
            return self.status_code is other
        if isinstance(other, trace.Status):
            return (self.status_code, self.description) == (other.status_code, other.description)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.status_code)

    def __repr__(self) -> str:
        words = "" if self.description is None else f", {self.description!r}"
        return f"Status({self.status_code.name}{words})"


class SpanEvent:
    """An event of a span: `name`, `attributes`, and `timestamp` in nanoseconds since the epoch.

    >>> SpanEvent("cart.reserved", {"cart.size": 3}, 1_700_000_000_000_000_000)
    <event 'cart.reserved' {'cart.size': 3}>
    """

    __slots__ = ("attributes", "name", "timestamp")

    def __init__(self, name: str, attributes: dict[str, Any], timestamp: int) -> None:
        self.name: str = name
        self.attributes: dict[str, Any] = attributes
        self.timestamp: int = timestamp

    def __repr__(self) -> str:
        return f"<event {self.name!r} {self.attributes!r}>"


class RecordedSpan(OfOneCapture):
    """What is kept of a span, from its start on.

    `start` and `end` are nanoseconds since the epoch; `end` is None while the span runs. `scope` and `version` are those
    of the tracer that made it, `thread` is the name of the thread in which it began.

    >>> from telemetry_kit import Telemetry
    >>> from telemetry_kit.testing import capture
    >>> with capture() as captured, Telemetry("shop.orders").span("price", attributes={"product.sku": "A1"}):
    ...     pass
    >>> captured.span("price").attributes
    {'product.sku': 'A1'}
    """

    __slots__ = (
        "__weakref__", "_attributes", "_events", "_links", "_parent", "_sink", "context", "end", "kind", "name",
        "parent_context", "scope", "start", "status", "thread", "version",
    )  # fmt: skip

    def __init__(
        self,
        sink: Sink,
        name: str,
        kind: SpanKind,
        context: SpanContext,
        parent: RecordedSpan | SpanContext | None,
        attributes: Mapping[str, Any] | None,
        links: Sequence[trace.Link],
        start: int,
        scope: tuple[str, str | None],
    ) -> None:
        self._sink = sink
        self._parent = parent
        self._attributes = BoundedAttributes(LIMIT, attributes, immutable=False)
        self._events: deque[SpanEvent] = deque(maxlen=LIMIT)
        self._links: deque[trace.Link] = deque(maxlen=LIMIT)
        for link in links:
            self._add_link(link.context, link.attributes)
        self.name: str = name
        self.kind: SpanKind = kind
        self.context: SpanContext = context
        self.parent_context: SpanContext | None = parent.context if isinstance(parent, RecordedSpan) else parent
        self.status: RecordedStatus = RecordedStatus()
        self.start: int = start
        self.end: int | None = None
        self.scope: str
        self.version: str | None
        self.scope, self.version = scope
        self.thread: str = threading.current_thread().name

    @property
    def trace_id(self) -> int:
        """The number of its trace."""
        return self.context.trace_id

    @property
    def span_id(self) -> int:
        """Its own number."""
        return self.context.span_id

    @property
    def is_remote(self) -> bool:
        return False

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes by key; sequences are tuples, as in the SDK."""
        return dict(self._attributes)

    @property
    def events(self) -> list[SpanEvent]:
        """Its events in the order in which they were added."""
        return list(self._events)

    @property
    def links(self) -> list[trace.Link]:
        """Its links, each with `.context` and `.attributes`."""
        return list(self._links)

    @property
    def parent(self) -> RecordedSpan | SpanContext | None:
        """The span it is a child of, also where the context went through headers; the bare context of a parent that wasn't
        recorded here; None for the root of a trace."""
        parent = self._parent
        if isinstance(parent, SpanContext):
            found = self._sink.find_span(parent)
            return parent if found is None or found is self else found
        return parent

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, None while it runs."""
        return None if self.end is None else (self.end - self.start) / 1e9

    def __repr__(self) -> str:
        running = "" if self.end is not None else " (running)"
        return f"<span {self.name!r}{running} {self.attributes!r}>"

    def _set_attributes(self, attributes: Mapping[str, Any]) -> None:
        for key, value in attributes.items():
            self._attributes[key] = value

    def _add_event(self, name: str, attributes: Mapping[str, Any] | None, timestamp: int) -> None:
        self._events.append(SpanEvent(name, dict(BoundedAttributes(LIMIT, attributes)), timestamp))

    def _add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None) -> None:
        if context is not None and (context.is_valid or attributes or context.trace_state):
            self._links.append(trace.Link(context, dict(BoundedAttributes(LIMIT, attributes))))


_READABLE = {
    "attributes": "attributes", "context": "context", "end_time": "end", "events": "events", "kind": "kind",
    "links": "links", "name": "name", "parent": "parent_context", "start_time": "start", "status": "status",
}  # fmt: skip
"""What the SDK's spans say of themselves, and what says it here."""


class RecordingSpan(OfOneCapture, trace.Span):
    """The handle that instrumented code is given of a `RecordedSpan`. It can be read as the SDK's spans can, which
    instrumentations do once a span is recording: `if span.kind is SpanKind.SERVER`."""

    def __init__(self, sink: Sink, recorded: RecordedSpan, *, record_exception: bool, set_status: bool) -> None:
        self.sink: Sink = sink
        self.recorded: RecordedSpan = recorded
        self._record_exception = record_exception
        self._set_status = set_status
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return repr(self.recorded)

    def __getattr__(self, name: str) -> Any:
        if name in _READABLE:
            return getattr(self.recorded, _READABLE[name])
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_span_context(self) -> SpanContext:
        return self.recorded.context

    def is_recording(self) -> bool:
        return self.recorded.end is None

    def _changes(self, what: str, given: object) -> bool:
        """Whether it still takes anything."""
        if self.recorded.end is not None:
            self.sink.span_changed_late(self.recorded, what, given)
            return False
        return True

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        if self._changes("attribute", attributes):
            self.recorded._set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        self.set_attributes({key: value})

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        if self._changes("event", name):
            self.recorded._add_event(name, attributes, clock.time_ns() if timestamp is None else timestamp)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        if self._changes("link", context):
            self.recorded._add_link(context, attributes)

    def update_name(self, name: str) -> None:
        if self._changes("name", name):
            self.recorded.name = name

    def set_status(self, status: trace.Status | StatusCode, description: str | None = None) -> None:
        if isinstance(status, trace.Status):
            description, status = status.description, status.status_code
        if not isinstance(status, StatusCode) or status is StatusCode.UNSET:
            return
        if self._changes("status", status.name) and self.recorded.status.status_code is not StatusCode.OK:
            self.recorded.status = RecordedStatus(status, description)

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        escapes = {"exception.escaped": str(escaped)}
        self.add_event("exception", {**described_exception(exception), **escapes, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        recorded = self.recorded
        with self._lock:
            again = recorded.end is not None
            if not again:
                recorded.end = clock.time_ns() if end_time is None else end_time
        (self.sink.span_ended_again if again else self.sink.span_ended)(recorded)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if exc is not None and self.is_recording():
            if self._record_exception:
                self.record_exception(exc, escaped=True)
            if self._set_status:
                self.set_status(StatusCode.ERROR, f"{type(exc).__name__}: {exc}")
        self.end()


class RecordingTracer(trace.Tracer):
    """Makes spans that are recorded."""

    def __init__(self, sink: Sink, scope: tuple[str, str | None]) -> None:
        self._sink = sink
        self._scope = scope

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Any = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        sink = self._sink
        current = trace.get_current_span(context)
        found = current.get_span_context()
        parent: RecordedSpan | SpanContext | None = found if found.is_valid else None
        if isinstance(current, RecordingSpan) and current.sink is sink:
            parent = current.recorded
        sampled = parent is None or found.trace_flags.sampled
        span_context = SpanContext(
            sink.new_trace_id() if parent is None else found.trace_id,
            sink.new_span_id(),
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT),
            trace_state=None if parent is None else found.trace_state,
        )
        if not sampled:
            return trace.NonRecordingSpan(span_context)
        started = clock.time_ns() if start_time is None else start_time
        recorded = RecordedSpan(sink, name, kind, span_context, parent, attributes, links or (), started, self._scope)
        sink.span_started(recorded)
        return RecordingSpan(sink, recorded, record_exception=record_exception, set_status=set_status_on_exception)

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Any = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        span = self.start_span(name, context, kind, attributes, links, start_time)
        with trace.use_span(
            span,
            end_on_exit=end_on_exit,
            record_exception=record_exception,
            set_status_on_exception=set_status_on_exception,
        ):
            yield span


class RecordingTracerProvider(OfOneCapture, trace.TracerProvider):
    """Gives tracers whose spans go to `sink`."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> trace.Tracer:
        return RecordingTracer(self._sink, (instrumenting_module_name, instrumenting_library_version))
