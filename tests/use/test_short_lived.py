"""A hundred thousand short-lived executors, pools, caches, jobs: they cost nothing that stays, and what they counted does."""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NUMBER = 100_000
GROWTH = 8_000
"""Kilobytes that the process may grow: 80 bytes an owner, where one that stays has several hundred."""
OBJECTS = 500
"""Objects that may be there afterwards and weren't before: less than one for two hundred owners."""

KINDS = {
    "executor": (
        """
class Now(Executor):
    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_running_or_notify_cancel()
        future.set_result(fn(*args, **kwargs))
        return future

def one():
    with telemetry.wrap_executor(Now(), name="resize") as pool:
        pool.submit(abs, 1)
""",
        "executor.tasks",
    ),
    "pool": ("def one(): telemetry.pool('gpu', limit=1).timeout()", "pool.errors"),
    "observed pool": (
        """
class Seats:
    def stats(self): return PoolStats(used=1, timeouts=1)

def one():
    seats = Seats()
    with telemetry.observe_pool(seats, name="seats", stats=seats.stats):
        telemetry.pool("seats").timeout()
""",
        "pool.errors",
    ),
    "observed pool without a stop": (
        """
def one():
    telemetry.observe_pool(threading.BoundedSemaphore(1), name="seats")
    telemetry.pool("seats").timeout()
""",
        "pool.errors",
    ),
    "queue": (
        "def one(): telemetry.observe_queue(queue.Queue(), name='orders'); telemetry.cache('prices').hit()",
        "cache.requests",
    ),
    "cache": ("def one(): telemetry.cache('prices').hit()", "cache.requests"),
    "observed cache": (
        """
def one():
    cached = functools.lru_cache(abs)
    with telemetry.observe_cache(cached, name="prices"):
        cached(1)
""",
        "cache.requests",
    ),
    "telemetry": (
        "def one(): Telemetry('shop').operation('checkout', sample_durations=0.0)(len)('')",
        "operation.calls",
    ),
    "telemetry of another name each": (
        """
numbers = itertools.count()
def one(): Telemetry(f"shop-{next(numbers)}").operation("checkout", sample_durations=0.0)(len)("")
""",
        "operation.calls",
    ),
    "objective": (
        "def one(): Telemetry('shop').operation('checkout', span=False, objective=Objective(99.9))(len)('')",
        "operation.objective.calls",
    ),
    "policy": (
        """
def one():
    telemetry = Telemetry("shop", errors=ErrorPolicy(rate=0, burst=0))
    with contextlib.suppress(KeyError), telemetry.operation("checkout", sample_durations=0.0).measure():
        raise KeyError
""",
        "operation.calls",
    ),
    "counter": (
        "def one(): telemetry.counter('sold', unit='{lamp}', description='Lamps that were sold').add()",
        "sold",
    ),
    "gauge": (
        """
def one():
    with telemetry.observe_gauge("size", lambda: 1, unit="By", description="Size of the database"):
        telemetry.cache("prices").hit()
""",
        "cache.requests",
    ),
    "job": (
        """
def one():
    with telemetry.batch_job("billing", span=False).run() as run:
        run.processed()
""",
        "job.records",
    ),
    "jobs of another name each": (
        """
numbers = itertools.count()
def one():
    with telemetry.batch_job(f"billing-{next(numbers)}", span=False).run() as run:
        run.processed()
""",
        "job.records",
    ),
}

PROGRAM = """
import contextlib, functools, gc, itertools, logging, queue, resource, threading
from concurrent.futures import Executor, Future
from telemetry_kit import ErrorPolicy, Objective, PoolStats, Telemetry

logging.disable()
SDK, NUMBER, METRIC = {sdk}, {number}, {metric!r}
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

def state():
    gc.collect()
    return len(gc.get_objects()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

if SDK:
    reader = set_up()
for number in range(5_000):
    one()
    if SDK and number % 1_000 == 0:
        counted()
objects, kilobytes = state()
for number in range(NUMBER):
    one()
    if SDK and number % 10_000 == 0:
        counted()
objects_after, kilobytes_after = state()
if not SDK:
    reader = set_up()
assert counted() == NUMBER + 5_000, counted()
print(objects_after - objects, kilobytes_after - kilobytes)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of memory is asked by the module resource")
@pytest.mark.parametrize("sdk", [True, False], ids=["sdk", "no sdk"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_stays_but_what_was_counted(kind: str, sdk: bool) -> None:
    """STM.3: no object and no memory, with an SDK that collects and without one; every count is there at the end."""
    one, metric = KINDS[kind]
    program = PROGRAM.format(sdk=sdk, number=NUMBER, metric=metric, one=one)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=800, check=False
    )

    assert done.returncode == 0, done.stderr[-2_000:]
    objects, kilobytes = map(int, done.stdout.split())
    assert (objects < OBJECTS, kilobytes < GROWTH) == (True, True), f"{objects} objects, {kilobytes} kB more"
