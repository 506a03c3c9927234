"""The life of a span: started or deferred, current while its body runs, given attributes, ended with an outcome.

Operations, spans, runs, steps and tasks are each an `ActiveSpan`. It is started now or, where the API can't be called
(in a signal handler or finaliser that interrupted the SDK), when it ends, with the time at which it began. What is set
on it meanwhile is kept and is there before its end. It ends now, or at the next safe point with the time of its end.
What began before a fork is the parent's, which ends it.

All that the kit starts, sets a status on and ends goes through here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode

from telemetry_kit._core import ambient, clock, context, faults, forks, reentrancy, sdk
from telemetry_kit._core.attributes import OWN_KEYS, AttributeValue, attribute_key, span_value
from telemetry_kit._core.error_policy import EXCEPTION_RECORD, ExceptionRecord
from telemetry_kit._core.outcome import CANCELLED
from telemetry_kit._core.span_attributes import put_later
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Link

    from telemetry_kit._core.scope import Scope

    Record = Callable[[float, Mapping[str, AttributeValue], Context | None], object]
    Measured = tuple[Record | None, float, Mapping[str, AttributeValue]]
    """By what a duration is recorded if there is an SDK, the duration in seconds, and the metric's attributes."""

LATE_ATTRIBUTES = 64
"""Attributes that are kept for a span until it can be given them."""

sound: set[type] = set()
"""Classes of spans that have what the API promises."""
SOUND_AT_MOST = 100
_PROMISED = ("get_span_context", "is_recording", "set_attribute", "set_attributes", "set_status", "add_event", "end")


def check(span: Any) -> None:
    """Raise TypeError for what an odd SDK gives in a span's place."""
    kind = type(span)
    missing = [name for name in _PROMISED if not callable(getattr(kind, name, None) or getattr(span, name, None))]
    if missing:
        raise TypeError(f"the SDK must start a span, got a {kind.__qualname__} without {', '.join(missing)}")
    if len(sound) < SOUND_AT_MOST:
        sound.add(kind)


def mark(span: Span, error_type: str, description: str | None = None) -> None:
    """Put an outcome that is no success onto a span. Its description is a text or, where there is none, the error's
    type; cancellation is no error, and has neither. The caller is inside a section."""
    span.set_attribute(keys.ERROR_TYPE, error_type)
    if error_type != CANCELLED:
        span.set_status(StatusCode.ERROR, description or error_type)


class ActiveSpan:
    """A span and what it makes current, from its start to its end, or what stands for it where there is none."""

    # Defaults stand on the class: what a call doesn't touch costs it nothing.
    span: Span = INVALID_SPAN
    """The OpenTelemetry span, the API's invalid one where there is none."""
    duration: float | None = None
    """Seconds, None until it ended."""
    _scope: Scope
    _current: context.Current
    _recording = False
    _own_span = False
    _left = False
    """Whether its end has put back what was current before."""
    _links: list[Link] | None = None
    _deferred: int | None = None
    """When a span began that could not be started then."""
    _name = ""
    _kind = SpanKind.INTERNAL
    _static: Mapping[str, AttributeValue] | None = None
    """Name, kind and attributes of a span that is made later."""
    _late: dict[str, AttributeValue] | None = None
    _generation: object = None
    _stepwise = False
    """Whether its body goes step by step, and is current, and timed, in its steps."""
    _suspended: context.Suspended | None = None

    # Its start

    @reentrancy.section
    def _start_span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, AttributeValue] | None,
        began: int | None = None,
        around: Context | None = None,
        start_span: Callable[..., Any] | None = None,
    ) -> None:
        """Start the span under what `_current` has, or defer it; one that `began` before, at a safe point and `around` it.
        Nothing is current yet. Where there is none to be had, there is a counted fault. `start_span` is the tracer's, where
        that is known."""
        if start_span is None:
            tracer = self._scope.tracer()
            if tracer is None:
                return
            start_span = tracer.start_span
        here = reentrancy.here.state
        if began is None and (
            (here.busy and reentrancy.still_busy())
            or (reentrancy.latest.reported is reentrancy.begun.reported and reentrancy.collecting())
        ):
            self._deferred, self._name, self._kind, self._static = clock.time_ns(), name, kind, attributes
            return
        parent = self._current.context if around is None else around
        if parent is None:
            parent = context.get_current()
        was = here.busy
        try:
            here.busy = True
            if ambient.used:
                attributes = ambient.for_span(attributes, parent)
            span: Any = start_span(name, parent, kind, attributes, self._links, began)
            if type(span) not in sound:
                check(span)
            self.span, self._own_span = span, True
            self._current.context = Context({**parent, context.SPAN_KEY: span})
            try:
                self._recording = bool(span.is_recording())
            except Exception as fault:
                faults.record("span.is_recording", fault)
        except Exception as fault:
            faults.record("trace.start_span", fault)
        finally:
            here.busy = was

    def _be_current(self) -> None:
        """Make current what the call has, or have it ready for a body that goes step by step."""
        if self._stepwise:
            self._suspended = context.Suspended(self._current, self._recording or self._deferred is not None)
        else:
            self._current.enter()

    # What its user says of it

    def set_attribute(self, key: str, value: object) -> None:
        """Set a span attribute of any cardinality. It never reaches a metric.

        >>> from telemetry_kit import current_run
        >>> current_run().set_attribute("file.name", "orders.csv")
        """
        name = attribute_key(key)
        harmless = None if name is None else span_value(value, name)
        if name is not None and harmless is not None and name not in self._own_keys():
            self._set(name, harmless)

    def _own_keys(self) -> frozenset[str]:
        return OWN_KEYS

    @reentrancy.section
    def _set(self, name: str, value: AttributeValue) -> None:
        """Set an attribute that is harmless, now or before the end."""
        here = reentrancy.here.state
        if not self._recording or (here.busy and reentrancy.still_busy()) or reentrancy.collecting():
            if self._recording or self._keeps_late():
                late = self._late = self._late or {}
                if name in late or len(late) < LATE_ATTRIBUTES:
                    late[name] = value
            return
        if not self._own_span and sdk.interrupted(self.span):
            reentrancy.later(lambda: put_later(self.span, {name: value}))
            return
        try:
            here.busy = True
            self.span.set_attribute(name, value)
        except Exception as fault:
            faults.record("span.set_attribute", fault)
        finally:
            here.busy = False

    def _keeps_late(self) -> bool:
        """Whether attributes are kept although no span is recording yet."""
        return self._deferred is not None

    # While its body is suspended

    def _suspend(self) -> None:
        """The body has stopped for now: nothing of what it had made current is current."""
        suspended = self._suspended
        if suspended is None:
            self._suspended = context.Suspended(self._current)
            self._current.leave()
        else:
            suspended.suspend()

    def _resume(self) -> None:
        """The body goes on, here and now."""
        if self._suspended is not None:
            self._suspended.resume()

    # Its end

    def _put_back(self) -> None:
        """Put everything back that still is the call's, where an exception arrived in the middle of its end."""
        if not self._left:
            self._leave()

    @reentrancy.section
    def _close(
        self,
        error_type: str | None = None,
        exc: BaseException | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        named: str = "",
        description: str | None = None,
        measured: Measured | None = None,
    ) -> None:
        """Record the outcome and the duration, put back what was current, and end the span: now, or at the next safe
        point. `named` is what errors are limited by."""
        if self._generation is not forks.fork.generation:
            return
        here = reentrancy.here.state
        if (
            self._deferred is not None
            or (here.busy and reentrancy.still_busy())
            or (reentrancy.latest.reported is reentrancy.begun.reported and reentrancy.collecting())
        ):
            self._close_later(error_type, attributes, description, measured)
            return
        if reentrancy.waiting:
            reentrancy.drain()
        try:
            here.busy = True
            try:
                if self._recording and (attributes or self._late or self._stepwise):
                    self._set_last(self._late, attributes, self._suspended)
                if error_type is not None:
                    self._record_error(error_type, exc, named, description)
                if measured is not None:
                    record, seconds, of = measured
                    if record is not None:
                        try:
                            record(seconds, of, self._current.context)
                        except Exception as fault:
                            faults.record("metrics.record", fault)
            finally:
                if self._suspended is None:
                    self._current.leave()
                elif self._suspended.resumed:
                    self._suspended.suspend()
                self._left = True
                if self._own_span:
                    now = context.get_current()
                    try:
                        self.span.end()
                    finally:
                        if context.get_current() is not now:  # as `unchanged_by` says
                            context.attach(now)
        except Exception as fault:
            faults.record("trace.end", fault)
        finally:
            here.busy = False

    def _set_last(
        self,
        late: Mapping[str, AttributeValue] | None,
        attributes: Mapping[str, AttributeValue] | None,
        suspended: context.Suspended | None,
    ) -> None:
        try:
            if late:
                self.span.set_attributes(late)
            if attributes:
                self.span.set_attributes(attributes)
            if suspended is not None and suspended.busy_time is not None:
                self.span.set_attribute(keys.OPERATION_BUSY_TIME, suspended.busy_time)
        except Exception as fault:
            faults.record("span.set_attribute", fault)

    def _record_error(self, error_type: str, exc: BaseException | None, named: str, description: str | None) -> None:
        """Put the error on the span, of an exception as much as the limiter lets through."""
        try:
            if not self._recording:
                self._record_without_span(error_type, exc)
                return
            errors = self._scope.errors
            if exc is not None:
                called = self._exception_record()
                errors.record(self.span, self._scope, exc, operation=named, error_type=error_type, record=called)
            if exc is None or description is not None:
                mark(self.span, error_type, None if description is None else errors.clean(description))
        except Exception as fault:
            faults.record("span.error", fault)
            if self._recording:
                with faults.guard("span.error"):
                    mark(self.span, error_type)

    def _record_without_span(self, error_type: str, exc: BaseException | None) -> None:
        """Record an error where there is no recording span."""

    def _exception_record(self) -> ExceptionRecord:
        """What a log record of its exception is called, and how severe that is."""
        return EXCEPTION_RECORD

    def _leave(self) -> None:
        """Put back what was current before. A second time does nothing."""
        if self._suspended is None:
            self._current.leave()
        else:
            self._suspended.suspend()

    def _close_later(
        self,
        error_type: str | None,
        attributes: Mapping[str, AttributeValue] | None,
        description: str | None,
        measured: Measured | None,
    ) -> None:
        """End it at the next safe point, as of now."""
        ended, late, suspended = clock.time_ns(), self._late, self._suspended
        around = self._current.context
        if around is None:
            around = context.get_current()

        def close() -> None:
            if self._generation is not forks.fork.generation:
                return
            within = around
            if self._deferred is not None:
                within = self._start_late(around)
            if self._recording:
                self._set_last(late, attributes, suspended)
                if error_type is not None:
                    self._record_error(error_type, None, "", description)
            if measured is not None and measured[0] is not None:
                with faults.guard("metrics.record"):
                    measured[0](measured[1], measured[2], within)
            if self._own_span:
                context.unchanged_by(self.span.end, ended)

        self._leave()
        reentrancy.later(close)

    def _start_late(self, around: Context) -> Context:
        """Start the span as of when it began; gives the context with it."""
        began, self._deferred = self._deferred, None
        self._start_span(self._name, self._kind, self._static, began, around)
        return context.with_span(around, self.span) if self._own_span else around
