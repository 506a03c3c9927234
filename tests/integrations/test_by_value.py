"""Decorated functions of a script travel by value, as Dask, Ray, Spark, loky, joblib and notebooks send them (WRP 8)."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SENDER = """
import asyncio, contextlib, functools, sys
library = __import__(sys.argv[1])
from telemetry_kit import Objective, Telemetry, bind, enrich_span
telemetry = Telemetry("shop")
price = telemetry.operation("price", metric_attributes={"shop": "a"})

@price
def fast(n): return n * 2
@telemetry.operation("objective", objective=Objective(99.9))
def objective(n): return n * 2
@telemetry.operation("full", arguments=["n"], error_if=lambda result: False)
def full(n): return n * 2
@price
async def coroutine(n): return n * 2
@price
def generator(n): yield n * 2
@price
async def async_generator(n): yield n * 2
@telemetry.span("span")
def span(n): return n * 2
@telemetry.pool("pool").use()
def use(n): return n * 2
@telemetry.batch_job("job")
def job(n): return n * 2
@enrich_span(attributes={"x": 1})
def enriched(n): return n * 2
@price
@contextlib.contextmanager
def manager(n): yield n * 2
partial = price(functools.partial(lambda a, n: n * 2, 1))
class Shop:
    @price
    def method(self, n): return n * 2
def measuring(n, handle=price):
    with handle.measure():
        return n * 2
bound, later = bind(fast), enrich_span(attributes={"x": 1})
def enriching(n, decorate=later): return decorate(lambda n: n * 2)(n)

functions = [fast, objective, full, coroutine, generator, async_generator, span, use, job, enriched, manager, partial,
             Shop().method, measuring, bound, bind(coroutine), enriching]
open(sys.argv[2], "wb").write(library.dumps(functions))
"""
RECEIVER = """
import asyncio, inspect, sys
from telemetry_kit.testing import capture
library = __import__(sys.argv[1])

async def first(iterator):
    return [item async for item in iterator][0]

with capture() as captured:
    for function in library.loads(open(sys.argv[2], "rb").read()):
        result = function(3)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        elif inspect.isasyncgen(result):
            result = asyncio.run(first(result))
        elif inspect.isgenerator(result):
            (result,) = result
        elif hasattr(result, "__enter__"):
            with result as result:
                pass
        assert result == 6, (function, result)
print(captured.value("operation.duration", {"shop": "a"}), captured.value("operation.duration"),
      captured.value("pool.use_time"), captured.value("job.duration"), len([s for s in captured.spans if s.name == "span"]))
"""


@pytest.mark.parametrize("library", ["cloudpickle", "dill"])
def test_a_scripts_functions_arrive_and_are_recorded(library: str, tmp_path: Path) -> None:
    """WRP 8: in a process that never saw the script, each gives its result and is recorded under its name."""
    module = pytest.importorskip(library)
    import telemetry_kit

    if library == "dill" and not module._dill._is_builtin_module(telemetry_kit):
        pytest.skip("dill sends the modules of a checkout by value: it needs the kit installed, not editable")
    for name, source in (("sender.py", SENDER), ("receiver.py", RECEIVER)):
        (tmp_path / name).write_text(source)
        done = subprocess.run(
            [sys.executable, str(tmp_path / name), library, str(tmp_path / "functions")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    assert done.stdout.split() == ["10", "12", "1", "1", "1"]
