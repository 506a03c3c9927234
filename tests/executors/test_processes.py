"""EXE.4: a wrapped process pool does what the bare one does, and its tasks' times and trace come home."""

import gc
import multiprocessing
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.trace import StatusCode

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.executors import work
from tests.executors.support import PATIENCE, active, idle, outcomes, queued, submitted
from tests.support import Sdk

METHODS = [method for method in ("fork", "spawn", "forkserver") if method in multiprocessing.get_all_start_methods()]
# Forking a process that has threads is deprecated from 3.12 on; that a pool still works then is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def bare_pool(method: str, workers: int = 2, **options) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method), **options)


@pytest.fixture(params=METHODS)
def method(request) -> str:
    return request.param


@pytest.fixture
def pool(telemetry: Telemetry, method: str):
    with telemetry.wrap_executor(bare_pool(method), name="resize") as pool:
        yield pool


@pytest.fixture
def fast(telemetry: Telemetry):
    """A pool whose start method doesn't matter to the test."""
    with telemetry.wrap_executor(bare_pool(METHODS[0]), name="resize", span=True) as pool:
        yield pool


def test_tasks_results_and_keywords(captured: Captured, pool) -> None:
    """EXE.4: positional and keyword arguments, methods, class methods, builtins."""
    assert isinstance(pool, ProcessPoolExecutor)
    assert pool.submit(work.square, 3, times=2).result(PATIENCE) == 18
    given = {"self": 1, "fn": 2, "token": 3, "carrier": 4}
    assert pool.submit(work.keywords, **given).result(PATIENCE) == given
    assert pool.submit(work.Image(4).half).result(PATIENCE) == 2
    assert pool.submit(work.Image.make, 4).result(PATIENCE).width == 4
    assert pool.submit(pow, 2, 3).result(PATIENCE) == 8
    assert list(pool.map(work.square, range(5), chunksize=2)) == [0, 1, 4, 9, 16]
    assert pool.submit(work.process).result(PATIENCE) in {
        process.pid for process in multiprocessing.active_children()
    } | {*pool._processes}
    assert outcomes(captured) == {"succeeded": 6 + 3}  # a chunk of `map` is one task


def test_results_are_known_before_they_can_be_seen(captured: Captured, fast) -> None:
    """EXE.1: no moment in which the result is there and the task isn't decided."""
    before = fast._self_accounting.counts.totals()[0]
    for n in range(1, 100):
        fast.submit(work.square, n).result(PATIENCE)
        assert fast._self_accounting.counts.totals()[0] - before == n
    with pytest.raises(LookupError):
        fast.submit(work.raising, "no").result(PATIENCE)
    assert outcomes(captured) == {"succeeded": 99, "failed": 1}


def test_times_come_home(sdk: Sdk, pool) -> None:
    """Wait and run time are those of the worker."""
    wait([pool.submit(work.sleep, 0.1) for _ in range(4)], PATIENCE)
    duration, waited = sdk.point("executor.task.duration"), sdk.point("executor.queue.wait_time")
    assert (duration.count, waited.count) == (4, 4)
    assert 0.4 <= duration.sum < 4
    assert waited.max >= 0.09  # two had to wait for the first two
    assert sdk.points("executor.worker.limit")[0].attributes["executor.type"] == "process"


def test_a_failed_task_comes_back_as_from_the_bare_pool(captured: Captured, pool, method: str) -> None:
    """EXE.4: same type, arguments, state, cause; the remote traceback has one frame more; times are there."""
    cases = [(work.raising, "no"), (work.declined, 7), (work.interrupted,), (work.leave, 3), (int, "x")]
    with bare_pool(method) as bare:
        for function, *arguments in cases:
            expected = bare.submit(function, *arguments).exception(PATIENCE)
            exc = pool.submit(function, *arguments).exception(PATIENCE)
            assert (type(exc), exc.args, vars(exc), str(exc)) == (
                type(expected),
                expected.args,
                vars(expected),
                str(expected),
            )
            lines, more = str(expected.__cause__).splitlines(), str(exc.__cause__).splitlines()
            frames = [sum(line.startswith("  File ") for line in text) for text in (lines, more)]
            assert frames[1] == frames[0] + 1
            assert lines[-2:] == more[-2:]
            pickle.loads(pickle.dumps(exc))
    assert outcomes(captured) == {"failed": len(cases)}
    assert captured.value("executor.task.duration") == captured.value("executor.queue.wait_time") == len(cases)


def test_what_cannot_be_pickled_fails_as_it_would(captured: Captured, pool, method: str) -> None:
    """EXE.4: functions, arguments, results."""
    cases = [(lambda: 1,), (work.keywords, threading.Lock()), (work.lock,)]
    with bare_pool(method) as bare:
        for function, *arguments in cases:
            expected = bare.submit(function, *arguments).exception(PATIENCE)
            exc = pool.submit(function, *arguments).exception(PATIENCE)
            assert (type(exc), str(exc)) == (type(expected), str(expected))
    assert outcomes(captured) == {"failed": 3}
    assert not captured.points("executor.task.duration")  # nothing of them came back from a worker


def test_the_submitters_context_is_the_workers(captured: Captured, telemetry: Telemetry, pool) -> None:
    """By a W3C carrier: trace and baggage, also where the worker was forked inside of another span."""
    with telemetry.tracer.start_as_current_span("first") as first:
        pool.submit(work.ids).result(PATIENCE)
    with telemetry.tracer.start_as_current_span("parent") as parent:
        token = otel_context.attach(baggage.set_baggage("tenant", "a"))
        future, item = pool.submit(work.ids), pool.submit(work.baggage_item, "tenant")
        otel_context.detach(token)
    context = parent.get_span_context()
    assert future.result(PATIENCE) == (context.trace_id, context.span_id, True)
    assert item.result(PATIENCE) == "a"
    assert pool.submit(work.ids).result(PATIENCE) == (0, 0, False), f"not of {first.get_span_context().trace_id}"


def test_nothing_travels_where_nothing_shall(captured: Captured, telemetry: Telemetry) -> None:
    """`propagate=None`."""
    with (
        telemetry.wrap_executor(bare_pool("spawn", 1), name="resize", propagate=None) as pool,
        telemetry.tracer.start_as_current_span("parent"),
    ):
        assert pool.submit(work.ids).result(PATIENCE) == (0, 0, False)


def test_contextvars_travel_as_far_as_they_can(captured: Captured, telemetry: Telemetry) -> None:
    """Variables can't be sent to a process; OpenTelemetry's context can."""
    with (
        telemetry.wrap_executor(bare_pool(METHODS[0], 1), name="resize", propagate="contextvars") as pool,
        telemetry.tracer.start_as_current_span("parent") as parent,
    ):
        assert pool.submit(work.ids).result(PATIENCE)[1] == parent.get_span_context().span_id


def test_a_span_per_task_in_the_submitters_process(captured: Captured, telemetry: Telemetry, fast) -> None:
    """Its parent is the submitter's, and it is what spans in the worker are children of."""
    with telemetry.tracer.start_as_current_span("parent") as parent:
        trace_id, span_id, _ = fast.submit(work.ids).result(PATIENCE)
    span = captured.span("ids")
    assert (span.trace_id, span.span_id) == (trace_id, span_id)
    assert span.parent.span_id == parent.get_span_context().span_id
    assert span.attributes["executor.task.outcome"] == "succeeded"
    assert span.attributes["executor.queue.wait_time"] >= 0
    assert span.attributes["code.function.name"] == "tests.executors.work.ids"


def test_a_failed_tasks_span_has_the_workers_traceback(captured: Captured, fast) -> None:
    """And type, status and outcome."""
    exc = fast.submit(work.raising, "no such picture").exception(PATIENCE)
    assert type(exc.__cause__).__name__ == "_RemoteTraceback"  # the pool's own
    span = captured.span("raising")
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "LookupError")
    assert span.attributes["executor.task.outcome"] == "failed"
    assert "raise LookupError(message)" in span.events[0].attributes["exception.stacktrace"]


def test_a_mapped_functions_span_has_its_name(captured: Captured, fast) -> None:
    """Not that of the chunk that it is wrapped in."""
    assert list(fast.map(work.square, range(4), chunksize=2)) == [0, 1, 4, 9]
    assert [span.name for span in captured.spans] == ["square", "square"]


def test_active_is_the_unfinished_tasks_up_to_the_limit(captured: Captured, fast, tmp_path) -> None:
    """The rest is in the queue."""
    futures = [fast.submit(work.until, str(tmp_path / "go")) for _ in range(5)]
    assert (active(captured), idle(captured), queued(captured)) == (2, 0, 3)
    assert captured.value("executor.worker.utilization") == 1
    (tmp_path / "go").touch()
    wait(futures, PATIENCE)
    assert (active(captured), idle(captured), queued(captured), outcomes(captured)) == (0, 2, 0, {"succeeded": 5})


def test_cancelled_tasks(captured: Captured, fast, tmp_path) -> None:
    """EXE.1: in the queue; the ones that are on their way can't be."""
    futures = [fast.submit(work.begun, str(tmp_path / str(n)), str(tmp_path / "go")) for n in range(10)]
    cancelled = sum(future.cancel() for future in futures)
    assert cancelled >= 6  # two workers, and at most three in the pipe
    assert outcomes(captured) == {"cancelled": cancelled}
    assert submitted(captured) == 10
    (tmp_path / "go").touch()
    fast.shutdown()
    assert outcomes(captured) == {"cancelled": cancelled, **({"succeeded": 10 - cancelled} if cancelled < 10 else {})}


def test_shutdown_with_cancelled_futures(captured: Captured, fast) -> None:
    """EXE.1."""
    futures = [fast.submit(work.sleep, 0.05) for _ in range(20)]
    fast.shutdown(cancel_futures=True)
    cancelled = sum(future.cancelled() for future in futures)
    assert outcomes(captured) == {"cancelled": cancelled, "succeeded": 20 - cancelled}
    with pytest.raises(RuntimeError):
        fast.submit(work.square, 1)
    assert outcomes(captured)["rejected"] == 1


def test_tasks_of_a_worker_that_dies_are_lost(captured: Captured, pool) -> None:
    """EXE.1: all that the pool had, running or queued; then it rejects."""
    pool.submit(work.square, 1).result(PATIENCE)
    futures = [
        pool.submit(work.sleep, 60),
        pool.submit(work.die),
        pool.submit(work.sleep, 60),
        pool.submit(work.sleep, 60),
    ]
    for future in futures:
        assert isinstance(future.exception(PATIENCE), BrokenProcessPool)
    with pytest.raises(BrokenProcessPool):
        pool.submit(work.square, 1)
    assert (outcomes(captured), active(captured), queued(captured)) == (
        {"succeeded": 1, "lost": 4, "rejected": 1},
        0,
        0,
    )


def test_a_failing_initializer(captured: Captured, telemetry: Telemetry, capfd) -> None:
    """EXE.1: lost."""
    inner = bare_pool(METHODS[0], initializer=work.broken_initializer)
    with telemetry.wrap_executor(inner, name="resize") as pool:
        assert isinstance(pool.submit(work.square, 1).exception(PATIENCE), BrokenProcessPool)
    assert outcomes(captured) == {"lost": 1}


def test_a_broken_pool_that_a_task_saw_is_a_failure(captured: Captured, fast) -> None:
    """EXE.1: the exception of another pool, raised by the task, doesn't make it lost."""
    fast.submit(broken_elsewhere).exception(PATIENCE)
    assert outcomes(captured) == {"failed": 1}


def broken_elsewhere() -> None:
    raise BrokenProcessPool("another one")


def test_workers_that_are_replaced(captured: Captured, telemetry: Telemetry) -> None:
    """`max_tasks_per_child`, where Python has it."""
    try:
        inner = bare_pool("spawn", 1, max_tasks_per_child=1)
    except TypeError:
        pytest.skip("max_tasks_per_child came with Python 3.11")
    with telemetry.wrap_executor(inner, name="resize") as pool:
        assert len({pool.submit(work.process).result(PATIENCE) for _ in range(3)}) == 3
    assert outcomes(captured) == {"succeeded": 3}


def test_observed_only_figures(captured: Captured, telemetry: Telemetry) -> None:
    """`sample_durations=0.0` counts, and takes no time."""
    with telemetry.wrap_executor(bare_pool(METHODS[0]), name="resize", sample_durations=0.0) as pool:
        assert list(pool.map(work.square, range(10))) == [n * n for n in range(10)]
        pool.submit(work.raising, "no").exception(PATIENCE)
    assert outcomes(captured) == {"succeeded": 10, "failed": 1}
    assert not captured.points("executor.task.duration")
    assert not captured.points("executor.queue.wait_time")


def test_nothing_is_left_of_travelling_tasks(captured: Captured, fast) -> None:
    """EXE.2: kept futures hold neither tasks nor contexts."""
    from telemetry_kit._executors import remote

    others = set(remote._travelling)  # of other tests' pools, whose futures somebody may still hold
    futures = [fast.submit(work.square, n) for n in range(20)] + [fast.submit(work.raising, "no")]
    fast.shutdown()
    gc.collect()  # the pool's thread and its frame
    assert set(remote._travelling) <= others
    assert sum(future.exception() is None for future in futures) == 20


def test_a_clock_of_another_machine() -> None:
    """Where the worker's clock isn't ours, the wait is what isn't run time."""
    from telemetry_kit._executors.remote import _waited
    from telemetry_kit.testing import FakeClock
    from tests.support import use_clock

    clock = FakeClock()
    with use_clock(clock):
        queued_at = clock.perf_counter()
        clock.advance(10)
        assert _waited(queued_at, queued_at + 3, 6.0) == 3.0  # ours: a second was for the way back
        assert _waited(queued_at, queued_at + 123_456, 6.0) == 4.0
        assert _waited(queued_at, queued_at - 1, 6.0) == 4.0
        assert _waited(queued_at, queued_at - 1, 60.0) == 0.0


def test_a_fork_of_the_submitting_process_leaves_its_tasks_alone(captured: Captured, fast) -> None:
    """EXE.1: the child of a fork has lost nothing; results still come home to the parent."""
    future = fast.submit(work.sleep, 0.2)
    pid = forked(lambda: submitted_in_child(fast))
    assert waited_for(pid) == 0
    assert future.result(PATIENCE) == 0.2
    assert outcomes(captured) == {"succeeded": 1}


def submitted_in_child(pool) -> int:
    ledger = pool._self_accounting
    return sum(ledger.counts.totals()) + len(ledger.queued)


def forked(check) -> int:
    import os

    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = check()
        finally:
            os._exit(status)
    return pid


def waited_for(pid: int) -> int:
    import os

    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_an_exception_whose_attributes_are_its_own_business(telemetry: Telemetry, method: str) -> None:
    """What its class calls `__dict__` isn't asked."""
    with (
        telemetry.wrap_executor(bare_pool(method), name="resize") as pool,
        pytest.raises(work.Secretive, match="sealed"),
    ):
        pool.submit(work.be_secretive).result(PATIENCE)
