"""What a stranger's text costs: the curve of time against length, and hostile texts against harmless ones."""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from telemetry_kit import ErrorPolicy, Telemetry, default_scrub
from tests.bench.harness import Report
from tests.bench.ways import NO_LIMIT
from tests.redaction.cost import HARMLESS, HOSTILE, KB, dearest


def seconds(unit: str, length: int, turns: int = 5) -> float:
    """CPU time for `length` characters of `unit`, the least of so many turns."""
    text = unit * (length // len(unit) + 1)
    least = float("inf")
    for turn in range(turns):
        started = time.thread_time()
        default_scrub(text[: length - 1] + str(turn % 10))
        least = min(least, time.thread_time() - started)
    return least


def failing_calls() -> Callable[[str, int], float]:
    """CPU time of a failing call whose message is so many characters of a unit, from the operation to the span."""
    telemetry = Telemetry(
        "bench",
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False),
        errors=ErrorPolicy(**NO_LIMIT),
    )

    @telemetry.operation("fail")
    def fail(message: str) -> None:
        raise ValueError(message)

    def seconds(unit: str, length: int) -> float:
        text = (unit * (length // len(unit) + 1))[: length - 4]
        least = float("inf")
        for _ in range(5):
            started = time.thread_time()
            for turn in range(20):
                try:
                    fail(f"{text}{turn:04}")
                except ValueError:
                    pass
            least = min(least, (time.thread_time() - started) / 20)
        return least

    return seconds


def run(report: Report) -> None:
    """All lines on redaction."""
    for length in (16, 64, KB // 4, KB, 4 * KB, 16 * KB, 64 * KB, 256 * KB):
        harmless = seconds(HARMLESS, length)
        cost = {unit: seconds(unit, length) / harmless for unit in HOSTILE}
        worst = max(cost, key=lambda unit: cost[unit])
        report.value(
            f"hostile {length:,} characters / harmless, the worst of {len(HOSTILE)}", "<= 3", cost[worst], "of it",
            f"{worst!r}; harmless {harmless * 1e9 / length:.0f} ns a character",
        )  # fmt: skip
    for length, tries in (KB // 4, 3_000), (KB, 1_500), (16 * KB, 100):
        _, mixture = dearest(length, tries)
        ratio = min(seconds(mixture, length, 20) / seconds(HARMLESS, length, 20) for _ in range(5))
        report.value(
            f"the dearest {length:,} characters that a search by calls found / harmless",
            "<= 3",
            ratio,
            "of it",
            repr(mixture[:60]),
        )
    call = failing_calls()
    for length in (16, 64, KB // 4, KB, 8 * KB, 64 * KB):
        harmless = call(HARMLESS, length)
        cost = {unit: call(unit, length) / harmless for unit in HOSTILE}
        worst = max(cost, key=lambda unit: cost[unit])
        report.value(
            f"a failing call, hostile {length:,} characters / harmless", "<= 3", cost[worst], "of it",
            f"{worst!r}; harmless {harmless * 1e6:.0f} µs",
        )  # fmt: skip
