"""What is said where something isn't there: what is near it, and all that is there."""

from __future__ import annotations

import difflib
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeVar

from telemetry_kit._recording.logs import RecordedEvent
from telemetry_kit._recording.spans import RecordedSpan
from telemetry_kit.catalogue import METRICS
from telemetry_kit.testing.points import Point, attribute_differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

of_an_assertion: Callable[[Any], bool] = methodcaller("errisinstance", AssertionError)
"""A module's `__tracebackhide__`: pytest shows the line of the test that asked, and not those that say what is missing."""
__tracebackhide__: Callable[[Any], bool] = of_an_assertion
LINES = 100
"""Of what was captured, as a failing test shows it."""
Named = TypeVar("Named", RecordedSpan, RecordedEvent)


def check_metric(name: str, made: Iterable[str], captured: object) -> None:
    """Raise AssertionError for the name of a metric that neither the catalogue has nor anything made: of it nothing can
    ever be there, and a test that expects nothing would hold for ever."""
    made = set(made)
    if name not in METRICS and name not in made:
        raise AssertionError(
            f"there is no metric {name!r}{near(name, [*made, *METRICS])}. The catalogue has none of that name, and nothing "
            f"has made one; if none is meant to be there, say {name!r} not in captured.metrics\n{shown(captured)}"
        )


def one(kind: str, name: str | None, of: list[Named], captured: object) -> Named:
    """The one of these, of this name if one is given; the AssertionError shows what there is."""
    found = [one for one in of if name in (None, one.name)]
    if len(found) == 1:
        return found[0]
    wanted = kind if name is None else f"{kind} {name!r}"
    raise AssertionError(not_one(wanted, len(found), name or "", [one.name for one in of], captured))


def not_one(wanted: str, count: int, name: str, names: Iterable[str], captured: object, near_it: str = "") -> str:
    """What is said where there are none or several of what is wanted."""
    kind, space, which = wanted.partition(" ")
    there_are = f"are {count} {kind}s{space}{which}, not one" if count else f"is no {wanted}"
    return f"there {there_are}{'' if count else near(name, names)}{near_it}\n{shown(captured)}"


def nearest(points: Iterable[Point], attributes: Mapping[str, Any] | None) -> str:
    """The point whose attributes are nearest to those that are asked for, and what differs, as lines to add."""
    asked = dict(attributes or {})
    found = [(attribute_differences(asked, {k: v for k, v in p.attributes.items() if k in asked}), p) for p in points]
    if not found:
        return ""
    lines, point = min(found, key=lambda one: len(one[0]))
    return "".join(f"\n  {line}" for line in (f"nearest: {point!r}", *(f"  {line}" for line in lines)))


def not_yet(
    name: str, attributes: Mapping[str, Any] | None, count: int, timeout: float, names: Iterable[str], captured: object
) -> str:
    """What is said where it didn't come in time."""
    hint = "\nThis thread runs an event loop, whose tasks can't go on while it waits: "
    hint += "await asyncio.to_thread(captured.wait_for, ...)"
    came = f"{named(name, attributes)} didn't come to {count} within {timeout:g} s{near(name, names)}"
    return f"{came}{hint if in_event_loop() else ''}\n{shown(captured)}"


def named(name: str, attributes: Mapping[str, Any] | None) -> str:
    """What is asked for, in words."""
    return f"{name!r} with {dict(attributes)!r}" if attributes else f"{name!r}"


def near(name: str, names: Iterable[str]) -> str:
    """The names that are near it, as the end of a sentence."""
    close = [found for found in difflib.get_close_matches(name, sorted(set(names))) if found != name]
    return f"; near it: {', '.join(map(repr, close))}" if close else ""


def shown(captured: object) -> str:
    """What was captured, below what is said of it."""
    return "Captured:\n" + "\n".join(f"  {line}" for line in shortened(str(captured)))


def shortened(whole: str) -> list[str]:
    """Its first lines, and how many there are more."""
    lines = whole.splitlines()
    return lines if len(lines) <= LINES else [*lines[:LINES], f"... and {len(lines) - LINES} more lines"]


def in_event_loop() -> bool:
    """Whether this thread runs one, whose tasks wait while it waits."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
