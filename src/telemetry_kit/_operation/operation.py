"""RED: what a user has of an operation: a decorator, and the maker of measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from opentelemetry.trace import SpanKind

from telemetry_kit._core import faults, late
from telemetry_kit._core.face import HasBlocks, public
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._operation import fast_path
from telemetry_kit._operation.definition import Definition
from telemetry_kit._operation.measurement import Measurement
from telemetry_kit._operation.recorder import OperationCalls
from telemetry_kit._wrapping import awaitables, callables, decorating

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope
    from telemetry_kit._operation.options import OperationOptions

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


@public
class Operation(HasBlocks, ByRecipe):
    """Something that a library or service does: a decorator, and the maker of measurements.

    Made by `Telemetry.operation`. It can decorate many functions and be used from many threads.

    >>> from telemetry_kit import Telemetry
    >>> checkout = Telemetry("shop.orders").operation("checkout")
    >>> @checkout
    ... def place(order):
    ...     return "placed"
    >>> place({"sku": "A1"})
    'placed'
    """

    _gives_block = "`.measure()`"

    __slots__ = ("__weakref__", "_definition")

    def __init__(self, scope: Scope, name: str | None = None, options: OperationOptions | None = None) -> None:
        self._definition = Definition(scope, name, options)

    def _recipe(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        definition = self._definition
        return Operation, (definition.scope, definition.name if definition.named else None, definition.options), {}

    @property
    def name(self) -> str:
        """What it is called on span and metric; `unnamed` until it decorates, where it was given no name."""
        return self._definition.name

    def __repr__(self) -> str:
        return f"<Operation {self.name!r} of {self._definition.scope.name!r}>"

    def __call__(self, func: F, /) -> F:
        """Decorate `func`, which may be any kind of callable: each call is measured, its signature stays.

        Raises TypeError for what can't be decorated (a class, a property), for a parameter name in `arguments` that
        `func` doesn't have, and for a callable option that can't take `func`'s arguments.
        """
        callables.check(func, f"operation {self.name!r}")
        if isinstance(func, (classmethod, staticmethod)):
            return cast("F", type(func)(self(func.__func__)))
        definition = self._definition
        if not definition.named:
            definition = Definition(definition.scope, callables.name_of(func), definition.options)
        decorated = OperationCalls(definition, func)
        definition.state.decorated = True
        if definition.scope.disabled and definition.options.carrier is None:  # a carrier's context is passed on even so
            return func
        if late.is_over():
            return func
        if fast_path.fits(definition, func, decorated.arguments):
            return cast("F", callables.disguise(fast_path.closure(cast("Any", func), definition, decorated), func))
        return cast("F", decorating.wrapped(func, cast("awaitables.Calls", decorated)))

    def measure(
        self,
        *,
        metric_attributes: Mapping[str, object] | None = None,
        span_attributes: Mapping[str, object] | None = None,
        carrier: Any = None,
        links: Any = None,
    ) -> Measurement:
        """A fresh measurement for one `with` block, in sync and async code alike.

        `metric_attributes` go to metric and span and are guarded, `span_attributes` to the span only; `carrier` and
        `links` stand in for those of the operation.

        >>> with checkout.measure(span_attributes={"order.id": "o-7"}) as m:
        ...     m.fail("card_declined")
        """
        definition = self._definition
        if not definition.named:
            faults.record(
                "operation.name",
                ValueError("an operation must have a name to be measured as a block, got none: give it one"),
            )
            definition = Definition(definition.scope, "unnamed", definition.options)
        if carrier is not None and definition.kind is SpanKind.INTERNAL:
            faults.record(
                "operation.carrier",
                ValueError(f"kind of operation {self.name!r} must not be INTERNAL for a carrier, got one: give kind="),
            )
            carrier = None
        return Measurement(definition, metric_attributes, span_attributes, carrier, links)
