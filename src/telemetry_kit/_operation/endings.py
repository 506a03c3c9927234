"""A failure of a call without a recording span: on a span made afterwards, or as a log record.

Called inside of the section that ends the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetry_kit._core import active_span, clock, context, faults
from telemetry_kit._core.attributes import span_attributes
from telemetry_kit._core.outcome import CANCELLED

if TYPE_CHECKING:
    from telemetry_kit._operation.measurement import Measurement


def record_without_span(call: Measurement, error_type: str, exc: BaseException | None) -> None:
    """Record an error in detail, where a place for it is wanted. Where none is, it is left to an outer call."""
    if error_type == CANCELLED:
        return
    operation = call._operation
    scope, errors = operation.scope, operation.scope.errors
    makes_span = operation.span_mode == "errors"
    if exc is None:
        if (
            makes_span
            and errors.admit_failure(scope=scope, operation=operation.name, error_type=error_type) is not None
        ):
            description = call._description
            _back_date(call, error_type, None if description is None else errors.clean(description))
        return
    if not makes_span and errors.where() == "span":
        return
    suppressed = errors.admit(
        exc,
        scope=scope,
        operation=operation.name,
        error_type=error_type,
        wanted=makes_span,
        outermost=not call._current.inside_another(),
    )
    if suppressed is None:
        return
    attributes = errors.describe(exc, error_type, suppressed)
    if makes_span:
        _back_date(call, error_type, str(attributes.get("exception.message", "")))
    errors.emit(call.span, scope, attributes, record=operation.exception_record)


def _back_date(call: Measurement, error_type: str, description: str | None) -> None:
    """Make the span that nobody would have needed without the failure."""
    operation = call._operation
    tracer = operation.scope.tracer()
    if tracer is None:
        return
    attributes = {**(call._static or {}), **(call._late or {})}
    if call._asked is not None and operation._span_attributes is not None:
        args, kwargs = call._asked
        with faults.guard("operation.span_attributes"):
            attributes = {**span_attributes(operation._span_attributes(*args, **kwargs)), **attributes}
    around = call._current.context
    if around is None:
        around = context.get_current()
    start = clock.time_ns() - int((call.duration or 0.0) * 1e9)
    kind, links = operation.kind, call._links
    span = active_span.start_span(tracer.start_span, operation.name, around, kind, attributes, links, start)
    if span is not None:
        call._take(span, around)
        active_span.mark(span, error_type, description)
