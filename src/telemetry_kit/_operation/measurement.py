"""The measuring core: one call of an operation, from its start to its outcome on span and metric.

The duration is recorded while the span is current, so that exemplars link to it, and before the span ends. What the kit
counts itself (running calls, exact calls of sampled operations) is never pushed to the SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetry_kit._core import ambient, clock, faults, forks, late, reentrancy, sdk
from telemetry_kit._core.attributes import (
    AttributeValue,
    attribute_key,
    plain_text,
    span_attributes,
    span_value,
)
from telemetry_kit._core.blocks import AlsoAsync, ended_again
from telemetry_kit._core.context import Suspended
from telemetry_kit._core.face import public
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._operation.call import OperationCall
from telemetry_kit._operation.entered import Entered
from telemetry_kit._wrapping.awaitables import NO_CALL, NO_RESULT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from opentelemetry.trace import Span

    from telemetry_kit._operation.definition import Decorated, Definition
    from telemetry_kit._wrapping.awaitables import Call


@public
class Measurement(OperationCall, StaysHere, AlsoAsync["Measurement"]):
    """One call of an operation, as `operation.measure()` gives it: a context manager for a single use.

    Its methods never raise, and do nothing before it began or after it ended.

    >>> from telemetry_kit import Telemetry
    >>> with Telemetry("shop.orders").operation("checkout").measure() as m:
    ...     m.set_attribute("user.id", 7)
    """

    def __enter__(self) -> Measurement:  # noqa: PYI034 - Self is in typing from 3.11 on
        if self._state:
            self._again += 1
            faults.record("operation.measure", RuntimeError("a Measurement is for one use: call measure() again"))
            return self
        try:
            entered = self._current = Entered(self._operation.state, None)
            self._watch = entered.mine = reentrancy.watch_block(self, entered.drop)
            self._begin(self._operation.span_static, None, None, {}, False)
            return self
        except BaseException:
            self._drop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._again:
            self._again -= 1
        elif self._state == 1:
            self._end(exc)
        else:
            ended_again(self)

    def set_attribute(self, key: str, value: object) -> None:
        """Set a span attribute of any cardinality. It never reaches a metric.

        >>> from telemetry_kit import current_measurement
        >>> current_measurement().set_attribute("user.id", 7)
        """
        if self._state != 1:
            self._lost("attribute", key)
            return
        super().set_attribute(key, value)

    def _keeps_late(self) -> bool:
        return self._deferred is not None or self._operation.span_mode == "errors"

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several span attributes.

        >>> from telemetry_kit import current_measurement
        >>> current_measurement().set_attributes({"order.id": "o-7", "order.total": 19.9})
        """
        for key, value in span_attributes(attributes).items():
            self.set_attribute(key, value)

    def set_metric_attribute(self, key: str, value: object) -> None:
        """Set an attribute of low cardinality, on metric and span: a key keeps its first 100 values, then `_OTHER`.

        >>> from telemetry_kit import current_measurement
        >>> current_measurement().set_metric_attribute("payment.method", "card")
        """
        if self._state != 1:
            self._lost("attribute", key)
            return
        operation = self._operation
        try:
            guard = operation.state.guard
            name = guard.key(key)
            if name is None:
                return
            harmless = span_value(value, name)
            convention = operation.convention
            if convention is not None and name == convention.status:
                self._status = value
            guarded = guard.value(name, None if harmless is None else value)
        except Exception as fault:
            faults.record("operation.metric_attributes", fault)
            return
        if guarded is not None:
            metric = self._metric = self._metric or {}
            metric[name], self._said = guarded, True
        on_span = attribute_key(key) if self._recording or self._keeps_late() else None
        if on_span is not None and harmless is not None:
            self._set(on_span, harmless)

    def fail(self, error_type: str, description: str | None = None) -> None:
        """Make the outcome an error without an exception: `error_type` becomes the `error.type` of span and metric,
        `description` that of the span's status.

        >>> from telemetry_kit import current_measurement
        >>> current_measurement().fail("card_declined")
        """
        if self._state == 1:
            self._failed, self._said, self._description = plain_text(error_type) or OTHER, True, description
        else:
            self._lost("error type", error_type)

    def add_event(self, name: str, attributes: Mapping[str, object] | None = None) -> None:
        """Add an event: on the span or as a log record, as the error policy's signal says.

        >>> from telemetry_kit import current_measurement
        >>> current_measurement().add_event("cart.reserved", {"cart.size": 3})
        """
        if self._state != 1:
            self._lost("event", name)
            return
        with faults.guard("span.add_event"):
            scope = self._operation.scope
            scope.errors.emit_event(self.span, scope, plain_text(name) or OTHER, span_attributes(attributes or {}))

    def inject(self, carrier: Any) -> Any:
        """Put this call's context into `carrier`, a mapping or one of `telemetry_kit.carriers`; gives it back.

        >>> from telemetry_kit import current_measurement
        >>> headers = current_measurement().inject({"accept": "text/html"})
        """
        if late.is_over():
            return carrier
        with late.late_import():
            from telemetry_kit import propagation

        return propagation.inject(carrier, self._current.context if self._state else None)

    def _begin(
        self,
        span_static: dict[str, AttributeValue] | None,
        arguments: Callable[..., dict[str, AttributeValue]] | None,
        args: tuple[Any, ...] | None,
        kwargs: dict[str, Any],
        stepwise: bool,
    ) -> None:
        """Begin, given the arguments of the decorated call, None for a block; of a body that goes step by step, it will
        be current in its steps."""
        operation, entered = self._operation, self._current
        if reentrancy.waiting:
            reentrancy.drain()
        self._generation = forks.fork.generation
        self._state = 1
        if (
            sdk.metrics._METER_PROVIDER is not operation.seen_metrics
            or sdk.traces._TRACER_PROVIDER is not operation.seen_traces
            or sdk.override is not operation.seen_override
        ):
            operation.bind()
        plain = operation.plain and self._plain
        if operation.idle and plain and args is None:
            self._unseen = True
            entered.count_in()
            self._start = clock.perf_counter()
            return
        attributes = span_static if plain else self._prepare(span_static, args, kwargs)
        if operation.start_span is not None:
            self._start_span(operation.name, operation.kind, attributes, None, None, operation.start_span)
        elif operation.span_mode == "errors":
            self._static = attributes
        if not plain or arguments is not None:
            self._enrich(attributes, arguments, args, kwargs)
        state = operation.state
        try:
            cell = state.local.cell
        except AttributeError:
            cell = state.new()
        entered.cell, cell[0] = cell, cell[0] + 1
        if stepwise:
            self._stepwise, self._suspended = True, Suspended(entered, True)
        else:
            entered.enter()
        self._start = clock.perf_counter()

    def _take_over(
        self,
        operation: Definition,
        entered: Entered,
        start: float,
        generation: object,
        span: Span | None,
        deferred: dict[str, AttributeValue] | None,
    ) -> Measurement:
        """It began as a call on the fast path; `deferred` are the attributes of a span that could not be started."""
        self._operation, self._scope = operation, operation.scope
        self._current, self._state = entered, 1
        self._start, self._generation = start, generation
        if span is not None:
            self._own_span = True
            self.span: Span = span
            try:
                self._recording = bool(span.is_recording())
            except Exception as fault:
                faults.record("span.is_recording", fault)
        elif deferred is not None:
            self._deferred = clock.time_ns() - int((clock.perf_counter() - start) * 1e9)
            self._name, self._kind, self._static = operation.name, operation.kind, deferred
        return self

    def _drop(self) -> None:
        """Nobody will ever end it: it counts no longer."""
        self._state = 2
        entered = self.__dict__.get("_current")
        if entered is not None:
            entered.drop()
        if self._watch is not None:
            reentrancy.unwatch(self._watch)

    def _put_back(self) -> None:
        """Put everything back that the call had made its own. A second time does nothing."""
        if self._state == 3:
            return
        try:
            if not self._left:
                self._leave()
        finally:
            self._state = 2
            entered, watch = self._current, self._watch
            if entered.cell is not None:
                entered.count_out()
            if watch is not None:
                reentrancy.unwatch(watch)
                self._watch = None
            self._suspended = entered.mine = None  # which may be this
            self._state = 3

    def _end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        """The call is over: record its outcome, once. Never raises an `Exception`."""
        if self._state != 1:
            return
        try:
            took = clock.perf_counter() - self._start
            duration = took if took > 0.0 else 0.0  # noqa: FURB136 - max() is a call; another clock may have come
            self.duration: float | None = duration
            if self._generation is not forks.fork.generation:
                return  # began in the parent process, which records it
            operation, error_type = self._operation, None
            if self._unseen:
                if sdk.absent():
                    return
                operation.bind()  # one came meanwhile
            attributes, described = operation.metric_static, None
            if exc is not None or self._said or operation.judges or ambient.used:
                error_type = self._classify(exc, result) if exc is not None or operation.judges else self._failed
                if error_type is not None:
                    error_type, described = operation.state.guard.error_type(error_type), self._description
                if error_type is not None or self._metric is not None or ambient.used:
                    attributes = operation.metric_set(self._metric, error_type, self._current.context)
            record = operation.record
            if operation.sampled:
                operation.count(attributes, duration)
                record = record if operation.samples() else None
            if operation.objectives is not None:
                operation.objectives.count(error_type, exc, duration)
            self._state = 2
            self._close(error_type, exc, None, operation.name, described, (record, duration, attributes))
        except Exception as fault:
            faults.record("operation.end", fault)
        finally:
            self._put_back()

    def _called(self) -> str | None:
        """The name of its operation."""
        return self._operation.name


def begin(decorated: Decorated, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Begin a call of a decorated function."""
    measurement: Measurement | None = None
    entered: Entered | None = None
    try:
        operation = decorated.operation
        measurement = Measurement.__new__(Measurement)
        measurement._operation, measurement._scope = operation, operation.scope
        # Of a body that goes step by step what is put aside must not hold the call, which its driver's frame ends.
        mine = reentrancy.Watch(measurement) if decorated.stepwise else measurement
        entered = measurement._current = Entered(operation.state, mine)
        measurement._begin(decorated.span_static, decorated.arguments, args, kwargs, decorated.stepwise)
        return measurement
    except RecursionError:  # no room for a measurement, nor to make it current: the body may have enough
        if entered is not None and entered.cell is not None:
            entered.cell[0], entered.cell = entered.cell[0] - 1, None
        return NO_CALL
    except BaseException:
        if measurement is not None:
            measurement._drop()
        raise


take_over = Measurement._take_over
"""Makes a measurement without an `__init__` that of a call that began on the fast path."""
