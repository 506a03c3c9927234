"""`Telemetry`: the scope of an instrumented library, and the only way from a user to the rooms.

Each method makes one thing of one room, which is imported when first needed: a library that only counts its
operations does not pay for executors.
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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

    from telemetry_kit._batch_job import BatchJob
    from telemetry_kit._operation import Arguments, Attributes, ErrorIf, Expected, SpanMode
    from telemetry_kit.conventions import Convention

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")

DISABLED_VARIABLE = "TELEMETRY_KIT_DISABLED"
"""Names or patterns of the libraries whose telemetry a host switches off: `acme.*,shop`."""


class Telemetry:
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
        if callable(name) or isinstance(name, (classmethod, staticmethod)):
            return Operation(self._scope)(name)  # type: ignore[type-var]
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

    # USE

    # Executors

    # Batch jobs

    def batch_job(
        self,
        name: str,
        /,
        *,
        metric_attributes: Mapping[str, object] | None = None,
        run_id: Callable[..., object] | None = None,
        expected_interval: float | None = None,
        span: bool = True,
        expected: Expected = (),
        flush_timeout: float | None = None,
        flush_at_start: bool = False,
        handle_sigterm: bool = False,
    ) -> BatchJob:
        """Work that starts, goes through records and ends, as a decorator and by `.run()`: `job.start.timestamp`,
        `job.success.timestamp`, `job.failed`, how long it takes, what it is at, and a span for each run.

        Args:
            name: what the job is called, `job.name`. Several batch jobs of one name and the same attributes are one.
            metric_attributes: low-cardinality attributes of all its metrics, and of its spans.
            run_id: a callable that makes the id of a run from the decorated call's arguments. It goes to the span.
            expected_interval: seconds in which a run is expected, so that an alert can tell that there was none.
            span: False for metrics only.
            expected: exception types, or a callable given the exception, that are no failure of the job.
            flush_timeout: seconds for which the end of a run waits for the SDK to deliver; None leaves that to the
                SDK's exit handlers. Not with the Python Prometheus exporter, which would show old and new points.
            flush_at_start: deliver that the run has started too, so that one that is killed leaves a trace; bounded by
                `flush_timeout` or 5 seconds.
            handle_sigterm: let SIGTERM end a run of the main thread as a failure, with `SystemExit(143)`. Elsewhere
                it changes nothing.

        Raises TypeError or ValueError where an option can't be what it is.

        >>> from telemetry_kit import Telemetry, current_run
        >>> billing = Telemetry("shop.billing").batch_job("nightly-billing", expected_interval=86_400)
        >>> with billing.run(run_id="2026-11-22") as run:
        ...     with run.step("extract"):
        ...         rows = ["a", "b"]
        ...     for row in run.track(rows):
        ...         pass
        >>> run.state
        'succeeded'
        >>> @billing
        ... def main():
        ...     current_run().processed(2)
        >>> main()
        """
        from telemetry_kit._batch_job import BatchJob

        return BatchJob(
            self._scope,
            name,
            metric_attributes=metric_attributes,
            run_id=run_id,
            expected_interval=expected_interval,
            span=span,
            expected=expected,
            flush_timeout=flush_timeout,
            flush_at_start=flush_at_start,
            handle_sigterm=handle_sigterm,
        )

    # Spans, events, exceptions


def _is_disabled(name: str) -> bool:
    patterns = os.environ.get(DISABLED_VARIABLE)
    if not patterns:
        return False
    return any(fnmatch.fnmatchcase(name, pattern.strip()) for pattern in patterns.split(",") if pattern.strip())
