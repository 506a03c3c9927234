"""What a real Prometheus has of attributes that its labels can't tell apart: each call once, in one series."""

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from telemetry_kit import Telemetry
from tests.integrations.servers import free_port, program, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
exporter = pytest.importorskip("opentelemetry.exporter.prometheus", reason="needs opentelemetry-exporter-prometheus")
client = pytest.importorskip("prometheus_client", reason="needs prometheus-client")

CALLS: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "numbers": ([{"size": 1}, {"size": "1"}, {"size": 1}], {"size": "1"}),
    "truths": ([{"paid": "true"}, {"paid": True}], {"paid": "true"}),
    "spellings": ([{"user.tier": "gold"}, {"user_tier": "gold"}, {"user-tier": "gold"}], {"user_tier": "gold"}),
    "underscores": ([{"user.tier": "gold"}, {"user__tier": "gold"}, {"user..tier": "gold"}], {"user_tier": "gold"}),
    "digits": ([{"1a": "tea"}, {"2a": "tea"}], {"_a": "tea"}),
    "reserved": ([{"le": "1"}, {"le": "1"}], {"le_": "1"}),
    "quantile": ([{"quantile": "0.5"}], {"quantile_": "0.5"}),
    "meta": ([{"__name__": "mine"}], {"_name_": "mine"}),
    "scope": ([{"otel_scope_name": "mine"}, {"otel..scope.name": "mine"}], {"otel_scope_name_": "mine"}),
    "empty": ([{"shop": ""}, {"shop": None}, {}], {}),
    "own": ([{"operation.name": "mine"}, {"scope_name": "mine"}], {}),
}
"""What the calls of each operation are given, and the labels that Prometheus has beside the kit's own."""
OWN = {"__name__", "instance", "job", "operation_name", "scope_name"}
OF_THE_EXPORTER = {"otel_scope_name", "otel_scope_version", "otel_scope_schema_url"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """By operation, the series that Prometheus has of it."""
    prometheus = program("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    registry = client.CollectorRegistry()
    provider = MeterProvider([exporter.PrometheusMetricReader(registry=registry)], shutdown_on_exit=False)
    telemetry = Telemetry("shop.labels", meter_provider=provider)
    for name, (calls, _) in CALLS.items():
        operation = telemetry.operation(name, span=False)
        for attributes in calls:
            with operation.measure(metric_attributes=attributes):
                pass
    server, thread = client.start_http_server(0, addr="127.0.0.1", registry=registry)
    scraped = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{server.server_port}"]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]}
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    url = f"http://127.0.0.1:{free_port()}"
    files = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]

    def ask(query: str) -> list[dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{url}/api/v1/query?query={urllib.parse.quote(query)}", timeout=5) as answer:
                result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return result
        except OSError:
            return []

    command = [prometheus, *files, f"--web.listen-address={url.removeprefix('http://')}"]
    with running(command, lambda: bool(ask("operation_duration_seconds_count"))):
        series = ask("operation_duration_seconds_count")
    server.shutdown()
    server.server_close()
    thread.join()
    provider.shutdown()
    return {name: [one for one in series if one["metric"]["operation_name"] == name] for name in CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_each_call_is_counted_once_in_one_series(found: dict[str, list[dict[str, Any]]], name: str) -> None:
    """Whatever was given, the count is that of the calls, and the labels are those that were meant."""
    calls, labels = CALLS[name]

    [series] = found[name]
    assert int(series["value"][1]) == len(calls)
    assert {key: value for key, value in series["metric"].items() if key not in OWN | OF_THE_EXPORTER} == labels
