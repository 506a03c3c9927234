"""A page on migrating shows a program as its reader has it: it has to be one that works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
BEFORE = re.compile(r"^## Before\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.docs


@pytest.mark.parametrize("origin", ["prometheus-client", "opentelemetry-by-hand"])
def test_what_stands_under_before_runs(origin: str, tmp_path: Path) -> None:
    """The program under "Before" runs without an error or a warning, here on a free port."""
    page = (HOW_TO / f"migrate-from-{origin}.md").read_text(encoding="utf-8")
    [shown] = BEFORE.findall(page)
    program = tmp_path / "before.py"
    program.write_text(shown.replace("(8000)", "(0, '127.0.0.1')"), encoding="utf-8")
    command = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", sorted(HOW_TO.glob("migrate-from-*.md")), ids=lambda page: page.stem)
def test_a_page_on_migrating_says_what_is_missing(page: Path) -> None:
    """Each has the table, both programs, what is better and what is missing."""
    headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    wanted = ["Yours, and here", "Before", "After", "What is better", "What is missing"]

    assert [heading for heading in headings if heading in wanted] == wanted
