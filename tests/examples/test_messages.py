"""The demo's chapter of messages: a real queue, two more processes, one trace."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import telemetry_kit

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
for package in ("altair", "confluent_kafka", "httpx", "rich", "starlette", "uvicorn", "vl_convert"):
    pytest.importorskip(package, reason=f"the demo needs {package}: install the dependency group `demo`")


def test_one_trace_goes_through_http_kafka_and_an_environment(tmp_path: Path) -> None:
    """The waterfall has the customer, the shop, the dispatch and the label printer, each below the one before."""
    environment = {**os.environ, "PYTHONPATH": str(Path(telemetry_kit.__file__).parents[1]), "COLUMNS": "100"}
    command = [sys.executable, "docs/examples/shop", "--only", "messages", "--seconds", "2", "--folder", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=200, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    order = ("buy", "checkout", "send order", "process order", "print label", "draw label")
    depths = [len(re.search(rf"^( +){name} .*━", done.stdout, re.MULTILINE)[1]) for name in order]  # type: ignore[index]
    assert sorted(set(depths)) == depths
    assert (tmp_path / "index.html").exists()
