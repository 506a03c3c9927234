"""The demo's chapter of the error storm: the same storm with the limiter and without it, in two processes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import telemetry_kit

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
for package in ("altair", "httpx", "rich", "starlette", "uvicorn", "vl_convert"):
    pytest.importorskip(package, reason=f"the demo needs {package}: install the dependency group `demo`")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """One short run: the whole numbers of its table by the name of their line, with the limiter and without it."""
    folder = tmp_path_factory.mktemp("report")
    environment = {**os.environ, "PYTHONPATH": str(Path(telemetry_kit.__file__).parents[1]), "COLUMNS": "100"}
    command = [sys.executable, "docs/examples/shop", "--only", "error_storm", "--seconds", "2", "--folder", str(folder)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    lines = re.findall(r"^ *(\S.*?) {2,}([\d,]+) {2,}([\d,]+) *$", done.stdout, re.MULTILINE)
    return {name: [int(cell.replace(",", "")) for cell in cells] for name, *cells in lines}


def test_every_error_is_counted_with_and_without_the_limiter(told: dict[str, list[int]]) -> None:
    """STM: what the service saw fail is what `operation.duration` says."""
    assert told["errors in operation.duration"] == told["of them failed"]
    assert min(told["of them failed"]) > 100


def test_what_was_suppressed_is_what_was_not_told(told: dict[str, list[int]]) -> None:
    """STM: `telemetry_kit.exception.suppressed` and the exported events are all errors, under the limiter."""
    suppressed, _ = told["telemetry_kit.exception.suppressed"]
    events, _ = told["exception events on them"]

    assert suppressed + events == told["of them failed"][0]
    assert 50 <= events < 100


def test_without_the_limiter_nothing_is_suppressed(told: dict[str, list[int]]) -> None:
    """The other storm is one without limits: each error has its stack trace."""
    assert told["telemetry_kit.exception.suppressed"][1] == 0
    assert told["errors told in detail"][1] == told["of them failed"][1]
