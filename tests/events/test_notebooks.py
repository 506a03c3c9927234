"""Exceptions that end a cell of IPython, which no hook of Python's sees."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration


def run(program: str) -> None:
    """Run the program with a shell and a `telemetry` in a process of its own; it fails the test by raising."""
    pytest.importorskip("IPython", reason="IPython is missing: `pip install ipython`")
    begin = """
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell
    from telemetry_kit import Telemetry
    from telemetry_kit._core import faults
    from telemetry_kit.testing import capture

    HistoryManager.enabled = False
    shell, telemetry, block = InteractiveShell.instance(), Telemetry("shop.orders"), capture()
    captured = block.__enter__()

    def seen():
        return [(e.attributes["telemetry_kit.exception.hook"], e.attributes["exception.type"]) for e in captured.events]
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-c", textwrap.dedent(begin) + textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_an_exception_that_ends_a_cell_is_an_event() -> None:
    """One that is raised, and one of a cell that can't be parsed; a cell that ends well is none."""
    run(
        """
        with telemetry.watch_unhandled():
            for cell in ("1 / 0", "def", "1 + 1"):
                shell.run_cell(cell)
        assert seen() == [("ipython", "ZeroDivisionError"), ("ipython", "SyntaxError")], seen()
        assert not faults.counts(), faults.counts()
        """
    )


def test_of_several_watches_the_one_that_came_last_records_a_cell() -> None:
    """Once, as with the hooks of Python, in whichever order they stop."""
    run(
        """
        first, second = telemetry.watch_unhandled(), telemetry.watch_unhandled()
        shell.run_cell("1 / 0")
        first.stop()
        shell.run_cell("raise KeyError(1)")
        second.stop()
        shell.run_cell("raise OSError(1)")
        assert seen() == [("ipython", "ZeroDivisionError"), ("ipython", "KeyError")], seen()
        assert not faults.counts(), faults.counts()
        """
    )


def test_a_watch_that_was_stopped_sees_no_cell() -> None:
    """`stop()` takes the callback out of the shell."""
    run(
        """
        telemetry.watch_unhandled().stop()
        shell.run_cell("1 / 0")
        assert seen() == [] == shell.events.callbacks["post_run_cell"], seen()
        """
    )


def test_a_failed_operation_of_a_cell_is_told_without_its_stack_again() -> None:
    """ASY 6: the operation has recorded it in detail; that nobody handled it is news."""
    run(
        """
        shell.user_ns["work"] = telemetry.operation("work")(lambda: 1 / 0)
        with telemetry.watch_unhandled():
            shell.run_cell("work()")
        assert "exception.stacktrace" not in captured.event().attributes, str(captured)
        assert len(captured.span("work").events) == 1
        """
    )
