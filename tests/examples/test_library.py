"""The example library: instrumented with the API alone, in an application with an SDK and in one without."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import telemetry_kit

UNKNOWN = "exchange.rates.UnknownCurrency"
LIBRARY = Path(__file__).parents[2] / "docs" / "examples" / "library"
WITHOUT_SDK = (
    "import runpy, sys; sys.modules['opentelemetry.sdk'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
)


def run(*command: str, **variables: str) -> str:
    """What the application prints; it ends with 0, and says nothing else: no warning, no fault."""
    paths = [str(Path(telemetry_kit.__file__).parents[1]), str(LIBRARY)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **variables}
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_application_without_an_sdk_uses_the_library_as_if_it_were_bare() -> None:
    """The results are there, and no SDK was imported."""
    printed = run(str(LIBRARY / "without_sdk.py"))

    assert printed.splitlines() == ["20 EUR are 22.00 USD", "no rate for XXX", "an SDK was never imported"]


def test_the_library_works_where_no_sdk_can_be_imported() -> None:
    """As on a machine where none is installed."""
    printed = run("-c", WITHOUT_SDK, str(LIBRARY / "without_sdk.py"))

    assert "20 EUR are 22.00 USD" in printed


def test_an_application_with_an_sdk_sees_the_library_inside_its_own_trace() -> None:
    """The library's spans are children of the application's, under the library's own scope and version."""
    printed = run(str(LIBRARY / "with_sdk.py"))

    trace = printed.partition("the trace:\n")[2].partition("\n\n")[0].splitlines()
    assert trace == [
        "close the till (till)",
        "  load-rates (exchange 2.1.0) {'exchange.currencies': 3}",
        "  convert (exchange 2.1.0) {'exchange.source': 'EUR', 'exchange.target': 'USD'}",
        "  convert (exchange 2.1.0) {'exchange.source': 'EUR', 'exchange.target': 'XXX', 'error.type': '"
        + UNKNOWN
        + "'}",
    ]


def test_an_application_with_an_sdk_sees_the_library_in_its_metrics() -> None:
    """Rate, errors and duration, with the library as `scope.name`; nothing of high cardinality among the attributes."""
    printed = run(str(LIBRARY / "with_sdk.py"))

    assert printed.partition("the metrics:\n")[2].splitlines() == [
        "operation.duration {'operation.name': 'load-rates', 'scope.name': 'exchange'}: 1",
        "operation.duration {'operation.name': 'convert', 'scope.name': 'exchange'}: 1",
        "operation.duration {'operation.name': 'convert', 'scope.name': 'exchange', 'error.type': '"
        + UNKNOWN
        + "'}: 1",
    ]


def test_a_host_can_switch_the_library_off_by_its_name() -> None:
    """The application's own span stays, the library's are gone, and so are its metrics."""
    printed = run(str(LIBRARY / "with_sdk.py"), TELEMETRY_KIT_DISABLED="exchange")

    assert "close the till (till)\n" in printed
    assert "exchange 2.1.0" not in printed
    assert printed.endswith("the metrics:\n")


def test_the_library_imports_of_opentelemetry_nothing_but_what_the_kit_brings() -> None:
    """Its one dependency is the kit, and its source names no SDK."""
    sources = [path.read_text(encoding="utf-8") for path in (LIBRARY / "exchange").glob("*.py")]
    imported = {
        node.module
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module
    }

    assert len(sources) == 2
    assert not [module for module in imported if module.startswith("opentelemetry")]
    assert 'dependencies = ["telemetry_kit>=' in (LIBRARY / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_is_a_library_with_tests(tmp_path: Path) -> None:
    """What the page about one's own library shows, put into the files that it names, passes its tests; and the tests of
    results pass with the kit switched off."""
    page = (LIBRARY.parents[1] / "how-to" / "my-own-library.md").read_text(encoding="utf-8")
    [library] = re.findall(r"In `exchange/__init__.py`:\n\n```python\n(.*?)```", page, re.DOTALL)
    [test] = re.findall(r"In a `tests/test_telemetry.py`:\n\n```py\n(.*?)```", page, re.DOTALL)
    for path, text in {
        "exchange/__init__.py": library,
        "tests/test_telemetry.py": test,
        "tests/test_results.py": "from exchange import convert\n\n\ndef test(): assert convert('1', 'EUR', 'EUR')\n",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    paths = {**os.environ, "PYTHONPATH": str(tmp_path)}
    every = subprocess.run(command, cwd=tmp_path, env=paths, capture_output=True, text=True, timeout=60, check=False)
    off = subprocess.run(
        [*command, "--ignore", str(tmp_path / "tests" / "test_telemetry.py")],
        cwd=tmp_path,
        env={**paths, "TELEMETRY_KIT_DISABLED": "exchange"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "2 passed" in every.stdout, every.stdout
    assert "1 passed" in off.stdout, off.stdout
