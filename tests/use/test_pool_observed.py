"""Pools that count themselves, and what happens to the others when one of them can't be read."""

import asyncio
import gc
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from telemetry_kit import Handle, PoolStats, Telemetry
from telemetry_kit._core import faults
from telemetry_kit.conventions import DB_CONNECTIONS
from telemetry_kit.testing import Captured, FakeClock, point


class Seats:
    """A pool of somebody's own."""

    def __init__(self) -> None:
        self.asked = 0
        self.now: object = PoolStats(used=3, limit=10, pending=2)

    def stats(self) -> PoolStats:
        self.asked += 1
        if isinstance(self.now, Exception):
            raise self.now
        return self.now  # type: ignore[return-value]


def levels(captured: Captured, name: str) -> tuple[float, float, float, float]:
    metrics = ("pool.usage", "pool.limit", "pool.utilization", "pool.pending")
    usage, limit, utilization, pending = (captured.point(metric, {"pool.name": name}).value for metric in metrics)
    return usage, limit, utilization, pending


def test_what_a_callable_says_is_reported(captured: Captured, telemetry: Telemetry) -> None:
    """`stats=` is the way for any pool: its numbers under the pool's name."""
    telemetry.observe_pool(name="seats", stats=Seats().stats)

    assert levels(captured, "seats") == (3, 10, 0.3, 2)
    assert captured.points("pool.usage") == [
        point(value=3, attributes={"pool.name": "seats", "scope.name": "shop.orders"})
    ]
    assert captured.points("pool.errors") == []


def test_a_pool_is_asked_once_a_collection(captured: Captured, telemetry: Telemetry) -> None:
    """All instruments tell of the same moment, and the next collection of the next."""
    seats = Seats()
    telemetry.observe_pool(name="seats", stats=seats.stats)

    before = seats.asked
    captured.points()
    seats.now = PoolStats(used=9, limit=10)
    assert captured.value("pool.usage") == 9
    assert seats.asked == before + 2


def test_a_pool_is_asked_once_a_collection_however_long_it_takes(
    captured: Captured, telemetry: Telemetry, clock: FakeClock
) -> None:
    """All metrics of a collection report one moment."""
    asked = itertools.count(1)

    def stats() -> PoolStats:
        clock.advance(100.0)
        return PoolStats(used=next(asked), limit=10)

    telemetry.observe_pool(name="seats", stats=stats)

    for number in (1, 2):
        read = {point.metric: point.value for point in captured.points()}
        assert (read["pool.usage"], read["pool.utilization"]) == (number, number / 10)


def test_errors_of_a_pool_that_counts_them(captured: Captured, telemetry: Telemetry) -> None:
    """Timeouts are `timeout`; of other errors a polled pool only knows the number: `_OTHER`."""
    seats = Seats()
    seats.now = PoolStats(used=0, timeouts=4, errors=2)
    telemetry.observe_pool(name="seats", stats=seats.stats)

    counted = {point.attributes["error.type"]: point.value for point in captured.points("pool.errors")}
    assert counted == {"timeout": 4, "_OTHER": 2}


def test_a_count_that_is_set_back_goes_on(captured: Captured, telemetry: Telemetry) -> None:
    """psycopg's `pop_stats()` begins at zero again: the counter doesn't."""
    seats = Seats()
    telemetry.observe_pool(name="seats", stats=seats.stats)
    for timeouts, counted in ((4, 4), (1, 5), (3, 7)):
        seats.now = PoolStats(used=0, timeouts=timeouts)
        assert captured.value("pool.errors", {"error.type": "timeout"}) == counted


def test_connections_are_reported_by_their_convention(captured: Captured, telemetry: Telemetry) -> None:
    """`convention=DB_CONNECTIONS`: used and idle connections, and whatever else the pool knows."""
    seats = Seats()
    seats.now = PoolStats(used=3, limit=10, idle=2, pending=1, timeouts=4, idle_min=1, idle_max=5)
    telemetry.observe_pool(name="db", stats=seats.stats, convention=DB_CONNECTIONS)

    prefix = "db.client.connection."
    found = {
        (point.metric.removeprefix(prefix), point.attributes.get(prefix + "state")): point.value
        for point in captured.points()
    }
    assert found == {
        ("count", "used"): 3,
        ("count", "idle"): 2,
        ("max", None): 10,
        ("idle.min", None): 1,
        ("idle.max", None): 5,
        ("pending_requests", None): 1,
        ("timeouts", None): 4,
    }


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"used": 3},
        (3, 10),
        PoolStats(used="3"),  # type: ignore[arg-type]
        PoolStats(used=3, idle=True),
        PoolStats(used=3, limit="10"),  # type: ignore[arg-type]
        PoolStats(used=float("nan")),  # type: ignore[arg-type]
        PoolStats(used=3, pending="2"),  # type: ignore[arg-type]
        ValueError("no"),
    ],
)
def test_a_bad_source_is_a_counted_fault_and_loses_no_other(
    captured: Captured, telemetry: Telemetry, wrong: object
) -> None:
    """PRC.5: a callable that raises or returns the wrong thing has no series, one fault, and the others have theirs."""
    good, bad, last = Seats(), Seats(), Seats()
    for name, seats in (("good", good), ("bad", bad), ("last", last)):
        telemetry.observe_pool(name=name, stats=seats.stats)
    bad.now = wrong
    before = faults.counts().get("pool.stats", 0)

    found = [point.attributes["pool.name"] for point in captured.points() if point.metric.startswith("pool.")]

    assert sorted(found) == 4 * ["good"] + 4 * ["last"]
    assert faults.counts()["pool.stats"] == before + 1
    bad.now = PoolStats(used=1, limit=2)
    assert levels(captured, "bad") == (1, 2, 0.5, 0)


def test_a_bad_source_doesnt_end_a_collection_by_ctrl_c(telemetry: Telemetry, captured: Captured) -> None:
    """PRC.5, ASY.2: only an `Exception` is kept from the host; a KeyboardInterrupt is the host's."""
    seats = Seats()
    telemetry.observe_pool(name="seats", stats=seats.stats)

    def interrupted() -> PoolStats:
        raise KeyboardInterrupt

    with telemetry.observe_pool(name="interrupted", stats=interrupted), pytest.raises(KeyboardInterrupt):
        list(telemetry._scope.instruments._observed["pool.usage"]())


def test_a_handle_ends_the_series(captured: Captured, telemetry: Telemetry) -> None:
    """`.stop()`, once or twice, and a `with` block."""
    handle = telemetry.observe_pool(name="seats", stats=Seats().stats)
    assert captured.value("pool.usage") == 3
    handle.stop()
    handle.stop()
    assert captured.points("pool.usage") == []

    with telemetry.observe_pool(name="seats", stats=Seats().stats) as observed:
        assert isinstance(observed, Handle)
        assert captured.value("pool.usage") == 3
    assert captured.points("pool.usage") == []


def test_a_callable_is_kept_though_nobody_keeps_the_handle(captured: Captured, telemetry: Telemetry) -> None:
    """A lambda is nobody else's: it is held until it is stopped."""
    telemetry.observe_pool(name="seats", stats=lambda: PoolStats(used=3))
    gc.collect()

    assert captured.value("pool.usage") == 3


def test_a_collected_pools_series_end(captured: Captured, telemetry: Telemetry) -> None:
    """An object is held weakly, also where its numbers come from a callable."""
    semaphore = threading.BoundedSemaphore(4)
    seats = Seats()
    telemetry.observe_pool(semaphore, name="permits")
    telemetry.observe_pool(seats, name="seats", stats=lambda: PoolStats(used=1))
    assert captured.value("pool.usage", {"pool.name": "seats"}) == 1
    assert captured.value("pool.limit") == 4

    del semaphore, seats
    gc.collect()

    assert captured.points("pool.usage") == captured.points("pool.limit") == []


def test_a_pools_own_method_doesnt_hold_it(captured: Captured, telemetry: Telemetry) -> None:
    """`stats=` may be a method of the pool that is observed: the pool goes when nobody has it any more."""
    seats = Seats()
    telemetry.observe_pool(seats, name="seats", stats=seats.stats)
    assert captured.value("pool.usage") == 3

    del seats
    gc.collect()

    assert captured.points("pool.usage") == []


def test_two_observed_pools_of_one_name_are_added_up(captured: Captured, telemetry: Telemetry) -> None:
    """As counted ones are, and together with them."""
    for _ in range(2):
        telemetry.observe_pool(name="seats", stats=Seats().stats)
    counted = telemetry.pool("seats", limit=12)

    with counted.use(), counted.use():
        assert levels(captured, "seats") == (8, 32, 0.25, 4)


def _threads_waiting(semaphore: threading.Semaphore, number: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=semaphore.acquire) for _ in range(number)]
    for thread in threads:
        thread.start()
    waiting = threading.Event()
    for _ in range(2_000):
        if len(semaphore._cond._waiters) == number:  # type: ignore[attr-defined]
            break
        waiting.wait(0.005)
    return threads


@pytest.mark.parametrize(
    ("kind", "limit"), [(threading.BoundedSemaphore, None), (threading.Semaphore, 2), (threading.BoundedSemaphore, 2)]
)
def test_a_semaphore_of_threads(
    captured: Captured, telemetry: Telemetry, kind: Callable[[int], threading.Semaphore], limit: int | None
) -> None:
    """A bounded semaphore knows its limit, a plain one is told; who waits is pending."""
    semaphore = kind(2)
    telemetry.observe_pool(semaphore, name="permits", limit=limit)
    assert levels(captured, "permits") == (0, 2, 0.0, 0)

    with semaphore, semaphore:
        threads = _threads_waiting(semaphore, 2)
        assert levels(captured, "permits") == (2, 2, 1.0, 2)
    for thread in threads:
        thread.join()
    assert levels(captured, "permits") == (2, 2, 1.0, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "limit"), [(asyncio.BoundedSemaphore, None), (asyncio.Semaphore, 2)])
async def test_a_semaphore_of_tasks(captured: Captured, telemetry: Telemetry, kind: Any, limit: int | None) -> None:
    """As a thread's: taken, limit, and the tasks that wait, without those that were cancelled or woken."""
    semaphore = kind(2)
    telemetry.observe_pool(semaphore, name="permits", limit=limit)
    async with semaphore, semaphore:
        tasks = [asyncio.create_task(semaphore.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        assert levels(captured, "permits") == (2, 2, 1.0, 3)
        tasks.pop().cancel()
        await asyncio.sleep(0)
        assert levels(captured, "permits") == (2, 2, 1.0, 2)
    await asyncio.gather(*tasks)
    assert levels(captured, "permits") == (2, 2, 1.0, 0)


@pytest.mark.parametrize("kind", [threading.Semaphore, asyncio.Semaphore])
def test_a_semaphore_without_a_limit_is_told_one(telemetry: Telemetry, kind: Any) -> None:
    """A plain semaphore knows what is left, not what there was: the TypeError names `limit=`."""
    with pytest.raises(TypeError, match="limit="):
        telemetry.observe_pool(kind(2), name="permits")


class _Unknown:
    """A pool of a library that the kit doesn't know."""


@pytest.mark.parametrize("obj", [_Unknown(), "pool", 7, [], threading.Lock()])
def test_an_object_that_isnt_known_is_refused(telemetry: Telemetry, obj: object) -> None:
    """The TypeError names the object's type and the way out, `stats=`."""
    with pytest.raises(TypeError, match=r"pool 'seats' must be a pool .*stats="):
        telemetry.observe_pool(obj, name="seats")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, TypeError, "stats="),
        ({"stats": 7}, TypeError, "stats of pool 'seats' must be a function"),
        ({"stats": asyncio.sleep}, TypeError, "stats of pool 'seats' must be a function"),
        ({"stats": lambda: None, "limit": -1}, ValueError, "must be 0 or more, got -1"),
        ({"stats": lambda: None, "convention": "db"}, TypeError, "DB_CONNECTIONS"),
        ({"stats": lambda: None, "name": ""}, ValueError, "name of a pool"),
    ],
)
def test_what_cant_be_right_raises_at_definition(telemetry: Telemetry, options: Any, error: Any, words: str) -> None:
    """The error names the thing, the rule, the value and the way out."""
    with pytest.raises(error, match=words):
        telemetry.observe_pool(**{"name": "seats", **options})


def test_a_limit_is_for_those_that_dont_know_theirs(captured: Captured, telemetry: Telemetry) -> None:
    """Where the pool says its own, that counts."""
    unbounded, bounded = Seats(), Seats()
    unbounded.now = PoolStats(used=3)
    telemetry.observe_pool(name="unbounded", stats=unbounded.stats, limit=6)
    telemetry.observe_pool(name="bounded", stats=bounded.stats, limit=6)

    assert levels(captured, "unbounded") == (3, 6, 0.5, 0)
    assert levels(captured, "bounded") == (3, 10, 0.3, 2)


def test_pool_stats_are_frozen_and_compare() -> None:
    """`PoolStats` is a value."""
    stats = PoolStats(used=3, limit=10)

    with pytest.raises(AttributeError):
        stats.used = 4  # type: ignore[misc]
    assert stats == PoolStats(used=3, limit=10, idle=None, pending=0, timeouts=0, errors=0)


def test_the_thousandth_pool_is_asked_no_more_than_the_first(
    captured: Captured, telemetry: Telemetry, clock: FakeClock
) -> None:
    """A thousand pools are a thousand questions in a collection, and one callback an instrument."""
    all_seats = [Seats() for _ in range(1_000)]
    for number, seats in enumerate(all_seats):
        telemetry.observe_pool(name=f"seats-{number}", stats=seats.stats)

    assert len(captured.points("pool.usage")) == 1_000
    assert {seats.asked for seats in all_seats} == {1}


def test_what_is_made_and_dropped_without_an_sdk_leaves_nothing_behind() -> None:
    """STM.3: nobody collects, and yet a pool per connection doesn't grow the process."""
    telemetry = Telemetry("no-sdk")
    telemetry.pool("short-lived", limit=1)
    sources = telemetry._scope.instruments._observed["pool.usage"].sources
    before = len(sources)

    for _ in range(100):
        telemetry.pool("short-lived", limit=1)
        telemetry.observe_pool(threading.BoundedSemaphore(1), name="short-lived")

    assert len(sources) <= before + 1


def test_a_method_is_one_thing_however_often_it_is_looked_up(captured: Captured, telemetry: Telemetry) -> None:
    """PRC 8: each look makes another object; what the pool has counted goes on where the first handle ends."""
    seats = Seats()
    first, *_ = (telemetry.observe_pool(name="seats", stats=seats.stats) for _ in range(3))
    telemetry.observe_pool(seats, name="seats", stats=seats.stats)
    seats.now = PoolStats(used=3, limit=10, timeouts=5)

    assert (levels(captured, "seats")[:2], captured.value("pool.errors")) == ((3, 10), 5)
    first.stop()
    seats.now = PoolStats(used=4, limit=10, timeouts=7)
    assert (levels(captured, "seats")[:2], captured.value("pool.errors")) == ((4, 10), 7)


def test_a_flag_is_true_or_false(telemetry: Telemetry) -> None:
    """None and 1 are no flags."""
    with pytest.raises(TypeError, match="record_times of pool 'p' must be True or False, got None"):
        telemetry.observe_pool(name="p", stats=lambda: PoolStats(used=1), record_times=None)  # type: ignore[arg-type]
