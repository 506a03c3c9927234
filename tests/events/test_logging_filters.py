"""Filters for `logging`: correlation and sampling."""

import logging
import logging.handlers
import os
import queue
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace

from telemetry_kit import LogCorrelation, LogSampling, Telemetry
from telemetry_kit._core import faults
from telemetry_kit._events import logging_filters
from telemetry_kit.testing import Captured, FakeClock


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def handler() -> Kept:
    return Kept()


@pytest.fixture
def logger(handler: Kept) -> Iterator[logging.Logger]:
    logger = logging.Logger("shop.orders")  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)
    yield logger
    logger.handlers.clear()


# Correlation


def test_the_current_span_is_on_the_record(
    captured: Captured, telemetry: Telemetry, logger: logging.Logger, handler: Kept
) -> None:
    """`trace_id` and `span_id` in lower-case hex, `trace_sampled` as a bool."""
    handler.addFilter(LogCorrelation())
    with telemetry.span("price"):
        logger.info("inside")

    record, context = handler.records[0], captured.span("price").context
    assert record.trace_id == f"{context.trace_id:032x}"
    assert record.span_id == f"{context.span_id:016x}"
    assert record.trace_sampled is True


def test_outside_of_a_span_a_format_still_works(logger: logging.Logger, handler: Kept) -> None:
    """Zeros, so that `%(trace_id)s` in a format is never a KeyError."""
    handler.addFilter(LogCorrelation())
    logger.info("outside")

    text = logging.Formatter("%(trace_id)s %(span_id)s %(trace_sampled)s %(message)s").format(handler.records[0])
    assert text == f"{'0' * 32} {'0' * 16} False outside"


def test_through_a_queue_a_record_keeps_its_span(captured: Captured, telemetry: Telemetry) -> None:
    """A record that a listener handles in another thread belongs to where it was logged."""
    waiting: queue.Queue[Any] = queue.Queue()
    sender, receiver = logging.handlers.QueueHandler(waiting), Kept()
    sender.addFilter(LogCorrelation())
    receiver.addFilter(LogCorrelation())
    logger = logging.Logger("shop.orders")  # noqa: LOG001
    logger.addHandler(sender)
    listener = logging.handlers.QueueListener(waiting, receiver)
    listener.start()
    with telemetry.span("price"):
        logger.info("inside")
    listener.stop()

    assert receiver.records[0].span_id == f"{captured.span('price').span_id:016x}"


def test_a_broken_span_is_a_fault(logger: logging.Logger, handler: Kept) -> None:
    """Logging goes on whatever the current span does (FLT 1)."""

    class Broken(trace.NonRecordingSpan):
        def get_span_context(self) -> Any:
            raise RuntimeError

    handler.addFilter(LogCorrelation())
    before = faults.counts().get("logs.correlation", 0)
    with trace.use_span(Broken(trace.INVALID_SPAN_CONTEXT), record_exception=False):
        logger.info("inside")

    assert handler.records[0].trace_id == "0" * 32
    assert faults.counts()["logs.correlation"] == before + 1


# Sampling


def log(logger: logging.Logger, times: int) -> None:
    for number in range(times):
        logger.error("failed %d", number)


def test_the_first_of_a_site_and_then_the_rate(logger: logging.Logger, handler: Kept, clock: FakeClock) -> None:
    """`burst` at once, then `rate` per second; the next one says how many were held back."""
    handler.addFilter(LogSampling(rate=1.0, burst=3))
    log(logger, 10)
    clock.advance(2.0)
    log(logger, 10)

    assert [record.suppressed_count for record in handler.records] == [0, 0, 0, 7, 0]
    assert [record.getMessage() for record in handler.records][3:] == ["failed 0", "failed 1"]


def test_each_site_has_its_own(logger: logging.Logger, handler: Kept, clock: FakeClock) -> None:
    """A site is a logger, a file and a line."""
    handler.addFilter(LogSampling(rate=0, burst=1))
    other = logging.Logger("shop.billing")  # noqa: LOG001
    other.addHandler(handler)
    for _ in range(3):
        logger.error("one line")
        logger.error("another line")
    log(logger, 3)
    log(other, 3)

    assert len(handler.records) == 4


def test_on_a_logger(logger: logging.Logger, handler: Kept, clock: FakeClock) -> None:
    """It is a filter, and works on loggers too."""
    logger.addFilter(LogSampling(rate=0, burst=2))
    log(logger, 5)

    assert len(handler.records) == 2


def test_the_memory_is_bounded(handler: Kept, clock: FakeClock) -> None:
    """Beyond 1,024 sites all others share one."""
    sampling = LogSampling(rate=0, burst=1)
    let_through = 0
    for number in range(3_000):
        record = logging.LogRecord("shop", logging.ERROR, f"generated{number}.py", 1, "failed", None, None)
        let_through += sampling.filter(record)

    assert let_through == logging_filters.SITES + 1
    assert len(sampling._sites) == logging_filters.SITES


def test_threads_are_exact(logger: logging.Logger, handler: Kept, clock: FakeClock) -> None:
    """Eight threads at one site get `burst` together (PRC 3)."""
    handler.addFilter(LogSampling(rate=0, burst=20))
    threads = [threading.Thread(target=log, args=(logger, 200)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(handler.records) == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this platform doesn't have")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_anew(clock: FakeClock) -> None:
    """A child has its own burst, and no lock of its parent's (PRC 1)."""
    sampling = LogSampling(rate=0, burst=1)
    record = logging.LogRecord("shop", logging.ERROR, "a.py", 1, "failed", None, None)
    assert [sampling.filter(record) for _ in range(2)] == [True, False]
    with sampling._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            os._exit(0 if [sampling.filter(record) for _ in range(2)] == [True, False] else 1)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(("options", "error"), [({"rate": -1, "burst": 1}, ValueError), ({"rate": 1, "burst": -1}, ValueError),
    ({"rate": float("nan"), "burst": 1}, ValueError), ({"rate": "1", "burst": 1}, TypeError), ({"rate": True, "burst": 1}, TypeError)])  # fmt: skip
def test_mistakes_are_told(options: Any, error: type[Exception]) -> None:
    """What is no rate or burst is refused, naming it and the value."""
    with pytest.raises(error, match="(rate|burst) of LogSampling must be"):
        LogSampling(**options)
