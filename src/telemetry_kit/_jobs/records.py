"""The records of a run: counted by outcome, for the run and for the job, and looped over by `track`."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, overload

from telemetry_kit._core import context, counters, faults
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._jobs.state import Job, JobState, Outcome
from telemetry_kit.catalogue import keys

T = TypeVar("T")

MOST = 2**53
"""Records counted at once: a number that no exporter can send would lose it everything else of its batch."""


class Record:
    """The record that `track` handed out last."""

    __slots__ = ("counted", "run")

    def __init__(self, run: Records) -> None:
        self.run = run
        self.counted: bool = False
        """Whether the loop's body has said what became of it."""


CURRENT_RECORD: ContextVar[Record | None] = ContextVar("telemetry_kit.job_record", default=None)
"""A context variable, so that tasks that go through records of one run at once don't answer for each other's."""


class Records:
    """What a run says of its records. It never raises, and can be called from any thread."""

    if TYPE_CHECKING:
        _current: Any  # the run's own

    def __init__(self, job: Job, state: JobState) -> None:
        self._job = job
        self._job_state = state
        self._counted: counters.Tally[str] = counters.Tally()
        """The run's records by outcome; those of the job are its own."""
        self._records = job.records
        self._processed = state.part((keys.JOB_RECORD_OUTCOME, "processed"))

    def processed(self, n: int = 1) -> None:
        """Count `n` records that were processed.

        >>> from telemetry_kit import Telemetry
        >>> job = Telemetry("shop").batch_job("import")
        >>> with job.run() as run:
        ...     run.processed(500)
        """
        try:
            if n.__class__ is not int or not 0 <= n <= MOST:
                n = _whole(n)
            self._counted.add("processed", n)
            self._records.add(self._processed, n)
            record = CURRENT_RECORD.get()
            if record is not None and record.run is self:
                record.counted = True
        except Exception as fault:
            faults.record("job.records", fault)

    def failed(self, n: int = 1, reason: str | None = None) -> None:
        """Count `n` records that could not be processed. Of the reasons, which should be few, the first 100 are kept.

        >>> with job.run() as run:
        ...     run.failed(2, "not_a_number")
        """
        self._count("failed", n, reason)

    def skipped(self, n: int = 1, reason: str | None = None) -> None:
        """Count `n` records that there was no need to process, with one of a few reasons.

        >>> with job.run() as run:
        ...     run.skipped(7, "known")
        """
        self._count("skipped", n, reason)

    def progress(self, done: float, total: float) -> None:
        """Say how much is done, of how much, in any unit. Cheap enough to be called for every record.

        >>> with job.run() as run:
        ...     run.progress(4_096, 65_536)
        """
        self._current.done_of_total = (done, total)

    @overload
    def track(self, iterable: Iterable[T], total: int | None = None) -> Iterator[T]: ...

    @overload
    def track(self, iterable: AsyncIterable[T], total: int | None = None) -> AsyncIterator[T]: ...

    def track(self, iterable: Any, total: int | None = None) -> Any:
        """Hand out the items of `iterable`, sync or async, and count each as processed when the loop comes back for
        the next one, unless the loop's body has said itself what became of it (`failed`, `skipped`, `processed`).

        `total` is `len(iterable)` where it has one; without a total there is no progress, the records are counted all
        the same. The item at which a loop is left, by `break` or an exception, is not counted.

        >>> with job.run() as run:
        ...     for row in run.track(["1", "2", "x"]):
        ...         if not row.isdigit():
        ...             run.failed(1, "not_a_number")
        """
        if total is None:
            try:
                total = len(iterable)
            except Exception as odd:  # no length, or one that it can't tell
                faults.pass_on(odd)
        if hasattr(iterable, "__aiter__"):
            return _track_async(self, iterable, total)
        return _track(self, iterable, total)

    def _count(self, outcome: Outcome, n: int, reason: object) -> None:
        try:
            n = _whole(n)
            more: list[tuple[str, AttributeValue]] = [(keys.JOB_RECORD_OUTCOME, outcome)]
            if reason is not None:
                with faults.guard("job.records"):  # a reason that can't be hashed costs itself, not the record
                    guarded = self._job.guard.value(keys.JOB_RECORD_REASON, reason)
                    if guarded is not None:
                        more.append((keys.JOB_RECORD_REASON, guarded))
            self._counted.add(outcome, n)
            self._records.add(self._job_state.part(*more), n)
            record = CURRENT_RECORD.get()
            if record is not None and record.run is self:
                record.counted = True
        except Exception as fault:
            faults.record("job.records", fault)


def _whole(n: Any) -> int:
    number = int(n)
    if not 0 <= number <= MOST:
        msg = f"a number of records must be from 0 to {MOST}, got {n!r:.100}"
        raise ValueError(msg)
    return number


def _track(run: Records, items: Iterable[T], total: int | None) -> Iterator[T]:
    context.travels_with_bodies(CURRENT_RECORD)
    before, record = CURRENT_RECORD.get(), Record(run)
    done = 0
    try:
        for item in items:
            record.counted = False
            CURRENT_RECORD.set(record)
            yield item
            done += 1
            if not record.counted:
                run.processed()
            if total is not None:
                run.progress(done, total)
    finally:
        if CURRENT_RECORD.get() is record:
            CURRENT_RECORD.set(before)


async def _track_async(run: Records, items: AsyncIterable[T], total: int | None) -> AsyncIterator[T]:
    context.travels_with_bodies(CURRENT_RECORD)
    before, record = CURRENT_RECORD.get(), Record(run)
    done = 0
    try:
        async for item in items:
            record.counted = False
            CURRENT_RECORD.set(record)
            yield item
            done += 1
            if not record.counted:
                run.processed()
            if total is not None:
                run.progress(done, total)
    finally:
        if CURRENT_RECORD.get() is record:
            CURRENT_RECORD.set(before)
