"""RED: what an operation is, and what makes its measurements.

`Operation` holds what the user said, checked when it is defined (`_operation_rules`); what all operations of one name
share stands in `_operation_state`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from opentelemetry.trace import SpanKind, get_current_span

from telemetry_kit._core import error_policy, faults, outcome, sdk
from telemetry_kit._core.active_span import put
from telemetry_kit._core.attributes import OWN_KEYS, AttributeValue, plain_text
from telemetry_kit._core.attributes import span_attributes as bounded
from telemetry_kit._core.face import HasBlocks, public
from telemetry_kit._core.instruments import series
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._operation import fast_path, sampling
from telemetry_kit._operation import propagation as carry
from telemetry_kit._operation.measurement import Measurement
from telemetry_kit._operation.objective import Counted, check_objectives
from telemetry_kit._operation.options import INCOMING, OUTGOING, Attributes, OperationOptions, SpanMode, check_name
from telemetry_kit._operation.recorder import Decorated
from telemetry_kit._operation.state import OperationState, observe_active, observe_sampled, state_of
from telemetry_kit._wrapping import awaitables, callables, drivers
from telemetry_kit.conventions import HTTP_SERVER

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from telemetry_kit._core.instruments import Histogram
    from telemetry_kit._core.scope import Scope
    from telemetry_kit.conventions import Convention

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")

NO_RESULT: Any = awaitables.NO_RESULT
_NO_ATTRIBUTES: dict[str, AttributeValue] = {}


@public
class Operation(HasBlocks, ByRecipe):
    """Something that a library or service does: a decorator, and the maker of measurements.

    Made by `Telemetry.operation`. It can decorate many functions and be used from many threads.
    """

    _gives_block = "`.measure()`"

    __slots__ = (
        "__weakref__",
        "_arguments",
        "_carrier",
        "_declared",
        "_error_if",
        "_expected",
        "_links",
        "_metric_attributes",
        "_options",
        "_own",
        "_public",
        "_span_attributes",
        "convention",
        "gap",
        "histogram",
        "idle",
        "judges",
        "kind",
        "metric_static",
        "name",
        "objectives",
        "plain",
        "record",
        "sampled",
        "scope",
        "seen_metrics",
        "seen_override",
        "seen_traces",
        "span_mode",
        "span_static",
        "start_span",
        "state",
        "success",
    )

    def __init__(self, scope: Scope, name: str | None = None, options: OperationOptions | None = None) -> None:
        what = check_name(name)
        given = OperationOptions() if options is None else options
        self.scope: Scope = scope
        self.name: str = name if name is not None else "unnamed"
        self._options = given if name is None else None
        self.convention: Convention | None = given.convention
        self.kind: SpanKind
        self.kind, self._expected = given.check(what)
        self.span_mode: SpanMode = given.span
        self._error_if = given.error_if
        self._metric_attributes = given.metric_attributes if callable(given.metric_attributes) else None
        self._span_attributes = given.span_attributes if callable(given.span_attributes) else None
        self._arguments = given.arguments
        self._carrier, self._links, self._public = given.carrier, given.links, given.public_endpoint
        self.plain: bool = (
            self._metric_attributes is None
            and self._span_attributes is None
            and given.carrier is None
            and given.links is None
            and not given.public_endpoint
            and given.span != "current"
        )
        self.judges: bool = given.error_if is not None or given.convention is not None or given.span == "current"
        self.objectives: Counted | None = None
        self.sampled: bool = given.sample_durations < 1.0
        self.gap: Callable[[], float] = sampling.gaps(given.sample_durations)
        if name is not None:
            self._enter_state(given.metric_attributes, given.span_attributes)
            objectives = check_objectives(what, given.objective)
            if objectives:
                self.objectives = Counted(scope, self.state.name, objectives)
                self.bind()

    def _enter_state(self, metric_attributes: Attributes, span_attributes: Attributes) -> None:
        scope, convention = self.scope, self.convention
        state = state_of(scope, self.name, None if convention is None else convention.name)
        self.state: OperationState = state
        declared = on_span = _NO_ATTRIBUTES
        if isinstance(metric_attributes, Mapping) and metric_attributes:
            declared, on_span = state.guard.both(metric_attributes)
            if not state.guard.admit(declared, None):
                declared = state.guard.collapse(declared)
        span_declared = bounded(span_attributes) if isinstance(span_attributes, Mapping) else _NO_ATTRIBUTES
        self._own: dict[str, AttributeValue] = {"operation.name": state.name, "scope.name": scope.name}
        metric, active, observed = "operation.duration", "operation.active", self._own
        if convention is not None:
            self._own = _NO_ATTRIBUTES
            metric, active = convention.duration, convention.active or ""
            observed = {key: declared[key] for key in convention.active_attributes if key in declared}
            declared = {**convention.defaults, **declared}
        self._declared = declared
        self.metric_static: dict[str, AttributeValue] = {**declared, **self._own} if declared else self._own
        self.span_static: dict[str, AttributeValue] = _NO_ATTRIBUTES
        defaults = _NO_ATTRIBUTES if convention is None else convention.defaults
        if defaults or on_span or span_declared:
            merged = {**defaults, **on_span, **span_declared}
            self.span_static = {key: value for key, value in merged.items() if key not in OWN_KEYS}
        self.histogram: Histogram = scope.instruments.histogram(metric)
        if active:
            observe_active(scope, state, active, observed)
        self.success: Any = None
        if self.sampled:
            observe_sampled(scope, state)
            self.success = series(self.metric_static)
        self.bind()

    def bind(self) -> None:
        """Take what the providers of now have. The lean way looks at the API's globals itself (see `_sdk`), and only
        asks whether they still are those of the last time."""
        self.seen_traces: Any = sdk.traces._TRACER_PROVIDER
        self.seen_metrics: Any = sdk.metrics._METER_PROVIDER
        self.seen_override: Any = sdk.override
        tracer = self.scope.tracer() if self.span_mode is True else None
        self.start_span: Callable[..., Any] | None = None if tracer is None else tracer.start_span
        self.record: Callable[..., None] | None = self.histogram.recorder()
        unseen = self.start_span is None and self.record is None and not (self.sampled or self.objectives)
        self.idle: bool = unseen and self.scope.errors.where() == "span"  # a host may have an SDK for logs alone

    def samples(self) -> bool:
        """Whether the duration of a call that doesn't go the lean way is among those recorded."""
        return not self.sampled or self.gap() < 1

    def __repr__(self) -> str:
        return f"<Operation {self.name!r} of {self.scope.name!r}>"

    def __call__(self, func: F, /) -> F:
        """Decorate `func`, which may be any kind of callable: each call is measured, its signature stays.

        Raises TypeError for what can't be decorated (a class, a property), for a parameter name in `arguments` that
        `func` doesn't have, and for a callable option that can't take `func`'s arguments.
        """
        callables.check(func, f"operation {self.name!r}")
        if isinstance(func, (classmethod, staticmethod)):
            return cast("F", type(func)(self(func.__func__)))
        operation = self if self._options is None else self._named_as(callables.name_of(func))
        decorated = Decorated(operation, func)
        if operation.scope.disabled:
            return func
        if fast_path.fits(operation, func, decorated.arguments):
            return cast("F", callables.disguise(fast_path.closure(cast("Any", func), operation, decorated), func))
        return cast("F", drivers.decorate(cast("Any", func), cast("drivers.Calls", decorated)))

    def _named_as(self, name: str) -> Operation:
        return Operation(self.scope, name, self._options)

    def measure(
        self,
        *,
        metric_attributes: Mapping[str, object] | None = None,
        span_attributes: Mapping[str, object] | None = None,
        carrier: Any = None,
        links: Any = None,
    ) -> Measurement:
        """A fresh measurement for one `with` block, in sync and async code alike.

        `metric_attributes` go to metric and span and are guarded, `span_attributes` to the span only; `carrier` and
        `links` stand in for those of the operation.
        """
        if self._options is not None:
            faults.record("operation.name", ValueError("measure() of an operation without a name: give it one"))
            return self._named_as("unnamed").measure(
                metric_attributes=metric_attributes, span_attributes=span_attributes, carrier=carrier, links=links
            )
        if carrier is not None and self.kind is SpanKind.INTERNAL:
            faults.record("operation.carrier", ValueError(f"operation {self.name!r} takes no carrier: it is INTERNAL"))
            carrier = None
        measurement = Measurement(self)
        if metric_attributes or span_attributes or carrier is not None or links is not None:
            measurement._given = metric_attributes
            measurement._given_span = span_attributes
            measurement._carrier = carrier
            measurement._given_links = links
            measurement._plain = False
        return measurement

    # What a measurement asks of its operation, where it isn't plain

    def prepare(
        self,
        measurement: Measurement,
        span_static: dict[str, AttributeValue] | None,
        args: tuple[Any, ...] | None,
        kwargs: dict[str, Any],
    ) -> dict[str, AttributeValue] | None:
        """Metric attributes, parent and links of a call, before its span starts; gives the span's attributes."""
        given = measurement._given
        if self._metric_attributes is not None and args is not None:
            try:
                given = self._metric_attributes(*args, **kwargs)
            except Exception as fault:
                faults.record("operation.metric_attributes", fault)
        attributes = span_static
        if given:
            try:
                measurement._metric, on_span = self.state.guard.both(given)
                status = None if self.convention is None else self.convention.status
                if status is not None and status in given:
                    measurement._status = given[status]
                attributes = {**(span_static or {}), **on_span}
            except Exception as fault:
                faults.record("operation.metric_attributes", fault)
        carrier = carry.evaluate("operation.carrier", measurement._carrier, self._carrier, args, kwargs)
        links = carry.evaluate("operation.links", measurement._given_links, self._links, args, kwargs)
        measurement._carrier = carrier
        incoming = self.kind in INCOMING
        if self._public or links is not None or (carrier is not None and incoming):
            carry.go_on_from(measurement, carrier if incoming else None, links, public=self._public)
        return attributes

    def hand_on(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Context | None:
        """What a call's carrier does where there is no SDK: gives the incoming context, or fills an outgoing carrier."""
        carrier = carry.evaluate("operation.carrier", None, self._carrier, args, kwargs)
        return carry.hand_on(carrier, incoming=self.kind in INCOMING, public=self._public)

    def enrich(
        self,
        measurement: Measurement,
        attributes: dict[str, AttributeValue] | None,
        arguments: Callable[..., dict[str, AttributeValue]] | None,
        args: tuple[Any, ...] | None,
        kwargs: dict[str, Any],
    ) -> None:
        """What can only be done once the span has started: attributes that are costly, the context that leaves."""
        try:
            if self.span_mode == "current":
                span = get_current_span()
                if span.is_recording():
                    measurement.span = span
                    measurement._recording = True
                    if attributes:
                        put(span, attributes)
            late = self.span_mode == "errors" or measurement._deferred is not None
            if measurement._recording or late:
                if arguments is not None and args is not None:
                    measurement.set_attributes(arguments(args, kwargs))
                if self._span_attributes is not None and args is not None:
                    if self.span_mode == "errors":
                        measurement._asked = args, kwargs  # asked for if it fails
                    else:
                        measurement.set_attributes(self._span_attributes(*args, **kwargs))
                if measurement._given_span:
                    measurement.set_attributes(measurement._given_span)
        except Exception as fault:
            faults.record("operation.span_attributes", fault)
        carrier = measurement._carrier
        if carrier is not None and self.kind in OUTGOING:
            carry.send(carrier, measurement._current.context)

    def judge(self, measurement: Measurement, exc: BaseException | None, result: Any) -> str | None:
        """The `error.type` of a call, None where it is a success. What the user named goes first, then the status of
        the convention, then exception and result."""
        try:
            if measurement._failed is not None:
                return measurement._failed
            error_type = None if exc is None else outcome.classify(exc, self._expected, "operation.expected")
            convention = self._convention_of(measurement)
            if error_type == outcome.CANCELLED:
                return error_type if convention is None or convention.cancellation else None
            if convention is not None:
                status = self._status_of(measurement, convention, exc)
                by_status = None if status is None else convention.error(status)
                if by_status is not None or (exc is not None and status is not None and convention.decides):
                    return by_status
            if error_type is None and self._error_if is not None and result is not NO_RESULT:
                verdict = self._error_if(result)
                if verdict:
                    return plain_text(verdict) or outcome.OTHER
        except Exception as fault:
            faults.record("operation.error_if", fault)
            return None if exc is None else outcome.OTHER
        return error_type

    def _convention_of(self, measurement: Measurement) -> Convention | None:
        """The convention by which a call is judged: a server's span that somebody else made is one of HTTP."""
        if self.span_mode == "current" and self.convention is None:
            return HTTP_SERVER if getattr(measurement.span, "kind", None) is SpanKind.SERVER else None
        return self.convention

    def _status_of(self, measurement: Measurement, convention: Convention, exc: BaseException | None) -> object:
        """The status that the user said, or that a raised answer has, which is then on metric and span too."""
        key = convention.status
        if key is None:
            return None
        said = measurement._status
        if said is None:
            said = (measurement._metric or {}).get(key)
        if said is None and exc is not None:
            said = convention.answers(exc)
            if said is not None:
                measurement.set_metric_attribute(key, said)
        return said

    @property
    def exception_record(self) -> tuple[str, str]:
        """Name and severity of the log record of an exception."""
        convention = self.convention
        return error_policy.RECORD if convention is None else (convention.exception, convention.exception_severity)

    def metric_set(self, measurement: Measurement, error_type: str | None) -> dict[str, AttributeValue]:
        """The metric's attributes of a call that isn't a plain success."""
        guard = self.state.guard
        dynamic = measurement._metric or {}
        if not guard.admit(dynamic, error_type):
            dynamic = guard.collapse(dynamic)
        attributes = {**self._declared, **dynamic, **self._own}
        if error_type is not None:
            attributes["error.type"] = error_type
        return attributes

    def count(self, attributes: dict[str, AttributeValue], duration: float) -> None:
        """Count a call exactly, where durations are sampled."""
        self.state.add(self.success if attributes is self.metric_static else series(attributes), duration)
