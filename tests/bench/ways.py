"""The same operation in several ways: by hand as the documentation teaches it, in parts, and with the kit.

`python -m tests.bench.ways WAY CALLS` only runs one, for callgrind.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from opentelemetry import context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import SpanKind, set_span_in_context

from telemetry_kit import ErrorPolicy, Telemetry

TWO = {"shop.region": "eu", "shop.tier": "gold"}
BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


NO_LIMIT = {"rate": 1e9, "burst": 10**9, "total_rate": 1e9, "total_burst": 10**9}
"""An error policy that lets all detail through, as writing it by hand does."""


class Boom(Exception):
    """What a failing body raises."""


def body() -> int:
    """The work: none, so that nothing but telemetry is measured."""
    return 1


def failing() -> int:
    """Work that fails."""
    raise Boom("no")


_numbers = itertools.count()


def failing_anew() -> int:
    """Work that fails with another message each time."""
    raise Boom(f"no order {next(_numbers)}")


async def async_body() -> int:
    """The same in a coroutine."""
    return 1


def ways(*, sampled: bool = True, errors: ErrorPolicy | None = None) -> dict[str, Callable[[], Any]]:
    """All ways, on providers of their own."""
    from telemetry_kit import Objective  # here, since `counts` asks versions that hadn't got any

    tracer_provider = TracerProvider(sampler=ParentBased(ALWAYS_ON if sampled else ALWAYS_OFF), shutdown_on_exit=False)
    meter_provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    tracer = tracer_provider.get_tracer("hand")
    meter = meter_provider.get_meter("hand")
    active = meter.create_up_down_counter("hand.active")
    calls = meter.create_counter("hand.calls")
    durations = meter.create_histogram("hand.duration", "s", explicit_bucket_boundaries_advisory=BOUNDARIES)
    policy = {} if errors is None else {"errors": errors}
    telemetry = Telemetry("shop", tracer_provider=tracer_provider, meter_provider=meter_provider, **policy)

    def by_hand(work: Callable[[], int] = body) -> int:
        active.add(1, TWO)
        attributes: dict[str, str] = TWO
        start = perf_counter()
        try:
            with tracer.start_as_current_span("op", attributes=TWO) as span:
                try:
                    return work()
                except Exception as exc:
                    attributes = {**TWO, "error.type": type(exc).__qualname__}
                    span.set_attribute("error.type", type(exc).__qualname__)
                    raise
                finally:
                    durations.record(perf_counter() - start, attributes)
        finally:
            active.add(-1, TWO)

    async def by_hand_async() -> int:
        active.add(1, TWO)
        attributes: dict[str, str] = TWO
        start = perf_counter()
        try:
            with tracer.start_as_current_span("op", attributes=TWO) as span:
                try:
                    return await async_body()
                except Exception as exc:
                    attributes = {**TWO, "error.type": type(exc).__qualname__}
                    span.set_attribute("error.type", type(exc).__qualname__)
                    raise
                finally:
                    durations.record(perf_counter() - start, attributes)
        finally:
            active.add(-1, TWO)

    def without_active() -> int:
        attributes: dict[str, str] = TWO
        start = perf_counter()
        with tracer.start_as_current_span("op", attributes=TWO) as span:
            try:
                return body()
            except Exception as exc:
                attributes = {**TWO, "error.type": type(exc).__qualname__}
                span.set_attribute("error.type", type(exc).__qualname__)
                raise
            finally:
                durations.record(perf_counter() - start, attributes)

    three = {**TWO, "code.function.name": f"{__name__}.body"}

    def same_calls() -> int:
        span = tracer.start_span("op", None, SpanKind.INTERNAL, three)
        token = context.attach(set_span_in_context(span))
        start = perf_counter()
        result = body()
        durations.record(perf_counter() - start, TWO)
        context.detach(token)
        span.end()
        return result

    def metrics_by_hand() -> int:
        attributes: dict[str, str] = TWO
        start = perf_counter()
        try:
            return body()
        except Exception as exc:
            attributes = {**TWO, "error.type": type(exc).__qualname__}
            raise
        finally:
            calls.add(1, attributes)
            durations.record(perf_counter() - start, attributes)

    kit = telemetry.operation("op", span_attributes=TWO)

    return {
        "bare": body,
        "by_hand": by_hand,
        "by_hand_async": driven(by_hand_async),
        "without_active": without_active,
        "same_calls": same_calls,
        "metrics_by_hand": metrics_by_hand,
        "kit": kit(body),
        "kit_async": driven(kit(async_body)),
        "kit_measure": measured(kit),
        "kit_metrics": telemetry.operation("metrics", span=False)(body),
        "kit_promised": telemetry.operation("promised", span=False, objective=Objective(99.0, within=0.3))(body),
        "kit_hot": telemetry.operation("hot", span=False, sample_durations=0.01)(body),
        "kit_fails": caught(kit(failing)),
        "hand_fails": caught(lambda: by_hand(failing)),
        "kit_fails_anew": caught(kit(failing_anew)),
        "hand_fails_anew": caught(lambda: by_hand(failing_anew)),
    }


def caught(work: Callable[[], Any]) -> Callable[[], None]:
    """What fails, with somebody who catches it."""

    def run() -> None:
        try:
            work()
        except Boom:
            pass

    return run


def measured(operation: Any) -> Callable[[], int]:
    """The body in a `with` block."""

    def run() -> int:
        with operation.measure():
            return body()

    return run


def driven(function: Callable[[], Any]) -> Callable[[], int]:
    """A coroutine function run to its end without an event loop, whose own cost would hide the difference."""

    def run() -> int:
        coroutine = function()
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return int(stop.value)
        raise AssertionError("it waits for something")

    return run


def main() -> None:
    """Run one way so many times."""
    way, calls = ways(errors=ErrorPolicy(**NO_LIMIT))[sys.argv[1]], int(sys.argv[2])
    for _ in range(calls):
        way()


if __name__ == "__main__":
    main()
