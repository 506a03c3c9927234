"""Records by outcome, progress, steps, and the loop that does the counting."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from telemetry_kit import BatchJob, JobRun, Telemetry, bind, current_run
from telemetry_kit.testing import Captured


@pytest.fixture
def job(telemetry: Telemetry) -> BatchJob:
    return telemetry.batch_job("nightly")


def outcomes(captured: Captured, metric: str = "job.records") -> dict[str, float]:
    """Records by outcome, over all reasons."""
    found: dict[str, float] = {}
    for point in captured.points(metric):
        outcome = point.attributes["job.record.outcome"]
        found[outcome] = found.get(outcome, 0) + point.value
    return found


def test_records_by_outcome_and_reason(captured: Captured, job: BatchJob) -> None:
    """`processed`, `failed` and `skipped` count into `job.records`, the latter two with a reason."""
    with job.run() as run:
        run.processed()
        run.processed(10)
        run.failed(1, "bad_row")
        run.failed(2, reason="bad_row")
        run.failed()
        run.skipped(3, "duplicate")

    assert outcomes(captured) == {"processed": 11, "failed": 4, "skipped": 3}
    assert captured.value("job.records", {"job.record.reason": "bad_row"}) == 3
    reasons = {found.attributes.get("job.record.reason") for found in captured.points("job.records")}
    assert reasons == {None, "bad_row", "duplicate"}


def test_records_of_all_runs_and_of_the_last(captured: Captured, job: BatchJob) -> None:
    """`job.records` goes on over all runs, `job.last_run.records` starts with each."""
    with job.run() as run:
        run.processed(5)
    with job.run() as run:
        during = outcomes(captured, "job.last_run.records")
        run.processed(2)

    assert during == {"processed": 0, "failed": 0, "skipped": 0}
    assert (outcomes(captured)["processed"], outcomes(captured, "job.last_run.records")["processed"]) == (7, 2)


def test_a_run_without_records_says_zero(captured: Captured, job: BatchJob) -> None:
    """A run that had no records shows zeros, so that an alert can tell."""
    with job.run() as run:
        for _ in run.track([]):
            pass

    assert outcomes(captured, "job.last_run.records") == {"processed": 0, "failed": 0, "skipped": 0}


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_reasons_without_end_are_bounded(captured: Captured, job: BatchJob) -> None:
    """STM.3: the first 100 reasons are kept, the others are `_OTHER`, and no record is lost."""
    with job.run() as run:
        for number in range(1_000):
            run.failed(1, f"row {number} is bad")

    assert (len(captured.points("job.records")), captured.value("job.records")) == (101, 1_000)


def test_records_are_exact_in_threads(captured: Captured, job: BatchJob) -> None:
    """PRC.3: eight threads that count at once lose nothing."""
    with job.run() as run:
        start = threading.Barrier(8)

        def work() -> None:
            start.wait()
            for _ in range(5_000):
                run.processed()
                run.failed(1, "bad_row")

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert outcomes(captured) == {"processed": 40_000, "failed": 40_000}
    assert outcomes(captured, "job.last_run.records") == {"processed": 40_000, "failed": 40_000, "skipped": 0}


def test_the_span_says_how_many(captured: Captured, job: BatchJob) -> None:
    """The run's own numbers are on its span."""
    with job.run() as run:
        run.processed(7)
        run.failed(1, "bad_row")

    attributes = captured.span("nightly").attributes
    assert (attributes["job.records.processed"], attributes["job.records.failed"]) == (7, 1)


# track


def test_track_counts_what_the_loop_came_back_from(captured: Captured, job: BatchJob) -> None:
    """Each item is a processed record and a bit of progress."""
    seen: list[float] = []
    with job.run() as run:
        for _ in run.track(["a", "b", "c", "d"]):
            seen += [point.value for point in captured.points("job.progress")]
        done = captured.point("job.progress").value

    assert (outcomes(captured), seen, done) == ({"processed": 4}, [0.25, 0.5, 0.75], 1.0)


def test_track_believes_the_body(captured: Captured, job: BatchJob) -> None:
    """A record that the body calls failed or skipped is not processed too."""
    with job.run() as run:
        for row in run.track([1, 2, 3, 4]):
            if row == 2:
                run.failed(1, "bad_row")
            if row == 3:
                run.skipped(1, "duplicate")

    assert outcomes(captured) == {"processed": 2, "failed": 1, "skipped": 1}


def test_track_of_batches(captured: Captured, job: BatchJob) -> None:
    """A body that counts the records of a batch itself is believed as well."""
    with job.run() as run:
        for batch in run.track([["a", "b"], ["c"]]):
            run.processed(len(batch))

    assert outcomes(captured) == {"processed": 3}


def test_track_in_track(captured: Captured, job: BatchJob) -> None:
    """An outer and an inner loop each answer for their own records."""
    with job.run() as run:
        for _ in run.track(["a", "b"]):
            for row in run.track([1, 2, 3]):
                if row == 3:
                    run.failed(1, "bad_row")

    assert outcomes(captured) == {"processed": 6, "failed": 2}


def test_track_of_another_run(captured: Captured, telemetry: Telemetry, job: BatchJob) -> None:
    """What an inner job says of its records is nothing to the outer one."""
    with job.run() as outer:
        for _ in outer.track(["a"]):
            with telemetry.batch_job("inner").run() as inner:
                inner.failed(1, "bad_row")

    assert captured.value("job.records", {"job.name": "nightly", "job.record.outcome": "processed"}) == 1


def test_track_stops_at_an_exception(captured: Captured, job: BatchJob) -> None:
    """The record at which the body raised is not processed."""
    with pytest.raises(ValueError), job.run() as run:
        for row in run.track([1, 2, 3]):
            if row == 2:
                raise ValueError

    assert outcomes(captured) == {"processed": 1}


def test_track_leaves_nothing_behind(job: BatchJob, captured: Captured) -> None:
    """After a loop that was left early, what is counted later is counted as ever."""
    with job.run() as run:
        for _ in run.track([1, 2]):
            break
        run.failed()
        for _ in run.track([1]):
            pass

    assert outcomes(captured) == {"failed": 1, "processed": 1}


def test_track_without_a_length(captured: Captured, job: BatchJob) -> None:
    """An iterator without a length is counted, and has progress only if it is told the total."""

    def rows() -> Iterator[int]:
        yield from range(4)

    with job.run() as run:
        for _ in run.track(rows()):
            pass
        without = captured.points("job.progress")
        for _ in run.track(rows(), total=8):
            pass
        with_total = captured.point("job.progress").value

    assert (without, with_total, outcomes(captured)) == ([], 0.5, {"processed": 8})


@pytest.mark.asyncio
async def test_track_of_an_async_iterable(captured: Captured, job: BatchJob) -> None:
    """Async iterables are tracked with `async for`."""

    async def rows() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    with job.run() as run:
        seen = [row async for row in run.track(rows(), total=3)]
        progress = captured.point("job.progress").value

    assert (seen, progress, outcomes(captured)) == ([0, 1, 2], 1.0, {"processed": 3})


@pytest.mark.asyncio
async def test_tasks_that_track_one_run(captured: Captured, job: BatchJob) -> None:
    """Two tasks that go through records of one run at once don't answer for each other's."""

    async def work(run: JobRun, bad: bool) -> None:
        for _ in run.track(range(5)):
            await asyncio.sleep(0)  # the other task's turn
            if bad:
                run.failed(1, "bad_row")
            await asyncio.sleep(0)  # the other task's turn

    with job.run() as run:
        await asyncio.gather(work(run, True), work(run, False))

    assert outcomes(captured) == {"failed": 5, "processed": 5}


def test_where_no_job_runs_everything_does_nothing(captured: Captured, telemetry: Telemetry) -> None:
    """`current_run()` outside of a run is one that counts nothing and hands out all items."""
    run = current_run()
    seen = list(run.track([1, 2]))
    run.processed()
    run.failed(1, "bad_row")
    run.progress(1, 2)
    run.mark_failed("x")
    run.mark_skipped("y")
    run.set_attribute("x", 1)
    with run.step("load") as step:
        step.set_attribute("x", 1)

    assert (seen, run.state, run.span.is_recording()) == ([1, 2], None, False)
    assert str(captured) == "(nothing)"


# progress


def test_progress_is_that_of_the_active_run(captured: Captured, job: BatchJob) -> None:
    """`job.progress` is done / total while the run is active, and ends with it."""
    with job.run() as run:
        before = captured.points("job.progress")
        run.progress(3, 4)
        during = captured.point("job.progress").value

    assert (before, during, captured.points("job.progress")) == ([], 0.75, [])


def test_progress_of_nothing(captured: Captured, job: BatchJob) -> None:
    """A total of zero has no share, and breaks nothing."""
    with job.run() as run:
        run.progress(0, 0)
        assert captured.points("job.progress") == []
    assert captured.value("telemetry_kit.faults", {"fault.site": "observe.job.progress"}) == 0


@pytest.mark.integration
def test_a_progress_bar(captured: Captured, job: BatchJob) -> None:
    """tqdm around the rows, inside of `track`: it has the length, and both go on together."""
    tqdm = pytest.importorskip("tqdm", reason="needs tqdm from PyPI")
    with job.run() as run:
        for _ in run.track(tqdm.tqdm(["a", "b"], disable=True)):
            pass
        progress = captured.point("job.progress").value

    assert (progress, outcomes(captured)) == (1.0, {"processed": 2})


# steps and the current run


def test_a_step_is_a_child_span_and_a_duration(captured: Captured, job: BatchJob) -> None:
    """`run.step(name)` records `job.step.duration` under the step's name and a span below the run's."""
    with job.run(), current_run().step("extract") as step:
        captured.clock.advance(3)
        step.set_attribute("rows", 7)

    span: Any
    point, span, parent = captured.point("job.step.duration"), captured.span("extract"), captured.span("nightly")
    assert (point.sum, point.attributes["job.step.name"], step.duration) == (3, "extract", 3)
    assert span.parent is not None and span.parent.span_id == parent.span_id
    assert span.attributes["rows"] == 7


def test_a_step_that_fails(captured: Captured, job: BatchJob) -> None:
    """The exception comes out; the step's duration has its type, whatever the run makes of it."""
    with job.run() as run:
        with pytest.raises(ValueError), run.step("extract"):
            raise ValueError
        with run.step("load"):
            pass

    types = {
        point.attributes["job.step.name"]: point.attributes.get("error.type")
        for point in captured.points("job.step.duration")
    }
    assert (types, run.state) == ({"extract": "ValueError", "load": None}, "succeeded")


def test_steps_nest(captured: Captured, job: BatchJob) -> None:
    """A step within a step is its child."""
    with job.run() as run, run.step("outer"), run.step("inner"):
        pass

    assert captured.span("inner").parent is captured.span("outer")


def test_a_step_in_another_thread_belongs_to_the_run(captured: Captured, job: BatchJob) -> None:
    """A thread that has not inherited the context still makes children of the run's span."""

    def work(run: JobRun) -> None:
        with run.step("extract"):
            pass

    with job.run() as run, ThreadPoolExecutor(1) as pool:
        pool.submit(work, run).result()

    assert captured.span("extract").parent is captured.span("nightly")


def test_the_current_run_travels_with_bind(captured: Captured, job: BatchJob) -> None:
    """A thread doesn't inherit the run by itself; a bound function has it."""
    seen: list[Any] = []
    with job.run() as run:
        for target in (lambda: seen.append(current_run()), bind(lambda: seen.append(current_run()))):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()

    assert (seen[0].state, seen[1]) == (None, run)


def test_the_innermost_run_is_current(job: BatchJob, telemetry: Telemetry) -> None:
    """`current_run()` is the innermost run, and after it the outer one again."""
    with job.run() as outer:
        with telemetry.batch_job("inner").run() as inner:
            innermost = current_run()
        after = current_run()

    assert (innermost, after, current_run().state) == (inner, outer, None)


def test_runs_that_overlap_end_in_any_order(job: BatchJob, telemetry: Telemetry) -> None:
    """A run that has ended is never current, though another one puts it back."""
    with telemetry.batch_job("outer").run() as outer:
        first, second = job.run(), job.run()
        first._begin_run()
        second._begin_run()
        first._end(None)
        second._end(None)
        after = current_run()

    assert (after, current_run().state) == (outer, None)
