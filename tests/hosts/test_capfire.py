"""What the how-to's table says of logfire's test kit, executed: each test of this file is a row's cell."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SOURCE = '''
import logfire
import pytest
from opentelemetry import trace

tracer = trace.get_tracer("made.at.import")
sold = logfire.metric_counter("sold")
OPEN = []


@pytest.mark.parametrize("time", ["first", "second"])
def test_made_at_import_and_from_zero(capfire, time):
    """Objects made at import are captured; each test's counts begin at zero."""
    sold.add(1)
    with tracer.start_as_current_span("work"):
        pass
    [metric] = [metric for metric in capfire.get_collected_metrics() if metric["name"] == "sold"]
    assert [point["value"] for point in metric["data"]["data_points"]] == [1]
    assert [span["name"] for span in capfire.exporter.exported_spans_as_dict()] == ["work"]


def test_ids_and_times_are_deterministic(capfire):
    with tracer.start_as_current_span("work"):
        pass
    [span] = capfire.exporter.exported_spans_as_dict()
    assert (span["context"]["trace_id"], span["context"]["span_id"]) == (1, 1)
    assert (span["start_time"], span["end_time"]) == (1_000_000_000, 2_000_000_000)


def test_it_is_the_global_provider(capfire):
    assert type(trace.get_tracer_provider()).__module__.startswith("logfire")


def test_misuse_is_not_found(capfire):
    """Neither a span that is never ended nor one that is ended twice fails a test."""
    OPEN.append(tracer.start_span("lost"))
    twice = tracer.start_span("twice")
    twice.end()
    twice.end()
'''


def test_what_capfire_does(tmp_path: Path) -> None:
    """logfire's fixture in a process of its own: all that the table says of it holds."""
    if importlib.util.find_spec("logfire") is None:
        pytest.skip("logfire is missing: `nox -s hosts` installs it")
    (tmp_path / "test_capfire.py").write_text(SOURCE, encoding="utf-8")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=mine, cwd=tmp_path)

    assert "5 passed" in done.stdout, done.stdout + done.stderr
