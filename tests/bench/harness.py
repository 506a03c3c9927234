"""Measure two ways side by side: rounds interleaved, medians of pairs of one round, and the best against the best.

A machine that is busy with something else slows both sides of a pair, and the best of many rounds is the one that it
left alone. Where a ratio decides, callgrind counts instructions, which no neighbour changes.
"""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import subprocess
import sys
import timeit
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROUNDS = 15
SECONDS_A_ROUND = 0.02
PACKAGES = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-semantic-conventions", "wrapt")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    target: str
    value: float
    unit: str
    best: float
    detail: str


class Report:
    """Collects rows, prints them as they come, and writes them all."""

    def __init__(self, rounds: int = ROUNDS) -> None:
        self.rounds = rounds
        self.rows: list[Row] = []

    def ratio(self, name: str, target: str, ours: Callable[[], object], theirs: Callable[[], object]) -> float:
        """How much `ours` costs of what `theirs` costs: the median of pairs; gives it."""
        pairs = self._pairs(ours, theirs)
        value = statistics.median(a / b for a, b in pairs)
        mine, others = min(a for a, _ in pairs), min(b for _, b in pairs)
        self._add(Row(name, target, value, "of it", mine / others, f"{mine * 1e6:.2f} µs / {others * 1e6:.2f} µs"))
        return value

    def extra(self, name: str, target: str, ours: Callable[[], object], bare: Callable[[], object]) -> float:
        """How many nanoseconds more a call of `ours` takes than one of `bare`; gives them."""
        pairs = self._pairs(ours, bare)
        value = statistics.median(a - b for a, b in pairs) * 1e9
        best = (min(a for a, _ in pairs) - min(b for _, b in pairs)) * 1e9
        self._add(Row(name, target, value, "ns more", best, f"{min(a for a, _ in pairs) * 1e9:.0f} ns a call"))
        return value

    def value(self, name: str, target: str, value: float, unit: str, detail: str = "") -> None:
        """A number that was measured in a way of its own."""
        self._add(Row(name, target, value, unit, value, detail))

    def _pairs(self, ours: Callable[[], object], theirs: Callable[[], object]) -> list[tuple[float, float]]:
        first, second = timeit.Timer(ours), timeit.Timer(theirs)
        counts = [max(1, int(SECONDS_A_ROUND / max(t.timeit(20) / 20, 1e-9))) for t in (first, second)]
        return [(first.timeit(counts[0]) / counts[0], second.timeit(counts[1]) / counts[1]) for _ in range(self.rounds)]

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        print(f"{row.name:<58} {row.value:>9.3f} {row.unit:<8} {row.target:<12} best {row.best:>9.3f}  {row.detail}")

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        report = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "versions": versions(),
            "rows": [asdict(row) for row in self.rows],
        }
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """What this was measured with."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def instructions(module: str, way: str, calls: int) -> float | None:
    """Instructions that a call of `way` of `module` takes by callgrind, None where there is no valgrind.

    `module` is run as `python -m module WAY CALLS`; the difference of two counts leaves the start out.
    """
    if shutil.which("valgrind") is None:
        return None
    few, many = (_callgrind(module, way, number) for number in (calls, 3 * calls))
    return (many - few) / (2 * calls)


def _callgrind(module: str, way: str, calls: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-m", module, way]
    done = subprocess.run([*command, str(calls)], capture_output=True, text=True, timeout=300, check=True)
    line = next(line for line in done.stderr.splitlines() if "Collected" in line)
    return int(line.rpartition(":")[2])
