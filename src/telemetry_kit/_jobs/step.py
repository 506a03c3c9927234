"""A part of a run: a child span and a duration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind, get_current_span

from telemetry_kit._core import clock, context, counters, faults, outcome
from telemetry_kit._core.active_span import ActiveSpan
from telemetry_kit._core.attributes import AttributeValue, span_attributes, span_value
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._jobs.state import OWN_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from telemetry_kit._jobs.run import JobRun


class Stretch(ActiveSpan, StaysHere):
    """What a run and a step have in common."""

    started: float = 0.0
    """When it started, on the monotonic clock."""

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several span attributes."""
        with faults.guard("span.set_attribute"):
            for key, value in span_attributes(attributes).items():
                if key not in OWN_KEYS:
                    self._set(key, value)

    def _own_keys(self) -> frozenset[str]:
        return OWN_KEYS


class Step(Stretch):
    """A part of a run, as `run.step(name)` gives it: a context manager for a single use, with a span of its own."""

    def __init__(self, run: JobRun | None, name: str) -> None:
        self._run = run
        self._current = context.Current()
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
            self._generation = counters.fork.generation
            self._scope = run.batch_job.scope
            with faults.guard("job.step"):
                self._begin(run)
            self._current.enter()
            self.started = clock.perf_counter()
            return self
        except BaseException:
            self._current.drop()
            raise

    def _begin(self, run: JobRun) -> None:
        if not get_current_span().get_span_context().is_valid:
            self._current.context = run._current.context  # a thread that has not inherited the run's
        if run.batch_job.has_span:
            attributes: dict[str, AttributeValue] = {"job.name": run.batch_job.name}
            name = span_value(self.name)
            if name is not None:
                attributes["job.step.name"] = name
            self._start_span(self.name, SpanKind.INTERNAL, attributes)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            now = clock.perf_counter()
            run = self._run
            if run is None or self.duration is not None or self._generation is not counters.fork.generation:
                return
            self.duration = max(0.0, now - self.started)
            error_type = None if exc is None else outcome.classify(exc, run.batch_job.expected, "job.expected")
            guard = run.batch_job.job.guard
            attributes = {**run.job_state.attributes}
            name = guard.value("job.step.name", self.name)
            if name is not None:
                attributes["job.step.name"] = name
            if error_type is not None:
                attributes["error.type"] = guard.error_type(error_type)
            histogram = self._scope.instruments.histogram("job.step.duration")
            measured = (histogram, self.duration, attributes)
            self._close(error_type, exc, named=run.batch_job.name, measured=measured)
        except Exception as fault:
            faults.record("job.step", fault)
        finally:
            self._leave()
