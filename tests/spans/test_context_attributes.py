"""Attributes for everything below: on spans, events, measurements and jobs, wherever the context travels."""

import asyncio
import multiprocessing
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from telemetry_kit import Telemetry, bind, context_attributes, inject
from telemetry_kit.testing import Captured, capture

TENANT = {"tenant.id": "acme", "user.id": 7}


def below(telemetry: Telemetry) -> None:
    """One of each that carries them."""
    with telemetry.operation("op").measure() as m:
        m.add_event("in.op")
    telemetry.operation("fast")(lambda: None)()
    telemetry.operation("sampled", sample_durations=0.5)(lambda: None)()
    with telemetry.span("span"):
        pass
    with telemetry.batch_job("job").run() as run, run.step("step"):
        pass
    telemetry.event("happened")


def test_everything_below_carries_them(telemetry: Telemetry, captured: Captured) -> None:
    """Spans and events have them all, metrics the keys that were named."""
    with context_attributes(TENANT, metric_keys=["tenant.id"]):
        below(telemetry)

    for span in captured.spans:
        assert TENANT.items() <= dict(span.attributes).items(), span.name
    assert TENANT.items() <= dict(captured.span("op").events[0].attributes or {}).items()
    assert TENANT.items() <= dict(captured.event("happened").attributes or {}).items()
    for metric in ("operation.duration", "operation.calls", "operation.time", "job.duration", "job.step.duration"):
        for point in captured.points(metric):
            assert point.attributes["tenant.id"] == "acme", metric
            assert "user.id" not in point.attributes, metric


def test_outside_nothing_carries_them(telemetry: Telemetry, captured: Captured) -> None:
    """Before and after the block there are none."""
    with context_attributes(TENANT, metric_keys=["tenant.id"]):
        pass
    below(telemetry)

    assert not any("tenant.id" in span.attributes for span in captured.spans)
    assert not any("tenant.id" in p.attributes for p in captured.points("operation.duration"))


def test_what_is_said_nearer_wins(telemetry: Telemetry, captured: Captured) -> None:
    """The kit's own keys, then the call's, the declared ones, then these; of nested ones the inner."""
    given = {"operation.name": "x", "a": "context", "b": "context", "c": "context", "d": "outer"}
    operation = telemetry.operation("op", metric_attributes={"a": "declared", "b": "declared"})
    with (
        context_attributes(given, metric_keys=["operation.name", "a", "b", "c", "d"]),
        context_attributes({"d": "inner"}),
        operation.measure(metric_attributes={"b": "call"}) as m,
    ):
        m.set_metric_attribute("c", "call")

    right = {"a": "declared", "b": "call", "c": "call", "d": "inner"}
    assert dict(captured.span().attributes) == right
    assert dict(captured.point("operation.duration").attributes) == {
        **right, "operation.name": "op", "scope.name": "shop.orders",
    }  # fmt: skip


def test_a_failing_call_carries_them(telemetry: Telemetry, captured: Captured) -> None:
    """Span, exception and metric."""
    with pytest.raises(ValueError), context_attributes(TENANT, metric_keys=["tenant.id"]):  # noqa: PT011
        telemetry.operation("op")(lambda: int("x"))()

    assert captured.point("operation.duration").attributes["tenant.id"] == "acme"
    assert captured.span().attributes["user.id"] == 7


@pytest.mark.telemetry_capture(allow=("keys",))
@pytest.mark.parametrize("options", [{}, {"span": False}, {"span": False, "sample_durations": 0.5}])
def test_only_what_is_below_has_them(telemetry: Telemetry, captured: Captured, options: dict[str, Any]) -> None:
    """A plain call of a function has them on its metric below, and beside it none."""
    function = telemetry.operation("op", **options)(lambda: None)
    with context_attributes(TENANT, metric_keys=["tenant.id"]):
        function()
    with context_attributes({"user.id": 7}):
        function()
    function()
    function()

    metric = "operation.calls" if "sample_durations" in options else "operation.duration"
    assert captured.value(metric, {"tenant.id": "acme"}) == 1
    assert {point.attributes.get("tenant.id") for point in captured.points(metric)} == {"acme", None}


def test_nothing_is_asked_until_they_are_used() -> None:
    """A call looks for none before the first are set in its process."""
    program = """
from telemetry_kit import context_attributes
from telemetry_kit._core import context
from telemetry_kit._operation import call

print(call.set_current is context.set_call)
with context_attributes({"user.id": 7}):
    print(call.set_current is context.set_call)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.split() == ["True", "False"]


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_values_are_guarded(telemetry: Telemetry, captured: Captured) -> None:
    """A key of a helper keeps its first hundred values on a metric (STM 3)."""
    for number in range(150):
        with context_attributes({"tenant.id": number}, metric_keys=["tenant.id"]):
            telemetry.operation("op", span=False)(lambda: None)()

    assert len([point.attributes for point in captured.points("operation.duration")]) == 101


@context_attributes(TENANT)
def function() -> Any:
    with TELEMETRY.span("inside"):
        return 7


@context_attributes(TENANT)
async def coroutine() -> Any:
    await asyncio.sleep(0)
    return function.__wrapped__()  # type: ignore[attr-defined]


@context_attributes(TENANT)
def generator() -> Iterator[Any]:
    yield function.__wrapped__()  # type: ignore[attr-defined]
    yield function.__wrapped__()  # type: ignore[attr-defined]


@context_attributes(TENANT)
async def async_generator() -> AsyncIterator[Any]:
    yield function.__wrapped__()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    yield function.__wrapped__()  # type: ignore[attr-defined]


TELEMETRY = Telemetry("shop.orders")


def test_decorates_any_kind_of_function() -> None:
    """A generator's consumer doesn't see what its body has."""

    async def collected() -> list[Any]:
        return [item async for item in async_generator()]

    with capture() as captured:
        assert [function(), asyncio.run(coroutine()), *generator(), *asyncio.run(collected())] == [7] * 6
        assert [span.attributes["user.id"] for span in captured.spans] == [7] * 6
        iterator = generator()
        next(iterator)
        with TELEMETRY.span("consumer"):
            pass

        assert "user.id" not in captured.span("consumer").attributes


def test_travels_to_threads_and_tasks(telemetry: Telemetry, captured: Captured) -> None:
    """By `bind`, `wrap_executor` and asyncio's own contexts."""

    def work() -> None:
        with telemetry.span("work"):
            pass

    async def main() -> None:
        async with context_attributes(TENANT):
            await asyncio.gather(asyncio.create_task(asyncio.sleep(0)), asyncio.to_thread(bind(work)))

    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="pool") as pool, context_attributes(TENANT):
        pool.submit(work).result(10)
    asyncio.run(main())

    assert [span.attributes["tenant.id"] for span in captured.spans] == ["acme", "acme"]


def remote() -> dict[str, Any]:
    with capture() as captured:
        TELEMETRY.operation("op")(lambda: None)()
        return {
            **dict(captured.span("op").attributes),
            "on.metric": captured.points("operation.duration")[0].attributes.get("tenant.id"),
        }


def test_travels_to_processes() -> None:
    """In `wrap_executor`'s envelope."""
    executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with TELEMETRY.wrap_executor(executor, name="pool") as pool:
        with context_attributes(TENANT, metric_keys=["tenant.id"]):
            found = pool.submit(remote).result(60)
        bare = pool.submit(remote).result(60)

    assert (found["tenant.id"], found["user.id"], found["on.metric"]) == ("acme", 7, "acme")
    assert (bare.get("tenant.id"), bare["on.metric"]) == (None, None)


def test_never_leaves_in_headers(telemetry: Telemetry) -> None:
    """It is no baggage."""
    with telemetry.span("span"), context_attributes({"secret": "value"}):
        assert "value" not in str(inject({}))


@pytest.mark.parametrize(
    ("attributes", "keys", "error"),
    [("text", (), TypeError), (TENANT, "tenant.id", TypeError), (TENANT, 7, TypeError), (TENANT, ["x"], ValueError)],
)
def test_what_cannot_be_right_raises(attributes: Any, keys: Any, error: type[Exception]) -> None:
    """Where it is written, with what to do."""
    with pytest.raises(error, match="context_attributes must be"):
        context_attributes(attributes, metric_keys=keys)
