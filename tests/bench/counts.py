"""Instructions of one call of each kind, as `docs/explanation/what-it-costs.md` has them: by callgrind, which no neighbour
on the machine changes.

`python -m tests.bench.counts [ROW ...] [--before SRC]` prints a line for each kind, or for those whose names contain a ROW;
beside it that of another version, whose `src` folder SRC is.

All are counted in one process, one after the other, with what was made before out of the collector's sight. Hashes are fixed,
and addresses where `setarch` is. Callgrind writes down what it has counted each time that `getppid` of the C library is called.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.ways import NO_LIMIT, TWO, async_body, body, caught, driven, failing, failing_anew, measured

CALLS = 2_000
RARELY = {"durations sampled": 10_000}
"""Of which one in a hundred does more than the others."""
WARM = 200
"""Calls before the first that is counted: the interpreter adapts its code to what it sees."""

Row = tuple[str, Callable[[], object]]


def items() -> Iterator[int]:
    """A generator of one item."""
    yield 1


async def async_items() -> AsyncIterator[int]:
    """The same to be awaited."""
    yield 1


async def failing_later() -> int:
    """A coroutine that fails."""
    return failing()


def consumed(function: Callable[[], Any]) -> Callable[[], None]:
    """A generator function, consumed."""

    def run() -> None:
        for _ in function():
            pass

    return run


def consumed_later(function: Callable[[], Any]) -> Callable[[], int]:
    """An async one, consumed."""

    async def consume() -> int:
        async for _ in function():
            pass
        return 1

    return driven(consume)


def block(begin: Callable[[], Any]) -> Callable[[], None]:
    """A `with` block of what `begin` gives."""

    def run() -> None:
        with begin():
            pass

    return run


def without_sdk() -> Iterator[Row]:
    """What is called while there is none."""
    from telemetry_kit import Telemetry

    telemetry = Telemetry("without")
    operation, pool = telemetry.operation("op"), telemetry.pool("gpu", limit=4)
    yield "the bare function", body
    yield "no SDK", operation(body)
    yield "no SDK, a coroutine", driven(operation(async_body))
    yield "no SDK, a generator of one item", consumed(operation(items))
    yield "no SDK, an async generator of one item", consumed_later(operation(async_items))
    yield "no SDK, a `with` block", measured(operation)
    yield "no SDK, a `with` block of a pool's `use()`", block(pool.use)


def with_sdk() -> Iterator[Row]:
    """What is called with an SDK whose spans are dropped, and whose metrics nobody reads."""
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    from telemetry_kit import ErrorPolicy, Telemetry, current_measurement

    spans = TracerProvider(shutdown_on_exit=False)
    spans.add_span_processor(SpanProcessor())
    trace.set_tracer_provider(spans)
    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))
    telemetry = Telemetry("shop", errors=ErrorPolicy(**NO_LIMIT))
    operation, counted = telemetry.operation("op"), telemetry.operation("metrics", span=False)
    hot = telemetry.operation("hot", span=False, sample_durations=0.01)
    pool, job = telemetry.pool("gpu", limit=4), telemetry.batch_job("job")

    @counted
    def asking() -> None:
        current_measurement().set_metric_attribute("method", "card")

    yield "span, duration, active count", operation(body)
    yield "span, duration, active count, a coroutine", driven(operation(async_body))
    yield "metrics only", counted(body)
    yield "no span, durations sampled (the hot path)", hot(body)
    yield "no span, durations sampled, a coroutine", driven(hot(async_body))
    yield "a `with` block", measured(operation)
    yield "with `error_if`", telemetry.operation("judged", error_if=lambda _: False)(body)
    yield "a generator of one item", consumed(operation(items))
    yield "an async generator of one item", consumed_later(operation(async_items))
    yield "`span()`, made and entered, two attributes", block(lambda: telemetry.span("made", attributes=TWO))
    yield "a function decorated with `span()`", telemetry.span("decorated")(body)
    yield "a `with` block of a pool's `use()`", block(pool.use)
    yield "a run of a job", block(job.run)
    with counted.measure() as measurement:
        yield "`set_metric_attribute`, the call alone", lambda: measurement.set_metric_attribute("method", "card")
    yield "metrics only, asking for the measurement and setting one", asking
    yield "a failing call with its stack trace, the same each time", caught(operation(failing))
    yield "a failing call, something else each time", caught(operation(failing_anew))
    yield "a failing call, a coroutine", caught(driven(operation(failing_later)))
    yield "a failing call, metrics only", caught(counted(failing))
    yield "a failing call, durations sampled", caught(hot(failing))


def chosen(rows: Iterator[Row], wanted: list[str]) -> Iterator[tuple[str, Callable[[], object], int]]:
    """Those whose names contain one of the wanted, with how often to call them."""
    for name, work in rows:
        if not wanted or any(part in name for part in wanted):
            yield name, work, next((calls for part, calls in RARELY.items() if part in name), CALLS)


def call_all(wanted: list[str], file: Path) -> None:
    """Call each so often, and say in `file` in which order that was."""
    names = []
    for rows in (without_sdk(), with_sdk()):
        for name, work, calls in chosen(rows, wanted):
            for _ in range(WARM):
                work()
            gc.collect()
            gc.freeze()
            names.append(f"{calls} {name}\n")
            os.getppid()
            for _ in range(calls):
                work()
            os.getppid()
    file.write_text("".join(names), encoding="utf-8")


def count(wanted: list[str], source: str | None) -> dict[str, float]:
    """Instructions of one call of each, of the version in the folder `source`."""
    with tempfile.TemporaryDirectory() as folder:
        out, names = Path(folder, "out"), Path(folder, "names")
        command = [shutil.which("setarch") or "", "-R"] if shutil.which("setarch") else []
        command += ["valgrind", "--tool=callgrind", "--dump-before=getppid", "--combine-dumps=no"]
        command += [
            f"--callgrind-out-file={out}",
            sys.executable,
            "-m",
            "tests.bench.counts",
            "--calls",
            str(names),
            *wanted,
        ]
        checkout = Path(__file__).parents[2]
        paths = [source or str(checkout / "src"), str(checkout)]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(paths)}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        found = {}
        for number, line in enumerate(names.read_text("utf-8").splitlines()):
            calls, _, name = line.partition(" ")
            # The dump after the calls: one before them has what came between.
            text = Path(f"{out}.{2 * number + 2}").read_text("utf-8", errors="replace")
            totals = next(line for line in text.splitlines() if line.startswith(("summary:", "totals:")))
            found[name] = int(totals.split()[1]) / int(calls)
        return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--before", metavar="SRC")
    parser.add_argument("--calls", metavar="FILE", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.calls is not None:
        call_all(given.rows, given.calls)
        return
    now = count(given.rows, None)
    before = count(given.rows, given.before) if given.before else {}
    for name, number in now.items():
        earlier = before.get(name)
        beside = "" if earlier is None else f" {earlier:>9.0f} | {number / earlier - 1:+.1%} |"
        print(f"| {name:<60} | {number:>9.0f} |{beside}", flush=True)


if __name__ == "__main__":
    main()
