"""Which options an operation can have, and what is said where one can't be right: at definition, never at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

from opentelemetry.trace import SpanKind

from telemetry_kit.conventions import Convention

SpanMode = bool | Literal["current", "errors"]
Attributes = Mapping[str, object] | Callable[..., Mapping[str, object]] | None
Expected = type[BaseException] | Iterable[type[BaseException]] | Callable[[BaseException], object]
ErrorIf = Callable[[Any], "bool | str | None"]
Arguments = Mapping[str, str] | Iterable[str] | str

INCOMING = (SpanKind.SERVER, SpanKind.CONSUMER)
"""Kinds of span that are continued from a carrier."""
OUTGOING = (SpanKind.CLIENT, SpanKind.PRODUCER)
"""Kinds of span that are put into one."""


def check_name(name: object) -> None:
    """A name is a str that isn't empty, or None: the decorated function's."""
    if name is not None and not isinstance(name, str):
        msg = f"an operation's name is a str, and got {name!r:.100} of type {type(name).__name__}"
        raise TypeError(msg)
    if name == "":
        msg = "an operation's name can't be empty: leave it out to name it after the decorated function"
        raise ValueError(msg)


def check_kind(what: str, kind: object, convention: object) -> SpanKind:
    if not isinstance(kind, SpanKind):
        msg = f"kind of {what} is an opentelemetry.trace.SpanKind, and got {kind!r:.100}"
        raise TypeError(msg)
    if convention is None:
        return kind
    if not isinstance(convention, Convention):
        msg = f"convention of {what} is one of telemetry_kit.conventions, and got {convention!r:.100}"
        raise TypeError(msg)
    if kind not in (SpanKind.INTERNAL, convention.kind):
        msg = f"{what} has kind {kind.name}, but {convention.name} is for {convention.kind.name}: leave kind out"
        raise ValueError(msg)
    return convention.kind


def check_span(what: str, span: object) -> SpanMode:
    if not (isinstance(span, bool) or span in ("current", "errors")):
        msg = f'span of {what} is True, False, "current" or "errors", and got {span!r:.100}'
        raise ValueError(msg)
    return span


def check_expected(what: str, expected: Any) -> tuple[type[BaseException], ...] | Callable[[Any], object] | None:
    if isinstance(expected, type):
        expected = (expected,)
    if callable(expected):
        return cast("Callable[[Any], object]", expected)
    try:
        kinds = tuple(expected)
    except TypeError:
        kinds = (expected,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            msg = f"expected of {what} is exception types or a callable, and got {kind!r:.100}"
            raise TypeError(msg)
    return kinds or None


def check_rules(what: str, kind: SpanKind, given: dict[str, Any]) -> None:
    for option in ("metric_attributes", "span_attributes"):
        value = given[option]
        if value is not None and not isinstance(value, Mapping) and not callable(value):
            msg = f"{option} of {what} is a mapping or a callable that returns one, and got {value!r:.100}"
            raise TypeError(msg)
    if given["error_if"] is not None and not callable(given["error_if"]):
        msg = f"error_if of {what} is a callable given the result, and got {given['error_if']!r:.100}"
        raise TypeError(msg)
    if given["carrier"] is not None and kind is SpanKind.INTERNAL:
        msg = (
            f"{what} has a carrier but is INTERNAL: give kind=SpanKind.SERVER or CONSUMER to extract from it, "
            "CLIENT or PRODUCER to inject into it"
        )
        raise ValueError(msg)
    if given["public_endpoint"] and kind not in INCOMING:
        msg = f"{what} is a public_endpoint but {kind.name}: only SERVER and CONSUMER have incoming context"
        raise ValueError(msg)
    share = given["sample_durations"]
    if isinstance(share, bool) or not isinstance(share, (int, float)):
        msg = f"sample_durations of {what} is a number from 0.0 to 1.0, and got {share!r:.100}"
        raise TypeError(msg)
    if not 0.0 <= share <= 1.0:
        msg = f"sample_durations of {what} is from 0.0 to 1.0, and got {share!r}"
        raise ValueError(msg)
    if share < 1.0 and given["convention"] is not None:
        msg = f"{what} has a convention, which needs every duration: leave sample_durations={share!r} out"
        raise ValueError(msg)
