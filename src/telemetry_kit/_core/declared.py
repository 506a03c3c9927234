"""What can't be right of options that several helpers have: said where they are written, with thing, rule, value and way out."""

from __future__ import annotations

from collections.abc import Mapping


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
