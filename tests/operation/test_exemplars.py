"""The duration is recorded inside of the span, so that the SDK's exemplars link to it."""

import asyncio
from typing import Any

import pytest

from telemetry_kit import Telemetry, current_measurement
from tests.support import Sdk

WAYS = pytest.mark.parametrize(
    "options",
    [{}, {"span_attributes": lambda *_, **__: {}}, {"sample_durations": 0.999}, {"span": "errors"}],
    ids=["lean", "full", "sampled", "errors"],
)


def linked(sdk: Sdk) -> set[tuple[int, int]]:
    """The traces and spans that the exemplars name."""
    points = sdk.points("operation.duration")
    return {(exemplar.trace_id, exemplar.span_id) for point in points for exemplar in point.exemplars}


def ids(sdk: Sdk) -> set[tuple[int, int]]:
    return {(span.context.trace_id, span.context.span_id) for span in sdk.spans("work")}


@WAYS
def test_exemplars_of_a_failing_call(telemetry: Telemetry, sdk: Sdk, options: dict[str, Any]) -> None:
    """The exemplar of a failing call is its span, also where that is back-dated."""

    @telemetry.operation("work", **options)
    def work() -> None:
        raise ValueError

    for _ in range(20):
        with pytest.raises(ValueError):
            work()

    seen = linked(sdk)
    assert seen
    assert seen <= ids(sdk)


@pytest.mark.parametrize("kind", ["def", "async def", "generator", "async generator", "with"])
def test_exemplars_of_each_kind(telemetry: Telemetry, sdk: Sdk, kind: str) -> None:
    """The exemplar of a call of any kind is its span."""
    operation = telemetry.operation("work")

    async def coroutine() -> None: ...

    def generator():  # noqa: ANN202
        yield 1

    async def async_generator():  # noqa: ANN202
        yield 1

    async def drain(pages: Any) -> None:
        async for _ in pages:
            pass

    if kind == "def":
        operation(lambda: None)()
    elif kind == "async def":
        asyncio.run(operation(coroutine)())
    elif kind == "generator":
        list(operation(generator)())
    elif kind == "async generator":
        asyncio.run(drain(operation(async_generator)()))
    else:
        with operation.measure():
            pass

    seen = linked(sdk)
    assert seen
    assert seen == ids(sdk)


def test_exemplars_where_somebody_asked_for_the_measurement(telemetry: Telemetry, sdk: Sdk) -> None:
    """The exemplar is the call's span also where the call spoke of itself."""
    telemetry.operation("work")(lambda: current_measurement().set_metric_attribute("a", 1))()

    assert linked(sdk) == ids(sdk)


def test_without_a_span_the_exemplar_is_the_current_one(telemetry: Telemetry, sdk: Sdk) -> None:
    """With `span=False` the exemplar is the span around."""
    with sdk.tracer.start_as_current_span("work"):
        telemetry.operation("inner", span=False)(lambda: None)()

    assert linked(sdk) == ids(sdk)
