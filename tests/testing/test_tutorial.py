"""The tutorial about testing, followed: its files are written and its commands run, and they say what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "test-your-telemetry.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_tutorial_followed(tmp_path: Path) -> None:
    """Each file of the page, then each command: the lines that the page shows are in the output, in their order."""
    commands = 0
    for language, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        first, _, rest = text.partition("\n")
        if language == "python":
            (tmp_path / first.removeprefix("# ")).write_text(text, encoding="utf-8")
        elif first == "$ python -m pytest -q":
            commands += 1
            said = run_pytest(tmp_path)
            position = 0
            for line in rest.splitlines():
                position = said.find(line, position)
                assert position >= 0, f"command {commands} doesn't say {line!r}:\n{said}"

    assert commands == 6


def run_pytest(folder: Path) -> str:
    plugins = ("-p", "pytest_telemetry_kit", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "pytest", "-q", *plugins]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, timeout=100, env=environment
    )
    return done.stdout + done.stderr
