"""Executors of other projects: Dask's, on a cluster of other processes, and loky's. The trace goes on at the workers."""

import logging
import math
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, wait
from contextlib import contextmanager

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, span
from tests.executors import work
from tests.executors.support import PATIENCE, active, outcomes, queued
from tests.support import Sdk

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@contextmanager
def loky_pool() -> Iterator[Executor]:
    loky = pytest.importorskip("loky", reason="loky's executor needs the package loky")
    executor = loky.ProcessPoolExecutor(2)
    yield executor
    executor.shutdown(kill_workers=True)


@contextmanager
def dask_cluster(*, processes: bool) -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed", reason="Dask's executor needs the package dask[distributed]")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=processes, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor(pure=False)


@pytest.fixture
def loky_executor() -> Iterator[Executor]:
    with loky_pool() as executor:
        yield executor


@pytest.fixture
def dask_executor() -> Iterator[Executor]:
    with dask_cluster(processes=True) as executor:
        yield executor


@pytest.fixture(params=["loky", "dask, workers in processes", "dask, workers in threads"])
def executor(request) -> Iterator[Executor]:
    """Each of them."""
    named = request.param
    with loky_pool() if named == "loky" else dask_cluster(processes=named.endswith("processes")) as executor:
        yield executor


def test_results_and_exceptions_are_the_bare_ones(captured: Captured, telemetry: Telemetry, executor: Executor) -> None:
    """EXE.4: functions of a module and of the moment, keyword arguments, exceptions without a trace of ours."""
    pool = telemetry.wrap_executor(executor, name="resize")
    assert isinstance(pool, type(executor))
    assert pool.submit(work.square, 3).result(PATIENCE) == 9
    assert pool.submit(lambda: math.pi).result(PATIENCE) == math.pi
    assert list(pool.map(work.square, range(4))) == [0, 1, 4, 9]
    for function, argument in ((work.raising, "no"), (work.declined, 7)):
        expected = executor.submit(function, argument).exception(PATIENCE)
        exc = pool.submit(function, argument).exception(PATIENCE)
        assert (type(exc), exc.args, vars(exc)) == (type(expected), expected.args, vars(expected))
    assert outcomes(captured) == {"succeeded": 6, "failed": 2}
    assert captured.points("executor.tasks")[0].attributes["executor.type"] == "other"


def test_times_come_home(sdk: Sdk, telemetry: Telemetry, executor: Executor) -> None:
    """Of succeeded and failed tasks alike."""
    pool = telemetry.wrap_executor(executor, name="resize")
    wait([pool.submit(work.sleep, 0.2 + n / 1_000) for n in range(4)] + [pool.submit(work.raising, "no")], PATIENCE)
    assert sdk.value("executor.queue.wait_time") == 5
    assert sdk.value("executor.task.duration", {"error.type": "LookupError"}) == 1
    (succeeded,) = [p for p in sdk.points("executor.task.duration") if "error.type" not in p.attributes]
    assert (succeeded.count, 0.8 <= succeeded.sum < 8) == (4, True)


def test_the_trace_goes_on_at_the_workers(captured: Captured, telemetry: Telemetry, executor: Executor) -> None:
    """The task's span is the submitter's child, and the worker's parent."""
    pool = telemetry.wrap_executor(executor, name="resize", span=True)
    with telemetry.span("parent"):
        trace_id, span_id, _ = pool.submit(work.ids).result(PATIENCE)
    assert captured.spans == [span("parent"), span("ids", parent="parent")]
    assert (trace_id, span_id) == (captured.span("ids").trace_id, captured.span("ids").span_id)


def test_queued_and_cancelled_tasks_are_seen(
    captured: Captured, telemetry: Telemetry, executor: Executor, tmp_path
) -> None:
    """EXE.1: unfinished tasks are queued or active; a cancelled one is neither."""
    pool = telemetry.wrap_executor(executor, name="resize")
    futures = [pool.submit(work.until, str(tmp_path / "go")) for _ in range(8)]
    assert active(captured) + queued(captured) == 8
    assert futures[-1].cancel()
    assert (active(captured) + queued(captured), outcomes(captured)) == (7, {"cancelled": 1})
    (tmp_path / "go").touch()
    wait(futures[:-1], PATIENCE)
    assert (active(captured) + queued(captured), outcomes(captured)) == (0, {"cancelled": 1, "succeeded": 7})


def test_lokys_limit_and_workers(captured: Captured, telemetry: Telemetry, loky_executor, tmp_path) -> None:
    """It says its limit, and its futures say which of them run."""
    pool = telemetry.wrap_executor(loky_executor, name="resize")
    futures = [pool.submit(work.begun, str(tmp_path / str(n)), str(tmp_path / "go")) for n in range(6)]
    deadline = time.monotonic() + PATIENCE
    while not ((tmp_path / "0").exists() and (tmp_path / "1").exists()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (captured.value("executor.worker.limit"), active(captured), queued(captured)) == (2, 2, 4)
    (tmp_path / "go").touch()
    wait(futures, PATIENCE)
    assert outcomes(captured) == {"succeeded": 6}


def test_lokys_worker_that_dies(captured: Captured, telemetry: Telemetry, loky_executor) -> None:
    """EXE.1: lost."""
    pool = telemetry.wrap_executor(loky_executor, name="resize")
    assert isinstance(pool.submit(work.die).exception(PATIENCE), BrokenExecutor)
    assert outcomes(captured) == {"lost": 1}


def test_dasks_options_go_through(captured: Captured, telemetry: Telemetry, dask_executor) -> None:
    """What its `submit` takes besides the function's arguments."""
    pool = telemetry.wrap_executor(dask_executor, name="resize")
    assert pool.submit(work.square, 3, pure=False, retries=1).result(PATIENCE) == 9
    with pytest.raises(TypeError):
        pool.map(work.square, [1], nonsense=True)


def test_a_pure_task_submitted_twice_is_two_tasks(captured: Captured, telemetry: Telemetry, dask_executor) -> None:
    """Dask would take them for one; each has its submitter's context, so here they are two."""
    pool = telemetry.wrap_executor(dask_executor._client.get_executor(pure=True), name="resize")
    assert [future.result(PATIENCE) for future in [pool.submit(work.square, 5) for _ in range(2)]] == [25, 25]
    assert (outcomes(captured), captured.value("executor.task.duration")) == ({"succeeded": 2}, 2)
