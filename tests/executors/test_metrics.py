"""The executor table of the metric catalogue, against a real SDK."""

import gc
import threading
from concurrent.futures import Executor, ThreadPoolExecutor, wait

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
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
        assert captured.point("executor.worker.utilization").value == 0.25
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
    assert (captured.point("executor.queue.wait_time").count, captured.point("executor.queue.wait_time").sum) == (2, 3)
    assert (captured.point("executor.task.duration").count, captured.point("executor.task.duration").sum) == (2, 3 + 2)


def test_attributes_are_name_type_scope_and_the_declared_ones(sdk: Sdk, telemetry: Telemetry) -> None:
    """Declared attributes are on every metric; the kit's own keys win over a user's."""
    declared = {"tenant": "a", "executor.name": "mine", "error.type": "mine"}
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", metric_attributes=declared) as pool:
        pool.submit(abs, 1).result()
    metrics = {name: sdk.series(name) for name in sdk.metrics() if name.startswith("executor.")}
    assert len(metrics) == 7
    for name, series in metrics.items():
        for attributes in series:
            rest = {k: v for k, v in attributes.items() if k not in {**OWN, "tenant": "a"}}
            assert attributes.items() >= {**OWN, "tenant": "a"}.items(), name
            assert rest.keys() <= {"executor.worker.state", "executor.task.outcome"}, name


def test_a_failed_task_has_its_error_type_on_the_duration(captured: Captured, telemetry: Telemetry) -> None:
    """`error.type` is on failed tasks' duration, and on no wait time."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        wait([pool.submit(int, "x"), pool.submit(int, "1")])
    assert captured.point("executor.task.duration", {"error.type": "ValueError"}).count == 1
    assert captured.value("executor.task.duration") == 2
    assert [dict(point.attributes) for point in captured.points("executor.queue.wait_time")] == [OWN]


def test_every_outcome_has_a_series_from_the_start(sdk: Sdk, telemetry: Telemetry) -> None:
    """An alert on an increase of lost tasks needs the zero before the first one."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    points = {point.attributes["executor.task.outcome"]: point.value for point in sdk.points("executor.tasks")}
    assert points == dict.fromkeys(OUTCOMES, 0)
    pool.shutdown()


def test_after_shutdown_no_worker_is_idle(sdk: Sdk, telemetry: Telemetry) -> None:
    """Idle is limit less active until shutdown, then 0."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")
    assert idle(sdk) == 2
    pool.shutdown()
    assert (idle(sdk), active(sdk), sdk.value("executor.worker.limit")) == (0, 0, 2)


def test_leaving_the_with_block_is_a_shutdown(sdk: Sdk, telemetry: Telemetry) -> None:
    """The same by `with`."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize") as pool:
        pool.submit(abs, 1).result()
    assert idle(sdk) == 0


def test_an_executor_that_does_not_say_its_limit_reports_none(sdk: Sdk, telemetry: Telemetry) -> None:
    """Limit, utilization and idle workers need a limit (EXE.2)."""

    class Inline(Executor):
        def submit(self, fn, /, *args, **kwargs):
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(fn, *args, **kwargs)

    pool = telemetry.wrap_executor(Inline(), name="resize")
    assert pool.submit(abs, -1).result() == 1
    assert not sdk.points("executor.worker.limit")
    assert not sdk.points("executor.worker.utilization")
    assert not sdk.points("executor.worker.count", {"executor.worker.state": "idle"})
    assert outcomes(sdk) == {"succeeded": 1}


def test_two_executors_of_one_name_are_added_up(sdk: Sdk, telemetry: Telemetry) -> None:
    """Counts are added; utilization is the sum of the used over the sum of the limits (EXE.3)."""
    gate = Gate()
    small = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    large = telemetry.wrap_executor(ThreadPoolExecutor(3), name="resize")
    small.submit(gate)
    gate.until_started()
    large.submit(abs, 1).result()
    assert sdk.point("executor.worker.limit").value == 4
    assert sdk.point("executor.worker.utilization").value == 0.25
    assert outcomes(sdk) == {"succeeded": 1}
    gate.opened.set()
    small.shutdown()
    large.shutdown()
    assert outcomes(sdk) == {"succeeded": 2}


def test_a_hundred_executors_are_all_observed(captured: Captured, telemetry: Telemetry) -> None:
    """None of them silently loses its callback (EXE.3)."""
    pools = [telemetry.wrap_executor(ThreadPoolExecutor(1), name=f"pool-{n}") for n in range(100)]
    wait([pool.submit(abs, 1) for pool in pools])
    for pool in pools:
        pool.shutdown()
    names = {point.attributes["executor.name"] for point in captured.points("executor.tasks") if point.value == 1}
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


def test_what_was_counted_before_the_sdk_is_right_after_it(telemetry: Telemetry) -> None:
    """Counts don't begin with the SDK (PRC.4)."""
    unheard = Telemetry("shop.early")
    with unheard.wrap_executor(ThreadPoolExecutor(1), name="early") as pool:
        pool.submit(abs, 1).result()
        assert pool._self_accounting.counts.totals()[0] == 1


def test_an_executor_of_a_disabled_library_works_unobserved(monkeypatch: pytest.MonkeyPatch, sdk: Sdk) -> None:
    """A host that switches a library off leaves its executors working, and their context travelling."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.*")
    telemetry = sdk.telemetry("shop.off")
    with (
        telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", span=True) as pool,
        sdk.tracer.start_as_current_span("parent"),
    ):
        assert pool.submit(abs, -1).result() == 1
    assert not [name for name in sdk.metrics() if name.startswith("executor.")]
    assert [span.name for span in sdk.spans()] == ["parent"]


def test_error_types_are_few(sdk: Sdk, telemetry: Telemetry) -> None:
    """Exception classes made at run time are a hundred series, not a thousand (STM.3)."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        wait([pool.submit(fail, type(f"Odd{n}", (Exception,), {})()) for n in range(300)])
    types = {point.attributes["error.type"] for point in sdk.points("executor.task.duration")}
    assert len(types) == 101
    assert "_OTHER" in types
    assert outcomes(sdk) == {"failed": 300}


def test_threads_that_come_and_go_lose_no_count(captured: Captured, telemetry: Telemetry) -> None:
    """Submitting threads end, their counts stay (PRC.3)."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize") as pool:
        for _ in range(100):
            thread = threading.Thread(target=pool.submit, args=(abs, 1))
            thread.start()
            thread.join()
    gc.collect()
    assert outcomes(captured) == {"succeeded": 100}
