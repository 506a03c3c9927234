"""The page on prefork servers under a real gunicorn that preloads the application: what each worker reports."""

import http.client
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import _internal as sdk_metrics

from tests.integrations.servers import free_port, running

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork"),
]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-under-a-prefork-server.md"
REQUESTS = 30

APP = """
import json
from concurrent.futures import ThreadPoolExecutor
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
loader = telemetry.wrap_executor(ThreadPoolExecutor(1), name="loader")
loader.submit(price, "A2").result()

@telemetry.operation("checkout", span=False)
def checkout():
    return price("A1")

def app(environ, start_response):
    checkout()
    found = {}
    data = reader.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        instance = resource.resource.attributes.get("service.instance.id")
        for metric in (m for s in resource.scope_metrics for m in s.metrics):
            numbers = [getattr(p, "count", None) or getattr(p, "value", 0) for p in metric.data.data_points]
            found[metric.name] = sum(numbers)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid(), "instance": instance, "metrics": found}).encode()]

if SET_UP_BEFORE:
    set_up_sdk("the parent's")
for _ in range(7):
    checkout()
"""


def workers(folder: Path, *, set_up_before: bool) -> dict[int, tuple[int, dict[str, Any]]]:
    """By worker: how many requests it answered, and what it said with the last."""
    pytest.importorskip("gunicorn", reason="needs the package gunicorn")
    shown = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    page, replaced = re.subn(r"^    reader = .*\n", "", "\n".join(shown), flags=re.MULTILINE)
    assert replaced == 1, "the page's reader is to be the one that the application below asks"
    (folder / "shop.py").write_text(f"SET_UP_BEFORE = {set_up_before}\n{page}{APP}", encoding="utf-8")
    hook = "" if set_up_before else "from shop import post_fork\n"
    (folder / "gunicorn.conf.py").write_text(
        f"{hook}preload_app, workers, control_socket_disable = True, 2, True\n", encoding="utf-8"
    )
    port = free_port()

    def ask() -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", "/")
            answer: dict[str, Any] = json.load(connection.getresponse())
        finally:
            connection.close()
        return answer

    answered: Counter[int] = Counter()
    last: dict[int, dict[str, Any]] = {}

    def ready() -> bool:
        try:
            note(ask())
        except OSError:
            return False
        return True

    def note(answer: dict[str, Any]) -> None:
        answered[answer["pid"]] += 1
        last[answer["pid"]] = answer

    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}", "shop:app"]
    command = ["/usr/bin/env", "-C", str(folder), *command]
    with running(command, ready):
        for _ in range(10 * REQUESTS):
            note(ask())
            if len(answered) == 2 and answered.total() > REQUESTS:
                break
    assert len(answered) == 2, "one worker answered everything"
    return {pid: (number, last[pid]) for pid, number in answered.items()}


def test_an_sdk_that_is_set_up_in_the_worker(tmp_path: Path) -> None:
    """Each worker reports its own calls and look-ups, under an instance of its own, and nothing of its parent's."""
    for pid, (requests, said) in workers(tmp_path, set_up_before=False).items():
        metrics = said["metrics"]
        assert (metrics["operation.duration"], metrics["cache.requests"]) == (requests, requests)
        assert (said["instance"], metrics["operation.active"]) == (str(pid), 0)
        assert {name for name in metrics if name.startswith("executor.")} <= {"executor.tasks"}
        assert metrics.get("executor.tasks", 0) == 0


def test_an_sdk_that_is_set_up_before_the_fork(tmp_path: Path) -> None:
    """What the kit counts begins at zero; histograms go on from the parent's seven calls; a new SDK names its instance."""
    told = workers(tmp_path, set_up_before=True)
    for requests, said in told.values():
        metrics = said["metrics"]
        assert (metrics["operation.duration"], metrics["cache.requests"]) == (7 + requests, requests)
        assert metrics.get("executor.tasks", 0) == 0
    instances = {said["instance"] for _, said in told.values()}
    draws = hasattr(sdk_metrics, "_get_process_dependent_resource")
    assert ("the parent's" not in instances and len(instances) == 2) if draws else instances == {"the parent's"}


def test_doctor_finds_it(tmp_path: Path) -> None:
    """An SDK that was set up before a fork is found in the child."""
    program = """
import os
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from telemetry_kit import diagnose
metrics.set_meter_provider(MeterProvider([], shutdown_on_exit=False))
trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
child = os.fork()
if child == 0:
    print(*(finding.code for finding in diagnose().findings), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert [code for code in done.stdout.split() if "fork" in code]
