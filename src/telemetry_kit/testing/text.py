"""What was captured, as text that is the same in every run: for people, and for snapshots.

Ids, times and durations aren't in it, nor are stack traces, which name files and lines. Spans that began in one thread
stand in the order in which they began; where threads compete, they are sorted by what they say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_STACKTRACE
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from telemetry_kit._recording.spans import RecordedSpan
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telemetry_kit._recording.logs import RecordedEvent
    from telemetry_kit.testing.points import Point

_UNSTABLE = frozenset({EXCEPTION_STACKTRACE, keys.OPERATION_BUSY_TIME})
"""Attributes of which only is said that they are there."""


def tree(spans: Iterable[RecordedSpan], events: Iterable[RecordedEvent], points: Iterable[Point]) -> str:
    """Spans below their parents with their events, then events without a span, then points."""
    spans, events = list(spans), list(events)
    known = {id(span) for span in spans}
    children: dict[int, list[RecordedSpan]] = {}
    for span in spans:
        parent = span.parent
        children.setdefault(id(parent) if id(parent) in known else 0, []).append(span)
    emitted: dict[int, list[RecordedEvent]] = {}
    for event in events:
        emitted.setdefault(id(event.span) if id(event.span) in known else 0, []).append(event)

    blocks: dict[int, list[str]] = {}

    def siblings(key: int) -> list[list[str]]:
        found = children.get(key, ())
        made = [blocks.pop(id(span)) for span in found]
        return made if len({span.thread for span in found}) < 2 else sorted(made)

    for span in reversed(spans):  # children before their parents, without recursion
        lines = [_head(span)]
        lines += _indented(_attributes(span.attributes))
        lines += _indented(line for link in span.links for line in _link(link, spans))
        for added in span.events:
            lines += _indented([f"event {added.name}", *_indented(_attributes(added.attributes))])
        for record in emitted.get(id(span), ()):
            lines += _indented(_event(record))
        for child in siblings(id(span)):
            lines += _indented(child)
        blocks[id(span)] = lines

    lines = [line for root in siblings(0) for line in root]
    lines += [line for event in emitted.get(0, ()) for line in _event(event)]
    lines += sorted(map(point_line, points))
    return "\n".join(lines) or "(nothing)"


def point_line(point: Point) -> str:
    """A point in one line, as Prometheus writes them, without its time where it is one."""
    attributes = ", ".join(f"{key}={_value(value)}" for key, value in sorted((point.attributes or {}).items()))
    line = f"{point.metric}{{{attributes}}}"
    if point.count is not None:
        total = "" if point.unit == "s" else f" sum={_value(point.sum)}"
        return f"{line} count={point.count}{total}"
    if point.unit == "s":
        return f"{line} {'some seconds' if point.value else '0 seconds'}"
    return f"{line} {_value(point.value)}"


def _head(span: RecordedSpan) -> str:
    line = f"span {span.name}"
    if span.kind is not SpanKind.INTERNAL:
        line += f" [{span.kind.name}]"
    status = span.status
    if status.status_code is not StatusCode.UNSET:
        words = "" if status.description is None else f" {status.description!r}"
        line += f" {status.status_code.name}{words}"
    if isinstance(span.parent, SpanContext):
        line += " (child of a span elsewhere)"
    if span.end is None:
        line += " (running)"
    return line


def _link(link: Any, spans: list[RecordedSpan]) -> list[str]:
    context = link.context
    here = [span for span in spans if (span.trace_id, span.span_id) == (context.trace_id, context.span_id)]
    name = f"span {here[0].name}" if here else "a span elsewhere"
    return [f"link to {name}", *_indented(_attributes(link.attributes or {}))]


def _event(event: RecordedEvent) -> list[str]:
    lines = [f"log {event.name or '(no name)'} [{event.severity}]"]
    if event.body is not None:
        lines += _indented([f"body: {_value(event.body)}"])
    return lines + _indented(_attributes(event.attributes))


def _attributes(attributes: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {'...' if key in _UNSTABLE else _value(value)}" for key, value in sorted(attributes.items())]


def _value(value: Any) -> str:
    if isinstance(value, float) and abs(value) < 1e15 and value == int(value):
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
