"""How often a cache knows the answer, how long it takes where it doesn't, and how full it is.

A cache that its user counts (`Cache`), and functions that count for themselves (`observe_cache`).
"""

from __future__ import annotations

import gc
import types
from operator import attrgetter, index, methodcaller
from typing import TYPE_CHECKING, Any, TypeVar

from telemetry_kit._core import faults
from telemetry_kit._core.face import public
from telemetry_kit._core.guards import guard_of
from telemetry_kit._core.instruments import series
from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._use.polling import Polled, level, observe_once, reference, refuse_temporary
from telemetry_kit._use.timed import Block, Timed
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.instruments import Series
    from telemetry_kit._core.scope import Scope

Found = TypeVar("Found")
HIT, MISS = "hit", "miss"


@public
class Cache(ByRecipe):
    """A cache, counted by who asks it. Made by `Telemetry.cache`.

    >>> from telemetry_kit import Telemetry
    >>> cache, kept = Telemetry("shop.prices").cache("prices"), {"A1": 100}
    >>> if cache.lookup("B2" in kept):
    ...     price = kept["B2"]
    ... else:
    ...     with cache.load():
    ...         price = kept["B2"] = 200
    """

    def __init__(self, scope: Scope, name: str) -> None:
        self._name: str = check_name("cache", name)
        name = admit_name(scope, "cache", name)
        self._attributes: dict[str, AttributeValue] = {keys.CACHE_NAME: name, keys.SCOPE_NAME: scope.label}
        self._what = f"cache {self._name!r}"
        self._disabled = scope.disabled
        self._guard = guard_of(scope, "cache", name)
        self._requests = scope.instruments.account("cache.requests")
        self._evictions = scope.instruments.account("cache.evictions")
        self._hits, self._misses = _by_result(self._attributes)
        self._entries = series(self._attributes)
        self._requests.declare(self._hits, self._misses)
        self._durations = scope.instruments.histogram("cache.load.duration")

    def __repr__(self) -> str:
        return f"<Cache {self._name!r}>"

    def hit(self) -> None:
        """Count a look-up that found something.

        >>> cache.hit()
        """
        self._requests.add(self._hits)

    def miss(self) -> None:
        """Count a look-up that found nothing.

        >>> cache.miss()
        """
        self._requests.add(self._misses)

    def lookup(self, found: Found) -> Found:
        """Count a look-up that found something, or didn't. Gives `found` back.

        >>> cache.lookup(kept.get("A1"))
        100
        """
        try:
            self._requests.add(self._hits if found else self._misses)
        except Exception as fault:  # the truth of an array is no truth
            faults.record("cache.lookup", fault)
        return found

    def evicted(self, n: int = 1) -> None:
        """Count `n` entries that were let go for others.

        >>> cache.evicted(3)
        """
        with faults.guard("cache.evicted"):
            self._evictions.add(self._entries, _count(n))

    def load(self) -> Block:
        """The making of an entry that was missing, in seconds: a `with` block, or a decorator of what makes it.

        >>> @cache.load()
        ... def price(sku):
        ...     return 100
        """
        return Block(_Load, self)


class _Load(Timed):
    what = "load()"
    _of: Cache

    def done(self, duration: float, error_type: str | None) -> None:
        cache = self._of
        attributes = cache._attributes
        if error_type is not None:
            attributes = {**attributes, keys.ERROR_TYPE: cache._guard.error_type(error_type)}
        cache._durations.record(duration, attributes)


def observe_cache(scope: Scope, cached_function: Any, *, name: str) -> Handle:
    """What `Telemetry.observe_cache` says."""
    what = f"cache {check_name('cache', name)!r}"
    refuse_temporary(what, cached_function)
    cached = _lasting(cached_function)
    if not callable(getattr(cached, "cache_info", None)):
        msg = (
            f"{what} must have a cache_info(), as functools.lru_cache and cachetools.cached(..., info=True) give it, "
            f"got {cached_function!r:.100}: count it with telemetry.cache() instead"
        )
        raise TypeError(msg)
    attributes: dict[str, AttributeValue] = {
        keys.CACHE_NAME: admit_name(scope, "cache", name),
        keys.SCOPE_NAME: scope.label,
    }
    instruments, of, by_result = scope.instruments, series(attributes), _by_result(attributes)
    requests = instruments.account("cache.requests")

    def make() -> Polled:
        counts = [(requests, one) for one in by_result]
        return Polled(
            instruments, "cache.info", of, _ASK, _LOOK_UPS, counts, zeros=True, read_at_fork=reference(cached)
        )

    return observe_once(instruments, what, cached, of, make, _READERS)


_ASK, _LOOK_UPS = methodcaller("cache_info"), attrgetter("hits", "misses")
_READERS: dict[str, Any] = {
    "cache.requests": Polled.count.__get__,
    "cache.size": level("currsize"),
    "cache.limit": level("maxsize"),
}


def _count(n: Any) -> int:
    whole = index(n)  # numpy's, too
    if whole < 0:
        raise ValueError(f"n of evicted() must be a count, got {whole}")
    return whole


def _by_result(attributes: dict[str, AttributeValue]) -> tuple[Series, Series]:
    return series({**attributes, keys.CACHE_RESULT: HIT}), series({**attributes, keys.CACHE_RESULT: MISS})


def _lasting(cached: Any) -> Any:
    """What has the cache, where each look at a method makes a new object that is gone at once."""
    if type(cached) is types.MethodType:
        return cached.__func__
    function = getattr(cached, "__wrapped__", None)
    for one in () if function is None else gc.get_referents(cached):
        if callable(getattr(type(one), "cache_info", None)) and getattr(one, "__wrapped__", None) is function:
            return one
    return cached
