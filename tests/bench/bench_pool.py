"""USE: what a collection over a thousand pools costs the kit, whether the thousandth costs what the first does, and a use."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.metrics import CallbackOptions
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from telemetry_kit import Pool, PoolStats, Telemetry
from tests.bench.harness import Report

MANY, FEW = 1_000, 100


def run(report: Report) -> None:
    """All lines on pools."""
    for kind, make in (("counted", counted), ("polled", polled)):
        few, many = (collections(report.rounds, make(number)) for number in (FEW, MANY))
        value, best = statistics.median(many), min(many)
        name = f"the kit's share of a collection, {MANY:,} {kind} pools"
        report.value(name, "<= 10 ms", best * 1e3, "ms", f"median {value * 1e3:.2f} ms, 5 instruments")
        ratio = (min(many) / MANY) / (min(few) / FEW)
        detail = f"{min(many) / MANY * 1e6:.2f} / {min(few) / FEW * 1e6:.2f} µs a pool"
        report.value(f"a {kind} pool among {MANY:,} / among {FEW}", "about 1", ratio, "of it", detail)
    first, last = makings(report.rounds)
    report.value(f"making pool number {MANY:,} / number 1", "about 1", last / first, "of it", f"{last * 1e6:.1f} µs")
    telemetry, meter = sdk()
    report.ratio("a use / up-down counter and histogram by hand", "", kit_use(telemetry.pool("gpu")), hand_use(meter))
    without = Telemetry("no-sdk").pool("gpu", limit=4)
    report.extra("a use without an SDK / nothing", "", kit_use(without), lambda: None)


def sdk() -> tuple[Telemetry, Any]:
    """A `Telemetry` on a real SDK, and a plain meter of it."""
    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    return Telemetry("bench", meter_provider=provider), provider.get_meter("by-hand")


def counted(number: int) -> tuple[Telemetry, list[Any]]:
    """So many pools with something taken, and errors."""
    telemetry, _ = sdk()
    kept: list[Any] = []
    for index in range(number):
        pool: Pool = telemetry.pool(f"pool-{index}", limit=4)
        pool.timeout()
        use: AbstractContextManager[None] = pool.use()
        use.__enter__()
        kept += [pool, use]
    return telemetry, kept


def polled(number: int) -> tuple[Telemetry, list[Any]]:
    """So many pools that are asked."""
    telemetry, _ = sdk()
    stats = PoolStats(used=1, limit=4, timeouts=1)
    return telemetry, [telemetry.observe_pool(name=f"pool-{index}", stats=lambda: stats) for index in range(number)]


def collections(rounds: int, made: tuple[Telemetry, list[Any]]) -> list[float]:
    """Seconds in the kit's callbacks, for each of so many collections."""
    observed = made[0]._scope.instruments._observed
    callbacks = [callback for name, callback in observed.items() if name.startswith("pool.")]
    options = CallbackOptions()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        for callback in callbacks:
            callback(options)
        took.append(time.perf_counter() - began)
    return took


def makings(rounds: int) -> tuple[float, float]:
    """The best times of making the first pools and the last of a thousand, fifty at a time."""
    firsts, lasts = [], []
    for _ in range(rounds):
        telemetry, _ = sdk()
        telemetry.pool("warm")
        took = []
        kept = []
        for index in range(MANY):
            began = time.perf_counter()
            kept.append(telemetry.pool(f"pool-{index}", limit=4))
            took.append(time.perf_counter() - began)
        firsts.append(statistics.median(took[:50]))
        lasts.append(statistics.median(took[-50:]))
    return min(firsts), min(lasts)


def kit_use(pool: Pool) -> Callable[[], object]:
    """One use."""

    def use() -> None:
        with pool.use():
            pass

    return use


def hand_use(meter: Any) -> Callable[[], object]:
    """The same as OpenTelemetry's documentation has it."""
    usage = meter.create_up_down_counter("hand.usage")
    use_time = meter.create_histogram("hand.use_time", "s")
    attributes = {"pool.name": "gpu", "scope.name": "bench"}

    def use() -> None:
        usage.add(1, attributes)
        began = time.perf_counter()
        try:
            pass
        finally:
            usage.add(-1, attributes)
            use_time.record(time.perf_counter() - began, attributes)

    return use
