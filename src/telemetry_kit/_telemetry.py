"""`Telemetry`: the scope of an instrumented library, and the only way from a user to the rooms.

Each method makes one thing of one room, which is imported when first needed: a library that only counts its
operations does not pay for executors. The methods for what is finite and what works through something stand in
`_telemetry_resources`: one class in two files, so that each can be read at one sitting.
"""

from __future__ import annotations

import fnmatch
import os
from typing import TYPE_CHECKING, Any, TypeVar, overload

import opentelemetry.metrics
import opentelemetry.trace
from opentelemetry.trace import SpanKind

from telemetry_kit import _sdk
from telemetry_kit._exceptions import DEFAULT_POLICY, ErrorPolicy
from telemetry_kit._instruments import SCHEMA_URL
from telemetry_kit._operation import Operation
from telemetry_kit._scope import Scope
from telemetry_kit._telemetry_resources import ResourceMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

    from telemetry_kit._operation_rules import Arguments, Attributes, ErrorIf, Expected, SpanMode
    from telemetry_kit._span import NewSpan
    from telemetry_kit._unhandled import UnhandledWatch
    from telemetry_kit.conventions import Convention

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")
E = TypeVar("E", bound="Executor")

DISABLED_VARIABLE = "TELEMETRY_KIT_DISABLED"
"""Names or patterns of the libraries whose telemetry a host switches off: `acme.*,shop`."""


class Telemetry(ResourceMethods):
    """The scope of an instrumented library or application module: make one at import, it is cheap and thread-safe.

    Args:
        name: the name of the library or module, as it appears as `scope.name` and as the scope of spans and events.
        version: its version, or None.
        tracer_provider: where spans go; None for the global provider, whichever that is and becomes.
        meter_provider: where metrics go; None for the global one.
        logger_provider: where events go; None for the global one.
        errors: how much is told of errors; the default policy is one object for the whole process.

    Raises TypeError where `name` is no str, ValueError where it is empty. An SDK that is installed before, after or
    never all work. Where the environment variable `TELEMETRY_KIT_DISABLED` names it (names or patterns, separated by
    commas) all of it does nothing, `.tracer`, `.meter` and `.logger` included.

    >>> from telemetry_kit import Telemetry
    >>> telemetry = Telemetry("shop.orders", version="1.4.0")
    """

    def __init__(
        self,
        name: str,
        version: str | None = None,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        errors: ErrorPolicy = DEFAULT_POLICY,
    ) -> None:
        if not isinstance(name, str):
            msg = f"the name of a Telemetry is a str, and got {name!r:.100} of type {type(name).__name__}"
            raise TypeError(msg)
        if not name:
            msg = "the name of a Telemetry can't be empty: give the library's or module's, say 'shop.orders'"
            raise ValueError(msg)
        if not isinstance(errors, ErrorPolicy):
            msg = f"errors of Telemetry {name!r} is an ErrorPolicy, and got {errors!r:.100}"
            raise TypeError(msg)
        _sdk.load_configured()
        self._scope = Scope(
            name,
            version,
            errors=errors,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            logger_provider=logger_provider,
            disabled=_is_disabled(name),
        )

    def __repr__(self) -> str:
        return f"<Telemetry {self.name!r}>"

    @property
    def name(self) -> str:
        """The name of the instrumented library or module."""
        return self._scope.name

    @property
    def version(self) -> str | None:
        """Its version."""
        return self._scope.version

    @property
    def tracer(self) -> Tracer:
        """The plain OpenTelemetry tracer of this scope."""
        scope = self._scope
        if scope.disabled:
            return opentelemetry.trace.NoOpTracer()
        return scope.tracer() or opentelemetry.trace.get_tracer(scope.name, scope.version, schema_url=SCHEMA_URL)

    @property
    def meter(self) -> Meter:
        """The plain OpenTelemetry meter of this scope. The kit's own metrics are on a meter of the kit's."""
        scope = self._scope
        if scope.disabled:
            return opentelemetry.metrics.NoOpMeter(scope.name, scope.version, SCHEMA_URL)
        provider = scope.meter_provider
        if provider is None and _sdk.override is not None:
            provider = _sdk.override.meter_provider
        return opentelemetry.metrics.get_meter(scope.name, scope.version or "", provider, SCHEMA_URL)

    @property
    def logger(self) -> Logger:
        """The plain OpenTelemetry logger of this scope."""
        return self._scope.logger()  # type: ignore[no-any-return]

    # RED

    @overload
    def operation(self, func: F, /) -> F: ...

    @overload
    def operation(
        self,
        name: str | None = None,
        /,
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
    ) -> Operation: ...

    def operation(
        self,
        name: Any = None,
        /,
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
    ) -> Any:
        """Measure rate, errors and duration of something: a decorator, and the maker of measurements.

        Args:
            name: what it is called on span and metric; by default the decorated function's `__qualname__`.
            kind: the kind of its span; it also decides what `carrier` means.
            span: True for a span per call. False: metrics only. `"current"`: attributes and outcome go to the span
                that is current, such as auto-instrumentation made. `"errors"`: no span on success, a back-dated one
                on failure, within the error limit.
            metric_attributes: a mapping, or a callable given the call's arguments that returns one: on metric and
                span, each key with its first 100 values, then `_OTHER`.
            span_attributes: likewise, on the span only; a callable is asked only if the span is recording.
            arguments: the call's arguments as span attributes: `{"parameter": "attribute.key"}`, names of parameters,
                or `"*"` for all but `self`, with secrets redacted.
            carrier: for SERVER and CONSUMER where the parent is extracted from, for CLIENT and PRODUCER what the span
                is injected into; or a callable given the call's arguments.
            links: carriers, contexts or links of other work that this continues, or a callable likewise.
            public_endpoint: True starts a new trace that links to the incoming context, and drops its baggage.
            expected: exception types that are no errors, or a callable given the exception.
            error_if: given the result; True or a string (the `error.type`) makes it an error.
            convention: one of `telemetry_kit.conventions`, whose names, buckets, kind and error rule apply.
            sample_durations: the share of calls, 0.0 to 1.0, whose duration goes into the histogram. Below 1.0
                `operation.calls` and `operation.time` count every call exactly.

        Raises TypeError and ValueError, here or when it decorates, for options that can't be right. Outcomes follow
        "recording errors" of the semantic conventions: no `error.type` on success.

        >>> from telemetry_kit import Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> @telemetry.operation("price", arguments=["sku"])
        ... def price(sku):
        ...     return 100
        >>> price("A1")
        100
        >>> with telemetry.operation("checkout").measure() as m:
        ...     m.set_metric_attribute("cache.result", "hit")
        """
        if callable(name) or hasattr(type(name), "__get__"):
            return Operation(self._scope)(name)
        return Operation(
            self._scope,
            name,
            kind=kind,
            span=span,
            metric_attributes=metric_attributes,
            span_attributes=span_attributes,
            arguments=arguments,
            carrier=carrier,
            links=links,
            public_endpoint=public_endpoint,
            expected=expected,
            error_if=error_if,
            convention=convention,
            sample_durations=sample_durations,
        )

    # Spans, events, exceptions

    @overload
    def span(self, func: F, /) -> F: ...

    @overload
    def span(
        self,
        name: str | None = None,
        /,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        arguments: Arguments | None = None,
        carrier: Any = None,
        links: Any = None,
        expected: Expected = (),
    ) -> NewSpan: ...

    def span(
        self,
        name: Any = None,
        /,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        arguments: Arguments | None = None,
        carrier: Any = None,
        links: Any = None,
        expected: Expected = (),
    ) -> Any:
        """Make a new span without metrics: a decorator of any kind of callable, or `with ... as span:`.

        Args:
            name: of the span; by default the decorated function's `__qualname__`.
            kind: of the span; it also decides what `carrier` means.
            attributes: a mapping, or a callable given the call's arguments that is asked only if the span is recorded.
            arguments: the call's arguments as attributes: `{"parameter": "attribute.key"}`, names of parameters, or
                `"*"` for all but `self`, with secrets redacted.
            carrier: for SERVER and CONSUMER where the parent is extracted from, for CLIENT and PRODUCER what the span
                is injected into; or a callable given the call's arguments.
            links: carriers, contexts or links of other work that this continues, or a callable likewise.
            expected: exception types that are no errors, or a callable given the exception.

        Raises TypeError and ValueError, here or when it decorates, for options that can't be right. An exception sets
        `error.type` and the status, and is recorded in detail as far as the error policy lets it. A decorated
        function's span has `code.function.name`; a generator's `operation.busy_time`, the seconds its body worked.

        >>> from telemetry_kit import Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> @telemetry.span("price", arguments={"sku": "product.sku"})
        ... def price(sku):
        ...     return 100
        >>> price("A1")
        100
        >>> with telemetry.span("discount") as span:
        ...     span.set_attribute("discount.percent", 10)
        """
        from telemetry_kit._span import NewSpan

        if callable(name) or isinstance(name, (classmethod, staticmethod)):
            return NewSpan(self._scope)(name)
        return NewSpan(
            self._scope,
            name,
            kind=kind,
            attributes=attributes,
            arguments=arguments,
            carrier=carrier,
            links=links,
            expected=expected,
        )

    def event(
        self,
        name: str,
        attributes: Mapping[str, object] | None = None,
        *,
        severity: str = "INFO",
        body: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Emit a log-based event: a log record with a name, correlated with the current span. Never raises.

        Args:
            name: what happened, in the form `config.changed`. It is low-cardinality: what varies is an attribute.
            attributes: what is to be known of it; values that can't be exported are left out, long ones cut.
            severity: TRACE, DEBUG, INFO, WARN, ERROR or FATAL.
            body: text for people, if there is any.
            exception: one that belongs to it, recorded as the error policy says.

        >>> from telemetry_kit import Telemetry
        >>> Telemetry("shop.orders").event("config.changed", {"config.file": "app.toml"})
        """
        from telemetry_kit import _events

        _events.event(self._scope, name, attributes, severity=severity, body=body, exception=exception)

    def record_exception(self, exc: BaseException, *, attributes: Mapping[str, object] | None = None) -> None:
        """Record an exception that was handled: on the current span or as a log record, as the error policy's signal
        says, within its limits and scrubbed. The span's status stays. Where there is no span it is a log record.

        Args:
            exc: the exception. One that was recorded before is not recorded again.
            attributes: what else is to be known of it.

        >>> from telemetry_kit import Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> try:
        ...     int("many")
        ... except ValueError as problem:
        ...     telemetry.record_exception(problem)
        """
        from telemetry_kit import _events

        _events.record_exception(self._scope, exc, attributes=attributes)

    def watch_unhandled(self) -> UnhandledWatch:
        """Emit an event for each exception that nobody handles: in the main thread, in threads, in tasks and callbacks
        of the running asyncio loop (if there is one), and in finalisers.

        The hooks that were there are called after ours. Gives a handle: `.stop()` puts them back, and it is a context
        manager. The events have the name `exception` and say in `telemetry_kit.exception.hook` which hook saw it.

        >>> from telemetry_kit import Telemetry
        >>> watch = Telemetry("shop.orders").watch_unhandled()
        >>> watch.stop()
        """
        from telemetry_kit._unhandled import UnhandledWatch

        return UnhandledWatch(self._scope)


def _is_disabled(name: str) -> bool:
    patterns = os.environ.get(DISABLED_VARIABLE)
    if not patterns:
        return False
    return any(fnmatch.fnmatchcase(name, pattern.strip()) for pattern in patterns.split(",") if pattern.strip())
