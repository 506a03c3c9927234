"""What the operations of one name share: how many run, exact calls, which values there have been.

It outlives their `Telemetry`, so that counts never go back and making operations on the fly can't explode anything. It
is small, since there is one for each operation that is ever made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import cells
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.cardinality import ValueGuard
from telemetry_kit._core.forks import fork
from telemetry_kit._core.instruments import Instruments, Reading, Series, series
from telemetry_kit._core.names import admit_name
from telemetry_kit._core.observed import Since, SinceThen
from telemetry_kit._core.overflow import Overflow
from telemetry_kit._core.registry import Owner, Registry
from telemetry_kit._core.turn import Turn

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope


FIRST_SLOT = 2
"""Where in a cell the calls by objective begin."""


class SampledCalls(cells.Shared):
    """The calls of one series where durations are sampled, exactly: how many ended, and their seconds.

    A cell is `[begun, fork.generation, ended, seconds, due]`. Those of the hot path are in `begun` from their start, so
    that to end is all that they have to do; `due` is the number of the next one whose duration is recorded.
    """

    __slots__ = ()

    def _make(self) -> list[Any]:
        return [0, fork.generation, 0, 0.0, 0]

    def _fold(self, into: Any, cell: Any) -> None:
        for index in (0, 2, 3):
            into[index] += cell[index]

    def add(self, seconds: float) -> None:
        """Count one that ended, of so many seconds."""
        try:
            cell = self.local.cell
        except AttributeError:
            cell = self.new()
        cell[0], cell[2], cell[3] = cell[0] + 1, cell[2] + 1, cell[3] + seconds  # in one, for what interrupts it
        if cell[4]:
            cell[4] += 1  # `Definition.samples` has chosen

    @staticmethod
    def is_due(cell: list[Any], gap: Callable[[], float]) -> bool:
        """Whether the duration of the last one that ended is recorded. Ask where `ended >= due`."""
        ended = cell[2]
        if not cell[4]:  # the first
            cell[4] = ended + gap()
            if ended < cell[4]:
                return False
        cell[4] = ended + 1 + gap()
        return True

    def total(self) -> int:
        """How many run."""
        with cells.exclusive:
            ended = sum(cell[2] for cell in self.cells())  # first: what ends meanwhile is never taken twice
            return int(sum(cell[0] for cell in self.cells()) - ended)

    def ended(self) -> tuple[int, float]:
        """How many ended, and their seconds."""
        with cells.exclusive:
            mine = self.cells()
            return sum(cell[2] for cell in mine), sum(cell[3] for cell in mine)


class OperationState(cells.Running):
    """The running calls of an operation, where durations are sampled all calls that ended, with their seconds, and the
    calls that met its objectives and missed them.

    A cell is `[running, fork.generation, met, missed, ...]`: what follows are the calls of the series in `slots`, in that
    order.
    """

    __slots__ = (
        "_active",
        "_calls",
        "_guard",
        "_instruments",
        "_scope_name",
        "active_attributes",
        "called",
        "decorated",
        "name",
        "sampled",
        "slots",
    )

    def __init__(self, instruments: Instruments, scope_name: str, name: str) -> None:
        self.slots: tuple[Series, ...] = ()
        super().__init__()
        self._instruments = instruments
        self._scope_name = scope_name
        self.name: str = name
        self.active_attributes: dict[str, AttributeValue] | None = None
        self.sampled: bool = False
        self.decorated: bool = False
        """Whether a function was decorated with it."""
        self.called: bool = False
        """Whether any call of it ever began."""
        self._active: Series | None = None
        self._guard: ValueGuard | None = None
        self._calls: dict[Series, SampledCalls] | None = None

    @property
    def guard(self) -> ValueGuard:
        """Which attribute values there have been. Made when the first comes."""
        if self._guard is None:
            overflow = Overflow(self._instruments, self._scope_name, "operation", self.name)
            self._guard = ValueGuard(overflowed=overflow)
        return self._guard

    @property
    def sets(self) -> int:
        """How many sets of attributes its metrics have."""
        return 1 if self._guard is None else max(1, self._guard.kept)

    def _make(self) -> list[Any]:
        return [*super()._make(), *(0 for _ in self.slots)]

    def _fold(self, into: Any, cell: Any) -> None:
        super()._fold(into, cell)
        for at in range(FIRST_SLOT, len(cell)):
            self.slot(into, at)[at] += cell[at]

    def calls(self, of: Series) -> SampledCalls:
        """The calls of a series, where durations are sampled."""
        if self._calls is None:
            self._calls = {}
        return self._calls.get(of) or self._calls.setdefault(of, SampledCalls())

    def ended(self) -> dict[Series, tuple[int, float]]:
        """Calls and seconds of now, of each series that has had any."""
        every = {of: calls.ended() for of, calls in list((self._calls or {}).items())}
        return {of: ended for of, ended in every.items() if ended[0]}

    def total(self) -> int:
        return super().total() + sum(calls.total() for calls in list((self._calls or {}).values()))

    def slot_of(self, of: Series) -> int:
        """Where in a cell the calls of this series are counted, which are observed from now on."""
        with cells.exclusive:
            if of not in self.slots:
                self.slots += (of,)
            return FIRST_SLOT + self.slots.index(of)

    def slot(self, cell: list[Any], at: int) -> list[Any]:
        """The cell, grown if it was made before there was this slot."""
        if at >= len(cell):
            cell.extend(0 for _ in range(FIRST_SLOT + len(self.slots) - len(cell)))
        return cell

    def in_slots(self) -> dict[Series, int]:
        """The calls of now that met an objective or missed it."""
        slots = self.slots
        with cells.exclusive:
            columns = [cell[FIRST_SLOT:] for cell in self.cells()]
        return {of: sum(column[at] for column in columns if at < len(column)) for at, of in enumerate(slots)}

    def active_series(self) -> Series:
        """The series of the running calls, made when they are first observed."""
        if self._active is None:
            self._active = series(self.active_attributes or {})
        return self._active


class _States:
    """The states that one metric reads: one source, however many operations there are."""

    __slots__ = ("__weakref__", "new", "states")

    def __init__(self) -> None:
        self.states: dict[int, OperationState] = {}
        self.new = Turn()
        """Taken by whoever has it observed."""


_STATES: Registry[dict[tuple[str, str | None], OperationState]] = Registry(dict)
"""By name and convention."""
_OBSERVED: Registry[dict[str, _States]] = Registry(dict)
"""By metric: of a scope's name what was counted, of what lives what runs."""


def state_of(scope: Scope, name: str, convention: str | None) -> OperationState:
    """The state of a name, `_OTHER`'s where the `Telemetry` has too many names already. Said once."""
    kept = admit_name(scope, "operation", name)
    states = _STATES.of(scope)
    state = states.get((kept, convention))
    return (
        states.setdefault((kept, convention), OperationState(scope.instruments, scope.label, kept))
        if state is None
        else state
    )


def states_of(scope: Scope) -> list[OperationState]:
    """Those of the operations that there are, for a diagnosis."""
    return list(_STATES.of(scope).values())


def observe_active(scope: Scope, state: OperationState, metric: str, attributes: dict[str, AttributeValue]) -> None:
    """Have the running calls observed as `metric`, as long as a `Telemetry` of this name lives."""
    if state.active_attributes is None:
        state.active_attributes = attributes
    # A convention's series names no operation by which a capture would know that it did something.
    since = _read_active_since if metric == "operation.active" else None
    _observe(scope, scope.living, state, metric, _read_active, since)


def observe_sampled(scope: Scope, state: OperationState) -> None:
    """Have the exact calls and their time observed."""
    if not state.sampled:
        state.sampled = True
        for metric, at in (("operation.calls", 0), ("operation.time", 1)):
            _observe(scope, scope, state, metric, partial(_read_ended, at), partial(_read_ended_since, at))


def observe_slots(scope: Scope, state: OperationState) -> None:
    """Have the calls by objective observed."""
    _observe(scope, scope, state, "operation.objective.calls", _read_slots, _read_slots_since)


def _observe(
    scope: Scope,
    owner: Owner,
    state: OperationState,
    metric: str,
    read: Callable[[_States], Reading],
    since: Since | None = None,
) -> None:
    by_metric = _OBSERVED.of(owner)
    states = by_metric.get(metric) or by_metric.setdefault(metric, _States())
    states.states[id(state)] = state
    if states.new.take():
        scope.instruments.observe(metric, states, read, since if cells.GIL else None)


def _read_active(states: _States) -> Reading:
    for state in list(states.states.values()):
        yield state.active_series(), state.total()


# What a capture asks: of thousands nearly all do nothing, so that no function is called for each.


def _read_active_since(states: _States, then: SinceThen) -> Reading:
    every = list(states.states.values())
    sampled = [state for state in every if state._calls]
    counted = [(id(state), calls.local.cell) for state in sampled for calls in list((state._calls or {}).values())]
    running = {state for state, cell in counted if cell[0] != cell[2]}
    for state in every:
        of = state._active or state.active_series()
        busy = state.local.cell[0] or id(state) in running
        if busy or (of.helper or then.helper_of(of)) in then.active:
            yield of, state.total()


def _read_slots_since(states: _States, then: SinceThen) -> Reading:
    every = list(states.states.values())
    cell_of = [(state.slots, state.local.cell[FIRST_SLOT:] + [0] * len(state.slots)) for state in every]
    return then.new(states, [pair for slots, cell in cell_of for pair in zip(slots, cell, strict=False)])


def _read_ended_since(at: int, states: _States, then: SinceThen) -> Reading:
    every = [list((state._calls or {}).items()) for state in list(states.states.values()) if state._calls]
    cell_of = [(of, calls.local.cell) for of_state in every for of, calls in of_state]
    return then.new(states, [(of, cell[2 + at]) for of, cell in cell_of if cell[2]])


def _read_slots(states: _States) -> Reading:
    for state in list(states.states.values()):
        yield from state.in_slots().items()


def _read_ended(at: int, states: _States) -> Reading:
    for state in list(states.states.values()):
        for of, ended in state.ended().items():
            yield of, ended[at]
