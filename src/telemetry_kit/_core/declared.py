"""What can't be right of options that several helpers have: said where they are written, with thing, rule, value and way out."""

from __future__ import annotations

from collections.abc import Mapping

_TEXTS = (str, bytes, bytearray)
_CARRIES = ("__iter__", "__getitem__", "keys", "get")
"""What has one of these may be a carrier: a mapping, pairs, a message's headers in whatever class."""
_LINKS = (*_CARRIES, "get_span_context", "context")
"""Carriers, contexts, spans and links, or several of them."""


def check_mapping(option: str, what: str, given: object, *, asked: bool = False) -> None:
    """A mapping or None, or, where it is `asked` for each call, a callable."""
    if given is None or (asked and callable(given)):
        return
    if not isinstance(given, Mapping):
        kinds = "a mapping or a callable that returns one" if asked else "a mapping or None"
        msg = f"{option} of {what} must be {kinds}, got {given!r:.100}"
        raise TypeError(msg)


def check_attributes(option: str, what: str, given: object, *, asked: bool = False) -> None:
    """The same, whose keys are texts: at a definition they are written in the code, where its values may come from
    anywhere, and in a block the keys too."""
    check_mapping(option, what, given, asked=asked)
    for key in given if isinstance(given, Mapping) else ():
        if not isinstance(key, str):
            msg = f"keys of {option} of {what} must be str, got {key!r:.100}: give the attributes names"
            raise TypeError(msg)


def check_flag(option: str, what: str, given: object) -> None:
    """True or False."""
    if not isinstance(given, bool):
        msg = f"{option} of {what} must be True or False, got {given!r:.100}"
        raise TypeError(msg)


def check_carrier(what: str, given: object) -> None:
    """A carrier, None, or a callable that gives one."""
    if not _may_be(given, _CARRIES):
        msg = (
            f"carrier of {what} must be a mapping, one of telemetry_kit.carriers or a callable that gives one, got "
            f"{given!r:.100}: give the headers"
        )
        raise TypeError(msg)


def check_links(what: str, given: object) -> None:
    """Carriers, contexts or links, None, or a callable that gives them."""
    if not _may_be(given, _LINKS):
        msg = (
            f"links of {what} must be carriers, contexts or links, or a callable that gives them, got {given!r:.100}: "
            "give a list"
        )
        raise TypeError(msg)


def _may_be(given: object, has: tuple[str, ...]) -> bool:
    """Told by its class: asking the object itself could wake a proxy."""
    kind = type(given)
    if given is None or callable(given):
        return True
    return not issubclass(kind, _TEXTS) and any(hasattr(kind, name) for name in has)
