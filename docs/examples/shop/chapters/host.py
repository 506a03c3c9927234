"""The machine: what OpenTelemetry's own instrumentation says of the process and the host, beside the kit."""

import os
from collections.abc import Mapping
from typing import Any

from shop.figures import time_series
from shop.frame import Demo, Section
from shop.metrics import Points
from shop.sdk import HOST_METRICS

ORDER = 90
SHARE = 0.0


def run(demo: Demo) -> Section:
    """Nothing is done here: this chapter reads what was collected all the time."""
    whole, cores = demo.whole, os.cpu_count() or 1
    cpu = {
        "this process": _only(whole.rates("process.cpu.time")),
        "the whole machine": _only(whole.rates("system.cpu.time", where=_busy)),
    }
    cpu = {name: [(t, min(1.0, value / cores)) for t, value in points] for name, points in cpu.items()}
    names = demo.metrics.names()
    series = sum(len(demo.metrics.series(name)) for name in names)
    return Section(
        "The machine below",
        "**CPU, memory and file descriptors come from `opentelemetry-instrumentation-system-metrics`: two lines in `sdk.py`, none "
        f"in the shop.** The kit leaves to others what they measure well; these {len(HOST_METRICS)} metrics stand beside its own.\n\n"
        f"The whole run reported {len(names)} metrics in {series} series, {demo.traces.received:,} spans and {demo.logs.received:,} log "
        "records. The shaded stretches are the chapters above.",
        [
            time_series("CPU, of all cores", cpu, unit="%", shade=demo.chapters, wide=True),
            time_series("Memory of the process", {"resident": _only(whole.levels("process.memory.usage"))}, unit="By"),
            time_series(
                "Open files and sockets",
                {"open": _only(whole.levels("process.open_file_descriptor.count"))},
                unit="files",
            ),
        ],
    )


def _busy(attributes: Mapping[str, Any]) -> bool:
    return "idle" not in attributes.values()


def _only(lines: dict[str, Points]) -> Points:
    return next(iter(lines.values()), [])
