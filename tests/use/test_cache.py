"""Caches that their user counts, and functions that count for themselves."""

import asyncio
import functools
import gc
import threading
import types
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, FakeClock, point

SERIES = {"cache.name": "prices", "scope.name": "shop.orders"}


def requests(captured: Captured, name: str = "prices") -> dict[str, float]:
    return {p.attributes["cache.result"]: p.value for p in captured.points("cache.requests", {"cache.name": name})}


def test_lookups_are_counted_by_their_result(captured: Captured, telemetry: Telemetry) -> None:
    """`hit()`, `miss()` and `lookup(found)`."""
    prices = telemetry.cache("prices")
    prices.hit()
    prices.miss()
    prices.lookup(True)
    prices.lookup(found=False)
    prices.hit()

    assert requests(captured) == {"hit": 3, "miss": 2}
    assert {**SERIES, "cache.result": "hit"} in [point.attributes for point in captured.points("cache.requests")]


def test_a_new_cache_has_neither_hits_nor_misses(captured: Captured, telemetry: Telemetry) -> None:
    """Both series begin at 0, so that a rate is right from the first look-up on; evictions begin when there are any."""
    telemetry.cache("prices")

    assert requests(captured) == {"hit": 0, "miss": 0}
    assert captured.points("cache.evictions") == []


@pytest.mark.telemetry_capture(allow=("fault",))
def test_evictions_are_counted(captured: Captured, telemetry: Telemetry) -> None:
    """One or several at once; what is no count is a counted fault."""
    prices = telemetry.cache("prices")
    prices.evicted()
    prices.evicted(4)
    prices.evicted(-1)
    prices.evicted("many")  # type: ignore[arg-type]

    assert captured.point("cache.evictions").value == 5
    assert captured.points("cache.evictions") == [point(attributes=SERIES)]
    assert captured.value("telemetry_kit.faults", {"fault.site": "cache.evicted"}) >= 2


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_lookup_whose_truth_cant_be_told_is_a_fault(captured: Captured, telemetry: Telemetry) -> None:
    """FLT.1: it doesn't raise."""

    class Array:
        def __bool__(self) -> bool:
            raise ValueError

    telemetry.cache("prices").lookup(Array())  # type: ignore[arg-type]

    assert requests(captured) == {"hit": 0, "miss": 0}
    assert captured.value("telemetry_kit.faults", {"fault.site": "cache.lookup"}) >= 1


def test_a_load_is_timed(captured: Captured, telemetry: Telemetry, clock: FakeClock) -> None:
    """`cache.load.duration` in seconds; what failed has an `error.type`."""
    prices = telemetry.cache("prices")
    with prices.load():
        clock.advance(0.2)
    with pytest.raises(ValueError), prices.load():
        raise ValueError

    assert captured.point("cache.load.duration", {"error.type": "ValueError"}).count == 1
    assert captured.value("cache.load.duration") == 2
    took = [point.sum for point in captured.points("cache.load.duration") if "error.type" not in point.attributes]
    assert took == [pytest.approx(0.2)]


@pytest.mark.asyncio
async def test_a_cancelled_load_is_told_as_such(captured: Captured, telemetry: Telemetry) -> None:
    """ASY.1: `error.type="cancelled"`, on a decorated coroutine as in a block."""
    entered = asyncio.Event()

    @telemetry.cache("prices").load()
    async def load() -> None:
        entered.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(load())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert captured.points("cache.load.duration") == [point(attributes={**SERIES, "error.type": "cancelled"})]


def test_counts_are_exact_under_eight_threads(captured: Captured, telemetry: Telemetry) -> None:
    """PRC.3: no look-up is lost."""
    prices = telemetry.cache("prices")
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for turn in range(2_000):
            prices.lookup(turn % 4 != 0)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert requests(captured) == {"hit": 12_000, "miss": 4_000}


def test_caches_of_one_name_are_one_and_stay(captured: Captured, telemetry: Telemetry) -> None:
    """A counter never goes back: what a cache counted stays when it is collected."""
    telemetry.cache("prices").hit()
    telemetry.cache("prices").hit()
    gc.collect()

    assert requests(captured) == {"hit": 2, "miss": 0}


def test_an_lru_cache_is_read(captured: Captured, telemetry: Telemetry) -> None:
    """Hits, misses, size and limit as `cache_info()` has them."""

    @functools.lru_cache(maxsize=2)
    def price(sku: str) -> int:
        return 100

    telemetry.observe_cache(price, name="prices")
    for sku in ("a", "b", "c", "c", "c"):
        price(sku)

    assert requests(captured) == {"hit": 2, "miss": 3}
    assert (captured.point("cache.size").value, captured.point("cache.limit").value) == (2, 2)
    assert (
        [point.attributes for point in captured.points("cache.size")]
        == [point.attributes for point in captured.points("cache.limit")]
        == [SERIES]
    )


def test_a_cache_without_a_limit_reports_none(captured: Captured, telemetry: Telemetry) -> None:
    """`functools.cache` keeps everything."""

    @functools.cache
    def price(sku: str) -> int:
        return 100

    telemetry.observe_cache(price, name="prices")
    price("a")

    assert captured.value("cache.size") == 1
    assert captured.points("cache.limit") == []


def test_clearing_a_cache_makes_no_count_go_back(captured: Captured, telemetry: Telemetry) -> None:
    """`cache_clear()` sets hits and misses to 0; counters go on."""

    @functools.cache
    def price(sku: str) -> int:
        return 100

    telemetry.observe_cache(price, name="prices")
    price("a"), price("a")
    assert requests(captured) == {"hit": 1, "miss": 1}
    price.cache_clear()
    price("a")

    assert requests(captured) == {"hit": 1, "miss": 2}
    assert captured.value("cache.size") == 1


def test_a_cached_method_is_read_by_its_function(captured: Captured, telemetry: Telemetry) -> None:
    """`observe_cache(shop.price)`: the bound method is gone at once, its cache isn't."""

    class Shop:
        @functools.cache  # noqa: B019
        def price(self, sku: str) -> int:
            return 100

    shop = Shop()
    telemetry.observe_cache(shop.price, name="prices")
    gc.collect()
    shop.price("a")

    assert requests(captured) == {"hit": 0, "miss": 1}


def test_a_measured_cache_is_read_through_the_decorator(captured: Captured, telemetry: Telemetry) -> None:
    """WRP.3: an operation over an `lru_cache` keeps `cache_info` reachable."""

    @telemetry.operation
    @functools.cache
    def price(sku: str) -> int:
        return 100

    telemetry.observe_cache(price, name="prices")
    price("a")

    assert requests(captured) == {"hit": 0, "miss": 1}


def test_a_collected_functions_levels_end_and_its_counts_stay(captured: Captured, telemetry: Telemetry) -> None:
    """It is held weakly, and a counter never goes back."""
    price = functools.cache(lambda sku: 100)
    telemetry.observe_cache(price, name="prices")
    price("a")
    assert requests(captured) == {"hit": 0, "miss": 1}

    del price
    gc.collect()

    assert not captured.points("cache.size")
    assert requests(captured) == {"hit": 0, "miss": 1}


def test_a_handle_ends_the_series(captured: Captured, telemetry: Telemetry) -> None:
    """`.stop()`, and a `with` block."""
    price = functools.cache(lambda sku: 100)
    with telemetry.observe_cache(price, name="prices"):
        assert requests(captured) == {"hit": 0, "miss": 0}
        price("a")

    assert not captured.points("cache.size")
    assert requests(captured) == {"hit": 0, "miss": 1}


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_cache_that_cant_tell_loses_no_other(captured: Captured, telemetry: Telemetry) -> None:
    """PRC.5: a `cache_info()` that raises or has no such numbers is a counted fault."""

    class Odd:
        def cache_info(self) -> object:
            return types.SimpleNamespace(found=1)

    odd, price = Odd(), functools.cache(lambda sku: 100)
    telemetry.observe_cache(odd, name="odd")
    telemetry.observe_cache(price, name="prices")

    assert requests(captured) == {"hit": 0, "miss": 0}
    assert requests(captured, "odd") == {}
    assert captured.value("telemetry_kit.faults", {"fault.site": "cache.info"}) >= 1


def test_what_has_no_cache_info_is_refused(telemetry: Telemetry) -> None:
    """The TypeError names the cache and the way out."""
    with pytest.raises(TypeError, match=r"cache 'prices' must have a cache_info\(\).*telemetry.cache\(\)"):
        telemetry.observe_cache(len, name="prices")


def test_what_cant_be_decorated_is_refused(telemetry: Telemetry) -> None:
    """The TypeError names the cache."""
    with pytest.raises(TypeError, match=r"load\(\) of cache 'prices'"):
        telemetry.cache("prices").load()(7)  # type: ignore[type-var]


@pytest.mark.parametrize(("name", "error"), [("", ValueError), (None, TypeError)])
def test_a_cache_has_a_name(telemetry: Telemetry, name: Any, error: Any) -> None:
    """An empty name, or none, is a mistake at definition."""
    with pytest.raises(error, match="name of a cache"):
        telemetry.cache(name)
