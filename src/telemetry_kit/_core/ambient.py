"""What everything below is to carry: attributes in OpenTelemetry's context, so that they travel wherever it travels.

They are no baggage: no propagator knows their key, so they never leave in a header. Where none are ever set, a look at
`used` is all that they cost where a span starts, and nothing elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.context import create_key, set_value

from telemetry_kit._core import faults
from telemetry_kit._core.context import get_current

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context

    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.cardinality import ValueGuard

_KEY = create_key("telemetry_kit.attributes")


used = False
"""Whether there ever were any in this process."""
_at_first_use: list[Callable[[], None]] = []


def at_first_use(function: Callable[[], None]) -> None:
    """Have `function` called before the first attributes are there, so that what runs until then needn't ask."""
    _at_first_use.append(function)
    if used:
        function()


class Ambient(NamedTuple):
    """The attributes for everything below."""

    on_span: dict[str, AttributeValue]
    on_metric: dict[str, AttributeValue]
    """Those of them that some metrics have too, as a metric can have them."""


def within(context: Context | None) -> Ambient | None:
    """Those of a context, None being the current one."""
    found: Ambient | None = (get_current() if context is None else context).get(_KEY)  # type: ignore[assignment]
    return found


def put_into(context: Context, ambient: Ambient) -> Context:
    """A context that has them."""
    global used
    if not used:
        for function in _at_first_use:
            function()
        used = True
    return set_value(_KEY, ambient, context)


def for_span(own: Mapping[str, AttributeValue] | None, context: Context | None) -> Mapping[str, AttributeValue] | None:
    """The attributes of a span or an event: its own go first. Ask only where they are `used`."""
    ambient = within(context)
    return own if ambient is None else {**ambient.on_span, **(own or {})}


def for_metric(
    own: dict[str, AttributeValue], guard: ValueGuard, context: Context | None = None
) -> dict[str, AttributeValue]:
    """Those of a metric beside its own, guarded. Ask only where they are `used`."""
    try:
        ambient = within(context)
        if ambient is None or not ambient.on_metric:
            return {}
        guarded = guard.attributes(ambient.on_metric)
        if not guard.admit(guarded, None):
            guarded = guard.collapse(guarded)
    except Exception as fault:
        faults.record("context_attributes", fault)
        return {}
    return {key: value for key, value in guarded.items() if key not in own}


def with_own(own: dict[str, AttributeValue], guard: ValueGuard) -> dict[str, Any]:
    """A metric's own attributes and those beside them."""
    return {**for_metric(own, guard), **own} if used else own
