"""Attributes of a span, whoever made it: set now, or where that can't be, at the next safe point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetry_kit._core import faults, reentrancy, sdk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from telemetry_kit._core.attributes import AttributeValue


@reentrancy.section
def put(span: Span, attributes: Mapping[str, AttributeValue]) -> None:
    """Set attributes of a span, whoever made it: now, or at the next safe point. Never raises an `Exception`."""
    here = reentrancy.here.state
    if (here.busy and reentrancy.still_busy()) or reentrancy.collecting() or sdk.interrupted(span):
        reentrancy.later(lambda: put_later(span, attributes))
        return
    try:
        here.busy = True
        span.set_attributes(attributes)
    except Exception as fault:
        faults.record("span.set_attribute", fault)
    finally:
        here.busy = False


def put_later(span: Span, attributes: Mapping[str, AttributeValue]) -> None:
    """Set them at a safe point."""
    if sdk.interrupted(span):  # still: a signal handler that interrupted the same place
        reentrancy.later(lambda: put_later(span, attributes))
    elif span.is_recording():
        span.set_attributes(attributes)
