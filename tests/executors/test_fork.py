"""PRC.1 and EXE.1: a process that forks while its pools are busy."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.executors.support import PATIENCE, Gate, outcomes, submitted

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


def in_child(check: Callable[[], None]) -> None:
    """Run `check` in a forked child, and fail if it fails or takes too long there."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            threading.Timer(PATIENCE, lambda: os._exit(2)).start()
            check()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "see the child's traceback"


def test_a_child_starts_at_zero_and_has_lost_nothing(captured: Captured, telemetry: Telemetry) -> None:
    """Its parent runs the tasks: nothing queued, active or decided in the child."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    gate = Gate()
    pool.submit(abs, 1).result(PATIENCE)
    pool.submit(gate)
    gate.until_started()
    waiting = [pool.submit(abs, 1) for _ in range(3)]

    def check() -> None:
        assert submitted(captured) == 0
        waiting[0].cancel()
        del waiting[1:]
        assert submitted(captured) == 0

    in_child(check)
    assert submitted(captured) == 5
    gate.opened.set()
    pool.shutdown()
    assert outcomes(captured) == {"succeeded": 5}


def test_a_child_counts_its_own(captured: Captured, telemetry: Telemetry) -> None:
    """An executor made before the fork and shared, or one made after it."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")

    def check() -> None:
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        with telemetry.wrap_executor(ThreadPoolExecutor(1), name="child") as own:
            own.submit(int, "x").exception(PATIENCE)
        assert outcomes(captured) == {"succeeded": 1}
        assert outcomes(captured, "child") == {"failed": 1}

    in_child(check)
    assert outcomes(captured) == {}
    pool.shutdown()


def test_a_parents_queued_task_that_a_child_runs_is_not_the_childs(captured: Captured, telemetry: Telemetry) -> None:
    """A child's new worker finds the parent's tasks in its copy of the queue, and runs them: uncounted."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")
    gates = [Gate(), Gate()]
    first = pool.submit(gates[0])
    gates[0].until_started()
    # A third place in the books, and one worker less than the limit: the child can start one.
    pool._max_workers = 1
    waiting = pool.submit(abs, -3)
    pool._max_workers = 2

    def check() -> None:
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        assert waiting.result(PATIENCE) == 3
        assert (outcomes(captured), submitted(captured)) == ({"succeeded": 1}, 1)

    in_child(check)
    gates[0].opened.set()
    assert (first.result(PATIENCE), waiting.result(PATIENCE)) == (None, 3)
    pool.shutdown()
    assert outcomes(captured) == {"succeeded": 2}


@pytest.mark.parametrize("options", [{}, {"sample_durations": 0.0}, {"span": True}])
def test_a_task_that_forks(captured: Captured, telemetry: Telemetry, options) -> None:
    """The child leaves the task too, and must not end it, its span or its times a second time."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", **options)
    read, write = os.pipe()

    def task() -> str:
        pid = os.fork()
        if pid == 0:
            threading.Timer(PATIENCE, lambda: os._exit(2)).start()
            return "child"
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        return "parent"

    def told(future) -> None:
        if future.result() == "child":  # in the child, after its task has ended there
            counted = sum(span.end is not None for span in captured.spans) + submitted(captured)
            os.write(write, str(int(counted)).encode())
            os._exit(0)

    future = pool.submit(task)
    future.add_done_callback(told)
    assert future.result(PATIENCE) == "parent"
    assert os.read(read, 10) == b"0"
    os.close(read)
    os.close(write)
    pool.shutdown()
    assert outcomes(captured) == {"succeeded": 1}
    assert len(captured.spans) == bool(options.get("span"))


def test_forks_under_load(captured: Captured, telemetry: Telemetry) -> None:
    """No child of a process that submits, runs, cancels and collects at full speed hangs (PRC.1)."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            pool.submit(abs, 1)
            pool.submit(abs, 1).cancel()
            pool.submit(int, "x").exception(PATIENCE)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()

    def check() -> None:
        ledger = pool._self_accounting
        assert (ledger.counts.totals(), len(ledger.queued), ledger.workers.active()) == ([0] * 5, 0, 0)
        with telemetry.wrap_executor(ThreadPoolExecutor(1), name="child", sample_durations=0.0) as own:
            assert own.submit(abs, -1).result(PATIENCE) == 1
        assert sum(own._self_accounting.counts.totals()) == 1

    try:
        for _ in range(20):
            in_child(check)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        pool.shutdown()
    counted = outcomes(captured)
    assert counted["failed"] > 0
    assert submitted(captured) == sum(counted.values())
