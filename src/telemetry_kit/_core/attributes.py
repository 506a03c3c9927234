"""What a value must be so that it can't hurt the host: of a type that OpenTelemetry takes, and of bounded size.

Names and values are otherwise passed on as they are: judging them is the backend's work.
"""

import math
from collections.abc import Mapping, Sequence

from telemetry_kit._core import faults

AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]

SPAN_STRING = 4_096
"""Characters of a string on a span or an event."""
METRIC_STRING = 256
"""Characters of a string on a metric: every one is kept for ever, once a series."""
KEY = 256
"""Characters of a key."""
ITEMS = 128
"""Items of a sequence."""
KEYS = 128
"""Attributes that one mapping may bring: the SDK keeps as many."""
_LARGEST = 2**63

_SCALARS = (str, bool, int, float)

OWN_KEYS = frozenset({"error.type", "operation.name", "scope.name", "operation.busy_time", "code.function.name"})
"""The kit's own attributes, which win over a user's."""


def span_value(value: object) -> AttributeValue | None:
    """`value` as a span can have it, or None where it can't.

    >>> span_value("x" * 5_000) == "x" * 4_096
    True
    >>> span_value(object()) is None
    True
    """
    if type(value) is str and len(value) <= SPAN_STRING and value.isascii():
        return value
    return _bounded(value, SPAN_STRING)


def metric_value(value: object) -> AttributeValue | None:
    """`value` as a metric can have it: like a span's, but shorter and hashable."""
    bounded = _bounded(value, METRIC_STRING)
    return bounded if bounded is None or isinstance(bounded, _SCALARS) else tuple(bounded)  # type: ignore[return-value]


def attribute_key(key: object) -> str | None:
    """`key` as a plain string, or None where it is none, or empty.

    >>> attribute_key("user.id")
    'user.id'
    >>> attribute_key(7) is None
    True
    """
    if type(key) is str and 0 < len(key) <= KEY:
        return key
    try:
        return str.__str__(key)[:KEY] or None if isinstance(key, str) else None
    except Exception as fault:
        faults.record("attributes", fault)
        return None


def span_attributes(given: Mapping[str, object]) -> dict[str, AttributeValue]:
    """Those of `given` that a span can have, bounded. Never raises: a mapping that does is a counted fault."""
    kept: dict[str, AttributeValue] = {}
    try:
        for key, value in given.items():
            name, harmless = attribute_key(key), span_value(value)
            if name is not None and harmless is not None:
                kept[name] = harmless
                if len(kept) >= KEYS:
                    break
    except Exception as fault:
        faults.record("attributes", fault)
    return kept


def _bounded(value: object, length: int) -> AttributeValue | None:
    try:
        if isinstance(value, str):
            text = str.__str__(value)[:length]
            return text if text.isascii() else _encodable(text)
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if -_LARGEST <= value < _LARGEST else None
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, (list, tuple)):
            return _sequence(value, length)
    except Exception as fault:
        faults.record("attributes", fault)
    return None


def _sequence(values: Sequence[object], length: int) -> AttributeValue | None:
    """All of one kind, or nothing: the exporters take no mixture."""
    items: list[object] = []
    for value in values[:ITEMS]:
        item = _bounded(value, length) if isinstance(value, _SCALARS) else None
        if item is None or type(item) is not type(items[0] if items else item):
            return None
        items.append(item)
    return items  # type: ignore[return-value]


def _encodable(text: str) -> str:
    """Lone surrogates can't be exported: the exporter would lose the whole batch."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
