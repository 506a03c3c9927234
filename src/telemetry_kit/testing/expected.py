"""Spans and events as a test expects them: equal to recorded ones if what is given is."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanContext, Status, StatusCode

from telemetry_kit._recording.logs import RecordedEvent
from telemetry_kit._recording.spans import RecordedSpan, RecordedStatus, SpanEvent
from telemetry_kit.testing.points import attribute_differences, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanKind


class Expected:
    """What a test expects of a span or event, made by `span()` and `event()`."""

    __slots__ = ("fields", "kind")
    __hash__: None  # type: ignore[assignment]

    def __init__(self, kind: str, fields: Mapping[str, Any]) -> None:
        self.kind: str = kind
        self.fields: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={value!r}' for name, value in self.fields.items())})"

    def __eq__(self, other: object) -> bool:
        return not self.differences(other) if isinstance(other, _KINDS[self.kind]) else NotImplemented

    def differences(self, recorded: Any) -> list[str]:
        """Line by line how a recorded one isn't the expected one; nothing if it is."""
        lines = []
        for name, wanted in self.fields.items():
            found = getattr(recorded, name)
            if name == "attributes":
                lines += attribute_differences(wanted, found)
            elif name == "parent" and isinstance(wanted, str):
                found = _name_of(found)
                lines += [] if wanted == found else [f"parent: expected {wanted or None!r}, is {found or None!r}"]
            elif name == "events":
                lines += _event_differences(wanted, found)
            elif not same(wanted, found):
                lines.append(f"{name}: expected {_shown(wanted)}, is {_shown(found)}")
        return lines


_KINDS: dict[str, tuple[type, ...]] = {"span": (RecordedSpan,), "event": (RecordedEvent, SpanEvent)}


def span(
    name: str | None = None,
    *,
    kind: SpanKind | None = None,
    attributes: Mapping[str, Any] | None = None,
    status: Status | StatusCode | None = None,
    parent: RecordedSpan | SpanContext | str | None = None,
    events: list[Any] | None = None,
) -> Any:
    """A span as a test expects it: equal to a recorded one if what is given is.

    Args:
        name: Its name.
        kind: Its kind.
        attributes: All of its attributes; left out, any will do.
        status: Its status, or the code alone.
        parent: Its parent, or the parent's name; `""` for the root of a trace.
        events: All of its events, each an `event()` or a name.

    >>> from telemetry_kit import Telemetry
    >>> from telemetry_kit.testing import capture, span
    >>> with capture() as captured, Telemetry("shop.orders").span("price", attributes={"product.sku": "A1"}):
    ...     pass
    >>> captured.spans == [span("price", attributes={"product.sku": "A1"}, parent="")]
    True
    """
    if isinstance(status, Status) and not isinstance(status, RecordedStatus):
        status = RecordedStatus(status.status_code, status.description)
    fields = {
        "name": name,
        "kind": kind,
        "attributes": attributes,
        "status": status,
        "parent": parent,
        "events": events,
    }
    return Expected("span", fields)


def event(
    name: str | None = None,
    *,
    attributes: Mapping[str, Any] | None = None,
    severity: str | None = None,
    body: Any = None,
) -> Any:
    """An event, log-based or a span's, as a test expects it: equal to a recorded one if what is given is.

    Args:
        name: Its name.
        attributes: All of its attributes; left out, any will do.
        severity: Of a log-based event: `"INFO"`, `"WARN"` and so on.
        body: Of a log-based event.

    >>> from telemetry_kit.testing import event
    >>> with capture() as captured:
    ...     Telemetry("shop.orders").event("order.placed", {"order.id": "o-7"})
    >>> captured.events == [event("order.placed", attributes={"order.id": "o-7"})]
    True
    """
    return Expected("event", {"name": name, "attributes": attributes, "severity": severity, "body": body})


def _name_of(parent: object) -> str:
    if parent is None:
        return ""
    return parent.name if isinstance(parent, RecordedSpan) else "(a span elsewhere)"


def _shown(value: object) -> str:
    return str(value) if isinstance(value, Enum) else repr(value)


def _event_differences(wanted: list[Any], found: list[SpanEvent]) -> list[str]:
    lines = []
    if len(wanted) != len(found):
        lines.append(f"events: expected {len(wanted)}, are {[event.name for event in found]!r}")
    for expected, recorded in zip(wanted, found, strict=False):
        if isinstance(expected, str):
            lines += [] if expected == recorded.name else [f"event: expected {expected!r}, is {recorded.name!r}"]
        else:
            lines += [f"event {recorded.name!r}: {line}" for line in expected.differences(recorded)]
    return lines
