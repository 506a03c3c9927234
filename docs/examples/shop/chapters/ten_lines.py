"""What telemetry_kit is, before any figure: ten decorated lines beside everything that comes out of them."""

import html
import inspect
import io
import logging
from collections.abc import Iterator

from rich.syntax import Syntax

from shop.figures import Figure, between, table, waterfall
from shop.frame import Demo, Section
from shop.logs import Log
from telemetry_kit import LogCorrelation, Telemetry

ORDER = 0
SHARE = 0.2

telemetry = Telemetry("shop.gifts", version="1.0.0")
ribbons = telemetry.pool("ribbons", limit=4)
log = logging.getLogger("shop.gifts")


@telemetry.operation("wrap-gift", arguments=["sku"])
def wrap(sku: str) -> str:
    with ribbons.use():
        if sku == "sku-013":
            raise LookupError("too large")
    telemetry.event("gift.wrapped", {"product.sku": sku})
    log.info("wrapped %s", sku)
    return f"a parcel with {sku}"


def run(demo: Demo) -> Section:
    """Wrap some gifts, one of which is too large, and lay out what the telemetry has of it."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s trace_id=%(trace_id)s"))
    handler.addFilter(LogCorrelation())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        for number in range(1, 21):
            try:
                wrap(f"sku-{number:03}")
            except LookupError:
                pass
            if number == 10:
                demo.metrics.collect()
    finally:
        log.removeHandler(handler)
    demo.settle()
    found = list(rows(demo, lines.getvalue().splitlines()))
    failed = next((s for s in demo.traces.spans("wrap-gift", since=demo.since) if "error.type" in s.attributes), None)
    return Section(
        "telemetry_kit in ten lines",
        "**telemetry_kit is a thin library with which Python code says what it does, on the OpenTelemetry API alone: these ten lines "
        "are all that this function knows of telemetry, and beside them stands everything that came out of twenty calls.** The "
        "application that runs it chooses the SDK, and so where all of it goes; without an SDK the same lines do nothing, at almost no cost.",
        [
            code(),
            table("What came out of twenty calls", ["", "name", "says"], found, wide=False),
            *(
                [waterfall("The call that failed", [failed], note="its span, with the exception; click on it")]
                if failed
                else []
            ),
        ],
    )


def code() -> Figure:
    """The lines themselves, as they stand in this file."""
    pool = 'telemetry = Telemetry("shop.gifts", version="1.0.0")\nribbons = telemetry.pool("ribbons", limit=4)\n\n'
    source = pool + inspect.getsource(inspect.unwrap(wrap))
    return Figure(
        "The code",
        "",
        Syntax(source, "python", background_color="default"),
        html=f"<pre><code>{html.escape(source)}</code></pre>",
    )


def rows(demo: Demo, lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """A row for each metric, span, event and line of the log."""
    of = {"operation.name": "wrap-gift"}
    calls = demo.window.totals("operation.duration", by="error.type", where=of)
    wrong = {name: count for name, count in calls.items() if name}
    errors = ", ".join(f"{count:.0f} with error.type {name}" for name, count in wrong.items()) or "no error"
    yield "metric", "operation.duration", f"{sum(calls.values()):.0f} calls, {errors}"
    for value in demo.window.ranges("operation.duration", 0.5, where=of).values():
        yield "", "", f"median {between(*value)}"
    yield "metric", "operation.active", "how many run, at each collection"
    uses = demo.window.total("pool.use_time", {"pool.name": "ribbons"})
    limit = demo.window.latest("pool.limit", where={"pool.name": "ribbons"})
    yield "metric", "pool.usage, .limit, .utilization", f"of {next(iter(limit.values()), 0):.0f} ribbons"
    yield "metric", "pool.use_time", f"{uses:.0f} uses"
    spans = demo.traces.spans("wrap-gift", since=demo.since)
    failed = sum("error.type" in span.attributes for span in spans)
    keys = sorted({key for span in spans for key in span.attributes})
    yield "span", "wrap-gift", f"{len(spans)}, {failed} failed; {', '.join(keys)}"
    events = demo.logs.events("gift.wrapped", since=demo.since)
    if events:
        yield "event", "gift.wrapped", f"{len(events)}; the last one {_event(events[-1])}"
    if lines:
        yield "log record", "shop.gifts", lines[-1]


def _event(event: Log) -> str:
    said = ", ".join(f"{key}={value}" for key, value in event.attributes.items())
    return f"{said}, in trace {event.trace_id[:8]}…"
