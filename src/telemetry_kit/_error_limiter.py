"""How often an error may be told in detail: per operation and error type, and in all.

Whoever is denied is counted, exactly. In a storm nearly everybody is, so that the way there is short and takes no lock:
a look into a table, at the clock, and at two buckets that are known to be empty. Who may have a token asks again under
a lock, held for a few instructions that run no code of anybody else's.
"""

import threading
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from telemetry_kit import _clock, _counts
from telemetry_kit._attributes import AttributeValue
from telemetry_kit._buckets import TokenBucket
from telemetry_kit._outcome import OTHER

if TYPE_CHECKING:
    from telemetry_kit._instruments import Instruments, Series
    from telemetry_kit._scope import Scope

SUPPRESSED = "telemetry_kit.exception.suppressed"
SITES = 1_024
"""Pairs of operation and error type with a bucket of their own; all later ones share one."""


class Site:
    """An operation and one of its error types, as the limiter sees them."""

    __slots__ = ("bucket", "instruments", "said", "series")

    def __init__(self, bucket: TokenBucket, instruments: "Instruments", series: "Series") -> None:
        self.bucket = bucket
        self.instruments = instruments
        self.series = series
        self.said = 0
        """Of those held back, how many a detailed record has told of."""


class ErrorLimiter:
    """Token buckets for pairs of operation and error type, in a bounded table, and one for all of them."""

    __slots__ = (
        "__weakref__", "_held", "_inside", "_lock", "_observed", "_rates", "_rest", "_sites", "_total",
    )  # fmt: skip

    def __init__(self, rate: float, burst: float, total_rate: float, total_burst: float) -> None:
        self._rates = rate, burst, total_rate, total_burst
        self._held: _counts.Tally[Site] = _counts.Tally()
        self._observed: weakref.WeakKeyDictionary[Instruments, bool] = weakref.WeakKeyDictionary()
        self._lock = threading.RLock()
        self._inside = False
        self._sites: dict[tuple[Any, ...], Site] = {}
        self._rest = TokenBucket(rate, burst)
        self._total = TokenBucket(total_rate, total_burst)
        key = id(self)
        _limiters[key] = weakref.ref(self, lambda _: _limiters.pop(key, None))

    def admit(self, scope: "Scope", operation: str | None, error_type: str) -> int | None:
        """How many of this kind were held back since the last one that was admitted, or None: this one is, too."""
        try:
            site = self._sites[scope.instruments, scope.name, operation, error_type]
        except KeyError:
            site = self._new_site(scope, operation, error_type)
        now = _clock.perf_counter()
        if not (site.bucket.closed(now) or self._total.closed(now)):
            suppressed = self._take(site)
            if suppressed is not None:
                return suppressed
        self._held.add(site)
        return None

    def suppressed(self) -> int:
        """How many were held back so far, in this process."""
        return int(self._held.total())

    def _take(self, site: Site) -> int | None:
        """A token of the site and one of all, or None."""
        with self._lock:
            if self._inside:
                return None  # a signal handler or finaliser, in this very thread, in the middle of what follows
            try:
                self._inside = True
                # Asked in here again: of two threads the later one must not come with the earlier time.
                now = _clock.perf_counter()
                if not (site.bucket.ready(now) and self._total.ready(now)):
                    return None
                site.bucket.taken += 1.0
                self._total.taken += 1.0
                held = int(self._held.of(site))
                suppressed, site.said = held - site.said, held
                return suppressed
            finally:
                self._inside = False

    def _new_site(self, scope: "Scope", operation: str | None, error_type: str) -> Site:
        instruments, name = scope.instruments, scope.name
        if instruments not in self._observed:
            self._observed[instruments] = True
            instruments.observe(SUPPRESSED, self, lambda limiter: limiter._suppressed_by(instruments))
        with self._lock:
            sites = self._sites
            crowded = len(sites) >= SITES
            if crowded:
                operation, error_type = None if operation is None else OTHER, OTHER
                name = OTHER if len(sites) >= 2 * SITES else name
            key = instruments, name, operation, error_type
            site = sites.get(key)
            if site is None:
                attributes: dict[str, AttributeValue] = {"error.type": error_type, "scope.name": name}
                if operation is not None:
                    attributes["operation.name"] = operation
                rate, burst, _, _ = self._rates
                bucket = self._rest if crowded else TokenBucket(rate, burst)
                site = sites[key] = Site(bucket, instruments, instruments.series(attributes))
            return site

    def _suppressed_by(self, instruments: "Instruments") -> Iterable[tuple["Series", float]]:
        """What was held back by site, of those whose numbers `instruments` observes."""
        return [(site.series, number) for site, number in self._held.read().items() if site.instruments is instruments]

    def start_again(self) -> None:
        """As new. A forked child does: what its parent held back, the parent tells."""
        rate, burst, total_rate, total_burst = self._rates
        self._lock = threading.RLock()
        self._inside = False
        self._sites = {}
        self._rest = TokenBucket(rate, burst)
        self._total = TokenBucket(total_rate, total_burst)


_limiters: dict[int, "weakref.ref[ErrorLimiter]"] = {}


def _start_all_again() -> None:
    for reference in list(_limiters.values()):
        limiter = reference()
        if limiter is not None:
            limiter.start_again()


_counts.after_fork(_start_all_again)
