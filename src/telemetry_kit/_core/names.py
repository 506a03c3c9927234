"""What every helper with a name shares: the rule for the name, how many there may be, and the handle that ends one."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from telemetry_kit._core import faults
from telemetry_kit._core.attributes import plain_text
from telemetry_kit._core.cardinality import NAMES, Distinct
from telemetry_kit._core.face import public
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._core.overflow import NAME_KEYS, Overflow
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from telemetry_kit._core.scope import Scope


_NAMES: Registry[dict[str, Distinct]] = Registry(dict)
"""The names of each kind of helper that a scope has had."""


def check_name(kind: str, name: object) -> str:
    """`name`, or the TypeError or ValueError that says what is wrong with it."""
    article = "an" if kind[:1] in "aeiou" else "a"
    if not isinstance(name, str):
        msg = f"the name of {article} {kind} must be a str, got {name!r:.100} of type {type(name).__name__}"
        raise TypeError(msg)
    if not name:
        msg = f"the name of {article} {kind} must not be empty, got '': it is what a chart tells it from others by"
        raise ValueError(msg)
    return name


def admit_name(scope: Scope, kind: str, name: str) -> str:
    """`name`, or `_OTHER` once all `Telemetry` of this name have had 1,000 names of this kind: each one is a series for
    ever."""
    name = plain_text(name) or OTHER
    by_kind = _NAMES.of(scope)
    names = by_kind.get(kind)
    if names is None:
        names = by_kind.setdefault(kind, Distinct(NAMES))
    admitted: str = names(name)
    if admitted != name:
        Overflow(scope.instruments, scope.label, kind, admitted)(NAME_KEYS.get(kind, f"{kind}.name"))
    return admitted


@public
@final
class Handle(StaysHere):
    """What began when it was made ends by `stop()`, or with the `with` block that it heads.

    Nobody has to keep it: without it the observed thing is observed for as long as it lives.

    >>> import queue
    >>> from telemetry_kit import Telemetry
    >>> with Telemetry("shop.orders").observe_queue(queue.Queue(), name="orders"):
    ...     pass
    """

    __slots__ = ("_stops",)

    def __init__(self, *stops: Callable[[], None]) -> None:
        self._stops: tuple[Callable[[], None], ...] = stops

    def stop(self) -> None:
        """End it. A second time does nothing.

        >>> handle = Telemetry("shop.orders").watch_unhandled()
        >>> handle.stop()
        """
        stops, self._stops = self._stops, ()
        for stop in stops:
            with faults.guard("handle.stop"):
                stop()

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
