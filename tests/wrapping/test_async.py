"""Coroutines, awaitables and exceptions: measured to their end, and handed on as they are."""

import asyncio
import concurrent.futures
import gc
import sys
import traceback
import warnings
import weakref
from functools import partial
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from telemetry_kit import ErrorPolicy, Telemetry, current_measurement
from telemetry_kit._operation import current
from telemetry_kit.testing import Captured, FakeClock, span
from tests.support import Sdk

OURS = str(current.__file__).rpartition("/")[0]


def frames_of_ours(exc: BaseException) -> int:
    """How many frames of the kit are in the traceback."""
    return sum(frame.f_code.co_filename.startswith(OURS) for frame, _ in traceback.walk_tb(exc.__traceback__))


# ASY 1


def test_a_cancelled_coroutine_is_cancelled(telemetry: Telemetry, captured: Captured) -> None:
    """Cancellation has `error.type="cancelled"`, leaves the span's status unset, and propagates (ASY 1)."""

    @telemetry.operation("wait")
    async def wait() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert captured.spans == [span("wait", status=StatusCode.UNSET, events=[])]
    assert captured.span("wait").attributes["error.type"] == "cancelled"
    assert captured.point("operation.duration", {"operation.name": "wait"}).attributes["error.type"] == "cancelled"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with Python 3.11")
def test_inside_a_timeout_the_inner_is_cancelled_and_the_outer_timed_out(
    telemetry: Telemetry, captured: Captured
) -> None:
    """Inside `asyncio.timeout` the inner call is cancelled, the outer one has the TimeoutError (ASY 1)."""

    @telemetry.operation("inner")
    async def inner() -> None:
        await asyncio.Event().wait()

    @telemetry.operation("outer")
    async def outer() -> None:
        async with asyncio.timeout(0):
            await inner()

    with pytest.raises(TimeoutError):
        asyncio.run(outer())

    assert captured.span("inner").attributes["error.type"] == "cancelled"
    assert captured.span("outer").attributes["error.type"] == "TimeoutError"


def test_a_cancelled_future_of_concurrent_futures_is_cancelled(telemetry: Telemetry, captured: Captured) -> None:
    """The cancellation of concurrent.futures is one, too (ASY 1)."""

    @telemetry.operation("wait")
    def wait() -> None:
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        future.cancel()
        future.result()

    with pytest.raises(concurrent.futures.CancelledError):
        wait()

    assert captured.span("wait").attributes["error.type"] == "cancelled"


# ASY 2


class Hostile(BaseException):
    """What arrives from a signal handler, at any moment."""


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(3), Hostile(), GeneratorExit()])
def test_no_base_exception_is_swallowed(telemetry: Telemetry, raised: BaseException) -> None:
    """A BaseException of the function comes out as the same object (ASY 2)."""

    @telemetry.operation
    def work() -> None:
        raise raised

    with pytest.raises(type(raised)) as caught:
        work()

    assert caught.value is raised


@pytest.mark.telemetry_capture(allow=("never_ended",))
@pytest.mark.parametrize("where", ["error_if", "expected", "metric_attributes", "span_attributes"])
def test_a_base_exception_inside_telemetry_is_not_swallowed(
    telemetry: Telemetry, captured: Captured, where: str
) -> None:
    """A BaseException that arrives inside a callback of telemetry comes out, and nothing stays current (ASY 2)."""

    def interrupted(*_: Any) -> Any:
        raise Hostile

    @telemetry.operation("work", **{where: interrupted})
    def work() -> None:
        if where == "expected":
            raise ValueError

    with pytest.raises(Hostile):
        work()

    assert current_measurement() is current.NO_MEASUREMENT
    assert captured.value("operation.active", {"operation.name": "work"}) == 0


@pytest.mark.parametrize("where", ["on_start", "on_end"])
def test_a_base_exception_inside_the_sdk_is_not_swallowed(sdk: Sdk, where: str) -> None:
    """A BaseException that arrives inside the SDK comes out; the next call is measured as ever (ASY 2)."""
    from opentelemetry.sdk.trace import SpanProcessor

    class Interrupted(SpanProcessor):
        armed = True

    def strike(self: Interrupted, *_: Any, **__: Any) -> None:
        if self.armed:
            self.armed = False
            raise Hostile

    setattr(Interrupted, where, strike)
    sdk.tracer_provider.add_span_processor(Interrupted())
    work = sdk.telemetry().operation("work")(lambda: 1)

    with pytest.raises(Hostile):
        work()

    assert work() == 1
    assert current_measurement() is current.NO_MEASUREMENT
    assert sdk.value("operation.active", {"operation.name": "work"}) == 0
    assert sdk.points("operation.duration", {"operation.name": "work"})


# ASY 3


def test_never_awaited_is_nothing(telemetry: Telemetry, captured: Captured) -> None:
    """A coroutine that nobody awaits has no span and no count, and the warning names the user's function (ASY 3)."""

    @telemetry.operation("fetch")
    async def fetch() -> None: ...

    with pytest.warns(RuntimeWarning, match=r"test_never_awaited_is_nothing.<locals>.fetch"):
        fetch()
        gc.collect()

    assert captured.spans == []
    assert captured.points("operation.duration") == []
    assert captured.value("operation.active") == 0


@pytest.mark.telemetry_capture(allow=("never_ended",))
def test_an_awaitable_never_awaited_is_nothing(telemetry: Telemetry, captured: Captured) -> None:
    """A returned coroutine that nobody awaits is neither counted nor active, and the warning names it (ASY 3)."""

    async def fetch() -> None: ...

    @telemetry.operation("start")
    def start() -> Any:
        return fetch()

    told: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # Not recorded by pytest: a recorded warning keeps the coroutine alive.
        warnings.showwarning = lambda message, *_: told.append(str(message))
        start()
        gc.collect()

    assert told
    assert all("test_an_awaitable_never_awaited_is_nothing.<locals>.fetch" in message for message in told)
    assert [one for one in captured.spans if one.end is not None] == []
    assert captured.points("operation.duration") == []
    assert captured.value("operation.active") == 0


# ASY 4


class Client:
    """An object that is called and awaited."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock

    async def __call__(self, answer: int) -> int:
        await asyncio.sleep(0)
        self.clock.advance(2.0)
        return answer


async def fetch(clock: FakeClock, answer: int) -> int:
    await asyncio.sleep(0)
    clock.advance(2.0)
    return answer


def awaitables(clock: FakeClock) -> dict[str, Any]:
    """Callables that give something to await, which takes two seconds."""

    def future() -> Any:
        loop = asyncio.get_running_loop()
        made = loop.create_future()

        def resolve() -> None:
            clock.advance(2.0)
            made.set_result(42)

        loop.call_soon(resolve)
        return made

    return {
        "coroutine function": lambda: fetch(clock, 42),
        "returns a coroutine": lambda: fetch(clock, 42),
        "partial": partial(fetch, clock, 42),
        "partial of a partial": partial(partial(fetch, clock), 42),
        "object with async call": partial(Client(clock), 42),
        "returns a future": future,
        "returns a task": lambda: asyncio.ensure_future(fetch(clock, 42)),
    }


@pytest.mark.parametrize("kind", list(awaitables(FakeClock())))
def test_measured_to_the_end_of_the_await(
    telemetry: Telemetry, captured: Captured, clock: FakeClock, kind: str
) -> None:
    """Whatever gives an awaitable is measured until that is awaited, and gives its result (ASY 4)."""
    work = telemetry.operation("work")(awaitables(clock)[kind])

    async def main() -> Any:
        return await work()

    assert asyncio.run(main()) == 42
    assert captured.point("operation.duration", {"operation.name": "work"}).sum == 2.0
    assert "error.type" not in captured.span("work").attributes
    assert captured.value("operation.active", {"operation.name": "work"}) == 0


def test_a_callable_object_with_async_call(telemetry: Telemetry, captured: Captured, clock: FakeClock) -> None:
    """An object with an async `__call__` is measured to the end of the await (ASY 4)."""
    client = telemetry.operation("client")(Client(clock))

    assert asyncio.run(client(42)) == 42
    assert captured.point("operation.duration", {"operation.name": "client"}).sum == 2.0
    assert isinstance(client, Client)


def test_a_returned_awaitable_that_fails(telemetry: Telemetry, captured: Captured) -> None:
    """An exception of the await is the outcome, with one frame of ours at most (ASY 4, ASY 5)."""
    problem = ValueError("no")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise problem

    work = telemetry.operation("work")(lambda: fail())

    async def main() -> None:
        await work()

    with pytest.raises(ValueError) as caught:
        asyncio.run(main())

    assert caught.value is problem
    assert frames_of_ours(problem) <= 1
    assert captured.span("work").attributes["error.type"] == "ValueError"


def test_a_returned_coroutine_is_the_parent_of_what_it_does(telemetry: Telemetry, captured: Captured) -> None:
    """Spans made while a returned coroutine is awaited are children of the operation's (ASY 4)."""

    async def child() -> None:
        await asyncio.sleep(0)
        with telemetry.span("child"):
            pass

    work = telemetry.operation("work")(lambda: child())

    async def main() -> None:
        await work()

    asyncio.run(main())

    assert captured.spans == [span("work", parent=""), span("child", parent="work")]


def test_a_returned_future_is_the_same_object(telemetry: Telemetry) -> None:
    """A function that returns a future gives back that very future (ASY 4)."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        assert telemetry.operation("work")(lambda: future)()  # noqa: F821 - deleted below, so that nothing else holds it is future

    asyncio.run(main())


def test_a_future_that_fails_unseen_still_says_so(telemetry: Telemetry, captured: Captured) -> None:
    """Looking at a future's exception doesn't silence asyncio's "never retrieved" (ASY 4)."""
    told: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: told.append(context))
        future = loop.create_future()
        future.set_exception(ValueError("no"))
        telemetry.operation("work")(lambda: future)()  # noqa: F821 - deleted below, so that nothing else holds it
        await asyncio.sleep(0)
        del future
        gc.collect()

    asyncio.run(main())

    assert [context["message"] for context in told] == ["Future exception was never retrieved"]
    assert captured.span("work").attributes["error.type"] == "ValueError"


class Response:
    async def __aenter__(self) -> str:
        await asyncio.sleep(0)
        return "open"

    async def __aexit__(self, *_: object) -> None: ...

    def __await__(self) -> Any:
        return self.__aenter__().__await__()


def test_an_awaitable_that_is_an_async_context_manager_stays_one(telemetry: Telemetry, captured: Captured) -> None:
    """`async with get(...)`, where what get returns could be awaited too (aiohttp's way), works (ASY 4)."""
    get = telemetry.operation("get")(lambda: Response())

    async def main() -> str:
        async with get() as response:
            return response

    assert asyncio.run(main()) == "open"
    assert captured.point("operation.duration", {"operation.name": "get"}).count == 1
    assert captured.value("operation.active", {"operation.name": "get"}) == 0


class Request(Response):
    """aiohttp's `_RequestContextManager`: a registered coroutine, and a context manager."""

    def __init__(self) -> None:
        self.coroutine = self.answer()

    async def answer(self) -> str:
        await asyncio.sleep(0)
        return "answer"

    def send(self, value: Any) -> Any:
        return self.coroutine.send(value)

    def throw(self, *args: Any) -> Any:
        return self.coroutine.throw(*args)

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Any:
        return self.coroutine.__await__()

    async def __aenter__(self) -> str:
        return await self.coroutine


@pytest.mark.parametrize("way", ["await", "async with", "task"])
def test_a_coroutine_of_another_make_stays_what_it_is(telemetry: Telemetry, captured: Captured, way: str) -> None:
    """A returned object that is a coroutine by its methods can be awaited, entered and made a task (ASY 4)."""
    from collections.abc import Coroutine

    Coroutine.register(Request)
    get = telemetry.operation("get")(lambda: Request())

    async def main() -> str:
        if way == "await":
            return await get()
        if way == "task":
            return await asyncio.ensure_future(get())
        async with get() as answer:
            return answer

    assert asyncio.run(main()) == "answer"
    assert captured.point("operation.duration", {"operation.name": "get"}).count == 1
    assert captured.value("operation.active", {"operation.name": "get"}) == 0


# ASY 5

KINDS = ["sync", "async", "generator", "async generator", "object", "method", "awaitable"]


def failing(kind: str, raise_it: Any) -> Any:
    """A callable of that kind which calls `raise_it`, and a function that runs it to its end."""

    def sync() -> None:
        raise_it()

    async def coroutine() -> None:
        raise_it()

    def generator() -> Any:
        yield 1
        raise_it()

    async def async_generator() -> Any:
        yield 1
        raise_it()

    class Callable:
        def __call__(self) -> None:
            raise_it()

        def method(self) -> None:
            raise_it()

    async def drive(agen: Any) -> None:
        async for _ in agen:
            pass

    return {
        "sync": (sync, lambda made: made),
        "async": (coroutine, asyncio.run),
        "generator": (generator, list),
        "async generator": (async_generator, lambda made: asyncio.run(drive(made))),
        "object": (Callable(), lambda made: made),
        "method": (Callable().method, lambda made: made),
        "awaitable": (lambda: coroutine(), asyncio.run),
    }[kind]


@pytest.mark.parametrize(
    "options", [{}, {"span_attributes": lambda *_, **__: {}}, {"span": False}], ids=["lean", "full", "no span"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_exception_is_the_same_object_unchanged(telemetry: Telemetry, kind: str, options: dict[str, Any]) -> None:
    """The same exception object, with its `__context__`, `__cause__` and one frame of ours at most (ASY 5)."""
    cause, context, problem = OSError("cause"), KeyError("context"), ValueError("no")

    def raise_it() -> None:
        try:
            raise context
        except KeyError:
            raise problem from cause

    func, run = failing(kind, raise_it)
    decorated = telemetry.operation("work", **options)(func)

    with pytest.raises(ValueError) as caught:
        run(decorated())

    assert caught.value is problem
    assert (problem.__cause__, problem.__context__) == (cause, context)
    assert frames_of_ours(problem) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_keeps_the_frames_of_an_exception_alive(telemetry: Telemetry, kind: str) -> None:
    """Once the caller lets go of the exception, what its frames held is freed (ASY 5)."""

    class Heavy: ...

    freed: list[weakref.ref[Heavy]] = []

    def raise_it() -> None:
        heavy = Heavy()
        freed.append(weakref.ref(heavy))
        raise ValueError("no")

    func, run = failing(kind, raise_it)
    decorated = telemetry.operation("work")(func)
    try:
        run(decorated())
    except ValueError:
        pass
    gc.collect()

    assert freed[0]() is None


# ASY 6


def test_one_exception_through_three_operations(telemetry: Telemetry, captured: Captured) -> None:
    """It is counted three times and recorded in detail once, on the innermost span (ASY 6)."""

    @telemetry.operation("a")
    def a() -> None:
        raise ValueError("no")

    b = telemetry.operation("b")(lambda: a())
    c = telemetry.operation("c")(lambda: b())

    with pytest.raises(ValueError):
        c()

    assert captured.value("operation.duration", {"error.type": "ValueError"}) == 3
    assert {name: len(captured.span(name).events) for name in "abc"} == {"a": 1, "b": 0, "c": 0}
    assert {captured.span(name).status.status_code for name in "abc"} == {StatusCode.ERROR}


def recursive(telemetry: Telemetry, name: str = "descend", **options: Any) -> Any:
    @telemetry.operation(name, **options)
    def descend(depth: int) -> int:
        return descend(depth + 1) + 1

    return descend


@pytest.mark.parametrize(
    "options", [{}, {"span": False}, {"span_attributes": lambda *_, **__: {}}], ids=["lean", "no span", "full"]
)
def test_a_recursion_error_passes_through_a_recursive_function(sdk: Sdk, options: dict[str, Any]) -> None:
    """A RecursionError through a decorated recursive function leaves nothing active and nothing current (ASY 6)."""
    telemetry = sdk.telemetry(errors=ErrorPolicy())
    descend = recursive(telemetry, **options)

    # Coverage calls Python at the first visit of a line, and finds no frames left for it here.
    with pytest.raises(RecursionError):
        recursive(telemetry, "visited before", **options)(0)
    with pytest.raises(RecursionError):
        descend(0)

    assert sdk.value("operation.active", {"operation.name": "descend"}) == 0
    assert current_measurement() is current.NO_MEASUREMENT
    assert sdk.value("operation.duration", {"operation.name": "descend", "error.type": "RecursionError"}) > 50


def test_a_recursion_error_builds_one_stack(sdk: Sdk) -> None:
    """One RecursionError has one detailed record, however many levels it passes (ASY 6)."""
    telemetry = sdk.telemetry(errors=ErrorPolicy())
    descend = recursive(telemetry)

    with pytest.raises(RecursionError):
        descend(0)

    assert sum(len(span.events) for span in sdk.spans("descend")) == 1


# ASY 7


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_exception_that_cannot_be_printed(telemetry: Telemetry, captured: Captured) -> None:
    """An exception whose `__str__` raises comes out as it is, and is told without words (ASY 7)."""
    problem = Unprintable()

    @telemetry.operation("work")
    def work() -> None:
        raise problem

    with pytest.raises(Unprintable) as caught:
        work()

    assert caught.value is problem
    assert captured.span("work").attributes["error.type"].endswith("Unprintable")
    assert captured.span("work").status == StatusCode.ERROR


def test_a_stop_iteration_of_a_function_is_a_success(telemetry: Telemetry, captured: Captured) -> None:
    """A function that says StopIteration, as `__next__` does, has ended well (ASY 7)."""
    problem = StopIteration(7)

    @telemetry.operation("next")
    def step() -> None:
        raise problem

    with pytest.raises(StopIteration) as caught:
        step()

    assert caught.value is problem
    assert "error.type" not in captured.span("next").attributes


def test_a_stop_iteration_inside_a_coroutine(telemetry: Telemetry) -> None:
    """A coroutine that raises StopIteration is the RuntimeError it is without us (ASY 7)."""

    @telemetry.operation
    async def step() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="coroutine raised StopIteration"):
        asyncio.run(step())


def test_an_exception_out_of_a_with_block(telemetry: Telemetry, captured: Captured) -> None:
    """An exception in a measured block comes out as the same object (ASY 7)."""
    problem = ValueError("no")

    with pytest.raises(ValueError) as caught, telemetry.operation("block").measure():
        raise problem

    assert caught.value is problem
    assert captured.span("block").attributes["error.type"] == "ValueError"


def test_an_exception_in_an_exit(telemetry: Telemetry, captured: Captured) -> None:
    """An exception raised by an inner `__exit__` is the outcome of the measured block (ASY 7)."""

    class Broken:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None:
            raise LookupError("exit")

    with pytest.raises(LookupError) as caught, telemetry.operation("block").measure(), Broken():
        raise ValueError("no")

    assert isinstance(caught.value.__context__, ValueError)
    assert captured.span("block").attributes["error.type"] == "LookupError"


def test_a_coroutine_stepped_in_another_context_still_ends(telemetry: Telemetry, captured: Captured) -> None:
    """A coroutine driven by hand, each step in a context of its own, ends its span and says nothing (ASY 5)."""
    import contextvars

    class Pause:
        def __await__(self) -> Any:
            yield

    @telemetry.operation("step")
    async def step() -> int:
        await Pause()
        return 1

    coroutine = step()
    contextvars.copy_context().run(coroutine.send, None)
    with pytest.raises(StopIteration) as stop:
        contextvars.copy_context().run(coroutine.send, None)

    assert stop.value.value == 1
    assert captured.span("step").status.status_code is StatusCode.UNSET
    assert captured.value("operation.active", {"operation.name": "step"}) == 0


def test_warnings_of_the_host_stay_warnings(telemetry: Telemetry) -> None:
    """Decorating and calling warns of nothing (ASY 3)."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        asyncio.run(telemetry.operation("fetch")(fetch)(FakeClock(), 1))

    assert warned == []
