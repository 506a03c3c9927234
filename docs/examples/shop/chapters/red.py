"""RED: how often, how often wrong, how long, of every operation; and from a number to the trace behind it."""

import threading
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from shop.figures import Figure, between, facts, heatmap, number, seconds, table, time_series, waterfall
from shop.frame import Demo, Section
from shop.metrics import Range, Window

ORDER = 10
SHARE = 2.0

DURATION = "operation.duration"
OUTAGE = 0.6
"""The share of calls that the ranker refuses in the middle of the story."""
RATE = 110.0
AGAIN = 0.25
"""The bound of a bucket below the 400 ms after which the payment provider is asked again, in seconds."""

HANDLERS = ("browse", "product", "recommend", "checkout", "export")

Row = tuple[str, float, float, Range, Range, Range]


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
        name: points for name, points in window.at_most(DURATION, 0.95, by="operation.name").items() if name in HANDLERS
    }
    measured = rows(window)
    if not measured:
        raise RuntimeError(f"no operation was measured; the customers saw {dict(seen.statuses)}")
    bounds, steps = window.buckets_over_time(DURATION, where={"operation.name": "checkout"}).get(DURATION, ((), {}))
    errors = sum(seen.statuses[status] for status in seen.statuses if status >= "500")
    spans = demo.traces.spans(since=demo.since)
    return Section(
        "Rate, errors, duration",
        f"**{seen.answered:,} customers' requests were answered in {demo.seconds:.0f} s, {errors} of them with an error.** "
        "Each handler has one decorator, `@telemetry.operation(...)`, and from it come a histogram and a span: rate, error "
        "ratio and latency are all read from that one histogram, which says `error.type` when something went wrong.\n\n"
        + story(measured, usual)
        + provider(steps, bounds)
        + "The trace below is of one of the slowest.",
        [
            facts(
                {
                    "requests": f"{seen.answered:,}",
                    "a second": f"{seen.answered / demo.seconds:.0f}",
                    "errors": f"{errors / max(seen.answered, 1):.1%}",
                    "p50 checkout": _range_of(measured, "checkout", 3),
                    "p99 checkout": _range_of(measured, "checkout", 5),
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
            time_series("19 of 20 calls took at most", slow, unit="s", shade=outage_at, log=True),
            *([heatmap("Every `checkout`, not their average", bounds, steps)] if steps else []),
            example(demo),
        ],
    )


def rows(window: Window) -> list[Row]:
    """Operation, calls a second, share of errors, p50, p95, p99."""
    calls = window.totals(DURATION, by="operation.name")
    wrong = window.totals(DURATION, by="operation.name", where=_wrong)
    p50, p95, p99 = (window.ranges(DURATION, q, by="operation.name") for q in (0.5, 0.95, 0.99))
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
    return (name, f"{rate:.1f}", number(wrong, "%") if wrong else "-", *(between(*value) for value in quantiles))


def _range_of(measured: list[Row], name: str, column: int) -> str:
    return next((between(*row[column]) for row in measured if row[0] == name), "-")  # type: ignore[misc]


def story(measured: list[Row], usual: float) -> str:
    """What this run shows of the outage, and of the provider that is slow now and then."""
    wrong = {row[0]: row[2] for row in measured}
    shown = [name for name in ("rank", "recommend") if wrong.get(name, 0.0) > usual]
    others = [
        name
        for name in HANDLERS
        if name not in shown and wrong.get(name, 0.0) > max(map(wrong.__getitem__, shown), default=1.0)
    ]
    told = f"In the middle third the ranker, on which `recommend` stands, refused {OUTAGE:.0%} of its calls. "
    if len(shown) == 2 and not others:
        told += f"The operations that depend on it show that: `rank` itself with {wrong['rank']:.0%} of errors, `recommend` with {wrong['recommend']:.0%} over the whole run. "
    elif shown:
        told += f"Of the operations that depend on it {' and '.join(f'`{name}`' for name in shown)} shows more errors than usual. "
    else:
        told += "This run was too short, or too busy, to show it in the table. "
    return told


def provider(steps: Mapping[float, list[int]], bounds: tuple[float, ...]) -> str:
    """What this run shows of the payment provider, which doesn't answer now and then."""
    counts = [sum(column) for column in zip(*steps.values(), strict=True)] if steps else []
    slow = sum(count for count, low in zip(counts, (0.0, *bounds), strict=True) if low >= AGAIN) if counts else 0
    if not slow:
        return "The payment provider doesn't answer one call of twenty; no `checkout` of this run met with that. "
    if slow > sum(counts) / 2:
        return f"{slow} of {sum(counts)} checkouts took longer than {seconds(AGAIN)}: on so busy a machine the provider's part in that doesn't show. "
    return (
        f"The payment provider doesn't answer one call of twenty, and `charge` asks again after 400 ms: {slow} of {sum(counts)} "
        f"checkouts took longer than {seconds(AGAIN)}, a thin second band in the heat map which an average would hide. "
    )


def _wrong(attributes: Mapping[str, Any]) -> bool:
    return "error.type" in attributes


def _set_failing(demo: Demo, share: float) -> None:
    demo.shop.ranker.failing = share
