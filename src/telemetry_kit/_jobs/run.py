"""One run of a batch job: what it says of itself while it runs, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import clock, counters, faults, reentrancy
from telemetry_kit._core import outcome as _outcome
from telemetry_kit._core.attributes import AttributeValue, plain_text, span_attributes, span_value
from telemetry_kit._core.face import public
from telemetry_kit._jobs import flush
from telemetry_kit._jobs.records import Records
from telemetry_kit._jobs.state import OWN_KEYS, RESULTS, Outcome, State
from telemetry_kit._jobs.step import Block, Step

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.trace import Link

    from telemetry_kit._jobs.job import BatchJob

START_SECONDS = 5.0
"""What a flush at the start may take where the job doesn't say."""

CURRENT: ContextVar[JobRun | None] = ContextVar("telemetry_kit.job_run", default=None)


@public
class JobRun(Block, Records):
    """One run of a batch job, as `job.run()` gives it: a context manager (`with` or `async with`) for a single use.

    Its methods never raise, cost next to nothing, and can be called from any thread.
    """

    duration: float | None
    started: float
    terminated: BaseException | None = None
    _sigterm = False
    ending: bool = False
    _state: State | None = None
    _token: Token[JobRun | None] | None = None
    _outer: JobRun | None = None
    _generation: object = None
    _failed: str | None = None
    _skipped = False

    def __init__(
        self,
        batch_job: BatchJob,
        run_id: object = None,
        metric_attributes: Mapping[str, object] | None = None,
        carrier: Any = None,
        links: Any = None,
        function: str | None = None,
    ) -> None:
        self.batch_job = batch_job
        self._given: dict[str, object] = {}
        state = batch_job.job.own
        if metric_attributes is not None:
            with faults.guard("job.metric_attributes"):
                self._given = dict(metric_attributes)
                state = batch_job.job.state_of(self._given)
        Records.__init__(self, batch_job.job, state)
        self._carrier = carrier
        self._links = links
        self._function = function
        self.run_id: str | None = None
        """What tells this run from others, on its span alone."""
        if run_id is not None:
            with faults.guard("job.run_id"):
                kept = span_value(run_id, "job.run.id")
                self.run_id = kept if kept is None or isinstance(kept, str) else str(kept)

    def __repr__(self) -> str:
        return f"<JobRun of {self.batch_job.name!r}, {self.state or 'not started'}>"

    @property
    def state(self) -> State | None:
        """`running`, `succeeded`, `failed`, `skipped` or `cancelled`; None before it started."""
        return self._state

    # Its parts and its outcome

    def step(self, name: str) -> Step:
        """A part of the run: `with run.step("extract"):`, a child span and a duration. Names should be few."""
        return Step(self, name)

    def mark_skipped(self, reason: str | None = None) -> None:
        """The run had nothing to do. That counts as completed well."""
        self._skipped = True
        if reason is not None:
            self.set_attribute("job.skip.reason", reason)

    def mark_failed(self, error_type: str) -> None:
        """Make the run end as a failure without an exception: `error_type` becomes the `error.type` of span and metric."""
        self._failed = plain_text(error_type) or _outcome.OTHER

    # How it goes

    def __enter__(self) -> JobRun:  # noqa: PYI034
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(exc)

    async def __aenter__(self) -> JobRun:  # noqa: PYI034
        self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(exc)

    def begin(self) -> None:
        """Start, and be current."""
        if self._state is not None:
            faults.record("job.run", RuntimeError("a JobRun is for one use: call run() again"))
            return
        if reentrancy.waiting:
            reentrancy.drain()
        batch_job = self.batch_job
        self._generation = counters.fork.generation
        self._state = "running"
        try:
            if batch_job.handle_sigterm:
                from telemetry_kit._jobs import sigterm

                sigterm.watch(self)
            links: list[Link] | None = None
            with faults.guard("job.carrier"):
                links = self._come_from()
            if batch_job.has_span:
                with faults.guard("job.start"):
                    self._start_span(batch_job.scope, batch_job.name, self._span_attributes(), links)
            with faults.guard("job.start"):
                self.go_on()
            self.started = clock.perf_counter()
            self.job_state.start(self)
            if batch_job.flush_at_start:
                flush.flush(batch_job.scope, batch_job.flush_timeout or START_SECONDS)
        except BaseException as exc:  # SIGTERM or Ctrl-C: `with` doesn't end what could not be entered
            self.end(exc)
            raise

    def go_on(self) -> None:
        """Be current from now on."""
        super().go_on()
        self._outer = _live(CURRENT.get())
        self._token = CURRENT.set(self)

    def pause(self) -> None:
        """Be current no more."""
        super().pause()
        token = self._token
        if token is not None:
            self._token = None
            try:
                CURRENT.reset(token)
            except (ValueError, RuntimeError):  # ended in another context than it began: nothing to put back there
                pass

    def end(self, exc: BaseException | None, result: Any = None) -> None:
        """The run is over: tell its outcome, once. Never raises an `Exception`."""
        if self._state != "running":
            return
        self.ending = True
        now = clock.perf_counter()
        batch_job = self.batch_job
        try:
            try:
                if self._generation is not counters.fork.generation:
                    self._state = None
                    return  # begun in the parent process, which tells it
                self.duration = max(0.0, now - self.started)
                failure = None if exc is None else _outcome.classify(exc, batch_job.expected, "job.expected")
                if self.terminated is not None:
                    from telemetry_kit._jobs import sigterm

                    self._sigterm = sigterm.ended(self, exc, failure)
                state, error_type = self._judge(failure)
                self._state = state
                self.job_state.finish(self, state)
                self._outer = _live(self._outer)
                self._tell_end(state, error_type, exc if failure is not None else None)
            except Exception as fault:
                faults.record("job.end", fault)
            except BaseException:  # Ctrl-C in the middle of this: nothing is swallowed, and the run doesn't stay active
                if self._state == "running":
                    self._state = "failed"
                    self.job_state.finish(self, "failed")
                raise
            finally:
                self.pause()
            if batch_job.flush_timeout is not None:
                flush.flush(batch_job.scope, batch_job.flush_timeout)
        finally:
            if batch_job.handle_sigterm:
                from telemetry_kit._jobs import sigterm

                sigterm.unwatch(self)

    def drop(self) -> None:
        """Nobody will ever end it, such as that of a coroutine which nobody awaits: it is active no longer."""
        if self._state == "running":
            self._state = None
            self.job_state.active.pop(id(self), None)
            if self.batch_job.handle_sigterm:
                from telemetry_kit._jobs import sigterm

                sigterm.unwatch(self)

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

    def _tell_end(self, state: State, error_type: str | None, exc: BaseException | None) -> None:
        batch_job = self.batch_job
        attributes: dict[str, AttributeValue] = {**self.job_state.attributes, "job.result": RESULTS[state]}
        if error_type is not None:
            attributes["error.type"] = batch_job.job.guard.error_type(error_type)
        self._record(batch_job.scope, "job.duration", attributes)
        told: dict[str, AttributeValue] = {"job.result": RESULTS[state]}
        told |= {f"job.records.{outcome}": int(number) for outcome, number in self.counted.read().items()}
        description = "terminated by SIGTERM" if self._sigterm else None
        self._end_span(batch_job.scope, batch_job.name, told, error_type, exc, description)

    def _come_from(self) -> list[Link] | None:
        """Continue what the carrier says, and give the links to what else this run comes from."""
        if self._carrier is None and self._links is None:
            return None
        from telemetry_kit import propagation

        if self._carrier is not None:
            self._context = propagation.extract(self._carrier)
        return None if self._links is None else propagation.links_to(self._links)

    def _span_attributes(self) -> dict[str, AttributeValue]:
        batch_job = self.batch_job
        attributes = {
            key: value
            for key, value in {**span_attributes(self._given), **batch_job.declared}.items()
            if key not in OWN_KEYS
        }
        attributes["job.name"] = batch_job.name
        if self.run_id is not None:
            run_id = span_value(self.run_id, "job.run.id")
            if run_id is not None:
                attributes["job.run.id"] = run_id
        if self._function is not None:
            attributes["code.function.name"] = self._function
        return attributes


class _NoRun(JobRun):
    """Where no job runs: every method does nothing."""

    def __init__(self) -> None:
        self.run_id = None

    def __repr__(self) -> str:
        return "<JobRun of no job>"

    def processed(self, n: int = 1) -> None:
        return

    def progress(self, done: float, total: float) -> None:
        return

    def _count(self, outcome: Outcome, n: int, reason: object) -> None:
        return

    def step(self, name: str) -> Step:
        return Step(None, name)

    def mark_skipped(self, reason: str | None = None) -> None:
        return

    def mark_failed(self, error_type: str) -> None:
        return

    def begin(self) -> None:
        return

    def end(self, exc: BaseException | None, result: Any = None) -> None:
        return


NO_RUN: JobRun = _NoRun()


@public
def current_run() -> JobRun:
    """The innermost run in progress, so that a decorated job, and whatever it calls, can count records and steps.

    Where no job runs it is one that does nothing, never None. Threads that the job starts don't inherit it by
    themselves: see `bind` and `Telemetry.wrap_executor`.

    >>> from telemetry_kit import current_run
    >>> current_run().processed()
    """
    return _live(CURRENT.get()) or NO_RUN


def _live(run: JobRun | None) -> JobRun | None:
    """The innermost run that is still at it: runs that overlap end in any order, and put back what has ended."""
    while run is not None and run._state != "running":
        run = run._outer
    return run
