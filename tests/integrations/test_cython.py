"""What Cython compiles (generators, coroutines, async generators) is followed to its end as what Python runs is (GEN 10, ASY 4)."""

import asyncio
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from telemetry_kit import Telemetry, current_measurement
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration

SOURCE = """
# cython: language_level=3
import asyncio
from telemetry_kit import current_measurement

def rows(count, error=None):
    for number in range(count):
        sent = yield number
        if sent:
            current_measurement().set_attribute("sent", sent)
    if error:
        raise error
    return "done"

async def fetch(error=None):
    await asyncio.sleep(0)
    if error:
        raise error
    return "fetched"

async def stream(count, error=None):
    for number in range(count):
        await asyncio.sleep(0)
        yield number
    if error:
        raise error

def plain(func):
    def wrapper(*args):
        return func(*args)
    return wrapper

hidden_rows, hidden_fetch, hidden_stream = plain(rows), plain(fetch), plain(stream)

def price(sku, int count=1):
    return len(sku) * count
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module, compiled."""
    pytest.importorskip("Cython", reason="needs cython from PyPI")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (Debian's gcc)")
    folder = tmp_path_factory.mktemp("cython")
    (folder / "tk_compiled.pyx").write_text(SOURCE)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for command in (
        [sys.executable, "-m", "cython", "-3", "tk_compiled.pyx"],
        [compiler, "-shared", "-fPIC", "-O0", "-w", f"-I{sysconfig.get_path('include')}", "tk_compiled.c"]
        + ["-o", f"tk_compiled{suffix}"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        if "Python.h" in done.stderr:
            pytest.skip("needs the headers of this Python")
        assert done.returncode == 0, done.stderr[-2_000:]
    return loaded(folder / f"tk_compiled{suffix}")


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tk_compiled", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def collected(iterator: Any) -> list[Any]:
    return [item async for item in iterator]


RUNS: dict[str, tuple[Any, Any]] = {
    "rows": (list, [0, 1]),
    "stream": (lambda result: asyncio.run(collected(result)), [0, 1]),
    "fetch": (asyncio.run, "fetched"),
}


def called(module: ModuleType, telemetry: Telemetry, name: str, error: Exception | None = None) -> Any:
    """The function, decorated and run to its end."""
    func = telemetry.operation("op")(getattr(module, name))
    arguments = () if name.endswith("fetch") else (2,)
    return RUNS[name.removeprefix("hidden_")][0](func(*arguments, error))


@pytest.mark.parametrize("hidden", ["", "hidden_"], ids=["decorated", "hidden"])
@pytest.mark.parametrize("kind", RUNS)
def test_followed_to_its_end(
    compiled: ModuleType, telemetry: Telemetry, captured: Captured, kind: str, hidden: str
) -> None:
    """Its result is the bare one's, its exception the call's, and nothing stays active."""
    assert called(compiled, telemetry, hidden + kind) == RUNS[kind][1]
    with pytest.raises(ZeroDivisionError):
        called(compiled, telemetry, hidden + kind, ZeroDivisionError())

    errors = {p.attributes.get("error.type"): p.count for p in captured.points("operation.duration")}
    assert errors == {None: 1, "ZeroDivisionError": 1}
    assert captured.value("operation.active") == 0


def test_a_generator_is_driven(compiled: ModuleType, telemetry: Telemetry, captured: Captured) -> None:
    """What is sent goes in, what is returned comes out, and the call is current in its body only."""
    generator = telemetry.operation("op")(compiled.rows)(2)

    assert next(generator) == 0
    assert current_measurement().span.get_span_context().is_valid is False
    assert generator.send("word") == 1
    with pytest.raises(StopIteration, match="done"):
        next(generator)
    assert captured.span().attributes["sent"] == "word"


def test_a_generator_that_is_closed(compiled: ModuleType, telemetry: Telemetry, captured: Captured) -> None:
    """An abandoned one ends once, and is no error."""
    generator = telemetry.operation("op")(compiled.rows)(9)
    next(generator)
    generator.close()

    assert [p.attributes.get("error.type") for p in captured.points("operation.duration")] == [None]


def test_arguments_of_a_compiled_function(compiled: ModuleType, telemetry: Telemetry, captured: Captured) -> None:
    """WRP 6: they are known by name, as far as the compiled function says them."""
    assert telemetry.operation("price", arguments=["sku", "count"])(compiled.price)("A1", count=3) == 6
    assert (captured.span().attributes["sku"], captured.span().attributes["count"]) == ("A1", 3)
