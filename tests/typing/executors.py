"""What mypy and pyright must see of a wrapped executor: the executor that was handed in."""

from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

from typing_extensions import assert_type

from telemetry_kit import Telemetry


class Tagged(ThreadPoolExecutor):
    tag = "a"


def length(text: str, *, times: int = 1) -> int:
    return len(text) * times


telemetry = Telemetry("typed")
threads = telemetry.wrap_executor(ThreadPoolExecutor(1), name="threads")
assert_type(threads, ThreadPoolExecutor)
assert_type(telemetry.wrap_executor(ProcessPoolExecutor(1), name="processes", span=True), ProcessPoolExecutor)
assert_type(telemetry.wrap_executor(Tagged(1), name="tagged", propagate="contextvars").tag, str)
assert_type(threads.submit(length, "text", times=2), Future[int])


def any_executor(executor: Executor) -> None:
    assert_type(telemetry.wrap_executor(executor, name="any", propagate=None, sample_durations=0.1), Executor)


telemetry.wrap_executor("no executor", name="wrong")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
telemetry.wrap_executor(threads, name="wrong", propagate="all")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
