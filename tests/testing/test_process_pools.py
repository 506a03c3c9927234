"""What a process pool's workers record, seen by a capture in the worker, and what the submitting process sees."""

import multiprocessing
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import telemetry_kit
from telemetry_kit import Telemetry
from telemetry_kit.testing import capture, point

telemetry = Telemetry("shop.thumbnails")
METHODS = [method for method in ("spawn", "fork") if method in multiprocessing.get_all_start_methods()]


@telemetry.operation("resize")
def resize(size: int) -> int:
    return size // 2


def captured(size: int) -> tuple[int, list[Any], str, Any]:
    """What a worker does and records."""
    with capture() as captured:
        result = resize(size)
    parent = captured.span("resize").parent
    return result, captured.points("operation.duration"), str(captured), parent and (parent.trace_id, parent.span_id)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_worker_sends_home_what_it_recorded(telemetry_capture, method) -> None:
    """Points and text of a worker's capture travel with its result, the trace goes on there, and the executor's own
    numbers are in the capture of the process that submits."""
    with (
        telemetry.wrap_executor(
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)), name=f"resize.{method}"
        ) as pool,
        telemetry.span("page") as page,
    ):
        result, points, text, parent = pool.submit(captured, 10).result(timeout=60)
        context = page.get_span_context()

    assert result == 5
    assert points == [point(count=1, attributes={"operation.name": "resize", "scope.name": "shop.thumbnails"})]
    assert text.startswith("span resize (child of a span elsewhere)")
    assert parent == (context.trace_id, context.span_id)
    telemetry_capture.wait_for(
        "executor.tasks", attributes={"executor.name": f"resize.{method}", "executor.task.outcome": "succeeded"}
    )
    assert telemetry_capture.value("operation.duration") == 0


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_the_page_is_a_test_that_runs(tmp_path: Path) -> None:
    """The blocks of the page, pasted into one file, pass under pytest."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "see-what-a-process-pools-workers-record.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "test_page.py").write_text("\n".join(blocks), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py"]
    environment = {**os.environ, "PYTHONPATH": str(Path(telemetry_kit.__file__).parents[1])}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=90, cwd=tmp_path, env=environment
    )

    assert "1 passed" in done.stdout, done.stdout + done.stderr
