"""Where an event goes: onto the span, into a log record, or both.

OpenTelemetry is moving events and exceptions from spans to log records. Whoever operates a service says when for it,
by `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`; so all events go out here and nowhere else.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from telemetry_kit._core import ambient, faults, late, reentrancy, sdk
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.context import unchanged_by
from telemetry_kit._core.error_policy import SIGNAL_VARIABLE, Signal

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

EXCEPTION = "exception"
"""What the event of an exception is called."""
SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def opted_in() -> Signal:
    """What the environment says: `logs` for log records, `logs/dup` for both, anything else for span events."""
    words = os.environ.get(SIGNAL_VARIABLE)
    if not words:
        return "span"
    opted = {word.strip() for word in words.split(",")}
    return "both" if "logs/dup" in opted else "log" if "logs" in opted else "span"


def send(
    signal: Signal,
    span: trace.Span,
    scope: "Scope",
    name: str,
    attributes: Mapping[str, AttributeValue],
    when: int,
    severity: str,
    record_name: str | None = None,
) -> None:
    """Send an event, in a section, which has marked the thread; as a log record it is called `record_name`, where that
    is given. Never raises an `Exception`."""
    if signal != "log":
        try:
            on_span = ambient.for_span(attributes, None) if ambient.used else attributes
            span.add_event(name, on_span, when)
        except Exception as fault:
            faults.record("span.add_event", fault)
    if signal != "span":
        emit_log(scope, record_name or name, attributes, when, severity, span, None)


def log(
    scope: "Scope",
    name: str,
    attributes: Mapping[str, AttributeValue],
    when: int,
    severity: str,
    *,
    body: Any = None,
) -> None:
    """Emit a log-based event, correlated with what is current. In the middle of a record
    of this thread's it waits for the next safe point. Never raises an `Exception`.
    """
    if reentrancy.unsafe():
        within = trace.get_current_span()
        reentrancy.later(lambda: emit_log(scope, name, attributes, when, severity, within, body))
        return
    if reentrancy.waiting:
        reentrancy.drain()
    reentrancy.inside(emit_log, scope, name, attributes, when, severity, None, body)


def listener(scope: "Scope", name: str, severity: str, span: trace.Span | None = None) -> Any:
    """The logger that takes such an event now, None where nobody does: asked before anything is built for it.

    At a point where the SDK may be called. A logger that can't be asked, as before the API had `enabled`, takes it.
    """
    try:
        return reentrancy.inside(_listener, scope, name, severity, span)
    except Exception as fault:
        faults.record("logs.emit", fault)
        return None


def _listener(scope: "Scope", name: str, severity: str, span: trace.Span | None) -> Any:
    logger = scope.logger()
    return logger if not sdk.is_silent(logger) and _takes(logger, name, severity, span) else None


def _takes(logger: Any, name: str, severity: str, span: trace.Span | None) -> bool:
    with late.late_import():
        from opentelemetry._logs import SeverityNumber

    enabled = getattr(logger, "enabled", None)
    if enabled is None:
        return True
    context = None if span is None else trace.set_span_in_context(span)
    try:
        return bool(enabled(context=context, severity_number=SeverityNumber[severity], event_name=name))
    except Exception as fault:
        faults.record("logs.enabled", fault)
        return True


def emit_log(
    scope: "Scope",
    name: str,
    attributes: Mapping[str, AttributeValue],
    when: int,
    severity: str,
    span: trace.Span | None,
    body: Any,
) -> None:
    """Emit it at a safe point. Never raises an `Exception`."""
    try:
        with late.late_import():
            from opentelemetry._logs import LogRecord, SeverityNumber

        logger = listener(scope, name, severity, span)
        if logger is None:
            return
        record = LogRecord(
            timestamp=when,
            observed_timestamp=when,
            context=None if span is None else trace.set_span_in_context(span),
            severity_text=severity,
            severity_number=SeverityNumber[severity],
            body=body,
            attributes=dict((ambient.for_span(attributes, None) if ambient.used else attributes) or {}),
            event_name=name,
        )
        unchanged_by(logger.emit, record)
    except Exception as fault:
        faults.record("logs.emit", fault)
