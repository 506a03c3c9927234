"""A part of a run: a child span and a duration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind, get_current_span

from telemetry_kit._core import ambient, clock, context, faults, forks, outcome
from telemetry_kit._core.active_span import ActiveSpan
from telemetry_kit._core.attributes import AttributeValue, encodable, span_attributes, span_value
from telemetry_kit._core.blocks import AlsoAsync, ended_again
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._jobs.state import JOB_KEYS
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from telemetry_kit._core.active_span import Measured
    from telemetry_kit._core.cardinality import ValueGuard
    from telemetry_kit._jobs.definition import JobDefinition
    from telemetry_kit._jobs.state import JobState


class RunOrStep(ActiveSpan, StaysHere):
    """What a run and a step have in common."""

    _started: float = 0.0
    """When it started, on the monotonic clock."""

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several span attributes.

        >>> from telemetry_kit import current_run
        >>> current_run().set_attributes({"file.name": "orders.csv", "file.size": 4096})
        """
        for key, value in span_attributes(attributes).items():
            if key not in JOB_KEYS:
                self._set(key, value)

    def _own_keys(self) -> frozenset[str]:
        return JOB_KEYS

    def _measured(
        self, metric: str, attributes: dict[str, AttributeValue], error_type: str | None, guard: ValueGuard
    ) -> Measured:
        """How its duration is recorded."""
        if error_type is not None:
            attributes[keys.ERROR_TYPE] = guard.error_type(error_type)
        recorder = self._scope.instruments.histogram(metric).recorder()
        return recorder, self.duration or 0.0, ambient.with_own(attributes, guard)


class StepOwner(RunOrStep):
    """A run, as far as its steps know it."""

    _definition: JobDefinition
    _job_state: JobState


class Step(RunOrStep, AlsoAsync["Step"]):
    """A part of a run, as `run.step(name)` gives it: a context manager for a single use, with a span of its own."""

    def __init__(self, run: StepOwner | None, name: str) -> None:
        self._run = run
        self._current = context.Current()
        self.name: str = "unnamed"
        with faults.guard("job.step"):
            self.name = encodable(str(name))

    def __enter__(self) -> Step:  # noqa: PYI034
        run = self._run
        if run is None:
            return self
        if self._generation is not None:
            faults.record("job.step", RuntimeError("a Step is for one use: call step() again"))
            return self
        try:
            self._generation = forks.fork.generation
            self._scope = run._definition.scope
            with faults.guard("job.step"):
                self._begin(run)
            self._current.enter()
            self._started = clock.perf_counter()
            return self
        except BaseException:
            self._current.drop()
            raise

    def _begin(self, run: StepOwner) -> None:
        if not get_current_span().get_span_context().is_valid:
            self._current.context = context.own(run._current.context)  # a thread that has not inherited the run's
        if run._definition.options.span:
            attributes: dict[str, AttributeValue] = {keys.JOB_NAME: run._definition.name}
            name = span_value(self.name)
            if name is not None:
                attributes[keys.JOB_STEP_NAME] = name
            self._start_span(self.name, SpanKind.INTERNAL, attributes)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            now = clock.perf_counter()
            run = self._run
            if run is None or self._generation is not forks.fork.generation:
                return
            if self.duration is not None:
                ended_again(f"step {self.name!r}")
                return
            self.duration: float | None = max(0.0, now - self._started)
            error_type = None if exc is None else outcome.classify(exc, run._definition.expected, "job.expected")
            guard = run._definition.job.guard
            attributes = {**run._job_state.attributes}
            name = guard.value(keys.JOB_STEP_NAME, self.name)
            if name is not None:
                attributes[keys.JOB_STEP_NAME] = name
            measured = self._measured("job.step.duration", attributes, error_type, guard)
            self._close(error_type, exc, named=run._definition.name, measured=measured)
        except Exception as fault:
            faults.record("job.step", fault)
        finally:
            self._leave()
