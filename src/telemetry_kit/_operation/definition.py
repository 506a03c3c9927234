"""What an operation is, once its options were checked: read by each of its calls, and by nobody outside.

What all operations of one name share stands in `state`; `Operation` is what a user has of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.trace import SpanKind

from telemetry_kit._core import ambient, error_policy, sdk
from telemetry_kit._core.attributes import OWN_KEYS, AttributeValue, plain_text
from telemetry_kit._core.attributes import span_attributes as bounded
from telemetry_kit._core.instruments import series
from telemetry_kit._core.outcome import CheckedExpected
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._operation import sampling
from telemetry_kit._operation.objective import ObjectiveCounts, check_objectives
from telemetry_kit._operation.options import OperationOptions, SpanMode, called
from telemetry_kit._operation.state import OperationState, SampledCalls, observe_active, observe_sampled, state_of
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from telemetry_kit._core.instruments import Histogram
    from telemetry_kit._core.scope import Scope
    from telemetry_kit._wrapping.arguments import Attributes
    from telemetry_kit.conventions import Convention


_NO_ATTRIBUTES: dict[str, AttributeValue] = {}
_NOT_YET: Any = object()


class Definition(ByRecipe):
    """An operation's options, made ready for its calls, and what the providers of now have for it."""

    __slots__ = (
        "__weakref__",
        "convention",
        "declared",
        "exception_record",
        "expected",
        "gap",
        "histogram",
        "idle",
        "judges",
        "kind",
        "metric_attributes",
        "metric_static",
        "name",
        "named",
        "objectives",
        "options",
        "own",
        "plain",
        "record",
        "sampled",
        "scope",
        "seen_metrics",
        "seen_override",
        "seen_traces",
        "span_attributes",
        "span_mode",
        "span_static",
        "start_span",
        "state",
        "success",
    )

    def __init__(self, scope: Scope, name: str | None = None, options: OperationOptions | None = None) -> None:
        what = called(name)
        given = OperationOptions() if options is None else options
        self.scope: Scope = scope
        self.name: str = plain_text(name) or "unnamed"
        self.options: OperationOptions = given
        self.named: bool = name is not None
        self.convention: Convention | None = given.convention
        self.kind: SpanKind
        self.expected: CheckedExpected | None
        self.kind, self.expected = given.check(what)
        self.exception_record: error_policy.ExceptionRecord = error_policy.EXCEPTION_RECORD
        if given.convention is not None:
            self.exception_record = given.convention.exception, given.convention.exception_severity
        self.span_mode: SpanMode = given.span
        self.metric_attributes: Callable[..., Any] | None = _if_asked(given.metric_attributes)
        self.span_attributes: Callable[..., Any] | None = _if_asked(given.span_attributes)
        self.plain: bool = (
            self.metric_attributes is None
            and self.span_attributes is None
            and given.carrier is None
            and given.links is None
            and not given.public_endpoint
            and given.span != "current"
        )
        self.judges: bool = given.error_if is not None or given.convention is not None or given.span == "current"
        self.sampled: bool = given.sample_durations < 1.0
        self.gap: Callable[[], float] = sampling.gaps(given.sample_durations)
        self.objectives: ObjectiveCounts | None = None
        if name is not None:
            self._enter_state(given.metric_attributes, given.span_attributes)
            objectives = check_objectives(what, given.objective)
            if objectives:
                self.objectives = ObjectiveCounts(scope, self.state, objectives)
                self._bind_later()

    def _recipe(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        return Definition, (self.scope, self.name if self.named else None, self.options), {}

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
        self.own: dict[str, AttributeValue] = {keys.OPERATION_NAME: state.name, keys.SCOPE_NAME: scope.label}
        metric, active, observed = "operation.duration", "operation.active", self.own
        if convention is not None:
            self.own = _NO_ATTRIBUTES
            metric, active = convention.duration, convention.active or ""
            observed = {key: declared[key] for key in convention.active_attributes if key in declared}
            declared = {**convention.defaults, **declared}
        self.declared: dict[str, AttributeValue] = declared
        self.metric_static: dict[str, AttributeValue] = {**declared, **self.own} if declared else self.own
        self.span_static: dict[str, AttributeValue] = _NO_ATTRIBUTES
        defaults = _NO_ATTRIBUTES if convention is None else convention.defaults
        if defaults or on_span or span_declared:
            merged = {**defaults, **on_span, **span_declared}
            self.span_static = {key: value for key, value in merged.items() if key not in OWN_KEYS}
        self.histogram: Histogram = scope.instruments.histogram(metric)
        if active:
            observe_active(scope, state, active, observed)
        self.success: SampledCalls | None = None
        if self.sampled:
            observe_sampled(scope, state)
            self.success = state.calls(series(self.metric_static))
        self._bind_later()

    def _bind_later(self) -> None:
        """Have the first call bind, which says that there was one."""
        called = self.state.called
        self.bind()
        self.state.called = called
        self.seen_traces: Any = _NOT_YET
        self.seen_metrics: Any = _NOT_YET

    def bind(self) -> None:
        """Take what the providers of now have. The fast path looks at the API's globals itself (see `_core.sdk`), and only
        asks whether they still are those of the last time."""
        self.state.called = True
        self.seen_traces, self.seen_metrics = sdk.of_host()
        self.seen_override: Any = sdk.override
        tracer = self.scope.tracer() if self.span_mode is True else None
        self.start_span: Callable[..., Any] | None = None if tracer is None else tracer.start_span
        self.record: Callable[..., None] | None = self.histogram.recorder()
        unseen = self.start_span is None and self.record is None and not (self.sampled or self.objectives)
        self.idle: bool = unseen and self.scope.errors.where() == "span"  # a host may have an SDK for logs alone

    def samples(self) -> bool:
        """Whether, where durations are sampled, that of a call that isn't on the fast path is among those recorded."""
        return self.gap() < 1

    def metric_set(
        self, dynamic: dict[str, AttributeValue] | None, error_type: str | None, context: Context | None = None
    ) -> dict[str, AttributeValue]:
        """The metric's attributes of a call that isn't a plain success, made in `context`."""
        guard = self.state.guard
        dynamic = dynamic or {}
        if ambient.used:
            dynamic = {**ambient.for_metric(self.declared, guard, context), **dynamic}
        if not guard.admit(dynamic, error_type):
            dynamic = guard.collapse(dynamic)
        attributes = {**self.declared, **dynamic, **self.own}
        if error_type is not None:
            attributes[keys.ERROR_TYPE] = error_type
        return attributes

    def count(self, attributes: dict[str, AttributeValue], duration: float) -> None:
        """Count a call exactly, where durations are sampled."""
        success = self.success if attributes is self.metric_static else None
        (success or self.state.calls(series(attributes))).add(duration)


def _if_asked(attributes: Attributes) -> Callable[..., Any] | None:
    """What is asked at each call."""
    return attributes if callable(attributes) else None


class Decorated(Protocol):
    """A decorated function, as far as its calls know it."""

    operation: Definition
    span_static: dict[str, AttributeValue]
    arguments: Callable[..., dict[str, AttributeValue]] | None
    stepwise: bool
