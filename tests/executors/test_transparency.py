"""A wrapped executor is the executor: types, methods, arguments, exceptions, callbacks. And what can't be wrapped."""

import asyncio
import concurrent.futures
import copy
import pickle
import traceback
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.executors.support import PATIENCE, Gate, fail, outcomes


@pytest.fixture(params=[{}, {"sample_durations": 0.0}, {"span": True}, {"propagate": "contextvars"}], ids=str)
def pool(request, telemetry: Telemetry):
    with telemetry.wrap_executor(ThreadPoolExecutor(2, "worker"), name="resize", **request.param) as pool:
        yield pool


def test_isinstance_holds(pool) -> None:
    """Frameworks ask for a ThreadPoolExecutor."""
    assert isinstance(pool, ThreadPoolExecutor)
    assert isinstance(pool, Executor)
    assert not isinstance(pool, ProcessPoolExecutor)


def test_the_class_is_not_patched(pool) -> None:
    """Another executor of the class is left alone."""
    with ThreadPoolExecutor(1) as other:
        assert other.submit.__func__ is ThreadPoolExecutor.submit
        assert ThreadPoolExecutor.submit.__module__ == "concurrent.futures.thread"


def test_other_attributes_are_the_executors(pool) -> None:
    """Reading and writing goes through."""
    assert pool._thread_name_prefix == "worker"
    pool._max_workers = 3
    assert pool.__wrapped__._max_workers == 3
    assert repr(pool) == repr(pool.__wrapped__)


def test_all_kinds_of_arguments_travel(pool) -> None:
    """Arguments may have any name (WRP.4)."""

    def task(*args, **kwargs):
        return args, kwargs

    given = {"self": 1, "fn": 2, "args": 3, "kwargs": 4, "task": 5, "ledger": 6}
    assert pool.submit(task, 1, 2, **given).result(PATIENCE) == ((1, 2), given)


def test_the_result_is_the_same_object(pool) -> None:
    """Not a copy, not a wrapper."""
    result = object()
    assert pool.submit(lambda: result).result(PATIENCE) is result


def test_the_exception_is_the_same_object(pool) -> None:
    """With its cause and context (ASY.5)."""
    cause, exc = KeyError("cause"), ValueError("no")

    def task():
        raise exc from cause

    assert pool.submit(task).exception(PATIENCE) is exc
    assert (exc.__cause__, exc.__context__, vars(exc)) == (cause, None, {})


def test_the_traceback_has_one_frame_more(pool) -> None:
    """At most one frame of ours (WRP.5)."""
    with ThreadPoolExecutor(1) as bare:
        tracebacks = [
            traceback.extract_tb(e.submit(fail, ValueError()).exception().__traceback__) for e in (bare, pool)
        ]
    names = [[frame.name for frame in tb] for tb in tracebacks]
    assert names[1][0] == names[0][0]
    assert names[1][2:] == names[0][1:]


def test_the_future_is_the_executors_own(pool) -> None:
    """A plain Future, with working callbacks and no attribute of ours."""
    future = pool.submit(abs, -1)
    seen: list[object] = []
    future.add_done_callback(lambda done: seen.append(done.result()))
    future.result(PATIENCE)
    pool.shutdown()
    assert type(future) is Future
    assert seen == [1]


def test_a_callback_runs_in_the_worker(pool) -> None:
    """Outside of the task's context."""
    from opentelemetry.trace import get_current_span

    seen: list[bool] = []
    gate = Gate()
    future = pool.submit(gate)
    future.add_done_callback(lambda _: seen.append(get_current_span().get_span_context().is_valid))
    gate.opened.set()
    pool.shutdown()
    assert seen == [False]


def test_with_gives_the_wrapped_one(telemetry: Telemetry, captured: Captured) -> None:
    """`with wrap_executor(...) as pool` observes."""
    wrapped = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    with wrapped as pool:
        assert pool is wrapped
        pool.submit(abs, 1)
    assert outcomes(captured) == {"succeeded": 1}
    with pytest.raises(RuntimeError):
        wrapped.submit(abs, 1)


def test_as_completed_and_wait_work(pool) -> None:
    """The module's own functions take the futures."""
    futures = [pool.submit(abs, -n) for n in range(10)]
    assert sorted(future.result() for future in concurrent.futures.as_completed(futures, PATIENCE)) == list(range(10))


def test_an_executor_can_be_wrapped_twice(captured: Captured, telemetry: Telemetry) -> None:
    """Two libraries may both want to see it; each sees all of it."""
    inner = telemetry.wrap_executor(ThreadPoolExecutor(1), name="inner")
    with telemetry.wrap_executor(inner, name="outer", span=True) as pool:
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        assert list(pool.map(abs, [-2])) == [2]
    assert (outcomes(captured, "inner"), outcomes(captured, "outer")) == ({"succeeded": 2}, {"succeeded": 2})


def test_it_is_a_default_executor_of_asyncio(captured: Captured, telemetry: Telemetry) -> None:
    """`set_default_executor` wants a ThreadPoolExecutor; `to_thread` and `run_in_executor(None)` then show up."""

    pool = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(pool)
        return await asyncio.to_thread(abs, -1), await loop.run_in_executor(None, abs, -2)

    assert asyncio.run(main()) == (1, 2)
    assert outcomes(captured) == {"succeeded": 2}
    assert (
        captured.value("executor.worker.count", {"executor.worker.state": "idle"}) == 0
    )  # asyncio.run has shut it down


def test_run_in_executor(captured: Captured, telemetry: Telemetry) -> None:
    """The executor of a call, results and exceptions as ever, a cancelled await cancels the queued task."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:

        async def main():
            loop = asyncio.get_running_loop()
            assert await loop.run_in_executor(pool, abs, -1) == 1
            with pytest.raises(ValueError, match="invalid literal"):
                await loop.run_in_executor(pool, int, "x")
            gate = Gate()
            running = loop.run_in_executor(pool, gate)
            waiting = loop.run_in_executor(pool, abs, 1)
            gate.until_started()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await asyncio.sleep(0)  # the loop hands the cancellation on in its next round
            gate.opened.set()
            await running

        asyncio.run(main())
    assert outcomes(captured) == {"succeeded": 2, "failed": 1, "cancelled": 1}


def test_a_subclass_keeps_its_own_methods(captured: Captured, telemetry: Telemetry) -> None:
    """Also those that take more than the base class's."""

    class Tagged(ThreadPoolExecutor):
        tags: list[str] = []

        def submit(self, fn, /, *args, tag="", **kwargs):
            self.tags.append(tag)
            return super().submit(fn, *args, **kwargs)

        def length(self):
            return len(self.tags)

    with telemetry.wrap_executor(Tagged(1), name="resize") as pool:
        pool.submit(abs, 1, tag="a").result(PATIENCE)
        assert pool.length() == 1
        assert pool.tags == ["a"]


def test_a_map_of_its_own_goes_through_submit(captured: Captured, telemetry: Telemetry) -> None:
    """An executor whose `map` doesn't submit (Dask's) is mapped by `submit`, so that its tasks are seen."""

    class Mapping(ThreadPoolExecutor):
        def map(self, fn, *iterables, timeout=None, chunksize=1):
            return map(fn, *iterables)

    with telemetry.wrap_executor(Mapping(1), name="resize") as pool:
        assert list(pool.map(abs, [-1, -2], timeout=PATIENCE)) == [1, 2]
        assert outcomes(captured) == {"succeeded": 2}


def test_a_missing_function_is_a_type_error(pool) -> None:
    """As on the bare executor."""
    with pytest.raises(TypeError, match="fn"):
        pool.submit()


# Bad input


@pytest.mark.parametrize("thing", [None, 3, "pool", abs, object(), ThreadPoolExecutor])
def test_what_is_no_executor(telemetry: Telemetry, thing: object) -> None:
    """The TypeError says what is accepted."""
    with pytest.raises(TypeError, match=r"concurrent\.futures\.Executor.*ThreadPoolExecutor"):
        telemetry.wrap_executor(thing, name="resize")  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"name": ""}, ValueError, "name of an executor must not be empty"),
        ({"name": 3}, TypeError, "name of an.*executor must be a str"),
        ({"name": "x", "propagate": "everything"}, ValueError, "'otel'.*'contextvars'.*None.*'everything'"),
        ({"name": "x", "propagate": True}, ValueError, "'otel'.*'contextvars'.*None.*True"),
        ({"name": "x", "propagate": []}, ValueError, "'otel'.*'contextvars'.*None"),
        ({"name": "x", "span": "current"}, TypeError, "span of executor 'x'.*'current'"),
        ({"name": "x", "sample_durations": 1.5}, ValueError, r"0\.0 to 1\.0.*1\.5"),
        ({"name": "x", "sample_durations": float("nan")}, ValueError, r"0\.0 to 1\.0.*nan"),
        ({"name": "x", "sample_durations": -1}, ValueError, r"0\.0 to 1\.0.*-1"),
        ({"name": "x", "sample_durations": "all"}, TypeError, "number.*'all'"),
        ({"name": "x", "metric_attributes": ["tenant"]}, TypeError, "mapping.*tenant"),
    ],
)
def test_options_that_cannot_be_right(telemetry: Telemetry, options, error, words) -> None:
    """They are named, with the rule and the value, where the executor is wrapped."""
    with ThreadPoolExecutor(1) as inner, pytest.raises(error, match=words):
        telemetry.wrap_executor(inner, **options)


def test_a_name_is_needed(telemetry: Telemetry) -> None:
    """There is no good default for it."""
    with ThreadPoolExecutor(1) as inner, pytest.raises(TypeError, match="name"):
        telemetry.wrap_executor(inner)  # type: ignore[call-arg]


@pytest.mark.telemetry_capture(allow=("dropped", "fault"))
def test_odd_declared_values_are_dropped(captured: Captured, telemetry: Telemetry) -> None:
    """A value that no metric can have must not break the host (FLT.2)."""
    odd = {"good": "a", "none": None, "object": object(), "nan": float("nan"), "": "empty", 3: "number"}
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", metric_attributes=odd) as pool:  # type: ignore[arg-type]
        pool.submit(abs, 1).result(PATIENCE)
    assert set(captured.point("executor.queue.wait_time").attributes) == {
        "good",
        "executor.name",
        "executor.type",
        "scope.name",
    }


def test_a_copy_is_refused(telemetry: Telemetry) -> None:
    """It belongs to its process, and says so."""
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") as pool:
        for refused in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="must not belong to this process, got a "):
                refused(pool)
