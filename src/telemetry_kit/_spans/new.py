"""Spans without metrics: a decorator and a context manager in one, so that a function and a block are recorded alike.

What is only to be added to a span that is there already, such as a framework's, is `_spans/current`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.trace import Span, SpanKind

from telemetry_kit._core import blocks, cells, context, declared, faults, forks, late, outcome, reentrancy
from telemetry_kit._core.active_span import ActiveSpan
from telemetry_kit._core.attributes import AttributeValue, plain_text, span_attributes
from telemetry_kit._core.blocks import HeadsBlocks
from telemetry_kit._core.declared import INCOMING, OUTGOING
from telemetry_kit._core.span_attributes import put
from telemetry_kit._spans.current import own_taken
from telemetry_kit._wrapping import awaitables, callables, decorating
from telemetry_kit._wrapping.arguments import Arguments, Attributes, compile_arguments
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


@dataclass
class _Options:
    """What a span was said to be."""

    scope: Scope
    kind: SpanKind
    carrier: Any
    links: Any
    expected: outcome.CheckedExpected | None
    attributes: Callable[..., Mapping[str, object]] | None
    """Asked at each call."""
    static: dict[str, AttributeValue]


class NewSpan(HeadsBlocks[Span]):
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
            raise TypeError(
                f"the name of a span must be a str that isn't empty, got {name!r:.100}: leave it out for the function's"
            )
        declared.check_kind(what, kind)
        declared.check_carrier(what, kind, carrier)
        declared.check_mapping("attributes", what, attributes, asked=True)
        self._name = plain_text(name)
        self._arguments = arguments
        self._blocks: list[_Call] = []
        self._options = _Options(
            scope,
            kind,
            carrier,
            links,
            outcome.check_expected(what, expected),
            attributes if callable(attributes) else None,
            {} if attributes is None or callable(attributes) else own_taken(span_attributes(attributes)),
        )

    def __call__(self, func: F, /) -> F:
        """Decorate `func`, which may be any kind of callable.

        Raises TypeError for what can't be decorated, for names in `arguments` that aren't its parameters, and for
        callable options that can't take its arguments.
        """
        return decorating.decorate(func, str(self), self._calls)

    def _calls(self, func: Any) -> _SpanCalls | None:
        options = self._options
        for option in ("attributes", "carrier", "links"):
            callables.check_takes(getattr(options, option), func, f"{option} of {self}")
        calls = _SpanCalls(options, self._name, func, self._arguments)
        return None if options.scope.disabled else calls

    def __str__(self) -> str:
        return "a span" if self._name is None else f"span {self._name!r:.100}"

    def __enter__(self) -> Span:
        call = _Call(self._options, self._name or "span", self._options.static)
        try:
            call.watch = reentrancy.watch(self, call._current.drop)
            blocks.begin(self._blocks, call)
            call.begin(None, (), {})
            return call.span
        except BaseException:
            blocks.forget(self._blocks, call)
            call._drop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        call = blocks.end(self._blocks, self)
        if call is not None:
            call._end(exc)


class _SpanCalls:
    """A span on one function: `Calls` for `_wrapping.drivers`."""

    def __init__(self, options: _Options, name: str | None, func: Any, arguments: Arguments | None) -> None:
        self._options = options
        self._name = name or callables.name_of(func)
        self._static = {**options.static, keys.CODE_FUNCTION_NAME: callables.full_name_of(func)}
        self._arguments = None if arguments is None else compile_arguments(func, arguments)
        self._stepwise = callables.kind_of_call(func) in ("generator", "async_generator")
        self.running = cells.Running()

    def idle(self) -> bool:
        return self._options.carrier is None and self._options.scope.tracer() is None

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> awaitables.Call:
        call: _Call | None = None
        try:
            call = _Call(self._options, self._name, self._static, self._stepwise)
            call.begin(self._arguments, args, kwargs)
            return call
        except RecursionError:  # no room for a span: the body may have enough
            return awaitables.NO_CALL
        except BaseException:
            if call is not None:
                call._drop()
            raise


class _Call(ActiveSpan):
    """One span from its start to its end. Nothing here raises an `Exception`."""

    watch: reentrancy.Watch | None = None
    """Sees the `NewSpan` of a `with` block go on: without it nobody can leave the block."""

    def __init__(self, options: _Options, name: str, static: dict[str, AttributeValue], stepwise: bool = False) -> None:
        self._stepwise = stepwise
        self._scope = options.scope
        self._options = options
        self._called = name
        self._own_attributes = static
        self._current = context.Current()
        self._running = True
        self._generation = forks.fork.generation

    def begin(
        self,
        arguments: Callable[[tuple[Any, ...], dict[str, Any]], dict[str, AttributeValue]] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        if reentrancy.waiting:
            reentrancy.drain()
        options = self._options
        carrier, links = options.carrier, options.links
        if carrier is not None:
            carrier = callables.asked("span.carrier", carrier, args, kwargs)
        if links is not None:
            links = callables.asked("span.links", links, args, kwargs)
        incoming = options.kind in INCOMING
        if links is not None or (carrier is not None and incoming):
            with faults.guard("span.carrier"):
                with late.late_import():
                    from telemetry_kit import propagation

                self._current.context, self._links = propagation.origin(carrier if incoming else None, links)
        self._start_span(self._called, options.kind, self._own_attributes)
        if (arguments or options.attributes) is not None and (self._recording or self._deferred is not None):
            with faults.guard("span.attributes"):
                self._describe(arguments, args, kwargs)
        if carrier is not None and options.kind in OUTGOING:
            with faults.guard("span.carrier"):
                with late.late_import():
                    from telemetry_kit import propagation

                propagation.inject(carrier, self._current.context)
        self._be_current()

    def _describe(
        self,
        arguments: Callable[[tuple[Any, ...], dict[str, Any]], dict[str, AttributeValue]] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        found: dict[str, AttributeValue] = {}
        if arguments is not None:
            found.update(arguments(args, kwargs))
        if self._options.attributes is not None:
            found.update(span_attributes(self._options.attributes(*args, **kwargs)))
        if self._recording:
            put(self.span, found)
        else:
            self._late = found

    def _drop(self) -> None:
        """Nobody will ever end it: its span is never recorded."""
        self._running = False
        self._current.drop()
        if self.watch is not None:
            reentrancy.unwatch(self.watch)

    def _end(self, exc: BaseException | None, result: Any = awaitables.NO_RESULT) -> None:
        """End the span, once, with what became of the call."""
        if not self._running:
            return
        self._running = False
        try:
            if self.watch is not None:
                reentrancy.unwatch(self.watch)
            error_type = None if exc is None else outcome.classify(exc, self._options.expected, "span.expected")
            self._close(error_type, exc, named=self._called)
        finally:
            self._put_back()
