"""What a suspended body had made current is put aside whole, and comes back whole (GEN 9)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context

from telemetry_kit import Telemetry, current_measurement, current_run
from telemetry_kit.testing import Captured

HELPERS = ["operation", "metrics only", "span", "job", "no sdk"]


def decorator(captured: Captured, helper: str) -> Any:
    telemetry = Telemetry("lib") if helper == "no sdk" else Telemetry("shop.orders")
    if helper == "span":
        return telemetry.span("work")
    if helper == "job":
        return telemetry.batch_job("work")
    return telemetry.operation("work", span=helper != "metrics only")


@pytest.mark.parametrize("helper", HELPERS)
def test_two_interleaved_generators_keep_their_baggage(captured: Captured, helper: str) -> None:
    """GEN 9: each finds its own when it goes on, and the consumer sees neither."""

    @decorator(captured, helper)  # type: ignore[untyped-decorator]
    def rows(name: str) -> Iterator[object]:
        token = context.attach(baggage.set_baggage("of", name))
        for _ in range(3):
            yield baggage.get_baggage("of")
        context.detach(token)

    first, second = rows("a"), rows("b")
    seen = []
    for _ in range(3):
        seen += [next(first), baggage.get_baggage("of"), next(second), baggage.get_baggage("of")]

    assert seen == ["a", None, "b", None] * 3
    assert (list(first), list(second), baggage.get_baggage("of")) == ([], [], None)


@pytest.mark.parametrize("helper", HELPERS)
def test_an_async_generator_keeps_its_baggage_between_its_awaits(captured: Captured, helper: str) -> None:
    """GEN 9: also where another one runs meanwhile in the same task."""

    @decorator(captured, helper)  # type: ignore[untyped-decorator]
    async def rows(name: str) -> AsyncIterator[object]:
        token = context.attach(baggage.set_baggage("of", name))
        for _ in range(2):
            await asyncio.sleep(0)
            yield baggage.get_baggage("of")
        context.detach(token)

    async def main() -> list[object]:
        first, second = rows("a"), rows("b")
        seen = []
        for _ in range(2):
            seen += [await anext(first), baggage.get_baggage("of"), await anext(second)]
        return [*seen, [row async for row in first], [row async for row in second]]

    assert asyncio.run(main()) == ["a", None, "b"] * 2 + [[], []]


def test_a_run_that_a_body_has_begun_stays_its_own(captured: Captured, telemetry: Telemetry) -> None:
    """GEN 9: the run and the measurement inside of a suspended body are current in it alone."""
    job, inner = telemetry.batch_job("nightly"), telemetry.operation("inner")

    @telemetry.operation("stream")
    def rows() -> Iterator[tuple[bool, bool]]:
        with job.run() as run, inner.measure() as m:
            for _ in range(2):
                yield current_run() is run, current_measurement() is m

    stream = rows()
    for _ in range(2):
        assert next(stream) == (True, True)
        assert current_run().state is None
    stream.close()


def test_what_leaves_a_body_that_is_closed_has_the_context_of_the_bare_one(captured: Captured) -> None:
    """GEN 4: an exception that a body raises when it is closed has no exception of ours in its `__context__`."""

    def rows() -> Iterator[int]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    def contexts(made: Iterator[int]) -> object:
        next(made)
        with pytest.raises(RuntimeError) as raised:
            made.close()  # type: ignore[attr-defined]
        return raised.value.__context__

    assert contexts(Telemetry("shop.orders").operation("rows")(rows)()) is contexts(rows()) is None


def test_a_future_that_is_never_done_is_active_no_longer(captured: Captured) -> None:
    """ASY 10: one that is collected without being done is abandoned: its call has ended, and is no error."""

    async def main() -> None:
        ask = Telemetry("shop.orders").operation("ask")(lambda: asyncio.get_running_loop().create_future())
        ask()
        assert captured.value("operation.active", {"operation.name": "ask"}) == 0

    asyncio.run(main())
    assert "error.type" not in captured.point("operation.duration", {"operation.name": "ask"}).attributes


def test_what_leaves_an_async_body_that_is_closed_has_the_context_of_the_bare_one(captured: Captured) -> None:
    """GEN 4: likewise of an async generator, whether it ignores that it is closed or fails at it."""

    async def ignores() -> AsyncIterator[int]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    async def fails() -> AsyncIterator[int]:
        try:
            yield 1
        except GeneratorExit:
            raise ValueError from None

    async def left(made: Any) -> list[type[BaseException] | None]:
        await anext(made)
        try:
            await made.aclose()
        except Exception as exc:
            return [type(exc), type(exc.__context__), type(exc.__cause__)]
        return []

    async def main() -> None:
        for body in (ignores, fails):
            bare = await left(body())
            assert bare
            assert await left(Telemetry("shop.orders").operation("rows")(body)()) == bare

    asyncio.run(main())
