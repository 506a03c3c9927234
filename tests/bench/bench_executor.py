"""A task of a thread pool: wrapped, written by hand, and bare."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from time import perf_counter
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from telemetry_kit import Telemetry
from tests.bench.harness import Report

TASKS = 1_000
"""Tasks of one batch: submitted while the worker waits, so that it and the submitter don't fight for the GIL."""
MICROSECOND = 1e6


def run(report: Report) -> None:
    """All lines on executors."""
    meter_provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    telemetry = Telemetry("bench", meter_provider=meter_provider, tracer_provider=tracer_provider)
    pools: list[Executor] = []

    def wrapped(kit: Telemetry = telemetry, **options: Any) -> Callable[[], None]:
        pools.append(kit.wrap_executor(ThreadPoolExecutor(1), name=f"pool-{len(pools)}", **options))
        return batch(pools[-1])

    pools.append(ThreadPoolExecutor(1))
    bare = batch(pools[0])
    pools.append(ByHand(meter_provider))
    by_hand = batch(pools[1])
    report.ratio(f"{TASKS} tasks with wait and run time / by hand", "<= 0.50", wrapped(), by_hand)
    more(report, "a task with wait and run time / bare", "", wrapped(), bare)
    more(report, "a task, sample_durations=0.01 / bare", "", wrapped(sample_durations=0.01), bare)
    more(report, "a task, sample_durations=0.0 / bare", "<= 2 µs", wrapped(sample_durations=0.0), bare)
    more(report, "the same, propagate=None", "", wrapped(sample_durations=0.0, propagate=None), bare)
    more(report, "the same, propagate='contextvars'", "", wrapped(sample_durations=0.0, propagate="contextvars"), bare)
    more(report, "a task without an SDK / bare", "", wrapped(Telemetry("no-sdk")), bare)
    more(report, "a task with a span / bare", "", wrapped(span=True), bare)
    more(report, "a task by hand / bare", "", by_hand, bare)
    for pool in pools:
        pool.shutdown()


def batch(pool: Executor) -> Callable[[], None]:
    """A call runs `TASKS` tasks that do nothing."""

    def call() -> None:
        gate = threading.Event()
        pool.submit(gate.wait)
        submit = pool.submit
        futures = [submit(nothing) for _ in range(TASKS)]
        gate.set()
        futures[-1].result()

    return call


def nothing() -> None:
    pass


def more(report: Report, name: str, target: str, ours: Callable[[], None], bare: Callable[[], None]) -> None:
    """How many microseconds more a task takes: medians of pairs of one round."""
    pairs = [(seconds(ours), seconds(bare)) for _ in range(2 * report.rounds)]
    extra = statistics.median(a - b for a, b in pairs) / TASKS * MICROSECOND
    best = (min(a for a, _ in pairs) - min(b for _, b in pairs)) / TASKS * MICROSECOND
    report.value(name, target, extra, "µs more", f"best {best:.2f} µs more")


def seconds(call: Callable[[], None]) -> float:
    begun = perf_counter()
    call()
    return perf_counter() - begun


class ByHand(ThreadPoolExecutor):
    """What a careful engineer writes: four counters by attribute, two histograms, and the context; seven records."""

    def __init__(self, meter_provider: MeterProvider) -> None:
        super().__init__(1)
        meter = meter_provider.get_meter("by_hand")
        self.queued = meter.create_up_down_counter("queued")
        self.active = meter.create_up_down_counter("active")
        self.outcome = meter.create_counter("tasks")
        self.wait_time = meter.create_histogram("wait", "s")
        self.duration = meter.create_histogram("duration", "s")
        self.attributes = {"pool": "by_hand", "scope": "bench"}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        context = otel_context.get_current()
        attributes = self.attributes
        self.queued.add(1, attributes)
        submitted = perf_counter()

        def task() -> Any:
            started = perf_counter()
            self.queued.add(-1, attributes)
            self.active.add(1, attributes)
            self.wait_time.record(started - submitted, attributes)
            token = otel_context.attach(context)
            outcome, failure = "succeeded", {}
            try:
                return fn(*args, **kwargs)
            except BaseException as exc:
                outcome, failure = "failed", {"error.type": type(exc).__qualname__}
                raise
            finally:
                self.duration.record(perf_counter() - started, {**attributes, **failure})
                otel_context.detach(token)
                self.active.add(-1, attributes)
                self.outcome.add(1, {**attributes, "outcome": outcome})

        return super().submit(task)
