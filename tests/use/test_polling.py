"""Objects that count for themselves: once under a name, never twice, and from zero in a forked child."""

import functools
import gc
import multiprocessing
import os
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from telemetry_kit import PoolStats, QueueStats, Telemetry
from telemetry_kit._core import faults
from telemetry_kit.testing import Captured
from tests.support import Sdk


class Seats:
    """A pool that counts its timeouts."""

    def __init__(self) -> None:
        self.timeouts = 0

    def stats(self) -> PoolStats:
        return PoolStats(used=2, limit=4, timeouts=self.timeouts)


def test_one_object_under_one_name_is_reported_once(captured: Captured, telemetry: Telemetry) -> None:
    """PRC 8: whoever asks, through whichever `Telemetry` of the name; the series end with the last handle."""
    semaphore, orders, price = threading.BoundedSemaphore(4), queue.Queue[int](8), functools.lru_cache(lambda sku: sku)
    handles = []
    for one in (telemetry, telemetry, Telemetry("shop.orders")):
        handles += [
            one.observe_pool(semaphore, name="seats"),
            one.observe_queue(orders, name="orders"),
            one.observe_cache(price, name="price"),
        ]
    price(1)
    levels = {"pool.limit": 4, "queue.limit": 8, "cache.limit": 128, "cache.size": 1}

    assert {name: captured.value(name) for name in levels} == levels
    assert captured.value("cache.requests") == 1
    for handle in handles[:-3]:
        handle.stop()
        handle.stop()
    assert {name: captured.value(name) for name in levels} == levels
    for handle in handles[-3:]:
        handle.stop()
    assert not [name for name in levels if captured.points(name)]
    assert captured.value("cache.requests") == 1


def test_one_object_under_two_names_is_two(captured: Captured, telemetry: Telemetry) -> None:
    """Names are the user's."""
    orders = queue.Queue[int](8)
    telemetry.observe_queue(orders, name="orders")
    telemetry.observe_queue(orders, name="again")

    assert len(captured.points("queue.limit")) == 2


def test_what_was_counted_is_not_counted_again(captured: Captured, telemetry: Telemetry) -> None:
    """Observed, stopped and observed anew: the counts of the object are in the account once."""
    price = functools.lru_cache(lambda sku: sku)
    for number in range(3):
        with telemetry.observe_cache(price, name="price"):
            price(number)

    assert captured.value("cache.requests") == 3


def test_what_replaces_another_adds_to_it(captured: Captured, telemetry: Telemetry) -> None:
    """EXE 5: of pools as of executors, a counter never goes back."""
    for number in (5, 2):
        seats = Seats()
        handle = telemetry.observe_pool(seats, name="seats", stats=seats.stats)
        seats.timeouts = number
        assert captured.value("pool.errors") >= number
        handle.stop()

    assert captured.value("pool.errors", {"error.type": "timeout"}) == 7


@pytest.mark.parametrize("given", [queue.Queue, queue.SimpleQueue, threading.BoundedSemaphore])
def test_a_class_is_refused(telemetry: Telemetry, given: Any) -> None:
    """It is no object that has a size."""
    for observe in (telemetry.observe_queue, telemetry.observe_pool, telemetry.observe_cache):
        with pytest.raises(TypeError, match="must be an object, got the class"):
            observe(given, name="orders")


def test_a_weak_proxy_is_refused(telemetry: Telemetry) -> None:
    """It can't be held, and what it stands for is held weakly anyway."""
    orders = queue.Queue[int]()
    with pytest.raises(TypeError, match="must be the object itself, got a weak proxy"):
        telemetry.observe_queue(weakref.proxy(orders), name="orders")


def test_a_cached_method_is_looked_through(captured: Captured, telemetry: Telemetry) -> None:
    """Each look at it makes another object."""

    class Rates:
        @functools.lru_cache(8)  # noqa: B019 - that is what people do
        def of(self, currency: str) -> str:
            return currency

    rates = Rates()
    telemetry.observe_cache(rates.of, name="rates")
    gc.collect()
    rates.of("EUR")

    assert captured.value("cache.requests", {"cache.result": "miss"}) == 1


def test_what_dies_before_it_was_asked_is_a_fault(sdk: Sdk, telemetry: Telemetry) -> None:
    """A temporary object that is observed would be silent for ever; its owner is told, once."""
    before = faults.counts().get("observe.gone", 0)
    telemetry.observe_queue(queue.Queue(), name="orders")
    gc.collect()

    assert not sdk.points("queue.size")
    sdk.metrics()
    assert faults.counts()["observe.gone"] == before + 1


def test_a_hanging_broker_holds_up_nobody(captured: Captured, telemetry: Telemetry) -> None:
    """PRC 5: it is asked in a thread; what it said last is reported, and it isn't waited for again."""
    over, hangs = threading.Event(), threading.Event()

    def stats() -> QueueStats:
        if hangs.is_set():
            over.wait(60)
        return QueueStats(size=3, oldest_age=1.5)

    telemetry.observe_queue(name="mails", stats=stats)
    assert (captured.value("queue.size"), captured.value("queue.oldest_age")) == (3, 1.5)
    hangs.set()
    for _ in range(3):
        assert captured.value("queue.size") == 3
    over.set()


def test_a_managers_queue(captured: Captured, telemetry: Telemetry) -> None:
    """Each of its calls goes to another process."""
    with multiprocessing.get_context("spawn").Manager() as manager:
        orders = manager.Queue(8)
        orders.put(1)
        telemetry.observe_queue(orders, name="orders")
        assert captured.value("queue.size") == 1


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` gives in a forked child."""
    here, there = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        try:
            there.send(work())
        finally:
            os._exit(0)
    assert here.poll(60)
    os.waitpid(child, 0)
    return here.recv()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork")
def test_a_forked_child_begins_at_zero(sdk: Sdk, telemetry: Telemetry) -> None:
    """PRC 6: also where nobody has asked before the fork, and in a child of a child."""
    price = functools.lru_cache(lambda sku: sku)
    telemetry.observe_cache(price, name="price")
    for _ in range(100):
        price(1)

    def work(again: bool = True) -> Any:
        price(1)
        price(1)
        observed = telemetry._scope.instruments._observed["cache.requests"]
        mine = {point.attributes["cache.result"]: point.value for point in observed()}
        return [mine, in_child(lambda: work(again=False))] if again else mine

    assert in_child(work) == [{"hit": 2, "miss": 0}, {"hit": 2, "miss": 0}]
    assert sdk.value("cache.requests", {"cache.result": "hit"}) == 99


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork")
def test_a_forked_child_asks_no_callable_right_away(sdk: Sdk, telemetry: Telemetry) -> None:
    """It may ask a server, by its parent's connection: what it says first is where the child begins."""
    seats = Seats()
    telemetry.observe_pool(seats, name="seats", stats=seats.stats)
    seats.timeouts = 5
    assert sdk.value("pool.errors") == 5

    def work() -> Any:
        observed = telemetry._scope.instruments._observed["pool.errors"]
        first = [point.value for point in observed()]
        seats.timeouts += 2
        return first, [point.value for point in observed()]

    first, second = in_child(work)
    assert (sum(first), sum(second)) == (0, 2)
