"""EXE.1 at scale: a seeded driver on eight threads, and books that are exact to the last task.

A million operations under `nox -s soak`, twenty thousand in every run; DRIVER_SEED repeats a run that failed.
"""

import concurrent.futures
import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._core import faults
from tests.executors.support import active, fail, outcomes, queued, submitted
from tests.support import Sdk

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

THREADS = 8
SEED = int(os.environ.get("DRIVER_SEED", "20261125"))


class Driver:
    """Eight threads that do anything with a few executors of one name, and keep the truth: every future they got."""

    def __init__(self, sdk: Sdk, telemetry: Telemetry, operations: int) -> None:
        self.sdk = sdk
        self.telemetry = telemetry
        self.each = operations // THREADS
        self.pools = [self.make(n) for n in range(4)]
        self.retired: list[Any] = []
        self.truth: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self.done = 0
        self.swap = threading.Lock()

    def make(self, n: int) -> Any:
        options: dict[str, Any] = [
            {},
            {"sample_durations": 0.0},
            {"sample_durations": 0.01, "propagate": "contextvars"},
            {"sample_durations": 0.1, "span": True, "propagate": None},
        ][n]
        return self.telemetry.wrap_executor(ThreadPoolExecutor(n + 1), name="driven", **options)

    def thread(self, number: int) -> None:
        try:
            self.work(random.Random(f"{SEED}-{number}"))
        except BaseException as exc:
            self.errors.append(exc)

    def work(self, rng: random.Random) -> None:
        truth: Counter[str] = Counter()
        kept: list[Future[Any]] = []
        for _ in range(self.each):
            place = rng.randrange(4)
            pool = self.pools[place]
            chance = rng.random()
            try:
                if chance < 0.6:
                    kept.append(pool.submit(abs, 1))
                elif chance < 0.7:
                    kept.append(pool.submit(fail, rng.choice(FAILURES)))
                elif chance < 0.85:
                    kept.append(pool.submit(abs, 1))
                    rng.choice(kept[-5:]).cancel()
                elif chance < 0.9:
                    kept.append(self.nested(pool, kept))
                elif chance < 0.9999:
                    self.mapped(pool, rng, truth)
                else:
                    self.replace(place, rng)
            except RuntimeError:
                truth["rejected"] += 1
            if len(kept) > 500:
                self.tell(kept, truth)
        self.tell(kept, truth)
        with self.swap:
            self.truth += truth

    def nested(self, pool: Any, kept: list[Future[Any]]) -> Future[Any]:
        inner: list[Future[Any]] = []

        def task() -> None:
            try:
                inner.append(pool.submit(abs, 1))
            except RuntimeError:
                inner.append(REFUSED)

        future = pool.submit(task)
        future.inner = inner
        return future

    def mapped(self, pool: Any, rng: random.Random, truth: Counter[str]) -> None:
        """A `map` that ends early, runs out of time, or has its pool shut down."""
        numbers = rng.randrange(4)
        submitted: list[Future[Any]] = []

        class Spy:
            """Remembers the futures that `map` gets, by standing in for the pool in `Executor.map`."""

            def submit(self, fn, /, *args):
                submitted.append(pool.submit(fn, *args))
                return submitted[-1]

        try:
            results = concurrent.futures.Executor.map(Spy(), abs, range(numbers), timeout=rng.choice([None, 0]))  # type: ignore[arg-type]
            for _ in results:
                if rng.random() < 0.5:
                    break
            del results
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            pass
        finally:
            self.tell(submitted, truth)

    def replace(self, place: int, rng: random.Random) -> None:
        """Shut a pool down under the others' hands, as they submit to it, and put a new one there."""
        pool, self.pools[place] = self.pools[place], self.make(place)
        with self.swap:
            self.retired.append(pool)
        pool.shutdown(wait=False, cancel_futures=rng.random() < 0.5)

    def tell(self, kept: list[Future[Any]], truth: Counter[str]) -> None:
        """What became of these, by their futures."""
        while kept:
            future = kept.pop()
            if future is REFUSED:
                truth["rejected"] += 1
                continue
            while not future.done():
                time.sleep(0)
            if future.cancelled():
                truth["cancelled"] += 1
                continue
            exc = future.exception()
            truth["failed" if exc is not None else "succeeded"] += 1
            kept.extend(getattr(future, "inner", ()))

    def observe(self, stop: threading.Event) -> None:
        """Collect all the time: a collection must not disturb the books."""
        while not stop.wait(0.01):
            assert submitted(self.sdk, "driven") >= 0

    def fork(self, stop: threading.Event) -> None:
        """Fork now and then: a child has nothing, and the parent doesn't notice."""
        while not stop.wait(0.2):
            ledgers = [pool._self_accounting for pool in self.pools]
            pid = os.fork()
            if pid == 0:
                os._exit(
                    sum(
                        len(ledger.queued) + sum(ledger.counts.totals()) + ledger.workers.active() for ledger in ledgers
                    )
                    and 1
                )
            if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
                self.errors.append(AssertionError("a forked child doesn't start at zero"))

    def run(self) -> None:
        stop = threading.Event()
        extras = [threading.Thread(target=self.observe, args=(stop,)), threading.Thread(target=self.fork, args=(stop,))]
        threads = [threading.Thread(target=self.thread, args=(n,)) for n in range(THREADS)]
        for thread in threads + extras:
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        for thread in extras:
            thread.join()
        for pool in self.pools + self.retired:
            pool.shutdown()


REFUSED: Future[Any] = Future()
FAILURES = (ValueError("no"), KeyboardInterrupt(), SystemExit(1), KeyError(3))


def drive(sdk: Sdk, telemetry: Telemetry, operations: int) -> None:
    driver = Driver(sdk, telemetry, operations)
    driver.run()
    assert not driver.errors
    assert outcomes(sdk, "driven") == dict(driver.truth), f"DRIVER_SEED={SEED}"
    assert (active(sdk, "driven"), queued(sdk, "driven")) == (0, 0)


@pytest.mark.slow
def test_twenty_thousand_operations(sdk: Sdk, telemetry: Telemetry) -> None:
    """EXE.1: submit, fail, cancel, nest, map, shut down, fork, collect, all at once."""
    drive(sdk, telemetry, 20_000)


@pytest.mark.slow
def test_with_accounting_that_fails(sdk: Sdk, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXE.3: the same while every third record and span raises."""
    from opentelemetry.sdk.metrics import Histogram
    from opentelemetry.sdk.trace import Tracer

    rng = random.Random(SEED)
    for owner, name in ((Histogram, "record"), (type(telemetry.tracer), "start_span")):
        real = getattr(owner, name)

        def sometimes(self, *args, real=real, **kwargs):
            if rng.random() < 0.3:
                raise OSError("the telemetry's own")
            return real(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, sometimes)
    assert issubclass(type(telemetry.tracer), Tracer)
    before = sum(faults.counts().values())
    drive(sdk, telemetry, 20_000)
    assert sum(faults.counts().values()) > before


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_million_operations(sdk: Sdk, telemetry: Telemetry) -> None:
    """EXE.1: the same for as long as it takes."""
    drive(sdk, telemetry, 1_000_000)
