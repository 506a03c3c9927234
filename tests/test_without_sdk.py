"""With the API alone everything works, does nothing, and brings nothing in.

`nox -s minimal` runs this file where no SDK is installed; elsewhere it runs with an SDK installed that nobody set up.
So it uses nothing of `tests/conftest.py`.
"""

import asyncio
import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.trace import INVALID_SPAN, SpanKind

import telemetry_kit
from telemetry_kit import ErrorPolicy, Telemetry, catalogue

telemetry = Telemetry("library", version="1.0.0")


def test_a_decorated_function_is_the_function() -> None:
    """A plain function gives its result and raises its own exception."""

    @telemetry.operation
    def half(number):
        if number % 2:
            raise ValueError(number)
        return number // 2

    assert half(4) == 2
    with pytest.raises(ValueError, match="3"):
        half(3)


def test_a_decorated_coroutine_function_is_one() -> None:
    """A coroutine function is awaited as ever."""

    @telemetry.operation("double")
    async def double(number):
        return 2 * number

    assert asyncio.run(double(2)) == 4


def test_a_decorated_generator_yields_receives_and_returns() -> None:
    """`send` and the return value go through."""

    @telemetry.operation("echo")
    def echo():
        received = yield "ready"
        return received

    generator = echo()
    assert next(generator) == "ready"
    with pytest.raises(StopIteration) as stopped:
        generator.send("done")
    assert stopped.value.value == "done"


def test_a_measurement_takes_everything_and_has_a_duration() -> None:
    """A block can be measured: its span is the API's invalid one."""
    with telemetry.operation("checkout").measure(metric_attributes={"payment.method": "card"}) as m:
        m.set_attribute("user.id", 7)
        m.set_attributes({"order.id": 8})
        m.set_metric_attribute("cache.result", "hit")
        m.add_event("decided", {"by": "rule"})
        m.fail("card_declined", "no cover")
        assert m.span.get_span_context() == INVALID_SPAN.get_span_context()

    assert m.duration is not None
    assert m.duration >= 0


def test_every_option_of_an_operation_can_be_given() -> None:
    """Options are checked and harmless."""

    @telemetry.operation(
        "handle",
        kind=SpanKind.SERVER,
        metric_attributes=lambda headers, password: {"tenant": "a"},
        span_attributes={"x": 1},
        arguments="*",
        carrier=lambda headers, password: headers,
        links=lambda headers, password: [headers],
        public_endpoint=True,
        expected=KeyError,
        error_if=lambda result: result is None,
    )
    def handle(headers, password):
        return password

    assert handle({"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}, "secret") == "secret"


def test_context_passes_through_a_service_without_an_sdk() -> None:
    """What comes in by the carrier of an operation goes out again, so that a trace isn't cut here."""
    incoming = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}

    with telemetry.operation("handle", kind=SpanKind.SERVER, carrier=incoming).measure():
        outgoing = telemetry_kit.inject({})

    assert outgoing["traceparent"] == incoming["traceparent"]


def test_carriers_and_context_work() -> None:
    """Context functions need the API only."""
    incoming = {"TRACEPARENT": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}

    with telemetry_kit.attached(telemetry_kit.extract(incoming)):
        environment = telemetry_kit.child_environment({})
        bound = telemetry_kit.bind(lambda: telemetry_kit.inject({}))

    assert environment["TRACEPARENT"] == incoming["TRACEPARENT"]
    assert bound()["traceparent"] == incoming["TRACEPARENT"]
    assert telemetry_kit.link_to(incoming) is not None
    assert len(telemetry_kit.links_to([incoming, incoming])) == 1


def test_a_wrapped_executor_runs_its_tasks() -> None:
    """It stays an executor, and does what the bare one does."""
    with telemetry.wrap_executor(ThreadPoolExecutor(2), name="pool") as pool:
        assert isinstance(pool, ThreadPoolExecutor)
        assert list(pool.map(abs, [-1, -2])) == [1, 2]


def test_a_batch_job_runs_and_knows_its_state() -> None:
    """A job counts for itself, and nobody listens."""
    job = telemetry.batch_job("nightly", expected_interval=60, flush_timeout=1.0)

    with job.run(run_id="1") as run:
        with run.step("load"):
            rows = list(run.track([1, 2, 3]))
        run.failed(1, "bad_row")

    assert rows == [1, 2, 3]
    assert run.state == "succeeded"


def test_use_helpers_work() -> None:
    """Pools, queues, caches, databases, health checks and observed objects are no-ops that keep their figures."""
    pool = telemetry.pool("gpu", limit=2)
    with pool.wait(), pool.use():
        used = pool.stats().used
    pool.timeout()
    pool.resize(3)
    cache = telemetry.cache("prices")
    cache.hit()
    cache.miss()
    with cache.load():
        pass
    with telemetry.database("postgresql").query("SELECT", collection="orders") as q:
        q.returned_rows(3)
    handles = [
        telemetry.observe_pool(threading.BoundedSemaphore(2), name="permits"),
        telemetry.observe_queue(queue.Queue(), name="inbox"),
        telemetry.health("db", lambda: True),
    ]
    for handle in handles:
        handle.stop()

    assert used == 1


def test_spans_and_events_work() -> None:
    """Spans and events go nowhere, at no risk."""

    @telemetry.span("price", arguments=["sku"])
    def price(sku):
        telemetry_kit.set_span_attributes({"cache.hit": True})
        return sku

    @telemetry_kit.enrich_span(arguments=["sku"], result=lambda result: {"size": len(result)})
    def load(sku):
        return sku

    telemetry.event("config.changed", {"file": "app.toml"})
    telemetry.record_exception(ValueError("handled"))
    with telemetry.watch_unhandled():
        pass
    with Telemetry("edge", errors=ErrorPolicy(rate=0, burst=0)).span("x"):
        pass

    assert price("A1") == load("A1") == "A1"


def test_there_is_no_current_measurement() -> None:
    """Outside of any operation the current measurement takes everything and does nothing."""
    m = telemetry_kit.current_measurement()
    m.set_attribute("a", 1)
    m.fail("nothing")

    assert m.duration is None


def test_the_catalogue_is_there() -> None:
    """The catalogue is data, whatever is installed."""
    assert {"operation.duration", "executor.queue.wait_time", "job.failed"} <= {s.name for s in catalogue.CATALOGUE}


def test_nothing_of_the_sdk_is_imported_and_nothing_warns() -> None:
    """Every public name can be used without a module of the SDK, with warnings as errors."""
    program = (
        "import sys; from telemetry_kit import *; import telemetry_kit.carriers, telemetry_kit.w3c;"
        "Telemetry('lib').operation(lambda: 1)();"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (printed.stdout.strip(), printed.stderr) == ("[]", "")
