"""The accounting of wrapped executors: how many of their tasks are where, and what became of them.

A task is in the queue, at a worker, or decided. It is in the queue as long as `queued` has its ticket, and only one can
take that out: the worker that starts it, or whoever finds that no worker will. So

    submitted = succeeded + failed + cancelled + rejected + lost + queued + active

holds by construction. What is decided belongs to the executor's name (`TaskCounts`) and outlives every executor; what is
queued or at a worker belongs to the executor (`Workers`), which is known only weakly: tasks hold their accounting, and
would otherwise keep a dropped executor's threads.
"""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import cells, clock, faults, forks
from telemetry_kit._core.cardinality import ERROR_TYPES, Distinct
from telemetry_kit._core.instruments import Reading, Series, joined, series
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._executors.outcomes import LOST, OUTCOMES, outcome_of
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from opentelemetry.context import Context

    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.scope import Scope

    Estimate = Callable[["Workers", int], int]
    """How many of the queued tasks are at a worker in truth, at most this many, where their start can't be seen."""

LOOKED_AT = 1_000
"""Queued tasks of an executor that isn't known, oldest first, whose futures are asked whether they run: a collection
must not grow with the queue."""


class Ticket:
    """A task's place in the queue, which its future calls when it is done. It doesn't know the task, so that whoever
    drops that drops all that it holds."""

    __slots__ = ("future", "workers")
    workers: Workers
    future: weakref.ref[Future[Any]]
    """The task's future, of an executor whose workers can't be seen."""

    def __call__(self, future: Future[Any]) -> None:
        workers = self.workers
        if self in workers.queued:  # no worker has started it, and none will
            workers.decide(self, outcome_of(future))


class TaskCounts(cells.PerThread):
    """What became of the tasks of all executors of one name and the same attributes: kept when they are gone."""

    __slots__ = (
        "_durations",
        "_error_types",
        "_states",
        "attributes",
        "by_outcome",
        "duration",
        "series",
        "wait",
        "workers",
    )  # fmt: skip

    def __init__(self, scope: Scope, attributes: dict[str, AttributeValue]) -> None:
        super().__init__()
        self.attributes = attributes
        self.series = series(attributes)
        self.workers: dict[int, weakref.ref[Workers]] = {}
        """The executors that there are, by their addresses."""
        self._states = {state: self._with(keys.EXECUTOR_WORKER_STATE, state) for state in ("active", "idle")}
        self.by_outcome = {
            place: self._with(keys.EXECUTOR_TASK_OUTCOME, outcome) for place, outcome in OUTCOMES.items()
        }
        self._error_types = Distinct(ERROR_TYPES)
        self._durations: dict[str | None, dict[str, AttributeValue]] = {None: attributes}
        self.wait = scope.instruments.histogram("executor.queue.wait_time")
        self.duration = scope.instruments.histogram("executor.task.duration")

    def _with(self, key: str, value: str) -> Series:
        return series({**self.attributes, key: value})

    def _make(self) -> list[int]:
        return [0] * 5

    def _fold(self, into: Any, cell: Any) -> None:
        for place, number in enumerate(cell):
            into[place] += number

    def add(self, outcome: int, number: int = 1) -> None:
        """Count tasks that were decided."""
        try:
            cell: Any = self.local.cell
        except AttributeError:
            cell = self.new()
        cell[outcome] += number

    def workers_of(self, executor: Any, estimate: Estimate | None) -> Workers:
        """The one `Workers` of an executor under this name, however often it is wrapped."""
        reference = self.workers.get(id(executor))
        found = None if reference is None else reference()
        if found is None or found.executor() is not executor:
            for key, reference in list(self.workers.items()):
                if reference() is None:
                    self.workers.pop(key, None)
            found = Workers(self, executor, estimate)
            self.workers[id(executor)] = weakref.ref(found)
            joined(found)
        return found

    def attributes_of(self, kind: str | None) -> dict[str, AttributeValue]:
        """The attributes of a task's duration, with this `error.type`."""
        attributes = self._durations.get(kind)
        if attributes is None:
            kind = self._error_types(kind or OTHER)
            attributes = self._durations.setdefault(kind, {**self.attributes, keys.ERROR_TYPE: kind})
        return attributes

    def totals(self) -> list[int]:
        """How many tasks were decided, by place."""
        with cells.exclusive:
            return [sum(numbers) for numbers in zip(*self.cells(), strict=True)] or [0] * 5

    # Observation

    def here(self) -> list[Workers]:
        """The executors that live, and that this process has made or used: what else it has is its parent's."""
        references = [reference() for reference in list(self.workers.values())]
        there = [workers for workers in references if workers is not None]
        # What was counted in a forked child says that its parent's executor was used, unless the child has made another.
        counted = bool(self.cells()) and not any(workers.is_of_this_process() for workers in there)
        return [workers for workers in there if workers.is_ours(counted)]

    def worker_count(self) -> Reading:
        for workers in self.here():
            active, limit = workers.active(), workers.limit()
            yield self._states["active"], active
            if limit is not None:
                yield self._states["idle"], 0 if workers.closed else max(limit - active, 0)

    def worker_limit(self) -> Reading:
        return [(self.series, limit) for one in self.here() if (limit := one.limit()) is not None]

    def utilization(self) -> Reading:
        return [(self.series, (one.active(), limit)) for one in self.here() if (limit := one.limit()) is not None]

    def queue_size(self) -> Reading:
        return [(self.series, one.waiting()) for one in self.here()]

    def tasks(self) -> Reading:
        """All outcomes, also those that have not happened: an alert on an increase needs the zero before the first."""
        totals = self.totals()
        return [(of, totals[place]) for place, of in self.by_outcome.items()]


class Workers(cells.Running):
    """One executor: the tasks that wait for its workers, and how many are at one. As long as it or a task is there."""

    __slots__ = ("_estimate", "_generation", "closed", "counts", "executor", "queued")

    def __init__(self, counts: TaskCounts, executor: Any, estimate: Estimate | None) -> None:
        super().__init__()
        self.queued: dict[Ticket, None] = {}
        """The tickets of the tasks that wait for a worker."""
        self.counts = counts
        self.executor = weakref.ref(executor)
        self.closed = False
        self._estimate = estimate
        self._generation: object = forks.fork.generation

    def __del__(self) -> None:
        """Nobody has its tasks any more, so nobody will run those that still wait."""
        queued = getattr(self, "queued", None)
        if queued:
            self.counts.add(LOST, len(queued))

    def forget(self) -> None:
        super().forget()
        self.queued.clear()

    def decide(self, ticket: Ticket, outcome: int) -> bool:
        """Take a task out of the queue with this outcome, unless somebody else has taken it."""
        try:
            del self.queued[ticket]
        except KeyError:
            return False
        self.counts.add(outcome)
        return True

    def is_of_this_process(self) -> bool:
        """Whether this process has made it, or was seen to use it."""
        return self._generation is forks.fork.generation

    def is_ours(self, counted: bool) -> bool:
        """Whether it is there, and this process has made or used it. A forked child has none of its parent's workers."""
        if self.executor() is None and not self.queued and not self.total():
            return False
        if not self.is_of_this_process():
            if not (self.queued or self.total() or counted):
                return False
            self._generation = forks.fork.generation
        return True

    def limit(self) -> int | None:
        """How many workers the executor has at most, where it says so: read when asked, since loky's can change."""
        try:
            limit = getattr(self.executor(), "_max_workers", None)
        except Exception as fault:
            faults.record("executor.limit", fault)
            return None
        return limit if isinstance(limit, int) and limit > 0 else None

    def active(self) -> int:
        """How many tasks are at a worker."""
        active = max(self.total(), 0)
        return active + self._estimated(active)

    def waiting(self) -> int:
        """How many tasks wait for a worker."""
        queued = len(self.queued)
        return max(queued - self._estimated(max(self.total(), 0)), 0)

    def _estimated(self, active: int) -> int:
        if self._estimate is None or not self.queued:
            return 0
        queued, limit = len(self.queued), self.limit()
        most = queued if limit is None else min(queued, max(limit - active, 0))
        return self._estimate(self, most) if most else 0


def unfinished(_workers: Workers, most: int) -> int:
    """For a process pool: the unfinished tasks up to the limit. Its futures would say "running" as soon as a task is in
    the pipe to the workers.
    """
    return most


def running(workers: Workers, most: int) -> int:
    """For an executor that isn't known: what its futures say."""
    try:
        oldest = list(itertools.islice(workers.queued, LOOKED_AT))
    except RuntimeError:  # it changed meanwhile, without the GIL
        oldest = list(workers.queued)[:LOOKED_AT]
    said = 0
    for ticket in oldest:
        future = getattr(ticket, "future", None)
        future = None if future is None else future()
        said += future is not None and future.running()
        if said >= most:
            break
    return said


class Accounting:
    """What the tasks of one wrapped executor need: how they run, and where they are counted."""

    __slots__ = ("__weakref__", "carries", "copies", "counts", "kind", "name", "propagate", "queued", "sample", "scope",
                 "span", "span_attributes", "workers")  # fmt: skip

    def __init__(
        self,
        scope: Scope,
        workers: Workers,
        *,
        name: str,
        kind: str,
        span: bool,
        propagate: str | None,
        sample: Callable[[], bool] | bool,
    ) -> None:
        self.scope = scope
        self.workers = workers
        self.counts = workers.counts
        self.queued = workers.queued
        self.name = name
        self.kind = kind
        self.span = span
        self.propagate = propagate
        self.copies = propagate == "contextvars" and kind == "thread"
        """A task runs in a copy of all context variables."""
        self.carries = span or (propagate is not None and not self.copies)
        """A task needs the OpenTelemetry context of its submitter."""
        self.sample = sample
        self.span_attributes = {key: value for key, value in self.counts.attributes.items() if key != keys.SCOPE_NAME}

    def waited(self, seconds: float, context: Context | None = None) -> None:
        """Record how long a task was in the queue."""
        self.counts.wait.record(seconds, self.counts.attributes, context)

    def ran(self, started: float, kind: str | None) -> None:
        """A task that started at `started` has ended now, with this `error.type`. Never raises."""
        try:
            self.took(clock.perf_counter() - started, kind)
        except Exception as fault:
            faults.record("executor.duration", fault)

    def took(self, seconds: float, kind: str | None, context: Context | None = None) -> None:
        """Record how long a task was at a worker, and with which `error.type` it ended."""
        self.counts.duration.record(seconds, self.counts.attributes_of(kind), context)
