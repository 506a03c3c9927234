"""A tour through everything that the kit does: small programs that give what a user would see, whatever breaks in telemetry.

A place that no step comes by fails the test: add what reaches it to the step of its capability. A step gives business
results only (values, exceptions by name), never what was recorded.
"""

import argparse
import asyncio
import contextlib
import functools
import gc
import importlib
import io
import logging
import multiprocessing
import os
import pickle
import queue
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind

import telemetry_kit
from telemetry_kit import (
    ErrorPolicy,
    LogCorrelation,
    Objective,
    PoolStats,
    QueueStats,
    carriers,
    conventions,
    current_measurement,
    current_run,
)
from telemetry_kit._core import reentrancy
from telemetry_kit._jobs import flush
from telemetry_kit.diagnosis import doctor
from telemetry_kit.diagnosis.console import Console, _Heard
from telemetry_kit.w3c import StrictBaggagePropagator, StrictTraceContextPropagator
from tests.support import Sdk

STEPS: dict[str, Callable[[Sdk], Any]] = {}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def step(run: Callable[[Sdk], Any]) -> Callable[[Sdk], Any]:
    STEPS[run.__name__] = run
    return run


def outcome(run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call gives, or the name of what it raises."""
    try:
        return run(*args, **kwargs)
    except BaseException as exc:
        return type(exc).__name__


def fail(exc: BaseException | None = None) -> Any:
    raise exc or ValueError("no")


class Unspeakable(Exception):
    """Its own text raises."""

    def __str__(self) -> str:
        raise RuntimeError


class Torn(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError


class Unsure:
    def __bool__(self) -> bool:
        raise RuntimeError

    def __float__(self) -> float:
        raise RuntimeError


class Text:
    def __str__(self) -> str:
        raise RuntimeError


# Operations


@step
def plain_calls(sdk: Sdk) -> Any:
    operation = sdk.telemetry().operation("work")
    return operation(lambda: 42)(), outcome(operation(fail))


@step
def calls_with_everything(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry(errors=ErrorPolicy(signal="both"))

    def work(a: int, b: int = 2) -> int:
        m = current_measurement()
        m.set_attribute("a", 1)
        m.set_attributes({"b": 1})
        m.set_metric_attribute("c", 1)
        m.add_event("d", {"e": 1})
        m.inject({})
        if a < 0:
            m.fail("negative", "no")
        if a == 0:
            raise ValueError("no")
        return a + b

    results = []
    for options in (
        {},
        {"span": False},
        {"span": "current"},
        {"span": "errors"},
        {"sample_durations": 0.5},
        {"sample_durations": 0.0, "span": False},
        {"kind": SpanKind.SERVER},
        {"kind": SpanKind.CLIENT},
    ):
        kind = options.get("kind")
        more: dict[str, Any] = {
            "arguments": ["a"],
            "metric_attributes": lambda a, b=2: {"tier": "gold"},
            "span_attributes": lambda a, b=2: {"size": a},
            "error_if": lambda result: result > 100,
            "expected": lambda exc: isinstance(exc, LookupError),
            "links": lambda a, b=2: [{"traceparent": PARENT}],
        }
        if kind is not None:
            more["carrier"] = lambda a, b=2: {"traceparent": PARENT}
        operation = telemetry.operation("work", **options, **more)
        called = operation(work)
        with telemetry.tracer.start_as_current_span("outer"):
            results += [called(1), called(-1), called(100), outcome(called, 0)]
    sdk.metrics()
    return results


class Instrumented(SpanProcessor):
    """A span processor of the host's that is instrumented itself: its failing call ends inside the SDK."""

    def __init__(self, telemetry: telemetry_kit.Telemetry) -> None:
        self.telemetry = telemetry
        self.at_it = False

    def on_end(self, span: Any) -> None:
        if not self.at_it:
            self.at_it = True
            outcome(self.telemetry.operation("within")(fail))
            with self.telemetry.operation("within").measure() as m:
                m.set_attribute("late", 1)
                m.fail("declined", "why")
            with self.telemetry.pool("within").use():
                pass


@step
def blocks(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    server = telemetry.operation("serve", kind=SpanKind.SERVER)
    with server.measure(
        carrier={"traceparent": PARENT}, links=[{"traceparent": PARENT}], metric_attributes={"a": 1}
    ) as m:
        m.set_attribute("b", Text())
        m.set_metric_attribute("c", Text())
        m.set_attributes(Torn(a=1))
        m.set_attribute(type("Key", (str,), {"__str__": lambda self: fail()})("key"), 1)
        m.set_attribute(7, 1)  # type: ignore[arg-type]
        m.set_attribute("d", "e")
        m.add_event("f")
        reentrancy.here.state.busy = True  # as in a span processor or a signal handler that is instrumented itself
        m.set_attribute("late", 1)
        reentrancy.here.state.busy = False
        m.fail("declined", "why")
    sdk.tracer_provider.add_span_processor(Instrumented(telemetry))
    with telemetry.operation("outer").measure(metric_attributes={"user.tier": "a", "user_tier": "b"}):
        pass
    again = telemetry.operation("once").measure()
    with again, again:
        pass
    with telemetry.operation().measure(), telemetry.operation("internal").measure(carrier={"traceparent": PARENT}):
        pass
    overlapping = [telemetry.operation("overlapping").measure() for _ in range(2)]
    for block in overlapping:
        block.__enter__()
    for block in overlapping:
        block.__exit__(None, None, None)
    sdk.metrics()
    return 42


@step
def coroutines_and_generators(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    results = []

    async def answer(fails: bool = False) -> int:
        await asyncio.sleep(0)
        return fail() if fails else 42

    async def every() -> Any:
        yield 1
        await asyncio.sleep(0)
        yield 2

    def numbers(fails: bool = False) -> Iterator[int]:
        yield 1
        yield fail() if fails else 2

    def later() -> Any:
        return answer()

    def future() -> Any:
        made = asyncio.get_running_loop().create_future()
        made.set_result(7)
        return made

    async def listed(generator: Any) -> list[int]:
        return [item async for item in generator]

    async def awaited(made: Callable[[], Any]) -> Any:
        return await made()

    @contextlib.contextmanager
    def block() -> Iterator[int]:
        yield 3

    for wrap in (
        telemetry.operation("work"),
        telemetry.operation("work", span=False),
        telemetry.operation("work", span="errors", error_if=lambda result: None),
        telemetry.operation("work", sample_durations=0.5, arguments="*"),
        telemetry.span("work"),
        telemetry.span("work", attributes=lambda *a, **k: {"x": 1}),
    ):
        results.append(asyncio.run(wrap(answer)()))
        results.append(outcome(asyncio.run, wrap(answer)(True)))
        results.append(asyncio.run(listed(wrap(every)())))
        results.append(list(wrap(numbers)()))
        results.append(outcome(list, wrap(numbers)(True)))
        results.append(asyncio.run(awaited(wrap(later))))
        results.append(asyncio.run(awaited(wrap(future))))
        with wrap(block)() as value:
            results.append(value)
        abandoned = wrap(numbers)()
        next(abandoned)
        del abandoned
        gc.collect()
        results.append(outcome(wrap(lambda: 5)))
    sdk.metrics()
    return results


@step
def odd_exceptions(sdk: Sdk) -> Any:
    results = []
    for policy in (
        ErrorPolicy(),
        ErrorPolicy(signal="log"),
        ErrorPolicy(rate=0, burst=0),
        ErrorPolicy(scrub=lambda text: fail()),
        ErrorPolicy(stacktrace=False, messages=False),
    ):
        telemetry = sdk.telemetry(errors=policy)
        for exc in (Unspeakable(), KeyboardInterrupt(), SystemExit(0), StopIteration(), ValueError("password=hunter2")):
            for span in (True, False, "errors", "current"):
                results.append(outcome(telemetry.operation("work", span=span)(fail), exc))
        results.append(outcome(telemetry.span("work")(fail), ValueError()))
        results.append(outcome(telemetry.span("work", expected=lambda exc: True)(fail), ValueError()))
        telemetry.record_exception(ValueError("no"), attributes={"a": 1})
        telemetry.record_exception(None)
    sdk.metrics()
    return results


@step
def objectives(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    results = []
    for options in ({}, {"span": False}, {"convention": conventions.HTTP_SERVER}):
        aims = [telemetry_kit.Objective(99.9), telemetry_kit.Objective(99.0, within=0.3)]
        operation = telemetry.operation("work", objective=aims, **options)
        results += [operation(lambda: 42)(), outcome(operation(fail))]
    client = telemetry.operation("ask", convention=conventions.HTTP_CLIENT, objective=telemetry_kit.Objective(99.9))
    results.append(outcome(client(fail), asyncio.CancelledError()))
    sdk.metrics()
    return results


@step
def numbers_of_ones_own(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    sent = telemetry.counter("orders.sent", unit="{mail}", description="Mails that were sent")
    sent.add(2, {"a": 1})
    sent.add()
    sent.add(-1)
    with telemetry.observe_gauge("orders.open", lambda: [(1, {"a": 1})], unit="{order}", description="Open orders"):
        sdk.metrics()
    return 42


@step
def conventions_in_place_of_names(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    results = []
    for convention in (
        conventions.HTTP_SERVER,
        conventions.HTTP_CLIENT,
        conventions.RPC_SERVER,
        conventions.RPC_CLIENT,
        conventions.DB_CLIENT,
        conventions.MESSAGING_SEND,
        conventions.MESSAGING_PROCESS,
    ):
        operation = telemetry.operation("work", convention=convention)

        @operation
        def work(convention: conventions.Convention = convention) -> int:
            if convention.status is not None:
                current_measurement().set_metric_attribute(convention.status, 503)
            sdk.metrics()
            return 42

        results += [work(), outcome(operation(fail))]
    pool = telemetry.pool("orders-db", limit=3, convention=conventions.DB_CONNECTIONS)
    with pool.create(), pool.wait():
        pass
    with pool.use():
        sdk.metrics()
    pool.timeout()
    stats = PoolStats(used=1, limit=2, idle=1, idle_min=1, idle_max=2)
    telemetry.observe_pool(name="stats", stats=lambda: stats, convention=conventions.DB_CONNECTIONS)
    sdk.metrics()
    return results


@step
def many_names(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    for number in range(1_001):
        telemetry.operation(f"work {number}")
        telemetry.pool(f"pool {number}")
    for number in range(1_001):
        telemetry.batch_job(f"job {number}")
        telemetry.cache(f"cache {number}")
    sdk.metrics()
    return 42


@step
def attributes_that_overflow(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    operation = telemetry.operation("work")
    for number in range(102):
        with operation.measure(metric_attributes={"user": number}) as m:
            m.set_metric_attribute("other", number)
            m.fail(f"error {number}")
    sdk.metrics()
    return 42


# Spans, events, logs


@step
def spans(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()

    @telemetry.span("price", arguments={"sku": "product.sku"}, attributes={"a": 1})
    def price(sku: str) -> int:
        telemetry_kit.set_span_attributes({"b": 1})
        telemetry_kit.set_span_attributes({"b": Text()})
        telemetry_kit.set_span_attributes(Torn(a=1))
        return 3

    @telemetry_kit.enrich_span(arguments=["user"], attributes=lambda user: {"c": 1}, result=lambda got: {"d": got})
    def load(user: str) -> int:
        return 4

    with telemetry.span("outer"), telemetry.span("client", kind=SpanKind.CLIENT, carrier={}):
        results = [price("x"), load("u")]
    for options in (
        {
            "carrier": lambda: {"traceparent": PARENT},
            "kind": SpanKind.SERVER,
            "links": lambda: [{"traceparent": PARENT}],
        },
        {"carrier": dict, "kind": SpanKind.PRODUCER},
        {"expected": (ValueError,)},
        {"expected": lambda exc: False},
    ):
        results.append(telemetry.span("new", **options)(lambda: 5)())  # type: ignore[arg-type]
        results.append(outcome(telemetry.span("new", **options)(lambda: fail())))  # type: ignore[arg-type]
    sdk.metrics()
    return results


@step
def events(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    telemetry.event("config.changed", {"a": 1}, body={"b": 2})
    telemetry.event("config.changed", severity="LOUD")
    telemetry.event("config.changed", exception=ValueError("no"))
    telemetry.event("config.changed", Torn(a=1))
    record = logging.LogRecord("shop", logging.INFO, __file__, 1, "hello", (), None)
    with telemetry.span("work"):
        kept = LogCorrelation().filter(record)
    sampling = telemetry_kit.LogSampling(1, 1)
    sdk.metrics()
    return bool(kept), [bool(sampling.filter(record)) for _ in range(3)]


@step
def attributes_of_the_context(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    results = []
    for given in ({"tier": "gold"}, Torn(tier="gold"), {"tier": Text()}):
        within = telemetry_kit.context_attributes(given, metric_keys=("tier",))
        with within, telemetry.span("work"):
            telemetry.event("config.changed")
            results.append(telemetry.operation("work")(lambda: 42)())
            with telemetry.batch_job("billing").run() as run, run.step("load"):
                pass
        results.append(outcome(telemetry_kit.context_attributes(given)(lambda: 7)))
    used = telemetry_kit.context_attributes({"tier": "gold"})
    with used, used:
        pass
    sdk.metrics()
    return results


@step
def unhandled(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    told: list[str] = []
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    sys.excepthook = lambda *args: told.append("sys")
    threading.excepthook = lambda args: told.append("threading")
    sys.unraisablehook = lambda args: told.append("unraisable")
    cells: list[Any] = []
    shell = types.SimpleNamespace(
        events=types.SimpleNamespace(
            register=lambda name, callback: cells.append(callback), unregister=lambda name, callback: cells.clear()
        )
    )
    sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)  # type: ignore[assignment]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: told.append("asyncio"))
        with telemetry.watch_unhandled():
            loop.call_exception_handler({"message": "no", "exception": ValueError("no")})
            sys.excepthook(ValueError, ValueError("no"), None)
            for cell in cells:
                cell(types.SimpleNamespace(error_in_exec=ValueError("no"), error_before_exec=None))
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            sys.unraisablehook(
                types.SimpleNamespace(
                    exc_type=ValueError, exc_value=ValueError("no"), exc_traceback=None, err_msg=None, object=None
                )
            )  # type: ignore[arg-type]

    try:
        asyncio.run(main())
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before
        del sys.modules["IPython"]
    return sorted(told)


@step
def safe_points(sdk: Sdk) -> Any:
    reentrancy.later(fail)
    return sdk.telemetry().operation("work")(lambda: 42)()


# Finite things


@step
def pools(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    pool = telemetry.pool("gpu", limit=2, metric_attributes={"kind": "a100"})
    results = []
    with pool.wait():
        pass
    with pool.use():
        results.append(pool.stats().used)
    results.append(outcome(pool.use()(fail)))
    results.append(outcome(pool.wait()(fail), TimeoutError()))
    pool.timeout()
    pool.error("broken")
    pool.resize(3)
    sdk.metrics()
    return results


@step
def observed_pools(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    semaphore = threading.BoundedSemaphore(3)
    handles = [
        telemetry.observe_pool(
            name="seats", stats=lambda: PoolStats(used=3, limit=10, pending=0, timeouts=1, errors=1)
        ),
        telemetry.observe_pool(name="broken", stats=lambda: fail()),
        telemetry.observe_pool(semaphore, name="semaphore"),
        telemetry.observe_pool(asyncio.Semaphore(2), name="dead", limit=2),
        telemetry.observe_pool(queue.Queue, name="pending", stats=lambda: PoolStats(used=1, pending=2)),
    ]
    with semaphore:
        sdk.metrics()
    for handle in handles:
        handle.stop()
        handle.stop()
    sdk.metrics()
    return semaphore._value


class _Holder:
    _in_use = None


class Asyncpg:
    """An asyncpg pool as far as it is asked: no server is needed to break what asks it."""

    _holders = (_Holder(),)
    _queue = None
    get_idle_size = get_min_size = get_max_size = get_size = lambda self: 1  # noqa: E731


class Psycopg:
    """Likewise."""

    closed = False
    _waiting = ()
    _tasks = queue.Queue()  # type: ignore[var-annotated]
    _sched = types.SimpleNamespace(_queue=[])
    _workers = ()

    def get_stats(self) -> dict[str, int]:
        return {"pool_size": 2, "pool_available": 1, "pool_max": 3, "pool_min": 1}


STAND_INS: Any = {
    "asyncpg.pool": types.SimpleNamespace(Pool=Asyncpg),
    "psycopg_pool": types.SimpleNamespace(ConnectionPool=Psycopg),
}
"""Where the kit looks the classes up."""


@step
def pools_of_others(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    sqlalchemy = importlib.import_module("sqlalchemy")
    engine = sqlalchemy.create_engine(
        "sqlite://", poolclass=sqlalchemy.pool.QueuePool, pool_size=1, max_overflow=0, pool_timeout=0
    )
    asyncpg, psycopg = Asyncpg(), Psycopg()
    with (
        patch.dict(sys.modules, STAND_INS),
        telemetry.observe_pool(asyncpg, name="asyncpg"),
        telemetry.observe_pool(psycopg, name="psycopg"),
        telemetry.observe_pool(engine, name="engine", record_times=True),
    ):
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text("SELECT 42")).scalar()
            late = outcome(engine.connect)
        sdk.metrics()
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    engine.dispose()
    return found, late


@step
def queues_and_caches(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    waiting: queue.Queue[int] = queue.Queue(3)
    waiting.put(1)

    @functools.lru_cache(maxsize=2)
    def double(n: int) -> int:
        return 2 * n

    telemetry.observe_queue(waiting, name="orders")
    with telemetry.operation("promised", objective=Objective(99.0, within=0.3)).measure():
        pass
    telemetry.observe_queue(name="mails", stats=lambda: QueueStats(size=1, oldest_age=2.0))
    telemetry.observe_cache(double, name="double")
    cache = telemetry.cache("prices")
    results = [double(1), double(1), cache.lookup(True), cache.lookup(Unsure())]  # type: ignore[arg-type]
    cache.hit()
    cache.miss()
    cache.evicted(2)
    cache.evicted(-1)
    with cache.load():
        pass
    results.append(outcome(cache.load()(fail)))
    sdk.metrics()
    return [str(type(result)) for result in results]


@step
def databases(sdk: Sdk) -> Any:
    database = sdk.telemetry().database("postgresql", namespace="shop", server_address="db", server_port=5432)
    with database.query("SELECT", collection="orders", summary="s", text="t") as q:
        q.returned_rows(3)
        q.returned_rows(-1)
        q.set_attribute("a", 1)
        q.fail("57014")
    return outcome(lambda: [fail() for _ in [database.query("SELECT").__enter__()]])


@step
def health(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()

    def bad() -> bool:
        raise ValueError

    with telemetry.health("db", lambda: True), telemetry.health("bad", bad):
        sdk.metrics()
    return 42


@step
def event_loops(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()

    async def main() -> int:
        loop = asyncio.get_running_loop()
        real, ahead = loop.time, [0.0]
        loop.time = lambda: real() + ahead[0]  # type: ignore[method-assign]
        with telemetry.observe_event_loop(name="main"):
            for _ in range(6):
                ahead[0] += 10.0
                await asyncio.sleep(0)
            sdk.metrics()
        return 42

    return asyncio.run(main())


# Executors


@step
def thread_pools(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    results: list[Any] = []
    for options in (
        {},
        {"span": True},
        {"sample_durations": 0.0},
        {"propagate": "contextvars", "span": True},
        {"propagate": None},
    ):
        pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", **options)  # type: ignore[type-var]
        with telemetry.span("outer"), pool:
            results.append(pool.submit(abs, -1).result(20))
            results.append(outcome(pool.submit(fail).result, 20))
            results.append(list(pool.map(abs, [-1, -2])))
            telemetry.wrap_executor(pool, name="resize", **options)  # type: ignore[arg-type]
            sdk.metrics()
        results.append(outcome(pool.submit, abs, 1))
    sdk.metrics()
    return results


def double_in_process(n: int) -> int:
    return 2 * n


def fail_in_process(n: int) -> int:
    raise ValueError(n)


def spanned_in_process(n: int) -> int:
    return n if trace.get_current_span().get_span_context().is_valid else -n


@step
def process_pools(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    results: list[Any] = []
    context = multiprocessing.get_context("fork")
    with telemetry.wrap_executor(ProcessPoolExecutor(1, context), name="crunch", span=True) as pool:  # type: ignore[type-var]
        with telemetry.span("outer"):
            results.append(pool.submit(double_in_process, 2).result(20))
            results.append(outcome(pool.submit(fail_in_process, 2).result, 20))
            results.append(list(pool.map(double_in_process, [1, 2])))
        sdk.metrics()
    return results


# Jobs


@step
def jobs(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    results: list[Any] = []
    billing = telemetry.batch_job(
        "billing",
        metric_attributes={"team": "a"},
        run_id=lambda *a: "r-1",
        expected_interval=60,
        expected=lambda exc: isinstance(exc, LookupError),
        flush_timeout=1.0,
        flush_at_start=True,
        handle_sigterm=True,
    )

    @billing
    def main(rows: int) -> int:
        run = current_run()
        for _ in run.track(range(rows)):
            pass
        run.progress(1, rows)
        sdk.metrics()
        run.progress(1, Unsure())  # type: ignore[arg-type]
        sdk.metrics()
        run.progress(-1, rows)
        sdk.metrics()
        run.processed(-1)
        run.failed(1, "bad_row")
        run.failed("x")  # type: ignore[arg-type]
        run.skipped(1, Text())  # type: ignore[arg-type]
        run.set_attribute("a", 1)
        run.set_attribute("b", Text())
        return rows

    hanging = threading.Event()
    threads = [threading.Thread(target=hanging.wait, daemon=True) for _ in range(flush.THREADS_AT_MOST + 1)]
    for thread in threads:
        thread.start()
    flush._threads.update(threads)
    results.append(main(1))
    hanging.set()
    for thread in threads:
        thread.join()
    results += [main(2), outcome(billing(fail)), outcome(billing(fail), LookupError())]
    with billing.run(
        run_id="r", metric_attributes={"b": 1}, carrier={"traceparent": PARENT}, links=[{"traceparent": PARENT}]
    ) as run:
        with run.step("extract") as part:
            part.set_attribute("a", 1)
            part.set_attributes(Torn(a=1))
        again = run.step("again")
        with again, again:
            pass
        run.mark_skipped("nothing")
    results.append(outcome(lambda: [fail() for _ in [billing.run().__enter__().step("load").__enter__()]]))
    used = billing.run()
    with used, used:
        pass

    async def work() -> int:
        return 42

    results.append(asyncio.run(billing(work)()))
    with billing.run() as run, contextlib.suppress(ValueError), run.step("fails"):
        fail()
    with billing.run() as run:
        run.mark_failed("late")
        run.step(Text())  # type: ignore[arg-type]
        sdk.metrics()
    return results


# Context on the wire


@step
def the_wire(sdk: Sdk) -> Any:
    telemetry = sdk.telemetry()
    headers: dict[str, str] = {"traceparent": PARENT, "baggage": "a=1"}
    context = telemetry_kit.extract(headers)
    with telemetry_kit.attached(context), telemetry.span("work"):
        telemetry_kit.inject({}, baggage=["a"])
        telemetry_kit.inject(carriers.KafkaHeaders([]), baggage=())
        telemetry_kit.inject(object())  # type: ignore[arg-type]
        telemetry_kit.child_environment({})
        telemetry_kit.bind(lambda: None)()
        with telemetry_kit.attached({"traceparent": PARENT}):  # type: ignore[arg-type]
            telemetry_kit.bind(lambda: None, context={"traceparent": PARENT})()  # type: ignore[arg-type]
        pickle.loads(pickle.dumps(telemetry_kit.bind(len)))("ab")  # noqa: S301 - it is our own
    for fields in (headers, {"traceparent": [7]}, {"traceparent": 7}):
        StrictTraceContextPropagator().extract(fields)  # type: ignore[arg-type]
        StrictBaggagePropagator().extract(fields)  # type: ignore[arg-type]
    bare = telemetry_kit.Telemetry("without.sdk")
    for options in ({}, {"public_endpoint": True}):
        serve = bare.operation("serve", kind=SpanKind.SERVER, carrier=lambda: headers, **options)
        serve(lambda: None)()
    bare.operation("ask", kind=SpanKind.CLIENT, carrier=dict)(lambda: None)()
    telemetry.operation("serve", kind=SpanKind.SERVER, carrier=lambda: headers, public_endpoint=True)(lambda: None)()
    telemetry_kit.extract(object())  # type: ignore[arg-type]
    telemetry_kit.extract(carriers.AsgiHeaders([(b"traceparent", PARENT.encode())]))
    telemetry_kit.link_to({"traceparent": PARENT})
    telemetry_kit.link_to(object())  # type: ignore[arg-type]
    telemetry_kit.links_to([{"traceparent": PARENT}, object()])  # type: ignore[list-item]
    return 42


# Why do I see no telemetry?


class Ticks:
    """In place of the console's event: so many periods pass at once, and then it was stopped."""

    def __init__(self, periods: int) -> None:
        self._periods = periods
        self.set = threading.Event().set

    def wait(self, _seconds: float) -> bool:
        self._periods -= 1
        return self._periods < 0

    def is_set(self) -> bool:
        return False


@step
def console(sdk: Sdk) -> Any:
    out = io.StringIO()
    shown = Console(out, period=1_000.0)
    shown.start()
    try:
        telemetry = telemetry_kit.Telemetry("shop.console")
        with telemetry.operation("outer").measure(), telemetry.span("inner"):
            telemetry.event("config.changed", {"a": 1})
        outcome(telemetry.operation("fails")(fail))
        heard = logging.LogRecord("opentelemetry.exporter", logging.WARNING, __file__, 1, "no answer", (), None)
        _Heard(shown).emit(heard)
        stopped, shown._stopped = shown._stopped, Ticks(2)  # type: ignore[assignment]
        shown._run()
        stopped.set()
    finally:
        shown.stop()
    sdk.metrics()
    return telemetry.operation("work")(lambda: 42)()


@step
def diagnosis(sdk: Sdk) -> Any:
    listener = doctor.Listener()
    listener.emit(logging.LogRecord("opentelemetry.exporter", logging.ERROR, __file__, 1, "no answer", (), None))
    before, trace._TRACER_PROVIDER = trace._TRACER_PROVIDER, sdk.tracer_provider
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            doctor.run(argparse.Namespace(json=True, module=None, program=[]))
    finally:
        trace._TRACER_PROVIDER = before
    return isinstance(str(telemetry_kit.diagnose()), str)
