"""A host for jobs in processes of their own: a real SDK whose exporters write lines to a file, and nothing else.

The file is what a backend would have seen, also after the process was killed.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

ROOT = Path(__file__).parents[2]
NEVER = 3_600_000
"""Milliseconds between two exports of the SDK's own accord: what arrives was flushed or left at the exit."""


class Metrics(MetricExporter):
    """Appends each point as a line."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def export(self, metrics_data: MetricsData, timeout_millis: float = 0, **_: Any) -> MetricExportResult:
        points = [
            {
                "metric": metric.name,
                "value": getattr(point, "value", getattr(point, "count", None)),
                **dict(point.attributes or {}),
            }
            for resource in metrics_data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]
        write(self._path, points)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **_: Any) -> None: ...


class Spans(SpanExporter):
    """Appends each span as a line."""

    def __init__(self, path: str) -> None:
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        write(self._path, [{"span": span.name, **dict(span.attributes or {})} for span in spans])
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...


class Hanging(Metrics):
    """Never comes back from an export until the process ends."""

    def export(self, *_: Any, **__: Any) -> MetricExportResult:
        threading.Event().wait(60)
        return MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 0) -> bool:
        threading.Event().wait(60)
        return False


def write(path: str, lines: list[dict[str, Any]]) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(line, default=str) + "\n" for line in lines))


def install(metric_exporter: type[Metrics] = Metrics) -> None:
    """Set the global providers, as a host does."""
    path = os.environ["TESTS_TELEMETRY"]
    reader = PeriodicExportingMetricReader(metric_exporter(path), export_interval_millis=NEVER)
    metrics.set_meter_provider(MeterProvider([reader]))
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(BatchSpanProcessor(Spans(path), schedule_delay_millis=NEVER))
    trace.set_tracer_provider(tracer_provider)


class Job:
    """A process that runs a job, and what it left behind."""

    PREAMBLE = """
    import asyncio, os, signal, sys, threading
    from telemetry_kit import Telemetry, current_run
    from tests.jobs.host import Hanging, install
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    telemetry = Telemetry("tests.jobs")
    install()
    def ready():
        print("ready", flush=True)
    """

    def __init__(
        self, program: str, path: Path, *, preamble: str = PREAMBLE, env: dict[str, str] | None = None
    ) -> None:
        self.path = path
        environment = {**os.environ, **(env or {}), "TESTS_TELEMETRY": str(path)}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        source = textwrap.dedent(preamble) + textwrap.dedent(program)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-W", "ignore:This process", "-c", source], env=environment, cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def when_ready(self) -> "Job":
        """Wait until it says that it is where the test wants it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == "ready\n", self.process.stderr.read() if self.process.stderr else line
        return self

    def send(self, signal_number: signal.Signals) -> "Job":
        self.process.send_signal(signal_number)
        return self

    def status(self) -> int:
        """Wait for its end: the exit status, negative for a signal."""
        self.output, self.errors = self.process.communicate(timeout=60)
        return self.process.returncode

    def lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def last(self, metric: str, **attributes: Any) -> float | None:
        """The last exported value of the metric, None if there was none."""
        wanted = {"metric": metric, **{key.replace("__", "."): value for key, value in attributes.items()}}
        values = [line["value"] for line in self.lines() if wanted.items() <= line.items()]
        return values[-1] if values else None

    def spans(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("span") == name]
