"""An operation on one function: what `_calls` and `_lean` begin each of its calls with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import context, sdk
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._operation.measurement import Measurement
from telemetry_kit._wrapping import callables
from telemetry_kit._wrapping.awaitables import NO_RESULT

if TYPE_CHECKING:
    from telemetry_kit._operation.operation import Operation


class Decorated:
    """An operation on one function: `Calls` for `_calls`."""

    __slots__ = ("arguments", "hands_on", "idle", "operation", "running", "span_static", "stepwise")

    def __init__(self, operation: Operation, func: Any) -> None:
        for option in ("metric_attributes", "span_attributes", "carrier", "links"):
            given = getattr(operation, f"_{option}")
            if callable(given):
                callables.check_takes(given, func, f"{option} of operation {operation.name!r}")
        self.operation = operation
        self.running = operation.state
        self.arguments: Callable[..., dict[str, AttributeValue]] | None = None
        if operation._arguments is not None:
            from telemetry_kit._wrapping.arguments import compile_arguments

            self.arguments = compile_arguments(func, operation._arguments)
        self.span_static = operation.span_static
        if operation.span_mode is True or operation.span_mode == "errors":
            self.span_static = {**operation.span_static, "code.function.name": callables.full_name_of(func)}
        self.stepwise = callables.kind_of_call(func) in ("generator", "async_generator")
        self.hands_on = operation._carrier is not None and operation.scope.by_globals and not operation.sampled
        always = operation.sampled or operation._carrier is not None or not operation.scope.by_globals
        self.idle: Callable[[], bool] = _never if always else sdk.absent

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Measurement | _HandedOn:
        if self.hands_on and sdk.absent():
            return _HandedOn(self.operation, args, kwargs)
        measurement = Measurement(self.operation)
        measurement._begin(self.span_static, self.arguments, args, kwargs)
        if self.stepwise:
            measurement._busy = 0.0
        return measurement


class _HandedOn:
    """A call of which nothing is kept, since there is no SDK, and whose carrier still hands the context on."""

    __slots__ = ("_attached", "_cell", "_context", "_running")

    def __init__(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._context, self._attached = operation.hand_on(args, kwargs), None
        self._running = operation.state
        self._cell: list[Any] | None = self._running.enter()
        self.go_on()

    def go_on(self) -> None:
        if self._context is not None:
            self._attached = context.attach(self._context)

    def pause(self) -> None:
        if self._attached is not None:
            try:
                context.detach(self._attached)
            except Exception:
                pass
            self._attached = None

    def drop(self) -> None:
        if self._cell is not None:
            self._running.leave(self._cell)
            self._cell = None

    def end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        self.pause()
        self.drop()


def _never() -> bool:
    return False
