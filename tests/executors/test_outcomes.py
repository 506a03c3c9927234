"""EXE.1: every task has one final outcome, and submitted = all outcomes + queued + active, whatever happens."""

import concurrent.futures
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._executors import outcomes as _outcomes
from telemetry_kit.testing import Captured
from tests.executors.support import PATIENCE, Gate, active, fail, outcomes, queued, submitted


@pytest.fixture
def busy(captured: Captured, telemetry: Telemetry):
    """A pool whose one worker is at a task that ends when the gate is opened."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    pool.gate = Gate()
    pool.submit(pool.gate)
    pool.gate.until_started()
    yield pool
    pool.gate.opened.set()
    pool.shutdown()


def test_success(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: counted before the result can be seen."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    before = pool._self_accounting.counts.totals()[0]
    for n in range(1, 200):
        pool.submit(abs, 1).result()
        assert pool._self_accounting.counts.totals()[0] - before == n
    pool.shutdown()
    assert outcomes(captured) == {"succeeded": 199}


@pytest.mark.parametrize("exc", [ValueError(), KeyboardInterrupt(), SystemExit(1), BaseException(), RecursionError()])
def test_failure(captured: Captured, telemetry: Telemetry, exc: BaseException) -> None:
    """EXE.1: BaseException in a task."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        future = pool.submit(fail, exc)
        assert future.exception(PATIENCE) is exc
        assert (outcomes(captured), active(captured), queued(captured)) == ({"failed": 1}, 0, 0)


@pytest.mark.parametrize("exc", [SystemExit(0), SystemExit(None), GeneratorExit(), StopIteration()])
def test_an_exception_that_is_success_elsewhere_is_success_here(captured, telemetry, exc: BaseException) -> None:
    """One vocabulary with operations: no `error.type`, succeeded."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        assert pool.submit(fail, exc).exception(PATIENCE) is exc
    assert outcomes(captured) == {"succeeded": 1}
    assert "error.type" not in captured.point("executor.task.duration").attributes


def test_a_cancellation_that_leaves_a_task(captured: Captured, telemetry: Telemetry) -> None:
    """It was cancelled while it ran: no failure, `error.type="cancelled"` on its duration."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        pool.submit(fail, CancelledError()).exception(PATIENCE)
    assert outcomes(captured) == {"cancelled": 1}
    assert captured.point("executor.task.duration").attributes["error.type"] == "cancelled"


def test_cancelled_in_the_queue(captured: Captured, busy) -> None:
    """EXE.1: counted at once, though no worker has looked at the task yet; it has no wait time."""
    future = busy.submit(abs, 1)
    assert queued(captured) == 1
    assert future.cancel()
    assert (outcomes(captured), queued(captured), active(captured)) == ({"cancelled": 1}, 0, 1)
    busy.gate.opened.set()
    busy.shutdown()
    assert outcomes(captured) == {"cancelled": 1, "succeeded": 1}
    assert captured.value("executor.queue.wait_time") == 1


def test_cancelled_while_running(captured: Captured, busy) -> None:
    """`cancel()` of a running task does nothing, here too."""
    future = busy.submit(abs, 1)
    busy.gate.opened.set()
    future.result(PATIENCE)
    assert not future.cancel()
    assert outcomes(captured) == {"succeeded": 2}


def test_cancel_races_with_the_start(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: thousands of tasks cancelled while workers take them: what the futures say is what is counted."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize", sample_durations=0.0)
    futures = []
    for n in range(5_000):
        futures.append(pool.submit(abs, n))
        if n >= 3:
            futures[n - 3].cancel()
    pool.shutdown()
    cancelled = sum(future.cancelled() for future in futures)
    assert outcomes(captured).get("cancelled", 0) == cancelled
    assert outcomes(captured)["succeeded"] == 5_000 - cancelled


def test_cancelled_tasks_do_not_pile_up_unseen(telemetry: Telemetry) -> None:
    """Where nobody collects, cancelled tasks leave the queue at once."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    gate = Gate()
    pool.submit(gate)
    gate.until_started()
    for _ in range(2_000):
        pool.submit(abs, 1).cancel()
        assert not pool._self_accounting.queued
    gate.opened.set()
    pool.shutdown()


def test_shutdown_with_cancelled_futures(captured: Captured, busy) -> None:
    """EXE.1: `shutdown(cancel_futures=True)`."""
    for _ in range(10):
        busy.submit(abs, 1)
    busy.shutdown(wait=False, cancel_futures=True)
    assert (outcomes(captured), queued(captured)) == ({"cancelled": 10}, 0)
    busy.gate.opened.set()
    busy.shutdown()
    assert outcomes(captured) == {"cancelled": 10, "succeeded": 1}


def test_submitted_after_shutdown(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: rejected, with the executor's own exception."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(abs, 1)
    assert (outcomes(captured), submitted(captured)) == ({"rejected": 1}, 1)


def test_submitted_after_the_bare_executor_was_shut_down(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: by whomever."""
    inner = ThreadPoolExecutor(1)
    pool = telemetry.wrap_executor(inner, name="resize")
    inner.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(abs, 1)
    assert outcomes(captured) == {"rejected": 1}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failing_initializer(captured: Captured, telemetry: Telemetry, caplog) -> None:
    """EXE.1: tasks that the pool had accepted are lost with it, later ones are rejected."""
    go = threading.Event()

    def initializer():
        go.wait(PATIENCE)
        raise RuntimeError("no licence")

    pool = telemetry.wrap_executor(ThreadPoolExecutor(1, initializer=initializer), name="resize")
    futures = [pool.submit(abs, 1) for _ in range(3)]
    assert queued(captured) == 3
    go.set()
    for future in futures:
        assert isinstance(future.exception(PATIENCE), concurrent.futures.BrokenExecutor)
    assert (outcomes(captured), queued(captured), active(captured)) == ({"lost": 3}, 0, 0)
    with pytest.raises(concurrent.futures.BrokenExecutor):
        pool.submit(abs, 1)
    assert outcomes(captured) == {"lost": 3, "rejected": 1}
    pool.shutdown()


def test_a_thread_that_cannot_be_started(
    captured: Captured, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EXE.1: `submit` raises after it has queued the task, which another worker may still run: rejected, once."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")
    gate, ran = Gate(), threading.Event()
    pool.submit(gate)
    gate.until_started()

    def no_more(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.submit(ran.set)
    assert outcomes(captured) == {"rejected": 1}
    gate.opened.set()
    assert ran.wait(PATIENCE)
    pool.shutdown()
    assert outcomes(captured) == {"rejected": 1, "succeeded": 1}


def test_map(captured: Captured, telemetry: Telemetry) -> None:
    """Each call of `map` is a task."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize") as pool:
        assert list(pool.map(pow, [2, 3], [3, 2])) == [8, 9]
    assert outcomes(captured) == {"succeeded": 2}


def test_a_map_that_times_out(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: map timeouts: what had not started is cancelled."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    gate = Gate()
    results = pool.map(lambda task: task(), [gate, *[lambda: 1] * 4], timeout=0)
    gate.until_started()
    with pytest.raises(concurrent.futures.TimeoutError):
        next(results)
    assert (outcomes(captured), active(captured), queued(captured)) == ({"cancelled": 4}, 1, 0)
    gate.opened.set()
    pool.shutdown()
    assert outcomes(captured) == {"cancelled": 4, "succeeded": 1}


def test_a_map_that_is_left_early(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: early breaks."""
    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    gate = Gate()
    for result in pool.map(lambda task: task(), [lambda: 1, gate, *[lambda: 1] * 5]):
        assert result == 1
        gate.until_started()
        break
    assert (outcomes(captured), active(captured)) == ({"succeeded": 1, "cancelled": 5}, 1)
    gate.opened.set()
    pool.shutdown()
    assert outcomes(captured) == {"succeeded": 2, "cancelled": 5}


def test_nested_submission(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: a task that submits tasks to its own pool."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize") as pool:

        def tree(depth: int) -> list[Future]:
            return [pool.submit(tree, depth - 1) for _ in range(2 if depth else 0)]

        todo = [pool.submit(tree, 6)]
        while todo:
            todo.extend(todo.pop().result(PATIENCE))
    assert outcomes(captured) == {"succeeded": 2**7 - 1}


def test_a_retrying_executor_decides_once(captured: Captured, telemetry: Telemetry) -> None:
    """An executor that calls a task again runs it again; it was decided by its first run."""
    attempts = []

    class Retrying(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            def again():
                for _ in range(3):
                    try:
                        return fn(*args, **kwargs)
                    except ValueError:
                        continue

            return super().submit(again)

    def flaky():
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError
        return "done"

    with telemetry.wrap_executor(Retrying(1), name="resize") as pool:
        assert pool.submit(flaky).result(PATIENCE) == "done"
    assert (outcomes(captured), submitted(captured)) == ({"failed": 1}, 1)


class Manual(Executor):
    """An executor that does what the test says with what it got."""

    def __init__(self) -> None:
        self.todo: list = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.todo.append((future, fn, args, kwargs))
        return future

    def step(self) -> None:
        future, fn, args, kwargs = self.todo.pop(0)
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = fn(*args, **kwargs)
        except BaseException as exc:
            future.set_exception(exc)
        else:
            future.set_result(result)


def test_any_other_executor_is_followed_exactly(captured: Captured, telemetry: Telemetry) -> None:
    """Queued, cancelled, failed, succeeded, in an executor of the user's own that runs tasks here."""
    inner = Manual()
    pool = telemetry.wrap_executor(inner, name="resize")
    futures = [pool.submit(abs, 1), pool.submit(int, "x"), pool.submit(abs, 2)]
    assert (queued(captured), active(captured)) == (3, 0)
    futures[2].cancel()
    assert (queued(captured), outcomes(captured)) == (2, {"cancelled": 1})
    for _ in range(3):
        inner.step()
    assert futures[0].result() == 1
    assert outcomes(captured) == {"cancelled": 1, "failed": 1, "succeeded": 1}
    assert (captured.value("executor.queue.wait_time"), captured.value("executor.task.duration")) == (2, 2)


def test_another_executors_task_is_active_while_it_runs(captured: Captured, telemetry: Telemetry) -> None:
    """Seen from inside of it."""
    inner = Manual()
    pool = telemetry.wrap_executor(inner, name="resize")
    seen = pool.submit(lambda: (active(captured), queued(captured)))
    inner.step()
    assert seen.result() == (1, 0)


def test_a_future_that_says_it_runs_is_active(captured: Captured, telemetry: Telemetry) -> None:
    """Where the start can't be seen, another executor's futures say what is at a worker."""
    inner = Manual()
    pool = telemetry.wrap_executor(inner, name="resize")
    futures = [pool.submit(abs, 1) for _ in range(3)]
    inner.todo[0][0].set_running_or_notify_cancel()
    assert (active(captured), queued(captured)) == (1, 2)
    futures[0].set_result(1)
    assert (active(captured), queued(captured), outcomes(captured)) == (0, 2, {"succeeded": 1})


def test_a_task_that_its_executor_drops_is_lost(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: it was accepted, nobody has it any more, so it will never end."""
    inner = Manual()
    pool = telemetry.wrap_executor(inner, name="resize")
    future = pool.submit(abs, 1)
    inner.todo.clear()
    assert queued(captured) == 1  # its future is still there to be completed
    del future
    assert (queued(captured), outcomes(captured)) == (0, {"lost": 1})


def test_an_exception_that_a_submission_raises_is_the_executors(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.1: rejected, BaseException included."""

    class Full(Executor):
        def submit(self, fn, /, *args, **kwargs):
            raise error

    pool = telemetry.wrap_executor(Full(), name="resize")
    for error in (ValueError("full"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught:
            pool.submit(abs, 1)
        assert caught.value is error
    assert (outcomes(captured), queued(captured)) == ({"rejected": 2}, 0)


def test_interpreter_exit() -> None:
    """EXE.1: the interpreter waits for queued tasks, runs them and rejects new ones; the books say so."""
    script = textwrap.dedent("""
        import atexit, threading
        from concurrent.futures import ThreadPoolExecutor, thread
        from telemetry_kit import Telemetry
        pool = Telemetry("shop").wrap_executor(ThreadPoolExecutor(1), name="resize")
        ledger, begun = pool._self_accounting, threading.Event()
        def last():
            begun.set()
            while not thread._shutdown:  # the interpreter is on its way out
                threading.Event().wait(0.001)
            try:
                pool.submit(abs, 1)
            except RuntimeError:
                pass
        pool.submit(last)
        for _ in range(5):
            pool.submit(abs, 1)
        pool.submit(int, "x")
        begun.wait()
        atexit.register(lambda: print(ledger.counts.totals(), len(ledger.queued), ledger.workers.active()))
    """)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (ended.stdout, ended.stderr) == ("[6, 1, 0, 1, 0] 0 0\n", "")


def test_a_worker_s_death_is_told_by_its_own_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's exception for a worker that died is a lost task; a user's exception of that name is a failed one."""

    class KilledWorker(Exception):
        pass

    def outcome(exc: Exception) -> int:
        future: Future[None] = Future()
        future.set_exception(exc)
        return _outcomes.outcome_of(future)

    theirs = type("KilledWorker", (Exception,), {})
    monkeypatch.setitem(sys.modules, "distributed.scheduler", SimpleNamespace(KilledWorker=theirs))

    assert (outcome(theirs()), outcome(KilledWorker())) == (_outcomes.LOST, _outcomes.FAILED)
