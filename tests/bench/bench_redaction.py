"""What a stranger's text costs: the curve of time against length, and hostile texts against harmless ones."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from telemetry_kit import ErrorPolicy, Telemetry, default_scrub
from tests.bench.harness import Report
from tests.bench.ways import NO_LIMIT

HARMLESS = "could not load order 17 of the shop in /srv/shop/orders.py: no such order, "
HOSTILE = (
    "://", "key", "passw", "pass ", "ghp_", "KEY-KEY_KEY", "key=", "password=x1 ", "cookie:[REDACTED]", "?token=[REDACTED]",
    "4111 1111 ", "_a_a_a_a_a_a1", "-p ", "password is a1 ", "-----BEGIN PRIVATE KEY-----[REDACTED]",
    "parameters: (", "values (aaaaaaaaaaaaaaaa", "input_value='x", "sk_live_-ghp_--abc.", "/.$:4111111111111112", "secret is a.b/c1D ",
)  # fmt: skip
"""What a text is made of that has the scrubber look as often as it can."""
PIECES = (
    *HOSTILE, "secret", "token", "api_key", "pin", "authorization", "Bearer ", "IDENTIFIED BY ", "login('a', '", "None", "required",
    "a1b2c3d4e5f6a7b8", "Aa1_", "aaaaaaaaaaaaaaaa", "hooks.slack.com/", "/", ".", "$", "@", "=", ":", "'", '"', " ", "\n", " is ", " for ",
    "','", "'}", "{", "(", "\u0130", "&",
)  # fmt: skip
"""What texts that cost much are searched among mixtures of."""
KB = 1_024


def seconds(unit: str, length: int, turns: int = 5) -> float:
    """CPU time for `length` characters of `unit`, the least of so many turns."""
    text = unit * (length // len(unit) + 1)
    least = float("inf")
    for turn in range(turns):
        started = time.thread_time()
        default_scrub(text[: length - 1] + str(turn % 10))
        least = min(least, time.thread_time() - started)
    return least


def dearest(length: int, tries: int = 3_000) -> tuple[float, str]:
    """What the dearest mixture costs that a search finds, which changes the dearest ones a little, again and again; and the mixture.

    What seemed dear is measured again, beside a harmless one: of thousands the dearest is else the one that was disturbed.
    """
    source = random.Random(length)
    found: list[tuple[float, str]] = []
    pieces: dict[str, list[str]] = {}

    def ratio(unit: str, turns: int) -> float:
        return seconds(unit, length, turns) / seconds(HARMLESS, length, turns)

    for _ in range(tries):
        if found and source.random() < 0.75:
            mixture = list(pieces[source.choice(found)[1]])
            mixture[source.randrange(len(mixture))] = source.choice(PIECES)
            mixture.insert(source.randrange(len(mixture)), source.choice(PIECES))
        else:
            mixture = source.choices(PIECES, k=4)
        unit = "".join(mixture)
        cost = ratio(unit, 5)
        if len(found) < 10 or cost > found[-1][0]:
            pieces[unit] = mixture
            found = sorted([*found, (min(cost, ratio(unit, 20)), unit)], reverse=True)[:10]
    return max((min(ratio(unit, 20) for _ in range(5)), unit[:60]) for _, unit in found)


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
    for length in (KB // 4, KB, 4 * KB, 16 * KB, 64 * KB, 256 * KB):
        harmless = seconds(HARMLESS, length)
        cost = {unit: seconds(unit, length) / harmless for unit in HOSTILE}
        worst = max(cost, key=lambda unit: cost[unit])
        report.value(
            f"hostile {length / KB:g} KB / harmless, the worst of {len(HOSTILE)}", "<= 3", cost[worst], "of it",
            f"{worst!r}; harmless {harmless * 1e9 / length:.0f} ns a character",
        )  # fmt: skip
    for length in (KB // 4, KB, 16 * KB):
        cost_, mixture = dearest(length)
        report.value(
            f"the dearest {length / KB:g} KB that a search found / harmless", "", cost_, "of it", repr(mixture)
        )
    call = failing_calls()
    for length in (KB // 4, KB, 8 * KB, 64 * KB):
        harmless = call(HARMLESS, length)
        cost = {unit: call(unit, length) / harmless for unit in HOSTILE}
        worst = max(cost, key=lambda unit: cost[unit])
        report.value(
            f"a failing call, hostile {length / KB:g} KB / harmless", "<= 3", cost[worst], "of it",
            f"{worst!r}; harmless {harmless * 1e6:.0f} µs",
        )  # fmt: skip
