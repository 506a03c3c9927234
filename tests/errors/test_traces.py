"""An exception that many share tells each of them why it failed: in detail once a trace."""

import asyncio
from typing import Any

import pytest
from opentelemetry.trace import NoOpTracerProvider, SpanKind

from telemetry_kit import ErrorPolicy, Telemetry
from telemetry_kit._errors import deduplication
from telemetry_kit.testing import Captured, event


class Own(Exception):
    """An exception of a class in Python."""


KINDS = [ConnectionError, Own]


def messages(captured: Captured) -> list[Any]:
    """Of all exception events on spans."""
    return [told.attributes.get("exception.message") for span in captured.spans for told in span.events]


@pytest.mark.parametrize("kind", KINDS)
def test_ten_requests_that_wait_for_one_future(captured: Captured, telemetry: Telemetry, kind: type[Exception]) -> None:
    """ASY 6: it fails all of them, and each trace has the message, on the event and as the status."""

    async def main() -> None:
        token = asyncio.get_running_loop().create_future()

        @telemetry.operation("inner")
        async def inner() -> None:
            await token

        @telemetry.operation("request")
        async def request() -> None:
            await inner()

        waiting = [asyncio.create_task(request()) for _ in range(10)]
        await asyncio.sleep(0)
        token.set_exception(kind("certificate expired"))
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(main())

    assert messages(captured) == ["certificate expired"] * 10
    assert {span.status.description for span in captured.spans_named("inner")} == {"certificate expired"}
    assert all(not span.events for span in captured.spans_named("request"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["operation", "span", "step", "task"])
def test_a_singleton_that_is_raised_again_and_again(
    captured: Captured, telemetry: Telemetry, kind: type[Exception], how: str
) -> None:
    """ASY 6: every trace has it in detail, whatever kind of span it ends."""
    from concurrent.futures import ThreadPoolExecutor

    broken = kind("no route to host")

    def fail() -> None:
        raise broken

    for _ in range(3):
        if how == "task":
            with telemetry.wrap_executor(ThreadPoolExecutor(1), name="calls", span=True) as pool:
                assert pool.submit(fail).exception() is broken
            continue
        with pytest.raises(kind):
            if how == "operation":
                telemetry.operation("call")(fail)()
            elif how == "span":
                telemetry.span("call")(fail)()
            else:
                with telemetry.batch_job("nightly").run() as run, run.step("load"):
                    fail()

    assert messages(captured) == ["no route to host"] * 3


def test_the_limiter_counts_every_trace(captured: Captured) -> None:
    """STM 1: of twenty traces that one exception fails, the burst is in detail and the others are suppressed."""
    policy = ErrorPolicy(rate=0, burst=5)
    call = Telemetry("shop.orders", errors=policy).operation("call")
    broken = Own("no")
    for _ in range(20):
        with pytest.raises(Own), call.measure():
            raise broken

    assert len(messages(captured)) == 5
    assert captured.value("telemetry_kit.exception.suppressed") == 15


@pytest.mark.parametrize("options", [{"span": "errors"}, {"span": False}, {}])
def test_requests_without_a_trace_are_told_apart_by_their_outermost_call(
    captured: Captured, options: dict[str, Any]
) -> None:
    """ASY 6: where no span is there to say it, what an outermost call raised is new for the next one, and once in its own."""
    providers = {} if options else {"tracer_provider": NoOpTracerProvider()}
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(signal="log"), **providers)
    outer, inner = (telemetry.operation(name, kind=SpanKind.INTERNAL, **options) for name in ("outer", "inner"))
    broken = Own("no")
    for _ in range(3):
        with pytest.raises(Own), outer.measure(), inner.measure():
            raise broken

    assert captured.events == [event("exception")] * 3


def test_one_trace_has_it_once(captured: Captured, telemetry: Telemetry) -> None:
    """ASY 6: a retry that raises the same object again within one request adds nothing."""
    broken = Own("no")
    with telemetry.span("request"):
        for _ in range(3):
            with pytest.raises(Own), telemetry.operation("try").measure():
                raise broken

    assert messages(captured) == ["no"]


def test_the_traces_that_are_remembered_are_bounded() -> None:
    """A singleton that fails a million requests costs no more memory than one that failed a hundred."""
    for broken in (Own("no"), ValueError("no")):
        for trace in range(1, 10_000):
            assert not deduplication.seen(broken, trace)

        assert deduplication.seen(broken, 9_999)
        assert len(deduplication._traces(broken) or ()) <= deduplication.TRACES
