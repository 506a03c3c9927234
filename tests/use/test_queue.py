"""How full a queue is, of whichever kind."""

import asyncio
import gc
import multiprocessing
import queue
import sys
import threading
from typing import Any

import pytest

from telemetry_kit import PoolStats, QueueStats, Telemetry
from telemetry_kit.testing import Captured, point

SERIES = {"queue.name": "orders", "scope.name": "shop.orders"}


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue, asyncio.Queue, asyncio.LifoQueue])
def test_a_queue_has_a_size_and_a_limit(captured: Captured, telemetry: Telemetry, kind: Any) -> None:
    """`queue.size` is what is in it, `queue.limit` what it takes at most."""
    orders = kind(maxsize=10)
    telemetry.observe_queue(orders, name="orders")
    orders.put_nowait(1)
    orders.put_nowait(2)

    assert (captured.point("queue.size").value, captured.point("queue.limit").value) == (2, 10)
    assert (
        [point.attributes for point in captured.points("queue.size")]
        == [point.attributes for point in captured.points("queue.limit")]
        == [SERIES]
    )
    orders.get_nowait()
    assert captured.value("queue.size") == 1


@pytest.mark.parametrize("kind", [queue.Queue, queue.SimpleQueue, asyncio.Queue])
def test_a_queue_without_a_limit_reports_none(captured: Captured, telemetry: Telemetry, kind: Any) -> None:
    """`queue.limit` is absent where there is none."""
    orders = kind()
    telemetry.observe_queue(orders, name="orders")

    assert captured.value("queue.size") == 0
    assert captured.points("queue.size") == [point(attributes=SERIES)]
    assert captured.points("queue.limit") == []


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS can't tell the size of a multiprocessing.Queue")
@pytest.mark.parametrize("maxsize", [0, 10])
def test_a_queue_between_processes(captured: Captured, telemetry: Telemetry, maxsize: int) -> None:
    """`multiprocessing.Queue` is read where the platform can; its largest possible size is no limit."""
    orders: Any = multiprocessing.Queue(maxsize)
    telemetry.observe_queue(orders, name="orders")
    orders.put(1)

    assert captured.value("queue.size") == 1
    assert [point.value for point in captured.points("queue.limit")] == ([10] if maxsize else [])
    orders.get(timeout=20)
    assert captured.value("queue.size") == 0
    orders.close()
    orders.join_thread()


class _Blind(queue.Queue[int]):
    """As a multiprocessing.Queue on macOS."""

    def qsize(self) -> int:
        raise NotImplementedError


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_queue_that_cant_tell_loses_no_other(captured: Captured, telemetry: Telemetry) -> None:
    """PRC.5: a platform that can't is a counted fault, and the other queues have their series."""
    blind, orders = _Blind(maxsize=3), queue.SimpleQueue[int]()
    telemetry.observe_queue(blind, name="blind")
    telemetry.observe_queue(orders, name="orders")

    assert captured.points("queue.size") == [point(attributes=SERIES)]
    assert captured.value("queue.limit", {"queue.name": "blind"}) == 3
    assert captured.value("telemetry_kit.faults", {"fault.site": "queue.size"}) >= 1


def test_two_queues_of_one_name_are_added_up(captured: Captured, telemetry: Telemetry) -> None:
    """Sums, as everywhere."""
    first, second = queue.Queue[int](maxsize=1), queue.Queue[int](maxsize=2)
    telemetry.observe_queue(first, name="orders")
    telemetry.observe_queue(second, name="orders")
    first.put(1)
    second.put(1)

    assert (captured.point("queue.size").value, captured.point("queue.limit").value) == (2, 3)


def test_a_collected_queues_series_end(captured: Captured, telemetry: Telemetry) -> None:
    """It is held weakly."""
    orders = queue.Queue[int](maxsize=1)
    telemetry.observe_queue(orders, name="orders")
    assert captured.value("queue.limit") == 1

    del orders
    gc.collect()

    assert not {"queue.size", "queue.limit"} & set(captured.metrics)


def test_a_handle_ends_the_series(captured: Captured, telemetry: Telemetry) -> None:
    """`.stop()`, and a `with` block."""
    orders = queue.Queue[int](maxsize=1)
    with telemetry.observe_queue(orders, name="orders"):
        assert captured.value("queue.limit") == 1

    assert not {"queue.size", "queue.limit"} & set(captured.metrics)


@pytest.mark.parametrize("obj", [[], object(), "orders"])
def test_what_has_no_size_is_refused(telemetry: Telemetry, obj: Any) -> None:
    """The TypeError names the queue and what it lacks."""
    with pytest.raises(TypeError, match=r"queue 'orders' must have a qsize\(\)"):
        telemetry.observe_queue(obj, name="orders")


def test_a_queue_has_a_name(telemetry: Telemetry) -> None:
    """An empty one is a ValueError."""
    with pytest.raises(ValueError, match="name of a queue"):
        telemetry.observe_queue(queue.Queue(), name="")


class _Broker:
    """A client that looks like a queue, and whose every question goes over the network."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def qsize(self) -> int:
        self.answers.wait(60)
        return 3


def test_a_strangers_queue_that_does_not_answer_holds_up_nobody(captured: Captured, telemetry: Telemetry) -> None:
    """PRC.5: it is asked in a worker, and has no size until it answers."""
    broker, orders = _Broker(), queue.Queue[int]()
    telemetry.observe_queue(broker, name="broker")
    telemetry.observe_queue(orders, name="orders")

    assert captured.points("queue.size") == [point(attributes=SERIES)]
    broker.answers.set()
    captured.wait_for("queue.size", attributes={"queue.name": "broker"})
    assert captured.value("queue.size", {"queue.name": "broker"}) == 3


def test_a_limit_below_zero_is_none(captured: Captured, telemetry: Telemetry) -> None:
    """PRC.8: nothing is below zero."""
    telemetry.observe_queue(name="orders", stats=lambda: QueueStats(size=-1, limit=-1, oldest_age=-1.0))
    telemetry.observe_pool(name="seats", stats=lambda: PoolStats(-5, -1, -2, -3, timeouts=-4, errors=-5))

    points = [point for name in captured.metrics for point in captured.points(name)]
    assert all(point.value >= 0 for point in points)
    assert not {"queue.limit", "pool.limit", "pool.utilization", "pool.errors"} & set(captured.metrics)


def test_stats_that_have_to_be_awaited_are_refused(telemetry: Telemetry) -> None:
    """Nobody awaits them in a collection."""

    async def stats() -> QueueStats:
        return QueueStats(1)

    with pytest.raises(TypeError, match="must be a function that gives a QueueStats"):
        telemetry.observe_queue(name="orders", stats=stats)  # type: ignore[arg-type]


def test_a_brokers_method_is_asked_once(captured: Captured, telemetry: Telemetry) -> None:
    """PRC 8: however often it is looked up."""

    class Broker:
        def stats(self) -> QueueStats:
            return QueueStats(size=3)

    broker = Broker()
    for _ in range(3):
        telemetry.observe_queue(name="parcels", stats=broker.stats)

    assert captured.value("queue.size", {"queue.name": "parcels"}) == 3
