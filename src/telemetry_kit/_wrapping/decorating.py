"""Any callable, decorated: a closure of `drivers` for a function, a proxy of `proxies` for an object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from telemetry_kit._core import late
from telemetry_kit._wrapping.awaitables import Calls
from telemetry_kit._wrapping.callables import disguise, kind_of
from telemetry_kit._wrapping.drivers import MAKERS

F = TypeVar("F", bound=Callable[..., Any])


def decorate(func: F, calls: Calls) -> F:
    """`func`, run inside a call of `calls` each time. `check` has passed."""
    if late.is_over():
        return func
    kind = kind_of(func)
    if kind == "object":
        with late.late_import():
            from telemetry_kit._wrapping import proxies

        return cast("F", proxies.wrap(func, calls))
    return cast("F", disguise(MAKERS[kind](func, calls), func))
