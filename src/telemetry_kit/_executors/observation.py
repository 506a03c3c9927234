"""What a collection asks of all executors of a scope's name: one source a metric, however many come and go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from telemetry_kit._core import cells
from telemetry_kit._core.instruments import Reading, Series, series
from telemetry_kit._core.registry import Registry
from telemetry_kit._core.turn import Turn
from telemetry_kit._executors.accounting import TaskCounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.observed import SinceThen
    from telemetry_kit._core.scope import Scope


class _Executors:
    """The accounts of a scope's name."""

    __slots__ = ("__weakref__", "counts", "new")

    def __init__(self) -> None:
        self.counts: dict[Series, TaskCounts] = {}
        self.new = Turn()
        """Taken by whoever has it observed."""


_EXECUTORS: Registry[_Executors] = Registry(_Executors)


def counts_of(scope: Scope, attributes: dict[str, AttributeValue]) -> TaskCounts:
    """The account of these attributes."""
    executors = _EXECUTORS.of(scope)
    key = series(attributes)
    found = executors.counts.get(key)
    if found is None:
        found = executors.counts.setdefault(key, TaskCounts(scope, attributes))
    if executors.new.take():
        for metric, read in READINGS.items():
            since = _tasks_since if metric == "executor.tasks" else partial(_read_living, read)
            scope.instruments.observe(metric, executors, partial(_read_all, read), since)
    return found


def _read_all(read: Callable[[TaskCounts], Reading], executors: _Executors) -> Reading:
    for counts in list(executors.counts.values()):
        yield from read(counts)


READINGS: dict[str, Callable[[TaskCounts], Reading]] = {
    "executor.worker.count": TaskCounts.worker_count,
    "executor.worker.limit": TaskCounts.worker_limit,
    "executor.worker.utilization": TaskCounts.utilization,
    "executor.queue.size": TaskCounts.queue_size,
    "executor.tasks": TaskCounts.tasks,
}

# What a capture asks: of thousands nearly all are gone, so that no function is called for each.


def _read_living(read: Callable[[TaskCounts], Reading], executors: _Executors, _: SinceThen) -> Reading:
    every = list(executors.counts.values())
    for counts in dict.fromkeys(
        [one for one in every for workers in list(one.workers.values()) if workers() is not None]
    ):
        yield from read(counts)


def _tasks_since(executors: _Executors, then: SinceThen) -> Reading:
    every = list(executors.counts.values())
    zeros = [(of, 0) for counts in every for of in counts.by_outcome.values()]
    with cells.exclusive:
        all_cells = cells.of_all(every)
        return then.new(
            executors,
            zeros + [(of, cell[place]) for counts, cell in all_cells for place, of in counts.by_outcome.items()],
        )
