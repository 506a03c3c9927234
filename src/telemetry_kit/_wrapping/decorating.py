"""Any callable, decorated: a closure of `drivers` for a function, a proxy of `proxies` for an object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from telemetry_kit._core import late
from telemetry_kit._wrapping.awaitables import Calls
from telemetry_kit._wrapping.callables import check, disguise, kind_of
from telemetry_kit._wrapping.drivers import MAKERS

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


def decorate(func: F, what: str, calls_of: Callable[[Any], Calls | None]) -> F:
    """`func`, which may be any kind of callable, run each time inside a call of what `calls_of` has for it; bare where that
    is None.

    Raises TypeError for what `what` can't decorate.
    """
    check(func, what)
    if isinstance(func, (classmethod, staticmethod)):
        return cast("F", type(func)(decorate(func.__func__, what, calls_of)))
    calls = calls_of(func)
    return func if calls is None else cast("F", wrapped(func, calls))


def wrapped(func: Any, calls: Calls) -> Any:
    """The same of what can be decorated, and is no classmethod or staticmethod."""
    if late.is_over():
        return func
    kind = kind_of(func)
    if kind == "object":
        with late.late_import():
            from telemetry_kit._wrapping import proxies

        return proxies.wrap(func, calls)
    return disguise(MAKERS[kind](func, calls), func)
