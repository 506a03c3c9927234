"""A call's arguments as span attributes, without binding them twice.

What is asked for is looked up at decoration: where the parameter stands, what it is called, what it defaults to. A call
then costs a look into `args` or `kwargs` for each.

By name, the user has decided: a value that OpenTelemetry takes is passed as it is, but for secrets of a known shape in
strings. Anything else becomes a bounded text. Under `"*"` nobody has decided, so that names on the deny list (see
`_scrub.denied`) are redacted; in what is nested they always are. No `__repr__` or `__str__` of anybody's class is ever
called: an object that is no number, text, date, mapping, sequence, set or dataclass is only named by its class.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from itertools import islice
from typing import Any

from telemetry_kit._core import faults
from telemetry_kit._core.attributes import ITEMS, SPAN_STRING, AttributeValue, scalar, span_value
from telemetry_kit._core.outcome import type_name
from telemetry_kit._redaction.names import denied
from telemetry_kit._redaction.scrub import REDACTED, default_scrub, is_card
from telemetry_kit._wrapping.callables import signature_of

Spec = Mapping[str, str] | Iterable[str] | str
"""`{"parameter": "attribute.key"}`, names of parameters, or `"*"`."""

DEPTH = 6
"""Levels of what is nested; deeper ones are `...`."""
NODES = 500
"""Values looked at in one argument, however they are nested."""
TEXT = 1_024
"""Characters of one string inside of something nested."""
_PRINTED_AS_TEXT = frozenset({"datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid", "pathlib._local"})
"""Modules of the standard library whose classes print as one would write them."""
_ABSENT: Any = object()

Getter = Callable[[tuple[Any, ...], dict[str, Any]], Any]


def compile_arguments(
    func: Callable[..., Any], spec: Spec, scrub: Callable[[str], str] = default_scrub
) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, AttributeValue]]:
    """What reads the attributes of a call off its `args` and `kwargs`.

    Raises TypeError where `spec` isn't one, or names a parameter that `func` doesn't have.

    >>> read = compile_arguments(lambda sku, amount=1: None, ["sku", "amount"])
    >>> read(("A1",), {})
    {'sku': 'A1', 'amount': 1}
    >>> compile_arguments(lambda user, password: None, "*")(("ann", "hunter2"), {})
    {'user': 'ann', 'password': '[REDACTED]'}
    """
    parameters = _parameters(func, spec)
    everything = spec == "*"
    plan: list[tuple[str, Getter, bool]] = []
    for name, key in _wanted(func, spec, parameters):
        plan.append((key, _getter(name, parameters), everything and denied(name)))

    def read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, AttributeValue]:
        attributes: dict[str, AttributeValue] = {}
        for key, get, is_secret in plan:
            try:
                value = get(args, kwargs)
                if value is _ABSENT or value is None:
                    continue
                harmless = REDACTED if is_secret else _attribute(value, scrub, everything)
            except Exception as fault:
                faults.record("arguments", fault)
                continue
            if harmless is not None:
                attributes[key] = harmless
        return attributes

    return read


def _name_of(func: Any) -> str:
    while isinstance(func, functools.partial):
        func = func.func
    return getattr(func, "__qualname__", None) or type(func).__qualname__


def _parameters(func: Callable[..., Any], spec: Spec) -> list[inspect.Parameter]:
    if isinstance(func, (classmethod, staticmethod)):
        func = func.__func__
    try:
        return list(signature_of(func).parameters.values())
    except (TypeError, ValueError):
        raise TypeError(
            f"arguments={spec!r:.100} of {_name_of(func)}: it doesn't say which parameters it has; "
            "give span_attributes a callable that takes its arguments"
        ) from None


def _wanted(func: Any, spec: Spec, parameters: list[inspect.Parameter]) -> list[tuple[str, str]]:
    """Pairs of parameter and attribute key."""
    names = [parameter.name for parameter in parameters]
    if isinstance(spec, str):
        if spec != "*":
            raise TypeError(
                f"arguments={spec!r:.100} of {_name_of(func)}: a string can only be '*'; "
                f"for one parameter write arguments=[{spec!r:.100}]"
            )
        return [(name, name) for place, name in enumerate(names) if place or name not in ("self", "cls")]
    if isinstance(spec, Mapping):
        pairs = list(spec.items())
    elif isinstance(spec, Iterable):
        pairs = [(name, name) for name in spec]
    else:
        raise TypeError(
            f"arguments={spec!r:.100} of {_name_of(func)}: must be a mapping of parameters to attribute keys, "
            "a sequence of parameters, or '*'"
        )
    for name, key in pairs:
        if not isinstance(key, str) or not key:
            raise TypeError(
                f"arguments of {_name_of(func)}: the attribute key of {name!r:.100} must be a string that isn't "
                f"empty, not {key!r:.100}"
            )
        if name not in names:
            there = ", ".join(names) or "none"
            raise TypeError(f"arguments of {_name_of(func)}: it has no parameter {name!r:.100}; it has: {there}")
    return pairs


def _getter(name: str, parameters: list[inspect.Parameter]) -> Getter:
    kinds = inspect.Parameter
    positional = [p.name for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    parameter = next(p for p in parameters if p.name == name)
    default = _ABSENT if parameter.default is kinds.empty else parameter.default
    if parameter.kind is kinds.VAR_POSITIONAL:
        first = len(positional)
        return lambda args, _: args[first:] or _ABSENT
    if parameter.kind is kinds.VAR_KEYWORD:
        named = {p.name for p in parameters if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)}
        return lambda _, kwargs: {key: value for key, value in kwargs.items() if key not in named} or _ABSENT
    if parameter.kind is kinds.KEYWORD_ONLY:
        return lambda _, kwargs: kwargs.get(name, default)
    place = positional.index(name)
    if parameter.kind is kinds.POSITIONAL_ONLY:
        return lambda args, _: args[place] if len(args) > place else default
    return lambda args, kwargs: args[place] if len(args) > place else kwargs.get(name, default)


def _attribute(value: Any, scrub: Callable[[str], str], everything: bool) -> AttributeValue | None:
    kind = type(value)
    plain = None if everything and kind in (bytes, bytearray) else scalar(value, 2 * SPAN_STRING)
    if type(plain) is str:
        return span_value(_scrubbed(plain, scrub, 2 * SPAN_STRING))
    if plain is not None:
        return REDACTED if everything and type(plain) is int and is_card(str(plain)) else span_value(plain)
    if kind in (list, tuple) and 0 < len(value) <= ITEMS:
        items = [None if type(item) in (bytes, bytearray) else scalar(item, 2 * SPAN_STRING) for item in value]
        first = type(items[0])
        if items[0] is not None and all(type(item) is first for item in items):
            if first is str:
                return span_value([_scrubbed(str(item), scrub, 2 * SPAN_STRING) for item in items])
            if not (everything and first is int):
                return span_value(items)
    text = ""
    for piece in _text(value, scrub):
        text += piece
        if len(text) > SPAN_STRING:
            break
    return span_value(text)


def _scrubbed(text: str, scrub: Callable[[str], str], length: int) -> str:
    """`text`, which may be of any size: cut, scrubbed; redacted where the scrubber fails."""
    scrubbed = scrub(str.__str__(text)[:length])
    return scrubbed if isinstance(scrubbed, str) else REDACTED


def _text(value: Any, scrub: Callable[[str], str]) -> Iterator[str]:
    """The pieces of a bounded text of `value`, like JSON."""
    left = [NODES]

    def one(value: Any, depth: int) -> Iterator[str]:
        left[0] -= 1
        if left[0] < 0 or depth > DEPTH:
            yield "..."
            return
        kind = type(value)
        if value is None or kind is bool:
            yield "null" if value is None else str(value).lower()
        elif isinstance(value, Enum):
            yield _quoted(f"{kind.__qualname__}.{value._name_}")
        elif isinstance(value, str):
            yield _quoted(_scrubbed(value, scrub, 2 * TEXT)[:TEXT])
        elif kind is float:
            yield float.__repr__(value)
        elif kind is int:
            digits = int.__repr__(value) if -(2**200) < value < 2**200 else "..."
            yield REDACTED if is_card(digits) else digits
        elif isinstance(value, (bytes, bytearray, memoryview)):
            yield f"<{len(value)} bytes>"
        elif isinstance(value, Mapping):
            yield from between("{", members(islice(value.items(), left[0] + 1), depth), "}")
        elif isinstance(value, tuple) and hasattr(kind, "_fields"):
            yield from between("{", members(zip(kind._fields, value, strict=False), depth), "}")
        elif isinstance(value, (list, tuple, AbstractSet)):
            yield from between("[", items(value, depth), "]")
        elif hasattr(kind, "__dataclass_fields__"):
            yield from between("{", members(_fields(value), depth), "}")
        elif kind.__module__ in _PRINTED_AS_TEXT:
            yield _quoted(_scrubbed(str(value), scrub, 2 * TEXT)[:TEXT])
        else:
            yield f"<{type_name(kind)}>"

    def between(first: str, parts: Iterable[Iterator[str]], last: str) -> Iterator[str]:
        yield first
        for place, part in enumerate(parts):
            if place:
                yield ", "
            yield from part
            if left[0] < 0:
                break
        yield last

    def members(pairs: Iterable[tuple[Any, Any]], depth: int) -> Iterator[Iterator[str]]:
        for key, inner in pairs:
            yield member(_key(key), inner, depth)

    def member(key: str, inner: Any, depth: int) -> Iterator[str]:
        yield f"{_quoted(_scrubbed(key, scrub, TEXT))}: "
        if denied(key):
            left[0] -= 1
            yield f'"{REDACTED}"'
        else:
            yield from one(inner, depth + 1)

    def items(values: Iterable[Any], depth: int) -> Iterator[Iterator[str]]:
        if isinstance(values, tuple) and len(values) == 2 and denied(_key(values[0])):
            # A header as a pair of name and value.
            yield one(values[0], depth + 1)
            yield iter((f'"{REDACTED}"',))
            return
        for item in islice(values, left[0] + 1):
            yield one(item, depth + 1)

    return one(value, 0)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, bytes):
        return key[:TEXT].decode("latin-1")
    kind: Any = type(key)
    return int.__repr__(key) if kind is int and abs(key) < 2**64 else f"<{type_name(kind)}>"


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass, but for those that its author keeps out of its `repr`."""
    for name, field in type(value).__dataclass_fields__.items():
        if field.repr:
            try:
                yield name, object.__getattribute__(value, name)
            except AttributeError:
                continue


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
