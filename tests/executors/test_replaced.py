"""EXE 5: counts stay when the executor is gone, and levels are of what is there."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.executors.support import PATIENCE, outcomes, queued


def test_one_executor_per_request(captured: Captured) -> None:
    """Made, used and dropped, with its `Telemetry`: each task stays counted, and nothing else stays."""
    for _ in range(20):
        with Telemetry("shop.orders").wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
            list(pool.map(abs, range(3)))
        del pool
    gc.collect()

    assert outcomes(captured) == {"succeeded": 60}
    assert not captured.points("executor.worker.limit")


def test_a_thousand_short_lived_executors_leave_one_account(telemetry: Telemetry) -> None:
    """What is kept is kept by name."""
    sources = telemetry._scope.instruments._observed["executor.tasks"].sources
    gc.collect()
    before = len(sources)
    for _ in range(1_000):
        telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    gc.collect()

    assert len(sources) <= before + 1
    last = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    assert len(last._self_accounting.counts.workers) <= 2  # type: ignore[attr-defined]


def test_one_executor_wrapped_again_and_again(captured: Captured, telemetry: Telemetry) -> None:
    """Its tasks add up, and its workers are there once."""
    bare = ThreadPoolExecutor(3)
    for number in range(5):
        pool = telemetry.wrap_executor(bare, name="resize", span=bool(number % 2))
        assert pool.submit(abs, -1).result(PATIENCE) == 1
    bare.shutdown()

    assert outcomes(captured) == {"succeeded": 5}
    assert (captured.value("executor.worker.limit"), queued(captured)) == (3, 0)


@pytest.mark.telemetry_capture(allow=("fault",))
def test_wrapping_what_is_wrapped_says_so(captured: Captured, telemetry: Telemetry) -> None:
    """Under the same name it stays as it is: no task counts twice."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    assert telemetry.wrap_executor(pool, name="resize") is pool
    pool.submit(abs, 1).result(PATIENCE)
    pool.shutdown()

    assert captured.value("telemetry_kit.faults", {"fault.site": "executor.wrapped"}) == 1
    assert outcomes(captured) == {"succeeded": 1}


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_declared_attributes_are_bounded(captured: Captured, telemetry: Telemetry) -> None:
    """STM 3: an executor per tenant, each with an attribute of its own."""
    for number in range(150):
        with telemetry.wrap_executor(
            ThreadPoolExecutor(1), name="resize", metric_attributes={"tenant": f"t{number}"}
        ) as pool:
            pool.submit(abs, 1).result(PATIENCE)

    assert len({point.attributes["tenant"] for point in captured.points("executor.tasks")}) == 101
    assert captured.value("executor.tasks") == 150
    assert (
        captured.value("telemetry_kit.attribute.overflow", {"attribute.key": "tenant", "executor.name": "resize"}) == 50
    )
