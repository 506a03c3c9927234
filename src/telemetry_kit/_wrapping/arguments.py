"""A call's arguments as span attributes, without binding them twice.

What is asked for is looked up at decoration: where the parameter stands, what it is called, what it defaults to. A call
then costs a look into `args` or `kwargs` for each.

By name, the user has decided: a value is passed as it is, but for secrets of a known shape in strings. Under `"*"` nobody
has decided, so that arguments of a secret's name are redacted too. What becomes of a value is `captured`'s.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from telemetry_kit._core import faults
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._redaction.marks import REDACTED
from telemetry_kit._redaction.names import denied
from telemetry_kit._wrapping import captured
from telemetry_kit._wrapping.callables import name_of, signature_of

Arguments = Mapping[str, str] | Iterable[str] | str
"""`{"parameter": "attribute.key"}`, names of parameters, or `"*"`."""
Attributes = Mapping[str, object] | Callable[..., Mapping[str, object]] | None
"""Attributes, or what is given a call's arguments and says them."""

_ABSENT: Any = object()

Getter = Callable[[tuple[Any, ...], dict[str, Any]], Any]


def compile_arguments(
    func: Callable[..., Any], spec: Arguments
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
                harmless = REDACTED if is_secret else captured.attribute(value, everything)
            except Exception as fault:
                faults.record("arguments", fault)
                continue
            if harmless is not None:
                attributes[key] = harmless
        return attributes

    return read


def _parameters(func: Callable[..., Any], spec: Arguments) -> list[inspect.Parameter]:
    if isinstance(func, (classmethod, staticmethod)):
        func = func.__func__
    try:
        return list(signature_of(func).parameters.values())
    except (TypeError, ValueError):
        raise TypeError(
            f"what arguments={spec!r:.100} is asked of must say its parameters, got {name_of(func)}, which doesn't: give "
            "span_attributes a callable that takes its arguments"
        ) from None


def _wanted(func: Any, spec: Arguments, parameters: list[inspect.Parameter]) -> list[tuple[str, str]]:
    """Pairs of parameter and attribute key."""
    names = [parameter.name for parameter in parameters]
    if isinstance(spec, str):
        if spec != "*":
            raise TypeError(
                f"arguments of {name_of(func)} must be '*' where they are a string, got {spec!r:.100}: for one "
                f"parameter say arguments=[{spec!r:.100}]"
            )
        return [(name, name) for place, name in enumerate(names) if place or name not in ("self", "cls")]
    if isinstance(spec, Mapping):
        pairs = list(spec.items())
    elif isinstance(spec, Iterable):
        pairs = [(name, name) for name in spec]
    else:
        raise TypeError(
            f"arguments of {name_of(func)} must be a mapping of parameters to attribute keys, a sequence of parameters, "
            f"or '*', got {spec!r:.100}"
        )
    for name, key in pairs:
        if not isinstance(key, str) or not key:
            raise TypeError(
                f"arguments of {name_of(func)} must have keys that are strings and aren't empty, got {key!r:.100} for "
                f"{name!r:.100}"
            )
        if name not in names:
            there = ", ".join(names) or "none"
            raise TypeError(f"arguments of {name_of(func)} must be parameters of it, got {name!r:.100}: it has {there}")
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
