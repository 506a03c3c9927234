"""One call of an operation, as far as it isn't plain: what is asked before its span starts and once it has, what became
of it, and where a failure without a recording span is recorded.
"""

from __future__ import annotations

from contextvars import Token
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, get_current_span

from telemetry_kit._core import active_span, ambient, clock, faults, late, observer, outcome, reentrancy
from telemetry_kit._core import context as _context
from telemetry_kit._core.active_span import ActiveSpan
from telemetry_kit._core.attributes import AttributeValue, plain_text
from telemetry_kit._core.attributes import span_attributes as bounded
from telemetry_kit._core.declared import INCOMING, OUTGOING
from telemetry_kit._core.outcome import CANCELLED
from telemetry_kit._core.span_attributes import put
from telemetry_kit._operation.entered import Entered
from telemetry_kit._wrapping.awaitables import NO_RESULT, Nothing
from telemetry_kit._wrapping.callables import asked
from telemetry_kit.conventions import HTTP_SERVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetry_kit._core.error_policy import ExceptionRecord
    from telemetry_kit._operation.definition import Definition
    from telemetry_kit.conventions import Convention

CURRENT_CALL = _context.CURRENT_CALL
set_current: Callable[[Any], Token[Any]] = _context.set_call
reset_current = _context.reset_call


class _ToBeMade(Nothing):
    """In a measurement's place, where one is made of a call before it ends, however plain that is."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def _is_running(self) -> bool:
        return True


_TO_BE_MADE = _ToBeMade()
DEFERRED = _ToBeMade()
"""Likewise, where the span could not be started."""


def _set_current_below_attributes(call: Any) -> Token[Any]:
    """`set_current` of the fast path once there are `context_attributes`: a metric that has some isn't the plain one."""
    try:
        given = ambient.within(None)
        if call is not None and given is not None and given.on_metric and call.made is None:
            call.made = _TO_BE_MADE
    except Exception as fault:
        faults.record("context_attributes", fault)
    return _context.set_call(call)


def _look_for_attributes() -> None:
    global set_current
    set_current = _set_current_below_attributes


ambient.at_first_use(_look_for_attributes)


def named_by(verdict: object) -> str | None:
    """The error that `error_if` names by what it says, None for a success."""
    if verdict is None or verdict is False:
        return None
    text = plain_text(verdict)  # a text of which nothing may be asked is one all the same
    return text or outcome.OTHER if text or (text is None and verdict) else None


_SIDE_BY_SIDE = [
    *("_operation", "_scope", "_current", "_watch", "_generation", "_state", "_own_span", "span", "_recording"),
    *("_start", "duration", "_metric", "_said", "_left", "_stepwise", "_suspended", "_plain", "_given", "_late"),
]
"""What Python is to keep of each call in places that it knows: it goes by the first ones that there are of a class."""


def _inside_another(entered: Entered) -> bool:
    """Whether another call is running around the one that has made this its own."""
    outer: Any = getattr(entered.token, "old_value", None)
    if outer.__class__ is reentrancy.Watch:
        outer = outer()
    return outer is not None and outer is not Token.MISSING and outer._is_running()


class OperationCall(ActiveSpan):
    """A call and what is known of it; `Measurement` is what its user sees."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        first = cls.__new__(cls)
        for attribute in _SIDE_BY_SIDE:
            setattr(first, attribute, None)

    # Defaults stand on the class: what a call doesn't touch costs it nothing.
    _plain = True
    _given: Mapping[str, object] | None = None
    _given_span: Mapping[str, object] | None = None
    _carrier: Any = None
    _given_links: Any = None
    _unseen = False  # a block that began where there was no SDK: it is only counted
    _state = 0  # 0 not begun, 1 running, 2 ended, 3 and left
    _again = 0  # blocks inside that entered it once more
    _watch: reentrancy.Watch | None = None
    _current: Entered  # pyright: ignore[reportIncompatibleVariableOverride] - made by nobody else
    _start = 0.0
    _metric: dict[str, AttributeValue] | None = None
    _asked: tuple[tuple[Any, ...], dict[str, Any]] | None = None  # what a callable for its attributes is given
    _said = False
    """Whether its user has said anything of its outcome or its metric attributes."""
    _failed: str | None = None
    _description: str | None = None
    _status: object = None

    def __init__(
        self,
        operation: Definition,
        metric_attributes: Mapping[str, object] | None = None,
        span_attributes: Mapping[str, object] | None = None,
        carrier: Any = None,
        links: Any = None,
    ) -> None:
        """A call of `operation`, with what is given to this call alone."""
        self._operation = operation
        self._scope = operation.scope
        if metric_attributes or span_attributes or carrier is not None or links is not None:
            self._given, self._given_span = metric_attributes, span_attributes
            self._carrier, self._given_links = carrier, links
            self._plain = False

    def _is_running(self) -> bool:
        """Whether it has begun and not ended."""
        return self._state == 1

    def __str__(self) -> str:
        return f"measure() of operation {self._called()!r}"

    def _lost(self, what: str, given: object) -> None:
        """It isn't running, which a test is told of, unless a task that outlives the call asked what is current."""
        current = CURRENT_CALL.get()
        if (current() if current.__class__ is reentrancy.Watch else current) is not self:
            when = "after the end" if self._state else "before the beginning"
            observer.current.lost(what, given, f"{when} of {self}")

    if TYPE_CHECKING:  # what `Measurement` adds, for its user

        def _called(self) -> str | None: ...
        def set_attributes(self, attributes: Mapping[str, object]) -> None: ...
        def set_metric_attribute(self, key: str, value: object) -> None: ...

    # Before its span starts, and once it has

    def _prepare(
        self,
        span_static: dict[str, AttributeValue] | None,
        args: tuple[Any, ...] | None,
        kwargs: dict[str, Any],
    ) -> dict[str, AttributeValue] | None:
        """Metric attributes, parent and links of a call, before its span starts; gives the span's attributes."""
        operation, given = self._operation, self._given
        options = operation.options
        if operation.metric_attributes is not None and args is not None:
            try:
                given = operation.metric_attributes(*args, **kwargs)
            except Exception as fault:
                faults.record("operation.metric_attributes", fault)
        attributes = span_static
        if given:
            try:
                self._metric, on_span = operation.state.guard.both(given)
                self._said = True
                status = None if operation.convention is None else operation.convention.status
                if status is not None and status in given:
                    self._status = given[status]
                attributes = {**(span_static or {}), **on_span}
            except Exception as fault:
                faults.record("operation.metric_attributes", fault)
        carrier, links = self._carrier, self._given_links
        if carrier is None:
            self._carrier = carrier = asked("operation.carrier", options.carrier, args, kwargs)
        if links is None:
            links = asked("operation.links", options.links, args, kwargs)
        incoming = operation.kind in INCOMING
        if options.public_endpoint or links is not None or (carrier is not None and incoming):
            with faults.guard("operation.carrier"):
                with late.late_import():
                    from telemetry_kit import propagation

                where, self._links = propagation.origin(
                    carrier if incoming else None, links, public=options.public_endpoint
                )
                if where is not None:
                    self._current.context = _context.own(where)
        return attributes

    def _enrich(
        self,
        attributes: dict[str, AttributeValue] | None,
        arguments: Callable[..., dict[str, AttributeValue]] | None,
        args: tuple[Any, ...] | None,
        kwargs: dict[str, Any],
    ) -> None:
        """What can only be done once the span has started: attributes that are costly, the context that leaves."""
        operation = self._operation
        try:
            if operation.span_mode == "current":
                span = get_current_span()
                if span.is_recording():
                    self.span = span
                    self._recording = True
                    if attributes:
                        put(span, attributes)
            if self._recording or operation.span_mode == "errors" or self._deferred is not None:
                if arguments is not None and args is not None:
                    self.set_attributes(arguments(args, kwargs))
                if operation.span_attributes is not None and args is not None:
                    if operation.span_mode == "errors":
                        self._asked = args, kwargs  # asked for if it fails
                    else:
                        self.set_attributes(operation.span_attributes(*args, **kwargs))
                if self._given_span:
                    self.set_attributes(self._given_span)
        except Exception as fault:
            faults.record("operation.span_attributes", fault)
        carrier = self._carrier
        if carrier is not None and operation.kind in OUTGOING:
            with faults.guard("operation.carrier"):
                with late.late_import():
                    from telemetry_kit import propagation

                propagation.inject(carrier, self._current.context)

    # What became of it

    def _classify(self, exc: BaseException | None, result: Any) -> str | None:
        """The `error.type` of a call, None where it is a success. What the user named goes first, then the status of
        the convention, then exception and result."""
        operation = self._operation
        try:
            if self._failed is not None:
                return self._failed
            error_type = None if exc is None else outcome.classify(exc, operation.expected, "operation.expected")
            convention = operation.convention
            if convention is None and operation.span_mode == "current":  # a server's span that somebody else made
                convention = HTTP_SERVER if getattr(self.span, "kind", None) is SpanKind.SERVER else None
            if error_type == outcome.CANCELLED:
                return error_type if convention is None or convention.cancellation else None
            if convention is not None:
                status = self._status_of(convention, exc)
                by_status = None if status is None else convention.error(status)
                if by_status is not None or (exc is not None and status is not None and convention.decides):
                    return by_status
            error_if = operation.options.error_if
            if error_type is None and error_if is not None and result is not NO_RESULT:
                return named_by(error_if(result))
        except Exception as fault:
            faults.record("operation.error_if", fault)
            return None if exc is None else outcome.OTHER
        return error_type

    def _status_of(self, convention: Convention, exc: BaseException | None) -> object:
        """The status that the user said, or that a raised answer has, which is then on metric and span too."""
        key = convention.status
        if key is None:
            return None
        said = self._status
        if said is None:
            said = (self._metric or {}).get(key)
        if said is None and exc is not None:
            said = convention.answers(exc)
            if said is not None:
                self.set_metric_attribute(key, said)
        return said

    def _exception_record(self) -> ExceptionRecord:
        return self._operation.exception_record

    # A failure without a recording span: inside of the section that ends the call

    def _record_without_span(self, error_type: str, exc: BaseException | None) -> None:
        """Record an error in detail, where a place for it is wanted. Where none is, it is left to an outer self."""
        if error_type == CANCELLED:
            return
        operation = self._operation
        scope, errors = operation.scope, operation.scope.errors
        makes_span = operation.span_mode == "errors"
        if exc is None:
            if (
                makes_span
                and errors.admit_failure(scope=scope, operation=operation.name, error_type=error_type) is not None
            ):
                description = self._description
                self._back_date(error_type, None if description is None else errors.clean(description))
            return
        if not makes_span and errors.where() == "span":
            return
        suppressed = errors.admit(
            exc,
            scope=scope,
            operation=operation.name,
            error_type=error_type,
            wanted=makes_span,
            outermost=not _inside_another(self._current),
        )
        if suppressed is None:
            return
        attributes = errors.describe(exc, error_type, suppressed)
        if makes_span:
            self._back_date(error_type, str(attributes.get("exception.message", "")))
        errors.emit(self.span, scope, attributes, record=operation.exception_record)

    def _back_date(self, error_type: str, description: str | None) -> None:
        """Make the span that nobody would have needed without the failure."""
        operation = self._operation
        attributes = {**(self._static or {}), **(self._late or {})}
        if self._asked is not None and operation.span_attributes is not None:
            args, kwargs = self._asked
            with faults.guard("operation.span_attributes"):
                attributes = {**bounded(operation.span_attributes(*args, **kwargs)), **attributes}
        began = clock.time_ns() - int((self.duration or 0.0) * 1e9)
        self._start_span(operation.name, operation.kind, attributes, began)
        if self._own_span:
            active_span.mark(self.span, error_type, description)
