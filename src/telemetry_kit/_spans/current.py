"""What is added to the span that is current, whoever made it; makes none.

Where a framework's instrumentation has made a span for the request or the message, that is the one to look at: what
the code knows belongs there, not on a child beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from opentelemetry.trace import Span, get_current_span

from telemetry_kit._core import cells, declared, faults
from telemetry_kit._core.attributes import OWN_KEYS, AttributeValue, span_attributes
from telemetry_kit._core.face import public
from telemetry_kit._core.late import late_import
from telemetry_kit._core.span_attributes import put
from telemetry_kit._wrapping import awaitables, callables, decorating

if TYPE_CHECKING:
    from telemetry_kit._wrapping.arguments import Arguments, Attributes

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


@public
def set_span_attributes(attributes: Mapping[str, object]) -> None:
    """Set attributes of any cardinality on the span that is current; none where it isn't recorded. Never raises:
    values that a span can't have are left out, long ones cut at 4,096 characters.

    >>> from telemetry_kit import set_span_attributes
    >>> set_span_attributes({"cache.hit": True, "user.id": 7})
    """
    span = get_current_span()
    try:
        if span.is_recording():
            put(span, own_taken(span_attributes(attributes)))
    except Exception as fault:
        faults.record("span.set_attributes", fault)


@public
def enrich_span(
    *,
    arguments: Arguments | None = None,
    attributes: Attributes = None,
    result: Callable[[Any], Mapping[str, object]] | None = None,
) -> Callable[[F], F]:
    """Add to the span that is current when the decorated function is called, such as a framework's instrumentation
    has made; makes no span. Nothing is evaluated where that span isn't recorded.

    Args:
        arguments: the call's arguments as attributes: `{"parameter": "attribute.key"}`, names of parameters, or `"*"`
            for all but `self`, with secrets redacted.
        attributes: a mapping, or a callable given the call's arguments that returns one.
        result: a callable given what the function returned (a generator: its return value) that returns a mapping.

    Raises TypeError, here or when it decorates, for options that can't be right. Decorates any kind of callable.

    >>> from telemetry_kit import enrich_span
    >>> @enrich_span(arguments=["user_id"], result=lambda cart: {"cart.size": len(cart)})
    ... def load(user_id):
    ...     return ["A1", "B2"]
    >>> load(7)
    ['A1', 'B2']
    """
    declared.check_mapping("attributes", "enrich_span", attributes, asked=True)
    if result is not None and not callable(result):
        raise TypeError(
            f"result of enrich_span must be a callable given what the function returned, got {result!r:.100}"
        )

    return cast("Callable[[F], F]", partial(_enrich, arguments, attributes, result))  # which travels as its options do


def _enrich(
    arguments: Arguments | None,
    attributes: Attributes,
    result: Callable[[Any], Mapping[str, object]] | None,
    func: F,
    /,
) -> F:
    return decorating.decorate(func, "enrich_span", partial(_EnrichingCalls, arguments, attributes, result))


class _EnrichingCalls:
    """What is added to the current span by calls of one function: `Calls` for `_wrapping.drivers`."""

    def __init__(
        self,
        arguments: Arguments | None,
        attributes: Attributes,
        result: Callable[[Any], Mapping[str, object]] | None,
        func: Any,
    ) -> None:
        callables.check_takes(attributes, func, "attributes of enrich_span")
        self._arguments: Callable[..., dict[str, AttributeValue]] | None = None
        if arguments is not None:
            with late_import():
                from telemetry_kit._wrapping.arguments import compile_arguments

            self._arguments = compile_arguments(func, arguments)
        self._attributes = attributes
        self.result = result
        self.running = cells.Running()

    def idle(self) -> bool:
        try:
            return not get_current_span().is_recording()
        except Exception as fault:
            faults.record("span.is_recording", fault)
            return True

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> awaitables.Call:
        span = get_current_span()
        with faults.guard("span.attributes"):
            found: dict[str, AttributeValue] = {}
            attributes = self._attributes
            if attributes is not None:
                found.update(span_attributes(attributes(*args, **kwargs) if callable(attributes) else attributes))
            if self._arguments is not None:
                found.update(self._arguments(args, kwargs))
            put(span, own_taken(found))
        return _Enriching(span, self.result)


class _Enriching(awaitables.Nothing):
    """One such call: it leaves what is current alone, and looks at the result."""

    __slots__ = ("_result", "_span")

    def __init__(self, span: Span, result: Callable[[Any], Mapping[str, object]] | None) -> None:
        self._span = span
        self._result = result

    def _end(self, exc: BaseException | None, result: Any = awaitables.NO_RESULT) -> None:
        if self._result is None or exc is not None or result is awaitables.NO_RESULT:
            return
        with faults.guard("span.result"):
            if self._span.is_recording():
                put(self._span, own_taken(span_attributes(self._result(result))))


def own_taken(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Without the keys that are the kit's own."""
    return {key: value for key, value in attributes.items() if key not in OWN_KEYS}
