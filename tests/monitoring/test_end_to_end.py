"""From a fault to a message: real services, a real Prometheus, a real Alertmanager, and what arrives at its webhook.

Seven services (one of two instances) and four batch jobs, scraped and pushed; rules and routes are those of the command
line, with seconds for minutes.
"""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import telemetry_kit
from telemetry_kit.monitoring import dashboard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240), pytest.mark.xdist_group("prometheus")]
pytest.importorskip("opentelemetry.exporter.prometheus", reason="needs opentelemetry-exporter-prometheus")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
    "PYTHONPATH": os.pathsep.join([str(EXAMPLES), str(Path(telemetry_kit.__file__).parents[1])]),
}
SERVICES = {"office": 2, "recommendations": 2, "till": 1, "packing": 1, "mail": 1, "payments": 1}
"""How many instances of each."""
EXPECTED = {
    "recommendations": "OperationErrorsOfOneType",
    "till": "PoolExhausted",
    "packing": "ExecutorSaturated",
    "mail": "QueueFull",
    "payments": "Unhealthy",
    "price-import": "JobFailed",
    "clean-up": "JobStale",
    "inventory": "JobRunningTooLong",
}
"""The one alert that each fault sends."""


@contextlib.contextmanager
def department(name: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-m", "shop.departments", name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        try:
            assert process.stdout is not None
            yield process, f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def job(name: str, how: str, interval: float, gateway: str) -> None:
    command = [
        sys.executable,
        "-m",
        "shop.departments",
        "job",
        name,
        how,
        str(interval),
        gateway.removeprefix("http://"),
    ]
    subprocess.run(command, env=ENVIRONMENT, capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A calm while, then every fault at once; all notifications, and what fired in the calm."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        from shop import prometheus
    finally:
        sys.path.remove(str(EXAMPLES))
    if absent := prometheus.missing():
        pytest.skip(f"needs Prometheus: {absent}")
    with contextlib.ExitStack() as started:
        processes: dict[str, list[Any]] = {name: [] for name in SERVICES}
        targets: dict[str, list[str]] = {name: [] for name in SERVICES}
        for name, instances in SERVICES.items():
            for _ in range(instances):
                process, address = started.enter_context(department(name))
                processes[name].append(process)
                targets[name].append(address)
        stack = started.enter_context(prometheus.running(tmp_path_factory.mktemp("stack"), targets))
        for name, interval in (("price-import", 3_600), ("clean-up", 30), ("inventory", 40), ("report", 3_600)):
            job(name, "well", interval, stack.pushgateway)
        stack.until(lambda: len(stack.query("job_success_timestamp_seconds > 0")) == 4, 30)
        stack.until(lambda: stack.query("sum_over_time(sum(up)[20s:1s]) > 150"), 60)
        calm = (stack.firing(), list(stack.notifications))
        for name in SERVICES:
            for process in processes[name]:
                process.stdin.write("fault\n")
                process.stdin.flush()
        job("price-import", "fails", 3_600, stack.pushgateway)
        job("inventory", "dies", 40, stack.pushgateway)
        stack.until(lambda: {one.service for one in stack.notifications} >= set(EXPECTED), 120)
        end = time.monotonic() + 15  # whatever else would be sent is sent by now: a group is looked at every 5 seconds
        stack.until(lambda: time.monotonic() > end, 30)
        rules = [rule for group in stack.rules() for rule in group["rules"]]
        yield {"calm": calm, "sent": list(stack.notifications), "rules": rules}


def test_calm_weather_sends_nothing(week: dict[str, Any]) -> None:
    """Services at work, with a failure now and then, and jobs that succeed."""
    assert week["calm"] == ([], [])


def test_each_fault_is_exactly_one_notification(week: dict[str, Any]) -> None:
    """Of each service and each job one, however many operations, instances and symptoms there are; none of who is well."""
    sent = [(one.service, one.alerts) for one in week["sent"] if one.receiver == "page"]

    assert Counter(sent) == Counter({(service, (alert,)): 1 for service, alert in EXPECTED.items()})


def test_a_fault_makes_no_ticket_beside_its_page(week: dict[str, Any]) -> None:
    """What follows from a page is silenced."""
    assert [one for one in week["sent"] if one.receiver != "page"] == []


def test_each_notification_links_to_a_panel_that_exists(week: dict[str, Any]) -> None:
    """And to a section of the page of alerts, with the service in the dashboard's variable."""
    there = {panel["id"]: panel["description"] for panel in dashboard()["panels"] if panel["type"] != "row"}
    for one in week["sent"]:
        number = int(re.findall(r"viewPanel=(\d+)", one.panel)[0])
        assert one.alerts[0] in there[number]
        assert one.runbook.endswith(f"#{one.alerts[0].lower()}")
        if one.service in SERVICES:
            assert f"var-service={one.service}" in one.panel


def test_a_real_prometheus_evaluates_every_rule(week: dict[str, Any]) -> None:
    """None of them has an error, on the data of real services."""
    assert [rule["name"] for rule in week["rules"] if rule["health"] != "ok"] == []
    assert len(week["rules"]) > 100
