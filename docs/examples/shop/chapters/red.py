"""RED: how often, how often wrong, how long, of every operation; and from a number to the trace behind it."""

import threading
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from shop.figures import Figure, facts, heatmap, number, seconds, table, time_series, waterfall
from shop.frame import Demo, Section
from shop.metrics import Window

ORDER = 10
SHARE = 2.0

DURATION = "operation.duration"
FINEST = 0.005
"""The first bucket of the histogram, in seconds."""
OUTAGE = 0.6
"""The share of calls that the ranker refuses in the middle of the story."""
RATE = 110.0

HANDLERS = ("browse", "product", "recommend", "checkout", "export")

Row = tuple[str, float, float, float, float, float]


def run(demo: Demo) -> Section:
    """Customers for a while; in the middle third the ranker is hardly there."""
    usual = demo.shop.ranker.failing
    start, end = demo.seconds / 3, demo.seconds * 2 / 3
    changes = [threading.Timer(start, _set_failing, (demo, OUTAGE)), threading.Timer(end, _set_failing, (demo, usual))]
    demo.watch = lambda: live(rows(demo.window))
    with demo.customers(rate=RATE) as wait:
        demo.window = demo.metrics.window()
        try:
            for change in changes:
                change.start()
            seen = wait()
        finally:
            for change in changes:
                change.cancel()
            _set_failing(demo, usual)
    demo.settle()
    window = demo.window
    outage_at = {"ranker down": (start, end)}

    rates = {name: points for name, points in window.rates(DURATION, by="operation.name").items() if name in HANDLERS}
    slow = {
        name: points
        for name, points in window.quantiles_over_time(DURATION, 0.95, by="operation.name").items()
        if name in HANDLERS
    }
    measured = rows(window)
    if not measured:
        raise RuntimeError(f"no operation was measured; the customers saw {dict(seen.statuses)}")
    bounds, steps = window.buckets_over_time(DURATION, where={"operation.name": "checkout"})[DURATION]
    errors = sum(seen.statuses[status] for status in seen.statuses if status >= "500")
    spans = demo.traces.spans(since=demo.since)
    return Section(
        "Rate, errors, duration",
        f"**{seen.answered:,} customers' requests were answered in {demo.seconds:.0f} s, {errors} of them with an error.** "
        "Each handler has one decorator, `@telemetry.operation(...)`, and from it come a histogram and a span: rate, error "
        "ratio and latency are all read from that one histogram, which says `error.type` when something went wrong.\n\n"
        f"In the middle third the ranker, on which `recommend` stands, refused {OUTAGE:.0%} of its calls. Only the operations that "
        "depend on it show that: `rank` itself and `recommend`. The payment provider doesn't answer one call of twenty, and "
        "`charge` asks again after 400 ms: that is the thin second band in the heat map of `checkout`. No average shows it; the "
        "trace below, one click away from the histogram's bucket, says why.",
        [
            facts(
                {
                    "requests": f"{seen.answered:,}",
                    "a second": f"{seen.answered / demo.seconds:.0f}",
                    "errors": f"{errors / max(seen.answered, 1):.1%}",
                    "p50 checkout": seconds(_of(measured, "checkout")[3]),
                    "p99 checkout": seconds(_of(measured, "checkout")[5]),
                    "spans": f"{len(spans):,}",
                }
            ),
            table(
                "Every operation, from `operation.duration`",
                ["operation", "calls/s", "errors", "p50", "p95", "p99"],
                [_said(row) for row in measured],
            ),
            time_series("Rate by handler", rates, unit="requests/s", shade=outage_at),
            time_series("Error ratio", error_ratio(window), unit="%", shade=outage_at),
            time_series("Latency, 95th percentile", slow, unit="s", shade=outage_at, log=True),
            heatmap("Every `checkout`, not their average", bounds, steps),
            example(demo),
        ],
    )


def rows(window: Window) -> list[Row]:
    """Operation, calls a second, share of errors, p50, p95, p99."""
    calls = window.totals(DURATION, by="operation.name")
    wrong = window.totals(DURATION, by="operation.name", where=_wrong)
    p50, p95, p99 = (window.quantiles(DURATION, q, by="operation.name") for q in (0.5, 0.95, 0.99))
    order = [*HANDLERS, *sorted(calls.keys() - set(HANDLERS))]
    return [
        (name, calls[name] / window.now, wrong.get(name, 0.0) / calls[name], p50[name], p95[name], p99[name])
        for name in order
        if calls.get(name) and name in p50 and name in p95 and name in p99
    ]


def error_ratio(window: Window) -> dict[str, list[tuple[float, float]]]:
    """The share of errors over time, of the handlers that had any."""
    calls = {name: dict(points) for name, points in window.rates(DURATION, by="operation.name").items()}
    wrong = window.rates(DURATION, by="operation.name", where=_wrong)
    return {
        name: [(t, dict(wrong[name]).get(t, 0.0) / rate) for t, rate in sorted(calls[name].items()) if rate]
        for name in HANDLERS
        if any(value for _, value in wrong.get(name, ()))
    }


def example(demo: Demo) -> Figure:
    """The trace that the SDK kept as an example of the slowest checkouts: from a bucket of the histogram to its reason."""
    examples = demo.window.exemplars(DURATION, where={"operation.name": "checkout", "error.type": None})
    known = {trace_id: value for trace_id, value in examples.items() if demo.traces.trace(trace_id)}
    if not known:
        return waterfall("One slow checkout", demo.traces.slowest("checkout", since=demo.since))
    trace_id = max(known, key=lambda trace_id: known[trace_id])
    note = f"found by an exemplar: the histogram's bucket around {seconds(known[trace_id])} names trace {trace_id}"
    return waterfall("One slow checkout, and why", demo.traces.trace(trace_id), note=note)


def live(measured: list[Row]) -> Table:
    """What the terminal shows while customers are in the shop."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("operation")
    for column in ("calls/s", "errors", "p50", "p95", "p99"):
        shown.add_column(column, justify="right", min_width=8)
    for row in measured:
        shown.add_row(*_said(row), style="red" if row[2] > 0.2 else None)
    return shown


def _said(row: Row) -> tuple[str, ...]:
    name, rate, wrong, *quantiles = row
    return (name, f"{rate:.1f}", number(wrong, "%") if wrong else "-", *(_duration(value) for value in quantiles))


def _duration(value: float) -> str:
    """Within its first bucket a histogram knows no more than that."""
    return seconds(value) if value > FINEST else f"< {seconds(FINEST)}"


def _of(measured: list[Row], name: str) -> Row:
    return next((row for row in measured if row[0] == name), (name, 0.0, 0.0, 0.0, 0.0, 0.0))


def _wrong(attributes: Mapping[str, Any]) -> bool:
    return "error.type" in attributes


def _set_failing(demo: Demo, share: float) -> None:
    demo.shop.ranker.failing = share
