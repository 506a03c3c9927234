"""How what was recorded isn't what was expected: the nearest first, and what differs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetry_kit.testing.points import Point, differences

if TYPE_CHECKING:
    from collections.abc import Sequence


def explain(left: object, right: object) -> list[str] | None:
    """Lines that say how two points or two lists of them differ, either of them the expected one; None for all else."""
    expected, recorded = _of_points(left), _of_points(right)
    if expected is None or recorded is None or not (expected or recorded):
        return None
    if any(point.metric for point in expected):
        expected, recorded = recorded, expected
    missing, extra = _unmatched(expected, recorded)
    lines = ["the points aren't the expected ones:"]
    for point in missing:
        nearest = sorted(extra or recorded, key=lambda other: _distance(point, other))[:1]
        lines.append(f"  missing: {point!r}")
        for other in nearest:
            lines.append(f"    nearest: {other!r}")
            lines += [f"      {line}" for line in differences(point, other)]
            if other in extra:
                extra.remove(other)
    lines += [f"  not expected: {point!r}" for point in extra]
    if not missing and not extra:
        lines.append("  only their order differs: points are sorted by their attributes")
    return lines


def _of_points(value: object) -> list[Point] | None:
    values: list[Any] = [value] if isinstance(value, Point) else value if isinstance(value, list) else [None]
    return values if all(isinstance(item, Point) for item in values) else None


def _unmatched(expected: Sequence[Point], recorded: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    missing, extra = [], list(recorded)
    for point in expected:
        match = next((index for index, other in enumerate(extra) if other == point), None)
        if match is None:
            missing.append(point)
        else:
            del extra[match]
    return missing, extra


def _distance(point: Point, other: Point) -> tuple[int, str]:
    return len(differences(point, other)), repr(other)
