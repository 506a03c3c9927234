"""One run of a batch job: what it says of itself while it runs, and how it ends."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from telemetry_kit._core import clock, context, faults, forks, late, reentrancy
from telemetry_kit._core import outcome as _outcome
from telemetry_kit._core.attributes import AttributeValue, plain_text, span_value
from telemetry_kit._core.blocks import AlsoAsync, ended_again
from telemetry_kit._core.face import public
from telemetry_kit._jobs import flush, sigterm
from telemetry_kit._jobs.records import Records
from telemetry_kit._jobs.state import RESULTS, JobState, State
from telemetry_kit._jobs.step import Step, StepOwner
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from types import TracebackType

    from telemetry_kit._core.counters import Tally
    from telemetry_kit._jobs.definition import JobDefinition

START_SECONDS = 5.0
"""What a flush at the start may take where the job doesn't say."""

CURRENT_RUN: ContextVar[weakref.ref[JobRun] | None] = ContextVar("telemetry_kit.job_run", default=None)
"""The innermost run, which lives as long as somebody can end it."""


class _InProgress(context.Current):
    """A run as its job's state knows it: without holding the `JobRun`, since without that nobody can end the run."""

    __slots__ = ("_state", "counted", "done_of_total", "run", "started")

    def __init__(self, run: JobRun, state: JobState, counted: Tally[str]) -> None:
        super().__init__(CURRENT_RUN)
        context.travels_with_bodies(CURRENT_RUN)
        self.run = weakref.ref(run)
        self.counted = counted
        self.done_of_total: tuple[float, float] | None = None
        self.started = 0.0
        self._state = state
        self.mine = self.run

    def drop(self) -> None:
        """Nobody can end the run any more: what was at work in it is gone, and it hasn't completed."""
        super().drop()
        if self._state.active.get(id(self)) is self:
            self._state.finish(self, "failed")


@public
class JobRun(StepOwner, Records, AlsoAsync["JobRun"]):
    """One run of a batch job, as `job.run()` gives it: a context manager (`with` or `async with`) for a single use.

    Its methods never raise, cost next to nothing, and can be called from any thread.

    >>> from telemetry_kit import Telemetry, current_run
    >>> with Telemetry("shop").batch_job("import").run() as run:
    ...     run.processed(500)
    >>> run.state
    'succeeded'
    """

    _watched: sigterm.Watched | None = None
    _sigterm = False
    _state: State | None = None
    _outer: JobRun | None = None
    _failed: str | None = None
    _skipped = False
    _watch: reentrancy.Watch | None = None
    _again = 0  # blocks inside that entered it once more
    _exited = False

    def __init__(
        self,
        job: JobDefinition,
        run_id: object = None,
        metric_attributes: Mapping[str, object] | None = None,
        carrier: Any = None,
        links: Any = None,
        function: str | None = None,
        stepwise: bool = False,
    ) -> None:
        self._definition = job
        self._scope = job.scope
        self._given: dict[str, AttributeValue] = {}
        state = job.job.own
        if metric_attributes is not None:
            with faults.guard("job.metric_attributes"):
                state, self._given = job.job.state_of(metric_attributes)
        Records.__init__(self, job.job, state)
        self._current: _InProgress = _InProgress(self, state, self._counted)  # pyright: ignore[reportIncompatibleVariableOverride]
        self._carrier = carrier
        self._linked = links
        self._function = function
        self._stepwise = stepwise
        self._run_id: str | None = None
        """What tells this run from others, on its span alone."""
        if run_id is not None:
            with faults.guard("job.run_id"):
                kept = span_value(run_id, keys.JOB_RUN_ID)
                self._run_id = kept if kept is None or isinstance(kept, str) else str(kept)

    def __repr__(self) -> str:
        return f"<JobRun of {self._definition.name!r}, {self.state or 'not started'}>"

    def __str__(self) -> str:
        return f"run() of job {self._definition.name!r}"

    @property
    def state(self) -> State | None:
        """`running`, `succeeded`, `failed`, `skipped` or `cancelled`; None before it started."""
        return self._state

    # Its parts and its outcome

    def step(self, name: str) -> Step:
        """A part of the run: a child span and a duration. Names should be few.

        >>> with current_run().step("extract"): rows = [1, 2]
        """
        return Step(self, name)

    def mark_skipped(self, reason: str | None = None) -> None:
        """The run had nothing to do. That counts as completed well.

        >>> current_run().mark_skipped("no_new_orders")
        """
        self._skipped = True
        if reason is not None:
            self.set_attribute(keys.JOB_SKIP_REASON, reason)

    def mark_failed(self, error_type: str) -> None:
        """Make the run end as a failure without an exception: `error_type` becomes the `error.type` of span and metric.

        >>> current_run().mark_failed("too_few_rows")
        """
        self._failed = plain_text(error_type) or _outcome.OTHER

    # How it goes

    def __enter__(self) -> JobRun:  # noqa: PYI034
        self._begin_run(reentrancy.watch_block)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._again:
            self._again -= 1
            return
        if self._exited:
            ended_again(self)
        self._exited = True
        self._end(exc)

    def _begin_run(self, watch: reentrancy.Watching = reentrancy.watch) -> None:
        """Start, and be current; of a body that goes step by step, in its steps."""
        if self._state is not None:
            self._again += 1
            faults.record("job.run", RuntimeError("a JobRun is for one use: call run() again"))
            return
        job = self._definition
        try:
            if reentrancy.waiting:
                reentrancy.drain()
            self._generation = forks.fork.generation
            self._state = "running"
            if job.options.handle_sigterm:
                self._watched = watched = sigterm.Watched(self._end)
                sigterm.watch(watched)
            self._watch = watch(self, self._current.drop)
            with faults.guard("job.carrier"):
                self._come_from()
            if job.options.span:
                with faults.guard("job.start"):
                    self._start_span(job.name, SpanKind.INTERNAL, self._span_attributes())
            self._outer = _live(CURRENT_RUN.get())
            if self._stepwise:
                self._suspended = context.Suspended(self._current)
            else:
                self._current.enter()
            self._started = self._current.started = clock.perf_counter()
            self._job.start(self._job_state, self._current)
            if job.options.flush_at_start:
                flush.flush(job.scope, job.flush_timeout or START_SECONDS)
        except BaseException as exc:  # SIGTERM or Ctrl-C: `with` doesn't end what could not be entered
            self._end(exc)
            raise

    def _end(self, exc: BaseException | None, result: Any = None) -> None:
        """The run is over: record its outcome, once. Never raises an `Exception`."""
        if self._state != "running":
            return
        try:
            if self._watched is not None:
                self._watched.ending = True
            now = clock.perf_counter()
            job = self._definition
            if self._generation is not forks.fork.generation:
                self._state = None
                return  # begun in the parent process, which records it
            self.duration: float | None = max(0.0, now - self._started)
            failure = None if exc is None else _outcome.classify(exc, job.expected, "job.expected")
            if self._watched is not None:
                self._sigterm = sigterm.ended(self._watched, exc, failure)
            state, error_type = self._judge(failure)
            self._state = state
            self._job_state.finish(self._current, state)
            self._outer = _live(self._outer)
            self._record_end(state, error_type, exc if failure is not None else None)
            if job.flush_timeout is not None:
                flush.flush(job.scope, job.flush_timeout)
        except Exception as fault:
            faults.record("job.end", fault)
        finally:
            self._put_back()

    def _put_back(self) -> None:
        """Leave nothing behind, also where an exception arrived in the middle of the end."""
        try:
            self._leave()
        finally:
            if self._state == "running":
                self._state = "failed"
            if self._job_state.active.get(id(self._current)) is self._current:
                self._job_state.finish(self._current, self._state or "failed")
            if self._watch is not None:
                reentrancy.unwatch(self._watch)
                self._watch = None
            if self._watched is not None:
                sigterm.unwatch(self._watched)
                self._watched = None  # which has a method of this

    def _drop(self) -> None:
        """Nobody will ever end it, such as that of a coroutine which nobody awaits: it is active no longer."""
        if self._state == "running":
            self._state = None
            self._job_state.active.pop(id(self._current), None)
            self._current.drop()
            if self._watched is not None:
                sigterm.unwatch(self._watched)
                self._watched = None  # which has a method of this

    def _judge(self, failure: str | None) -> tuple[State, str | None]:
        """State and `error.type`. What the user named goes first, but for SIGTERM: an event loop makes that a
        cancellation.
        """
        if self._sigterm:
            return "failed", "SIGTERM"
        if self._failed is not None:
            return "failed", self._failed
        if failure is not None:
            return "cancelled" if failure == _outcome.CANCELLED else "failed", failure
        return "skipped" if self._skipped else "succeeded", None

    def _record_end(self, state: State, error_type: str | None, exc: BaseException | None) -> None:
        job = self._definition
        attributes: dict[str, AttributeValue] = {**self._job_state.attributes, keys.JOB_RESULT: RESULTS[state]}
        on_span: dict[str, AttributeValue] = {keys.JOB_RESULT: RESULTS[state]}
        on_span |= {f"job.records.{outcome}": int(number) for outcome, number in self._counted.read().items()}
        self._close(
            error_type,
            exc,
            on_span,
            named=job.name,
            description="terminated by SIGTERM" if self._sigterm else None,
            measured=self._measured("job.duration", attributes, error_type, job.job.guard),
        )

    def _come_from(self) -> None:
        """Continue what the carrier says, with links to what else this run comes from."""
        if self._carrier is None and self._linked is None:
            return
        with late.late_import():
            from telemetry_kit import propagation

        self._current.context, self._links = propagation.origin(self._carrier, self._linked)

    def _span_attributes(self) -> dict[str, AttributeValue]:
        job = self._definition
        attributes: dict[str, AttributeValue] = {**job.declared, **self._given, keys.JOB_NAME: job.name}
        if self._run_id is not None:
            run_id = span_value(self._run_id)
            if run_id is not None:
                attributes[keys.JOB_RUN_ID] = run_id
        if self._function is not None:
            attributes[keys.CODE_FUNCTION_NAME] = self._function
        return attributes


class _NoRun(JobRun):
    """Where no job runs: every method does nothing."""

    def __init__(self) -> None:
        self._run_id = None

    def __repr__(self) -> str:
        return "<JobRun of no job>"

    def step(self, name: str) -> Step:
        return Step(None, name)

    def _nothing(self, *_: Any, **__: Any) -> None:
        return

    processed = progress = mark_skipped = mark_failed = _count = _begin_run = _end = __exit__ = _nothing


NO_RUN: JobRun = _NoRun()


@public
def current_run() -> JobRun:
    """The innermost run in progress, so that a decorated job, and whatever it calls, can count records and steps.

    Where no job runs it is one that does nothing, never None. Threads that the job starts don't inherit it by
    themselves: see `bind` and `Telemetry.wrap_executor`.

    >>> current_run().processed()
    """
    return _live(CURRENT_RUN.get()) or NO_RUN


def _live(current: weakref.ref[JobRun] | JobRun | None) -> JobRun | None:
    """The innermost run that is still at it: runs that overlap end in any order, and put back what has ended."""
    run = current() if isinstance(current, weakref.ref) else current
    while run is not None and run._state != "running":
        run = run._outer
    return run
