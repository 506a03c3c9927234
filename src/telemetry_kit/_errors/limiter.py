"""How often an error may be recorded in detail: per operation and error type, and in all. What was held back is observed."""

from operator import methodcaller
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import forks, observer
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.instruments import Series, series
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._core.rate_limit import Limiter, Site, TokenBucket
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.error_policy import ErrorPolicy
    from telemetry_kit._core.observed import Account
    from telemetry_kit._core.scope import Scope

SUPPRESSED = "telemetry_kit.exception.suppressed"
SITES = 1_024
"""Pairs of operation and error type with a bucket of their own; all later ones share one."""
_lock = forks.Lock()
"""Held while a site is made."""
_limiters: "forks.Living[ErrorLimiter]" = forks.Living(methodcaller("start_again"))
observer.at_capture(_limiters.start_again)


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

    __slots__ = ("__weakref__", "_policy", "_rest", "limiter", "sites")

    def __init__(self, policy: "ErrorPolicy") -> None:
        self._policy = policy
        self.sites: dict[tuple[Any, ...], ErrorSite] = {}
        """By instruments, scope name, operation and error type."""
        self.limiter = Limiter()
        self.start_again()
        _limiters.add(self)

    def start_again(self) -> None:
        """As new. A forked child does: what its parent held back, the parent tells."""
        self.sites.clear()
        self._rest = TokenBucket(self._policy.rate, self._policy.burst)
        self.limiter.total = TokenBucket(self._policy.total_rate, self._policy.total_burst)

    def site(self, scope: "Scope", operation: str | None, error_type: str) -> ErrorSite:
        """The site of an operation and an error type that isn't in the table, or came too late for it."""
        instruments, name = scope.instruments, scope.label
        with _lock:
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
                bucket = self._rest if crowded else TokenBucket(self._policy.rate, self._policy.burst)
                site = sites[key] = ErrorSite(bucket, instruments.account(SUPPRESSED), series(attributes))
            return site

    def admit(self, site: ErrorSite) -> int | None:
        """How many were suppressed here since the last one that was admitted, or None: this one is, too."""
        held = self.limiter.admit(site)
        if held is None:
            site.account.add(site.series)
        return held
