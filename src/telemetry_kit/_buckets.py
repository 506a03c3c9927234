"""A token bucket: `burst` at once, then `rate` per second.

The bucket is arithmetic on two numbers, when it was last full and how many were taken since, so that nothing is
accumulated and rounded. It has no lock: whoever shares one between threads brings it. What it offers without one is
`closed(now)`, the cheap look of a storm: until `opens` nothing can be taken, whoever asks.
"""

import math


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
        self.rate = 0.0 if math.isinf(rate) else rate
        self.burst = math.inf if math.isinf(rate) else burst
        self.full_at: float | None = None
        """When the bucket last had all its tokens. The first question starts it."""
        self.taken = 0.0
        """Tokens taken since."""
        self.opens = -math.inf
        """Nothing can be taken before. Later than `full_at` only while the bucket is known to be empty."""

    def closed(self, now: float) -> bool:
        """Whether nothing can be taken for certain. Needs no lock; `take` is what decides."""
        full_at = self.full_at
        return full_at is not None and full_at <= now < self.opens

    def ready(self, now: float) -> bool:
        """Whether a token is there."""
        if self.full_at is None or now < self.full_at:
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
