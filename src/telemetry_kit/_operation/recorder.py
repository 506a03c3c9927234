"""An operation on one function: what `drivers` and the fast path begin each of its calls with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import reentrancy, sdk
from telemetry_kit._core.active_span import ActiveSpan
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._operation import propagation as carry
from telemetry_kit._operation.call import Entered
from telemetry_kit._operation.measurement import Measurement
from telemetry_kit._operation.options import INCOMING
from telemetry_kit._wrapping import callables
from telemetry_kit._wrapping.awaitables import NO_RESULT, NOTHING, Call
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._operation.definition import Definition
    from telemetry_kit._operation.state import OperationState


class Decorated:
    """An operation on one function: `Calls` for `drivers`."""

    __slots__ = ("arguments", "hands_on", "idle", "operation", "span_static", "stepwise")

    def __init__(self, operation: Definition, func: Any) -> None:
        for option in ("metric_attributes", "span_attributes", "carrier", "links"):
            given = getattr(operation, option)
            if callable(given):
                callables.check_takes(given, func, f"{option} of operation {operation.name!r}")
        self.operation = operation
        self.arguments: Callable[..., dict[str, AttributeValue]] | None = None
        if operation.arguments is not None:
            with reentrancy.late_import():
                from telemetry_kit._wrapping.arguments import compile_arguments

            self.arguments = compile_arguments(func, operation.arguments)
        self.span_static = operation.span_static
        if operation.span_mode is True or operation.span_mode == "errors":
            self.span_static = {**operation.span_static, keys.CODE_FUNCTION_NAME: callables.full_name_of(func)}
        self.stepwise = callables.kind_of_call(func) in ("generator", "async_generator")
        counts = operation.sampled or operation.objectives is not None
        self.hands_on = operation.carrier is not None and operation.scope.by_globals and not counts
        always = counts or operation.carrier is not None or not operation.scope.by_globals
        # A host may have an SDK for logs alone.
        self.idle: Callable[[], bool] = _never if always or operation.scope.errors.where() != "span" else sdk.absent

    @property
    def running(self) -> OperationState:
        """How many run while nobody looks."""
        return self.operation.state

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        measurement: Measurement | None = None
        try:
            if self.hands_on and sdk.absent():
                return _HandedOn(self.operation, args, kwargs, stepwise=self.stepwise)
            measurement = Measurement(self.operation)
            entered = measurement._current = Entered(self.running, measurement)
            if self.stepwise:
                measurement._busy_time = 0.0
                measurement._watch = entered.mine = reentrancy.watch(measurement, entered.drop)
            measurement._begin(self.span_static, self.arguments, args, kwargs)
            return measurement
        except RecursionError:  # no room for a measurement, nor to make it current: the body may have enough
            begun: Any = getattr(measurement, "_current", None)
            if begun is not None and begun.cell is not None:
                begun.cell[0], begun.cell = begun.cell[0] - 1, None
            return NOTHING
        except BaseException:
            if measurement is not None:
                measurement._drop()
            raise


class _HandedOn(ActiveSpan):
    """A call of which nothing is kept, since there is no SDK, and whose carrier still hands the context on."""

    _current: Entered

    def __init__(self, operation: Definition, args: tuple[Any, ...], kwargs: dict[str, Any], *, stepwise: bool) -> None:
        self._current = Entered(operation.state, None)  # pyright: ignore[reportIncompatibleVariableOverride]
        self._current.variable = None
        try:
            carrier = carry.evaluate("operation.carrier", None, operation.carrier, args, kwargs)
            incoming = operation.kind in INCOMING
            self._current.context = carry.hand_on(carrier, incoming=incoming, public=operation.public_endpoint)
            if stepwise:
                self._busy_time = 0.0
            self._current.count_in()
            self._be_current()
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        self._current.drop()

    def _put_back(self) -> None:
        try:
            self._leave()
        finally:
            self._current.count_out()

    def _end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        self._put_back()


def _never() -> bool:
    return False
