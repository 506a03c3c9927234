"""How a call's end is told: the error on its span, the duration, a span made afterwards, a record made later.

Everything here is called by `Measurement.end` while its thread is marked as busy, and whatever breaks in one part
leaves the others alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import StatusCode, set_span_in_context

from telemetry_kit._core import clock, counters, faults, reentrancy
from telemetry_kit._core import context as _context
from telemetry_kit._core.attributes import AttributeValue, span_attributes
from telemetry_kit._core.outcome import CANCELLED

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from telemetry_kit._operation.measurement import Measurement
    from telemetry_kit._operation.operation import Operation


def record(
    operation: Operation, duration: float, attributes: dict[str, AttributeValue], context: Context | None
) -> None:
    """Put a duration into the histogram."""
    recorder = operation.histogram.recorder()
    if recorder is not None:
        try:
            recorder(duration, attributes, context)
        except Exception as fault:
            faults.record("metrics.record", fault)


def set_late(call: Measurement) -> None:
    """Set what came too early or too late for the span's start."""
    try:
        call.span.set_attributes(call._late or {})
    except Exception as fault:
        faults.record("span.set_attribute", fault)


def end_span(call: Measurement) -> None:
    """End the call's own span."""
    try:
        if call._busy is not None and call._recording:
            call.span.set_attribute("operation.busy_time", call._busy)
    except Exception as fault:
        faults.record("span.set_attribute", fault)
    try:
        call.span.end()
    except Exception as fault:
        faults.record("trace.end", fault)


def tell_error(call: Measurement, exc: BaseException | None, error_type: str) -> None:
    """Put the error on the span: type, status and, as far as the limiter lets it, the exception in detail."""
    operation = call._operation
    scope, policy, span = operation.scope, operation.scope.errors, call.span
    try:
        if call._recording and exc is not None:
            policy.record(
                span, scope, exc, operation=operation.name, error_type=error_type, record=operation.exception_record
            )
        elif call._recording:
            span.set_attribute("error.type", error_type)
            if error_type != CANCELLED:
                description = call._description
                span.set_status(StatusCode.ERROR, None if description is None else policy.clean(description))
        elif error_type == CANCELLED:
            return
        elif exc is not None:
            _tell_without_span(call, exc, error_type)
        elif operation.span_mode == "errors" and None is not policy.admit_failure(
            scope=scope, operation=operation.name, error_type=error_type
        ):
            description = call._description
            _back_date(call, error_type, None if description is None else policy.clean(description))
    except Exception as fault:
        faults.record("operation.error", fault)


def _tell_without_span(call: Measurement, exc: BaseException, error_type: str) -> None:
    """An exception where no span is recording: in detail on a span made afterwards, or as a log record. Where neither is
    wanted it is left to an outer call, which may have a place for it."""
    operation = call._operation
    scope, policy = operation.scope, operation.scope.errors
    if operation.span_mode != "errors" and policy.where() == "span":
        return
    late = operation.span_mode == "errors"
    suppressed = policy.admit(
        exc,
        scope=scope,
        operation=operation.name,
        error_type=error_type,
        wanted=late,
        outermost=_is_outermost(call),
    )
    if suppressed is None:
        return
    attributes = policy.describe(exc, error_type, suppressed)
    if operation.span_mode == "errors":
        _back_date(call, error_type, str(attributes.get("exception.message", "")))
    policy.emit(call.span, scope, attributes, record=operation.exception_record)


def _is_outermost(call: Measurement) -> bool:
    """Whether no other call is running around this one."""
    outer: object = getattr(call._current, "old_value", None)
    if type(outer) is list:
        outer = outer[1]
        return outer is not None and outer._state != 1
    return getattr(outer, "_state", 2) != 1


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
    attributes["error.type"] = error_type
    start = clock.time_ns() - int((call.duration or 0.0) * 1e9)
    span = tracer.start_span(operation.name, call._context, operation.kind, attributes, call._links, start)
    span.set_status(StatusCode.ERROR, description)
    call._context = set_span_in_context(span, call._context)
    call.span = span
    call._own_span = True


def end_later(
    call: Measurement, error_type: str | None, duration: float, attributes: dict[str, AttributeValue]
) -> None:
    """Record at the next safe point what ended inside a finaliser, a signal handler or the SDK itcall."""
    operation = call._operation
    ended = clock.time_ns()
    context = call._context if call._context is not None else _context.get_current()
    if operation.sampled:
        operation.count(attributes, duration)
    record_duration = operation.samples()
    generation = counters.fork.generation

    def tell() -> None:
        if generation is not counters.fork.generation:
            return
        here = reentrancy.here.state
        here.busy = True
        try:
            span, own, within = call.span, call._own_span, context
            if call._deferred:
                tracer = operation.scope.tracer()
                if tracer is not None:
                    started = ended - int(duration * 1e9)
                    attributes_then = {**(call._static or {}), **(call._late or {})}
                    span = tracer.start_span(
                        operation.name, context, operation.kind, attributes_then, call._links, started
                    )
                    own, within = True, set_span_in_context(span, context)
            elif own and call._late:
                span.set_attributes(call._late)
            if own and span.is_recording() and error_type is not None:
                span.set_attribute("error.type", error_type)
                if error_type != CANCELLED:
                    span.set_status(StatusCode.ERROR, error_type)
            if own and span.is_recording() and call._busy is not None:
                span.set_attribute("operation.busy_time", call._busy)
            recorder = operation.histogram.recorder() if record_duration else None
            if recorder is not None:
                recorder(duration, attributes, within)
            if own:
                span.end(ended)
        finally:
            here.busy = False

    reentrancy.later(tell)
