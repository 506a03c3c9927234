"""The page "I see no telemetry" shows seven set-ups that show nothing, and what the doctor says of them: they are run."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from telemetry_kit.diagnosis import findings
from tests.diagnosis.support import CLEAN, SOURCE

PAGE = Path(__file__).parents[2] / findings.PAGE
SECTION = PAGE.read_text(encoding="utf-8").partition("## Seven set-ups that show nothing")[2]
PROGRAM = re.compile(r"^```py\n# (\w+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SET_UP = re.compile(r"^\*\*(\d)\. .*?^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
CUT = "..."
"""Stands on the page for what differs from run to run."""

OLDER_SDK = tuple(map(int, version("opentelemetry-sdk").split(".")[:2])) < (1, 45)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the page shows a shell's commands")


def transcript(commands: list[str], folder: Path) -> str:
    """What a shell shows that is given these commands, one after the other."""
    script = "\n".join(f"printf '%s\\n' {_quoted(f'$ {command}')}\n{command} || true" for command in commands)
    python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**CLEAN, "PYTHONPATH": SOURCE, "PATH": python}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd=folder, env=environment
    )
    return done.stdout + done.stderr


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "shown"), SET_UP.findall(SECTION))
def test_a_set_up_that_shows_nothing(number: str, shown: str, tmp_path: Path) -> None:
    """Before: its program prints nothing. After: the doctor says cause and next step, word for word as on the page."""
    for name, program in PROGRAM.findall(SECTION):
        (tmp_path / name).write_text(program, encoding="utf-8")
    commands = [line.removeprefix("$ ") for line in shown.splitlines() if line.startswith("$ ")]
    came = transcript(commands, tmp_path)
    words = shown
    if "export_failed" in shown and OLDER_SDK:  # which says something else of an endpoint where nobody listens
        words = shown[: shown.index("export_failed") + len("export_failed")] + CUT
    pattern = ".*".join(map(re.escape, words.split(CUT)))

    assert re.fullmatch(pattern, came, re.DOTALL), f"set-up {number} shows:\n{came}"


def test_there_are_seven() -> None:
    """The seven silences that a newcomer meets."""
    assert [number for number, _ in SET_UP.findall(SECTION)] == list("1234567")
