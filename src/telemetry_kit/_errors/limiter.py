"""How often an error may be recorded in detail: per operation and error type, and in all. What was held back is observed."""

import threading
import weakref
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import forks, observer
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._core.rate_limit import Limiter, Site, TokenBucket
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.instruments import Series
    from telemetry_kit._core.observed import Account
    from telemetry_kit._core.scope import Scope

SUPPRESSED = "telemetry_kit.exception.suppressed"
SITES = 1_024
"""Pairs of operation and error type with a bucket of their own; all later ones share one."""


class ErrorSite(Site):
    """An operation and one of its error types."""

    __slots__ = ("account", "series")

    def __init__(self, bucket: TokenBucket, account: "Account", series: "Series") -> None:
        super().__init__(bucket)
        self.account = account
        """Where the suppressed ones are counted: it outlives the policy."""
        self.series = series


class ErrorLimiter:
    """Token buckets for pairs of operation and error type, in a bounded table, and one for all of them."""

    __slots__ = ("__weakref__", "_lock", "_rates", "_rest", "limiter", "sites")

    def __init__(self, rate: float, burst: float, total_rate: float, total_burst: float) -> None:
        self._rates = rate, burst, total_rate, total_burst
        self._lock = threading.RLock()
        self.sites: dict[tuple[Any, ...], ErrorSite] = {}
        """By instruments, scope name, operation and error type."""
        self._rest = TokenBucket(rate, burst)
        self.limiter = Limiter(TokenBucket(total_rate, total_burst))
        key = id(self)
        _limiters[key] = weakref.ref(self, lambda _: _limiters.pop(key, None))

    def suppressed(self) -> int:
        """How many were held back so far, in this process."""
        return int(self.limiter.held.total())

    def site(self, scope: "Scope", operation: str | None, error_type: str) -> ErrorSite:
        """The site of an operation and an error type that isn't in the table, or came too late for it."""
        instruments, name = scope.instruments, scope.label
        with self._lock:
            sites = self.sites
            crowded = len(sites) >= SITES
            if crowded:
                operation, error_type = None if operation is None else OTHER, OTHER
                name = OTHER if len(sites) >= 2 * SITES else name
            key = instruments, name, operation, error_type
            site = sites.get(key)
            if site is None:
                attributes: dict[str, AttributeValue] = {keys.ERROR_TYPE: error_type, keys.SCOPE_NAME: name}
                if operation is not None:
                    attributes[keys.OPERATION_NAME] = operation
                rate, burst, _, _ = self._rates
                bucket = self._rest if crowded else TokenBucket(rate, burst)
                site = sites[key] = ErrorSite(bucket, instruments.account(SUPPRESSED), instruments.series(attributes))
            return site

    def admit(self, site: ErrorSite) -> int | None:
        """How many were suppressed here since the last one that was admitted, or None: this one is, too."""
        held = self.limiter.admit(site)
        if held is None:
            site.account.add(site.series)
        return held

    def start_again(self) -> None:
        """As new. A forked child does: what its parent held back, the parent tells."""
        rate, burst, total_rate, total_burst = self._rates
        self._lock = threading.RLock()
        self.sites.clear()
        self._rest = TokenBucket(rate, burst)
        self.limiter.total = TokenBucket(total_rate, total_burst)


_limiters: dict[int, "weakref.ref[ErrorLimiter]"] = {}


def _start_all_again() -> None:
    for reference in list(_limiters.values()):
        limiter = reference()
        if limiter is not None:
            limiter.start_again()


forks.after_fork(_start_all_again)
observer.at_capture(_start_all_again)
