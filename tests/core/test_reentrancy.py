"""What ends where the API can't be called waits until it can. How it holds under fire: `test_processes.py`."""

import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from telemetry_kit import Telemetry, current_measurement
from telemetry_kit._core import faults, reentrancy
from telemetry_kit.testing import Captured, FakeClock, point


@pytest.fixture(autouse=True)
def nothing_waits() -> Iterator[None]:
    reentrancy.drain()
    yield
    reentrancy.drain()


def test_work_waits_until_it_is_safe() -> None:
    """Work that is left for later isn't done while the thread is inside the SDK (PRC 2)."""
    done: list[int] = []

    def inside() -> None:
        reentrancy.later(lambda: done.append(1))
        reentrancy.drain()
        assert done == []

    reentrancy.inside(inside)
    reentrancy.drain()
    assert done == [1]


def test_work_that_waited_finds_its_thread_marked() -> None:
    """What is done at a safe point calls the SDK, so that what interrupts it waits in its turn (PRC 2)."""
    seen: list[bool] = []
    reentrancy.later(lambda: seen.append(reentrancy.unsafe()))
    reentrancy.later(lambda: reentrancy.later(lambda: seen.append(reentrancy.unsafe())))
    reentrancy.drain()

    assert seen == [True, True]
    assert not reentrancy.unsafe()


def test_a_mark_that_nobody_stands_for_is_taken_back() -> None:
    """ASY 11: a mark that an exception left behind says nothing: no section stands on the stack."""
    reentrancy.here.state.busy = True

    assert not reentrancy.unsafe()
    assert not reentrancy.here.state.busy


def test_the_collector_says_in_c_that_it_runs() -> None:
    """ASY 11: nothing of ours runs in Python when the collector begins and ends, where a Ctrl-C would be swallowed."""
    ours = [callback for callback in gc.callbacks if "telemetry_kit" in str(getattr(callback, "__module__", ""))]

    assert ours == []
    assert set(map(id, reentrancy._on_collection)) <= set(map(id, gc.callbacks))


def test_another_thread_is_no_unsafe_place_while_this_one_collects() -> None:
    """Only the thread that runs the collector waits: what a finaliser lets run meanwhile records (GEN 6)."""
    seen: dict[str, bool] = {}

    class Finalised:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            thread = threading.Thread(target=lambda: seen.update(other=reentrancy.unsafe()))
            thread.start()
            thread.join()
            seen["own"] = reentrancy.unsafe()

    Finalised()
    gc.collect()

    assert seen == {"other": False, "own": True}


@pytest.mark.parametrize("end", ["stopped", "gone"])
def test_what_nobody_can_end_is_dropped_once(end: str) -> None:
    """A watch drops its call at the next safe point after its object has gone, unless it was stopped before."""
    dropped: list[int] = []

    class Call:
        def drop(self) -> None:
            dropped.append(1)

    class Handle:
        pass

    handle = Handle()
    watch = reentrancy.watch(handle, Call().drop)
    if end == "stopped":
        reentrancy.unwatch(watch)
    del watch, handle
    assert dropped == []
    reentrancy.drain()
    reentrancy.drain()

    assert dropped == [1] * (end == "gone")


def test_work_that_raises_loses_itself_only() -> None:
    """Work that raises is a counted fault, the rest is done (FLT 1)."""
    before = faults.counts().get("safe_points", 0)
    done = []
    reentrancy.later(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    reentrancy.later(lambda: done.append(1))
    reentrancy.drain()

    assert done == [1]
    assert faults.counts()["safe_points"] == before + 1


def test_so_much_waits_and_no_more() -> None:
    """A host that never comes to a safe point doesn't grow for ever: the oldest go first."""
    for number in range(reentrancy.WAITING_AT_MOST + 10):
        reentrancy.later(lambda number=number: None)  # type: ignore[misc]

    assert len(reentrancy.waiting) == reentrancy.WAITING_AT_MOST
    reentrancy.waiting.clear()


def test_the_collector_is_no_safe_place() -> None:
    """While the collector runs a thread is busy, afterwards as it was (GEN 6)."""
    seen = []

    class Finalised:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            seen.append(reentrancy.unsafe())

    Finalised()
    gc.collect()

    assert seen == [True]
    assert not reentrancy.unsafe()


@pytest.mark.parametrize(
    "options", [{}, {"error_if": lambda _: None}, {"span": False}], ids=["fast", "full", "no span"]
)
def test_a_call_inside_of_the_sdk_is_recorded_later(
    telemetry: Telemetry, captured: Captured, clock: FakeClock, options: dict[str, object]
) -> None:
    """A call that runs inside of the SDK is recorded at the next safe point, with its times and attributes (PRC 2)."""

    @telemetry.operation("work", **options)  # type: ignore[call-overload,misc]
    def work() -> None:
        current_measurement().set_attribute("a", 1)
        current_measurement().set_metric_attribute("b", 2)
        clock.advance(2.0)

    reentrancy.inside(work)
    assert repr(captured) == "<captured: 0 spans, 0 events>"  # to ask for them would be a safe point

    assert captured.points("operation.duration", {"b": 2}) == [point(count=1, sum=2.0)]
    if "span" not in options:
        assert captured.span("work").duration == 2.0
        assert captured.span("work").attributes["a"] == 1
        assert captured.span("work").attributes["code.function.name"].endswith("work")


def test_a_failure_inside_of_the_sdk_is_recorded_later(telemetry: Telemetry, captured: Captured) -> None:
    """A failing call inside of the SDK has its `error.type` on metric and span (PRC 2)."""

    @telemetry.operation("work")
    def work() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        reentrancy.inside(work)

    assert captured.value("operation.duration", {"error.type": "ValueError"}) == 1
    assert captured.span("work").attributes["error.type"] == "ValueError"


def test_an_attribute_set_inside_of_the_sdk_waits_for_the_end(telemetry: Telemetry, captured: Captured) -> None:
    """A signal handler in the middle of the SDK can set an attribute: it is on the span at its end (PRC 2)."""
    with telemetry.operation("work").measure() as m:
        reentrancy.inside(m.set_attribute, "late", 1)

    assert captured.span("work").attributes["late"] == 1


@pytest.mark.parametrize("helper", ["operation", "span", "job", "step", "task"])
def test_whatever_runs_inside_of_the_sdk_has_its_span_afterwards(
    telemetry: Telemetry, captured: Captured, helper: str
) -> None:
    """PRC 2: an operation, a span, a run, a step and a task that run in a signal handler in the middle of the SDK each
    have their span at the next safe point, with what was set on it."""
    job = telemetry.batch_job("job")

    def work() -> None:
        if helper == "operation":
            with telemetry.operation("work").measure() as m:
                m.set_attribute("a", 1)
        elif helper == "span":
            telemetry.span("work", attributes=lambda: {"a": 1})(lambda: None)()
        elif helper == "task":
            telemetry.wrap_executor(Inline(), name="pool", span=True).submit(work_of_a_task)
        else:
            with job.run() as run, run.step("step") as step:
                (run if helper == "job" else step).set_attribute("a", 1)

    reentrancy.inside(work)
    assert repr(captured) == "<captured: 0 spans, 0 events>"  # to ask for them would be a safe point
    reentrancy.drain()

    name = {"job": "job", "step": "step", "task": "work_of_a_task"}.get(helper, "work")
    assert captured.span(name).attributes.get("a", 1) == 1


def work_of_a_task() -> None:
    pass


class Inline(Executor):
    """Runs what it is given where it is."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.mark.parametrize("kind", ["block", "generator", "use", "run", "future"])
def test_a_call_that_has_ended_leaves_nothing_to_do(telemetry: Telemetry, kind: str) -> None:
    """What sees that nobody can end a call goes with its end: the next call has nothing to look after."""
    operation, pool, job = telemetry.operation("op"), telemetry.pool("gpu"), telemetry.batch_job("nightly")

    async def later() -> int:
        return 1

    def future() -> None:
        with pytest.raises(StopIteration):
            operation(lambda: later())().send(None)

    def block(heads: Any) -> None:
        with heads:
            pass

    works: dict[str, Callable[[], object]] = {
        "block": lambda: block(operation.measure()),
        "generator": lambda: list(operation(lambda: (yield 1))()),
        "use": lambda: block(pool.use()),
        "run": lambda: block(job.run()),
        "future": future,
    }
    works[kind]()

    assert not reentrancy.waiting


@pytest.mark.telemetry_capture(allow=("never_ended",))
@pytest.mark.parametrize("left", [0, 1])
def test_each_block_of_an_object_that_goes_is_given_back(telemetry: Telemetry, left: int) -> None:
    """However many it headed, and however many of them have ended."""
    pool = telemetry.pool("gpu", limit=4)
    use = pool.use()
    for _ in range(2):
        use.__enter__()
    for _ in range(left):
        use.__exit__(None, None, None)

    del use
    reentrancy.drain()

    assert pool.stats().used == 0
