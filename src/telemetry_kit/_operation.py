"""RED: what an operation is, checked when it is defined, and what makes its measurements.

`Operation` holds what the user said; `_OperationState` what all operations of one name in one `Telemetry` share (how
many run, which values their attributes have had), so that making operations on the fly can't explode anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from opentelemetry.trace import SpanKind, get_current_span

from telemetry_kit import _calls, _context, _counts, _faults, _lean, _outcome, _sdk
from telemetry_kit._attributes import AttributeValue, span_attributes as bounded
from telemetry_kit._instruments import Reading, Series, series
from telemetry_kit._limits import NAMES, Distinct, ValueGuard
from telemetry_kit._measurement import OWN_KEYS, Measurement
from telemetry_kit.conventions import Convention

if TYPE_CHECKING:
    from telemetry_kit._scope import Scope

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")

SpanMode = bool | Literal["current", "errors"]
Attributes = Mapping[str, object] | Callable[..., Mapping[str, object]] | None
Expected = type[BaseException] | Iterable[type[BaseException]] | Callable[[BaseException], object]
ErrorIf = Callable[[Any], "bool | str | None"]
Arguments = Mapping[str, str] | Iterable[str] | str

NO_RESULT: Any = _calls.NO_RESULT
_INCOMING = (SpanKind.SERVER, SpanKind.CONSUMER)
_OUTGOING = (SpanKind.CLIENT, SpanKind.PRODUCER)
_random = random.Random()  # noqa: S311 - our own, so that a host's seeded sequence stays as it is
_counts.after_fork(_random.seed)


class _OperationState:
    """What the operations of one name share: it lives as long as their `Telemetry`, so that counts never go back."""

    __slots__ = ("__weakref__", "_guard", "active", "name", "running", "sampled")

    def __init__(self, scope: Scope, name: str) -> None:
        self.name = name
        self.running = _lean.Calls()
        self.active: Series | None = None
        self.sampled = False
        self._guard: ValueGuard | None = None

    @property
    def guard(self) -> ValueGuard:
        """Which attribute values there have been. Made when the first comes."""
        if self._guard is None:
            self._guard = ValueGuard()
        return self._guard

    def observe_active(self, scope: Scope, metric: str, attributes: dict[str, AttributeValue]) -> None:
        if self.active is None:
            self.active = series(attributes)
            scope.instruments.observe(metric, self, _read_active)

    def observe_sampled(self, scope: Scope) -> None:
        if not self.sampled:
            self.sampled = True
            scope.instruments.observe("operation.calls", self, _read_calls)
            scope.instruments.observe("operation.time", self, _read_time)


class Operation:
    """Something that a library or service does: a decorator, and the maker of measurements.

    Made by `Telemetry.operation`. It can decorate many functions and be used from many threads.
    """

    def __init__(
        self,
        scope: Scope,
        name: str | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        span: SpanMode = True,
        metric_attributes: Attributes = None,
        span_attributes: Attributes = None,
        arguments: Arguments | None = None,
        carrier: Any = None,
        links: Any = None,
        public_endpoint: bool = False,
        expected: Expected = (),
        error_if: ErrorIf | None = None,
        convention: Convention | None = None,
        sample_durations: float = 1.0,
    ) -> None:
        given = {key: value for key, value in locals().items() if key not in ("self", "scope", "name", "__class__")}
        self._given = given
        self.scope = scope
        self._named = name is not None
        what = f"operation {name!r}" if name is not None else "an operation"
        if name is not None and not isinstance(name, str):
            msg = f"an operation's name is a str, and got {name!r:.100} of type {type(name).__name__}"
            raise TypeError(msg)
        if name == "":
            msg = "an operation's name can't be empty: leave it out to name it after the decorated function"
            raise ValueError(msg)
        self.name: str = name if name is not None else "unnamed"
        self.convention = convention
        self.kind = _check_kind(what, kind, convention)
        self.span_mode = _check_span(what, span)
        _check_rules(what, self.kind, given)
        self._expected = _check_expected(what, expected)
        self._error_if = error_if
        self._metric_attributes = metric_attributes if callable(metric_attributes) else None
        self._span_attributes = span_attributes if callable(span_attributes) else None
        self._carrier, self._links, self._public = carrier, links, public_endpoint
        self.plain = (
            self._metric_attributes is None
            and self._span_attributes is None
            and carrier is None
            and links is None
            and not public_endpoint
            and span != "current"
        )
        self.judges = error_if is not None or convention is not None
        self.sample: Callable[[], bool] | None = None
        if sample_durations < 1.0:
            self.sample = (lambda: _random.random() < sample_durations) if sample_durations > 0 else (lambda: False)
        self.gap = _lean.gaps(sample_durations, _random)
        self.sampled = sample_durations < 1.0
        if self._named:
            self._enter_state(metric_attributes, span_attributes)

    def _enter_state(self, metric_attributes: Attributes, span_attributes: Attributes) -> None:
        scope, convention = self.scope, self.convention
        names = scope.shared.setdefault("operation.names", Distinct(NAMES))
        name = names(self.name)
        if name != self.name:
            _faults.record("operation.name", ValueError(f"more than {NAMES} operation names, {self.name!r:.100} came last"))
        key = ("operation", name, None if convention is None else convention.name)
        state = scope.shared.get(key)
        if state is None:
            state = scope.shared.setdefault(key, _OperationState(scope, name))
        self.state: _OperationState = state
        declared: dict[str, AttributeValue] = {}
        if isinstance(metric_attributes, Mapping) and metric_attributes:
            declared = state.guard.attributes(metric_attributes)
            if not state.guard.admit(declared, None):
                declared = state.guard.collapse(declared)
        for own in OWN_KEYS & declared.keys():
            del declared[own]
        span_declared = bounded(span_attributes) if isinstance(span_attributes, Mapping) else {}
        if convention is None:
            self._own: dict[str, AttributeValue] = {"operation.name": name, "scope.name": scope.name}
            self._declared = declared
            metric, active, active_attributes = "operation.duration", "operation.active", dict(self._own)
        else:
            self._own = {}
            self._declared = {**convention.defaults, **declared}
            metric, active = convention.duration, convention.active or ""
            active_attributes = {key: declared[key] for key in convention.active_attributes if key in declared}
        self.metric_static: dict[str, AttributeValue] = {**self._declared, **self._own}
        self.span_static: dict[str, AttributeValue] = {
            key: value for key, value in {**self._declared, **span_declared}.items() if key not in OWN_KEYS
        }
        self.histogram = scope.instruments.histogram(metric)
        if active:
            state.observe_active(scope, active, active_attributes)
        if self.sampled:
            state.observe_sampled(scope)
            self.success = series(self.metric_static)

        self.bound = _lean.Bound(self)

    def __repr__(self) -> str:
        return f"<Operation {self.name!r} of {self.scope.name!r}>"

    def __call__(self, func: F, /) -> F:
        """Decorate `func`, which may be any kind of callable: each call is measured, its signature stays.

        Raises TypeError for what can't be decorated (a class, a property), for a parameter name in `arguments` that
        `func` doesn't have, and for a callable option that can't take `func`'s arguments.
        """
        _calls.check(func, f"operation {self.name!r}")
        if isinstance(func, (classmethod, staticmethod)):
            return cast("F", type(func)(self(func.__func__)))
        operation = self if self._named else self._named_as(_calls.name_of(func))
        decorated = Decorated(operation, func)
        if operation.scope.disabled:
            return func
        if _lean.fits(operation, func, decorated.arguments):
            return cast("F", _calls.disguise(_lean.closure(cast("Any", func), operation, decorated), func))
        return cast("F", _calls.decorate(cast("Any", func), decorated))

    def _named_as(self, name: str) -> Operation:
        return Operation(self.scope, name, **self._given)

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
        if not self._named:
            _faults.record("operation.name", ValueError("measure() of an operation without a name: give it one"))
            return self._named_as("unnamed").measure(
                metric_attributes=metric_attributes, span_attributes=span_attributes, carrier=carrier, links=links
            )
        if carrier is not None and self.kind is SpanKind.INTERNAL:
            _faults.record("operation.carrier", ValueError(f"operation {self.name!r} takes no carrier: it is INTERNAL"))
            carrier = None
        measurement = Measurement(self)
        if metric_attributes or span_attributes or carrier is not None or links is not None:
            measurement._given = metric_attributes
            measurement._given_span = span_attributes
            measurement._carrier = carrier
            measurement._links = links
            measurement._plain = False
        return measurement

    # What a measurement asks of its operation, where it isn't plain

    def prepare(
        self,
        measurement: Measurement,
        span_static: dict[str, AttributeValue] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> dict[str, AttributeValue] | None:
        """Metric attributes, parent and links of a call, before its span starts; gives the span's attributes."""
        given = measurement._given
        if self._metric_attributes is not None:
            try:
                made = self._metric_attributes(*args, **kwargs) if given is None else given
                given = cast("Mapping[str, object]", made)
            except Exception as fault:  # noqa: BLE001
                _faults.record("operation.metric_attributes", fault)
        attributes = span_static
        if given:
            try:
                guarded = self.state.guard.attributes(given)
                for own in OWN_KEYS & guarded.keys():
                    del guarded[own]
                measurement._metric = guarded
                status = None if self.convention is None else self.convention.status
                if status is not None and status in given:
                    measurement._status = given[status]
                attributes = {**(span_static or {}), **{k: v for k, v in bounded(given).items() if k not in OWN_KEYS}}
            except Exception as fault:  # noqa: BLE001
                _faults.record("operation.metric_attributes", fault)
        carrier = self._evaluate("operation.carrier", measurement._carrier, self._carrier, args, kwargs)
        links = self._evaluate("operation.links", measurement._links, self._links, args, kwargs)
        measurement._carrier, measurement._links = carrier, None
        incoming = self.kind in _INCOMING
        if self._public or links is not None or (carrier is not None and incoming):
            self._continue(measurement, carrier if incoming else None, links)
        return attributes

    @staticmethod
    def _evaluate(site: str, given: Any, declared: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if given is not None or declared is None:
            return given
        if not callable(declared):
            return declared
        try:
            return declared(*args, **kwargs)
        except Exception as fault:  # noqa: BLE001
            _faults.record(site, fault)
            return None

    def _continue(self, measurement: Measurement, carrier: Any, links: Any) -> None:
        from telemetry_kit import propagation  # noqa: PLC0415

        try:
            linked = [] if links is None else propagation.links_to(links)
            if self._public:
                measurement._context, incoming = propagation.extract_public(carrier)
                linked = [*incoming, *linked]
            elif carrier is not None:
                measurement._context = propagation.extract(carrier)
            measurement._links = linked or None
        except Exception as fault:  # noqa: BLE001
            _faults.record("operation.carrier", fault)

    def enrich(
        self,
        measurement: Measurement,
        attributes: dict[str, AttributeValue] | None,
        arguments: Callable[..., dict[str, AttributeValue]] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """What can only be done once the span has started: attributes that are costly, the context that leaves."""
        try:
            if self.span_mode == "current":
                span = get_current_span()
                if span.is_recording():
                    measurement.span = span
                    measurement._recording = True
                    span.set_attributes(attributes or {})
            elif measurement._attached is None and measurement._context is not None:
                measurement._attached = _context.attach(measurement._context)
            late = self.span_mode == "errors"
            if measurement._recording or late:
                if arguments is not None:
                    measurement.set_attributes(arguments(args, kwargs))
                if self._span_attributes is not None and measurement._recording:
                    measurement.set_attributes(self._span_attributes(*args, **kwargs))
                if measurement._given_span:
                    measurement.set_attributes(measurement._given_span)
        except Exception as fault:  # noqa: BLE001
            _faults.record("operation.span_attributes", fault)
        carrier = measurement._carrier
        if carrier is not None and self.kind in _OUTGOING:
            from telemetry_kit import propagation  # noqa: PLC0415

            try:
                propagation.inject(carrier, measurement._context)
            except Exception as fault:  # noqa: BLE001
                _faults.record("operation.carrier", fault)

    def judge(self, measurement: Measurement, exc: BaseException | None, result: Any) -> str | None:
        """The `error.type` of a call, None where it is a success. What the user named goes first, then the status of
        the convention, then exception and result."""
        try:
            if measurement._failed is not None:
                return measurement._failed
            error_type = None if exc is None else _outcome.error_type(exc)
            if exc is not None and error_type is not None and self._is_expected(exc):
                error_type = exc = None
            convention, status = self.convention, measurement._status
            if convention is not None and status is not None and error_type != _outcome.CANCELLED:
                by_status = convention.error(status)
                if by_status is not None:
                    return by_status
            if error_type is None and self._error_if is not None and result is not NO_RESULT:
                verdict = self._error_if(result)
                if verdict:
                    return verdict if isinstance(verdict, str) else _outcome.OTHER
        except Exception as fault:  # noqa: BLE001
            _faults.record("operation.error_if", fault)
            return None if exc is None else _outcome.OTHER
        return error_type

    def _is_expected(self, exc: BaseException) -> bool:
        expected = self._expected
        if expected is None:
            return False
        if isinstance(expected, tuple):
            return isinstance(exc, expected)
        try:
            return bool(expected(exc))
        except Exception as fault:  # noqa: BLE001
            _faults.record("operation.expected", fault)
            return False

    def metric_set(self, measurement: Measurement, error_type: str | None) -> dict[str, AttributeValue]:
        """The metric's attributes of a call that isn't a plain success."""
        guard = self.state.guard
        dynamic = measurement._metric or {}
        if error_type is not None:
            error_type = guard.error_type(error_type)
        if not guard.admit(dynamic, error_type):
            dynamic = guard.collapse(dynamic)
        attributes = {**self._declared, **dynamic, **self._own}
        if error_type is not None:
            attributes["error.type"] = error_type
        return attributes

    def count(self, attributes: dict[str, AttributeValue], duration: float) -> None:
        """Count a call exactly, where durations are sampled."""
        self.state.running.add(self.success if attributes is self.metric_static else series(attributes), duration)


class Decorated:
    """An operation on one function: `Calls` for `_calls`."""

    __slots__ = ("arguments", "idle", "operation", "running", "span_static", "stepwise")

    def __init__(self, operation: Operation, func: Any) -> None:
        given = operation._given
        for option in ("metric_attributes", "span_attributes", "carrier", "links"):
            if callable(given[option]):
                _calls.check_takes(given[option], func, f"{option} of operation {operation.name!r}")
        self.operation = operation
        self.running = operation.state.running
        self.arguments: Callable[..., dict[str, AttributeValue]] | None = None
        if given["arguments"] is not None:
            from telemetry_kit._arguments import compile_arguments  # noqa: PLC0415

            self.arguments = compile_arguments(func, given["arguments"])
        self.span_static = operation.span_static
        if operation.span_mode in (True, "errors"):
            self.span_static = {**operation.span_static, "code.function.name": _calls.full_name_of(func)}
        self.stepwise = _calls.kind_of(func) in ("generator", "async_generator")
        always = operation.sampled or operation._carrier is not None or not operation.scope.by_globals
        self.idle: Callable[[], bool] = _never if always else _sdk.absent

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Measurement:
        measurement = Measurement(self.operation)
        measurement._begin(self.span_static, self.arguments, args, kwargs)
        if self.stepwise:
            measurement._busy = 0.0
        return measurement


def _never() -> bool:
    return False


def _read_active(state: _OperationState) -> Reading:
    if state.active is not None:
        yield state.active, state.running.total()


def _read_calls(state: _OperationState) -> Reading:
    for of, (calls, _) in state.running.ended().items():
        yield of, calls


def _read_time(state: _OperationState) -> Reading:
    for of, (_, seconds) in state.running.ended().items():
        yield of, seconds


def _check_kind(what: str, kind: object, convention: object) -> SpanKind:
    if not isinstance(kind, SpanKind):
        msg = f"kind of {what} is an opentelemetry.trace.SpanKind, and got {kind!r:.100}"
        raise TypeError(msg)
    if convention is None:
        return kind
    if not isinstance(convention, Convention):
        msg = f"convention of {what} is one of telemetry_kit.conventions, and got {convention!r:.100}"
        raise TypeError(msg)
    if kind not in (SpanKind.INTERNAL, convention.kind):
        msg = f"{what} has kind {kind.name}, but {convention.name} is for {convention.kind.name}: leave kind out"
        raise ValueError(msg)
    return convention.kind


def _check_span(what: str, span: object) -> SpanMode:
    if not (isinstance(span, bool) or span in ("current", "errors")):
        msg = f'span of {what} is True, False, "current" or "errors", and got {span!r:.100}'
        raise ValueError(msg)
    return cast("SpanMode", span)


def _check_expected(what: str, expected: Any) -> tuple[type[BaseException], ...] | Callable[[Any], object] | None:
    if isinstance(expected, type):
        expected = (expected,)
    if callable(expected):
        return cast("Callable[[Any], object]", expected)
    try:
        kinds = tuple(expected)
    except TypeError:
        kinds = (expected,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            msg = f"expected of {what} is exception types or a callable, and got {kind!r:.100}"
            raise TypeError(msg)
    return kinds or None


def _check_rules(what: str, kind: SpanKind, given: dict[str, Any]) -> None:
    for option in ("metric_attributes", "span_attributes"):
        value = given[option]
        if value is not None and not isinstance(value, Mapping) and not callable(value):
            msg = f"{option} of {what} is a mapping or a callable that returns one, and got {value!r:.100}"
            raise TypeError(msg)
    if given["error_if"] is not None and not callable(given["error_if"]):
        msg = f"error_if of {what} is a callable given the result, and got {given['error_if']!r:.100}"
        raise TypeError(msg)
    if given["carrier"] is not None and kind is SpanKind.INTERNAL:
        msg = (
            f"{what} has a carrier but is INTERNAL: give kind=SpanKind.SERVER or CONSUMER to extract from it, "
            "CLIENT or PRODUCER to inject into it"
        )
        raise ValueError(msg)
    if given["public_endpoint"] and kind not in _INCOMING:
        msg = f"{what} is a public_endpoint but {kind.name}: only SERVER and CONSUMER have incoming context"
        raise ValueError(msg)
    share = given["sample_durations"]
    if isinstance(share, bool) or not isinstance(share, (int, float)):
        msg = f"sample_durations of {what} is a number from 0.0 to 1.0, and got {share!r:.100}"
        raise TypeError(msg)
    if not 0.0 <= share <= 1.0:
        msg = f"sample_durations of {what} is from 0.0 to 1.0, and got {share!r}"
        raise ValueError(msg)
    if share < 1.0 and given["convention"] is not None:
        msg = f"{what} has a convention, which needs every duration: leave sample_durations={share!r} out"
        raise ValueError(msg)
