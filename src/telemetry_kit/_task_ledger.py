"""The books of one executor: how many of its tasks are where, and what the SDK is told of that.

A task is in the queue, at a worker, or decided: that is all that is counted, and

    submitted = succeeded + failed + cancelled + rejected + lost + queued + active

holds because queued isn't counted but is what remains. Counts are kept per thread and without a lock (`_counts`).
The books don't know the executor but weakly: tasks hold them, and would otherwise keep a dropped executor's threads.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from telemetry_kit import _counts, _faults
from telemetry_kit._instruments import Reading, Series, series
from telemetry_kit._limits import ERROR_TYPES, Distinct
from telemetry_kit._outcome import CANCELLED as CANCELLED_TYPE
from telemetry_kit._outcome import OTHER, error_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from telemetry_kit._attributes import AttributeValue
    from telemetry_kit._scope import Scope

SUBMITTED, ACTIVE, SUCCEEDED, FAILED, CANCELLED, REJECTED, LOST = range(7)
"""The places of a cell: all tasks, those at a worker, and the five ways in which a task is decided."""
OUTCOMES = {
    SUCCEEDED: "succeeded",
    FAILED: "failed",
    CANCELLED: "cancelled",
    REJECTED: "rejected",
    LOST: "lost",
}


class TaskLedger(_counts.PerThread):
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
        "duration",
        "estimate",
        "kind",
        "name",
        "propagate",
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
        sample: Callable[[], bool] | None,
    ) -> None:
        super().__init__()
        self.scope = scope
        self.name = name
        self.kind = kind
        self.span = span
        self.propagate = propagate
        self.carries = propagate is not None or span
        self.sample = sample
        self.closed = False
        self.estimate: Callable[[TaskLedger, int, int | None], int] | None = None
        """How many of the unfinished tasks are at a worker, where their start can't be seen."""
        self._executor = weakref.ref(executor)
        own = {"executor.name": name, "executor.type": kind, "scope.name": scope.name}
        self.attributes = {**declared, **own}
        self.span_attributes = {**declared, "executor.name": name, "executor.type": kind}
        self._series = series(self.attributes)
        self._states = {state: self._with("executor.worker.state", state) for state in ("active", "idle")}
        self._by_outcome = {
            place: self._with("executor.task.outcome", outcome) for place, outcome in OUTCOMES.items()
        }
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
        return [0] * 7

    def _fold(self, into: Any, cell: Any) -> None:
        for place, number in enumerate(cell):
            into[place] += number

    def count(self, place: int) -> None:
        """Count one task at `place`, off the hot paths."""
        try:
            cell = self.local.cell
        except AttributeError:
            cell = self.new()
        cell[place] += 1

    # Times

    def judge(self, exc: BaseException) -> tuple[int, str | None]:
        """The outcome of a task that raised, and its `error.type`: one vocabulary with operations."""
        try:
            kind = error_type(exc)
        except Exception as fault:
            _faults.record("executor.error_type", fault)
            kind = OTHER
        return self.outcome(kind), kind

    @staticmethod
    def outcome(kind: str | None) -> int:
        """The outcome of a task that ended at a worker with this `error.type`."""
        if kind is None:
            return SUCCEEDED
        return CANCELLED if kind == CANCELLED_TYPE else FAILED

    def waited(self, seconds: float, context: Context | None = None) -> None:
        """Record how long a task was in the queue."""
        self.wait.record(seconds, self.attributes, context)

    def ran(self, seconds: float, kind: str | None, context: Context | None = None) -> None:
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
        """The sums over all threads, decided tasks first: a task that moves while they are read isn't below zero."""
        totals = [0] * 7
        cells: list[Any] = self.cells()
        for place in (SUCCEEDED, FAILED, CANCELLED, REJECTED, LOST, ACTIVE, SUBMITTED):
            totals[place] = sum(cell[place] for cell in cells)
        return totals

    def now(self, limit: int | None) -> tuple[int, int]:
        """How many tasks are at a worker, and how many in the queue."""
        totals = self.totals()
        active = max(totals[ACTIVE], 0)
        unfinished = max(totals[SUBMITTED] - sum(totals[SUCCEEDED:]), 0)
        if self.estimate is not None and unfinished > active:
            active += self.estimate(self, unfinished - active, None if limit is None else max(limit - active, 0))
        return active, max(unfinished - active, 0)


def _worker_count(ledger: TaskLedger) -> Reading:
    limit = ledger.limit()
    active, _ = ledger.now(limit)
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
        yield ledger._series, (ledger.now(limit)[0], limit)


def _queue_size(ledger: TaskLedger) -> Reading:
    yield ledger._series, ledger.now(ledger.limit())[1]


def _tasks(ledger: TaskLedger) -> Reading:
    """All outcomes, also those that have not happened: an alert on an increase needs the zero before the first."""
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
