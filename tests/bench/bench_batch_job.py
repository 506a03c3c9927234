"""What a batch job asks for per record, per loop and per run."""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from telemetry_kit import JobRun, Telemetry
from tests.bench.harness import Report

ROWS = list(range(1_000))


def run(report: Report) -> None:
    """Records and progress of a run that is observed by a real SDK."""
    meter_provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    telemetry = Telemetry("tests.bench", tracer_provider=tracer_provider, meter_provider=meter_provider)
    job = telemetry.batch_job("nightly", span=False)
    counter = meter_provider.get_meter("by hand").create_counter("records")
    attributes = {"job.name": "nightly", "job.record.outcome": "processed"}
    with job.run() as current:
        per_record(report, current)
        report.ratio(
            "run.processed() / counter.add() by hand", "", current.processed, lambda: counter.add(1, attributes)
        )

    def whole() -> None:
        with job.run():
            pass

    report.extra("a run, metrics only, SDK on", "", whole, nothing)


def per_record(report: Report, current: JobRun) -> None:
    """What is called in the innermost loop of a job."""
    report.extra("run.processed()", "<= 1000 ns", current.processed, nothing)
    report.extra("run.progress(done, total)", "<= 1000 ns", lambda: current.progress(3, 4), lambda: nothing())
    report.extra("run.failed(1, reason)", "", lambda: current.failed(1, "bad_row"), lambda: nothing())

    def tracked() -> None:
        for _ in current.track(ROWS):
            pass

    def bare() -> None:
        for _ in ROWS:
            pass

    report.extra(f"run.track() over {len(ROWS):,} records", "<= 1e6 ns", tracked, bare)


def nothing() -> None:
    """The bare call."""
