"""Tries each framework at the oldest version that is supported and at the newest, and writes the page that says so.

`nox -s frameworks` runs it with the requirements of pyproject.toml. Each version gets an environment of its own, since
frameworks that are years apart don't go together: the oldest on the oldest Python, the newest on the newest, or on the
nearest one for which it can be installed. What passed has its row of the page written anew; the others stay.
"""

import argparse
import ast
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reference" / "frameworks.md"
OF_ITS_TIME = {
    "apscheduler": ["setuptools<81"],
    "mcp": ["pydantic<2.12"],
    "prefect": ["pydantic<2.11"],
    "typer": ["click<8.2"],
}
"""What the oldest version of a framework needs beside it: newer ones took away what it reaches for."""
BESIDE = {"fastapi": ["httpx>=0.28"], "anyio": ["trio>=0.27"]}
"""What the cases of a framework need beside it."""
HEAD = """# Frameworks that were tried

Each framework at the oldest version that is supported and at the newest, in an environment of its own: a decorated handler, task or
command must be what the bare one is to whoever inspects it, with annotations as strings and as values, and what a framework raises to be
told something must be recorded as what it is. The cases are in `tests/frameworks`.

This page is written by `nox -s frameworks`, from what the tests found. Don't edit it.

| | oldest | newest | cases | what was tried |
|---|---|---|---|---|
"""


class Tried(NamedTuple):
    """One version of a framework, and what came of it."""

    version: str
    python: str
    cases: int
    failed: str


def name_of(requirement: str) -> str:
    """The distribution that a requirement names."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]


def cases_of(name: str) -> list[Path]:
    """The files with its cases."""
    stem = f"test_{name.replace('-', '_')}"
    here = Path(__file__).parent
    return [path for path in sorted(here.glob("test_*.py")) if re.fullmatch(rf"{stem}(_future|_config)?", path.stem)]


def oldest_of(requirement: str) -> str:
    """The requirement, pinned to its lower bound."""
    return re.sub(r">=([\w.]+).*", r"==\1", requirement)


def what(name: str) -> str:
    """What its cases are about: the first line of each file."""
    docs = [ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "" for path in cases_of(name)]
    return " ".join(doc.partition("\n")[0] for doc in docs)


def command(*arguments: str, timeout: int = 400) -> subprocess.CompletedProcess[str]:
    """Run it from the root, and keep what it says."""
    return subprocess.run(arguments, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT)


def tried(name: str, requirements: list[str], pythons: Iterable[str]) -> Tried:
    """Its cases, in an environment with these requirements, on the first of the Pythons that has it."""
    said = "no Python"
    for python in pythons:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
            environment = f"{folder}/venv"
            interpreter = f"{environment}/bin/python"
            command("uv", "venv", "-q", "--python", python, environment)
            made = command("uv", "pip", "install", "-q", "--python", interpreter, "-e", ".", *requirements)
            if made.returncode:
                said = made.stderr[-1_000:]
                continue
            asked = f"import sys, importlib.metadata as m; print(m.version({name!r}), '%d.%d' % sys.version_info[:2])"
            version, _, number = command(interpreter, "-c", asked).stdout.strip().partition(" ")
            report = f"{folder}/report.xml"
            ran = command(
                *(interpreter, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"),
                *("-W", "default", "-W", "error:::telemetry_kit"),  # of a framework on a newer Python, they are its own
                *(str(path) for path in cases_of(name)),
            )
            if not Path(report).exists():
                return Tried(version, number, 0, ran.stdout[-3_000:] + ran.stderr[-3_000:])
            suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - pytest's own, of a moment ago
            counts = (
                {} if suite is None else {k: int(suite.get(k, "0")) for k in ("tests", "skipped", "failures", "errors")}
            )
            cases = counts.get("tests", 0) - counts.get("skipped", 0)
            bad = ran.returncode or counts.get("skipped") or not cases
            return Tried(version, number, cases, ran.stdout[-3_000:] if bad else "")
    return Tried("", "", 0, said)


def both(requirement: str, common: list[str], pythons: list[str]) -> tuple[str, Tried, Tried]:
    """A framework at its oldest and its newest version."""
    name = name_of(requirement)
    common = [*common, *BESIDE.get(name, [])]
    old = tried(name, [*common, oldest_of(requirement), *OF_ITS_TIME.get(name, [])], pythons)
    new = tried(name, [*common, requirement], reversed(pythons))
    for end in (old, new):
        print(
            f"{name} {end.version} on Python {end.python}: {end.cases} cases{' FAILED' * bool(end.failed)}", flush=True
        )
        print(end.failed, end="", flush=True)
    return name, old, new


def main() -> int:
    """Try them, and say how it went by the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--requirement", action="append", required=True, help="a framework with its lower bound")
    parser.add_argument("--with", dest="common", action="append", required=True, help="what all of them need beside it")
    parser.add_argument("--python", action="append", required=True, help="an interpreter, the oldest first")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    unknown = set(options.names) - {name_of(requirement) for requirement in options.requirement}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = [r for r in options.requirement if not options.names or name_of(r) in options.names]
    failed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for name, old, new in pool.map(lambda one: both(one, options.common, options.python), chosen):
            if old.failed or new.failed:
                failed = 1
            else:
                write(name, old, new, {name_of(requirement) for requirement in options.requirement})
    return failed


def write(name: str, old: Tried, new: Tried, supported: set[str]) -> None:
    """Its row of the page; those of what is supported no longer go."""
    lines = PAGE.read_text("utf-8").splitlines() if PAGE.exists() else []
    rows = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    rows[name] = (
        f"| `{name}` | {old.version} on {old.python} | {new.version} on {new.python} | {new.cases} | {what(name)} |"
    )
    PAGE.write_text(HEAD + "".join(f"{rows[row]}\n" for row in sorted(rows) if row in supported), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
