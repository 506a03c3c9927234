"""One object that heads blocks of several tasks and threads at once."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.context import Context

from telemetry_kit import Telemetry, attached, context_attributes
from telemetry_kit._core import faults
from telemetry_kit.testing import Captured

HEADS: dict[str, Callable[[], Any]] = {
    "context_attributes": lambda: context_attributes({"tenant": "acme"}),
    "attached": lambda: attached(baggage.set_baggage("tenant", "acme", Context())),
}


def current() -> dict[str, object]:
    """What is in OpenTelemetry's context."""
    from opentelemetry.context import get_current

    return dict(get_current())


@pytest.mark.parametrize("head", HEADS)
def test_blocks_of_two_tasks_that_overlap_leave_nothing_behind(head: str) -> None:
    """Each task has its own back, in whatever order the blocks end."""
    shared = HEADS[head]()

    async def block(begun: asyncio.Event, may_end: asyncio.Event) -> dict[str, object]:
        with shared:
            begun.set()
            await may_end.wait()
        return current()

    async def both() -> list[dict[str, object]]:
        events = [asyncio.Event() for _ in range(4)]
        first = asyncio.create_task(block(events[0], events[1]))
        await events[0].wait()
        second = asyncio.create_task(block(events[2], events[3]))
        await events[2].wait()
        events[1].set()
        after_first = await first
        events[3].set()
        return [after_first, await second]

    assert asyncio.run(both()) == [{}, {}]


@pytest.mark.parametrize("head", HEADS)
def test_blocks_of_two_threads_that_overlap_leave_nothing_behind(head: str) -> None:
    """In threads too."""
    shared, barrier = HEADS[head](), threading.Barrier(4)
    after: list[dict[str, object]] = []

    def block() -> None:
        for _ in range(50):
            with shared:
                barrier.wait(30)
            after.append(current())

    threads = [threading.Thread(target=block) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert after == [{}] * 200


@pytest.mark.parametrize("head", HEADS)
def test_a_block_within_a_block_of_the_same_object(head: str) -> None:
    """It can be entered again while it is entered."""
    shared = HEADS[head]()
    with shared:
        outer = current()
        with shared:
            pass
        assert current() == outer
    assert current() == {}


@pytest.mark.telemetry_capture(allow=("ended_twice",))
@pytest.mark.parametrize("head", HEADS)
def test_an_end_without_a_beginning_is_a_fault(head: str, telemetry_capture: Captured) -> None:
    """It is counted, and nothing is raised."""
    shared, before = HEADS[head](), faults.counts().get("block.end", 0)
    with shared:
        pass

    shared.__exit__(None, None, None)

    assert faults.counts()["block.end"] == before + 1


@pytest.mark.parametrize("chain", [5])
def test_tasks_that_begin_tasks_keep_no_blocks(chain: int) -> None:
    """What has ended is not carried from task to task."""
    from telemetry_kit._core import blocks

    shared = HEADS["context_attributes"]()
    lengths: list[int] = []

    async def link(left: int) -> None:
        with shared, shared:
            following = asyncio.create_task(link(left - 1)) if left else None
        lengths.append(len(blocks._HERE.get()))
        if following is not None:
            await following

    asyncio.run(link(chain))

    assert max(lengths) <= 3


def test_async_with_does_what_with_does(telemetry: Telemetry, telemetry_capture: Captured) -> None:
    """Spans, runs, steps, attributes and contexts head blocks of async code as of any other."""
    job = telemetry.batch_job("nightly")

    async def work() -> str:
        async with context_attributes({"tenant": "acme"}), attached(Context()), telemetry.span("outer"):
            pass
        async with job.run() as run, run.step("load") as step:
            return step.name

    assert asyncio.run(work()) == "load"
    assert {span.name for span in telemetry_capture.spans} == {"outer", "nightly", "load"}
