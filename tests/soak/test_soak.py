"""Ten million calls, over every helper: the figures are exact to the end, and memory is flat after warm-up.

`nox -s soak` takes some minutes; SOAK_CALLS says how many calls there are in all.
"""

import asyncio
import gc
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from telemetry_kit import ErrorPolicy, Telemetry, attached, current_run, enrich_span, extract, inject
from telemetry_kit.carriers import AsgiHeaders, KafkaHeaders
from tests.support import Sdk

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

CALLS = int(os.environ.get("SOAK_CALLS", "10_000_000"))
GROWTH = 2 * 1024 * 1024
"""Bytes that an allocator may take between two looks without anything being kept: arenas come in units of one MiB."""
WARM_UP = 25_000
"""Calls at least, until every bounded table (values, operation names, errors) is full."""
TRACEPARENT = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"

Call = Callable[[int], object]


def resident() -> int:
    """Bytes of this process that are in memory now."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def alive() -> int:
    """Objects that the collector knows of now."""
    gc.collect()
    return len(gc.get_objects())


def operation(telemetry: Telemetry) -> Call:
    return telemetry.operation("operation")(abs)


def method(telemetry: Telemetry) -> Call:
    class Shop:
        @telemetry.operation("method", arguments=["sku"])
        def price(self, sku):
            return sku

    return Shop().price


def measurement(telemetry: Telemetry) -> Call:
    measured = telemetry.operation("measurement")

    def call(n):
        with measured.measure() as m:
            m.set_attribute("user.id", n)
            m.set_metric_attribute("customer", str(n))  # a mistake: one value per call

    return call


def sampled(telemetry: Telemetry) -> Call:
    return telemetry.operation("sampled", span=False, sample_durations=0.01)(abs)


def coroutine(telemetry: Telemetry) -> Call:
    @telemetry.operation("coroutine")
    async def double(n):
        return 2 * n

    def call(n):
        try:
            double(n).send(None)
        except StopIteration as done:
            return done.value

    return call


def generator(telemetry: Telemetry) -> Call:
    @telemetry.operation("generator")
    def rows(n):
        yield n
        yield n + 1

    def call(n):
        if n % 2:
            return next(rows(n))  # abandoned after the first step
        return list(rows(n))

    return call


def failing(telemetry: Telemetry) -> Call:
    @telemetry.operation("failing")
    def fail(n):
        raise ValueError(n)

    def call(n):
        try:
            fail(n)
        except ValueError:
            return None

    return call


def dynamic_errors(telemetry: Telemetry) -> Call:
    measured = telemetry.operation("dynamic errors", span="errors")

    def call(n):
        with measured.measure() as m:
            m.fail(f"error {n}")

    return call


def spans(telemetry: Telemetry) -> Call:
    @telemetry.span("span", arguments=["n"])
    @enrich_span(result=lambda result: {"result": result})
    def work(n):
        return n

    return work


def events(telemetry: Telemetry) -> Call:
    return lambda n: telemetry.event("happened", {"n": n})


def context(telemetry: Telemetry) -> Call:
    def call(n):
        with attached(extract(AsgiHeaders([(b"traceparent", TRACEPARENT.encode())]))):
            return inject(KafkaHeaders(None)).data

    return call


def pool(telemetry: Telemetry) -> Call:
    gpus = telemetry.pool("pool", limit=4)

    def call(n):
        with gpus.wait(), gpus.use():
            gpus.timeout()

    return call


def short_lived(telemetry: Telemetry) -> Call:
    def call(n):
        if n % 5 == 0:  # making and dropping is dearer than using
            telemetry.observe_pool(threading.Semaphore(3), name="short-lived", limit=3)
            telemetry.observe_queue(queue.Queue(), name="short-lived")
            telemetry.operation(f"short-lived {n}")

    return call


def cache(telemetry: Telemetry) -> Call:
    prices = telemetry.cache("cache")

    def call(n):
        prices.lookup(n % 2 == 0)
        prices.evicted(1)

    return call


def database(telemetry: Telemetry) -> Call:
    orders = telemetry.database("postgresql")

    def call(n):
        with orders.query("SELECT", collection="orders") as q:
            q.returned_rows(n % 10)

    return call


def job_records(telemetry: Telemetry) -> Call:
    job = telemetry.batch_job("job")

    @job
    def main(n):
        for row in current_run().track(range(100)):
            current_run().processed(row % 2)

    return lambda n: main(n) if n % 100 == 0 else None


def executor(telemetry: Telemetry) -> Call:
    threads = telemetry.wrap_executor(ThreadPoolExecutor(2), name="executor")
    return lambda n: threads.submit(abs, n).result(timeout=60)


HELPERS = [
    operation,
    method,
    measurement,
    sampled,
    coroutine,
    generator,
    failing,
    dynamic_errors,
    spans,
    events,
    context,
    pool,
    short_lived,
    cache,
    database,
    job_records,
    executor,
]


@pytest.mark.parametrize("helper", HELPERS, ids=lambda helper: helper.__name__)
def test_memory_is_flat(helper: Callable[[Telemetry], Call]) -> None:
    """After a tenth of the calls has warmed everything up, the rest takes no more memory."""
    sdk = Sdk(sampler=ALWAYS_OFF)
    sdk.tracer_provider.shutdown()  # what is exported is kept in memory, and not the kit's
    sdk.log_exporter.shutdown()
    call = helper(sdk.telemetry(errors=ErrorPolicy()))
    share = max(CALLS // len(HELPERS), 2 * WARM_UP)
    warm = max(share // 10, WARM_UP)

    for n in range(warm):
        call(n)
    sdk.metrics()
    before = resident()
    for n in range(warm, share):
        call(n)
        if n % 50_000 == 0:
            sdk.metrics()
    sdk.metrics()
    grown = resident() - before

    print(f"{helper.__name__}: {share:,} calls, {before / 2**20:.1f} MiB, grown by {grown / 2**10:.0f} KiB")
    assert grown <= GROWTH


def test_figures_are_exact_to_the_end() -> None:
    """Eight threads call what is counted locally: not one call is lost."""
    sdk = Sdk()
    telemetry = sdk.telemetry()
    call = telemetry.operation("exact", span=False, sample_durations=0.0)(abs)
    hits = telemetry.cache("exact")
    share = CALLS // 80

    def work() -> None:
        for n in range(share):
            call(n)
            hits.hit()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sdk.value("operation.calls") == 8 * share
    assert sdk.value("cache.requests") == 8 * share
    assert sdk.value("operation.active") == 0


def test_tasks_of_a_loop_leave_nothing_behind() -> None:
    """A hundred thousand tasks, a third of them cancelled: nothing is active or alive afterwards.

    Objects are counted here, not bytes: ten thousand tasks at once leave an allocator in pieces, ours or not.
    """
    sdk = Sdk(sampler=ALWAYS_OFF)
    telemetry = sdk.telemetry()

    @telemetry.operation("task")
    async def work(n):
        await asyncio.sleep(0 if n % 3 else 60)

    async def main(count):
        tasks = [asyncio.ensure_future(work(n)) for n in range(count)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    rounds, size = max(CALLS // 1_000_000, 2), 10_000
    for _ in range(2):
        asyncio.run(main(size))
    before = alive()
    for _ in range(rounds):
        asyncio.run(main(size))

    assert sdk.value("operation.active") == 0
    assert sdk.value("operation.duration") == (rounds + 2) * size
    assert alive() - before <= 100
