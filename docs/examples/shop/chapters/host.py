"""The machine: what OpenTelemetry's own instrumentation says of the process and the host, beside the kit."""

from shop.figures import table, time_series
from shop.frame import Demo, Section
from shop.sdk import HOST_METRICS

ORDER = 90
SHARE = 0.0


def run(demo: Demo) -> Section:
    """Nothing is done here: this chapter reads what was collected all the time."""
    demo.settle()
    whole = demo.whole
    cpu = {
        "this process, of one core": _only(whole.levels("process.cpu.utilization")),
        "the machine, mean of its cores": [
            (t, value / max(1, cores))
            for t, value in _only(
                whole.levels("system.cpu.utilization", where=lambda a: a.get("cpu.mode", a.get("state")) != "idle")
            )
            for cores in [len(demo.metrics.series("system.cpu.utilization", {"state": "idle"}) or [0])]
        ],
    }
    points = len([series for name in demo.metrics.names() for series in demo.metrics.series(name)])
    return Section(
        "The machine below",
        f"**CPU, memory and file descriptors come from `opentelemetry-instrumentation-system-metrics`: two lines in `sdk.py`, none "
        f"in the shop.** The kit does not measure what others measure well; beside it stand {len(HOST_METRICS)} metrics of the host.\n\n"
        f"The whole run reported {len(demo.metrics.names())} metrics in {points} series, {demo.traces.received:,} spans and "
        f"{demo.logs.received:,} log records. The shaded stretches are the chapters.",
        [
            time_series("CPU", cpu, unit="%", shade=demo.chapters),
            time_series(
                "Memory of the process",
                {"resident": _only(whole.levels("process.memory.usage"))},
                unit="By",
                shade=demo.chapters,
            ),
            time_series(
                "Open file descriptors",
                {"open": _only(whole.levels("process.open_file_descriptor.count"))},
                unit="files",
                shade=demo.chapters,
            ),
            time_series(
                "Threads", {"threads": _only(whole.levels("process.thread.count"))}, unit="threads", shade=demo.chapters
            ),
        ],
    )


def _only(lines: dict[str, list[tuple[float, float]]]) -> list[tuple[float, float]]:
    return next(iter(lines.values()), [])
