"""A hundred thousand short-lived executors, pools, caches, jobs: they cost nothing that stays, and what they counted does."""

import subprocess
import sys

import pytest

from tests.support import unmeasured

NUMBERS = {"sdk": 20_000, "no sdk": 100_000}
WARM = 5_000
"""So many come first: every second has a name of its own, and a thousand names are kept."""
GROWTH = 8_000
"""Kilobytes that the process may grow: 80 bytes an owner, where one that stays has several hundred."""
OBJECTS = 64 * 40
"""Objects that may be there afterwards and weren't before: those of 64 observations, after which what is gone is looked for.
One has up to 31 (3.14)."""

KINDS = {
    "executor": (
        """
class Now(Executor):
    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_running_or_notify_cancel()
        future.set_result(fn(*args, **kwargs))
        return future

def one(name):
    with telemetry.wrap_executor(Now(), name=name) as pool:
        pool.submit(abs, 1)
""",
        "executor.tasks",
    ),
    "pool": ("def one(name): telemetry.pool(name, limit=1).timeout()", "pool.errors"),
    "pool's blocks": (
        """
def one(name):
    pool = telemetry.pool(name, limit=1)
    with contextlib.suppress(KeyError), pool.wait(), pool.use():
        raise KeyError
""",
        "pool.errors",
    ),
    "observed pool": (
        """
class Seats:
    def stats(self): return PoolStats(used=1, timeouts=1)

def one(name):
    seats = Seats()
    with telemetry.observe_pool(seats, name=name, stats=seats.stats):
        telemetry.pool(name).timeout()
""",
        "pool.errors",
    ),
    "observed pool without a stop": (
        """
def one(name):
    telemetry.observe_pool(threading.BoundedSemaphore(1), name=name)
    telemetry.pool(name).timeout()
""",
        "pool.errors",
    ),
    "queue": (
        "def one(name): telemetry.observe_queue(queue.Queue(), name=name); telemetry.cache(name).hit()",
        "cache.requests",
    ),
    "cache": ("def one(name): telemetry.cache(name).hit()", "cache.requests"),
    "cache's loads": (
        """
def one(name):
    cache = telemetry.cache(name)
    with cache.load():
        cache.evicted()
""",
        "cache.evictions",
    ),
    "observed cache": (
        """
def one(name):
    cached = functools.lru_cache(abs)
    with telemetry.observe_cache(cached, name=name):
        cached(1)
""",
        "cache.requests",
    ),
    "database": (
        """
def one(name):
    with telemetry.database("postgresql", namespace=name).query("SELECT") as query:
        query.returned_rows(1)
    telemetry.cache(name).hit()
""",
        "cache.requests",
    ),
    "health": (
        """
def one(name):
    with telemetry.health(name, lambda: True):
        telemetry.cache(name).hit()
""",
        "cache.requests",
    ),
    "event loop": (
        """
loop = asyncio.new_event_loop()
atexit.register(loop.close)
def one(name):
    with telemetry.observe_event_loop(loop, name=name):
        telemetry.cache(name).hit()
    loop.run_until_complete(asyncio.sleep(0))
""",
        "cache.requests",
    ),
    "operation": (
        "def one(name): telemetry.operation(name, sample_durations=0.0)(len)('')",
        "operation.calls",
    ),
    "operation of a convention": (
        """
def one(name):
    telemetry.operation(name, convention=HTTP_CLIENT)(len)("")
    telemetry.cache(name).hit()
""",
        "cache.requests",
    ),
    "telemetry": (
        "def one(name): Telemetry(name).operation('checkout', sample_durations=0.0)(len)('')",
        "operation.calls",
    ),
    "objective": (
        "def one(name): Telemetry('shop').operation(name, span=False, objective=Objective(99.9))(len)('')",
        "operation.objective.calls",
    ),
    "policy": (
        """
def one(name):
    telemetry = Telemetry("shop", errors=ErrorPolicy(rate=0, burst=0))
    with contextlib.suppress(KeyError), telemetry.operation(name, sample_durations=0.0).measure():
        raise KeyError
""",
        "operation.calls",
    ),
    "handled exception": (
        """
def one(name):
    Telemetry("shop", errors=ErrorPolicy(rate=0, burst=0)).record_exception(type(name, (Exception,), {})())
    telemetry.cache(name).hit()
""",
        "cache.requests",
    ),
    "span": (
        """
def one(name):
    with telemetry.span(name, attributes={"name": name}), context_attributes({"name": name}):
        bind(telemetry.cache(name).hit)()
""",
        "cache.requests",
    ),
    "event": ("def one(name): telemetry.event(name, {'name': name})", "telemetry_kit.events"),
    "watch and filter": (
        """
def one(name):
    with telemetry.watch_unhandled():
        LogSampling(rate=1.0, burst=1).filter(logging.makeLogRecord({"name": name}))
    telemetry.cache(name).hit()
""",
        "cache.requests",
    ),
    "counter": (
        "def one(name): telemetry.counter('sold', unit='{lamp}', description='Lamps').add(1, {'name': name})",
        "sold",
    ),
    "gauge": (
        """
def one(name):
    with telemetry.observe_gauge(name, lambda: 1, unit="By", description="Size of the database"):
        telemetry.cache(name).hit()
""",
        "cache.requests",
    ),
    "job": (
        """
def one(name):
    with telemetry.batch_job(name, span=False).run() as run, run.step(name):
        run.processed()
""",
        "job.records",
    ),
    "metric attributes": (
        """
checkout = telemetry.operation("checkout", sample_durations=0.0)
def one(name):
    with checkout.measure(metric_attributes={"name": name}) as m:
        m.set_metric_attribute("again", name)
""",
        "operation.calls",
    ),
}
"""What one of them does that is counted once, and by which metric; by which name it goes is new for every second one."""

PROGRAM = """
import asyncio, atexit, contextlib, functools, gc, logging, queue, resource, threading
from concurrent.futures import Executor, Future
from telemetry_kit import ErrorPolicy, LogSampling, Objective, PoolStats, Telemetry, bind, context_attributes
from telemetry_kit.conventions import HTTP_CLIENT

logging.disable()
SDK, NUMBER, WARM, METRIC = {sdk}, {number}, {warm}, {metric!r}
telemetry = Telemetry("shop")
{one}

def counted():
    data = reader.get_metrics_data()
    found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == METRIC]
    return sum(p.value for m in found for p in m.data.data_points)

def set_up():
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    return reader

def name_of(number):
    return f"shop{{number}}" if number % 2 else "shop"

def state():
    gc.collect()
    return len(gc.get_objects()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

if SDK:
    reader = set_up()
for number in range(WARM):
    one(name_of(number))
    if SDK and number % 1_000 == 0:
        counted()
objects, kilobytes = state()
for number in range(WARM, WARM + NUMBER):
    one(name_of(number))
    if SDK and number % 10_000 == 0:
        counted()
objects_after, kilobytes_after = state()
if not SDK:
    reader = set_up()
assert counted() == WARM + NUMBER, counted()
print(objects_after - objects, kilobytes_after - kilobytes)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of memory is asked by the module resource")
@pytest.mark.parametrize("part", [pytest.param(1, marks=pytest.mark.soak), pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("which", NUMBERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.timeout(900)
def test_nothing_stays_but_what_was_counted(kind: str, which: str, part: int) -> None:
    """STM.3: no object and no memory, with an SDK that collects and without one; every count is there at the end."""
    one, metric = KINDS[kind]
    number, warm = NUMBERS[which] // part, max(WARM // part, 2_500)
    program = PROGRAM.format(sdk=which == "sdk", number=number, warm=warm, metric=metric, one=one)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
        env=unmeasured(),
    )

    assert done.returncode == 0, done.stderr[-2_000:]
    objects, kilobytes = map(int, done.stdout.split())
    assert (objects < OBJECTS, kilobytes < GROWTH) == (True, True), f"{objects} objects, {kilobytes} kB more"
