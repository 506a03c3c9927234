"""An exception that arrives at any line of the kit, as a signal handler's does: the host gets it, and all heals (ASY 11)."""

import ast
import contextlib
import contextvars
import gc
import linecache
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from opentelemetry import context

import telemetry_kit
from telemetry_kit import Telemetry, attached, context_attributes, current_measurement, extract
from telemetry_kit._core import forks, reentrancy
from tests.support import Sdk

PACKAGE = Path(telemetry_kit.__file__).parent
KEPT = {"record", "_record", "raised_by_host", "pass_on", "odd"}
"""Who asks whether the host raised it, before it is kept from the host."""
BELOW = ("carriers/", "_redaction/", "testing/", "_recording/", "monitoring/", "diagnosis/")
"""What stands below the core, or isn't run by a host."""


class TimeLimit(Exception):
    """As celery's soft time limit: an `Exception`."""


class CtrlC(KeyboardInterrupt):
    pass


def handler(_signal: int, _frame: FrameType | None) -> None:
    raise wanted


wanted: type[BaseException] = CtrlC


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, handler)
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGUSR1, before)
    for name, module in list(
        sys.modules.items()
    ):  # one that arrived between taking a lock and the block leaves it taken
        for lock in vars(module).values() if name.startswith("telemetry_kit.") else ():
            if isinstance(lock, type(forks.Lock())):
                lock._at_fork_reinit()


def body() -> int:
    current_measurement().set_attribute("a", 1)
    return 1


def failing() -> int:
    raise ValueError("no")


async def later() -> int:
    return 1


def driven(coroutine: Any) -> None:
    """Run it without an event loop, whose lines aren't the kit's."""
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    finally:
        coroutine.close()


class Here(ThreadPoolExecutor):
    """Runs a task where it is submitted: signals arrive in the main thread alone."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def rows() -> Iterator[int]:
    yield 1
    yield 2


def works(telemetry: Telemetry) -> dict[str, Callable[[], object]]:
    """What a host does, each once."""
    operation = telemetry.operation("op")
    fast, failed = operation(body), operation(failing)
    full = telemetry.operation("op", span_attributes=dict)(body)
    judged = telemetry.operation("op", error_if=lambda _: None)(body)
    unseen = Telemetry("without").operation("op")(rows)
    generator, span, job = operation(rows), telemetry.span("span")(body), telemetry.batch_job("job")
    hot = telemetry.operation("hot", span=False, sample_durations=0.5)(body)
    coroutine, pool = operation(later), telemetry.pool("gpu", limit=4)
    used, executor = pool.use()(body), telemetry.wrap_executor(Here(), name="here")
    spanned = telemetry.wrap_executor(Here(), name="spanned", span=True)

    def fails() -> None:
        try:
            failed()
        except ValueError:
            pass

    def block() -> None:
        with operation.measure() as m:
            m.set_metric_attribute("a", "b")

    def plain_block() -> None:
        with operation.measure():
            pass

    def use() -> None:
        with pool.wait():
            pass
        with pool.use():
            pass

    def run() -> None:
        with job.run() as running, running.step("load"):
            running.processed()

    @operation
    def held() -> Iterator[int]:
        with telemetry.span("held"):
            yield 1
            yield 2

    @operation
    async def held_async() -> AsyncIterator[int]:
        with telemetry.span("held"):
            yield 1

    @telemetry.operation("manager")
    @contextlib.contextmanager
    def manager() -> Iterator[None]:
        with telemetry.span("held"):
            yield

    @context_attributes({"tenant": "acme"}, metric_keys=["tenant"])
    def below() -> Iterator[int]:
        with attached(extract({"baggage": "a=b"})):
            yield fast()

    async def consumed() -> None:
        async for _ in held_async():
            pass

    def managed() -> None:
        with manager():
            pass

    def within() -> None:
        with manager(), context_attributes({"tenant": "acme"}):
            list(below())

    return {
        "success": fast,
        "full path": full,
        "judged": judged,
        "failure": fails,
        "block": block,
        "plain block": plain_block,
        "generator": lambda: list(generator()),
        "generator that holds a span": lambda: list(held()),
        "async generator that holds a span": lambda: driven(consumed()),
        "manager": managed,
        "blocks in blocks": within,
        "generator without an SDK": lambda: list(unseen()),
        "span": span,
        "run": run,
        "hot path": hot,
        "coroutine": lambda: driven(coroutine()),
        "pool": use,
        "decorated use": used,
        "task": lambda: executor.submit(body).result(),
        "task with a span": lambda: spanned.submit(body).result(),
    }


places: list[str] = []
"""Where interrupts arrived."""
NAMES = ["success", "full path", "judged", "failure", "block", "plain block", "generator", "generator without an SDK"]
NAMES += ["span", "run"]
NAMES += ["generator that holds a span", "manager", "blocks in blocks"]
NAMES += ["hot path", "coroutine", "pool", "decorated use", "task", "task with a span"]
ACTIVE: dict[str, dict[str, str]] = {
    "operation.active": {},
    "job.active": {},
    "pool.usage": {},
    "pool.pending": {},
    "executor.queue.size": {},
    "executor.worker.count": {"executor.worker.state": "active"},
}


def interrupt(work: Callable[[], object], line: int) -> bool:
    """Do `work`, with a signal at the so-manyth line of the kit that it runs; False where there is no such line."""
    number, sent = 0, False

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal number, sent
        if not frame.f_code.co_filename.startswith(str(PACKAGE)):
            return None
        if event == "line" and not sent and _can_be_interrupted(frame):
            number += 1
            if number == line:
                sent = True
                places.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
                sys.settrace(None)
                signal.raise_signal(signal.SIGUSR1)
        return trace

    sys.settrace(trace)
    try:
        work()
    except (CtrlC, TimeLimit):
        return True
    finally:
        sys.settrace(None)
    assert not sent, f"what arrived at {places[-1]} was swallowed"
    return False


def _can_be_interrupted(frame: FrameType) -> bool:
    """Not a bare `try:`, which does nothing at which signal handlers would run, and neither a finaliser nor what a future
    calls when it is done: there Python, and concurrent.futures, only report what is raised."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    if line == "try:" or frame.f_code.co_name == "__del__":
        return False
    return not any(caller.f_code is Future.add_done_callback.__code__ for caller in _callers(frame))


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


@pytest.mark.parametrize("kind", [CtrlC, pytest.param(TimeLimit, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_an_interrupt_at_any_line(
    sdk: Sdk, name: str, kind: type[BaseException], record_property: Callable[[str, object], None]
) -> None:
    """ASY 11: it reaches the host; afterwards the thread records, nothing is current and nothing active."""
    global wanted
    wanted, telemetry = kind, sdk.telemetry()
    work = works(telemetry)[name]
    after = telemetry.operation("after")(lambda: 1)
    for _ in range(3):
        work()
        after()
    line, problems = 1, []
    while interrupt(work, line):
        sdk.span_exporter.clear()
        after()
        left = context.get_current()
        if left or len(sdk.spans("after")) != 1 or reentrancy.unsafe():
            problems.append((places[-1], bool(left), len(sdk.spans("after"))))
            context.attach(context.Context())
        line += 1
    active = {metric: sdk.value(metric, attributes) for metric, attributes in ACTIVE.items()}

    assert problems == []
    assert {metric: number for metric, number in active.items() if number} == {}
    record_property("interrupts", line - 1)
    print(f"{name}, {kind.__name__}: {line - 1} interrupts")
    assert line > 50


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="what traces there keeps a copy of a frame's locals, and the body"
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of steps that were never taken
def test_an_interrupt_while_an_async_generator_holds_a_span(sdk: Sdk) -> None:
    """ASY 11: the body ends where what it leaves is current, not in whoever consumes it."""
    global wanted
    wanted, work, line, left = CtrlC, works(sdk.telemetry())["async generator that holds a span"], 1, []
    work()
    while interrupt(work, line):
        if context.get_current():
            left.append(places[-1])
            context.attach(context.Context())
        line += 1

    assert left == []
    assert line > 50


def swallowed(work_of: Callable[[Sdk], Callable[[], object]]) -> tuple[int, int]:
    """How many time limits don't reach the host, one at each place at which the interpreter looks for signals (a Python
    function is entered, a C function has returned), and how many such places there are. Each has a context and an SDK of
    its own: what an earlier one left current would make the SDK do less, and a lock that it left taken is for ever."""
    lost = place = 0
    sent = True
    while sent:
        place += 1
        number, sent, sdk = 0, False, Sdk()
        work = work_of(sdk)
        for _ in range(3):
            work()

        def look(_frame: FrameType, event: str, _arg: object, place: int = place) -> None:
            nonlocal number, sent
            if event in ("call", "c_return"):
                number += 1
                if number == place:
                    sent = True
                    sys.setprofile(None)
                    signal.raise_signal(signal.SIGUSR1)
                    for _ in range(100):  # should it be handled a little later
                        pass

        def once(look: Any = look, work: Callable[[], object] = work) -> None:
            sys.setprofile(look)
            try:
                work()
            finally:
                sys.setprofile(None)

        try:
            contextvars.Context().run(once)
            lost += sent
        except TimeLimit:
            pass
    return lost, place - 1


def test_a_time_limit_reaches_the_host_as_often_as_with_the_api_by_hand() -> None:
    """ASY 11: what is lost is lost inside the SDK, whose exporters are guarded, and never more than by hand."""
    global wanted
    wanted = TimeLimit

    def decorated(sdk: Sdk) -> Callable[[], object]:
        return sdk.telemetry().operation("row")(lambda: 1)

    def by_hand(sdk: Sdk) -> Callable[[], object]:
        histogram = sdk.meter_provider.get_meter("hand").create_histogram("row.duration")

        def work() -> None:
            with sdk.tracer.start_as_current_span("row"):
                histogram.record(0.1, {"operation.name": "row"})

        return work

    (ours, places_of_ours), (by_the_api, places_by_hand) = swallowed(decorated), swallowed(by_hand)

    assert min(places_of_ours, places_by_hand) > 50
    assert ours <= by_the_api


def test_a_lock_is_taken_and_given_back_in_c() -> None:
    """An exception that arrived in a `__enter__` in Python, after the lock was taken, would leave it taken for ever."""
    lock = type(forks.Lock())
    for method in (lock.__enter__, lock.__exit__, lock.acquire, lock.release):
        assert not hasattr(method, "__code__")


def test_whoever_keeps_an_exception_from_the_host_asks_first() -> None:
    """ASY 11: each `except Exception` of what a host runs records the fault, which asks, or asks itself."""
    silent = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(BELOW):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler) and "Exception" in _names(node.type) and not _asks(node):
                silent.append(f"{name}:{node.lineno}")

    assert silent == []


def _names(kind: ast.expr | None) -> set[str]:
    return set() if kind is None else {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)}


def _asks(handler: ast.ExceptHandler) -> bool:
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise) and node.exc is None:
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in KEPT and any(isinstance(arg, ast.Name) and arg.id == handler.name for arg in node.args):
                return True
    return False
