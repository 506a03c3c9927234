"""The one rule for values: what anybody hands over becomes what OpenTelemetry takes, of bounded size.

It is the same on every way in. Texts, booleans, numbers and sequences of one kind stay; what has an obvious text or
number (UUIDs, dates, decimals, enums, paths, addresses, numpy's scalars) becomes that; mappings and mixtures are JSON on
spans and themselves on events. None is left out. Anything else costs itself only: a counted fault that names it.

A value is told by its classes as `type()` gives them, never by `isinstance`, which asks the value's own `__class__` and
wakes proxies; and no subclass's `__hash__`, `__eq__` or `__bool__` is called, since they may raise.
"""

import math
import sys
from codecs import utf_8_decode
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Any

from telemetry_kit._core import faults
from telemetry_kit._core.late import late_import
from telemetry_kit.catalogue import keys

AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]

SPAN_STRING = 4_096
"""Characters of a string on a span or an event."""
METRIC_STRING = 256
"""Characters of a value on a metric, of a sequence as a whole: every one is kept for ever, once a series."""
KEY_LENGTH = 256
"""Characters of a key."""
ITEMS = 128
"""Items of a sequence or a nested mapping."""
KEYS = 128
"""Attributes that one mapping may bring: the SDK keeps as many."""
DEPTH = 6
"""Levels of what is nested."""
NODES = 1_000
"""Values looked at in one attribute, however they are nested."""
_LARGEST = 2**63
_DIGITS = 13_000
"""Bits of an integer that is written out: Python itself refuses more decimal digits than that makes."""

OWN_KEYS = frozenset(
    {keys.ERROR_TYPE, keys.OPERATION_NAME, keys.SCOPE_NAME, keys.OPERATION_BUSY_TIME, keys.CODE_FUNCTION_NAME}
)
"""The kit's own attributes, which win over a user's."""

KEY_TYPES: Mapping[str, type[int] | type[str]] = {
    **dict.fromkeys(
        (
            keys.HTTP_RESPONSE_STATUS_CODE,
            "http.request.resend_count",
            keys.SERVER_PORT,
            "client.port",
            "network.local.port",
            "network.peer.port",
            "db.operation.batch.size",
            "messaging.batch.message_count",
        ),
        int,
    ),
    **dict.fromkeys(
        (
            keys.DB_RESPONSE_STATUS_CODE,
            keys.ERROR_TYPE,
            keys.HTTP_ROUTE,
            "messaging.destination.partition.id",
            "messaging.message.id",
            "network.protocol.version",
            keys.RPC_METHOD,
            keys.RPC_RESPONSE_STATUS_CODE,
            keys.SERVER_ADDRESS,
        ),
        str,
    ),
}
"""Attributes of the conventions that people give as number or as text: the type that they have on metrics and spans."""

_WRITTEN: tuple[tuple[str, tuple[str, ...], str | Callable[[Any], Any]], ...] = (
    ("pandas._libs.tslibs.nattype", ("NaTType",), "isoformat"),  # a datetime of the year 1 by its class
    ("uuid", ("UUID",), "__str__"),
    ("decimal", ("Decimal",), "__str__"),
    ("datetime", ("datetime", "date", "time"), "isoformat"),
    ("datetime", ("timedelta",), "total_seconds"),
    ("pathlib", ("PurePath",), "__str__"),
    ("ipaddress", ("IPv4Interface", "IPv6Interface", "IPv4Address", "IPv6Address"), "__str__"),
    ("ipaddress", ("IPv4Network", "IPv6Network"), "__str__"),
    ("collections", ("UserString",), "__str__"),
    ("fractions", ("Fraction",), "__str__"),
    ("numpy", ("datetime64",), "__str__"),  # whose `item` is a bare count of its unit where datetime has no such unit
    ("numpy", ("timedelta64",), lambda value: float(value / type(value)(1, "s"))),
    ("numpy", ("floating",), "__float__"),  # a longdouble's `item` is itself
    ("numpy", ("generic",), "item"),
)
"""Classes with an obvious text or number, by module, and what gives it: their own method, whatever a subclass does. What
isn't imported can't have been handed over. The first that fits is taken."""
_QUALNAME: Callable[[type], str] = type.__dict__["__qualname__"].__get__


class _UnfitError(TypeError):
    """A value that can't be an attribute, and what it must be."""


def span_value(value: object, key: str = "a value") -> AttributeValue | None:
    """`value` as a span can have it; None, and a counted fault that names `key`, where it can't.

    >>> span_value("x" * 5_000) == "x" * 4_096
    True
    >>> span_value({"sku": "A1", "count": 2})
    '{"sku": "A1", "count": 2}'
    """
    if type(value) is str and len(value) <= SPAN_STRING and value.isascii() and key not in KEY_TYPES:
        return value
    return _kept(value, key, _on_span)  # type: ignore[no-any-return]


def metric_value(value: object, key: str = "a value") -> AttributeValue | None:
    """`value` as a metric can have it: like a span's, but shorter, hashable, finite, and not empty."""
    return _kept(value, key, _on_metric)  # type: ignore[no-any-return]


def event_value(value: object, key: str = "a value") -> Any:
    """`value` as a log-based event can have it: like a span's, but mappings and mixed sequences stay themselves."""
    return _kept(value, key, _on_event)


def attribute_key(key: object) -> str | None:
    """`key` as a plain string, or None, and a counted fault, where it is none, or empty.

    >>> attribute_key("user.id")
    'user.id'
    >>> attribute_key(7) is None
    True
    """
    if type(key) is str and 0 < len(key) <= KEY_LENGTH and key.isascii():
        return key
    text = plain_text(key)
    if text is None or not text:
        name = f"a {class_name(type(key))}" if text is None else "an empty one"
        msg = f"an attribute key must be a str that isn't empty, got {name}"
        faults.record("attributes.key", TypeError(msg), about=name)
        return None
    return text if len(text) <= KEY_LENGTH else text[:KEY_LENGTH]


def span_attributes(given: Mapping[str, object]) -> dict[str, AttributeValue]:
    """Those of `given` that a span can have, bounded. Never raises: a mapping that does is a counted fault."""
    return _attributes(given, span_value)


def event_attributes(given: Mapping[str, object]) -> dict[str, Any]:
    """Those of `given` that a log-based event can have, bounded. Never raises."""
    return _attributes(given, event_value)


def plain_text(value: object) -> str | None:
    """A str as exactly that, whatever its subclass does, that can be exported; None for anything else. Only the type is
    asked."""
    if type(value) is str and value.isascii():
        return value
    return encodable(str.__str__(value)) if issubclass(type(value), str) else None  # pyright: ignore[reportArgumentType]


def class_name(kind: type) -> str:
    """What a class is called, past what its metaclass makes of that."""
    return _QUALNAME(kind)


def _attributes(given: Mapping[str, object], convert: Callable[[object, str], Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    try:
        for key, value in given.items():
            name = attribute_key(key)
            harmless = None if name is None else convert(value, name)
            if name is not None and harmless is not None:
                kept[name] = harmless
                if len(kept) >= KEYS:
                    break
    except Exception as fault:
        faults.record("attributes", fault)
    return kept


def _kept(value: object, key: str, place: Callable[[object, str], Any]) -> Any:
    """What `place` makes of a value; a fault where it can't be kept."""
    if value is None:
        return None
    try:
        wanted = KEY_TYPES.get(key)
        return place(value if wanted is None else _of_type(value, wanted), key)
    except Exception as fault:
        faults.pass_on(fault)
        _unfit(value, key, fault)
        return None


def _unfit(value: object, key: str, fault: Exception) -> None:
    name = class_name(type(value))
    rule = fault if type(fault) is _UnfitError else f"be readable without a {class_name(type(fault))}"
    msg = f"the value of {key!r:.100} must {rule}, got one of type {name}"
    faults.record("attributes.value", TypeError(msg), about=f"{key} {name}")


def _of_type(value: object, wanted: type) -> object:
    """A value of a convention's attribute, of the type that the convention says."""
    plain = scalar(value, METRIC_STRING)
    if not isinstance(plain, (str, int, float)):
        raise _UnfitError(f"be {'an int' if wanted is int else 'a str'}, as its convention says")
    if wanted is not int:
        return plain if isinstance(plain, str) else str(plain)
    number = int(plain)
    if not -_LARGEST <= number < _LARGEST:
        raise _UnfitError("be an int of 64 bits, as its convention says")
    return number


def _on_span(value: object, key: str) -> AttributeValue:
    plain = _plain(value, key, SPAN_STRING)
    if type(plain) is dict or (type(plain) is list and not _of_one_type(plain)):
        with late_import():
            import json

        plain = json.dumps(plain, ensure_ascii=False)[:SPAN_STRING]
    return plain  # type: ignore[no-any-return]


def _on_event(value: object, key: str) -> Any:
    return _plain(value, key, SPAN_STRING)


def _on_metric(value: object, key: str) -> AttributeValue | None:
    plain = _plain(value, key, METRIC_STRING)
    kind = type(plain)
    if kind is dict:
        raise _UnfitError("not be a mapping on a metric")
    if kind is not list:
        if kind is float and not math.isfinite(plain):
            raise _UnfitError("be a finite number on a metric")
        return None if kind is str and not plain else plain
    if not _of_one_type(plain) or (plain and type(plain[0]) is float and not all(map(math.isfinite, plain))):
        raise _UnfitError("be a sequence of one type, and of finite numbers, on a metric")
    items: list[Any] = []
    left = METRIC_STRING
    for item in plain:
        left -= len(str(item)) + 2
        if left < 0 and items:
            break
        items.append(item)
    return tuple(items) or None


def _of_one_type(items: list[Any]) -> bool:
    first = type(items[0]) if items else str
    return first in (str, bool, int, float) and all(type(item) is first for item in items)


def _plain(value: object, key: str, length: int) -> Any:
    """`value` in plain types: a str, bool, int, float, or a list or dict of such. Raises what can't be kept raises."""
    plain = scalar(value, length)
    return _Walk(key, length).nested(value, DEPTH) if plain is None else plain


class _Walk:
    """The way through one nested value: what in it can't be kept costs itself only."""

    __slots__ = ("_key", "_left", "_length")

    def __init__(self, key: str, length: int) -> None:
        self._key = key
        self._length = length
        self._left = NODES

    def nested(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if issubclass(kind, Mapping):
            found: dict[str, Any] = {}
            for key, item in islice(value.items(), ITEMS):
                name = self._item(key, 0)
                inner = None if name is None else self._item(item, depth)
                if inner is not None:
                    found[name if type(name) is str else str(name)] = inner
            return found
        if issubclass(kind, Sequence):
            items = [self._item(item, depth) for item in islice(value, ITEMS)]
            return [item for item in items if item is not None]
        raise _UnfitError("be what OpenTelemetry takes, or what has an obvious text")

    def _item(self, item: Any, depth: int) -> Any:
        """What is nested, None where it is left out."""
        self._left -= 1
        if item is None or self._left < 0:
            return None
        try:
            plain = scalar(item, self._length)
            if plain is not None:
                return plain
            return self.nested(item, depth - 1) if depth > 1 else "..."
        except Exception as fault:
            faults.pass_on(fault)
            _unfit(item, self._key, fault)
            return None


def scalar(value: Any, length: int = SPAN_STRING) -> str | bool | int | float | None:
    """A text of at most `length`, a boolean or a number; None for what is none of them. Raises for what can't be one."""
    kind = type(value)
    if issubclass(kind, str):
        return encodable(str.__str__(value)[:length])
    if kind is bool:
        return bool(value)
    if issubclass(kind, int):
        number = int.__int__(value)
        if -_LARGEST <= number < _LARGEST:
            return number
        if number.bit_length() > _DIGITS:
            raise _UnfitError("be a number of fewer digits")
        return str(number)[:length]
    if issubclass(kind, Enum):  # of dates, floats or bytes, too
        name = value._name_
        return scalar(name if issubclass(type(name), str) else str(value), length)
    if issubclass(kind, float):
        return float.__float__(value)
    if kind is memoryview and value.ndim == value.itemsize == 1:
        value, kind = bytes(value[: 4 * length + 1]), bytes
    if issubclass(kind, (bytes, bytearray)):
        of: Any = bytes if issubclass(kind, bytes) else bytearray  # whose own methods run, not a subclass's
        start = bytes(of.__getitem__(value, slice(4 * length)))
        try:
            return utf_8_decode(start, "strict", len(start) == of.__len__(value))[0][:length]
        except UnicodeDecodeError:
            raise _UnfitError("be UTF-8") from None
    for module, names, method in _WRITTEN:
        imported = sys.modules.get(module)
        for name in names if imported is not None else ():
            known = getattr(imported, name, None)
            if isinstance(known, type) and type.__subclasscheck__(known, kind):  # an abstract one asks metaclasses
                plain = (getattr(known, method) if isinstance(method, str) else method)(value)
                return None if type(plain) is kind else scalar(plain, length)
    return None


def encodable(text: str) -> str:
    r"""`text` without lone surrogates, as names of files that aren't UTF-8 have them: an exporter that met one in a name, a
    key or a status would lose its whole batch.

    >>> encodable("caf\udce9.txt")
    'caf?.txt'
    """
    return text if text.isascii() else text.encode(errors="replace").decode()
