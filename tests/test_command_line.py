"""`python -m telemetry_kit` as a person at a terminal, a pipe and a script use it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import telemetry_kit
from telemetry_kit.__main__ import main

ROOT = Path(telemetry_kit.__file__).parents[1]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "telemetry_kit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_what_was_asked_wrongly_is_one_line_and_2() -> None:
    """On standard error, without a traceback and without a page of usage."""
    done = run("rules", "--only", "reds")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "python -m telemetry_kit: rules: only must name parts, got 'reds': there are red, objective, use, executor, queue, "
        "database, cache, health, event_loop, job, self\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["rule"],
        ["rules", "--objective", "many"],
        ["rules", "--grows", "x"],
        ["catalogue", "--only", "reds"],
        ["catalogue", "--series", "--instances", "0"],
        ["alertmanager", "--slack", "alerts"],
        ["dashboard", "--window", "soon"],
    ],
    ids=" ".join,
)
def test_every_mistake_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it is."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_help_teaches_by_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the whole and of each command, to be copied."""
    for arguments in (
        ["--help"],
        *([command, "--help"] for command in ("catalogue", "rules", "dashboard", "alertmanager")),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert "python -m telemetry_kit" in capsys.readouterr().out.partition("\n")[2]


def test_who_reads_may_stop(tmp_path: Path) -> None:
    """`| head -1` ends it without a word."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "telemetry_kit", "dashboard"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) in {0, 1}


def test_json_is_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command prints a document that can be read."""
    for arguments in (
        ["catalogue", "--format", "json", "--only", "job"],
        ["catalogue", "--series", "--format", "json"],
        ["rules", "--format", "json"],
        ["dashboard"],
        ["alertmanager", "--format", "json"],
    ):
        assert main(arguments) == 0
        assert json.loads(capsys.readouterr().out)


def test_no_sdk_is_needed() -> None:
    """The standard library and the kit are enough, and nothing of OpenTelemetry's SDK is imported."""
    code = (
        "import sys; from telemetry_kit.__main__ import main; main(['rules']);"
        "assert not [m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'yaml', 'jinja2'))]"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=environment
    )

    assert (done.returncode, done.stderr) == (0, "")
