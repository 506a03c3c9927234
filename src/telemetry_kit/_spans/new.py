"""Spans without metrics: a decorator and a context manager in one, so that a function and a block are told alike.

What is only to be added to a span that is there already, such as a framework's, is `_current_span`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, set_span_in_context

from telemetry_kit._core import clock, counters, faults, outcome, reentrancy
from telemetry_kit._core import context as _context
from telemetry_kit._core.attributes import AttributeValue, span_attributes
from telemetry_kit._spans.current import Arguments, Attributes, check_attributes, own_taken, put
from telemetry_kit._wrapping import awaitables, callables, drivers
from telemetry_kit._wrapping.arguments import compile_arguments

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from telemetry_kit._core.scope import Scope

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")

_INCOMING = (SpanKind.SERVER, SpanKind.CONSUMER)
_OUTGOING = (SpanKind.CLIENT, SpanKind.PRODUCER)
_ENTERED: ContextVar[tuple[_Call, ...]] = ContextVar("telemetry_kit.spans", default=())
"""Spans that `with` blocks have begun here: one `NewSpan` can head several at a time."""


class NewSpan:
    """What `Telemetry.span` gives: decorates any callable, or heads a `with` block that gives the OpenTelemetry span.

    It can do either many times, in many threads and tasks at once.
    """

    def __init__(
        self,
        scope: Scope,
        name: str | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        arguments: Arguments | None = None,
        carrier: Any = None,
        links: Any = None,
        expected: outcome.Expected = (),
    ) -> None:
        what = "a span" if name is None else f"span {name!r:.100}"
        if name is not None and (not isinstance(name, str) or not name):
            raise TypeError(f"a span's name is a str that isn't empty, and got {name!r:.100}; left out, the function's")
        if not isinstance(kind, SpanKind):
            raise TypeError(f"kind of {what} is an opentelemetry.trace.SpanKind, and got {kind!r:.100}")
        if carrier is not None and kind is SpanKind.INTERNAL:
            raise ValueError(
                f"{what} has a carrier but is INTERNAL: give kind=SpanKind.SERVER or CONSUMER to extract from it, "
                "CLIENT or PRODUCER to inject into it"
            )
        check_attributes(what, attributes)
        self.scope = scope
        self.name = name
        self.kind = kind
        self.links = links
        self.carrier = carrier
        self.expected: outcome.CheckedExpected | None = outcome.check_expected(what, expected)
        self.attributes: Callable[..., Mapping[str, object]] | None = attributes if callable(attributes) else None
        self.static: dict[str, AttributeValue] = (
            {} if attributes is None or callable(attributes) else own_taken(span_attributes(attributes))
        )
        self._arguments = arguments

    def __call__(self, func: F, /) -> F:
        """Decorate `func`, which may be any kind of callable.

        Raises TypeError for what can't be decorated, for names in `arguments` that aren't its parameters, and for
        callable options that can't take its arguments.
        """
        what = "a span" if self.name is None else f"span {self.name!r:.100}"
        callables.check(func, what)
        if isinstance(func, (classmethod, staticmethod)):
            return cast("F", type(func)(self(func.__func__)))
        for option, value in (("attributes", self.attributes), ("carrier", self.carrier), ("links", self.links)):
            if callable(value):
                callables.check_takes(value, func, f"{option} of {what}")
        calls = _SpanCalls(self, func, self._arguments)
        if self.scope.disabled:
            return func
        return cast("F", drivers.decorate(cast("Any", func), calls))

    def __enter__(self) -> Span:
        call = _Call(self, self.name or "span", self.static)
        _ENTERED.set((*_ENTERED.get(), call))
        call.begin(None, (), {})
        return call.span

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        entered = _ENTERED.get()
        for call in reversed(entered):
            if call.of is self:
                _ENTERED.set(tuple(other for other in entered if other is not call))
                call.end(exc)
                return


class _SpanCalls:
    """A span on one function: `Calls` for `_calls`."""

    def __init__(self, of: NewSpan, func: Any, arguments: Arguments | None) -> None:
        self._of = of
        self._name = of.name or callables.name_of(func)
        self._static = {**of.static, "code.function.name": callables.full_name_of(func)}
        self._arguments = None if arguments is None else compile_arguments(func, arguments)
        self._stepwise = callables.kind_of(func) in ("generator", "async_generator")
        self.running = counters.Running()

    def idle(self) -> bool:
        return self._of.carrier is None and self._of.scope.tracer() is None

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> awaitables.Call:
        call = _Call(self._of, self._name, self._static)
        if self._stepwise:
            call.busy = 0.0
        call.begin(self._arguments, args, kwargs)
        return call


class _Call:
    """One span from its start to its end. Nothing here raises an `Exception`."""

    span: Span = INVALID_SPAN
    busy: float | None = None
    """Of a generator: seconds in which its body has worked."""

    def __init__(self, of: NewSpan, name: str, static: dict[str, AttributeValue]) -> None:
        self.of = of
        self._name = name
        self._static = static
        self._context: Context | None = None
        self._attached: Any = None
        self._links: Any = None
        self._running = True
        self._deferred: int | None = None
        self._generation = counters.fork.generation
        self._resumed = 0.0

    def begin(
        self,
        arguments: Callable[[tuple[Any, ...], dict[str, Any]], dict[str, AttributeValue]] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        if reentrancy.waiting:
            reentrancy.drain()
        of = self.of
        carrier = None if of.carrier is None else _evaluate("span.carrier", of.carrier, args, kwargs)
        links = None if of.links is None else _evaluate("span.links", of.links, args, kwargs)
        if links is not None or (carrier is not None and of.kind in _INCOMING):
            self._continue(carrier if of.kind in _INCOMING else None, links)
        self._start()
        span = self.span
        if span.is_recording():
            with faults.guard("span.attributes"):
                found: dict[str, AttributeValue] = {}
                if arguments is not None:
                    found.update(arguments(args, kwargs))
                if of.attributes is not None:
                    found.update(span_attributes(of.attributes(*args, **kwargs)))
                put(span, found)
        if carrier is not None and of.kind in _OUTGOING:
            with faults.guard("span.carrier"):
                from telemetry_kit import propagation

                propagation.inject(carrier, self._context)
        self._resumed = clock.perf_counter()

    def _continue(self, carrier: Any, links: Any) -> None:
        with faults.guard("span.carrier"):
            from telemetry_kit import propagation

            if links is not None:
                self._links = propagation.links_to(links)
            if carrier is not None:
                self._context = propagation.extract(carrier)
                self._attached = _context.attach(self._context)

    def _start(self) -> None:
        tracer = self.of.scope.tracer()
        if tracer is None:
            return
        here = reentrancy.here.state
        if here.busy:
            self._deferred = clock.time_ns()
            return
        here.busy = True
        try:
            self.span = tracer.start_span(self._name, self._context, self.of.kind, self._static, self._links)
            if self._attached is not None:
                _context.detach(self._attached)
            self._context = set_span_in_context(self.span, self._context)
            self._attached = _context.attach(self._context)
        except Exception as fault:
            faults.record("trace.start_span", fault)
        finally:
            here.busy = False

    def pause(self) -> None:
        """A generator has yielded: for its consumer this span isn't current."""
        self._leave()
        if self.busy is not None:
            self.busy += clock.perf_counter() - self._resumed

    def go_on(self) -> None:
        """The body goes on."""
        self._resumed = clock.perf_counter()
        if self._context is not None:
            self._attached = _context.attach(self._context)

    def drop(self) -> None:
        """Nobody will ever end it: its span is never told."""
        self._running = False

    def _leave(self) -> None:
        token, self._attached = self._attached, None
        if token is not None:
            try:
                _context.detach(token)
            except Exception:  # ended in another context than it began in: nothing to put back there
                pass

    def end(self, exc: BaseException | None, result: Any = awaitables.NO_RESULT) -> None:
        """End the span, once, with what became of the call."""
        if not self._running:
            return
        self._running = False
        try:
            if self._generation is not counters.fork.generation:
                return  # began in the parent of this process, which ends it
            error_type = None if exc is None else outcome.classify(exc, self.of.expected, "span.expected")
            here = reentrancy.here.state
            if here.busy or self._deferred is not None:
                self._end_later(error_type)
                return
            here.busy = True
            try:
                span, scope = self.span, self.of.scope
                if span.is_recording():
                    if exc is not None and error_type is not None:
                        scope.errors.record(span, scope, exc, operation=self._name, error_type=error_type)
                    if self.busy is not None:
                        span.set_attribute("operation.busy_time", self.busy)
                self._leave()
                span.end()
            except Exception as fault:
                faults.record("span.end", fault)
            finally:
                here.busy = False
        finally:
            self._leave()

    def _end_later(self, error_type: str | None) -> None:
        """End at the next safe point what ended in a finaliser, in a signal handler or inside of the SDK."""
        ended = clock.time_ns()
        context = self._context if self._context is not None else _context.get_current()

        def end() -> None:
            if self._generation is not counters.fork.generation:
                return
            span = self.span
            if self._deferred is not None:
                tracer = self.of.scope.tracer()
                if tracer is None:
                    return
                kind = self.of.kind
                span = tracer.start_span(self._name, context, kind, self._static, self._links, self._deferred)
            if error_type is not None:
                self.of.scope.errors.mark(span, error_type)
            if self.busy is not None:
                span.set_attribute("operation.busy_time", self.busy)
            span.end(ended)

        reentrancy.later(end)


def _evaluate(site: str, given: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not callable(given):
        return given
    with faults.guard(site):
        return given(*args, **kwargs)
    return None
