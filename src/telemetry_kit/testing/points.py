"""Points of metrics, and what a test expects of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telemetry_kit._recording.metrics import Instrument, Reading

FIELDS = ("count", "sum", "value", "attributes")


class Point:
    """A point of a metric, recorded or expected.

    A histogram's point has `count` and `sum` (and `min`, `max`, `boundaries`, `buckets`), every other one a `value`;
    what it hasn't is None. An expected point equals a recorded one if the fields are equal that were given; attributes are
    compared as a whole, and numbers so that 0.1 + 0.2 is 0.3. A recorded one also says its `metric`, `kind`, `unit` and `scope`.

    >>> Point(sum=0.1 + 0.2) == Point(sum=0.3)
    True
    """

    __slots__ = (
        "attributes", "boundaries", "buckets", "count", "kind", "max", "metric", "min", "scope", "sum", "unit", "value"
    )  # fmt: skip
    __hash__: None  # type: ignore[assignment]

    def __init__(
        self,
        *,
        count: int | None = None,
        sum: float | None = None,  # noqa: A002
        value: float | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.count: int | None = count
        self.sum: float | None = sum
        self.value: float | None = value
        self.attributes: Mapping[str, Any] = cast("Any", None if attributes is None else dict(attributes))
        """A recorded one always has them; None where they aren't expected."""
        self.metric: str = ""
        self.kind: str = ""
        self.unit: str = ""
        self.scope: str = ""
        self.min: float | None = None
        self.max: float | None = None
        self.boundaries: tuple[float, ...] = ()
        self.buckets: tuple[int, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Point):
            return NotImplemented
        if bool(self.metric) is bool(other.metric):
            return not differences(self, other) and not differences(other, self)
        return not (differences(other, self) if self.metric else differences(self, other))

    def __repr__(self) -> str:
        given = [f"{name}={getattr(self, name)!r}" for name in FIELDS if getattr(self, name) is not None]
        return f"point({', '.join(given)})"


def point(
    *,
    count: int | None = None,
    sum: float | None = None,  # noqa: A002
    value: float | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Point:
    """A point as a test expects it: equal to a recorded one if the fields that are given are.

    Args:
        count: How many values a histogram has been given.
        sum: Their sum, in the metric's unit.
        value: What a counter or gauge says.
        attributes: All of its attributes; left out, any will do.

    >>> point(count=2, attributes={"operation.name": "checkout"})
    point(count=2, attributes={'operation.name': 'checkout'})
    """
    return Point(count=count, sum=sum, value=value, attributes=attributes)


def recorded_point(instrument: Instrument, reading: Reading, value: float | None) -> Point:
    """A point of what an instrument says."""
    made = Point(count=reading.count, sum=reading.sum, value=value, attributes=reading.attributes)
    made.metric, made.kind, made.unit, made.scope = instrument.name, instrument.kind, instrument.unit, instrument.scope
    made.min, made.max = reading.min, reading.max
    made.boundaries, made.buckets = reading.boundaries, reading.buckets
    return made


def total(points: Iterable[Point]) -> float:
    """The sum of what the points say; of histograms, how many values they were given."""
    numbers = [point.count if point.count is not None else point.value for point in points]
    return sum(number for number in numbers if number is not None)


def same(expected: object, actual: object) -> bool:
    """Whether two values are one to OpenTelemetry: True isn't 1, a list is a tuple, and sums of floats are near enough."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, float) and isinstance(actual, (int, float)):
        return math.isclose(expected, actual, rel_tol=1e-9, abs_tol=1e-12) or expected == actual
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    return bool(expected == actual)


def contains(attributes: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> bool:
    """Whether `wanted` is part of `attributes`."""
    return all(
        key in (attributes or {}) and same(value, (attributes or {})[key]) for key, value in (wanted or {}).items()
    )


def attribute_differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """Line by line how attributes differ; nothing if they don't."""
    lines = []
    for key in sorted({*expected, *actual}):
        if key not in actual:
            lines.append(f"attribute {key!r}: expected {expected[key]!r}, is absent")
        elif key not in expected:
            lines.append(f"attribute {key!r}: is {actual[key]!r}, not expected")
        elif not same(expected[key], actual[key]):
            lines.append(f"attribute {key!r}: expected {expected[key]!r}, is {actual[key]!r}")
    return lines


def differences(expected: Point, actual: Point) -> list[str]:
    """Line by line how a point isn't the expected one; nothing if it is."""
    lines = []
    for name in ("count", "sum", "value"):
        wanted, found = getattr(expected, name), getattr(actual, name)
        if wanted is not None and not same(wanted, found):
            lines.append(f"{name}: expected {wanted!r}, is {found!r}")
    if expected.attributes is not None:
        lines += attribute_differences(expected.attributes, actual.attributes or {})
    return lines
