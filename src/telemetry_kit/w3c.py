"""Strict propagators for W3C Trace Context level 2 and W3C Baggage, for whoever wants them instead of the API's own.

    OTEL_PROPAGATORS=tracecontext_strict,baggage_strict

They keep what the API's lose (every vendor's `tracestate` where one key stands twice, keys of level 2, all `baggage`
headers but the first, the properties of baggage values, a `+`), and refuse what it lets through (a repeated
`traceparent`, undefined flags). They never raise, log nothing, and take time in proportion to what they read.

Sizes: 32 `tracestate` members of 256 characters a key and a value, 180 baggage members, 8,192 bytes of baggage.
"""

from collections.abc import Iterable
from typing import cast

from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from telemetry_kit._core import faults
from telemetry_kit._propagation import baggage as _baggage
from telemetry_kit._propagation import traceparent
from telemetry_kit._propagation.baggage import BaggageValue
from telemetry_kit._propagation.traceparent import StrictTraceState

__all__ = ["BaggageValue", "StrictBaggagePropagator", "StrictTraceContextPropagator", "StrictTraceState"]


class StrictTraceContextPropagator(TextMapPropagator):
    """`traceparent` and `tracestate` by W3C Trace Context level 2.

    >>> from opentelemetry import trace
    >>> headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", "tracestate": "1st@a=b"}
    >>> context = StrictTraceContextPropagator().extract(headers)
    >>> sent = {}
    >>> StrictTraceContextPropagator().inject(sent, context)
    >>> sent == headers
    True
    """

    _kit_field = traceparent.FIELD

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """`context` (the root one if not given) with the remote span, or unchanged where the headers name none."""
        if context is None:
            context = Context()
        parents = _read(getter, carrier, traceparent.FIELD)
        if not parents:
            return context
        return traceparent.into(context, parents, _read(getter, carrier, traceparent.STATE_FIELD))

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Write the headers for the current span of `context` (the current one if not given), if there is one."""
        parent, state = traceparent.headers(trace.get_current_span(context).get_span_context())
        if parent:
            setter.set(carrier, traceparent.FIELD, parent)
        if state:
            setter.set(carrier, traceparent.STATE_FIELD, state)

    @property
    def fields(self) -> set[str]:
        """The headers that `inject` writes."""
        return {traceparent.FIELD, traceparent.STATE_FIELD}


class StrictBaggagePropagator(TextMapPropagator):
    """`baggage` by the W3C's specification; a value is a `str` with its `properties`, which are sent on.

    >>> from opentelemetry import baggage
    >>> context = StrictBaggagePropagator().extract({"baggage": "sum=1+1;private, user=D%C3%A9d%C3%A9"})
    >>> baggage.get_baggage("sum", context), baggage.get_baggage("sum", context).properties
    ('1+1', ('private',))
    >>> sent = {}
    >>> StrictBaggagePropagator().inject(sent, context)
    >>> sent
    {'baggage': 'sum=1+1;private,user=D%C3%A9d%C3%A9'}
    """

    _kit_field = _baggage.FIELD

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """`context` (the root one if not given) with the well-formed members of all headers; of one key the last counts."""
        if context is None:
            context = Context()
        headers = _read(getter, carrier, _baggage.FIELD)
        return _baggage.into(context, headers) if headers else context

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Write the baggage of `context` (the current one if not given), leaving out what can't be sent or doesn't fit."""
        entries = baggage.get_all() if context is None else _baggage.entries(context)
        if entries:
            header = _baggage.header(entries)
            if header:
                setter.set(carrier, _baggage.FIELD, header)

    @property
    def fields(self) -> set[str]:
        """The header that `inject` writes."""
        return {_baggage.FIELD}


def _read(getter: Getter[CarrierT], carrier: CarrierT, field: str) -> list[str] | None:
    """All values of `field`, whose name may be spelled in any case. What isn't text has no place in a header."""
    try:
        values: Iterable[object] | None = getter.get(carrier, field)
        if values is None and getter is default_getter:
            names = [name for name in getter.keys(carrier) if isinstance(name, str) and name.lower() == field]
            values = [value for name in names for value in getter.get(carrier, name) or ()]
        if values is None:
            return None
        if values.__class__ is list and len(values) == 1 and values[0].__class__ is str:
            return cast("list[str]", values)
        return [str.__str__(value) for value in values if isinstance(value, str)]  # without what a subclass overrides
    except Exception as fault:
        faults.record("w3c.getter", fault)
        return None
