"""A nightly job: five nights of one import that goes well, fails, hangs and is killed, and what is known of each."""

import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table

from shop import children
from shop.figures import Stretch, bars, facts, number, seconds, table, time_series, timeline, waterfall
from shop.frame import Demo, Section
from shop.stock import PRODUCTS

ORDER = 40
SHARE = 2.0

JOB = {"job.name": "price-import"}
ROWS = 3 * PRODUCTS
"""Rows of a price list: each product in three warehouses."""
LEAST = 0.8
"""Seconds that a night lasts at least: the nights' metrics leave their processes four times a second."""
COLOURS = {"succeeded": "good", "failed": "bad", "terminated": "warn", "killed": "muted"}

NIGHTS = {
    "monday": "well",
    "tuesday": "bad list",
    "wednesday": "hangs",
    "thursday": "killed",
    "friday": "well",
}
"""What becomes of the job in each night."""


@dataclass(frozen=True)
class Night:
    """One run as the telemetry tells it; times are seconds of the chapter."""

    name: str
    state: str
    start: float
    end: float | None
    took: float
    records: dict[str, float]
    error_type: str
    page: str

    @property
    def label(self) -> str:
        took = seconds(self.took) if self.end is not None else "no end"
        return f"{took}, {self.records.get('processed', 0):,.0f} records, {self.records.get('failed', 0):,.0f} bad"


def run(demo: Demo) -> Section:
    """Let the nights come one after the other; the supplier's list arrives as fast as the demo has time for."""
    a_night = max(LEAST, (demo.seconds - 2.0) / (len(NIGHTS) + 1))
    demo.watch = lambda: live(told(demo))
    with contextlib.ExitStack() as stack:
        with demo.progress("five nights to come"):
            processes = {name: stack.enter_context(started(demo, name)) for name in NIGHTS}
            for process in processes.values():
                said(process)
        reached = stack.enter_context(demo.progress("nights of price-import", len(NIGHTS)))
        codes = {}
        for count, (name, process) in enumerate(processes.items()):
            codes[name] = night(process, NIGHTS[name], price_list(name), a_night)
            reached(count + 1)
    demo.settle()
    nights = told(demo)
    good = [one for one in nights if one.state == "succeeded"]
    reasons = demo.window.totals("job.records", by="job.record.reason", where={**JOB, "job.record.outcome": "failed"})
    spans = {
        str(span.attributes.get("job.run.id")): span for span in demo.traces.spans("price-import", since=demo.since)
    }
    return Section(
        "A nightly job that can't vanish",
        f"**Of {len(nights)} nights {len(good)} went well; of the others {ways(nights)}.** `@telemetry.batch_job(...)` and "
        "`run.track(rows)` are all that the import knows of telemetry. Each night is a process of its own that reads a supplier's price "
        "list and writes it into the shop's database.\n\n"
        + " ".join(told_of({one.name: one for one in nights}, codes, set(spans))),
        [
            facts(
                {
                    "runs": str(len(nights)),
                    "succeeded": str(len(good)),
                    "records processed": f"{sum(one.records.get('processed', 0) for one in nights):,.0f}",
                    "bad rows": f"{sum(one.records.get('failed', 0) for one in nights):,.0f}",
                    "runs with a span": str(len(spans)),
                }
            ),
            timeline(
                "The runs, from `job.start.timestamp` to `job.end.timestamp`",
                [Stretch(one.name, one.start, one.start + one.took, one.state, one.label) for one in nights],
                colours=COLOURS,
                note="the killed run has no end: its bar ends where it was last heard of",
            ),
            table(
                "What each left behind",
                ["night", "outcome", "error.type", "took", "processed", "failed", "skipped", "alert"],
                [row(one) for one in nights],
            ),
            time_series("`job.progress` while it ran", over_time(demo, "job.progress"), unit="%"),
            time_series("`job.elapsed` while it ran", over_time(demo, "job.elapsed"), unit="s"),
            bars("Bad rows by reason", {reason or "none": value for reason, value in reasons.items()}, unit="rows"),
            waterfall(
                "The trace of Tuesday's run",
                demo.traces.trace(spans["tuesday"].trace_id) if "tuesday" in spans else [],
                note="found by its run id, `job.run.id`, which is on no metric",
            ),
        ],
    )


def ways(nights: list[Night]) -> str:
    """In which ways the nights ended that didn't go well."""
    states = [one.state for one in nights if one.state != "succeeded"]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "there are none"


def told_of(nights: dict[str, Night], codes: dict[str, int], with_span: set[str]) -> Iterator[str]:
    """What this run has of the nights to which something was done; where it has something else, that."""
    bad, hung, killed = (nights.get(name) for name in ("tuesday", "wednesday", "thursday"))
    if bad is not None and bad.state == "failed":
        yield f"On Tuesday the list was bad, and the job gave up: an exception, exit code {codes['tuesday']}."
    if hung is not None and hung.state == "terminated":
        yield (
            f"On Wednesday the supplier stopped sending in the middle. `job.elapsed` grew to {seconds(hung.took)} while the run hung; at its "
            "deadline the scheduler sent SIGTERM, and because of `handle_sigterm` the run ended as a failure (exit code "
            f"{codes['wednesday']}) instead of vanishing."
        )
    if killed is not None and killed.state == "killed" and "thursday" not in with_span:
        yield (
            "On Thursday the process was killed. It has no span and no end: all that is left is what was exported before, first of all "
            "the start record, by `flush_at_start`. A start without an end is what the alert on runs that take too long sees."
        )
    for name, wanted in (("tuesday", "failed"), ("wednesday", "terminated"), ("thursday", "killed")):
        if name not in nights:
            yield f"Of {name.title()} nothing was exported: on so busy a machine this run doesn't show it."
        elif nights[name].state != wanted:
            yield f"{name.title()} was to end as {wanted}, and this run has it as {nights[name].state}."


@contextlib.contextmanager
def started(demo: Demo, name: str) -> Iterator["subprocess.Popen[str]"]:
    """The night's process, waiting for its hour."""
    program = "import sys; from shop.nightly import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", program, str(demo.shop.stock.path), name, str(ROWS)]
    pipe = subprocess.PIPE
    with children.started(command, demo.environment(name), stdin=pipe, stdout=pipe, stderr=pipe) as process:
        yield process


def said(process: "subprocess.Popen[str]") -> None:
    """Wait until it is ready; say why if it can't be."""
    line = process.stdout.readline() if process.stdout else ""
    if line != "ready\n":
        raise RuntimeError(f"the nightly job did not start: {process.stderr.read() if process.stderr else line}")


def night(process: "subprocess.Popen[str]", how: str, rows: list[str], last: float) -> int:
    """Start the job, send it its list over `last` seconds, and do to it what the night does; its exit code."""
    sent = len(rows) if how == "well" else int(len(rows) * 0.6)
    if how == "bad list":
        rows = [line if n % 3 else "???,0,cheap,many" for n, line in enumerate(rows)]
        sent = len(rows)
    send(process, ["now\n"])
    portions = max(1, int(last / 0.05))
    for portion in range(portions):
        send(process, [f"{line}\n" for line in rows[sent * portion // portions : sent * (portion + 1) // portions]])
        time.sleep(last / portions)
    if how == "hangs":
        time.sleep(last)
        process.send_signal(signal.SIGTERM)
    if how == "killed":
        process.kill()
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    return process.wait(30)


def send(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    """What the supplier sends; a job that has given up doesn't listen any more."""
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.writelines(lines)
            process.stdin.flush()


def price_list(name: str) -> list[str]:
    """A supplier's list: most rows are fine, some repeat, a few are wrong in one of three ways."""
    chance = random.Random(name)
    rows: list[str] = []
    for n in range(ROWS):
        sku, warehouse = f"sku-{n % PRODUCTS:03}", str(n // PRODUCTS)
        price, stock = str(chance.randrange(500, 90_000)), str(chance.randrange(50))
        spoilt = chance.random()
        if spoilt < 0.02:
            price = "tba"
        elif spoilt < 0.03:
            sku = f"new-{n}"
        elif spoilt < 0.035:
            stock = ""
        elif spoilt < 0.06 and rows:
            sku, warehouse = rows[-1].split(",")[:2]
        rows.append(f"{sku},{warehouse},{price},{stock}")
    return rows


def told(demo: Demo) -> list[Night]:
    """The nights so far, from nothing but what was exported."""
    start, ends, failed = (by_night(demo, f"job.{name}") for name in ("start.timestamp", "end.timestamp", "failed"))
    elapsed = by_night(demo, "job.elapsed")
    spans = {span.service: span for span in demo.traces.spans("price-import", since=demo.since)}
    first = min(start.values(), default=0.0)
    nights = []
    for name in NIGHTS:
        if name not in start:
            continue
        span = spans.get(name)
        error_type = "" if span is None else str(span.attributes.get("error.type", ""))
        end = ends.get(name)
        took = max(elapsed.get(name, 0.0), 0.05) if end is None else end - start[name]
        state = state_of(end, bool(failed.get(name)), error_type)
        page = {
            "succeeded": "",
            "failed": "JobFailed",
            "terminated": "JobFailed",
            "killed": "JobRunningTooLong",
        }[state]
        nights.append(Night(name, state, start[name] - first, end, took, records_of(demo, name), error_type, page))
    return sorted(nights, key=lambda one: one.start)


def state_of(end: float | None, failed: bool, error_type: str) -> str:
    """What the backend can say of a run."""
    if end is None:
        return "killed"
    return "succeeded" if not failed else "terminated" if error_type == "SIGTERM" else "failed"


def by_night(demo: Demo, metric: str) -> dict[str, float]:
    """The last reading of each night's process."""
    return {one.service: one.readings[-1].value for one in demo.metrics.series(metric, JOB) if one.readings}


def records_of(demo: Demo, name: str) -> dict[str, float]:
    """Records by outcome."""
    return {
        str(one.attributes["job.record.outcome"]): one.readings[-1].value
        for one in demo.metrics.series("job.last_run.records", JOB)
        if one.service == name
    }


def over_time(demo: Demo, metric: str) -> dict[str, list[tuple[float, float]]]:
    """A line for each night."""
    first = min(by_night(demo, "job.start.timestamp").values(), default=0.0)
    lines = {
        one.service: [(reading.time - first, reading.value) for reading in one.readings]
        for one in demo.metrics.series(metric, JOB)
    }
    return {name: lines[name] for name in NIGHTS if name in lines}


def row(one: Night) -> tuple[str, ...]:
    """A night's line in the table."""
    counted = (f"{one.records.get(outcome, 0):,.0f}" for outcome in ("processed", "failed", "skipped"))
    took = seconds(one.took) if one.end is not None else f"> {seconds(one.took)}"
    return (one.name, one.state, one.error_type.rpartition(".")[2] or "-", took, *counted, one.page or "-")


def live(nights: list[Night]) -> Table:
    """What the terminal shows while the nights go by."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("night", "outcome", "processed", "bad", "took"):
        shown.add_column(column, justify="left" if column in ("night", "outcome") else "right", min_width=9)
    for one in nights:
        counted = (number(one.records.get(outcome, 0), "") for outcome in ("processed", "failed"))
        shown.add_row(one.name, "running" if one.end is None else one.state, *counted, seconds(one.took))
    return shown
