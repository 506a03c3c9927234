"""The measuring core: one call of an operation, from its start to its outcome on span and metric.

The duration is recorded while the span is current, so that exemplars link to it, and before the span ends. What the kit
counts itself (running calls, exact calls of sampled operations) is never pushed to the SDK.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, get_current_span

from telemetry_kit._core import clock, counters, faults, reentrancy
from telemetry_kit._core import context as _context
from telemetry_kit._core.attributes import (
    OWN_KEYS,
    AttributeValue,
    attribute_key,
    plain_text,
    span_attributes,
    span_value,
)
from telemetry_kit._core.face import public
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._operation import endings
from telemetry_kit._wrapping.awaitables import NO_RESULT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from telemetry_kit._operation.operation import Operation

_LATE_ATTRIBUTES = 64
"""Attributes kept for a span that is only made if the call fails."""

CURRENT: ContextVar[Any] = ContextVar("telemetry_kit.measurement", default=None)
"""The innermost running measurement, or the box of a lean call that makes one if it is asked for."""


@public
class Measurement(StaysHere):
    """One call of an operation, as `operation.measure()` gives it: a context manager for a single use.

    Its methods never raise, and do nothing before it began or after it ended.
    """

    # Defaults stand on the class: what a call doesn't touch costs it nothing.
    span: Span = INVALID_SPAN
    """The OpenTelemetry span, the API's invalid one where there is none."""
    duration: float | None = None
    """Seconds, None until it ended."""
    _plain = True
    _given: Mapping[str, object] | None = None
    _given_span: Mapping[str, object] | None = None
    _carrier: Any = None
    _links: Any = None
    _state = 0  # 0 not begun, 1 running, 2 ended
    _again = 0  # blocks inside that entered it once more
    _context: Context | None = None
    _attached: Any = None
    _current: Any = None
    _cell: Any = None
    _metric: dict[str, AttributeValue] | None = None
    _static: dict[str, AttributeValue] | None = None  # for a span that is only made at the end
    _late: dict[str, AttributeValue] | None = None
    _asked: tuple[tuple[Any, ...], dict[str, Any]] | None = None  # what a callable for its attributes is given
    _failed: str | None = None
    _description: str | None = None
    _status: object = None
    _busy: float | None = None  # of a generator: how long its body has worked
    _resumed: float = 0.0
    _deferred = False
    _own_span = False
    _recording = False

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def __enter__(self) -> Measurement:  # noqa: PYI034 - Self is in typing from 3.11 on
        if self._state:
            self._again += 1
            faults.record("operation.measure", RuntimeError("a Measurement is for one use: call measure() again"))
            return self
        operation = self._operation
        self._begin(operation.span_static, None, None, {})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._again:
            self._again -= 1
        else:
            self.end(exc)

    # What its user says of it

    def set_attribute(self, key: str, value: object) -> None:
        """Set a span attribute of any cardinality. It never reaches a metric."""
        if self._state != 1:
            return
        name = attribute_key(key)
        harmless = None if name is None else span_value(value, name)
        if name is None or harmless is None or name in OWN_KEYS:
            return
        here = reentrancy.here.state
        if self._recording and not here.busy:
            here.busy = True
            try:
                self.span.set_attribute(name, harmless)
            except Exception as fault:
                faults.record("span.set_attribute", fault)
            finally:
                here.busy = False
        elif self._recording or self._deferred or self._operation.span_mode == "errors":
            late = self._late = self._late or {}
            if name in late or len(late) < _LATE_ATTRIBUTES:
                late[name] = harmless

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several span attributes."""
        if self._state != 1:
            return
        for key, value in span_attributes(attributes).items():
            self.set_attribute(key, value)

    def set_metric_attribute(self, key: str, value: object) -> None:
        """Set an attribute of low cardinality, on metric and span: a key keeps its first 100 values, then `_OTHER`."""
        if self._state != 1:
            return
        operation = self._operation
        try:
            guard = operation.state.guard
            name = guard.key(key)
            harmless = None if name is None else span_value(value, name)
            if name is None:
                return
            convention = operation.convention
            if convention is not None and name == convention.status:
                self._status = value
            guarded = guard.value(name, None if harmless is None else value)
        except Exception as fault:
            faults.record("operation.metric_attributes", fault)
            return
        if guarded is not None:
            metric = self._metric = self._metric or {}
            metric[name] = guarded
        self.set_attribute(key, harmless)

    def fail(self, error_type: str, description: str | None = None) -> None:
        """Make the outcome an error without an exception: `error_type` becomes the `error.type` of span and metric."""
        if self._state == 1:
            self._failed = plain_text(error_type) or OTHER
            self._description = description

    def add_event(self, name: str, attributes: Mapping[str, object] | None = None) -> None:
        """Add an event: on the span or as a log record, as the error policy's signal says."""
        if self._state != 1:
            return
        with faults.guard("span.add_event"):
            scope = self._operation.scope
            scope.errors.emit_event(self.span, scope, name, span_attributes(attributes or {}))

    def inject(self, carrier: Any) -> Any:
        """Put this call's context into `carrier`, a mapping or one of `telemetry_kit.carriers`; gives it back."""
        from telemetry_kit import propagation

        return propagation.inject(carrier, self._context)

    # How it goes

    def _begin(
        self,
        span_static: dict[str, AttributeValue] | None,
        arguments: Callable[..., dict[str, AttributeValue]] | None,
        args: tuple[Any, ...] | None,
        kwargs: dict[str, Any],
    ) -> None:
        """Begin, given the arguments of the decorated call, None for a block."""
        operation = self._operation
        here = reentrancy.here.state
        if reentrancy.waiting:
            reentrancy.drain()
        local = operation.state.local
        try:
            cell = local.cell
        except AttributeError:
            cell = operation.state.new()
        try:
            self._state = 1
            plain = operation.plain and self._plain
            attributes = span_static if plain else operation.prepare(self, span_static, args, kwargs)
            if operation.span_mode is True:
                tracer = operation.scope.tracer()
                if tracer is not None:
                    if here.busy:
                        self._deferred, self._static = True, attributes
                    else:
                        here.busy = True
                        try:
                            parent = self._context if self._context is not None else _context.get_current()
                            span = tracer.start_span(operation.name, parent, operation.kind, attributes, self._links)
                            self._context = context = Context({**parent, _context.SPAN_KEY: span})
                            self._attached = _context.attach(context)
                            self.span = span
                            self._own_span = True
                            self._recording = span.is_recording()
                        except Exception as fault:
                            faults.record("trace.start_span", fault)
                        finally:
                            here.busy = False
            elif operation.span_mode == "errors":
                self._static = attributes
            if not plain or arguments is not None:
                operation.enrich(self, attributes, arguments, args, kwargs)
            self._current = CURRENT.set(self)
            self._cell = cell
            cell[0] += 1
        except BaseException:
            self._leave()
            raise
        self._start = clock.perf_counter()

    def pause(self) -> None:
        """The body has stopped for now: nothing of this call is current."""
        if self._attached is not None:
            try:
                _context.detach(self._attached)
            except Exception:
                pass
            self._attached = None
        if self._current is not None:
            try:
                CURRENT.reset(self._current)
            except (LookupError, RuntimeError, ValueError):
                pass
            self._current = None
        if self._busy is not None:
            self._busy += clock.perf_counter() - (self._resumed or self._start)

    def go_on(self) -> None:
        """The body goes on, here and now."""
        self._resumed = clock.perf_counter()
        if self._context is not None:
            self._attached = _context.attach(self._context)
        self._current = CURRENT.set(self)

    def _leave(self) -> None:
        """Put everything back that the call had made its own."""
        token = self._current
        if token is not None:
            self._current = None
            try:
                CURRENT.reset(token)
            except (
                LookupError,
                RuntimeError,
                ValueError,
            ):  # ended in another context than it began: nothing to put back there
                pass
        token = self._attached
        if token is not None:
            self._attached = None
            try:
                _context.detach(token)
            except Exception:
                pass
        cell: Any = self._cell
        if cell is not None:
            self._cell = None
            running = self._operation.state
            own: Any = getattr(running.local, "cell", None)
            if own is cell:
                cell[0] -= 1
            else:
                running.leave(cell)

    def drop(self) -> None:
        """Nobody will ever end it: it counts no longer."""
        self._state = 2
        self._leave()

    def end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        """The call is over: tell its outcome, once. Never raises an `Exception`."""
        now = clock.perf_counter()
        if self._state != 1:
            return
        self.duration = duration = now - self._start
        operation = self._operation
        cell = self._cell
        try:
            if cell is not None and cell[1] is not counters.fork.generation:
                return  # began in the parent process, which tells it
            here = reentrancy.here.state
            error_type = operation.judge(self, exc, result) if exc is not None or operation.judges else self._failed
            if error_type is not None:
                error_type = operation.state.guard.error_type(error_type)
            if error_type is not None or self._metric is not None:
                attributes = operation.metric_set(self, error_type)
            else:
                attributes = operation.metric_static
            if here.busy or self._deferred:
                endings.end_later(self, error_type, duration, attributes)
                return
            if reentrancy.waiting:
                reentrancy.drain()
            here.busy = True
            try:
                if self._recording and self._late:
                    endings.set_late(self)
                if error_type is not None:
                    endings.tell_error(self, exc, error_type)
                if operation.sampled:
                    operation.count(attributes, duration)
                if operation.samples():
                    endings.record(operation, duration, attributes, self._context)
                self._state = 2
                self._leave()
                if self._own_span:
                    endings.end_span(self)
            except Exception as fault:
                faults.record("operation.end", fault)
            finally:
                here.busy = False
        finally:
            self._state = 2
            self._leave()


class _NoMeasurement(Measurement):
    """Where nothing is measured: every method does nothing."""

    def __init__(self) -> None:
        self._state = 2

    def __enter__(self) -> Measurement:
        return self

    def end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        return

    def inject(self, carrier: Any) -> Any:
        from telemetry_kit import propagation

        return propagation.inject(carrier)


NO_MEASUREMENT: Measurement = _NoMeasurement()


@public
def current_measurement() -> Measurement:
    """The innermost running measurement, so that a decorated handler can add to it or fail without being passed it.

    Where nothing is measured it is one that does nothing, never None.

    >>> from telemetry_kit import current_measurement
    >>> current_measurement().set_attribute("user.id", 7)
    """
    current = CURRENT.get()
    if current is None:
        return NO_MEASUREMENT
    if current.__class__ is list:
        return current[0].make(current) if current[1] is None else current[1]  # type: ignore[no-any-return]
    return current  # type: ignore[no-any-return]


def ambient_span() -> Span:
    """The span that is current now."""
    return get_current_span()


__all__ = ["CURRENT", "NO_MEASUREMENT", "Measurement", "SpanKind", "current_measurement"]
