"""A context on its way to another process: a W3C carrier, and what `context_attributes` said beside it."""

from __future__ import annotations

from typing import Any

from opentelemetry.context import Context

from telemetry_kit._core import ambient, late

_ATTRIBUTES = "telemetry_kit.attributes"
"""In no header: an envelope is the kit's alone."""


def packed(context: Context | None) -> dict[str, Any]:
    """What travels for `context`, None being the current one."""
    with late.late_import():
        from telemetry_kit import propagation

    carrier: dict[str, Any] = dict(propagation.inject({}, context))
    found = ambient.within(context) if ambient.used else None
    if found is not None:
        carrier[_ATTRIBUTES] = found
    return carrier


def unpacked(carrier: dict[str, Any]) -> Context:
    """The context that has arrived, on empty ground: a forked worker has inherited that of whoever came first."""
    with late.late_import():
        from telemetry_kit import propagation

    found: Any = carrier.get(_ATTRIBUTES)
    context = propagation.extract({key: carrier[key] for key in carrier if key != _ATTRIBUTES}, Context())
    return context if found is None else ambient.put_into(context, found)
