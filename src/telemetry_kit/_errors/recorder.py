"""What is recorded of an exception, how often, and scrubbed of secrets.

Counting is somebody else's work and always exact. This is about the detail: the message, the stack trace, the event.
One detailed record costs as much as a thousand counts, so whoever has an exception asks `admit` first, and builds
detail only where it says so. When a circuit opens and every request is an error, telemetry must not be what takes the
service down.
"""

import weakref
from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.semconv.attributes.exception_attributes import (
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
)

from telemetry_kit._core import active_span, clock, faults, reentrancy
from telemetry_kit._core.attributes import SPAN_STRING, AttributeValue, encodable
from telemetry_kit._core.error_policy import DEFAULT_POLICY, OPTIONS, ErrorPolicy, ExceptionRecord, Signal
from telemetry_kit._core.face import public
from telemetry_kit._core.outcome import CANCELLED, type_name
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._errors import deduplication, signals
from telemetry_kit._errors.limiter import ErrorLimiter
from telemetry_kit._errors.stacktrace import Formatter
from telemetry_kit._redaction.scrub import cut, default_scrub
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

STACKTRACE = 16_384
"""Characters of a stack trace: its beginning and its end are kept."""
_LEFT_OUT = "\n[...]\n"
_HEADROOM = 60
"""Frames that formatting an exception and calling the SDK may need."""


class ErrorRecorder(ByRecipe):
    """Records the errors of all that share a policy, within its limits.

    It keeps a copy of the policy: `recorder_of` finds it by the policy itself, for as long as that lives.
    """

    __slots__ = ("__weakref__", "_limits", "policy")

    def __init__(self, policy: ErrorPolicy) -> None:
        self.policy: ErrorPolicy = copy(policy)
        self._limits = ErrorLimiter(self.policy)

    def _recipe(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        if self is recorder_of(DEFAULT_POLICY):
            return _recorder_like, (), {}
        return _recorder_like, (), {name: getattr(self.policy, name) for name in OPTIONS}

    def admit(
        self,
        exc: BaseException,
        *,
        scope: "Scope",
        operation: str | None,
        error_type: str,
        span: trace.Span | None = None,
        wanted: bool = False,
        outermost: bool = False,
    ) -> int | None:
        """Whether `exc` may be recorded in detail: None if not, else how many of its kind were suppressed since the
        last one. None, too, for an exception that was here before in this trace, which is neither, for one that nobody
        takes here, and for a RecursionError at a depth that leaves no room to record it: an outer call will ask again.

        Args:
            exc: What was raised.
            scope: Whose it is.
            operation: The name of what failed.
            error_type: Of the exception.
            span: Whose end it is; the current one if not given.
            wanted: Somebody takes it for certain: loggers aren't asked.
            outermost: No other call of the kit's is around this one, so that where there is no trace it ends here.
        """
        if isinstance(exc, RecursionError) and not deduplication.known(exc) and not _room(_HEADROOM):
            return None
        within = trace.get_current_span() if span is None else span
        trace_id = within.get_span_context().trace_id
        if (deduplication.seen if wanted else deduplication.known)(exc, trace_id):
            if outermost and not trace_id:
                deduplication.forget(exc)
            return None
        try:
            site = self._limits.sites[scope.instruments, scope.label, operation, error_type]
        except KeyError:
            site = self._limits.site(scope, operation, error_type)
        if not wanted:
            if not (self._limits.limiter.closed(site) or self._is_taken(within, scope)):
                return None
            if deduplication.seen(exc, trace_id):
                return None
        if outermost and not trace_id:
            deduplication.forget(exc)
        return self._limits.admit(site)

    def _is_taken(self, span: trace.Span, scope: "Scope") -> bool:
        """Whether anybody takes an exception now. Without a recording span, or where the host wants log records, a logger
        is asked."""
        signal = self.where()
        if signal == "span" or (signal == "both" and span.is_recording()):
            return True
        return signals.listener(scope, signals.EXCEPTION, "ERROR", span) is not None

    def admit_failure(self, *, scope: "Scope", operation: str | None, error_type: str) -> int | None:
        """The same for an error without an exception."""
        return self._limits.admit(self._limits.site(scope, operation, error_type))

    def describe(self, exc: BaseException, error_type: str | None, suppressed: int) -> dict[str, AttributeValue]:
        """The attributes of a detailed record of `exc`, which was admitted."""
        attributes: dict[str, AttributeValue] = {EXCEPTION_TYPE: type_name(type(exc))}
        if error_type:
            attributes[keys.ERROR_TYPE] = error_type
        message = self.message(exc)
        stack = self._stack(exc, message) if self.policy.stacktrace else ""
        if message:
            attributes[EXCEPTION_MESSAGE] = message
        if stack:
            attributes[EXCEPTION_STACKTRACE] = stack
        if suppressed:
            attributes[keys.TELEMETRY_KIT_EXCEPTION_SUPPRESSED_COUNT] = suppressed
        return attributes

    def message(self, exc: BaseException) -> str:
        """The message of `exc`, scrubbed and bounded; empty where it has none, where messages are kept in, or where
        `__str__` or the scrubber raises. Ask for it only if `exc` was admitted: it may cost as much as the rest.
        """
        if not self.policy.messages:
            return ""
        try:
            text = str(exc)
        except Exception as fault:
            faults.record("exception.str", fault)
            return ""
        return self.clean(text)

    def clean(self, text: str) -> str:
        """`text` cut and scrubbed; empty where the scrubber raises or gives something else."""
        try:
            scrubbed = self.policy.scrub(cut(text, SPAN_STRING))
            return encodable(scrubbed[:SPAN_STRING]) if isinstance(scrubbed, str) else ""
        except Exception as fault:
            faults.record("exception.scrub", fault)
            return ""

    def _stack(self, exc: BaseException, message: str) -> str:
        """The stack trace, in which what `exc` says is not scrubbed again: a stranger's text is gone through once."""
        try:
            policy = self.policy
            if policy.scrub is default_scrub:
                return _shortened(_scrubbed.format(exc, messages=policy.messages, message=message or None))
            text = policy.scrub(_raw.format(exc, messages=policy.messages))
            return _shortened(text) if isinstance(text, str) else ""
        except Exception as fault:
            faults.record("exception.stacktrace", fault)
            return ""

    def record(
        self,
        span: trace.Span,
        scope: "Scope",
        exc: BaseException,
        *,
        operation: str | None,
        error_type: str,
        record: ExceptionRecord,
    ) -> None:
        """Put the outcome `error_type` of a call onto its recording span, which is about to end: with the detail if
        that is admitted. The caller knows that this is a safe point, and guards it.
        """
        signal, suppressed = self.where(), None
        if error_type != CANCELLED:
            wanted = signal != "log"  # by the span itself
            suppressed = self.admit(
                exc, scope=scope, operation=operation, error_type=error_type, span=span, wanted=wanted
            )
        if suppressed is None:
            active_span.mark(span, error_type)
            return
        attributes = self.describe(exc, error_type, suppressed)
        active_span.mark(span, error_type, str(attributes.get(EXCEPTION_MESSAGE, "")))
        signals.send(signal, span, scope, signals.EXCEPTION, attributes, clock.time_ns(), record[1], record[0])

    def where(self) -> Signal:
        """The signal of now."""
        return signals.opted_in() if self.policy.signal is None else self.policy.signal

    def emit(
        self,
        span: trace.Span,
        scope: "Scope",
        attributes: Mapping[str, AttributeValue],
        *,
        record: ExceptionRecord,
    ) -> None:
        """Record an exception with what `describe` gave: on `span`, as a log record, or both, as the policy says.
        The caller knows that this is a safe point, as whoever ends a span must.
        """
        signals.send(self.where(), span, scope, signals.EXCEPTION, attributes, clock.time_ns(), record[1], record[0])

    def emit_event(
        self,
        span: trace.Span,
        scope: "Scope",
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        severity: str = "INFO",
    ) -> None:
        """Record an event where the policy says. Inside of a finaliser or signal handler that interrupted the SDK it
        waits for the next safe point.

        Args:
            span: The span it belongs to; where that is none, only a log record can say it.
            scope: Whose event it is.
            name: Of the event.
            attributes: Of the event, harmless ones.
            severity: Of the log record.
        """
        when = clock.time_ns()
        if reentrancy.unsafe():
            reentrancy.later(lambda: signals.send(self.where(), span, scope, name, attributes, when, severity))
            return
        reentrancy.inside(signals.send, self.where(), span, scope, name, attributes, when, severity)


_raw = Formatter()
_scrubbed = Formatter(default_scrub)
"""Scrubs the text of a frame once, and each message anew."""


def _shortened(stack: str) -> str:
    if len(stack) > STACKTRACE:
        half = STACKTRACE // 2 - len(_LEFT_OUT)
        stack = stack[:half] + _LEFT_OUT + stack[-half:]
    return encodable(stack)


def _room(frames: int) -> bool:
    """Whether so many frames more fit on the stack."""
    try:
        return frames == 0 or _room(frames - 1)
    except RecursionError:
        return False


_recorders: weakref.WeakKeyDictionary[ErrorPolicy, ErrorRecorder] = weakref.WeakKeyDictionary()


def recorder_of(policy: ErrorPolicy) -> ErrorRecorder:
    """The one recorder of all that share `policy`."""
    recorder = _recorders.get(policy)
    return _recorders.setdefault(policy, ErrorRecorder(policy)) if recorder is None else recorder


@public
def _recorder_like(**options: Any) -> ErrorRecorder:
    return recorder_of(ErrorPolicy(**options) if options else DEFAULT_POLICY)
