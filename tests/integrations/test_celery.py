"""The page on Celery with a real prefork worker, over real brokers: chains and retries stay one trace."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integrations import servers

pytest.importorskip("celery", reason="celery is missing: `pip install celery[redis]`")
pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-with-celery.md"
WITHIN = 60
"""Seconds that the worker and the client have."""

SDK = """
import json, os
from celery.signals import worker_process_init, worker_ready
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult


class Lines(SpanExporter):
    def export(self, spans):
        with open(os.environ["SPANS"], "a") as file:
            for span in spans:
                parent = span.parent and span.parent.span_id
                file.write(json.dumps({"name": span.name, "trace": span.context.trace_id, "id": span.context.span_id,
                    "parent": parent, "error": span.attributes.get("error.type"), "process": os.getpid()}) + "\\n")
        return SpanExportResult.SUCCESS


@worker_process_init.connect
def install(**_):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Lines()))
    trace.set_tracer_provider(provider)
"""
CLIENT = """
import sys
from celery import chain
from opentelemetry import baggage, context
from shop import app, charge, install, reserve, telemetry, whose

install()
with telemetry.operation("checkout").measure():
    paid = chain(reserve.s("order 7"), charge.s()).apply_async(headers={"shop": "7"})
print(paid.get(timeout=50))
token = context.attach(baggage.set_baggage("tenant", "acme"))
print(whose.delay().get(timeout=50))
"""
TASKS = """
from opentelemetry import baggage

@app.task(bind=True)
def whose(self):
    return [baggage.get_baggage("tenant"), self.request.retries]


@worker_ready.connect
def say_so(**_):
    open(os.environ["READY"], "w").close()
"""


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a broker of this test."""
    if request.param == "redis":
        with servers.redis_server() as port:
            yield f"redis://127.0.0.1:{port}/0"
    else:
        with servers.rabbitmq(tmp_path) as port:
            yield f"amqp://guest:guest@127.0.0.1:{port}//"


def page(broker: str) -> str:
    """The code of the page, as a module, with this broker."""
    before_the_worker = PAGE.read_text(encoding="utf-8").split("Celery's own testing worker")[0]
    code = "\n".join(re.findall(r"```python\n(.*?)```", before_the_worker, re.DOTALL))
    assert 'broker="memory://", backend="cache+memory://"' in code
    backend = broker if broker.startswith("redis") else "rpc://"  # Celery's backend of files reads what is half written
    return code.replace('broker="memory://", backend="cache+memory://"', f"broker={broker!r}, backend={backend!r}")


def spans(file: Path) -> list[dict[str, Any]]:
    """What was exported, in the order of the ends."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_chain_with_a_retry_is_one_trace_across_processes(broker: str, tmp_path: Path) -> None:
    """Prerun, postrun and publishing in other processes: `checkout`, in it `reserve`, then both tries of `charge`."""
    exported, ready = tmp_path / "spans.jsonl", tmp_path / "ready"
    (tmp_path / "shop.py").write_text(SDK + page(broker) + TASKS)
    (tmp_path / "client.py").write_text(CLIENT)
    environment = {
        **os.environ,
        "SPANS": str(exported),
        "PYTHONPATH": str(tmp_path),
        "C_FORCE_ROOT": "1",
        "READY": str(ready),
    }
    worker = [sys.executable, "-m", "celery", "-A", "shop", "worker", "-P", "prefork", "-c", "2", "--loglevel=error"]
    with servers.running(worker, ready.exists, environment=environment, folder=tmp_path):
        told = subprocess.run(
            [sys.executable, "client.py"], cwd=tmp_path, env=environment, timeout=WITHIN, capture_output=True, text=True
        )
    assert told.returncode == 0, told.stderr

    assert told.stdout.splitlines() == ["order 7 is paid", "['acme', 0]"]
    found = {span["id"]: span for span in spans(exported)}
    [checkout] = [span for span in found.values() if span["name"] == "checkout"]
    [last] = found.keys() - {span["parent"] for span in found.values()} - ids_of(found, "whose")
    path = [found[last]]
    while path[0]["parent"] is not None:
        path.insert(0, found[path[0]["parent"]])
    assert [span["name"].rpartition(".")[2] for span in path] == ["checkout", "reserve", "charge", "charge"]
    assert {span["trace"] for span in path} == {checkout["trace"]}
    assert not any(span["error"] for span in path)
    assert checkout["process"] not in {span["process"] for span in path[1:]}


def ids_of(found: dict[int, dict[str, Any]], task: str) -> set[int]:
    """The spans of a task."""
    return {span["id"] for span in found.values() if span["name"].endswith(task)}
