"""Generators and async generators: driven step by step, so that nothing leaks to whoever consumes them."""

import asyncio
import contextvars
import gc
import inspect
import logging
import threading
import types
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from telemetry_kit import Telemetry, current_measurement
from telemetry_kit.testing import Captured, span
from tests.support import Sdk


def names(spans: Any) -> list[str]:
    return [seen.name for seen in spans]


async def collected(generator: Any) -> list[Any]:
    return [item async for item in generator]


# GEN 1


def test_the_span_is_current_while_the_body_runs(telemetry: Telemetry, captured: Captured) -> None:
    """The body of a generator sees its own span (GEN 1)."""

    @telemetry.operation("rows")
    def rows():
        yield trace.get_current_span()
        yield trace.get_current_span()

    seen = list(rows())

    assert names(seen) == ["rows", "rows"]


def test_the_consumer_sees_its_own_span_between_yields(telemetry: Telemetry, captured: Captured) -> None:
    """Between yields the consumer has its own current span, not the generator's (GEN 1)."""

    @telemetry.operation("rows")
    def rows():
        yield 1
        yield 2

    with telemetry.tracer.start_as_current_span("consumer") as mine:
        seen = [trace.get_current_span() is mine for _ in rows()]

    assert seen == [True, True]


def test_the_consumer_has_its_own_measurement_between_yields(telemetry: Telemetry) -> None:
    """`current_measurement()` of the consumer isn't the generator's (GEN 1)."""

    @telemetry.operation("rows")
    def rows():
        yield current_measurement()

    with telemetry.operation("consumer").measure() as mine:
        for inner in rows():
            assert current_measurement() is mine
            assert inner is not mine


def test_the_span_is_current_while_the_async_body_runs(telemetry: Telemetry, captured: Captured) -> None:
    """The body of an async generator sees its own span, also after an await (GEN 1)."""

    @telemetry.operation("pages")
    async def pages():
        yield trace.get_current_span()
        await asyncio.sleep(0)
        yield trace.get_current_span()

    assert names(asyncio.run(collected(pages()))) == ["pages", "pages"]


def test_the_async_consumer_sees_its_own_span_between_yields(telemetry: Telemetry, captured: Captured) -> None:
    """Between yields of an async generator the consumer has its own current span (GEN 1)."""

    @telemetry.operation("pages")
    async def pages():
        for page in range(3):
            await asyncio.sleep(0)
            yield page

    async def consume() -> list[bool]:
        with telemetry.tracer.start_as_current_span("consumer") as mine:
            return [trace.get_current_span() is mine async for _ in pages()]

    assert asyncio.run(consume()) == [True, True, True]


# GEN 2


def test_interleaved_generators_leave_each_other_alone(telemetry: Telemetry, captured: Captured) -> None:
    """Two interleaved generators each see their own span, and neither becomes the other's parent (GEN 2)."""

    @telemetry.operation("rows")
    def rows(label: str):
        for _ in range(3):
            with telemetry.tracer.start_as_current_span(f"child of {label}"):
                pass
            yield trace.get_current_span()

    a, b = rows("a"), rows("b")
    with telemetry.tracer.start_as_current_span("consumer") as consumer:
        spans = [next(generator) for generator in (a, b, b, a, a, b)]
        assert trace.get_current_span() is consumer
        rest = [*a, *b]

    assert rest == []
    span_a, span_b = spans[0], spans[1]
    assert [seen is span_a for seen in spans] == [True, False, False, True, True, False]
    rows_a, rows_b = captured.spans_named("rows")
    assert (span_a.context, span_b.context) == (rows_a.context, rows_b.context)
    assert captured.spans_named("rows") == [span("rows", parent="consumer")] * 2
    assert captured.spans_named("child of a") == [span("child of a", parent=rows_a)] * 3
    assert captured.spans_named("child of b") == [span("child of b", parent=rows_b)] * 3


def test_interleaved_async_generators_leave_each_other_alone(telemetry: Telemetry, captured: Captured) -> None:
    """Two async generators consumed by two tasks at once keep to their own spans (GEN 2)."""

    @telemetry.operation("pages")
    async def pages(label: str):
        for _ in range(3):
            await asyncio.sleep(0)
            with telemetry.tracer.start_as_current_span(label):
                await asyncio.sleep(0)
            yield trace.get_current_span()

    async def consume(label: str) -> None:
        with telemetry.tracer.start_as_current_span(f"consumer {label}") as mine:
            async for page in pages(label):
                assert trace.get_current_span() is mine
                assert page.parent == mine.get_span_context()

    async def main() -> None:
        await asyncio.gather(consume("a"), consume("b"))

    asyncio.run(main())

    for pages_of, label in zip(captured.spans_named("pages"), "ab", strict=True):
        assert pages_of == span("pages", parent=f"consumer {label}")
        assert captured.spans_named(label) == [span(label, parent=pages_of)] * 3


# GEN 3


def break_early(generator: Iterator[Any]) -> None:
    for _ in generator:
        break


def test_a_consumer_that_breaks_early(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """A generator that is dropped after one item has one ended span, status unset, and nothing is logged (GEN 3)."""

    @telemetry.operation("rows")
    def rows():
        yield 1
        yield 2

    with caplog.at_level(logging.DEBUG):
        break_early(rows())

    assert captured.span("rows").status == StatusCode.UNSET
    assert caplog.records == []


def test_a_generator_closed_in_another_thread(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """Closed by another thread: one ended span, status unset, no word, and this thread's context is as it was (GEN 3)."""

    @telemetry.operation("rows")
    def rows():
        yield 1

    generator = rows()
    with telemetry.tracer.start_as_current_span("consumer") as mine:
        next(generator)
        thread = threading.Thread(target=generator.close)
        thread.start()
        thread.join()
        assert trace.get_current_span() is mine

    assert captured.span("rows").status == StatusCode.UNSET
    assert captured.value("operation.active", {"operation.name": "rows"}) == 0
    assert caplog.records == []


def test_a_generator_closed_in_another_context(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """Begun in one `contextvars` context and closed in another: one ended span, no word (GEN 3)."""

    @telemetry.operation("rows")
    def rows():
        yield 1

    generator = rows()
    contextvars.copy_context().run(next, generator)
    contextvars.Context().run(generator.close)

    assert captured.span("rows").status.status_code is StatusCode.UNSET
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert caplog.records == []


def test_an_async_generator_closed_in_another_task(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """An async generator closed by another task has one ended span, status unset, and nothing is logged (GEN 3)."""

    @telemetry.operation("pages")
    async def pages():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)

    async def main() -> None:
        generator = pages()
        with telemetry.tracer.start_as_current_span("consumer") as mine:
            await asyncio.create_task(generator.__anext__())
            await asyncio.create_task(generator.aclose())
            assert trace.get_current_span() is mine

    asyncio.run(main())

    assert captured.span("pages").status.status_code is StatusCode.UNSET
    assert caplog.records == []


def test_an_async_consumer_that_breaks_early(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """An async generator left open is closed by the loop: one ended span, status unset, nothing logged (GEN 3)."""

    @telemetry.operation("pages")
    async def pages():
        yield 1
        yield 2

    async def main() -> None:
        async for _ in pages():
            break
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())

    assert captured.span("pages").status == StatusCode.UNSET
    assert captured.point("operation.duration", {"operation.name": "pages"}).count == 1
    assert [record for record in caplog.records if record.name != "asyncio"] == []


def test_a_loop_that_shuts_down_closes_the_generator_once(telemetry: Telemetry, captured: Captured) -> None:
    """`shutdown_asyncgens` closes our generator and not the inner one beside it (GEN 3)."""
    closed = []

    @telemetry.operation("pages")
    async def pages():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append("body")

    async def main() -> Any:
        generator = pages()
        await generator.__anext__()
        return generator

    asyncio.run(main())

    assert closed == ["body"]
    assert captured.span("pages").status.status_code is StatusCode.UNSET


# GEN 4


def test_send_reaches_the_body(telemetry: Telemetry) -> None:
    """What is sent into a generator reaches its body (GEN 4)."""

    @telemetry.operation
    def echo():
        got = yield "first"
        while True:
            got = yield got

    generator = echo()

    assert [next(generator), generator.send("a"), generator.send("b")] == ["first", "a", "b"]


def test_throw_reaches_the_body(telemetry: Telemetry) -> None:
    """An exception thrown into a generator reaches its body, which may go on (GEN 4)."""

    @telemetry.operation
    def stubborn():
        try:
            yield 1
        except ValueError as exc:
            yield exc

    generator = stubborn()
    next(generator)
    problem = ValueError("no")

    assert generator.throw(problem) is problem


def test_the_return_value_comes_through(telemetry: Telemetry) -> None:
    """`yield from` a decorated generator gives its return value (GEN 4)."""

    @telemetry.operation
    def inner():
        yield 1
        return "done"

    def outer():
        return (yield from inner())

    generator = outer()
    next(generator)
    with pytest.raises(StopIteration) as stop:
        next(generator)

    assert stop.value.value == "done"


def test_close_runs_the_bodys_finally_before_it_returns(telemetry: Telemetry) -> None:
    """`close()` returns after the `finally` of the body (GEN 4)."""
    order = []

    @telemetry.operation
    def rows():
        try:
            yield 1
        finally:
            order.append("finally")

    generator = rows()
    next(generator)
    generator.close()
    order.append("closed")

    assert order == ["finally", "closed"]


def test_a_body_that_yields_on_close_is_told_so(telemetry: Telemetry) -> None:
    """A generator that ignores GeneratorExit is the RuntimeError it is without us (GEN 4)."""

    @telemetry.operation
    def stubborn():
        try:
            yield 1
        finally:
            yield 2

    generator = stubborn()
    next(generator)

    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()


def test_asend_and_athrow_reach_the_body(telemetry: Telemetry) -> None:
    """`asend` and `athrow` reach the body of an async generator (GEN 4)."""

    @telemetry.operation
    async def echo():
        got = yield "first"
        try:
            got = yield got
        except ValueError as exc:
            yield exc

    async def main() -> list[Any]:
        generator = echo()
        problem = ValueError("no")
        return [await generator.__anext__(), await generator.asend("a"), await generator.athrow(problem) is problem]

    assert asyncio.run(main()) == ["first", "a", True]


def test_aclose_returns_after_the_bodys_finally(telemetry: Telemetry) -> None:
    """`aclose()` returns after the `finally` of the body, awaits included (GEN 4)."""
    order = []

    @telemetry.operation
    async def pages():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            order.append("finally")

    async def main() -> None:
        generator = pages()
        await generator.__anext__()
        await generator.aclose()
        order.append("closed")

    asyncio.run(main())

    assert order == ["finally", "closed"]


# GEN 5


def test_under_contextmanager_the_body_sees_the_exception(telemetry: Telemetry, captured: Captured) -> None:
    """Under `@contextmanager` the body can roll back, and the exception comes out as it was (GEN 5)."""
    seen: list[BaseException] = []

    @contextmanager
    @telemetry.operation("transaction")
    def transaction() -> Iterator[None]:
        try:
            yield
        except BaseException as exc:
            seen.append(exc)
            raise

    problem = ValueError("no")
    with pytest.raises(ValueError) as caught, transaction():
        raise problem

    assert seen == [problem]
    assert caught.value is problem
    assert captured.span("transaction").attributes["error.type"] == "ValueError"


def test_under_contextmanager_the_body_can_swallow(telemetry: Telemetry, captured: Captured) -> None:
    """A body that swallows the exception has ended well (GEN 5)."""

    @contextmanager
    @telemetry.operation("lenient")
    def lenient() -> Iterator[None]:
        try:
            yield
        except ValueError:
            pass

    with lenient():
        raise ValueError

    assert "error.type" not in captured.span("lenient").attributes


def test_under_asynccontextmanager_the_body_sees_the_exception(telemetry: Telemetry, captured: Captured) -> None:
    """Under `@asynccontextmanager` the body can roll back (GEN 5)."""
    seen: list[BaseException] = []

    @asynccontextmanager
    @telemetry.operation("transaction")
    async def transaction() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as exc:
            await asyncio.sleep(0)
            seen.append(exc)
            raise

    problem = ValueError("no")

    async def main() -> None:
        async with transaction():
            raise problem

    with pytest.raises(ValueError) as caught:
        asyncio.run(main())

    assert seen == [problem]
    assert caught.value is problem
    assert captured.span("transaction").attributes["error.type"] == "ValueError"


# GEN 6


def test_never_started_is_nothing(telemetry: Telemetry, captured: Captured) -> None:
    """A generator that nobody started has no span and isn't counted (GEN 6)."""

    @telemetry.operation("rows")
    def rows():
        yield 1

    generator = rows()
    generator.close()
    del generator

    assert captured.spans == []
    assert captured.points("operation.duration") == []
    assert captured.value("operation.active") == 0


def test_an_async_generator_never_started_is_nothing(telemetry: Telemetry, captured: Captured) -> None:
    """An async generator that nobody started has no span and isn't counted (GEN 6)."""

    @telemetry.operation("pages")
    async def pages():
        yield 1

    asyncio.run(pages().aclose())

    assert captured.spans == []
    assert captured.points("operation.duration") == []
    assert captured.value("operation.active") == 0


def test_abandoned_in_a_cycle_is_ended_once(telemetry: Telemetry, captured: Captured) -> None:
    """A generator that the collector closes is ended once, not an error, and no longer active (GEN 6)."""

    @telemetry.operation("rows")
    def rows(cycle: list[Any]):
        yield cycle

    cycle: list[Any] = []
    cycle.append(rows(cycle))
    next(cycle[0])
    del cycle
    gc.collect()

    assert captured.point("operation.duration", {"operation.name": "rows"}).count == 1
    assert captured.span("rows").status.status_code is StatusCode.UNSET
    assert captured.value("operation.active", {"operation.name": "rows"}) == 0


def test_nothing_is_recorded_from_inside_the_collector(telemetry: Telemetry, sdk: Sdk) -> None:
    """What the collector closes is told at the next safe point, not while it runs (GEN 6)."""
    recorded_inside: list[int] = []

    @telemetry.operation("rows")
    def rows(cycle: list[Any]):
        yield cycle

    def watch(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            recorded_inside.append(len(sdk.spans("rows")))

    cycle: list[Any] = []
    cycle.append(rows(cycle))
    next(cycle[0])
    gc.callbacks.append(watch)
    try:
        del cycle
        gc.collect()
    finally:
        gc.callbacks.remove(watch)

    assert recorded_inside
    assert set(recorded_inside) == {0}
    with telemetry.operation("next").measure():
        assert len(sdk.spans("rows")) == 1


# GEN 7


@pytest.mark.parametrize("question", ["isgeneratorfunction", "isasyncgenfunction", "iscoroutinefunction"])
@pytest.mark.parametrize("kind", ["sync", "async", "generator", "async generator"])
def test_inspect_answers_as_for_the_bare_function(telemetry: Telemetry, question: str, kind: str) -> None:
    """`inspect` finds the decorated function to be of the same kind as the bare one (GEN 7)."""

    def sync(): ...
    async def coroutine(): ...
    def generator():
        yield

    async def async_generator():
        yield

    bare = {"sync": sync, "async": coroutine, "generator": generator, "async generator": async_generator}[kind]
    ask = getattr(inspect, question)

    assert ask(telemetry.operation(bare)) == ask(bare)


# GEN 8


def test_children_of_the_body_have_the_generators_span_as_parent(telemetry: Telemetry, captured: Captured) -> None:
    """Spans that the body makes in later steps are children of the generator's (GEN 8)."""

    @telemetry.operation("rows")
    def rows():
        yield 1
        with telemetry.tracer.start_as_current_span("child"):
            yield 2

    list(rows())

    assert captured.spans == [span("rows", parent=""), span("child", parent="rows")]


def test_the_duration_is_from_first_step_to_end(telemetry: Telemetry, captured: Captured) -> None:
    """A generator's duration counts from its first step to its end, the consumer's time included (GEN 8)."""

    @telemetry.operation("rows")
    def rows():
        captured.clock.advance(1.0)
        yield 1
        captured.clock.advance(1.0)

    generator = rows()
    captured.clock.advance(10.0)
    for _ in generator:
        captured.clock.advance(5.0)

    assert captured.point("operation.duration", {"operation.name": "rows"}).sum == 7.0


def test_the_span_says_how_long_the_body_worked(telemetry: Telemetry, captured: Captured) -> None:
    """`operation.busy_time` is the part in which the body worked, `finally` after a close included (GEN 8)."""

    @telemetry.operation("rows")
    def rows():
        captured.clock.advance(1.0)
        try:
            yield 1
        finally:
            captured.clock.advance(0.5)

    generator = rows()
    next(generator)
    captured.clock.advance(5.0)
    generator.close()

    assert captured.span("rows").attributes["operation.busy_time"] == 1.5


def test_the_span_says_how_long_the_async_body_worked(telemetry: Telemetry, captured: Captured) -> None:
    """`operation.busy_time` of an async generator leaves out consumer and awaits (GEN 8)."""

    async def slow() -> None:
        await asyncio.sleep(0)

    @telemetry.operation("pages")
    async def pages():
        captured.clock.advance(1.0)
        yield 1
        await slow()
        captured.clock.advance(0.5)
        yield 2

    async def main() -> None:
        async for _ in pages():
            captured.clock.advance(5.0)

    asyncio.run(main())

    assert captured.span("pages").attributes["operation.busy_time"] == 1.5
    assert captured.point("operation.duration", {"operation.name": "pages"}).sum == 11.5


def test_a_function_that_is_no_generator_has_no_busy_time(telemetry: Telemetry, captured: Captured) -> None:
    """Only generators say how long their body worked (GEN 8)."""

    @telemetry.operation("price")
    def price() -> int:
        return 1

    price()

    assert "operation.busy_time" not in captured.span("price").attributes


def test_a_failing_generator_is_an_error(telemetry: Telemetry, captured: Captured) -> None:
    """An exception of the body is the outcome of the generator, and comes out as it was (GEN 4)."""
    problem = KeyError("no")

    @telemetry.operation("rows")
    def rows():
        yield 1
        raise problem

    with pytest.raises(KeyError) as caught:
        list(rows())

    assert caught.value is problem
    assert captured.span("rows").status.status_code is StatusCode.ERROR
    assert captured.point("operation.duration", {"operation.name": "rows", "error.type": "KeyError"}).count == 1


def test_a_cancelled_async_generator_is_cancelled(telemetry: Telemetry, captured: Captured) -> None:
    """An async generator that is cancelled at an await has `error.type="cancelled"`, status unset (ASY 1)."""

    @telemetry.operation("pages")
    async def pages():
        yield 1
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(collected(pages()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert captured.span("pages").attributes["error.type"] == "cancelled"
    assert captured.span("pages").status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("hidden", [False, True], ids=["decorated", "hidden"])
def test_a_generator_that_can_be_awaited(telemetry: Telemetry, hidden: bool) -> None:
    """GEN 10: what `types.coroutine` made of a generator function can be awaited as before, and is measured to its end."""

    @types.coroutine
    def paused() -> Any:
        yield
        return 4

    measured = telemetry.operation("paused")((lambda: paused()) if hidden else paused)

    async def main() -> int:
        return await measured()

    coroutine = main()
    coroutine.send(None)
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value == 4
