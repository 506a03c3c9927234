"""The books of one executor: how many of its tasks are where, and what the SDK is told of that.

A task is in the queue, at a worker, or decided. It is in the queue as long as `queued` has its ticket, and only one can
take that out: the worker that starts it, or whoever finds that no worker will. So

    submitted = succeeded + failed + cancelled + rejected + lost + queued + active

holds by construction. What is at a worker or decided is counted per thread and without a lock (`_counts`). The books
know the executor only weakly: tasks hold them, and would otherwise keep a dropped executor's threads.
"""

from __future__ import annotations

import weakref
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Any, cast

from telemetry_kit._core import cells, clock, counters, faults
from telemetry_kit._core.cardinality import ERROR_TYPES, Distinct
from telemetry_kit._core.instruments import Reading, Series, series
from telemetry_kit._core.outcome import CANCELLED as CANCELLED_TYPE
from telemetry_kit._core.outcome import OTHER, error_type

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from opentelemetry.context import Context

    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.scope import Scope

ACTIVE, SUCCEEDED, FAILED, CANCELLED, REJECTED, LOST = range(6)
"""The places of a cell: tasks at a worker, and the five ways in which a task is decided."""
OUTCOMES = {
    SUCCEEDED: "succeeded",
    FAILED: "failed",
    CANCELLED: "cancelled",
    REJECTED: "rejected",
    LOST: "lost",
}
CROWDED = 1_000
"""Queued tasks from which on a submission looks for cancelled ones among them, whenever their number has doubled."""
_DIED = frozenset({"KilledWorker"})
"""Names of other executors' exceptions for a worker that died; those of loky derive from `BrokenExecutor`."""


class Ticket:
    """A task's place in the queue. It doesn't know the task, so that whoever drops that drops all that it holds."""

    __slots__ = ("future",)
    future: Any
    """The task's future or a weak reference to it; unset until the executor has given one."""


class TaskLedger(counters.PerThread):
    """Counts, times and attributes of one wrapped executor."""

    __slots__ = (
        "_by_outcome",
        "_durations",
        "_error_types",
        "_executor",
        "_series",
        "_states",
        "attributes",
        "carries",
        "closed",
        "copies",
        "crowded",
        "duration",
        "estimate",
        "kind",
        "name",
        "propagate",
        "queued",
        "sample",
        "scope",
        "span",
        "span_attributes",
        "wait",
    )

    def __init__(
        self,
        scope: Scope,
        executor: Any,
        *,
        name: str,
        kind: str,
        declared: dict[str, AttributeValue],
        span: bool,
        propagate: str | None,
        sample: Callable[[], bool] | bool,
    ) -> None:
        super().__init__()
        self.queued: dict[Ticket, None] = {}
        """The tickets of the tasks that wait for a worker."""
        self.crowded = CROWDED
        self.scope = scope
        self.name = name
        self.kind = kind
        self.span = span
        self.propagate = propagate
        self.copies = propagate == "contextvars" and kind == "thread"
        """A task runs in a copy of all context variables."""
        self.carries = span or (propagate is not None and not self.copies)
        """A task needs the OpenTelemetry context of its submitter."""
        self.sample = sample
        self.closed = False
        self.estimate: Callable[[TaskLedger, int], int] | None = None
        """How many queued tasks are at a worker in truth, at most this many, where their start can't be seen."""
        self._executor = weakref.ref(executor)
        own = {"executor.name": name, "executor.type": kind, "scope.name": scope.name}
        self.attributes = {**declared, **own}
        self.span_attributes = {**declared, "executor.name": name, "executor.type": kind}
        self._series = series(self.attributes)
        self._states = {state: self._with("executor.worker.state", state) for state in ("active", "idle")}
        self._by_outcome = {place: self._with("executor.task.outcome", outcome) for place, outcome in OUTCOMES.items()}
        self._error_types = Distinct(ERROR_TYPES)
        self._durations: dict[str | None, dict[str, AttributeValue]] = {None: self.attributes}
        instruments = scope.instruments
        self.wait = instruments.histogram("executor.queue.wait_time")
        self.duration = instruments.histogram("executor.task.duration")
        for metric, read in READINGS.items():
            instruments.observe(metric, self, read)

    def _with(self, key: str, value: str) -> Series:
        return series({**self.attributes, key: value})

    def _make(self) -> list[int]:
        return [0] * 6

    def _fold(self, into: Any, cell: Any) -> None:
        for place, number in enumerate(cell):
            into[place] += number

    def forget(self) -> None:
        super().forget()
        self.queued.clear()

    # Decisions

    def decide(self, ticket: Ticket, outcome: int) -> bool:
        """Take a task out of the queue with this outcome, unless somebody else has taken it."""
        try:
            del self.queued[ticket]
        except KeyError:
            return False
        try:
            cell: Any = self.local.cell
        except AttributeError:
            cell = self.new()
        cell[outcome] += 1
        return True

    def sweep(self) -> None:
        """Decide over queued tasks whose futures are done: cancelled ones above all."""
        for ticket in list(self.queued):
            future: Any = getattr(ticket, "future", None)
            if future.__class__ is weakref.ref:
                future = future()
            if future is not None and future.done():
                self.decide(ticket, outcome_of(future))

    def sweep_crowd(self) -> None:
        """The queue has become long: cancelled tasks must not pile up in it while nobody collects."""
        try:
            self.sweep()
        finally:
            self.crowded = max(CROWDED, 2 * len(self.queued))

    # Times

    def waited(self, seconds: float, context: Context | None = None) -> None:
        """Record how long a task was in the queue."""
        self.wait.record(seconds, self.attributes, context)

    def ran(self, started: float, kind: str | None) -> None:
        """A task that started at `started` has ended now, with this `error.type`. Never raises."""
        try:
            self.took(clock.perf_counter() - started, kind)
        except Exception as fault:
            faults.record("executor.duration", fault)

    def took(self, seconds: float, kind: str | None, context: Context | None = None) -> None:
        """Record how long a task was at a worker, and with which `error.type` it ended."""
        attributes = self._durations.get(kind)
        if attributes is None:
            kind = self._error_types(kind or OTHER)
            attributes = self._durations.setdefault(kind, {**self.attributes, "error.type": kind})
        self.duration.record(seconds, attributes, context)

    # Observation

    def limit(self) -> int | None:
        """How many workers the executor has at most, where it says so: read when asked, since loky's can change."""
        limit = getattr(self._executor(), "_max_workers", None)
        return limit if isinstance(limit, int) and limit > 0 else None

    def totals(self) -> list[int]:
        """The sums over all threads."""
        with cells.exclusive:
            return [sum(numbers) for numbers in zip(*cast("list[list[int]]", self.cells()), strict=True)] or [0] * 6

    def at_workers(self) -> int:
        """How many tasks are at a worker."""
        active = max(self.totals()[ACTIVE], 0)
        return active if self.estimate is None else active + self._estimated(active)

    def in_queue(self) -> int:
        """How many tasks wait for a worker."""
        self.sweep()
        queued = len(self.queued)
        if self.estimate is None or not queued:
            return queued
        return max(queued - self._estimated(max(self.totals()[ACTIVE], 0)), 0)

    def _estimated(self, active: int) -> int:
        self.sweep()
        queued, limit = len(self.queued), self.limit()
        most = queued if limit is None else min(queued, max(limit - active, 0))
        return self.estimate(self, most) if most and self.estimate is not None else 0


def judge(exc: BaseException) -> tuple[int, str | None]:
    """The outcome of a task that raised, and its `error.type`: one vocabulary with operations."""
    try:
        kind = error_type(exc)
    except Exception as fault:
        faults.record("executor.error_type", fault)
        kind = OTHER
    return outcome_by(kind), kind


def outcome_by(kind: str | None) -> int:
    """The outcome of a task that ended at a worker with this `error.type`."""
    if kind is None:
        return SUCCEEDED
    return CANCELLED if kind == CANCELLED_TYPE else FAILED


def outcome_of(future: Future[Any]) -> int:
    """The outcome of a task that no worker has told, by its future."""
    if future.cancelled():
        return CANCELLED
    exc = future.exception()
    if exc is None:
        return SUCCEEDED
    return LOST if isinstance(exc, BrokenExecutor) or type(exc).__name__ in _DIED else FAILED


def _worker_count(ledger: TaskLedger) -> Reading:
    limit = ledger.limit()
    active = ledger.at_workers()
    yield ledger._states["active"], active
    if limit is not None:
        yield ledger._states["idle"], 0 if ledger.closed else max(limit - active, 0)


def _worker_limit(ledger: TaskLedger) -> Reading:
    limit = ledger.limit()
    if limit is not None:
        yield ledger._series, limit


def _worker_utilization(ledger: TaskLedger) -> Reading:
    limit = ledger.limit()
    if limit is not None:
        yield ledger._series, (ledger.at_workers(), limit)


def _queue_size(ledger: TaskLedger) -> Reading:
    yield ledger._series, ledger.in_queue()


def _tasks(ledger: TaskLedger) -> Reading:
    """All outcomes, also those that have not happened: an alert on an increase needs the zero before the first."""
    ledger.sweep()
    totals = ledger.totals()
    for place, of in ledger._by_outcome.items():
        yield of, totals[place]


READINGS: dict[str, Callable[[TaskLedger], Reading]] = {
    "executor.worker.count": _worker_count,
    "executor.worker.limit": _worker_limit,
    "executor.worker.utilization": _worker_utilization,
    "executor.queue.size": _queue_size,
    "executor.tasks": _tasks,
}
