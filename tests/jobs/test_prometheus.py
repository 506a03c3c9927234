"""Through the real Prometheus exporter, a real Pushgateway and a real Prometheus: the names that were asked for, and a
page at night."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from telemetry_kit import Telemetry
from telemetry_kit.monitoring import Options, rules
from tests.jobs.host import ROOT

pytestmark = pytest.mark.integration

exporter = pytest.importorskip(
    "opentelemetry.exporter.prometheus", reason="needs opentelemetry-exporter-prometheus from PyPI"
)
prometheus_client = pytest.importorskip("prometheus_client", reason="needs prometheus-client from PyPI")


@pytest.fixture
def registry() -> Any:
    return prometheus_client.CollectorRegistry()


@pytest.fixture
def telemetry(registry: Any) -> Iterator[Telemetry]:
    provider = MeterProvider([exporter.PrometheusMetricReader(registry=registry)], shutdown_on_exit=False)
    yield Telemetry("shop.orders", meter_provider=provider)
    provider.shutdown()


def page(registry: Any) -> str:
    text: str = prometheus_client.generate_latest(registry).decode()
    return text


def samples(registry: Any) -> dict[str, float]:
    """Every sample of the page by its name, for the pages of one series a name."""
    return {sample.name: sample.value for family in registry.collect() for sample in family.samples}


def test_the_three_names_that_were_asked_for(registry: Any, telemetry: Telemetry) -> None:
    """They come out exactly as `job_start_timestamp_seconds`, `job_success_timestamp_seconds` and `job_failed`."""
    job = telemetry.batch_job("nightly")
    with job.run():
        during = samples(registry)
    after = samples(registry)
    with pytest.raises(ValueError), job.run():
        raise ValueError
    failed = samples(registry)

    assert abs(during["job_start_timestamp_seconds"] - time.time()) < 60
    assert (during["job_success_timestamp_seconds"], "job_failed" in during) == (0, False)
    assert abs(after["job_success_timestamp_seconds"] - time.time()) < 60
    assert (after["job_failed"], failed["job_failed"], failed["job_success_timestamp_seconds"]) == (0, 1, 0)


def test_every_name_of_the_batch_table(registry: Any, telemetry: Telemetry) -> None:
    """The rules are written for these names."""
    job = telemetry.batch_job("nightly", expected_interval=60)
    with job.run():
        pass
    with job.run() as run, run.step("load"):
        run.processed()
        run.progress(1, 2)
        names = samples(registry).keys()

    observed = {name for name in names if name.startswith("job_") and "duration" not in name}
    assert observed - {"job_records_created"} == {
        "job_active",
        "job_elapsed_seconds",
        "job_end_timestamp_seconds",
        "job_expected_interval_seconds",
        "job_failed",
        "job_last_run_records",
        "job_last_success_age_seconds",
        "job_last_success_timestamp_seconds",
        "job_progress",
        "job_records_total",
        "job_start_timestamp_seconds",
        "job_state",
        "job_success_timestamp_seconds",
    }
    assert "job_duration_seconds_count" in names
    assert "job_step_duration_seconds_count" in samples(registry)


def test_the_last_run_is_a_value_never_a_label(registry: Any, telemetry: Telemetry) -> None:
    """However many runs there are, a job has one series of each."""
    job = telemetry.batch_job("nightly")
    for number in range(20):
        with job.run(run_id=f"run-{number}"):
            pass
    text = page(registry)

    assert len(re.findall(r"^job_start_timestamp_seconds\{", text, re.MULTILINE)) == 1
    assert "run-" not in text


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not here: it comes with Debian's package `prometheus`"
)
def test_promtool_finds_nothing_wrong(registry: Any, telemetry: Telemetry) -> None:
    """`promtool check metrics` of the page of a job."""
    job = telemetry.batch_job("nightly", expected_interval=60)
    with job.run() as run, run.step("load"):
        run.failed(1, "bad_row")
    text = page(registry)
    assert "job_records_total" in text
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Servers


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


@contextmanager
def server(command: list[str], ready: str) -> Iterator[None]:
    """Start it, wait until it says that it is ready, and stop it in the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: urllib.request.urlopen(ready, timeout=2).status == 200, seconds=30)
        assert process.poll() is None, f"{command[0]} has ended: somebody else answers on its port"
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(what: Any, *, seconds: float) -> Any:
    """Ask until the answer is true; servers of others have no events to wait for."""
    end = time.monotonic() + seconds
    answer: Any = None
    while time.monotonic() < end:
        try:
            answer = what()
        except OSError:
            answer = None
        if answer:
            return answer
        time.sleep(0.1)
    msg = f"not within {seconds} s, the last answer was {answer!r}"
    raise AssertionError(msg)


@pytest.fixture
def pushgateway(tmp_path: Path) -> Iterator[str]:
    if shutil.which("prometheus-pushgateway") is None:
        pytest.skip("no Pushgateway here: install Debian's package `prometheus-pushgateway`")
    address = f"127.0.0.1:{free_port()}"
    # Debian's keeps what was pushed in /var/lib, for whoever starts it next.
    with server(
        ["prometheus-pushgateway", "--persistence.file=", f"--web.listen-address={address}"],
        f"http://{address}/-/ready",
    ):
        yield address


@pytest.fixture
def prometheus(pushgateway: str, tmp_path: Path) -> Iterator[str]:
    if shutil.which("prometheus") is None:
        pytest.skip("no Prometheus here: install Debian's package `prometheus`")
    address = f"127.0.0.1:{free_port()}"
    of_jobs = rules(Options(only=("job",)))
    for rule in (rule for rule in of_jobs["groups"][0]["rules"] if "alert" in rule):
        rule["for"] = "1s"  # nobody waits for minutes here: how long each holds is promtool's to prove
    (tmp_path / "rules.json").write_text(json.dumps(of_jobs), encoding="utf-8")
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(tmp_path / "rules.json")],
        "scrape_configs": [
            {"job_name": "pushed", "honor_labels": True, "static_configs": [{"targets": [pushgateway]}]}
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(configuration), encoding="utf-8")
    command = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--web.listen-address={address}"]
    with server([*command, f"--storage.tsdb.path={tmp_path / 'tsdb'}"], f"http://{address}/-/ready"):
        yield f"http://{address}"


NIGHTLY = """
import os, sys, threading
from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, pushadd_to_gateway
from telemetry_kit import Telemetry

metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))
job = Telemetry("shop.nightly").batch_job("nightly", expected_interval=float(sys.argv[2]))

def push():
    pushadd_to_gateway(os.environ["PUSHGATEWAY"], job="cron", registry=REGISTRY, timeout=10)

try:
    with job.run() as run:
        push()
        for row in run.track([] if sys.argv[1] == "empty" else ["1", "2", "x"]):
            if not row.isdigit():
                run.failed(1, "not_a_number")
        if sys.argv[1] == "kill":
            os.kill(os.getpid(), 9)
        if sys.argv[1] == "fail":
            raise ValueError("no database")
finally:
    push()
"""


def nightly(pushgateway: str, how: str, interval: float = 86_400.0) -> tuple[int, str]:
    """Run it: its exit status, and the last line of what it said."""
    environment = {**os.environ, "PUSHGATEWAY": pushgateway}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-c", textwrap.dedent(NIGHTLY), how, str(interval)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, "".join(done.stderr.splitlines()[-1:])


def query(prometheus: str, expression: str) -> list[float]:
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    return [float(one["value"][1]) for one in get(url)["data"]["result"]]


def test_a_pushed_job_reaches_prometheus_and_pages(pushgateway: str, prometheus: str) -> None:
    """A cron job that pushes: after a success all is quiet, after a failure an alert fires, and a kill leaves a start
    without a success."""
    assert nightly(pushgateway, "succeed") == (0, "")
    until(lambda: query(prometheus, "job_success_timestamp_seconds > 0"), seconds=30)
    assert until(lambda: query(prometheus, 'job_last_run_records{job_record_outcome="processed"}'), seconds=10) == [2]
    assert query(prometheus, 'ALERTS{alertname="JobFailed"}') == []

    assert nightly(pushgateway, "fail") == (1, "ValueError: no database")
    until(lambda: query(prometheus, 'ALERTS{alertname="JobFailed",alertstate="firing",job_name="nightly"}'), seconds=30)
    assert query(prometheus, "job_success_timestamp_seconds") == [0]

    assert nightly(pushgateway, "kill") == (-9, "")
    until(lambda: query(prometheus, "job_active == 1"), seconds=30)
    assert query(prometheus, "job_start_timestamp_seconds > job_end_timestamp_seconds") != []


def test_every_alert_fires_in_a_real_prometheus(pushgateway: str, prometheus: str) -> None:
    """A job that is due every two seconds: stale soon after its success, then without records; and one that is due every
    ten, killed right after it has begun."""

    def fires(alert: str) -> None:
        until(
            lambda: query(prometheus, f'ALERTS{{alertname="{alert}",alertstate="firing",job_name="nightly"}}'),
            seconds=40,
        )

    assert nightly(pushgateway, "succeed", interval=2) == (0, "")
    fires("JobStale")
    assert query(prometheus, 'ALERTS{alertname!="JobStale"}') == []

    assert nightly(pushgateway, "empty", interval=2) == (0, "")
    fires("JobNoRecords")

    assert nightly(pushgateway, "succeed", interval=10) == (0, "")
    assert nightly(pushgateway, "kill", interval=10) == (-9, "")
    fires("JobRunningTooLong")


def test_a_real_prometheus_evaluates_every_rule(pushgateway: str, prometheus: str) -> None:
    """The rules load in a real Prometheus without a complaint, each evaluated at least once."""
    assert nightly(pushgateway, "succeed") == (0, "")

    def evaluated() -> list[Any]:
        groups = get(f"{prometheus}/api/v1/rules")["data"]["groups"]
        loaded = [rule for group in groups for rule in group["rules"]]
        return loaded if all(rule["health"] == "ok" for rule in loaded) else []

    assert {rule["name"] for rule in until(evaluated, seconds=30) if rule["type"] == "alerting"} == {
        "JobFailed",
        "JobStale",
        "JobRunningTooLong",
        "JobNoRecords",
    }
