"""An error storm: a circuit opens, every request is an error, and telemetry tells all of them in detail, or some."""

import json
import sys
from dataclasses import dataclass

from shop import children
from shop.figures import bars, facts, number, seconds, table, time_series
from shop.frame import Demo, Section
from shop.storm import Told

ORDER = 60
SHARE = 1.0

DURATION, SUPPRESSED = "operation.duration", "telemetry_kit.exception.suppressed"
VARIANTS = {"with the limiter": "limited", "without it": "unlimited"}
COLOURS = {"with the limiter": "main", "without it": "bad"}
GRACE = 60.0
"""Seconds a process may take beside its storm: to start, and to export what it still has."""


@dataclass(frozen=True)
class Storm:
    """A storm as its process saw it, and as its metrics tell it."""

    told: Told
    counted: int
    suppressed: int

    @property
    def built(self) -> int:
        """Errors of which detail was built; what was not exported of them, the SDK's full queue threw away."""
        return self.told.failed - self.suppressed


def run(demo: Demo) -> Section:
    """The same storm in two processes, one after the other: they shall not share the machine."""
    storms = {name: weather(demo, variant) for name, variant in VARIANTS.items()}
    ours, theirs = storms.values()
    shade = {"circuit open": (ours.told.opened, demo.seconds / 2)}
    volume = {n: s.told.bytes / (demo.seconds / 2 - s.told.opened) for n, s in storms.items()}
    return Section(
        "When the circuit opens",
        prose(ours, theirs),
        [
            facts(
                {
                    "errors, with the limiter": f"{ours.told.failed:,}",
                    "told in detail": f"{ours.built:,}",
                    "suppressed": f"{ours.suppressed:,}",
                    "exported": number(ours.told.bytes, "By"),
                    "exported without it": number(theirs.told.bytes, "By"),
                }
            ),
            table("The same storm, twice", ["", *storms], rows(ours, theirs)),
            time_series(
                "Requests answered",
                {n: s.told.rates for n, s in storms.items()},
                unit="1/s",
                colours=COLOURS,
                shade=shade,
            ),
            time_series(
                "Latency, 99th percentile",
                {name: storm.told.latencies for name, storm in storms.items()},
                unit="s",
                colours=COLOURS,
                shade=shade,
                log=True,
            ),
            bars("Detail of errors exported, bytes a second", volume, unit="By", colours=COLOURS),
            bars(
                "CPU time per request",
                {
                    title: {name: getattr(storm.told, part)["cpu"] for name, storm in storms.items()}
                    for title, part in (("circuit closed", "before"), ("circuit open", "during"))
                },
                unit="s",
                colours=COLOURS,
            ),
        ],
    )


def weather(demo: Demo, variant: str) -> Storm:
    """Run one storm to its end, and ask the metrics that it sent here."""
    service = f"storm-{variant}"
    command = [sys.executable, "-m", "shop.storm", variant, str(demo.seconds / 2)]
    with demo.progress(f"an error storm, {variant}"):
        printed = children.run(command, demo.environment(service), timeout=demo.seconds + GRACE)
    told = Told(**json.loads(printed))
    return Storm(told, _latest(demo, service, DURATION), _latest(demo, service, SUPPRESSED))


def _latest(demo: Demo, service: str, metric: str) -> int:
    """What the last reading of the process counts, of its errors."""
    return sum(
        int(series.readings[-1].value)
        for series in demo.metrics.series(metric, lambda attributes: "error.type" in attributes)
        if series.service == service
    )


def rows(*storms: Storm) -> list[tuple[str, ...]]:
    """One line for each fact, one column for each storm."""
    return [
        ("requests/s, circuit closed", *(f"{s.told.before['rate']:,.0f}" for s in storms)),
        ("requests/s, circuit open", *(f"{s.told.during['rate']:,.0f}" for s in storms)),
        ("p50, circuit open", *(seconds(s.told.during["p50"]) for s in storms)),
        ("p99, circuit open", *(seconds(s.told.during["p99"]) for s in storms)),
        ("CPU per request, circuit open", *(seconds(s.told.during["cpu"]) for s in storms)),
        ("requests made", *(f"{s.told.requests:,}" for s in storms)),
        ("of them failed", *(f"{s.told.failed:,}" for s in storms)),
        (f"errors in {DURATION}", *(f"{s.counted:,}" for s in storms)),
        (SUPPRESSED, *(f"{s.suppressed:,}" for s in storms)),
        ("errors told in detail", *(f"{s.built:,}" for s in storms)),
        ("spans exported", *(f"{s.told.spans:,}" for s in storms)),
        ("exception events on them", *(f"{s.told.events:,}" for s in storms)),
        ("dropped by the SDK's full queue", *(f"{s.built - s.told.spans:,}" for s in storms)),
        ("bytes of spans exported", *(number(s.told.bytes, "By") for s in storms)),
    ]


def prose(ours: Storm, theirs: Storm) -> str:
    limited, free = ours.told, theirs.told
    exact = ours.counted == limited.failed and theirs.counted == free.failed
    return (
        f"**With the limiter {limited.during['rate']:,.0f} requests a second are answered while the circuit is open, without it "
        f"{free.during['rate']:,.0f}; p99 is {seconds(limited.during['p99'])} against {seconds(free.during['p99'])}, and "
        f"{number(limited.bytes, 'By')} of spans are exported against {number(free.bytes, 'By')}.** The same service twice, asked "
        f"without a pause, in one thread: `recommend` has a span only for what failed, so that until the circuit opens it exports "
        "nothing but metrics. Then every request is an error.\n\n"
        f"The limiter takes detail away, not numbers: of {limited.failed:,} errors {ours.built:,} were told with their stack trace, "
        f"{ours.suppressed:,} were suppressed and say so in `{SUPPRESSED}`. "
        + (
            f"`{DURATION}` has counted every one, in both storms.\n\n"
            if exact
            else f"`{DURATION}` has {ours.counted:,} of them, which it should not: every error ought to be counted.\n\n"
        )
        + f"Without it {theirs.built:,} stack traces were made and {free.spans:,} exported{lost(theirs)}. What the storm costs "
        "the service, it costs the collector once more. The limits are the defaults of `ErrorPolicy`; the how-to page on surviving "
        "an error storm says how to choose others."
    )


def lost(storm: Storm) -> str:
    """What became of the others."""
    dropped = storm.built - storm.told.spans
    return f"; the SDK's queue was full and threw {dropped:,} away, whichever of them mattered" if dropped else ""
