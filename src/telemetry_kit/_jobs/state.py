"""What is known of each batch job, in this process: its last run, the runs in progress, its records.

All of it is observed when the SDK collects, so that an SDK that comes late misses nothing. A job is its name and its
declared attributes in a scope, whoever makes how many `BatchJob` objects for it; runs with metric attributes of their
own have a state of their own, so that a failure of one region is not hidden by the success of the next.

States are kept for the life of the process: a job that is over when the exit handlers collect must still be reported.

Runs that overlap share one state. Each start puts the success timestamp to 0, each success writes it, and no failure
touches it; what is said of "the last finished run" is said of the one that ended last.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Mapping
from operator import methodcaller
from typing import Literal, Protocol

from telemetry_kit._core import clock, counters, faults, forks, observer
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.cardinality import ValueGuard
from telemetry_kit._core.instruments import Instruments, Reading, Series, series
from telemetry_kit._core.observed import Account
from telemetry_kit._core.overflow import Overflow
from telemetry_kit._core.registry import Registry
from telemetry_kit._core.turn import Turn
from telemetry_kit.catalogue import keys

State = Literal["running", "succeeded", "failed", "skipped", "cancelled"]
Outcome = Literal["processed", "failed", "skipped"]

STATES: tuple[State, ...] = ("running", "succeeded", "failed", "skipped", "cancelled")
RESULTS: dict[State, str] = {
    "succeeded": "success",
    "failed": "failure",
    "skipped": "skipped",
    "cancelled": "cancelled",
}
"""The `job.result` of a run that ended in a state."""
WELL: tuple[State, ...] = ("succeeded", "skipped")
"""The states of a run that completed well: nothing to do is no failure."""
OUTCOMES: tuple[Outcome, ...] = ("processed", "failed", "skipped")


class Active(Protocol):
    """What a state knows of a run in progress."""

    started: float
    """When it started, on the monotonic clock."""
    done_of_total: tuple[float, float] | None
    """What it has last said of its progress."""
    counted: counters.Tally[str]
    """Its records by outcome."""


class JobState:
    """The runs of one job that have the same attributes."""

    __slots__ = (
        "__weakref__", "_parts", "active", "attributes", "ended_at", "last", "last_records", "last_success", "last_success_at",
        "reported", "series", "started_at", "succeeded_at",
    )  # fmt: skip

    def __init__(self, attributes: dict[str, AttributeValue]) -> None:
        self.attributes: dict[str, AttributeValue] = attributes
        self.series: Series = series(attributes)
        self._parts: dict[tuple[tuple[str, AttributeValue], ...], Series] = {}
        self.reported: bool = True
        """Whether a collection reports it: not in a capture that began after it was declared and in which it has had no run."""
        self.forget()
        _states.add(self)

    def forget(self) -> None:
        """No run has ever been: at first, and in a forked child, whose parent reports what it started."""
        self.active: dict[int, Active] = {}
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.succeeded_at: float | None = None
        self.last_success: float | None = None
        """When the last success was, on the monotonic clock."""
        self.last_success_at: float | None = None
        """The same on the wall clock."""
        self.last: State | None = None
        """How the run that finished last ended."""
        self.last_records: counters.Tally[str] | None = None

    def start(self, run: Active) -> None:
        """A run begins."""
        self.active[id(run)] = run
        self.last_records = run.counted
        self.succeeded_at = 0.0
        self.reported = True
        self.started_at = clock.time()

    def finish(self, run: Active, state: State) -> None:
        """The run is over."""
        now = clock.time()
        if state in WELL:
            self.last_success = clock.perf_counter()
            self.succeeded_at = self.last_success_at = now
        self.ended_at = now
        self.last = state
        self.active.pop(id(run), None)

    def part(self, *more: tuple[str, AttributeValue]) -> Series:
        """The series of this state with these attributes more."""
        try:
            return self._parts[more]
        except KeyError:
            return self._parts.setdefault(more, series({**self.attributes, **dict(more)}))


class Job:
    """One job of a scope: its declared attributes, its limits, and a state for each set of attributes of its runs."""

    __slots__ = ("_told", "declared", "expected_interval", "guard", "name", "own", "records", "states")

    def __init__(
        self, name: str, declared: dict[str, AttributeValue], guard: ValueGuard, records: Account, told: dict[Job, None]
    ) -> None:
        self._told = told
        self.records: Account = records
        """Counted by its runs, whatever becomes of the states."""
        self.name: str = name
        self.declared: dict[str, AttributeValue] = declared
        self.expected_interval: float | None = None
        self.guard: ValueGuard = guard
        self.own: JobState = JobState(declared)
        """The state of runs without attributes of their own."""
        self.states: dict[Series, JobState] = {self.own.series: self.own}

    def state_of(self, given: Mapping[str, object]) -> tuple[JobState, dict[str, AttributeValue]]:
        """The state of runs with these attributes of their own, and those as their spans have them."""
        guarded, on_span = self.guard.both(given)
        if not self.guard.admit(guarded, None):
            guarded = self.guard.collapse(guarded)
        state = JobState({**self.declared, **guarded})
        return self.states.setdefault(state.series, state), on_span

    def start(self, state: JobState, run: Active) -> None:
        """A run begins, which has this state."""
        state.start(run)
        self._told[self] = None

    def forget_finished(self) -> None:
        """It is told of again when it is declared anew or has another run; what runs now is told of."""
        for state in list(self.states.values()):
            if not state.active:
                state.forget()
                state.reported = False
        if not self.shown():
            self._told.pop(self, None)

    def shown(self) -> list[JobState]:
        """The states to tell of. That of the declaration counts before the first run, and is left out where only runs
        with attributes of their own have been.
        """
        states = [state for state in list(self.states.values()) if state.reported]
        if len(states) > 1 and self.own.started_at is None and self.own.reported:
            states.remove(self.own)
        return states


JOB_KEYS = frozenset(
    {
        keys.ERROR_TYPE,
        keys.JOB_NAME,
        keys.JOB_RECORD_OUTCOME,
        keys.JOB_RECORD_REASON,
        keys.JOB_RESULT,
        keys.JOB_RUN_ID,
        keys.JOB_STATE,
        keys.JOB_STEP_NAME,
        keys.SCOPE_NAME,
    }
)
"""The kit's own attributes, which win over a user's."""


class Jobs:
    """All jobs that are reported to one meter provider: what is known of them is kept when nobody has them any more."""

    def __init__(self) -> None:
        self.new = Turn()
        """Taken by whoever has them observed."""
        _all.add(self)
        self._guards: dict[tuple[str, str], ValueGuard] = {}
        self.jobs: dict[tuple[str, Series], Job] = {}
        self.told: dict[Job, None] = {}
        """Those that a collection tells of: all, but for what a capture has forgotten."""

    def job(
        self, instruments: Instruments, scope: str, name: str, declared: Mapping[str, object]
    ) -> tuple[Job, dict[str, AttributeValue]]:
        """The one job of this name and these attributes in the scope, and those as its spans have them."""
        guard = self._guards.get((scope, name))
        if guard is None:
            overflow = Overflow(instruments, scope, "job", name)
            guard = self._guards.setdefault((scope, name), ValueGuard(own=JOB_KEYS, overflowed=overflow))
        guarded, on_span = guard.both(declared)
        attributes: dict[str, AttributeValue] = {
            **(guarded if guard.admit(guarded, None) else guard.collapse(guarded)),
            keys.JOB_NAME: name,
            keys.SCOPE_NAME: scope,
        }
        made = Job(name, attributes, guard, instruments.account("job.records"), self.told)
        found = self.jobs.setdefault((scope, series(attributes)), made)
        found.own.reported = True
        self.told[found] = None
        return found, on_span

    def states(self) -> Iterator[JobState]:
        return (state for job in list(self.told) for state in job.shown())


def _known(name: str) -> Callable[[Jobs], Reading]:
    """Reads one number of each state, where it is known."""

    def read(jobs: Jobs) -> Reading:
        return [(state.series, at) for state in jobs.states() if (at := getattr(state, name)) is not None]

    return read


def _failed(jobs: Jobs) -> Reading:
    return [(state.series, int(last not in WELL)) for state in jobs.states() if (last := state.last) is not None]


def _last_success_age(jobs: Jobs) -> Reading:
    now = clock.perf_counter()
    return [(state.series, max(0.0, now - at)) for state in jobs.states() if (at := state.last_success) is not None]


def _expected_interval(jobs: Jobs) -> Reading:
    for job in list(jobs.told):
        interval = job.expected_interval
        if interval is not None:
            yield from ((state.series, interval) for state in job.shown())


def _active(jobs: Jobs) -> Reading:
    return [(state.series, len(state.active)) for state in jobs.states()]


def _elapsed(jobs: Jobs) -> Reading:
    now = clock.perf_counter()
    for state in jobs.states():
        started = [run.started for run in list(state.active.values())]
        if started:
            yield state.series, max(0.0, now - min(started))


def _last_run_records(jobs: Jobs) -> Reading:
    for state in jobs.states():
        if state.last_records is not None:
            counted = state.last_records.read()
            for outcome in OUTCOMES:
                yield state.part((keys.JOB_RECORD_OUTCOME, outcome)), counted.get(outcome, 0)


def _progress(jobs: Jobs) -> Reading:
    for state in jobs.states():
        said = [run.done_of_total for run in list(state.active.values()) if run.done_of_total is not None]
        if said:
            done, total = said[-1]
            try:
                share = float(done) / float(total)
            except ZeroDivisionError:  # nothing to do at all
                continue
            except Exception as fault:
                faults.record("job.progress", fault)
                continue
            if 0.0 <= share < math.inf:
                yield state.series, share
            else:
                faults.record("job.progress", ValueError(f"a share must be a finite number from 0 on, got {share}"))


def _state(jobs: Jobs) -> Reading:
    for state in jobs.states():
        now: State | None = "running" if state.active else state.last
        if now is not None:
            for word in STATES:
                yield state.part((keys.JOB_STATE, word)), int(word == now)


READERS: dict[str, Callable[[Jobs], Reading]] = {
    "job.start.timestamp": _known("started_at"),
    "job.success.timestamp": _known("succeeded_at"),
    "job.last_success.timestamp": _known("last_success_at"),
    "job.failed": _failed,
    "job.end.timestamp": _known("ended_at"),
    "job.last_success.age": _last_success_age,
    "job.expected_interval": _expected_interval,
    "job.active": _active,
    "job.elapsed": _elapsed,
    "job.last_run.records": _last_run_records,
    "job.progress": _progress,
    "job.state": _state,
}
"""What is observed of all jobs, by metric."""

_JOBS: Registry[Jobs] = Registry(Jobs)
_all: weakref.WeakSet[Jobs] = weakref.WeakSet()
_states: forks.Living[JobState] = forks.Living(methodcaller("forget"))


def jobs_of(instruments: Instruments) -> Jobs:
    """The one `Jobs` of these instruments."""
    jobs = _JOBS.of(instruments)
    if jobs.new.take():
        for metric, read in READERS.items():
            instruments.observe(metric, jobs, read)
    return jobs


def _forget_finished() -> None:
    for jobs in list(_all):
        for job in list(jobs.told):
            job.forget_finished()


observer.at_capture(_forget_finished)
