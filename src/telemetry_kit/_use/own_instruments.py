"""Numbers of a library's own, on its own scope, with what the kit promises of its own ones.

They are exact, whatever thread adds them, and also where the SDK comes late; a counter outlives its `Telemetry`; each
key keeps its first values; whatever breaks is a counted fault.
"""

from __future__ import annotations

import inspect
import math
import re
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import faults, forks, observer
from telemetry_kit._core.attributes import encodable
from telemetry_kit._core.cardinality import ValueGuard
from telemetry_kit._core.face import public
from telemetry_kit._core.guards import few
from telemetry_kit._core.instruments import SCHEMA_URL, Reading, Series, series
from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._core.observed import Account, Observed
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._core.overflow import Overflow
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import MeterProvider

    from telemetry_kit._core.scope import Scope

    Number = int | float
    Read = Callable[[], Number | Iterable[tuple[Number, Mapping[str, object]]]]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]{0,254}")
"""OpenTelemetry's rule for the names of instruments: one that breaks it makes a host's `set_meter_provider()` raise."""
UNIT_LENGTH = 63
_lock = forks.Lock()


class _Instrument:
    """One instrument of a scope, whoever asks for it how often."""

    __slots__ = ("account", "guard", "kind", "observed", "unit")

    def __init__(self, scope: Scope, kind: str, unit: str, observed: Observed) -> None:
        self.kind: str = kind
        self.unit: str = unit
        self.observed: Observed = observed
        self.account: Account = Account()
        """What a counter counts."""
        if kind == "counter":
            observed.account = self.account
        self.guard: ValueGuard = ValueGuard(
            overflowed=Overflow(scope.instruments, scope.label, "instrument", observed.name)
        )

    def series(self, attributes: Mapping[str, object] | None) -> Series:
        """The series of these attributes, guarded."""
        return series(few(self.guard, attributes or {}))


_OWN: Registry[dict[str, _Instrument]] = Registry(dict)
"""By name."""


@public
class Counter(ByRecipe):
    """A number that only grows, counted by who adds to it. Made by `Telemetry.counter`.

    >>> from telemetry_kit import Telemetry
    >>> sent = Telemetry("shop.mail").counter("mail.sent", unit="{mail}", description="Mails that were sent")
    """

    __slots__ = ("__weakref__", "_account", "_instrument", "_plain", "name")

    def __init__(self, scope: Scope, name: str, unit: str, description: str) -> None:
        self.name: str = name
        self._instrument = _instrument(scope, "counter", name, unit, description)
        self._account = self._instrument.account
        self._plain = series({})

    def __repr__(self) -> str:
        return f"<Counter {self.name!r}>"

    def add(self, amount: float = 1, attributes: Mapping[str, object] | None = None) -> None:
        """Count `amount`, in the series of these low-cardinality attributes. A negative one counts nothing.

        >>> sent.add(3, {"mail.kind": "receipt"})
        """
        try:
            number = _number(amount, least=0)
            self._account.add(self._instrument.series(attributes) if attributes else self._plain, number)
        except Exception as fault:
            faults.record("counter.add", fault)


def observe_gauge(scope: Scope, name: str, read: Read, *, unit: str, description: str) -> Handle:
    """What `Telemetry.observe_gauge` says."""
    if not callable(read) or inspect.iscoroutinefunction(read):
        msg = f"read of gauge {name!r} must be a function that gives a number, or pairs of number and attributes, got {read!r:.100}"
        raise TypeError(msg)
    instrument = _instrument(scope, "gauge", name, unit, description)
    if scope.disabled:
        return Handle()
    # A tuple can't be held weakly: the gauge is read until it is stopped.
    stop = instrument.observed.add((instrument, read), _readings).stop
    observer.current.kept(stop)
    return Handle(stop)


def _readings(owner: tuple[_Instrument, Read]) -> Reading:
    instrument, read = owner
    found: Any = read()
    if isinstance(found, (int, float)) or not hasattr(found, "__iter__"):
        found = ((found, None),)
    for number, attributes in found:
        try:
            value = _number(number)
            of = instrument.series(attributes)
        except Exception as fault:  # it costs itself alone
            faults.record(f"observe.{instrument.observed.name}", fault)
        else:
            yield of, value


def _number(given: Any, least: float = -math.inf) -> Number:
    number: Number = given if isinstance(given, (int, float)) else float(given)
    if not (math.isfinite(number) and number >= least):
        msg = f"a number must be finite{'' if least else ', and of a counter not negative'}, got {given!r:.100}"
        raise ValueError(msg)
    return number


def _instrument(scope: Scope, kind: str, name: str, unit: str, description: str) -> _Instrument:
    what = f"{kind} {name!r:.100}"
    if not _NAME.fullmatch(check_name(kind, name)):
        msg = f"the name of a {kind} must begin with a letter and have letters, digits and _ . - / only, at most 255, got {name!r:.100}"
        raise ValueError(msg)
    for option, given in (("unit", unit), ("description", description)):
        if not isinstance(given, str):
            msg = f"{option} of {what} must be a str, got {given!r:.100} of type {type(given).__name__}"
            raise TypeError(msg)
    if len(unit) > UNIT_LENGTH or not unit.isascii():
        msg = f"unit of {what} must be at most {UNIT_LENGTH} ASCII characters, such as 's', 'By' or '{{order}}', got {unit!r:.100}"
        raise ValueError(msg)
    own = _OWN.of(scope)
    if name not in own and admit_name(scope, "instrument", name) != name:  # more than any library has: none is kept
        return _unobserved(scope, kind, name, unit)
    with _lock:
        there = own.get(name)
        if there is None:
            there = own[name] = _make(scope, kind, name, unit, encodable(description))
    if (there.kind, there.unit) != (kind, unit):
        if scope.label == OTHER:  # another library's
            return _unobserved(scope, kind, name, unit)
        msg = f"{what} must be what it is already, a {there.kind} in {there.unit!r}, got a {kind} in {unit!r}: take another name"
        raise ValueError(msg)
    return there


def _unobserved(scope: Scope, kind: str, name: str, unit: str) -> _Instrument:
    return _Instrument(scope, kind, unit, Observed(name, lambda _: None, None))


def _make(scope: Scope, kind: str, name: str, unit: str, description: str) -> _Instrument:
    make = "create_observable_counter" if kind == "counter" else "create_observable_gauge"
    scope_name, version = scope.label, scope.version  # not the scope, which would hold its provider

    def create(provider: MeterProvider, observed: Observed) -> None:
        meter = provider.get_meter(scope_name, version, SCHEMA_URL)
        getattr(meter, make)(name, callbacks=[observed], unit=unit, description=description)

    return _Instrument(scope, kind, unit, scope.instruments.own(name, None if kind == "counter" else max, create))
