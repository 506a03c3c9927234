"""Flushing where it is asked for: by duck typing, in bounded time, whatever is behind it."""

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from telemetry_kit import BatchJob
from telemetry_kit._jobs import flush
from tests.support import Sdk


class Flushed:
    """A provider that has a real one's methods and notes its flushes."""

    def __init__(self, provider: Any, force_flush: Any = None) -> None:
        self._provider = provider
        self.calls: list[float] = []
        self._do = force_flush

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def force_flush(self, timeout_millis: float) -> bool:
        self.calls.append(timeout_millis)
        if self._do is not None:
            self._do()
        return True


def job_of(sdk: Sdk, do: Any = None, **options: Any) -> tuple[BatchJob, list[Flushed]]:
    providers = [Flushed(sdk.tracer_provider, do), Flushed(sdk.meter_provider, do), Flushed(sdk.logger_provider, do)]
    telemetry = sdk.telemetry(tracer_provider=providers[0], meter_provider=providers[1], logger_provider=providers[2])
    return telemetry.batch_job("nightly", **options), providers


def test_nothing_is_flushed_unless_it_is_asked_for(sdk: Sdk) -> None:
    """By default the SDK's own exit handlers deliver."""
    job, providers = job_of(sdk)
    with job.run():
        pass

    assert [provider.calls for provider in providers] == [[], [], []]


def test_all_three_signals_are_flushed_at_the_end(sdk: Sdk) -> None:
    """Traces, metrics and logs, each with the timeout in milliseconds."""
    job, providers = job_of(sdk, flush_timeout=2.5)
    with job.run():
        before = [list(provider.calls) for provider in providers]

    assert (before, [provider.calls for provider in providers]) == ([[], [], []], [[2500], [2500], [2500]])


def test_the_start_is_flushed_too(sdk: Sdk) -> None:
    """`flush_at_start` alone flushes once, for at most 5 seconds, when the run is active already."""
    active: list[float] = []
    job, providers = job_of(sdk, lambda: active.append(sdk.value("job.active")), flush_at_start=True)
    with job.run():
        during = [provider.calls for provider in providers]

    assert (during, set(active)) == ([[5000], [5000], [5000]], {1})


def test_a_failed_run_is_flushed(sdk: Sdk) -> None:
    """However it ends."""
    job, providers = job_of(sdk, flush_timeout=1.0)
    with pytest.raises(SystemExit), job.run():
        raise SystemExit(1)

    assert providers[1].calls == [1000]


@pytest.mark.parametrize("started", [False, True])
def test_hanging_providers_are_waited_for_once(sdk: Sdk, started: bool) -> None:
    """JOB.2: three providers that hang cost `flush_timeout` in total, not each."""
    hang = threading.Event()
    job, _ = job_of(sdk, lambda: hang.wait(30), flush_timeout=1.5, flush_at_start=started)
    start = time.monotonic()
    with job.run() as run:
        pass
    took = time.monotonic() - start
    hang.set()

    assert run.state == "succeeded"
    assert 1.4 < took < (8.9 if started else 4.4), "each of three would take as long"


def test_a_provider_that_raises(sdk: Sdk) -> None:
    """FLT.1: a flush that raises is a counted fault; the others are flushed."""

    def broken() -> None:
        raise ConnectionError

    job, providers = job_of(sdk, broken, flush_timeout=5.0)
    with job.run():
        pass

    assert [len(provider.calls) for provider in providers] == [1, 1, 1]
    assert sdk.value("telemetry_kit.faults", {"fault.site": "job.flush"}) >= 3


def test_flushes_that_hang_do_not_pile_up(sdk: Sdk) -> None:
    """A worker that runs many jobs on a dead exporter keeps a bounded number of threads."""
    hang = threading.Event()
    job, _ = job_of(sdk, lambda: hang.wait(60), flush_timeout=0.001)
    before = threading.active_count()
    for _ in range(50):
        with job.run():
            pass
    threads = threading.active_count() - before
    hang.set()

    assert 0 < threads <= flush.THREADS_AT_MOST


def test_a_run_that_the_collector_ends_is_not_flushed(sdk: Sdk) -> None:
    """PRC.2: an abandoned generator job that the garbage collector closes doesn't wait for an exporter in there."""
    job, providers = job_of(sdk, flush_timeout=30.0)

    @job
    def batches() -> Iterator[int]:
        yield 1
        yield 2

    cycle: list[Any] = [batches()]
    cycle.append(cycle)
    next(cycle[0])
    del cycle
    gc.collect()

    assert (sdk.value("job.active"), providers[1].calls) == (0, [])


def test_without_an_sdk_there_is_nothing_to_flush() -> None:
    """The API's own providers have no `force_flush`: nobody waits."""
    from telemetry_kit import Telemetry

    before = threading.active_count()
    with Telemetry("tests.nothing").batch_job("nightly", flush_timeout=30.0, flush_at_start=True).run() as run:
        pass

    assert (run.state, threading.active_count()) == ("succeeded", before)
