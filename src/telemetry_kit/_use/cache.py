"""How often a cache knows the answer, how long it takes where it doesn't, and how full it is.

A cache that its user counts (`Cache`), and functions that count for themselves (`observe_cache`).
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import counters, faults
from telemetry_kit._core.cardinality import ValueGuard
from telemetry_kit._core.face import public
from telemetry_kit._core.instruments import Reading, series
from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._core.registry import Registry
from telemetry_kit._use.timed import Block, Timed

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.scope import Scope

HIT, MISS, EVICTED = "hit", "miss", "evicted"


class _State:
    """What the caches of one name share: it lives as long as their `Telemetry`, so that counts never go back."""

    __slots__ = ("__weakref__", "counts", "evictions", "guard", "hits", "misses")

    def __init__(self, attributes: dict[str, AttributeValue]) -> None:
        self.counts: counters.Tally[str] = counters.Tally()
        self.guard = ValueGuard()
        self.hits = series({**attributes, "cache.result": HIT})
        self.misses = series({**attributes, "cache.result": MISS})
        self.evictions = series(attributes)


_STATES: Registry[dict[str, _State]] = Registry(dict)
"""By name."""


@public
class Cache:
    """A cache, counted by who asks it. Made by `Telemetry.cache`."""

    def __init__(self, scope: Scope, name: str) -> None:
        self.name: str = check_name("cache", name)
        name = admit_name(scope, "cache", name)
        self._attributes: dict[str, AttributeValue] = {"cache.name": name, "scope.name": scope.name}
        self._what = f"cache {self.name!r}"
        self._disabled = scope.disabled
        states = _STATES.of(scope)
        state = states.get(name)
        if state is None:
            new = _State(self._attributes)
            state = states.setdefault(name, new)
            if state is new:
                scope.instruments.observe("cache.requests", new, _requests)
                scope.instruments.observe("cache.evictions", new, _evictions)
        self._state = state
        self._durations = scope.instruments.histogram("cache.load.duration")

    def __repr__(self) -> str:
        return f"<Cache {self.name!r}>"

    def hit(self) -> None:
        """Count a look-up that found something."""
        self._state.counts.add(HIT)

    def miss(self) -> None:
        """Count a look-up that found nothing."""
        self._state.counts.add(MISS)

    def lookup(self, found: bool) -> None:
        """Count a look-up that found something, or didn't."""
        try:
            self._state.counts.add(HIT if found else MISS)
        except Exception as fault:  # the truth of an array is no truth
            faults.record("cache.lookup", fault)

    def evicted(self, n: int = 1) -> None:
        """Count entries that were let go for others."""
        if isinstance(n, int) and n >= 0:
            self._state.counts.add(EVICTED, n)
        else:
            faults.record("cache.evicted", ValueError(f"evicted() takes a count from 0, and got {n!r:.100}"))

    def load(self) -> Block:
        """The making of an entry that was missing: `with cache.load(): ...`, or a decorator of what makes it."""
        return Block(_Load, self)


class _Load(Timed):
    what = "load()"
    __slots__ = ("_cache",)

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        super().__init__(cache)

    def done(self, duration: float, error_type: str | None) -> None:
        cache = self._cache
        attributes = cache._attributes
        if error_type is not None:
            attributes = {**attributes, "error.type": cache._state.guard.error_type(error_type)}
        cache._durations.record(duration, attributes)


def observe_cache(scope: Scope, cached_function: Any, *, name: str) -> Handle:
    """What `Telemetry.observe_cache` says."""
    check_name("cache", name)
    if not callable(getattr(cached_function, "cache_info", None)):
        msg = (
            f"cache {name!r} can't be read: {cached_function!r:.100} has no cache_info(), as functools.lru_cache and "
            "cachetools.cached(..., info=True) give it. Count it with telemetry.cache() instead"
        )
        raise TypeError(msg)
    if isinstance(cached_function, types.MethodType):
        # Each look at a method makes a new object, which is gone at once: the function behind it has the cache.
        cached_function = cached_function.__func__
    attributes: dict[str, AttributeValue] = {"cache.name": admit_name(scope, "cache", name), "scope.name": scope.name}
    read = _Info(attributes)
    observe = scope.instruments.observe
    return Handle(
        observe("cache.requests", cached_function, read.requests).stop,
        observe("cache.size", cached_function, read.size).stop,
        observe("cache.limit", cached_function, read.limit).stop,
    )


class _Info:
    """Reads `cache_info()`: hits, misses, maxsize, currsize. The function itself is never held here."""

    __slots__ = ("_counted", "hits", "misses", "of")

    def __init__(self, attributes: dict[str, AttributeValue]) -> None:
        self.of = series(attributes)
        self.hits = series({**attributes, "cache.result": HIT})
        self.misses = series({**attributes, "cache.result": MISS})
        self._counted = counters.Monotonic()

    def requests(self, cached: Any) -> Reading:
        info = cached.cache_info()
        hits, misses = self._counted(info.hits, info.misses)
        return ((self.hits, hits), (self.misses, misses))

    def size(self, cached: Any) -> Reading:
        entries = cached.cache_info().currsize
        return ((self.of, entries),) if entries is not None else ()

    def limit(self, cached: Any) -> Reading:
        most = cached.cache_info().maxsize
        return ((self.of, most),) if most is not None else ()


def _requests(state: _State) -> Reading:
    counts = state.counts.read()
    return ((state.hits, counts.get(HIT, 0)), (state.misses, counts.get(MISS, 0)))


def _evictions(state: _State) -> Reading:
    evicted = state.counts.read().get(EVICTED)
    return () if evicted is None else ((state.evictions, evicted),)
