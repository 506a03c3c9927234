"""The guard against distinct values."""

from __future__ import annotations

from telemetry_kit._core.cardinality import ValueGuard
from tests.bench.harness import Report

KEYS = {f"shop.key_{number}": f"value-{number}" for number in range(10)}


def run(report: Report) -> None:
    """A key of a known value, and one of a value that comes too late."""
    guard = ValueGuard()
    guard.attributes(KEYS)
    full = ValueGuard(values=1)
    full.value("shop.user", "first")

    def nothing() -> None:
        pass

    report.extra(
        "a known value of a guarded key", "<= 150 ns", lambda: guard.value("shop.key_1", "value-1"), lambda: nothing()
    )
    report.extra("one value too many", "", lambda: full.value("shop.user", "second"), lambda: nothing())
