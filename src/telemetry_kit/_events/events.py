"""Things that happened: log-based events, handled exceptions, and those that nobody handled.

An event is a log record with a name. It is correlated with the current span, but doesn't need one, nor does it end up
inside of a span that a sampler throws away.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_TYPE
from opentelemetry.trace import get_current_span

from telemetry_kit._core import clock, faults, outcome, reentrancy
from telemetry_kit._core.attributes import (
    AttributeValue,
    class_name,
    event_attributes,
    event_value,
    plain_text,
    span_attributes,
)
from telemetry_kit._core.instruments import series
from telemetry_kit._core.names import admit_name
from telemetry_kit._errors import signals
from telemetry_kit._operation.current import current_name
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

_SEVERITIES = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""What the standard library's `logging` calls two of them."""


def event(
    scope: "Scope",
    name: str,
    attributes: Mapping[str, object] | None = None,
    *,
    severity: str = "INFO",
    body: object = None,
    exception: BaseException | None = None,
) -> None:
    """Emit a log-based event. See `Telemetry.event`."""
    if scope.disabled:
        return
    try:
        called = plain_text(name)
        if not called:
            raise TypeError(f"the name of an event must be a str that isn't empty, got {name!r:.100}")  # noqa: TRY301
        level = _severity(severity)
        emitted = {keys.EVENT_NAME: admit_name(scope, "event", called), keys.SCOPE_NAME: scope.label}
        scope.instruments.account("telemetry_kit.events").add(series(emitted))
        if not reentrancy.unsafe() and signals.listener(scope, called, level) is None:
            return
        found = {} if attributes is None else event_attributes(attributes)
        if exception is not None:
            with faults.guard("event.exception"):
                found.update(_details(scope, exception))
        text = event_value(body, "body")
        signals.log(scope, called, found, clock.time_ns(), level, body=text)
    except Exception as fault:
        faults.record("event", fault)


def record_exception(scope: "Scope", exc: BaseException, *, attributes: Mapping[str, object] | None = None) -> None:
    """Record a handled exception. See `Telemetry.record_exception`."""
    if scope.disabled:
        return
    try:
        if not isinstance(exc, BaseException):
            raise TypeError(f"exc of record_exception must be an exception, got {exc!r:.100}")  # noqa: TRY301
        span = get_current_span()
        policy = scope.errors
        nowhere = not span.get_span_context().is_valid
        if not (nowhere or span.is_recording()) and policy.where() == "span":
            return  # in a trace that isn't sampled
        error_type = _error_type(exc)
        unsafe = reentrancy.unsafe()
        if nowhere and not unsafe and signals.listener(scope, signals.EXCEPTION, "ERROR") is None:
            return
        suppressed = policy.admit(
            exc, scope=scope, operation=current_name(), error_type=error_type, span=span, wanted=nowhere or unsafe
        )
        if suppressed is None:
            return
        found = {} if attributes is None else span_attributes(attributes)
        found.update(policy.describe(exc, error_type, suppressed))
        if nowhere:
            signals.log(scope, signals.EXCEPTION, found, clock.time_ns(), "ERROR")
        else:
            policy.emit_event(span, scope, signals.EXCEPTION, found, severity="ERROR")
    except Exception as fault:
        faults.record("record_exception", fault)


def _details(scope: "Scope", exc: BaseException) -> dict[str, AttributeValue]:
    """What an event says of an exception: all of it, or its type where the limiter, or an event before, had it."""
    if not issubclass(type(exc), BaseException):
        raise TypeError(f"exception of an event must be an exception, got a {class_name(type(exc))}")
    error_type = _error_type(exc)
    policy = scope.errors
    suppressed = policy.admit(exc, scope=scope, operation=current_name(), error_type=error_type, wanted=True)
    if suppressed is None:
        return {EXCEPTION_TYPE: outcome.type_name(type(exc)), keys.ERROR_TYPE: error_type}
    return policy.describe(exc, error_type, suppressed)


def _error_type(exc: BaseException) -> str:
    return outcome.error_type(exc) or outcome.type_name(type(exc))


def _severity(severity: object) -> str:
    text = plain_text(severity) or ""
    name = _SEVERITIES.get(text.upper(), text.upper())
    if name.rstrip("234") in signals.SEVERITIES:
        return name
    faults.record("event.severity", ValueError(f"severity must be one of {signals.SEVERITIES}, got {text!r:.100}"))
    return "INFO"
