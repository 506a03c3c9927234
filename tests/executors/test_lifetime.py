"""EXE.2: nothing private of an executor is needed, and nothing outlives it: threads, contexts, exceptions, series."""

import gc
import threading
import weakref
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from opentelemetry import context as otel_context

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.executors.support import PATIENCE, Gate, active, fail, outcomes

LEVELS = ("executor.worker.count", "executor.worker.limit", "executor.worker.utilization", "executor.queue.size")


class Value:
    """Something that can be looked for after it should be gone."""


@pytest.fixture
def no_collector():
    """What is freed here is freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_dropped_executor_ends_its_threads_and_levels(captured: Captured, telemetry: Telemetry, no_collector) -> None:
    """EXE.2: dropped without shutdown, as a bare one may be."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")
    pool.submit(abs, 1).result(PATIENCE)
    threads = list(pool._threads)
    inner = weakref.ref(pool.__wrapped__)
    ledger = weakref.ref(pool._self_accounting)
    del pool
    assert inner() is None
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert ledger() is None
    assert not [name for name in LEVELS if captured.points(name)]
    assert outcomes(captured) == {"succeeded": 1}


def test_a_kept_future_keeps_nothing_of_the_executor(captured: Captured, telemetry: Telemetry, no_collector) -> None:
    """EXE.2: futures are kept for longer than executors."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", span=True)
    kept = [pool.submit(abs, 1), pool.submit(int, "x"), pool.submit(fail, KeyboardInterrupt())]
    pool.shutdown()
    ledger = weakref.ref(pool._self_accounting)
    del pool
    assert ledger() is None
    assert isinstance(kept[1].exception(), ValueError)


@pytest.mark.parametrize("options", [{}, {"sample_durations": 0.0}, {"span": True}, {"propagate": "contextvars"}])
@pytest.mark.parametrize("exc", [None, ValueError("no")])
def test_the_context_of_a_finished_task_is_freed(captured, telemetry, no_collector, options, exc) -> None:
    """EXE.2: also where the future, and in it the exception with its traceback, is kept."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", **options)
    value = Value()
    gone = weakref.ref(value)
    token = otel_context.attach(otel_context.set_value("value", value))
    future = pool.submit(*((fail, exc) if exc else (abs, 1)))
    otel_context.detach(token)
    del value, token
    pool.shutdown()
    assert future.done()
    assert gone() is None


def test_the_function_of_a_finished_task_is_freed(captured: Captured, telemetry: Telemetry, no_collector) -> None:
    """EXE.2: and what it holds."""

    class Job:
        def __call__(self):
            return 1

    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    job = Job()
    gone = weakref.ref(job)
    future = pool.submit(job)
    del job
    pool.shutdown()
    assert future.result() == 1
    assert gone() is None


def test_a_cancelled_task_is_freed_as_the_bare_one(captured: Captured, telemetry: Telemetry, no_collector) -> None:
    """EXE.2: when its worker throws it away."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    gate, value = Gate(), Value()
    gone = weakref.ref(value)
    pool.submit(gate)
    gate.until_started()
    future = pool.submit(id, value)
    future.cancel()
    del value
    gate.opened.set()
    pool.shutdown()
    assert future.cancelled()
    assert gone() is None


def test_an_exception_is_freed_with_its_future(captured: Captured, telemetry: Telemetry, no_collector) -> None:
    """No cycle through our frame (ASY.5)."""

    class Broken(Exception):
        pass

    def task():
        raise Broken

    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    future = pool.submit(task)
    pool.shutdown()
    gone = weakref.ref(future.exception())
    assert isinstance(gone(), Broken)
    del future
    assert gone() is None


def test_a_dropped_executor_still_runs_what_it_has(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: as a bare one does, and it is seen to the end."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    gate = Gate()
    pool.submit(gate)
    last = pool.submit(abs, 1)
    gate.until_started()
    del pool
    gc.collect()
    assert (active(captured), captured.value("executor.queue.size")) == (1, 1)
    gate.opened.set()
    assert last.result(PATIENCE) == 1


def test_an_executor_that_never_completes_its_futures_is_freed(
    captured: Captured, telemetry: Telemetry, no_collector
) -> None:
    """EXE.2: with its tasks and series, by reference counts."""

    class Never(Executor):
        def __init__(self):
            self.kept = []

        def submit(self, fn, /, *args, **kwargs):
            self.kept.append((fn, args, kwargs, future := Future()))
            return future

    pool = telemetry.wrap_executor(Never(), name="resize", span=True)
    for _ in range(10):
        pool.submit(abs, 1)
    gone = [weakref.ref(pool._self_accounting), weakref.ref(pool.__wrapped__.kept[0][0])]
    assert captured.value("executor.queue.size") == 10
    del pool
    assert [reference() for reference in gone] == [None, None]
    assert not captured.points("executor.queue.size")


def test_nothing_private_is_asked_of_an_executor(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.2: `_max_workers` is read where it is there, and nothing else."""
    asked = set()

    class Watched(Executor):
        def __getattribute__(self, name):
            asked.add(name)
            return super().__getattribute__(name)

        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.set_result(fn(*args, **kwargs))
            return future

    pool = telemetry.wrap_executor(Watched(), name="resize")
    with pool:
        list(pool.map(abs, [1, 2]))
    assert outcomes(captured) == {"succeeded": 2}
    private = {name for name in asked if name.startswith("_") and not name.startswith("__")}
    assert private == {"_max_workers"}


@pytest.mark.slow
def test_a_hundred_thousand_tasks_leave_nothing_behind(telemetry: Telemetry) -> None:
    """Nothing per task is kept once it is done."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", sample_durations=0.0) as pool:
        for _ in range(10):
            list(pool.map(abs, range(1_000)))
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(100):
            list(pool.map(abs, range(1_000)))
        gc.collect()
        assert len(gc.get_objects()) - before < 100


def test_threads_of_a_shut_down_pool_end(telemetry: Telemetry) -> None:
    """Like those of a bare one."""
    before = threading.active_count()
    with telemetry.wrap_executor(ThreadPoolExecutor(4), name="resize") as pool:
        list(pool.map(abs, range(100)))
    assert threading.active_count() == before
