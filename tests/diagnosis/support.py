"""Programs of a few lines, run in interpreters of their own: what they set up is theirs alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import telemetry_kit

SOURCE = str(Path(telemetry_kit.__file__).parents[1])
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TELEMETRY_KIT_"))}

TRACES = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
tracer_provider = TracerProvider()
tracer_provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
trace.set_tracer_provider(tracer_provider)
"""
METRICS = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
"""
LOGS = """
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export
logger_provider = LoggerProvider()
exporter = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter
logger_provider.add_log_record_processor(export.SimpleLogRecordProcessor(exporter()))
_logs.set_logger_provider(logger_provider)
"""
REPORT = """
import json
from telemetry_kit import diagnose
print(json.dumps(diagnose().as_dict()))
"""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of this interpreter, with none of OpenTelemetry's variables but those given."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**CLEAN, "PYTHONPATH": SOURCE, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def diagnosed(program: str, **environment: str) -> dict[str, Any]:
    """What `diagnose()` finds at the end of a program: each finding by its code."""
    done = python("-c", program + REPORT, **environment)
    assert done.returncode == 0, done.stderr
    return {finding["code"]: finding for finding in json.loads(done.stdout.splitlines()[-1])["findings"]}
