"""The programs of `docs/examples/frameworks`, each in a process of its own, with a real server and a `traceparent`."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import telemetry_kit

if importlib.util.find_spec("opentelemetry.exporter") is None:
    pytest.skip("needs opentelemetry-exporter-otlp-proto-http", allow_module_level=True)

from tests.jobs.receiver import Receiver, receiver

pytestmark = pytest.mark.integration

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "frameworks"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
PATIENCE = 30


def environment(url: str, **variables: str) -> dict[str, str]:
    kit = str(Path(telemetry_kit.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": kit, "OTEL_EXPORTER_OTLP_ENDPOINT": url, **variables}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(program: str, received: Receiver, end_by: signal.Signals = signal.SIGTERM) -> Iterator[int]:
    """The server of an example; it is told to end when the block ends, as a container is."""
    port = free_port()
    # A shell's background jobs ignore Ctrl-C, and so would this one.
    start = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"sys.path.insert(0, {str(FOLDER)!r}); runpy.run_path({str(FOLDER / program)!r}, run_name='__main__')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", start],
        env=environment(received.url, PORT=str(port)),
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, f"{program} ended with {process.returncode}"
            assert time.monotonic() < end, f"{program} doesn't listen"
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        yield port
    finally:
        process.send_signal(end_by)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def get(port: int, path: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"traceparent": PARENT})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


SERVERS = [
    ("starlette", "starlette_app.py"),
    ("flask", "flask_app.py"),
    ("django", "django_app.py"),
    ("aiohttp", "aiohttp_app.py"),
]


def test_fastapi() -> None:
    """FastAPI's own server span has the request's trace, below it stands the handler's; a raised 404 is an answer and no
    error, nothing is counted twice, and a stream is timed."""
    pytest.importorskip("fastapi.telemetry", reason="needs a FastAPI that has telemetry of its own")
    with receiver() as received:
        with running("fastapi_app.py", received) as port:
            status, body = get(port, "/prices/oak-chair")
            missing, _ = get(port, "/prices/nothing")
            assert get(port, "/export") == (200, "0\n1\n2\n")
        assert received.wait("operation.duration", seconds=PATIENCE)

        assert (status, json.loads(body)["trace"], missing) == (200, TRACE, 404)
        assert received.values("operation.duration", operation__name="price")[-1] == 2
        assert received.values("operation.duration", operation__name="price", error__type="404") == []
        assert sum(received.values("http.server.request.duration", http__route="/prices/{sku}")) == 2
        assert [name for name, _ in received.spans].count("price") == 2
        assert "rows" in [name for name, _ in received.spans]


def test_fastapi_with_metrics() -> None:
    """In one file: Prometheus scrapes the numbers, and spans leave as OTLP."""
    pytest.importorskip("fastapi")
    pytest.importorskip("prometheus_client")
    with receiver() as received, running("fastapi_metrics.py", received) as port:
        assert get(port, "/prices/oak-chair")[0] == 200
        assert get(port, "/prices/nothing")[0] == 404
        _, scraped = get(port, "/metrics")
    counts = [line for line in scraped.splitlines() if line.startswith("operation_duration_seconds_count")]

    assert [line.rpartition(" ")[2] for line in counts] == ["2.0"]
    assert 'operation_name="price"' in counts[0]
    assert [name for name, _ in received.spans].count("price") == 2


@pytest.mark.parametrize("end_by", [signal.SIGINT, signal.SIGTERM], ids=lambda end_by: end_by.name)
@pytest.mark.parametrize(("needs", "program"), SERVERS, ids=[needs for needs, _ in SERVERS])
def test_a_web_framework(needs: str, program: str, end_by: signal.Signals) -> None:
    """The request's trace goes on in the handler, a raised 404 is an answer and no error, and metrics arrive, however the
    server is stopped."""
    pytest.importorskip(needs)
    with receiver() as received:
        with running(program, received, end_by) as port:
            status, body = get(port, "/prices/oak-chair")
            missing, _ = get(port, "/prices/nothing")
        served = received.wait("http.server.request.duration", seconds=PATIENCE)

        assert (status, json.loads(body)["trace"], missing) == (200, TRACE, 404)
        assert served
        assert received.values("http.server.request.duration", http__response__status_code=404)[-1] == 1
        assert received.values("http.server.request.duration", error__type="404") == []
        assert [name for name, _ in received.spans].count("price") == 2


def test_grpc() -> None:
    """The client's trace goes on at the server, and an abort is an answer."""
    pytest.importorskip("grpc")
    with receiver() as received, running("grpc_app.py", received) as port:
        ask = [sys.executable, str(FOLDER / "grpc_app.py"), "oak-chair"]
        done = subprocess.run(
            ask, env=environment(received.url, PORT=str(port)), capture_output=True, text=True, timeout=60, check=True
        )
        client, stock, server = done.stdout.split()

    assert (client, stock) == (server, "7")


def run(program: str, **variables: str) -> tuple[str, Receiver]:
    with receiver() as received:
        done = subprocess.run(
            [sys.executable, str(FOLDER / program)],
            env=environment(received.url, **variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, received


def test_dramatiq() -> None:
    """A message is processed in the trace of who sent it."""
    pytest.importorskip("dramatiq")
    printed, received = run("dramatiq_app.py")
    sender, address, processed = printed.split()

    assert (address, processed) == ("ann@example.com", sender)
    assert "send mail" in [name for name, _ in received.spans]


def test_apscheduler() -> None:
    """A scheduled function leaves what a batch job leaves."""
    pytest.importorskip("apscheduler")
    printed, received = run("apscheduler_app.py")

    assert printed == "done\n"
    assert received.values("job.last_run.records", job__record__outcome="processed")[-1] == 2
    assert received.values("job.expected_interval")[-1] == 86_400


def test_a_task_of_airflow() -> None:
    """The run goes on in the trace of who triggered it, its id is on the span alone."""
    printed, received = run("airflow_task.py", TRACEPARENT=PARENT, AIRFLOW_CTX_DAG_RUN_ID="scheduled__2026-11-22")

    assert printed == f"{TRACE}\n"
    assert ("book_orders", "scheduled__2026-11-22") in [
        (name, attributes.get("job.run.id")) for name, attributes in received.spans
    ]


def test_lambda() -> None:
    """A batch of messages is one span with a link to each, delivered before the handler has returned."""
    program = (
        f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n"
        "import lambda_function\n"
        f"record = {{'messageAttributes': {{'traceparent': {{'stringValue': '{PARENT}', 'dataType': 'String'}}}}}}\n"
        "print(lambda_function.handler({'Records': [record, record]}, None)['handled'])\n"
        "import os; sys.stdout.flush(); os._exit(0)\n"
    )
    with receiver() as received:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment(received.url),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
        assert [name for name, _ in received.spans] == ["process orders"]
        assert received.values("messaging.process.duration") == [1]
