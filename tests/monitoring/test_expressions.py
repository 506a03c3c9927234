"""Every expression of rules, panels and annotations against a real Prometheus that has data of every metric."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit.catalogue import ATTRIBUTES, CATALOGUE, MetricSpec
from telemetry_kit.monitoring import Options, dashboard, prometheus_name, rules
from telemetry_kit.monitoring.options import Exporter
from tests.integrations.servers import free_port, running

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Debian's package `prometheus`"),
]
SPECS = {attribute.key: attribute for attribute in ATTRIBUTES}
STEP = 60
WEEK = 7 * 86_400


def values(key: str) -> list[str]:
    """What values of an attribute the data has."""
    if key == "error.type":
        return ["", "TimeoutError"]
    spec = SPECS[key]
    return list(spec.values) or [str(spec.examples[0])]


def lines(spec: MetricSpec, times: list[float], exporter: Exporter) -> Iterator[str]:
    """The metric's samples as OpenMetrics has them."""
    name = prometheus_name(spec, exporter)
    kind = {"histogram": "histogram", "observable_counter": "counter"}.get(spec.instrument, "gauge")
    yield f"# TYPE {name.removesuffix('_total') if kind == 'counter' else name} {kind}"
    for chosen in product(*(values(key) for key in spec.attributes)):
        named = [
            f'{key.replace(".", "_")}="{value}"' for key, value in zip(spec.attributes, chosen, strict=True) if value
        ]
        labels = ",".join(['job="shop"', 'instance="a"', *named])
        for suffix, more, share in series(spec, kind):
            for number, at in enumerate(times):
                value: float = (
                    int(number * 60 * share) if kind != "gauge" else (at - 60 if "timestamp" in spec.name else 1)
                )
                yield f"{name}{suffix}{{{labels}{more}}} {value} {at}"


def series(spec: MetricSpec, kind: str) -> Iterator[tuple[str, str, float]]:
    if kind != "histogram":
        yield "", "", 1.0
        return
    bounds = [str(bound) for bound in spec.boundaries or ()]
    for index, bound in enumerate([*bounds, "+Inf"]):
        yield "_bucket", f',le="{bound}"', (index + 1) / (len(bounds) + 1)
    yield "_sum", "", 1.0
    yield "_count", "", 1.0


@pytest.fixture(scope="module", params=["prometheus", "otlp"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Exporter, str]]:
    """A Prometheus whose past has two hours of every metric, and two a week ago, under one exporter's names."""
    exporter: Exporter = request.param
    folder: Path = tmp_path_factory.mktemp(exporter)
    now = int(time.time()) // STEP * STEP
    recent = [float(now - 7_200 + step * STEP) for step in range(122)]
    times = [at - WEEK for at in recent] + recent
    text = [line for spec in CATALOGUE for line in lines(spec, times, exporter)]
    for name, labels in (("target_info", ',service_version="1.0.0"'), ("orders_bytes", "")):
        text.append(f"# TYPE {name} gauge")
        text += [f'{name}{{job="shop",instance="a"{labels}}} 1 {at}' for at in times]
    (folder / "data.txt").write_text("\n".join([*text, "# EOF", ""]), encoding="utf-8")
    making = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", "data.txt", "tsdb"]
    subprocess.run(making, cwd=folder, check=True, timeout=120, capture_output=True)
    port = free_port()
    (folder / "prometheus.yml").write_text("{}", encoding="utf-8")
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    command += [
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=1y",
        "--query.lookback-delta=10m",
    ]
    with running(command, lambda: ready(port)):
        yield exporter, f"http://127.0.0.1:{port}"


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def query(url: str, expression: str) -> list[Any]:
    """What Prometheus answers; what it doesn't understand fails the test with its own words."""
    try:
        with urllib.request.urlopen(
            f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}", timeout=30
        ) as answer:
            result: list[Any] = json.load(answer)["data"]["result"]
            return result
    except urllib.error.HTTPError as problem:
        pytest.fail(f"{problem.read().decode()}\n{expression}")


def filled(expression: str) -> str:
    """As Grafana fills its variables in, with everything chosen."""
    return re.sub(r"\$(service|scope|operation)\b", ".*", expression).replace("$__rate_interval", "5m")


def test_no_panel_is_empty(server: tuple[Exporter, str]) -> None:
    """Every query of every panel has data where its metrics do."""
    exporter, url = server
    options = Options(exporter=exporter, objective=99.9, expect_jobs=("nightly-billing",), grows={"orders_bytes": 5e10})
    empty = [
        f"{panel['title']}: {target['expr']}"
        for panel in dashboard(options)["panels"]
        for target in panel.get("targets", [])
        if not query(url, filled(target["expr"]))
    ]

    assert empty == []


def test_every_annotation_and_variable_is_understood(server: tuple[Exporter, str]) -> None:
    """Nothing was deployed and nothing happened in the data: they are run all the same."""
    exporter, url = server
    made = dashboard(Options(exporter=exporter))
    for annotation in made["annotations"]["list"]:
        query(url, filled(annotation["expr"]))
    for variable in made["templating"]["list"][1:]:
        selector, _, label = variable["definition"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
        assert query(url, f"count by ({label}) ({filled(selector)})") != []


def test_every_rule_is_understood_and_its_recordings_have_data(server: tuple[Exporter, str]) -> None:
    """Of the raw expressions none is empty that isn't a condition."""
    exporter, url = server
    conditions = {"batch_job:failed", "batch_job:running_since", "batch_job:late", "batch_job:stuck"}
    for group in rules(Options(exporter=exporter, objective=99.9))["groups"]:
        for rule in group["rules"]:
            found = query(url, rule["expr"])
            name = rule.get("record", "")
            derived = re.search(r"\b(?:batch_)?job:\w", rule["expr"])
            if name and not derived and name not in conditions:
                assert found != [], name
