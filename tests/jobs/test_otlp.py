"""Short processes with the real OTLP exporter, and what a receiver has of them, whatever became of either."""

import signal
import socket
import time
from pathlib import Path

import pytest

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="needs opentelemetry-exporter-otlp-proto-http from PyPI"
)

from tests.jobs.host import Job
from tests.jobs.receiver import receiver

pytestmark = pytest.mark.integration

PREAMBLE = """
import os, sys, threading, time
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from telemetry_kit import Telemetry

metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())]))
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
telemetry = Telemetry("shop.nightly")
"""


def job(program: str, path: Path, url: str) -> Job:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "3"}
    return Job(program, path, preamble=PREAMBLE, env=env)


def test_a_short_process(tmp_path: Path) -> None:
    """JOB.2: what a process of a moment measured has arrived when it has ended."""
    with receiver() as otlp:
        process = job(
            """
            with telemetry.batch_job("nightly").run(run_id="7") as run:
                for row in run.track("abc"): pass
            """,
            tmp_path,
            otlp.url,
        )

        assert process.status() == 0
        assert otlp.values("job.records", job__name="nightly") == [3]
        assert (otlp.values("job.failed"), otlp.values("job.success.timestamp")[0] > time.time() - 60) == ([0], True)
        assert [(name, attributes["job.run.id"]) for name, attributes in otlp.spans] == [("nightly", "7")]


def test_a_killed_process_leaves_its_start(tmp_path: Path) -> None:
    """JOB.2: `flush_at_start` has delivered the start before SIGKILL."""
    with receiver() as otlp:
        process = job(
            """
            with telemetry.batch_job("nightly", flush_at_start=True).run():
                print("ready", flush=True)
                threading.Event().wait(60)
            """,
            tmp_path,
            otlp.url,
        )

        assert process.when_ready().send(signal.SIGKILL).status() == -signal.SIGKILL
        assert otlp.values("job.start.timestamp")[0] > time.time() - 60
        assert (otlp.values("job.success.timestamp"), otlp.values("job.active")) == ([0], [1])


def test_a_terminated_process_tells_its_failure(tmp_path: Path) -> None:
    """JOB.1: SIGTERM where it is asked for."""
    with receiver() as otlp:
        process = job(
            """
            with telemetry.batch_job("nightly", handle_sigterm=True).run():
                print("ready", flush=True)
                threading.Event().wait(60)
            """,
            tmp_path,
            otlp.url,
        )

        assert process.when_ready().send(signal.SIGTERM).status() == 128 + signal.SIGTERM
        assert otlp.values("job.duration", job__result="failure", error__type="SIGTERM") == [1]


def test_a_process_without_exit_handlers(tmp_path: Path) -> None:
    """JOB.2: what `flush_timeout` delivered is there although `os._exit` ran nothing."""
    with receiver() as otlp:
        process = job(
            """
            with telemetry.batch_job("nightly", flush_timeout=10.0).run() as run:
                run.processed(5)
            os._exit(0)
            """,
            tmp_path,
            otlp.url,
        )

        assert process.status() == 0
        assert (otlp.values("job.records"), len(otlp.spans)) == ([5], 1)


TIMED = """
start = time.monotonic()
with telemetry.batch_job("nightly", flush_timeout=1.0).run():
    pass
print(time.monotonic() - start, flush=True)
os._exit(3)
"""


def test_a_receiver_that_hangs(tmp_path: Path) -> None:
    """JOB.2: it costs the flush's second, and the exit status stays."""
    with receiver(hangs=True) as otlp:
        process = job(TIMED, tmp_path, otlp.url)

        assert process.status() == 3, process.errors
        assert 0.9 < float(process.output) < 9
        assert otlp.asked.is_set()


def test_a_receiver_that_is_not_there(tmp_path: Path) -> None:
    """JOB.2: nor does one that refuses, though the exporter would try again and again."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        process = job(TIMED, tmp_path, f"http://127.0.0.1:{reserved.getsockname()[1]}")

        assert process.status() == 3, process.errors
        assert float(process.output) < 9
