"""How tasks end under a real prefork worker: jobs say so, whoever ends them and by whatever signal."""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.integrations import servers

celery = pytest.importorskip("celery", reason="celery is missing: `pip install celery[redis]`")
redis = pytest.importorskip("redis", reason="redis is missing: `pip install celery[redis]`")
pytestmark = pytest.mark.integration

WITHIN = 60
"""Seconds that the worker has for each thing."""

SHOP = f"""
import json, os
import redis
from celery import Celery
from celery.signals import worker_process_init, worker_ready, worker_shutting_down
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from telemetry_kit import Telemetry

address = os.environ["BROKER"]
app = Celery("shop", broker=address, backend=address)
telemetry = Telemetry("shop")


def say(what, **more):
    with redis.Redis.from_url(address, socket_timeout=None) as client:
        client.rpush(what, json.dumps({{"process": os.getpid(), **more}}))


class Spans(SpanExporter):
    def export(self, spans):
        for span in spans:
            say("ended", name=span.name, error=span.attributes.get("error.type"))
        return SpanExportResult.SUCCESS


class Active(MetricExporter):
    def export(self, data, timeout_millis=0, **_):
        for of_resource in data.resource_metrics:
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    for point in metric.data.data_points if metric.name == "job.active" else ():
                        say("active", name=point.attributes["job.name"], value=point.value)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=0):
        return True

    def shutdown(self, timeout_millis=0, **_):
        pass


@worker_process_init.connect
def install(**_):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Spans()))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(Active(), 1e9)]))


worker_ready.connect(lambda **_: say("ready"), weak=False)
worker_shutting_down.connect(lambda **_: say("stopping"), weak=False)


def work(name):
    with redis.Redis.from_url(address, socket_timeout=None) as client:
        # The signal comes from now on: a client that goes meanwhile would swallow what it raises in its finaliser.
        client.rpush("began " + name, json.dumps({{"process": os.getpid()}}))
        client.blpop("go on " + name, timeout={WITHIN})


def task(name, handle_sigterm=True, **options):
    job = telemetry.batch_job(name, handle_sigterm=handle_sigterm, flush_timeout=5.0, flush_at_start=True)

    def run():
        work(name)

    app.task(name=name, **options)(job(run))


task("finished")
task("revoked")
task("revoked, unwatched", handle_sigterm=False)
task("soft limit", soft_time_limit={WITHIN})
task("hard limit", time_limit=1)
task("killed")
"""


class Seen(NamedTuple):
    """What was seen of all tasks, once the worker has ended."""

    results: dict[str, str]
    """By task, what Celery says of it."""
    errors: dict[str, str | None]
    """By task, the `error.type` of its span."""
    active: dict[str, int]
    """By task, how many ran when its process exported last."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """One worker, whose tasks are ended one after the other; the last one while the worker itself is told to stop. At its
    soft limit a task gets SIGUSR1 from the pool; here from the test, so that it has begun, whatever the machine does."""
    folder = tmp_path_factory.mktemp("celery")
    (folder / "shop.py").write_text(SHOP)
    with servers.redis_server() as port:
        address = f"redis://127.0.0.1:{port}/0"
        environment = {**os.environ, "BROKER": address, "PYTHONPATH": str(folder), "C_FORCE_ROOT": "1"}
        worker = [sys.executable, "-m", "celery", "-A", "shop", "worker", "-P", "prefork", "-c", "1"]
        app = celery.Celery("client", broker=address, backend=address, set_as_current=False)
        with redis.Redis.from_url(address, socket_timeout=None) as client:

            def told(what: str) -> dict[str, Any]:
                answer = client.blpop(what, timeout=WITHIN)
                assert answer is not None, f"no {what!r}"
                return dict(json.loads(answer[1]))

            processes: dict[str, int] = {}

            def result_of(task: str, end: Callable[[str, int], None] | None) -> str:
                sent = app.send_task(task)
                if end is not None:
                    processes[task] = told("began " + task)["process"]
                    end(sent.id, processes[task])
                sent.get(timeout=WITHIN, propagate=False)
                return str(sent.state if sent.successful() else type(sent.result).__name__)

            def revoke(task_id: str, _: int) -> None:
                app.control.revoke(task_id, terminate=True)

            def stop_the_worker(_: str, __: int) -> None:
                os.kill(main, signal.SIGTERM)
                told("stopping")
                client.rpush("go on finished", "")

            with servers.running(worker, lambda: client.llen("ready") == 1, environment=environment, folder=folder):
                main = told("ready")["process"]
                results = {
                    "revoked": result_of("revoked", revoke),
                    "revoked, unwatched": result_of("revoked, unwatched", revoke),
                    "soft limit": result_of("soft limit", lambda _, process: os.kill(process, signal.SIGUSR1)),
                    "hard limit": result_of("hard limit", None),
                    "killed": result_of("killed", lambda _, process: os.kill(process, signal.SIGKILL)),
                    "finished": result_of("finished", stop_the_worker),
                }
            ended = [json.loads(text) for text in client.lrange("ended", 0, -1)]
            active = [json.loads(text) for text in client.lrange("active", 0, -1)]
            app.close()
    return Seen(
        results,
        {record["name"]: record["error"] for record in ended},
        {record["name"]: record["value"] for record in active if record["process"] == processes.get(record["name"])},
    )


@pytest.mark.parametrize(
    ("task", "result", "error"),
    [
        ("finished", "SUCCESS", None),
        ("revoked", "TaskRevokedError", "SIGTERM"),
        ("revoked, unwatched", "TaskRevokedError", "SystemExit"),
        ("soft limit", "SoftTimeLimitExceeded", "billiard.exceptions.SoftTimeLimitExceeded"),
    ],
)
def test_a_job_says_how_its_task_was_ended(seen: Seen, task: str, result: str, error: str | None) -> None:
    """JOB 1, 6: by SIGTERM of the worker it finishes; revoked, the pool's own handler ends it by what it raises."""
    assert (seen.results[task], seen.errors[task]) == (result, error)
    assert seen.active[task] == 0


def test_a_job_that_is_killed_has_left_its_start(seen: Seen) -> None:
    """JOB 2: SIGKILL leaves no time to say anything; the last export says that it ran."""
    assert seen.results["killed"] == "WorkerLostError"
    assert "killed" not in seen.errors
    assert seen.active["killed"] == 1


def test_a_job_at_its_hard_limit_is_never_a_success(seen: Seen) -> None:
    """JOB 1: the pool sends SIGTERM, and SIGKILL a tenth of a second later, so that there may be no time to say it."""
    assert seen.results["hard limit"] == "TimeLimitExceeded"
    assert seen.errors.get("hard limit", "SIGTERM") == "SIGTERM"
