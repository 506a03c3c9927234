"""EXE.4: a wrapped interpreter pool takes and gives what the bare one does, and its tasks' times and trace come home."""

import concurrent.futures
import sys
from collections.abc import Callable
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.executors import work
from tests.executors.support import PATIENCE, outcomes

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="InterpreterPoolExecutor came with 3.14")

NUMBERS = memoryview(b"123")
TASKS: dict[str, Callable[[Any], Any]] = {
    "function": lambda pool: pool.submit(work.square, 3, times=2),
    "lambda": lambda pool: pool.submit(lambda: 1),
    "lambda with arguments": lambda pool: pool.submit(lambda a, b: a + b, 1, b=2),
    "lambda as argument": lambda pool: pool.submit(map, lambda a: a, [1]),
    "view": lambda pool: pool.submit(bytes, NUMBERS),
    "view as result": lambda pool: pool.submit(memoryview, b"123"),
    "lambda as result": lambda pool: pool.submit(lambda: lambda: 1),
    "view in a result": lambda pool: pool.submit(lambda: (1, memoryview(b"123"))),
    "method": lambda pool: pool.submit(work.Image(4).half),
    "builtin": lambda pool: pool.submit(pow, 2, 3),
    "exception": lambda pool: pool.submit(work.raising, "no"),
    "exit": lambda pool: pool.submit(work.leave, 3),
    "closure": lambda pool: pool.submit(lambda: pool),
    "what can't be shared": lambda pool: pool.submit(work.lock),
}


def bare_pool() -> Any:
    return concurrent.futures.InterpreterPoolExecutor(1)  # type: ignore[attr-defined, unused-ignore]


def became(future: Any) -> Any:
    """What a future gives, as something that can be compared."""
    try:
        result = future.result(PATIENCE)
    except BaseException as exc:
        return type(exc), exc.args if type(exc).__module__ == "builtins" else None
    if callable(result):
        return type(result), result()
    return type(result), list(result) if isinstance(result, (map, memoryview)) else result


@pytest.mark.parametrize("kind", TASKS)
def test_what_travels_travels_as_it_does_bare(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """EXE.4: also what interpreters share though no pickle takes it: functions that need nothing around them, views."""
    with bare_pool() as bare, telemetry.wrap_executor(bare_pool(), name="resize") as pool:
        right, (kind_of, _) = became(TASKS[kind](bare)), became(future := TASKS[kind](pool))
        assert became(future) == right
    assert outcomes(captured) == {"failed" if issubclass(kind_of, BaseException) else "succeeded": 1}


def test_times_and_trace_come_home(telemetry: Telemetry, captured: Captured) -> None:
    """EXE.4: of results and of exceptions."""
    with telemetry.wrap_executor(bare_pool(), name="resize", span=True) as pool, telemetry.span("request") as span:
        trace_id, span_id, remote = pool.submit(work.ids).result(PATIENCE)
        with pytest.raises(LookupError):
            pool.submit(work.raising, "no").result(PATIENCE)

    assert (trace_id, remote) == (span.get_span_context().trace_id, True)
    assert span_id != span.get_span_context().span_id
    assert captured.value("executor.task.duration") == captured.value("executor.queue.wait_time") == 2
    assert [found.parent for found in captured.spans if found.name != "request"] == [captured.span("request")] * 2
