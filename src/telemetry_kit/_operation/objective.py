"""Objectives of operations: how many calls met what was promised, counted exactly, whatever the buckets are.

A call that was cancelled says nothing about a promise and is in neither count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telemetry_kit._core.attributes import encodable
from telemetry_kit._core.face import public
from telemetry_kit._core.instruments import Reading, Series, series
from telemetry_kit._core.names import admit_name
from telemetry_kit._core.outcome import CANCELLED, OTHER, classify
from telemetry_kit._core.registry import Registry
from telemetry_kit._core.turn import Turn
from telemetry_kit._operation.state import observe_slots
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetry_kit._core.observed import SinceThen
    from telemetry_kit._core.scope import Scope
    from telemetry_kit._operation.state import OperationState

RESULTS = "met", "missed"


@public
@dataclass(frozen=True, slots=True)
class Objective:
    """What is promised of an operation: which share of its calls succeeds, and within what time.

    Args:
        target: percent of the calls, from 50 to below 100: 99.9.
        within: seconds in which a call has to succeed; None where any success will do.
        name: of the objective; `availability`, or `latency` with `within`, unless given.

    Raises TypeError for what is no number or str, ValueError for a target or a time that can't be.

    >>> Objective(99.9)
    Objective(target=99.9, within=None, name='availability')
    >>> Objective(99.0, within=0.3).name
    'latency'
    """

    target: float
    within: float | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _check_number("target", self.target)
        if not 50 <= self.target < 100:
            msg = f"target of an objective must be percent of the calls, from 50 to below 100, got {self.target!r}"
            raise ValueError(msg)
        if self.within is not None:
            _check_number("within", self.within)
            if not 0 < self.within < math.inf:
                msg = f"within of an objective must be above 0 seconds, got {self.within!r}"
                raise ValueError(msg)
        if self.name is None:
            object.__setattr__(self, "name", "availability" if self.within is None else "latency")
        elif not isinstance(self.name, str) or not self.name:
            msg = f"name of an objective must be a str that isn't empty, got {self.name!r:.100}"
            raise TypeError(msg) if not isinstance(self.name, str) else ValueError(msg)
        else:
            object.__setattr__(self, "name", encodable(self.name))


def _check_number(option: str, given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        msg = f"{option} of an objective must be a number, got {given!r:.100} of type {type(given).__name__}"
        raise TypeError(msg)


Objectives = Objective | Iterable[Objective] | None


def check_objectives(what: str, given: Objectives) -> tuple[Objective, ...]:
    """The objectives, or the TypeError or ValueError that says what is wrong with them."""
    if given is None:
        return ()
    found: Any = given
    several = isinstance(found, Iterable) and not isinstance(found, (str, bytes))
    objectives: tuple[Any, ...] = tuple(found) if several else (found,)
    for one in objectives:
        if not isinstance(one, Objective):
            msg = f"objective of {what} must be an Objective or several, got {one!r:.100}"
            raise TypeError(msg)
    names = [one.name for one in objectives]
    for name in names:
        if names.count(name) > 1:
            msg = f"the objectives of {what} must have names of their own, got two called {name!r}: give name="
            raise ValueError(msg)
    return objectives


class _Targets:
    """What was promised of a scope's operations."""

    __slots__ = ("__weakref__", "new", "promised", "series")

    def __init__(self) -> None:
        self.new = Turn()
        """Taken by whoever has them observed."""
        self.promised: dict[tuple[str, str], Objective] = {}
        """By operation and objective."""
        self.series: dict[tuple[str, str], Series] = {}

    def read(self) -> Reading:
        return [(of, self.promised[key].target / 100) for key, of in list(self.series.items())]

    def read_since(self, then: SinceThen) -> Reading:
        """Those of operations that did something."""
        active, helper_of, every = then.active, then.helper_of, list(self.series.items())
        return [(of, self.promised[key].target / 100) for key, of in every if (of.helper or helper_of(of)) in active]


_TARGETS: Registry[_Targets] = Registry(_Targets)


class ObjectiveCounts:
    """The objectives of one operation: every call that ends is counted for each, in the cell in which it runs."""

    __slots__ = ("_each", "_state")

    def __init__(self, scope: Scope, state: OperationState, objectives: tuple[Objective, ...]) -> None:
        self._state = state
        self._each: list[tuple[float, int, int]] = []
        """The seconds within which a call has to succeed, and where those are counted that did and those that didn't."""
        targets = _TARGETS.of(scope.living)
        for one in objectives:
            name = admit_name(scope, "objective", one.name or OTHER)
            attributes = {
                keys.OPERATION_NAME: state.name,
                keys.SCOPE_NAME: scope.label,
                keys.OBJECTIVE_NAME: name,
            }
            there = targets.promised.setdefault((state.name, name), one)
            if there != one and OTHER not in (scope.label, state.name, name):
                msg = (
                    f"objective {one.name!r} of operation {state.name!r} must be what it is already, {there!r}, got "
                    f"{one!r}: give it another name"
                )
                raise ValueError(msg)
            targets.series[state.name, name] = series(attributes)
            met, missed = (
                state.slot_of(series({**attributes, keys.OBJECTIVE_RESULT: result}).declare()) for result in RESULTS
            )
            self._each.append((math.inf if one.within is None else one.within, met, missed))
        observe_slots(scope, state)
        if targets.new.take():
            scope.instruments.observe("operation.objective.target", targets, _Targets.read, _Targets.read_since)

    def count(self, error_type: str | None, exc: BaseException | None, duration: float) -> None:
        """Count a call that ended so, after so many seconds."""
        if error_type == CANCELLED:
            return
        if exc is not None and error_type is None and classify(exc, None, "outcome") == CANCELLED:
            return  # by itself: a convention may not call it an error
        state = self._state
        try:
            cell = state.local.cell
        except AttributeError:
            cell = state.new()
        for within, met, missed in self._each:
            at = met if error_type is None and duration <= within else missed
            state.slot(cell, at)[at] += 1

    def before(self, end: Callable[..., None]) -> Callable[..., None]:
        """`end` of the fast path, by which calls end that succeeded, with the counting before it."""
        for within, met, missed in self._each:
            end = self._counting(end, within, met, missed)
        return end

    def _counting(self, end: Callable[..., None], within: float, met: int, missed: int) -> Callable[..., None]:
        slot = self._state.slot

        def counted(call: Any, here: Any, record: Any, duration: float) -> None:
            try:
                call.cell[met if duration <= within else missed] += 1
            except IndexError:  # a cell from before there was an objective
                at = met if duration <= within else missed
                slot(call.cell, at)[at] += 1
            end(call, here, record, duration)

        return counted
