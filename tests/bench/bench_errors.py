"""Errors: a storm under the limiter, the way of those who are denied, stack traces, secrets, arguments."""

from __future__ import annotations

import statistics
import time
import traceback
from collections.abc import Callable
from typing import Any

from telemetry_kit import ErrorPolicy, Telemetry, default_scrub
from telemetry_kit._core.counters import Tally
from telemetry_kit._errors.recorder import recorder_of
from telemetry_kit._errors.stacktrace import Formatter
from telemetry_kit._redaction.scrub import default_scrub as scrub
from telemetry_kit._wrapping.arguments import compile_arguments
from tests.bench.harness import Report
from tests.bench.ways import NO_LIMIT, failing, ways

CALLS = 20_000
"""Failing calls of a storm."""


def storm(errors: ErrorPolicy) -> Callable[[], float]:
    """20,000 failing calls, each time on a policy and an SDK of their own; gives the seconds they took."""

    def run() -> float:
        policy = ErrorPolicy(
            rate=errors.rate, burst=errors.burst, total_rate=errors.total_rate, total_burst=errors.total_burst
        )
        fails = ways(errors=policy)["kit_fails"]
        started = time.perf_counter()
        for _ in range(CALLS):
            fails()
        return time.perf_counter() - started

    return run


def caught(depth: int) -> Exception:
    """An exception with so many frames below."""

    def fail(left: int) -> int:
        return fail(left - 1) if left else failing()

    try:
        fail(depth)
    except Exception as exc:
        return exc
    raise AssertionError


def fresh() -> Exception:
    """A new exception, as each failing call has."""
    return ValueError("no")


def run(report: Report) -> None:
    """All lines on errors."""
    limited, silent, unlimited = (
        storm(ErrorPolicy()),
        storm(ErrorPolicy(rate=0, burst=0)),
        storm(ErrorPolicy(**NO_LIMIT)),
    )
    rounds = [(limited(), silent(), unlimited()) for _ in range(max(3, report.rounds // 3))]
    with_limit, without_detail, all_detail = (min(each) for each in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b, _ in rounds)
    micro = [seconds / CALLS * 1e6 for seconds in (with_limit, without_detail, all_detail)]
    detail = f"{micro[0]:.1f} µs / {micro[1]:.1f} µs a call; without any limit {micro[2]:.1f} µs"
    report.value("20,000 failing calls under the limiter / none in detail", "<= 1.10", ratio, "of it", detail)

    policy = ErrorPolicy(rate=0, burst=0)
    scope = Telemetry("bench")._scope
    tally: Tally[Any] = Tally()

    def denied() -> None:
        recorder_of(policy).admit(fresh(), scope=scope, operation="op", error_type="ValueError")

    def counted() -> None:
        fresh()
        tally.add("op")

    report.extra("denied / counted", "<= 1000 ns", denied, counted)
    again = fresh()
    recorder_of(policy).admit(again, scope=scope, operation="op", error_type="ValueError")

    def seen() -> None:
        recorder_of(policy).admit(again, scope=scope, operation="op", error_type="ValueError")

    report.extra("seen before / nothing", "", seen, lambda: None)

    formatter = Formatter()
    for depth in (3, 30):
        exc = caught(depth)

        def ours(exc: Exception = exc) -> str:
            return formatter.format(exc)

        def theirs(exc: Exception = exc) -> list[str]:
            return traceback.format_exception(type(exc), exc, exc.__traceback__)

        report.ratio(f"a stack of {depth} frames / traceback", "", ours, theirs)
    exc = caught(10)
    describing = ErrorPolicy()
    report.extra(
        "message, stack, scrubbed, of 10 frames", "", lambda: describing.describe(exc, "Boom", 0), lambda: None
    )
    message = "could not load order A1 of user 7: no such order"
    report.extra("a message of 48 characters scrubbed", "", lambda: scrub(message), lambda: None)
    text = "connect to postgres://shop:s3cr3t@db/orders failed: token=abc\n" * 16
    report.extra("1,000 characters with secrets scrubbed", "", lambda: default_scrub(text), lambda: None)
    read = compile_arguments(lambda sku, amount=1: None, ["sku", "amount"])
    report.extra("two arguments by name", "", lambda: read(("A1",), {"amount": 2}), lambda: None)
