"""What can't be right of options that several helpers have: said where they are written, with thing, rule, value and way out."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.trace import SpanKind

INCOMING = (SpanKind.SERVER, SpanKind.CONSUMER)
"""Kinds of span that are continued from a carrier."""
OUTGOING = (SpanKind.CLIENT, SpanKind.PRODUCER)
"""Kinds of span that are put into one."""


def check_mapping(option: str, what: str, given: object, *, asked: bool = False) -> None:
    """A mapping or None, or, where it is `asked` for each call, a callable."""
    if given is None or (asked and callable(given)):
        return
    if not isinstance(given, Mapping):
        kinds = "a mapping or a callable that returns one" if asked else "a mapping or None"
        msg = f"{option} of {what} must be {kinds}, got {given!r:.100}"
        raise TypeError(msg)


def check_flag(option: str, what: str, given: object) -> None:
    """True or False."""
    if not isinstance(given, bool):
        msg = f"{option} of {what} must be True or False, got {given!r:.100}"
        raise TypeError(msg)


def check_kind(what: str, given: object) -> SpanKind:
    """A kind of span."""
    if not isinstance(given, SpanKind):
        msg = f"kind of {what} must be an opentelemetry.trace.SpanKind, got {given!r:.100}"
        raise TypeError(msg)
    return given


def check_carrier(what: str, kind: SpanKind, carrier: object) -> None:
    """None, or something beside a kind that says whether to extract or to inject."""
    if carrier is not None and kind is SpanKind.INTERNAL:
        msg = (
            f"kind of {what} must not be INTERNAL beside a carrier, got INTERNAL: give kind=SpanKind.SERVER or "
            "CONSUMER to extract from it, CLIENT or PRODUCER to inject into it"
        )
        raise ValueError(msg)
