"""How what was recorded isn't what was expected: the nearest first, and what differs in it."""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

from telemetry_kit._recording.logs import RecordedEvent
from telemetry_kit._recording.spans import RecordedSpan, SpanEvent
from telemetry_kit.testing.expected import Expected
from telemetry_kit.testing.points import Point, differences

_KNOWN = (Point, RecordedSpan, RecordedEvent, SpanEvent, Expected)


class _Nearest(NamedTuple):
    lines: list[str]
    other: Any


def explain(left: object, right: object, *, among: bool = False) -> list[str] | None:
    """Lines that say how points, spans or events, or lists of them, differ, either side the expected one; None for all
    else. `among`: `left` was to be one of `right`, which may have others.

    >>> from telemetry_kit.testing import explain, point
    >>> explain([point(count=1)], [])
    ["what was recorded isn't what was expected:", '  missing: point(count=1)']
    """
    expected, recorded = _listed(left), _listed(right)
    if expected is None or recorded is None or not (expected or recorded):
        return None
    if any(map(_is_recorded, expected)) or not all(map(_is_recorded, recorded)):
        expected, recorded = recorded, expected
    missing, extra = [], list(recorded)
    for item in expected:
        match = next((index for index, other in enumerate(extra) if item == other), None)
        if match is None:
            missing.append(item)
        else:
            del extra[match]
    lines = ["what was recorded isn't what was expected:"]
    for item in missing:
        lines.append(f"  missing: {item!r}")
        compared = [_Nearest(_differences(item, other), other) for other in extra or recorded]
        if compared:
            nearest = min(compared, key=lambda near: (len(near.lines), -_likeness(item, near.other)))
            lines.append(f"    nearest: {nearest.other!r}")
            lines += [f"      {line}" for line in nearest.lines]
            extra = [other for other in extra if other is not nearest.other]
    lines += [f"  not expected: {item!r}" for item in extra if not among]
    if len(lines) > 1:
        return lines
    return [*lines, "  only their order differs; it was:", *(f"    {item!r}" for item in recorded)]


def _likeness(item: Any, other: Any) -> float:
    """How much alike they read: of spans that differ in their names alone, the nearest has nearly the same one."""
    return difflib.SequenceMatcher(None, repr(item), repr(other)).ratio()


def _listed(value: object) -> list[Any] | None:
    values = [value] if isinstance(value, _KNOWN) else value if isinstance(value, list) else [None]
    return values if all(isinstance(item, _KNOWN) for item in values) else None


def _is_recorded(item: Any) -> bool:
    return bool(item.metric) if isinstance(item, Point) else not isinstance(item, Expected)


def _differences(expected: Any, recorded: Any) -> list[str]:
    if isinstance(expected, Expected):
        return expected.differences(recorded)
    return differences(expected, recorded) if isinstance(expected, Point) else ["another one"]
