"""The two ways of the documentation to hold a job's numbers, as they stand there, against a real Pushgateway and node exporter."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import telemetry_kit
from tests.integrations.servers import answers, free_port, program, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
pytest.importorskip("opentelemetry.exporter.prometheus", reason="needs opentelemetry-exporter-prometheus")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "be-paged-when-a-job-did-not-run.md"


def block(after: str) -> str:
    """The first Python example of the page after these words."""
    found = re.search(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8").partition(after)[2], re.DOTALL | re.MULTILINE
    )
    assert found is not None
    return found[1]


SCRIPT = block("## The script as it is").removesuffix("main()\n")
JOB = block("## Let it say what it does")
SET_UP = block("## Way two: scrape")
PUSHED = block("\nA Pushgateway:")
WRITTEN = block("\nA file for the node exporter")


def run(name: str, code: str, *, good: bool) -> int:
    """Run the page's script as a job of this name; unless it is to be good, the row that can't be booked ends it."""
    text = f"{SCRIPT}\n{JOB}\n{SET_UP}\n{code}".replace("book-orders", name)
    text = text if good else text.replace('current_run().failed(1, "not_a_number")', "raise")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment["PYTHONPATH"] = str(Path(telemetry_kit.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, timeout=60, check=False
    ).returncode


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture
def pushgateway() -> Iterator[str]:
    """Its address; Debian's would keep what was pushed in /var/lib."""
    command = program("prometheus-pushgateway", "prometheus-pushgateway")
    port = free_port()
    with running([command, "--persistence.file=", f"--web.listen-address=127.0.0.1:{port}"], lambda: answers(port)):
        yield f"127.0.0.1:{port}"


def test_two_jobs_push_and_neither_wipes_the_others_alert(pushgateway: str) -> None:
    """A failed job stays failed while another one succeeds: each has a group of its own."""
    code = PUSHED.replace("localhost:9091", pushgateway)

    assert run("book-orders", code, good=False) == 1
    assert run("book-returns", code, good=True) == 0

    page = get(f"http://{pushgateway}/metrics")
    assert re.findall(r'^job_failed\{.*job="(book-\w+)".*\} (\d)$', page, re.MULTILINE) == [
        ("book-orders", "1"),
        ("book-returns", "0"),
    ]
    assert re.findall(r'^push_time_seconds\{.*job="(book-\w+)".*\}', page, re.MULTILINE) == [
        "book-orders",
        "book-returns",
    ]


def test_a_gateway_that_is_away_costs_no_job() -> None:
    """The night's work is done, and a good run ends with 0."""
    assert run("book-orders", PUSHED.replace("localhost:9091", f"127.0.0.1:{free_port()}"), good=True) == 0


def test_nothing_stays_that_lasts_only_while_a_job_runs(pushgateway: str) -> None:
    """No elapsed time, no age that stands still, nothing of the process that has ended."""
    assert run("book-orders", PUSHED.replace("localhost:9091", pushgateway), good=True) == 0

    names = set(re.findall(r'^(\w+)\{.*job="book-orders"', get(f"http://{pushgateway}/metrics"), re.MULTILINE))
    assert {"job_success_timestamp_seconds", "job_start_timestamp_seconds", "job_failed"} <= names
    assert not {"job_elapsed_seconds", "job_last_success_age_seconds"} & names
    assert not [name for name in names if name.startswith(("process_", "python_"))]


def test_a_node_exporter_takes_the_file(tmp_path: Path) -> None:
    """Without an error, and beside what it says of its own process."""
    command = program("prometheus-node-exporter", "prometheus-node-exporter")
    for name, good in (("book-orders", False), ("book-returns", True)):
        run(name, WRITTEN.replace("/var/lib/node_exporter", str(tmp_path)), good=good)
    port = free_port()
    options = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={tmp_path}"]
    with running([command, *options, f"--web.listen-address=127.0.0.1:{port}"], lambda: answers(port)):
        page = get(f"http://127.0.0.1:{port}/metrics")

    assert re.search(r"^node_textfile_scrape_error 0$", page, re.MULTILINE)
    assert re.findall(r'^job_failed\{job_name="(book-\w+)".*\} (\d)$', page, re.MULTILINE) == [
        ("book-orders", "1"),
        ("book-returns", "0"),
    ]
