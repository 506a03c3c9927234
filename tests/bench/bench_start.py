"""What it costs to have the kit at all: import, and memory at decoration."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from typing import Any

from telemetry_kit import Telemetry
from tests.bench.harness import Report

_PROBE = """
import time
import opentelemetry.metrics, opentelemetry.trace
start = time.perf_counter()
import telemetry_kit
print((time.perf_counter() - start) * 1e3)
"""
IMPORTS = 11
DECORATIONS = 1_000


def run(report: Report) -> None:
    """All lines."""
    with tempfile.TemporaryDirectory() as bytecode:
        _import_once(bytecode)  # compiles it
        milliseconds = [_import_once(bytecode) for _ in range(IMPORTS)]
    detail = f"{IMPORTS} processes, the API's trace and metrics imported before"
    report.value("import telemetry_kit", "<= 10 ms", statistics.median(milliseconds), "ms more", detail)
    report.value("memory at decoration", "<= 1.5 KB", _memory() / 1024, "KB", f"mean of {DECORATIONS} functions")


def _import_once(bytecode: str) -> float:
    """Milliseconds of an import from compiled files, as an installed package has them."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", _PROBE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return float(done.stdout)


def _memory() -> float:
    """Bytes that a decoration adds to the function and its signature, which `inspect` makes anew each time."""
    telemetry = Telemetry("memory")
    functions = [_function(number) for number in range(DECORATIONS + 1)]
    telemetry.operation(functions.pop())
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        decorated = [telemetry.operation(function) for function in functions]
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    added = sum(difference.size_diff for difference in after.compare_to(before, "filename") if _counts(difference))
    assert len(decorated) == DECORATIONS
    return added / DECORATIONS


def _counts(difference: Any) -> bool:
    return not difference.traceback[0].filename.endswith(("inspect.py", "tracemalloc.py"))


def _function(number: int) -> Any:
    def function(order: str) -> str:
        return order

    function.__qualname__ = f"function_{number}"
    return function
