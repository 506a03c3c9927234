"""What became of a call: success, or the one `error.type` that span, metric and event share.

Follows "recording errors" of the semantic conventions: a success has no `error.type`. Cancellation is an outcome of its
own, which no dashboard should count as an error of the code (`error.type="cancelled"`, span status unset).
"""

import weakref
from collections.abc import Callable, Iterable
from typing import Any, cast

from telemetry_kit._core import faults
from telemetry_kit._core.attributes import class_name, encodable
from telemetry_kit._core.late import is_known

CANCELLED = "cancelled"
OTHER = "_OTHER"
"""What the conventions call a value that is not in the list."""

Expected = type[BaseException] | Iterable[type[BaseException]] | Callable[[BaseException], object]
"""Exceptions that are not errors, as a user says it: a type, several, or a callable given one that says so."""
CheckedExpected = tuple[type[BaseException], ...] | Callable[[BaseException], object]
"""The same once it was checked."""

_NORMAL_ENDS: tuple[type[BaseException], ...] = (GeneratorExit, StopIteration, StopAsyncIteration)
_CANCELLATIONS = (
    ("asyncio", "CancelledError"),
    ("concurrent.futures", "CancelledError"),
    ("trio", "Cancelled"),
    ("greenlet", "GreenletExit"),
)
"""Also anyio's, which are asyncio's and trio's, and gevent's, which are greenlet's."""
_EXITS = (("click.exceptions", "Exit"), ("typer", "Exit"))
"""What command-line frameworks raise in the place of SystemExit, with an `exit_code`."""
_LEAVES_AT_MOST = 1_000
"""Leaves of an exception group that are looked at: a group can be of any size."""
_NAMED_AT_MOST = 1_000
"""Classes of exceptions that are remembered: a host may make them on the fly."""
_MODULE = type.__dict__["__module__"].__get__
"""A class's own, past what its metaclass makes of it."""


class _Named(weakref.ref[type[BaseException]]):
    """A class of exceptions whose outcome is its name, whatever is in one of them."""

    __slots__ = ("name",)
    name: str


_named: dict[int, _Named] = {}
"""By address: so no metaclass is asked what it equals, and no class is kept."""


def error_type(exc: BaseException) -> str | None:
    """The `error.type` of an exception that left a call, or None where that is a success.

    >>> error_type(ValueError("no"))
    'ValueError'
    >>> error_type(SystemExit(0)) is None
    True
    >>> error_type(SystemExit(2))
    'SystemExit'
    """
    kind = type(exc)
    known = _named.get(id(kind))
    if known is not None and known() is kind:
        return known.name
    if isinstance(exc, _NORMAL_ENDS):
        return None
    if isinstance(exc, SystemExit) or is_known(exc, _EXITS):
        return None if _exits_well(exc) else type_name(kind)
    if is_cancellation(exc):
        return CANCELLED
    if hasattr(exc, "exceptions") and hasattr(exc, "derive"):
        return _of_group(exc)
    if len(_named) >= _NAMED_AT_MOST:
        _named.clear()
    named = _Named(kind)
    named.name = type_name(kind)
    _named[id(kind)] = named
    return named.name


def type_name(kind: type[object]) -> str:
    """`ValueError` for a builtin, else `module.QualName`, without `<locals>`.

    >>> import decimal
    >>> type_name(decimal.InvalidOperation)
    'decimal.InvalidOperation'
    """
    name = class_name(kind)
    if "<locals>" in name:
        name = name.replace("<locals>.", "")
    module = _MODULE(kind)
    return name if type(module) is not str or module == "builtins" else encodable(f"{module}.{name}")


def is_cancellation(exc: BaseException) -> bool:
    """Whether this is the cancellation of a task or future, or the end of a killed greenlet."""
    return is_known(exc, _CANCELLATIONS)


def _exits_well(exc: BaseException) -> bool:
    """Whether what ends a program does so with a status of 0. What is no int is printed, and the status is 1."""
    code: Any = exc.code if isinstance(exc, SystemExit) else getattr(exc, "exit_code", None)
    return code is None or (issubclass(type(code), int) and int.__int__(code) == 0)


def check_expected(what: str, expected: Any) -> CheckedExpected | None:
    """`expected` of an operation, span or job, or the TypeError that says what is wrong with it."""
    if isinstance(expected, type):
        expected = (expected,)
    if callable(expected):
        return cast("CheckedExpected", expected)
    kinds: tuple[Any, ...] = (
        tuple(expected) if isinstance(expected, Iterable) and not isinstance(expected, str) else (expected,)
    )
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            msg = f"expected of {what} must be exception types or a callable given an exception, got {kind!r:.100}"
            raise TypeError(msg)
    return kinds or None


def classify(exc: BaseException, expected: CheckedExpected | None, site: str) -> str | None:
    """The `error.type` of an exception that left an operation, a span, a job or a step: None where it is a success or
    was expected. What breaks while it is looked at is a fault of `site`, and the outcome `_OTHER`."""
    try:
        kind = error_type(exc)
        return None if kind is None or (expected is not None and _is_expected(exc, expected, site)) else kind
    except Exception as fault:
        faults.record(site, fault)
        return OTHER


def _is_expected(exc: BaseException, expected: CheckedExpected, site: str) -> bool:
    """Whether it is of one of the types, or the callable says so. A group is expected where all of its leaves are,
    since it has no type of its own to be named by."""
    if not isinstance(expected, tuple):
        try:
            if expected(exc):
                return True
        except Exception as fault:
            faults.record(site, fault)
            return False
    elif isinstance(exc, expected):
        return True
    parts = getattr(exc, "exceptions", None)
    if not (isinstance(parts, tuple) and parts and hasattr(exc, "derive")):
        return False
    return all(_is_expected(part, expected, site) for part in parts[:_LEAVES_AT_MOST])


def _of_group(group: BaseException) -> str:
    names: set[str | None] = set()
    todo: list[BaseException] = [group]
    seen = 0
    while todo and seen < _LEAVES_AT_MOST:
        exc = todo.pop()
        seen += 1
        parts = getattr(exc, "exceptions", None)
        if isinstance(parts, tuple) and hasattr(exc, "derive"):
            todo.extend(parts)
        else:
            names.add(error_type(exc))
        if len(names) > 1:
            break
    only = names.pop() if len(names) == 1 and not todo else None
    return only if only is not None else type_name(type(group))
