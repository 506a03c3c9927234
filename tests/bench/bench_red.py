"""RED: an operation against the same by hand, in time and, where there is valgrind, in instructions."""

from __future__ import annotations

from telemetry_kit import ErrorPolicy, Telemetry
from tests.bench.harness import Report, instructions
from tests.bench.ways import NO_LIMIT, async_body, body, driven, ways

CALLS = 1_000
"""Calls under callgrind, which is fifty times slower."""


def run(report: Report) -> None:
    """All lines on operations."""
    on = ways()
    report.ratio("span, duration, active / by hand", "<= 0.55", on["kit"], on["by_hand"])
    report.ratio("the same, async / by hand", "<= 0.55", on["kit_async"], on["by_hand_async"])
    report.ratio("the same, as a with block / by hand", "", on["kit_measure"], on["by_hand"])
    report.ratio("the same / the same API calls inline", "<= 1.05", on["kit"], on["same_calls"])
    report.ratio("the same / by hand without the active counter", "<= 0.90", on["kit"], on["without_active"])
    off = ways(sampled=False)
    report.ratio("sampler ALWAYS_OFF / by hand", "<= 0.43", off["kit"], off["by_hand"])
    report.ratio("metrics only / counter and histogram by hand", "<= 0.55", on["kit_metrics"], on["metrics_by_hand"])
    report.extra("span=False, sample_durations=0.01 / bare call", "<= 500 ns", on["kit_hot"], on["bare"])
    report.extra("an objective on metrics only", "<= 100 ns", on["kit_promised"], on["kit_metrics"])
    storm = ways(errors=ErrorPolicy(**NO_LIMIT))
    report.ratio("a failing call with its stack trace / by hand", "<= 0.35", storm["kit_fails"], storm["hand_fails"])
    report.ratio("one that never says the same / by hand", "", storm["kit_fails_anew"], storm["hand_fails_anew"])
    without = Telemetry("no-sdk").operation("op")
    report.extra("no SDK, sync / bare call", "<= 200 ns", without(body), body)
    report.extra("no SDK, async / bare call", "<= 250 ns", driven(without(async_body)), driven(async_body))
    for ours, theirs, target in (
        ("kit", "by_hand", "<= 0.62"),
        ("kit", "same_calls", ""),
        ("kit_metrics", "metrics_by_hand", ""),
        ("kit_fails", "hand_fails", "<= 0.35"),
        ("kit_fails_anew", "hand_fails_anew", ""),
    ):
        counts = [instructions("tests.bench.ways", way, CALLS) for way in (ours, theirs)]
        if counts[0] is None or counts[1] is None:
            print("no valgrind: instructions are not counted")
            return
        detail = f"{counts[0]:.0f} / {counts[1]:.0f} instructions"
        report.value(f"instructions, {ours} / {theirs}", target, counts[0] / counts[1], "of it", detail)
