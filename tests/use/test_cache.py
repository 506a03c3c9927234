"""Caches that their user counts, and functions that count for themselves."""

import asyncio
import functools
import gc
import threading
import types
from typing import Any

import pytest

from telemetry_kit import Telemetry
from tests.support import FakeClock, Sdk

SERIES = {"cache.name": "prices", "scope.name": "shop.orders"}


def requests(sdk: Sdk, name: str = "prices") -> dict[str, float]:
    return {p.attributes["cache.result"]: p.value for p in sdk.points("cache.requests", cache__name=name)}


def test_lookups_are_counted_by_their_result(sdk: Sdk, telemetry: Telemetry) -> None:
    """`hit()`, `miss()` and `lookup(found)`."""
    prices = telemetry.cache("prices")
    prices.hit()
    prices.miss()
    prices.lookup(True)
    prices.lookup(found=False)
    prices.hit()

    assert requests(sdk) == {"hit": 3, "miss": 2}
    assert {**SERIES, "cache.result": "hit"} in sdk.series("cache.requests")


def test_a_new_cache_has_neither_hits_nor_misses(sdk: Sdk, telemetry: Telemetry) -> None:
    """Both series begin at 0, so that a rate is right from the first look-up on; evictions begin when there are any."""
    telemetry.cache("prices")

    assert requests(sdk) == {"hit": 0, "miss": 0}
    assert sdk.points("cache.evictions") == []


def test_evictions_are_counted(sdk: Sdk, telemetry: Telemetry) -> None:
    """One or several at once; what is no count is a counted fault."""
    prices = telemetry.cache("prices")
    prices.evicted()
    prices.evicted(4)
    prices.evicted(-1)
    prices.evicted("many")  # type: ignore[arg-type]

    assert sdk.point("cache.evictions").value == 5
    assert sdk.series("cache.evictions") == [SERIES]
    assert sdk.value("telemetry_kit.faults", fault__site="cache.evicted") >= 2


def test_a_lookup_whose_truth_cant_be_told_is_a_fault(sdk: Sdk, telemetry: Telemetry) -> None:
    """FLT.1: it doesn't raise."""

    class Array:
        def __bool__(self) -> bool:
            raise ValueError

    telemetry.cache("prices").lookup(Array())  # type: ignore[arg-type]

    assert requests(sdk) == {"hit": 0, "miss": 0}
    assert sdk.value("telemetry_kit.faults", fault__site="cache.lookup") >= 1


def test_a_load_is_timed(sdk: Sdk, telemetry: Telemetry, clock: FakeClock) -> None:
    """`cache.load.duration` in seconds; what failed has an `error.type`."""
    prices = telemetry.cache("prices")
    with prices.load():
        clock.advance(0.2)
    with pytest.raises(ValueError), prices.load():
        raise ValueError

    assert sdk.point("cache.load.duration", error__type="ValueError").count == 1
    assert sdk.value("cache.load.duration") == 2
    took = [point.sum for point in sdk.points("cache.load.duration") if "error.type" not in point.attributes]
    assert took == [pytest.approx(0.2)]


@pytest.mark.asyncio
async def test_a_cancelled_load_is_told_as_such(sdk: Sdk, telemetry: Telemetry) -> None:
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

    assert sdk.series("cache.load.duration") == [{**SERIES, "error.type": "cancelled"}]


def test_counts_are_exact_under_eight_threads(sdk: Sdk, telemetry: Telemetry) -> None:
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

    assert requests(sdk) == {"hit": 12_000, "miss": 4_000}


def test_caches_of_one_name_are_one_and_stay(sdk: Sdk, telemetry: Telemetry) -> None:
    """A counter never goes back: what a cache counted stays when it is collected."""
    telemetry.cache("prices").hit()
    telemetry.cache("prices").hit()
    gc.collect()

    assert requests(sdk) == {"hit": 2, "miss": 0}


def test_an_lru_cache_is_read(sdk: Sdk, telemetry: Telemetry) -> None:
    """Hits, misses, size and limit as `cache_info()` has them."""

    @functools.lru_cache(maxsize=2)
    def price(sku: str) -> int:
        return 100

    telemetry.observe_cache(price, name="prices")
    for sku in ("a", "b", "c", "c", "c"):
        price(sku)

    assert requests(sdk) == {"hit": 2, "miss": 3}
    assert (sdk.point("cache.size").value, sdk.point("cache.limit").value) == (2, 2)
    assert sdk.series("cache.size") == sdk.series("cache.limit") == [SERIES]


def test_a_cache_without_a_limit_reports_none(sdk: Sdk, telemetry: Telemetry) -> None:
    """`functools.cache` keeps everything."""

    @functools.cache
    def price(sku: str) -> int:
        return 100

    telemetry.observe_cache(price, name="prices")
    price("a")

    assert sdk.value("cache.size") == 1
    assert sdk.points("cache.limit") == []


def test_clearing_a_cache_makes_no_count_go_back(sdk: Sdk, telemetry: Telemetry) -> None:
    """`cache_clear()` sets hits and misses to 0; counters go on."""

    @functools.cache
    def price(sku: str) -> int:
        return 100

    telemetry.observe_cache(price, name="prices")
    price("a"), price("a")
    assert requests(sdk) == {"hit": 1, "miss": 1}
    price.cache_clear()
    price("a")

    assert requests(sdk) == {"hit": 1, "miss": 2}
    assert sdk.value("cache.size") == 1


def test_a_cached_method_is_read_by_its_function(sdk: Sdk, telemetry: Telemetry) -> None:
    """`observe_cache(shop.price)`: the bound method is gone at once, its cache isn't."""

    class Shop:
        @functools.cache  # noqa: B019
        def price(self, sku: str) -> int:
            return 100

    shop = Shop()
    telemetry.observe_cache(shop.price, name="prices")
    gc.collect()
    shop.price("a")

    assert requests(sdk) == {"hit": 0, "miss": 1}


def test_a_measured_cache_is_read_through_the_decorator(sdk: Sdk, telemetry: Telemetry) -> None:
    """WRP.3: an operation over an `lru_cache` keeps `cache_info` reachable."""

    @telemetry.operation
    @functools.cache
    def price(sku: str) -> int:
        return 100

    telemetry.observe_cache(price, name="prices")
    price("a")

    assert requests(sdk) == {"hit": 0, "miss": 1}


def test_a_collected_functions_levels_end_and_its_counts_stay(sdk: Sdk, telemetry: Telemetry) -> None:
    """It is held weakly, and a counter never goes back."""
    price = functools.cache(lambda sku: 100)
    telemetry.observe_cache(price, name="prices")
    price("a")
    assert requests(sdk) == {"hit": 0, "miss": 1}

    del price
    gc.collect()

    assert not sdk.points("cache.size")
    assert requests(sdk) == {"hit": 0, "miss": 1}


def test_a_handle_ends_the_series(sdk: Sdk, telemetry: Telemetry) -> None:
    """`.stop()`, and a `with` block."""
    price = functools.cache(lambda sku: 100)
    with telemetry.observe_cache(price, name="prices"):
        assert requests(sdk) == {"hit": 0, "miss": 0}
        price("a")

    assert not sdk.points("cache.size")
    assert requests(sdk) == {"hit": 0, "miss": 1}


def test_a_cache_that_cant_tell_loses_no_other(sdk: Sdk, telemetry: Telemetry) -> None:
    """PRC.5: a `cache_info()` that raises or has no such numbers is a counted fault."""

    class Odd:
        def cache_info(self) -> object:
            return types.SimpleNamespace(found=1)

    odd, price = Odd(), functools.cache(lambda sku: 100)
    telemetry.observe_cache(odd, name="odd")
    telemetry.observe_cache(price, name="prices")

    assert requests(sdk) == {"hit": 0, "miss": 0}
    assert requests(sdk, "odd") == {}
    assert sdk.value("telemetry_kit.faults", fault__site="cache.info") >= 1


def test_what_has_no_cache_info_is_refused(telemetry: Telemetry) -> None:
    """The TypeError names the cache and the way out."""
    with pytest.raises(TypeError, match=r"cache 'prices' can't be read: .*cache_info\(\).*telemetry.cache\(\)"):
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
