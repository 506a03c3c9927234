"""An executor whose own `submit` looks at the function sees the user's, but for `is`."""

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.executors import work
from tests.executors.support import PATIENCE, outcomes


def looking(kind: type[Executor]) -> type[Any]:
    """An executor of this kind that keeps what its user's `submit` is given."""

    class Looking(kind):  # type: ignore[valid-type,misc]
        def submit(self, fn, /, *args, **kwargs):
            self.seen = fn
            return super().submit(fn, *args, **kwargs)

    return Looking


class Direct(Executor):
    """Runs everything at once, and looks at it."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def,override]
        self.seen = fn
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        future.set_result(fn(*args, **kwargs))
        return future


EXECUTORS: dict[str, Callable[[], Any]] = {
    "thread": lambda: looking(ThreadPoolExecutor)(1),
    "process": lambda: looking(ProcessPoolExecutor)(1),
    "other": Direct,
}
OPTIONS: list[dict[str, Any]] = [{}, {"sample_durations": 0.0}, {"span": True}, {"propagate": "contextvars"}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", EXECUTORS)
def test_it_has_the_name_the_signature_and_the_attributes(
    telemetry: Telemetry, captured: Captured, kind: str, options: dict[str, Any]
) -> None:
    """EXE 4: `submit` behaves as on the bare executor, also where it decides by the function."""
    with telemetry.wrap_executor(EXECUTORS[kind](), name="resize", **options) as pool:
        assert pool.submit(work.square, 3).result(PATIENCE) == 9
        seen = pool.seen
        assert (seen.__name__, seen.__qualname__, seen.__module__, seen.__doc__) == (
            work.square.__name__,
            work.square.__qualname__,
            work.square.__module__,
            work.square.__doc__,
        )
        assert inspect.signature(seen) == inspect.signature(work.square)
        assert inspect.unwrap(seen) is work.square
        assert not hasattr(seen, "priority")
    assert outcomes(captured) == {"succeeded": 1}


def test_a_thread_pool_finds_it_in_a_table(telemetry: Telemetry, captured: Captured) -> None:
    """EXE 4: equal to the function, with its hash."""

    class Priorities(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def,override]
            return super().submit(fn, {abs: "first"}.get(fn, "last"))

    with telemetry.wrap_executor(Priorities(1), name="resize") as pool:
        with pytest.raises(TypeError, match="str"):
            pool.submit(abs).result(PATIENCE)
        assert pool.submit(str).result(PATIENCE) == "last"
    assert outcomes(captured) == {"succeeded": 1, "failed": 1}


def test_an_attribute_of_the_function_is_seen(telemetry: Telemetry) -> None:
    """EXE 4: a decorator's mark, a partial's parts."""

    def task() -> None:
        pass

    task.priority = 7  # type: ignore[attr-defined]
    with telemetry.wrap_executor(looking(ThreadPoolExecutor)(1), name="resize") as pool:
        pool.submit(task)
        assert pool.seen.priority == 7
        pool.submit(functools.partial(int, "7"))
        assert (pool.seen.func, pool.seen.args) == (int, ("7",))


class OnLoop(Executor):
    """Coroutine functions go to a loop in another thread, as executors of async frameworks do it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def,override]
        assert inspect.iscoroutinefunction(fn)
        return asyncio.run_coroutine_threadsafe(fn(*args, **kwargs), self.loop)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def test_a_coroutine_functions_outcome_is_the_futures(telemetry: Telemetry, captured: Captured) -> None:
    """EXE 1: it has not ended when it gave its coroutine."""

    async def add(one: int, other: int) -> int:
        await asyncio.sleep(0)
        return one + other

    with telemetry.wrap_executor(OnLoop(), name="resize", span=True) as pool:
        assert pool.submit(add, 3, 4).result(PATIENCE) == 7
        with pytest.raises(TypeError):
            pool.submit(add, 3, "4").result(PATIENCE)
    assert outcomes(captured) == {"succeeded": 1, "failed": 1}


def test_a_task_of_two_wrappers_keeps_its_name(telemetry: Telemetry, captured: Captured) -> None:
    """The inner one's span is named as the function, not as the outer one's task."""
    inner = telemetry.wrap_executor(ThreadPoolExecutor(1), name="inner", span=True)
    with telemetry.wrap_executor(inner, name="outer") as pool:
        pool.submit(work.square, 3).result(PATIENCE)
    assert captured.span().name == "square"


class Failing(Executor):
    """Keeps failures in its futures, and looks at what it ran when a future is done."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def,override]
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as exc:
            future.set_exception(exc)
        self.seen = fn.__name__
        return future


def remembering(executor: Any) -> Any:
    """An executor that looks at a task's name when it is done."""

    class Remembering(type(executor)):  # type: ignore[misc]
        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(fn, *args, **kwargs)
            future.add_done_callback(lambda _: setattr(self, "seen", fn.__name__))
            return future

    executor.__class__ = Remembering
    return executor


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["thread", "other"])
def test_a_task_that_failed_here_is_still_the_function(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture, kind: str, options: dict[str, Any]
) -> None:
    """EXE 1, 4: what looks at it when the future is done finds the function, and nothing breaks in a callback."""
    executor = remembering(ThreadPoolExecutor(1) if kind == "thread" else Failing())
    with telemetry.wrap_executor(executor, name="resize", **options) as pool, pytest.raises(LookupError):
        pool.submit(work.raising, "no").result(PATIENCE)

    assert executor.seen == "raising"
    assert outcomes(captured) == {"failed": 1}
    assert caplog.records == []


class Unbound:
    """As proxies are that stand for nothing yet: whatever is asked of it raises."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __call__(self) -> int:
        return 7


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["thread", "other"])
def test_what_says_nothing_of_itself_runs_all_the_same(
    telemetry: Telemetry, captured: Captured, kind: str, options: dict[str, Any]
) -> None:
    """FLT 1: `submit` raises nothing that the bare executor's doesn't."""
    executor = looking(ThreadPoolExecutor)(1) if kind == "thread" else Direct()
    with telemetry.wrap_executor(executor, name="resize", **options) as pool:
        assert pool.submit(Unbound()).result(PATIENCE) == 7
