"""The executor table of the metric catalogue."""

import gc
import random
import threading
from concurrent.futures import Executor, ThreadPoolExecutor, wait

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, point
from tests.executors.support import OUTCOMES, Gate, active, fail, idle, outcomes, queued
from tests.support import Sdk

OWN = {"executor.name": "resize", "executor.type": "thread", "scope.name": "shop.orders"}


def test_workers_are_counted_by_state(captured: Captured, telemetry: Telemetry) -> None:
    """A pool of four with one busy worker has three idle ones, and the limit says four."""
    gate = Gate()
    with telemetry.wrap_executor(ThreadPoolExecutor(4), name="resize") as pool:
        pool.submit(gate)
        gate.until_started()
        assert (active(captured), idle(captured), captured.value("executor.worker.limit")) == (1, 3, 4)
        gate.opened.set()


def test_utilization_is_the_share_of_busy_workers(captured: Captured, telemetry: Telemetry) -> None:
    """One of four workers busy is a quarter."""
    gate = Gate()
    with telemetry.wrap_executor(ThreadPoolExecutor(4), name="resize") as pool:
        pool.submit(gate)
        gate.until_started()
        assert captured.value("executor.worker.utilization") == 0.25
        gate.opened.set()


def test_the_queue_size_is_what_no_worker_has(captured: Captured, telemetry: Telemetry) -> None:
    """With one worker busy, all later tasks wait."""
    gate = Gate()
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        pool.submit(gate)
        gate.until_started()
        for _ in range(5):
            pool.submit(abs, 1)
        assert queued(captured) == 5
        gate.opened.set()
    assert queued(captured) == 0


def test_wait_and_run_time_are_two_histograms(captured: Captured, telemetry: Telemetry) -> None:
    """A task that waits three seconds and runs two has waited three and run two."""
    first, second = Gate(), Gate()
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        pool.submit(first)
        first.until_started()
        pool.submit(second)
        captured.clock.advance(3)
        first.opened.set()
        second.until_started()
        captured.clock.advance(2)
        second.opened.set()
    assert captured.points("executor.queue.wait_time") == [point(count=2, sum=3.0)]
    assert captured.points("executor.task.duration") == [point(count=2, sum=3.0 + 2.0)]


def test_attributes_are_name_type_scope_and_the_declared_ones(captured: Captured, telemetry: Telemetry) -> None:
    """Declared attributes are on every metric; the kit's own keys win over a user's."""
    declared = {"tenant": "a", "executor.name": "mine", "error.type": "mine"}
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", metric_attributes=declared) as pool:
        pool.submit(abs, 1).result()
    points = [found for found in captured.points() if found.metric.startswith("executor.")]
    assert len({found.metric for found in points}) == 7
    common = {**OWN, "tenant": "a"}
    for found in points:
        rest = {key: value for key, value in found.attributes.items() if key not in common}
        assert found.attributes.items() >= common.items(), found.metric
        assert rest.keys() <= {"executor.worker.state", "executor.task.outcome"}, found.metric


def test_a_failed_task_has_its_error_type_on_the_duration(captured: Captured, telemetry: Telemetry) -> None:
    """`error.type` is on failed tasks' duration, and on no wait time."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        wait([pool.submit(int, "x"), pool.submit(int, "1")])
    assert captured.points("executor.task.duration") == [
        point(count=1, attributes={**OWN, "error.type": "ValueError"}),
        point(count=1, attributes=OWN),
    ]
    assert captured.points("executor.queue.wait_time") == [point(count=2, attributes=OWN)]


def test_every_outcome_has_a_series_from_the_start(captured: Captured, telemetry: Telemetry) -> None:
    """An alert on an increase of lost tasks needs the zero before the first one."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="unused")
    assert captured.points("executor.tasks") == [
        point(value=0, attributes={**OWN, "executor.name": "unused", "executor.task.outcome": outcome})
        for outcome in sorted(OUTCOMES)
    ]
    pool.shutdown()


def test_after_shutdown_no_worker_is_idle(captured: Captured, telemetry: Telemetry) -> None:
    """Idle is limit less active until shutdown, then 0."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")
    assert idle(captured) == 2
    pool.shutdown()
    assert (idle(captured), active(captured), captured.value("executor.worker.limit")) == (0, 0, 2)


def test_leaving_the_with_block_is_a_shutdown(captured: Captured, telemetry: Telemetry) -> None:
    """The same by `with`."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize") as pool:
        pool.submit(abs, 1).result()
    assert idle(captured) == 0


def test_an_executor_that_does_not_say_its_limit_reports_none(captured: Captured, telemetry: Telemetry) -> None:
    """Limit, utilization and idle workers need a limit (EXE.2)."""

    class Inline(Executor):
        def submit(self, fn, /, *args, **kwargs):
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(fn, *args, **kwargs)

    pool = telemetry.wrap_executor(Inline(), name="resize")
    assert pool.submit(abs, -1).result() == 1
    assert not captured.points("executor.worker.limit")
    assert not captured.points("executor.worker.utilization")
    assert not captured.points("executor.worker.count", {"executor.worker.state": "idle"})
    assert outcomes(captured) == {"succeeded": 1}


def test_two_executors_of_one_name_are_added_up(captured: Captured, telemetry: Telemetry) -> None:
    """Counts are added; utilization is the sum of the used over the sum of the limits (EXE.3)."""
    gate = Gate()
    small = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    large = telemetry.wrap_executor(ThreadPoolExecutor(3), name="resize")
    small.submit(gate)
    gate.until_started()
    large.submit(abs, 1).result()
    assert captured.value("executor.worker.limit") == 4
    assert captured.value("executor.worker.utilization") == 0.25
    assert outcomes(captured) == {"succeeded": 1}
    gate.opened.set()
    small.shutdown()
    large.shutdown()
    assert outcomes(captured) == {"succeeded": 2}


def test_a_hundred_executors_are_all_observed(captured: Captured, telemetry: Telemetry) -> None:
    """None of them silently loses its callback (EXE.3)."""
    pools = [telemetry.wrap_executor(ThreadPoolExecutor(1), name=f"pool-{n}") for n in range(100)]
    wait([pool.submit(abs, 1) for pool in pools])
    for pool in pools:
        pool.shutdown()
    names = {found.attributes["executor.name"] for found in captured.points("executor.tasks") if found.value == 1}
    assert names == {f"pool-{n}" for n in range(100)}


def test_a_thousand_names_and_no_more(sdk: Sdk, telemetry: Telemetry) -> None:
    """A name per request must not be a series per request: later ones are `_OTHER` (STM.3)."""
    inner = ThreadPoolExecutor(1)
    pools = [telemetry.wrap_executor(inner, name=f"pool-{n}") for n in range(1_002)]
    names = {point.attributes["executor.name"] for point in sdk.points("executor.queue.size")}
    assert len(names) == 1_001
    assert "_OTHER" in names
    pools[-1].shutdown()


def test_sampled_durations_leave_the_counts_exact(captured: Captured, telemetry: Telemetry) -> None:
    """With `sample_durations=0.0` nothing goes into histograms and everything is counted."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize", sample_durations=0.0) as pool:
        wait([pool.submit(abs, n) for n in range(50)] + [pool.submit(fail, ValueError())])
    assert outcomes(captured) == {"succeeded": 50, "failed": 1}
    assert not captured.points("executor.queue.wait_time")
    assert not captured.points("executor.task.duration")


def test_a_share_of_durations_is_sampled(captured: Captured, telemetry: Telemetry) -> None:
    """A share between is roughly kept, for both times of a task alike."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize", sample_durations=0.5) as pool:
        wait([pool.submit(abs, n) for n in range(1_000)])
    assert 350 < captured.value("executor.task.duration") < 650
    assert captured.value("executor.task.duration") == captured.value("executor.queue.wait_time")
    assert outcomes(captured) == {"succeeded": 1_000}


def test_a_hosts_random_sequence_stays_as_it_is(telemetry: Telemetry) -> None:
    """Sampling draws from a source of its own: a host that seeded `random` gets what it expects."""
    random.seed(7)
    expected = random.random()
    random.seed(7)
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", sample_durations=0.5) as pool:
        pool.submit(abs, 1).result()
    assert expected == random.random()


def test_what_was_counted_before_the_sdk_is_right_after_it(telemetry: Telemetry) -> None:
    """Counts don't begin with the SDK (PRC.4)."""
    unheard = Telemetry("shop.early")
    with unheard.wrap_executor(ThreadPoolExecutor(1), name="early") as pool:
        pool.submit(abs, 1).result()
        assert pool._self_accounting.counts.totals()[0] == 1


def test_an_executor_of_a_disabled_library_works_unobserved(
    monkeypatch: pytest.MonkeyPatch, captured: Captured
) -> None:
    """A host that switches a library off leaves its executors working, and their context travelling."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.*")
    telemetry = Telemetry("shop.off")
    with (
        telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", span=True) as pool,
        Telemetry("beside").span("parent"),
    ):
        assert pool.submit(abs, -1).result() == 1
    assert str(captured) == "span parent"


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_error_types_are_few(captured: Captured, telemetry: Telemetry) -> None:
    """Exception classes made at run time are a hundred series, not a thousand (STM.3)."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        wait([pool.submit(fail, type(f"Odd{n}", (Exception,), {})()) for n in range(300)])
    assert len(captured.points("executor.task.duration")) == 101
    assert captured.value("executor.task.duration", {"error.type": "_OTHER"}) == 200
    assert outcomes(captured) == {"failed": 300}


def test_threads_that_come_and_go_lose_no_count(captured: Captured, telemetry: Telemetry) -> None:
    """Submitting threads end, their counts stay (PRC.3)."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize") as pool:
        for _ in range(100):
            thread = threading.Thread(target=pool.submit, args=(abs, 1))
            thread.start()
            thread.join()
    gc.collect()
    assert outcomes(captured) == {"succeeded": 100}
