"""What a decoration keeps, beyond the function and its `__signature__`."""

import gc
import inspect
import tracemalloc
from collections.abc import Callable

from telemetry_kit import Telemetry

BUDGET = 1_536
DECORATIONS = 1_000


def functions() -> list[Callable[[int], int]]:
    def make(number: int) -> Callable[[int], int]:
        def work(value: int) -> int:
            return value + number

        work.__qualname__ = f"work_{number % 10}"
        return work

    return [make(number) for number in range(DECORATIONS)]


def grown(work: Callable[[], object]) -> float:
    """Bytes that are there after `work` and weren't before, per decoration."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = work()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept
    return (after - before) / DECORATIONS


def test_a_decoration_is_small() -> None:
    """A decorated function keeps at most 1.5 KB beyond the function and its signature."""
    telemetry = Telemetry("lib")
    operation = telemetry.operation("work")
    operation(lambda: None)
    bare, again = functions(), functions()
    signatures = grown(lambda: [inspect.signature(func) for func in bare])
    decorated = grown(lambda: [operation(func) for func in again])

    assert decorated - signatures <= BUDGET
