"""What is known of a pool at one moment, and how it is reported: the numbers behind every `pool.*` metric.

Several instruments report one pool. A pool is asked once in a collection and all of them report the same moment: a
usage above the limit is then a fact and not an artefact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from telemetry_kit._core.attributes import AttributeValue, scalar
from telemetry_kit._core.face import public
from telemetry_kit._core.instruments import Reading, series
from telemetry_kit._core.late import is_known
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._use.polling import Polled, level
from telemetry_kit.catalogue import keys
from telemetry_kit.conventions import DB_CONNECTIONS, PoolConvention

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetry_kit._core.instruments import Instruments, Series
    from telemetry_kit._core.observed import Account
    from telemetry_kit._core.scope import Scope

TIMEOUT = "timeout"
"""The `error.type` of a wait that took too long."""
TIMEOUTS = (
    ("builtins", "TimeoutError"),
    ("asyncio", "TimeoutError"),  # Python 3.10 has three of them
    ("concurrent.futures", "TimeoutError"),
    ("httpcore", "PoolTimeout"),
    ("httpx", "PoolTimeout"),
    ("multiprocessing", "TimeoutError"),
    ("psycopg_pool", "PoolTimeout"),
    ("pymongo.errors", "WaitQueueTimeoutError"),
    ("redis.exceptions", "TimeoutError"),
    ("sqlalchemy.exc", "TimeoutError"),
    ("trio", "TooSlowError"),
    ("urllib3.exceptions", "EmptyPoolError"),
)
"""Exceptions that say a wait took too long."""


@public
@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool knows of itself now. `timeouts` and `errors` have been counted since it was made.

    >>> PoolStats(used=3, limit=10, pending=2)
    PoolStats(used=3, limit=10, idle=None, pending=2, timeouts=0, errors=0, idle_min=None, idle_max=None)
    """

    used: int | None
    """Items that are taken, None where the pool can't know."""
    limit: int | None = None
    """Items that there are at most, None for no limit."""
    idle: int | None = None
    """Items that are there and not taken, None where the pool doesn't say."""
    pending: int | None = 0
    """Requests that wait for an item, None where the pool doesn't say."""
    timeouts: int = 0
    """Requests that waited in vain."""
    errors: int = 0
    """Other errors of the pool."""
    idle_min: int | None = None
    """Idle items that the pool keeps at least, None where it doesn't say."""
    idle_max: int | None = None
    """Idle items that the pool keeps at most, None where it doesn't say."""


def is_timeout(exc: BaseException) -> bool:
    """Whether an exception says that a wait took too long."""
    return is_known(exc, TIMEOUTS)


def check_limit(what: str, limit: object) -> int | None:
    """`limit`, or the TypeError or ValueError that says what is wrong with it."""
    if limit is None:
        return None
    plain = limit if isinstance(limit, (int, float)) else scalar(limit)  # numpy's are Python's
    if isinstance(plain, bool) or not isinstance(plain, int):
        msg = f"limit of {what} must be an int, or None for no limit, got {limit!r:.100} of type {type(limit).__name__}"
        raise TypeError(msg)
    if plain < 0:
        msg = f"limit of {what} must be 0 or more, got {plain}: leave it out, or give None, for no limit"
        raise ValueError(msg)
    return plain


def check_convention(what: str, convention: object) -> PoolConvention | None:
    """`convention`, or the TypeError that says what is wrong with it."""
    if convention is not None and not isinstance(convention, PoolConvention):
        msg = f"convention of {what} must be telemetry_kit.conventions.DB_CONNECTIONS or None, got {convention!r:.100}"
        raise TypeError(msg)
    return convention


def attributes_of(
    scope: Scope, name: str, declared: dict[str, AttributeValue], convention: PoolConvention | None
) -> dict[str, AttributeValue]:
    """The attributes of all metrics of a pool. The kit's own win over declared ones."""
    if convention is not None:
        return {**declared, keys.DB_CLIENT_CONNECTION_POOL_NAME: name}
    return {**declared, keys.POOL_NAME: name, keys.SCOPE_NAME: scope.label}


def counted_as(
    instruments: Instruments, attributes: dict[str, AttributeValue], convention: PoolConvention | None, error_type: str
) -> list[tuple[Account, Series]]:
    """Where an error of a pool is counted: nowhere, where it is no timeout and the convention has those alone."""
    if convention is None:
        return [(instruments.account("pool.errors"), series({**attributes, keys.ERROR_TYPE: error_type}))]
    return [(instruments.account(f"{convention.prefix}.timeouts"), series(attributes))] if error_type == TIMEOUT else []


class Reported(Polled):
    """One pool's numbers under the names that its convention has for them.

    `read` gives the numbers of the owner, which is never held here.
    """

    __slots__ = ("idle", "used")

    def __init__(
        self,
        instruments: Instruments,
        attributes: dict[str, AttributeValue],
        convention: PoolConvention | None,
        read: Callable[[Any], PoolStats],
        *,
        errors: bool,
        thing: Callable[[Any], object] | None = None,
        read_at_fork: Callable[[], Any] | None = None,
    ) -> None:
        """With `errors`, the numbers count the pool's errors too."""
        of = series(attributes)
        kinds = (TIMEOUT, OTHER) if errors else ()
        counts = [one for kind in kinds for one in counted_as(instruments, attributes, convention, kind)]
        sums = attrgetter("timeouts", "errors") if errors else None
        super().__init__(instruments, "pool.stats", of, read, sums, counts, thing=thing, read_at_fork=read_at_fork)
        if convention is DB_CONNECTIONS:
            self.used = series({**attributes, keys.DB_CLIENT_CONNECTION_STATE: "used"})
            self.idle = series({**attributes, keys.DB_CLIENT_CONNECTION_STATE: "idle"})

    def utilization(self, owner: object) -> Reading:
        stats = self.now(owner)
        if stats is None or stats.used is None or stats.limit is None:
            return ()
        return ((self.series, (stats.used, stats.limit)),)

    def connections(self, owner: object) -> Reading:
        stats = self.now(owner)
        if stats is None:
            return
        if stats.used is not None:
            yield self.used, stats.used
        if stats.idle is not None:
            yield self.idle, stats.idle


def readers_of(convention: PoolConvention | None, *, errors: bool) -> dict[str, Any]:
    """What reads a `Reported` for each metric."""
    levels = _GENERIC if convention is None else _CONNECTIONS
    counts = (_ERRORS if convention is None else _TIMEOUTS) if errors else {}
    return {**levels, **counts}


_GENERIC: dict[str, Any] = {
    "pool.usage": level("used"),
    "pool.limit": level("limit"),
    "pool.utilization": Reported.utilization.__get__,
    "pool.pending": level("pending"),
}
_ERRORS: dict[str, Any] = {"pool.errors": Reported.count.__get__}
_CONNECTIONS: dict[str, Any] = {
    "db.client.connection.count": Reported.connections.__get__,
    "db.client.connection.max": level("limit"),
    "db.client.connection.idle.max": level("idle_max"),
    "db.client.connection.idle.min": level("idle_min"),
    "db.client.connection.pending_requests": level("pending"),
}
_TIMEOUTS: dict[str, Any] = {"db.client.connection.timeouts": Reported.count.__get__}


_COUNTS = ("timeouts", "errors")
_NUMBERS = (*_COUNTS, "used", "pending", "limit", "idle", "idle_min", "idle_max")


def check_stats(stats: object) -> PoolStats:
    """`stats`, or the TypeError that says what it should have been."""
    if not isinstance(stats, PoolStats):
        msg = f"a pool's stats must be a PoolStats, got {stats!r:.100} of type {type(stats).__name__}"
        raise TypeError(msg)
    for name in _NUMBERS:
        number = getattr(stats, name)
        if type(number) is int or (number is None and name not in _COUNTS) or _is_number(number):
            continue
        kinds = "a number" if name in _COUNTS else "a number or None"
        msg = f"{name} of PoolStats must be {kinds}, got {number!r:.100}"
        raise TypeError(msg)
    return stats


def _is_number(value: object) -> bool:
    plain = value if isinstance(value, (int, float)) else scalar(value)  # numpy's are Python's
    return isinstance(plain, (int, float)) and not isinstance(plain, bool) and math.isfinite(plain)
