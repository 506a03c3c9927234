"""An operation on one function: what `drivers` and the fast path begin each of its calls with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import late, sdk
from telemetry_kit._operation import measurement
from telemetry_kit._wrapping import callables
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._operation.definition import Definition
    from telemetry_kit._operation.state import OperationState


class OperationCalls:
    """An operation on one function: `Calls` for `drivers`."""

    __slots__ = ("arguments", "idle", "operation", "span_static", "stepwise")

    def __init__(self, operation: Definition, func: Any) -> None:
        options = operation.options
        for option in ("metric_attributes", "span_attributes", "carrier", "links"):
            callables.check_takes(getattr(options, option), func, f"{option} of operation {operation.name!r}")
        self.operation = operation
        self.arguments: Callable[..., dict[str, AttributeValue]] | None = None
        if options.arguments is not None:
            with late.late_import():
                from telemetry_kit._wrapping.arguments import compile_arguments

            self.arguments = compile_arguments(func, options.arguments)
        self.span_static = operation.span_static
        if operation.span_mode is True or operation.span_mode == "errors":
            self.span_static = {**operation.span_static, keys.CODE_FUNCTION_NAME: callables.full_name_of(func)}
        self.stepwise = callables.kind_of_call(func) in ("generator", "async_generator")
        counts = operation.sampled or operation.objectives is not None
        always = counts or options.carrier is not None or not operation.scope.by_globals
        # A host may have an SDK for logs alone.
        self.idle: Callable[[], bool] = _never if always or operation.scope.errors.where() != "span" else sdk.absent

    @property
    def running(self) -> OperationState:
        """How many run while nobody looks."""
        return self.operation.state

    begin = measurement.begin
    """Begin a call."""


def _never() -> bool:
    return False
