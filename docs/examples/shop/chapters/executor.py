"""Inside an executor: a pool of two workers before, during and after more pictures than it can take."""

import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from rich.table import Table

from shop.figures import Figure, between, facts, number, seconds, table, time_series, waterfall
from shop.frame import Demo, Section
from shop.metrics import Points, Range, Window
from shop.pictures import WORKERS, Pictures, photo

ORDER = 30
SHARE = 1.5

WAIT, RUN, TASKS = "executor.queue.wait_time", "executor.task.duration", "executor.tasks"
QUEUE, BUSY = "executor.queue.size", "executor.worker.utilization"
OURS = {"executor.name": "resize"}
STORY = (("before", 0.25, 0.4), ("during", 0.25, 1.4), ("after", 0.5, 0.4))
"""The parts of the story: name, share of the time, and uploads against what the workers can take."""
TRIALS = 12


@dataclass(frozen=True)
class Part:
    """A part of the story as its metrics tell it."""

    name: str
    arrivals: float
    busy: float
    queue: float
    wait: Range
    run: Range


def run(demo: Demo) -> Section:
    """Measure what the pool can take, then send it less, more, and less."""
    pictures, upload = Pictures(), photo()
    capacity = measure_capacity(pictures, upload)
    demo.window = demo.metrics.window()
    demo.watch = lambda: live(demo.window)
    futures: list[Future[list[bytes]]] = []
    sent: dict[str, tuple[float, float, int]] = {}
    looks = [demo.window.now]
    with demo.progress("pictures on their way", demo.seconds) as reached:
        for name, share, load in STORY:
            begun, already = demo.window.now, len(futures)
            futures += send(pictures, upload, share * demo.seconds, load * capacity, looking(demo, looks, reached))
            sent[name] = (begun, demo.window.now, len(futures) - already)
    wait(futures)
    demo.settle()
    window = demo.window
    parts = [part(window, name, *figures) for name, figures in sent.items()]
    shade = {"more than it can take": sent["during"][:2]}
    step = max(0.25, demo.seconds / 40)
    at_most = {
        title: next(iter(window.at_most(metric, 0.95, where=OURS, every=step).values()), [])
        for title, metric in (("in the queue", WAIT), ("at a worker", RUN))
    }
    rates = window.rates(TASKS, by="executor.task.outcome", where=OURS, every=step)
    section = Section(
        "Inside an executor",
        prose(parts, capacity, window.totals(TASKS, by="executor.task.outcome", where=OURS)),
        [
            facts(
                {
                    "workers": str(WORKERS),
                    "capacity": f"{capacity:.0f}/s",
                    "pictures": f"{len(futures):,}",
                    "longest queue": f"{max(part.queue for part in parts):.0f}",
                    "p95 wait, before": between(*parts[0].wait),
                    "p95 wait, during": between(*parts[1].wait),
                }
            ),
            table(
                "Before, during and after",
                ["", "uploads/s", "busy workers", "longest queue", "wait p95", "run p95"],
                [
                    (
                        p.name,
                        f"{p.arrivals:.0f}",
                        number(p.busy, "%"),
                        f"{p.queue:.0f}",
                        between(*p.wait),
                        between(*p.run),
                    )
                    for p in parts
                ],
            ),
            time_series("Tasks in the queue", {"queued": only(window, QUEUE)}, unit="tasks", shade=shade),
            time_series("19 of 20 pictures waited, and ran, at most", at_most, unit="s", shade=shade),
            time_series("Busy workers, of all", {"utilization": only(window, BUSY)}, unit="%", shade=shade),
            time_series(
                "Pictures done", {o: r for o, r in rates.items() if any(v for _, v in r)}, unit="1/s", shade=shade
            ),
            example(demo),
        ],
    )
    pictures.pool.shutdown()
    return section


def measure_capacity(pictures: Pictures, upload: bytes) -> float:
    """Pictures a second that the workers manage on this machine."""
    begun = time.perf_counter()
    wait([pictures.upload("trial", upload) for _ in range(TRIALS)])
    return TRIALS / (time.perf_counter() - begun)


def send(
    pictures: Pictures, upload: bytes, duration: float, rate: float, look: Callable[[], None]
) -> "list[Future[list[bytes]]]":
    """Upload at random moments, `rate` of them a second."""
    rng = random.Random(7)
    futures: list[Future[list[bytes]]] = []
    end = time.perf_counter() + duration
    due = time.perf_counter() + rng.expovariate(rate)
    while due < end:
        look()
        time.sleep(max(0.0, due - time.perf_counter()))
        futures.append(pictures.upload(f"sku-{len(futures)}", upload))
        due += rng.expovariate(rate)
    time.sleep(max(0.0, end - time.perf_counter()))
    look()
    return futures


def looking(demo: Demo, looks: list[float], reached: Callable[[float], None]) -> Callable[[], None]:
    """Collect some times in each part, however short the demo is."""

    def look() -> None:
        now = demo.window.now
        reached(now)
        if now - looks[-1] > demo.seconds / 40:
            looks.append(now)
            demo.metrics.collect()

    return look


def part(window: Window, name: str, start: float, end: float, uploads: int) -> Part:
    """What the metrics say of a part."""

    def within(points: Points) -> list[float]:
        return [value for at, value in points if start <= at <= end] or [0.0]

    def p95(metric: str) -> Range:
        return window.ranges(metric, 0.95, where=OURS, during=(start, end)).get(metric, (0.0, None))

    return Part(
        name,
        uploads / (end - start),
        statistics.fmean(within(only(window, BUSY))),
        max(within(only(window, QUEUE))),
        p95(WAIT),
        p95(RUN),
    )


def only(window: Window, metric: str) -> Points:
    return next(iter(window.levels(metric, where=OURS).values()), [])


def prose(parts: list[Part], capacity: float, tasks: dict[str, float]) -> str:
    before, during, after = parts
    more = during.arrivals / capacity - 1
    load = f"{during.arrivals:.0f} came ({abs(more):.0%} {'more' if more > 0 else 'less'} than that)"
    if during.wait[0] > before.wait[0]:
        what = (
            f"the 95th percentile of the time in the queue grew from {between(*before.wait)} to {between(*during.wait)}; that of the time at a "
            f"worker was {between(*before.run)} before, and {between(*during.run)} then"
        )
    else:
        what = "the wait didn't grow so far that a bucket of the histogram shows it: this run doesn't show what too much work does"
    left = (
        f"The wait is also the last to come back: after the load it was still {between(*after.wait)}, behind what was left of it."
        if after.wait[0] > before.wait[0]
        else "After the load it was back where it had been."
    )
    return (
        f"**{WORKERS} workers took {capacity:.0f} pictures a second when they were tried; while {load}, {what}.** "
        f"{made(tasks)} The pool is a plain `ThreadPoolExecutor`, wrapped in one line.\n\n"
        f"Utilization was {before.busy:.0%} before and {during.busy:.0%} during the load, and can't get past 100 %: it says that the "
        "workers are busy, not how much more there is to do. The queue's size says how much, and the wait time says what it means for "
        f"whoever waits, in seconds, comparable to what was promised. So the wait time is the number to alert on. {left}\n\n"
        f"Little's law holds between them: at {during.arrivals:.0f} uploads a second each second of waiting is {during.arrivals:.0f} "
        "pictures in the queue. The how-to page on sizing a pool does the sum the other way round."
    )


def made(tasks: dict[str, float]) -> str:
    """What became of the pictures."""
    succeeded = tasks.get("succeeded", 0.0)
    others = [f"{number:,.0f} {outcome}" for outcome, number in tasks.items() if outcome != "succeeded" and number]
    if others:
        return f"{succeeded:,.0f} pictures were made, {', '.join(others)}."
    return f"All {succeeded:,.0f} pictures were made, none failed: nothing but the queue tells of what customers had to wait for."


def example(demo: Demo) -> Figure:
    """The picture that waited longest, in its upload's trace."""
    spans = demo.traces.spans("thumbnails", since=demo.since)
    if not spans:
        raise RuntimeError("no task of the pool has a span")
    slowest = max(spans, key=lambda span: span.attributes.get(WAIT, 0.0))
    note = f"it waited {seconds(slowest.attributes[WAIT])} for a worker: the gap between the two spans, and an attribute of the second"
    return waterfall("The picture that waited longest", demo.traces.trace(slowest.trace_id), note=note)


def live(window: Window) -> Table:
    """What the terminal shows while pictures come in."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("queue", "busy workers", "wait p95"):
        shown.add_column(column, justify="right", min_width=12)
    waited = window.at_most(WAIT, 0.95, where=OURS).get(WAIT) or [(0.0, 0.0)]
    queue, busy = (only(window, metric) or [(0.0, 0.0)] for metric in (QUEUE, BUSY))
    shown.add_row(f"{queue[-1][1]:.0f}", number(busy[-1][1], "%"), f"< {seconds(waited[-1][1])}")
    return shown
