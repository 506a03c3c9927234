"""The names that rules and dashboard use are those that metrics really have: through the Python exporter, and by Prometheus's own
translation of OTLP where a Prometheus is here that has one."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from telemetry_kit.catalogue import CATALOGUE
from telemetry_kit.monitoring import prometheus_name
from tests.integrations.servers import free_port, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
PROMETHEUS = os.environ.get("PROMETHEUS", "prometheus")
"""A Prometheus of 2.47 or newer takes OTLP; Debian 12's is older. Name one by this variable."""


def record_all(meter: Meter) -> None:
    """A point of every metric of the catalogue, by the plain API."""

    def one(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(1)]

    for spec in CATALOGUE:
        if spec.instrument == "histogram":
            meter.create_histogram(spec.name, spec.unit, spec.description).record(1)
        else:
            getattr(meter, f"create_{spec.instrument}")(spec.name, [one], spec.unit, spec.description)


def names(found: Iterable[str]) -> set[str]:
    """Without what a histogram adds."""
    return {
        re.sub(r"_(bucket|sum|created)$", "", name)
        for name in found
        if not name.startswith(("target_", "scrape_", "up"))
    }


def expected(exporter: Any) -> set[str]:
    made = set()
    for spec in CATALOGUE:
        name = prometheus_name(spec, exporter)
        made |= {name, f"{name}_count"} if spec.boundaries else {name}
    return made


def test_the_python_exporter_gives_these_names() -> None:
    """Each metric of the catalogue, and no other."""
    exporter = pytest.importorskip("opentelemetry.exporter.prometheus", reason="needs the Prometheus exporter")
    client = pytest.importorskip("prometheus_client", reason="needs prometheus-client")
    registry = client.CollectorRegistry()
    provider = MeterProvider([exporter.PrometheusMetricReader(registry=registry)], shutdown_on_exit=False)
    record_all(provider.get_meter("telemetry_kit"))

    page = client.generate_latest(registry).decode()
    provider.shutdown()

    assert names(re.findall(r"^(\w+)\{", page, re.MULTILINE)) == expected("prometheus")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[str]:
    """A Prometheus that takes OTLP."""
    found = shutil.which(PROMETHEUS)
    said = (
        subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False) if found else None
    )
    version = re.search(r"version (\d+)\.(\d+)", said.stdout + said.stderr) if said else None
    if found is None or version is None or (int(version[1]), int(version[2])) < (2, 47):
        pytest.skip("needs a Prometheus of 2.47 or newer: name its program by the variable PROMETHEUS")
    switch = "--web.enable-otlp-receiver" if int(version[1]) > 2 else "--enable-feature=otlp-write-receiver"
    port = free_port()
    (tmp_path / "prometheus.yml").write_text("{}", encoding="utf-8")
    command = [
        found,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        switch,
    ]

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    with running([*command, f"--web.listen-address=127.0.0.1:{port}"], ready):
        url = f"http://127.0.0.1:{port}"
        try:
            urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1/otlp/v1/metrics", data=b""), timeout=5).close()
        except urllib.error.HTTPError as problem:
            problem.close()
            if problem.code == 404:
                pytest.skip("this Prometheus was built without its OTLP receiver, as Debian's are")
        yield url


def test_prometheus_translates_otlp_to_these_names(receiver: str) -> None:
    """By its own receiver, as a collector's exporter does."""
    otlp = pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http.metric_exporter", reason="needs the OTLP exporter"
    )
    exporter = otlp.OTLPMetricExporter(endpoint=f"{receiver}/api/v1/otlp/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    record_all(provider.get_meter("telemetry_kit"))

    assert provider.force_flush(10_000)
    found: list[str] = []
    give_up = time.monotonic() + 20
    while not found and time.monotonic() < give_up:
        with urllib.request.urlopen(f"{receiver}/api/v1/label/__name__/values", timeout=10) as answer:
            found = json.load(answer)["data"]
    provider.shutdown()

    assert names(found) == expected("otlp")
