"""Whatever text or number is handed over, an exporter can send the batch that it is in.

A lone surrogate, as the name of a file that isn't UTF-8 has it, or an integer beyond 64 bits makes OTLP's encoder raise,
and everything of that batch is lost.
"""

import logging
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from telemetry_kit import Objective, PoolStats, QueueStats, Telemetry, context_attributes
from telemetry_kit.testing import Captured
from tests.support import Sdk

NAME = "caf\udce9.txt"
HUGE = 2**70


def _measured(telemetry: Telemetry, say: Callable[[Any], object]) -> None:
    with telemetry.operation("read").measure() as m:
        say(m)


def _raised(telemetry: Telemetry) -> None:
    @telemetry.operation("read")
    def read() -> None:
        raise ValueError(f"can't parse {NAME}")

    with pytest.raises(ValueError, match="can't parse"):
        read()


def _job(telemetry: Telemetry) -> None:
    with telemetry.batch_job(NAME).run(run_id=NAME) as run, run.step(NAME):
        run.failed(1, NAME)
        run.mark_failed(NAME)


def _function(telemetry: Telemetry) -> None:
    def read() -> None: ...

    read.__qualname__ = read.__module__ = NAME
    telemetry.operation(read)()
    telemetry.span(read)()


def _pool(telemetry: Telemetry) -> None:
    pool = telemetry.pool(NAME)
    with pool.use():
        pool.error(NAME)


def _query(telemetry: Telemetry) -> None:
    with telemetry.database(NAME, namespace=NAME).query(NAME, collection=NAME, summary=NAME) as query:
        query.set_attribute(NAME, NAME)


def _tasks(telemetry: Telemetry) -> None:
    def read() -> None: ...

    read.__qualname__ = read.__module__ = NAME
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name=NAME, span=True) as pool:
        pool.submit(read).result(timeout=30)


def _context(telemetry: Telemetry) -> None:
    with context_attributes({NAME: NAME}, metric_keys=[NAME]):
        _measured(telemetry, lambda m: m.set_metric_attribute(NAME, NAME))


TEXTS: dict[str, Callable[[Telemetry], object]] = {
    "a message": _raised,
    "the error's type and description": lambda t: _measured(t, lambda m: m.fail(NAME, NAME)),
    "an attribute": lambda t: _measured(t, lambda m: m.set_attribute(NAME, {NAME: [NAME]})),
    "an event of a measurement": lambda t: _measured(t, lambda m: m.add_event(NAME, {NAME: NAME})),
    "an operation": lambda t: t.operation(NAME)(len)([]),
    "a span": lambda t: t.span(NAME)(len)([]),
    "a function": _function,
    "a job": _job,
    "a pool": _pool,
    "a query": _query,
    "a task": _tasks,
    "context attributes": _context,
    "a cache": lambda t: t.cache(NAME).hit(),
    "a queue": lambda t: t.observe_queue(name=NAME, stats=lambda: QueueStats(size=1)),
    "an objective": lambda t: t.operation("read", objective=Objective(99.0, name=NAME))(len)([]),
    "an event": lambda t: t.event(NAME, {NAME: NAME}, body={NAME: NAME}),
    "an exception": lambda t: t.record_exception(ValueError(NAME), attributes={NAME: NAME}),
    "a counter's description": lambda t: t.counter("files", unit="{file}", description=NAME).add(1, {NAME: NAME}),
}


@pytest.mark.parametrize("where", TEXTS)
def test_a_lone_surrogate_costs_no_batch(sdk: Sdk, where: str, caplog: pytest.LogCaptureFixture) -> None:
    """SEC: a lone surrogate in a text is replaced, and spans, metrics and log records are all exported."""
    with caplog.at_level(logging.DEBUG, "opentelemetry"):
        kept = TEXTS[where](sdk.telemetry())
        batches = _encoded(sdk)
    del kept
    assert any(b"caf?.txt" in batch for batch in batches)
    assert "encode" not in caplog.text


def test_a_lone_surrogate_in_the_name_of_a_scope_costs_no_batch(sdk: Sdk) -> None:
    """SEC: the library's own name and version too."""
    sdk.telemetry(NAME, version=NAME).operation("read")(len)([])
    assert any(b"caf?.txt" in batch for batch in _encoded(sdk))


def _rows(telemetry: Telemetry) -> None:
    with telemetry.database("postgresql").query("SELECT") as query:
        query.returned_rows(HUGE)
        query.returned_rows(HUGE)


def _records(telemetry: Telemetry) -> None:
    with telemetry.batch_job("nightly").run() as run:
        run.processed(HUGE)
        run.progress(HUGE, HUGE + 1)


def _resized(telemetry: Telemetry) -> Any:
    pool = telemetry.pool("gpu", limit=HUGE)
    pool.resize(HUGE + 1)
    return pool


class _HugeQueue(queue.Queue):  # type: ignore[type-arg]
    def qsize(self) -> int:
        return HUGE


NUMBERS: dict[str, Callable[[Telemetry], object]] = {
    "a pool's numbers": lambda t: t.observe_pool(
        name="seats", stats=lambda: PoolStats(used=HUGE, limit=HUGE, errors=HUGE, timeouts=HUGE, pending=HUGE)
    ),
    "beyond a float": lambda t: t.observe_pool(name="seats", stats=lambda: PoolStats(used=10**400)),
    "a pool's limit": _resized,
    "a broker's numbers": lambda t: t.observe_queue(name="mails", stats=lambda: QueueStats(size=HUGE, limit=HUGE)),
    "a queue": lambda t: (mails := _HugeQueue(), t.observe_queue(mails, name="mails")),
    "a gauge": lambda t: t.observe_gauge("size", lambda: HUGE, unit="By", description="Size"),
    "a counter": lambda t: t.counter("files", unit="{file}", description="Files").add(HUGE),
    "evicted": lambda t: t.cache("prices").evicted(HUGE),
    "records of a job": _records,
    "rows": _rows,
}


@pytest.mark.parametrize("where", NUMBERS)
def test_an_integer_beyond_64_bits_costs_no_collection(sdk: Sdk, where: str) -> None:
    """FLT 2: a number that 64 bits don't hold is exported as a float, or is a fault of its own source."""
    telemetry = sdk.telemetry()
    kept = NUMBERS[where](telemetry)
    telemetry.operation("beside")(len)([])
    batches = _encoded(sdk)
    del kept
    assert any(b"operation.duration" in batch for batch in batches)


def test_a_large_number_keeps_its_size(captured: Captured, telemetry: Telemetry) -> None:
    """A count beyond 64 bits is a float of that size. (Small numbers are lost in it: nobody else uses this name.)"""
    telemetry.cache("of huge numbers").evicted(HUGE)

    assert captured.value("cache.evictions") == float(HUGE)


def _encoded(sdk: Sdk) -> list[bytes]:
    """What OTLP's encoders make of all that was recorded."""
    collected = sdk.reader.get_metrics_data()
    return [
        encode_spans(sdk.spans()).SerializeToString(),
        b"" if collected is None else encode_metrics(collected).SerializeToString(),
        encode_logs(sdk.log_exporter.get_finished_logs()).SerializeToString(),
    ]
