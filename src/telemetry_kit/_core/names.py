"""What every helper with a name shares: the rule for the name, how many there may be, and the handle that ends one."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from telemetry_kit._core import faults, observer
from telemetry_kit._core.attributes import plain_text
from telemetry_kit._core.cardinality import NAMES, Distinct
from telemetry_kit._core.face import public
from telemetry_kit._core.instruments import Instruments, Series, series
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._core.registry import Registry
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from telemetry_kit._core.scope import Scope


NAME_KEYS = {
    "cache": keys.CACHE_NAME,
    "event_loop": keys.EVENT_LOOP_NAME,
    "executor": keys.EXECUTOR_NAME,
    "health": keys.HEALTH_CHECK_NAME,
    "job": keys.JOB_NAME,
    "objective": keys.OBJECTIVE_NAME,
    "operation": keys.OPERATION_NAME,
    "pool": keys.POOL_NAME,
    "queue": keys.QUEUE_NAME,
}
"""The attribute that a helper's name is, by its kind."""
_NAMES: Registry[dict[str, Distinct]] = Registry(dict)
"""The names of each kind of helper that a scope has had."""


def check_name(kind: str, name: object) -> str:
    """`name`, or the TypeError or ValueError that says what is wrong with it."""
    article = "an" if kind[:1] in "aeiou" else "a"
    if not isinstance(name, str):
        msg = f"the name of {article} {kind} must be a str, got {name!r:.100} of type {type(name).__name__}"
        raise TypeError(msg)
    if not name:
        msg = f"the name of {article} {kind} can't be empty: it is what a chart tells it from others by"
        raise ValueError(msg)
    return name


class Overflow:
    """Speaks of the values of one helper that became `_OTHER`: which key of which helper, counted, and logged once."""

    __slots__ = ("_account", "_attributes", "_series")

    def __init__(self, instruments: Instruments, scope_name: str, kind: str, name: str) -> None:
        key = NAME_KEYS.get(kind)
        self._account = instruments.account("telemetry_kit.attribute.overflow")
        self._attributes = {keys.SCOPE_NAME: scope_name} if key is None else {keys.SCOPE_NAME: scope_name, key: name}
        self._series: dict[str, Series] = {}

    def __call__(self, key: str) -> None:
        observer.overflowed(key)
        of = self._series.get(key)
        if of is None:
            of = self._series[key] = series({**self._attributes, keys.ATTRIBUTE_KEY: key})
            whose = ", ".join(f"{name} {value}" for name, value in self._attributes.items())
            words = f"attribute {key} has too many values, and later ones are _OTHER on metrics: {whose}"
            if key == OTHER:
                words = f"there are too many attribute keys, and later ones are left out of metrics: {whose}"
            faults.say_once(words, words)
        self._account.add(of)


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
        """End it. A second time does nothing."""
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
