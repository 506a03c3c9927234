"""A loop over records that counts them: what `run.track(rows)` hands out, and what became of each."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Counting(Protocol):
    """The run whose records these are."""

    def processed(self, n: int = 1) -> None: ...
    def progress(self, done: float, total: float) -> None: ...


RECORD: ContextVar[list[Any] | None] = ContextVar("telemetry_kit.job_record", default=None)
"""The record that was handed out last: its run, and whether the loop's body has said what became of it. A context
variable, so that tasks that go through records of one run at once don't answer for each other's."""


def track(run: Counting, items: Iterable[T], total: int | None) -> Iterator[T]:
    before, record = RECORD.get(), [run, False]
    done = 0
    try:
        for item in items:
            record[1] = False
            RECORD.set(record)
            yield item
            done += 1
            if not record[1]:
                run.processed()
            if total is not None:
                run.progress(done, total)
    finally:
        if RECORD.get() is record:
            RECORD.set(before)


async def track_async(run: Counting, items: AsyncIterable[T], total: int | None) -> AsyncIterator[T]:
    before, record = RECORD.get(), [run, False]
    done = 0
    try:
        async for item in items:
            record[1] = False
            RECORD.set(record)
            yield item
            done += 1
            if not record[1]:
                run.processed()
            if total is not None:
                run.progress(done, total)
    finally:
        if RECORD.get() is record:
            RECORD.set(before)
