"""What becomes of a captured argument: a value that OpenTelemetry takes, or a bounded text like JSON, without secrets.

Nothing of the host's code runs meanwhile. What a value is, its class says, and the class alone is asked: no `isinstance`,
which wakes proxies, no `repr`, no property or descriptor, which may query a database, and no iteration but that of the
built-in types themselves. An object that is no text, number, date, dict, list, tuple, set or dataclass is only named by
its class.
"""

import dataclasses
import re
import sys
from collections.abc import Iterable
from enum import Enum
from itertools import islice
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

from telemetry_kit._core.attributes import ITEMS, SPAN_STRING, AttributeValue, scalar, span_value
from telemetry_kit._core.outcome import type_name
from telemetry_kit._redaction.marks import REDACTED, is_card
from telemetry_kit._redaction.names import denied
from telemetry_kit._redaction.scrub import cut, default_scrub
from telemetry_kit._redaction.values import MIXED, SCRAMBLED, looks

DEPTH = 6
"""Levels of what is nested; deeper ones are `...`."""
NODES = 500
"""Values looked at in one argument, however they are nested."""
TEXT = 1_024
"""Characters of one string inside of something nested."""

_NAMES = re.compile(
    r".*(?:name|key|header|label|field|option|param|parameter|variable|property|attribute|column)s?|k|id|type"
)
_VALUES = re.compile(r".*(?:value|values|val|default|content|rows?)|v")
"""Keys under which APIs give a secret's name and, beside it, its value, in lower case: `ParameterKey`, `ParameterValue`."""
_LOGINS = frozenset({"-p", "-u", "-w", "-a", "--user"})
"""Options of clients that take a password, among other things."""
_KNOWN = frozenset(
    {"collections", "datetime", "decimal", "fractions", "ipaddress", "numpy", "pandas", "pathlib", "uuid"}
)
_ZONES = frozenset({"builtins", "datetime", "dateutil", "pytz", "zoneinfo"})
"""Where the classes come from that tell what they are by code of their own, and those that tell them their offset."""
_ABSENT: Any = object()
_MRO, _DICT = type.__dict__["__mro__"].__get__, type.__dict__["__dict__"].__get__
"""A class's own, past what its metaclass makes of them."""


def attribute(value: Any, everything: bool) -> AttributeValue | None:
    """`value` as an attribute; with `everything` what nobody asked for by name is left out more readily.

    >>> attribute([["password", "hunter2"], ["user", "ann"]], True)
    '[["password", "[REDACTED]"], ["user", "ann"]]'
    """
    kind = type(value)
    plain = _scalar(value, 2 * SPAN_STRING) if not (everything and (kind is bytes or kind is bytearray)) else None
    if type(plain) is str:
        return span_value(_scrubbed(plain, SPAN_STRING))
    if plain is not None:
        return REDACTED if everything and type(plain) is int and is_card(str(plain)) else span_value(plain)
    if (kind is list or kind is tuple) and 0 < len(value) <= ITEMS and not _is_secret_pair(value):
        items = [
            None if type(item) is bytes or type(item) is bytearray else _scalar(item, 2 * SPAN_STRING) for item in value
        ]
        first = type(items[0])
        if items[0] is not None and all(type(item) is first for item in items):
            if first is str:
                given = zip([None, *items], items, strict=False)
                return span_value(
                    [
                        REDACTED if _is_given(before, item) else _scrubbed(str(item), SPAN_STRING)
                        for before, item in given
                    ]
                )
            if not (everything and first is int):
                return span_value(items)
    return span_value(_Text().of(value))


def _scalar(value: Any, length: int) -> Any:
    """A plain text, number or boolean; None for anything else, and where a class of the host's own would be asked."""
    kind = type(value)
    if any(kind is one for one in (dict, list, tuple, set, frozenset)):
        return None
    if issubclass(kind, (str, int)) or (
        issubclass(kind, (float, bytes, bytearray, memoryview)) and not issubclass(kind, Enum)
    ):
        return scalar(value, length)
    if issubclass(kind, Enum):
        name = dict.get(_stored(value), "_name_")
        return name if type(name) is str else None
    module, _, name = type_name(kind).rpartition(".")
    if module.partition(".")[0] not in _KNOWN or getattr(sys.modules.get(module), name, None) is not kind:
        return None
    zone = type_name(type(getattr(value, "tzinfo", None)))
    return scalar(value, length) if zone == "NoneType" or zone.partition(".")[0] in _ZONES else None


def _scrubbed(text: str, length: int) -> str:
    """`text`, which may be of any size: cut, and scrubbed."""
    return default_scrub(cut(text, length))


class _Text:
    """The text of one nested value."""

    __slots__ = ("_left", "_parts", "_written")

    def __init__(self) -> None:
        self._left = NODES
        self._written = 0
        self._parts: list[str] = []

    def of(self, value: Any) -> str:
        self._value(value, 0)
        return "".join(self._parts)

    def _write(self, text: str) -> None:
        self._parts.append(text)
        self._written += len(text)

    def _is_full(self) -> bool:
        return self._left < 0 or self._written > SPAN_STRING

    def _string(self, text: str) -> None:
        text = _scrubbed(text, TEXT)
        self._write('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')

    def _value(self, value: Any, depth: int) -> None:
        self._left -= 1
        if self._left < 0 or depth > DEPTH:
            self._write("...")
            return
        kind = type(value)  # which is asked for its bases, and never compared: a metaclass may have an `__eq__`
        if value is None or kind is bool:
            self._write("null" if value is None else str(value).lower())
        elif kind is float:
            self._write(float.__repr__(value))
        elif kind is int:
            digits = int.__repr__(value) if -(2**200) < value < 2**200 else "..."
            self._write(REDACTED if is_card(digits) else digits)
        elif issubclass(kind, bytes) or issubclass(kind, bytearray) or kind is memoryview:
            self._write(
                f"<{(bytes if issubclass(kind, bytes) else bytearray).__len__(value) if kind is not memoryview else value.nbytes} bytes>"
            )
        elif issubclass(kind, dict):
            self._members(dict.items(value), depth)
        elif issubclass(kind, tuple) and _fields_of_tuple(kind) is not None:
            self._members(zip(_fields_of_tuple(kind) or (), tuple.__iter__(value), strict=False), depth)
        elif issubclass(kind, list) or issubclass(kind, tuple):
            self._items((list if issubclass(kind, list) else tuple).__iter__(value), depth, _is_secret_pair(value))
        elif issubclass(kind, set) or issubclass(kind, frozenset):
            self._items((set if issubclass(kind, set) else frozenset).__iter__(value), depth)
        elif (fields := _in_class(kind, "__dataclass_fields__")) is not _ABSENT and type(fields) is dict:
            self._members(_stored_fields(value, fields), depth)
        else:
            plain = _scalar(value, 2 * TEXT)
            if type(plain) is str:
                self._string(plain)
            else:
                self._write(f"<{type_name(kind)}>" if plain is None else str(plain).lower())

    def _members(self, pairs: Iterable[tuple[Any, Any]], depth: int) -> None:
        members = [(_name(key), value) for key, value in islice(pairs, self._left + 2)]
        apart = any(_names_one(value) for name, value in members if _NAMES.fullmatch(name.lower()))
        self._write("{")
        for place, (name, value) in enumerate(members):
            self._write(", " if place else "")
            self._string(name)
            self._write(": ")
            lower = name.lower()
            if (
                _VALUES.fullmatch(lower)
                if apart and (_NAMES.fullmatch(lower) or _VALUES.fullmatch(lower))
                else denied(name)
            ):
                self._redacted()
            elif (
                name == "netloc" and type(value) is str
            ):  # of a URL taken apart, which makes a login look like one again
                self._string("://" + value)
            else:
                self._value(value, depth + 1)
            if self._is_full():
                break
        self._write("}")

    def _items(self, values: Iterable[Any], depth: int, secret_pair: bool = False) -> None:
        self._write("[")
        before: Any = None
        for place, value in enumerate(values):
            self._write(", " if place else "")
            if (place and secret_pair) or _is_given(before, value):
                self._redacted()
            else:
                self._value(value, depth + 1)
            before = value
            if self._is_full():
                break
        self._write("]")

    def _redacted(self) -> None:
        self._left -= 1
        self._write(f'"{REDACTED}"')


def _names_one(value: Any) -> bool:
    """Whether a text is a secret's name, or one in a list is."""
    if type(value) is list or type(value) is tuple:
        return any(denied(_name(item)) for item in value[:32])
    return denied(_name(value))


def _is_secret_pair(value: Any) -> bool:
    """Whether a list or tuple is of a secret's name and its value, as headers, forms and conditions are given."""
    kind = list if issubclass(type(value), list) else tuple
    return kind.__len__(value) in (2, 3) and denied(_name(kind.__getitem__(value, 0)))


def _is_given(before: Any, value: Any) -> bool:
    """Whether a text is what the option or the name before it is given: `["mysql", "--password", "hunter2"]`."""
    if not type(before) is type(value) is str or value.startswith("-"):
        return False
    if before.startswith("-"):
        return looks(value, SCRAMBLED) if before in _LOGINS else "=" not in before and denied(before)
    return len(before) < 64 and before.replace("-", "_").isidentifier() and denied(before) and looks(value, MIXED)


def _name(key: Any) -> str:
    kind: Any = type(key)
    if issubclass(kind, str):
        return str.__str__(key)
    if issubclass(kind, bytes):
        return bytes.__getitem__(key, slice(TEXT)).decode("latin-1")
    if issubclass(kind, Enum):
        return str(_scalar(key, TEXT))
    if issubclass(kind, tuple):
        return ".".join(_name(part) for part in islice(tuple.__iter__(key), 8) if type(part) is not kind)
    return int.__repr__(key) if kind is int and abs(key) < 2**64 else f"<{type_name(kind)}>"


def _in_class(kind: type, name: str) -> Any:
    """What a class or one of its bases has under a name, without asking any descriptor."""
    return next((_DICT(base)[name] for base in _MRO(kind) if name in _DICT(base)), _ABSENT)


def _fields_of_tuple(kind: type) -> tuple[str, ...] | None:
    """The names of a named tuple's fields."""
    fields = _in_class(kind, "_fields")
    return fields if type(fields) is tuple and all(type(field) is str for field in fields) else None


def _stored(value: Any) -> dict[str, Any]:
    """What stands in an instance itself."""
    attributes = _in_class(type(value), "__dict__")
    return attributes.__get__(value) if type(attributes) is GetSetDescriptorType else {}


def _stored_fields(value: Any, fields: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """What a dataclass holds, but for the fields that its author keeps out of its `repr`, and for what isn't loaded."""
    stored = _stored(value)
    for name, field in fields.items():
        if type(field) is not dataclasses.Field or not field.repr:
            continue
        inner = dict.get(stored, name, _ABSENT)
        if inner is _ABSENT:
            slot = _in_class(type(value), name)
            if type(slot) is not MemberDescriptorType:
                continue
            try:
                inner = slot.__get__(value)
            except AttributeError:
                continue
        yield name, inner
