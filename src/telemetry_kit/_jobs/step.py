"""A stretch of a batch job that has a span: how a run and its steps start it, make it current and tell how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, get_current_span, set_span_in_context

from telemetry_kit._core import clock, context, counters, faults, outcome, reentrancy
from telemetry_kit._core.attributes import AttributeValue, span_attributes, span_value
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._jobs.state import OWN_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Link

    from telemetry_kit._core.scope import Scope
    from telemetry_kit._jobs.run import JobRun


class Block(StaysHere):
    """What a run and a step have in common."""

    span: Span = INVALID_SPAN
    """The OpenTelemetry span, the API's invalid one where there is none."""
    duration: float | None = None
    """Seconds, None until it ended."""
    started: float = 0.0
    _context: Context | None = None
    _attached: Any = None

    def set_attribute(self, key: str, value: object) -> None:
        """Set a span attribute of any cardinality. It never reaches a metric."""
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several span attributes."""
        with faults.guard("span.set_attribute"):
            if self.span.is_recording():
                for key, value in span_attributes(attributes).items():
                    if key not in OWN_KEYS:
                        self.span.set_attribute(key, value)

    def _start_span(
        self, scope: Scope, name: str, attributes: dict[str, AttributeValue], links: list[Link] | None = None
    ) -> None:
        """Start the span under `_context`, None being the current one. Inside a finaliser or signal handler that
        interrupted the SDK there is no span: a job that begins there is told by its metrics alone.
        """
        tracer = scope.tracer()
        if tracer is None or reentrancy.unsafe():
            return
        here = reentrancy.here.state
        here.busy = True
        try:
            self.span = tracer.start_span(name, self._context, SpanKind.INTERNAL, attributes, links)
            self._context = set_span_in_context(self.span, self._context)
        except Exception as fault:
            faults.record("trace.start_span", fault)
        finally:
            here.busy = False

    def go_on(self) -> None:
        """Be current from now on."""
        if self._context is not None:
            self._attached = context.attach(self._context)

    def pause(self) -> None:
        """Be current no more."""
        token = self._attached
        if token is not None:
            self._attached = None
            try:
                context.detach(token)
            except Exception:  # ended in another context than it began: nothing to put back there
                pass

    def _record(self, scope: Scope, metric: str, attributes: dict[str, AttributeValue]) -> None:
        """Record the duration, while the span is current so that exemplars link to it."""
        with faults.guard("metrics.record"):
            scope.instruments.histogram(metric).record(self.duration or 0.0, attributes, self._context)

    def _end_span(
        self,
        scope: Scope,
        name: str,
        attributes: dict[str, AttributeValue],
        error_type: str | None,
        exc: BaseException | None,
        description: str | None = None,
    ) -> None:
        """Tell the outcome and end the span, now or at the next safe point."""
        if reentrancy.unsafe():
            ended = clock.time_ns()
            generation = counters.fork.generation

            def end_later() -> None:
                if generation is counters.fork.generation:
                    self._tell(scope, name, attributes, error_type, None, description, ended)

            reentrancy.later(end_later)
        else:
            self._tell(scope, name, attributes, error_type, exc, description)

    def _tell(
        self,
        scope: Scope,
        name: str,
        attributes: dict[str, AttributeValue],
        error_type: str | None,
        exc: BaseException | None,
        description: str | None = None,
        ended: int | None = None,
    ) -> None:
        span, policy, here = self.span, scope.errors, reentrancy.here.state
        here.busy = True
        try:
            if span.is_recording():
                span.set_attributes(attributes)
            if error_type is not None:
                span.set_attribute("error.type", error_type)
            if error_type not in (None, outcome.CANCELLED):
                suppressed = None
                if exc is not None:
                    suppressed = policy.admit(exc, scope=scope, operation=name, error_type=error_type, span=span)
                if exc is not None and suppressed is not None:
                    span.set_status(StatusCode.ERROR, description or policy.message(exc))
                    policy.emit(span, scope, policy.describe(exc, error_type, suppressed))
                else:
                    span.set_status(StatusCode.ERROR, description or error_type)
        except Exception as fault:
            faults.record("job.end", fault)
        try:
            self.pause()
            span.end(ended)
        except Exception as fault:
            faults.record("job.end", fault)
        finally:
            here.busy = False


class Step(Block):
    """A part of a run, as `run.step(name)` gives it: a context manager for a single use, with a span of its own."""

    duration: float | None
    started: float
    _run: JobRun | None
    _generation: object = None

    def __init__(self, run: JobRun | None, name: str) -> None:
        self._run = run
        self.name: str = "unnamed"
        with faults.guard("job.step"):
            self.name = str(name)

    def __enter__(self) -> Step:  # noqa: PYI034
        run = self._run
        if run is None:
            return self
        if self._generation is not None:
            faults.record("job.step", RuntimeError("a Step is for one use: call step() again"))
            return self
        try:
            if not get_current_span().get_span_context().is_valid:
                self._context = run._context  # a thread that has not inherited the run's
            if run.batch_job.has_span:
                attributes: dict[str, AttributeValue] = {"job.name": run.batch_job.name}
                name = span_value(self.name)
                if name is not None:
                    attributes["job.step.name"] = name
                self._start_span(run.batch_job.scope, self.name, attributes)
            self.go_on()
        except Exception as fault:
            faults.record("job.step", fault)
        self._generation = counters.fork.generation
        self.started = clock.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        now = clock.perf_counter()
        run = self._run
        if run is None or self.duration is not None:
            return
        try:
            if self._generation is not counters.fork.generation:
                return  # begun in the parent process, which tells it
            self.duration = max(0.0, now - self.started)
            error_type = None if exc is None else outcome.classify(exc, run.batch_job.expected, "job.expected")
            guard = run.batch_job.job.guard
            attributes = {**run.job_state.attributes}
            name = guard.value("job.step.name", self.name)
            if name is not None:
                attributes["job.step.name"] = name
            if error_type is not None:
                attributes["error.type"] = guard.error_type(error_type)
            self._record(run.batch_job.scope, "job.step.duration", attributes)
            self._end_span(run.batch_job.scope, run.batch_job.name, {}, error_type, exc)
        except Exception as fault:
            faults.record("job.step", fault)
        finally:
            self.pause()
