"""Token buckets: `burst` at once, then `rate` per second.

A bucket is arithmetic on two numbers, when it was last full and how many were taken since, so that nothing is
accumulated and rounded. A `Limiter` shares buckets between threads. Whoever is denied is counted, exactly; in a storm
nearly everybody is, so that the way there takes no lock: a look at the clock and at a bucket that is known to be empty.
Who may have a token asks again under a lock, one for all, held for a few instructions that run no code of anybody else's.
"""

import math
import sys

from telemetry_kit._core import clock, counters, forks

_lock = forks.Lock()


class TokenBucket:
    """Lets at most `burst + rate * elapsed` through, by whatever clock `now` is from (seconds).

    >>> bucket = TokenBucket(rate=2.0, burst=1)
    >>> [bucket.take(now) for now in (10.0, 10.1, 10.5, 10.6)]
    [True, False, True, False]
    >>> bucket.closed(10.7)
    True
    """

    __slots__ = ("burst", "full_at", "opens", "rate", "taken")

    def __init__(self, rate: float, burst: float) -> None:
        endless = sys.float_info.max  # more than that is an int that can't be reckoned with beside floats
        self.rate = 0.0 if rate > endless else rate
        self.burst = math.inf if rate > endless or burst > endless else burst
        self.full_at = math.inf
        """When the bucket last had all its tokens. The first question starts it."""
        self.taken = 0.0
        """Tokens taken since."""
        self.opens = -math.inf
        """Nothing can be taken before. Later than `full_at` only while the bucket is known to be empty."""

    def closed(self, now: float) -> bool:
        """Whether nothing can be taken for certain. Needs no lock; `take` is what decides."""
        return self.full_at <= now < self.opens

    def ready(self, now: float) -> bool:
        """Whether a token is there."""
        if now < self.full_at:
            # The first question, or a clock that was replaced: what is left stays, the time starts anew.
            self.full_at = now
            self.opens = -math.inf
        there = self.burst + self.rate * (now - self.full_at) - self.taken
        most = max(self.burst, 1.0) if self.rate else self.burst
        if there > most:
            self.full_at = now
            self.taken = self.burst - most
            there = most
        if there >= 1.0:
            return True
        missing = self.taken + 1.0 - self.burst
        self.opens = self.full_at + missing / self.rate if self.rate else math.inf
        return False

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        if self.ready(now):
            self.taken += 1.0
            return True
        return False


class Site:
    """A place that is limited."""

    __slots__ = ("bucket", "reported")

    def __init__(self, bucket: TokenBucket) -> None:
        self.bucket = bucket
        self.reported = 0
        """Of those held back, how many have been reported with one that was admitted."""


class Limiter:
    """Admits at places, each with a bucket, and where there is a `total` at most so many over all of them.

    >>> limiter = Limiter()
    >>> place = Site(TokenBucket(rate=0.0, burst=1))
    >>> limiter.admit(place), limiter.admit(place)
    (0, None)
    """

    __slots__ = ("held", "total")

    def __init__(self, total: TokenBucket | None = None) -> None:
        self.total = TokenBucket(0, math.inf) if total is None else total
        self.held: counters.Tally[Site] = counters.Tally()
        """How many were held back, by place."""

    def admit(self, site: Site) -> int | None:
        """How many were held back here since the last one that was admitted, or None: this one is, too."""
        now = clock.perf_counter()
        bucket, total = site.bucket, self.total
        # `closed`, twice: in a storm this is the way that all go.
        if not (bucket.full_at <= now < bucket.opens or total.full_at <= now < total.opens):
            held = self._take(site)
            if held is not None:
                return held
        self.held.add(site)
        return None

    def closed(self, site: Site) -> bool:
        """Whether nothing is admitted here now, for certain: without a lock, and nothing is counted."""
        now = clock.perf_counter()
        return site.bucket.closed(now) or self.total.closed(now)

    def _take(self, site: Site) -> int | None:
        if forks.is_mine(_lock):
            return None  # a signal handler or finaliser, in this very thread, in the middle of what follows
        with _lock:
            # Asked in here again: of two threads the later one must not come with the earlier time.
            now = clock.perf_counter()
            if not (site.bucket.ready(now) and self.total.ready(now)):
                return None
            site.bucket.taken += 1.0
            self.total.taken += 1.0
            held = int(self.held.of(site))
            reported, site.reported = site.reported, held
            return held - reported
