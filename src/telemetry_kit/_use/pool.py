"""USE of anything finite that is taken and given back: how much of it is taken, who waits, what goes wrong.

A pool that its user counts: `wait()` around taking an item, `use()` around having it. Pools that count themselves are
polled (`pool_polling`). Both report the same numbers (`pool_stats`), after Brendan Gregg's USE method: utilization,
saturation, errors. Counts are kept here and read at collection, so that they are right from before an SDK came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from telemetry_kit._core import cells, counters, declared, faults, outcome
from telemetry_kit._core.attributes import plain_text
from telemetry_kit._core.face import HasBlocks, public
from telemetry_kit._core.guards import few, guard_of
from telemetry_kit._core.names import admit_name, check_name
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._use.pool_stats import (
    TIMEOUT,
    PoolStats,
    Reported,
    attributes_of,
    check_convention,
    check_limit,
    counted_as,
    is_timeout,
    readers_of,
)
from telemetry_kit._use.timed import Block, Timed
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.scope import Scope
    from telemetry_kit.conventions import PoolConvention

_OWN_KEYS = frozenset({keys.POOL_NAME, keys.SCOPE_NAME, keys.ERROR_TYPE, keys.DB_CLIENT_CONNECTION_POOL_NAME})


@public
class Pool(HasBlocks, ByRecipe):
    """A finite thing that is taken and given back, counted by who takes it. Made by `Telemetry.pool`.

    It can be used from any number of threads and tasks. Its numbers are reported as long as somebody holds it.

    >>> from telemetry_kit import Telemetry
    >>> pool = Telemetry("shop.images").pool("gpu", limit=4)
    >>> with pool.wait():
    ...     gpu = "gpu-0"
    >>> with pool.use():
    ...     resized = f"with {gpu}"
    """

    _gives_block = "`.wait()` or `.use()`"

    def __init__(
        self,
        scope: Scope,
        name: str,
        *,
        limit: int | None = None,
        metric_attributes: Mapping[str, object] | None = None,
        convention: PoolConvention | None = None,
    ) -> None:
        self._name: str = check_name("pool", name)
        self._what = f"pool {name!r}"
        self._limit = check_limit(self._what, limit)
        check_convention(self._what, convention)
        declared.check_mapping("metric_attributes", self._what, metric_attributes)
        name = admit_name(scope, "pool", name)
        self._guard = guard_of(scope, "pool", name, _OWN_KEYS, also=convention)
        self._attributes = attributes_of(scope, name, few(self._guard, metric_attributes or {}), convention)
        self._convention = convention
        self._disabled = scope.disabled
        self._used = cells.Running()
        self._pending = cells.Running()
        self._errors: counters.Tally[str] = counters.Tally()
        self._instruments = scope.instruments
        prefix = "pool" if convention is None else convention.prefix
        self._wait_time = scope.instruments.histogram(f"{prefix}.wait_time")
        self._use_time = scope.instruments.histogram(f"{prefix}.use_time")
        self._create_time = None if convention is None else scope.instruments.histogram(f"{prefix}.create_time")
        reported = Reported(scope.instruments, self._attributes, convention, _levels, errors=False)
        for metric, read in readers_of(convention, errors=False).items():
            scope.instruments.observe(metric, self, read(reported))

    def __repr__(self) -> str:
        return f"<Pool {self._name!r} {self.stats()}>"

    def wait(self) -> Block:
        """The wait for an item: `with pool.wait(): item = acquire()`, or a decorator of what acquires.

        It counts as pending meanwhile, and how long it took goes into `pool.wait_time`. A TimeoutError that leaves it is
        a timeout of the pool (SQLAlchemy's, and a `PoolTimeout` as psycopg and httpx raise it, too); another exception
        shows in the `error.type` of the wait and is no error of the pool.

        >>> @pool.wait()
        ... def acquire(timeout):
        ...     return "gpu-0"
        """
        return Block(_Wait, self, self._pending)

    def use(self) -> Block:
        """The use of an item: `with pool.use(): work(item)`, or a decorator of what works with one.

        The item counts as taken meanwhile, and for how long goes into `pool.use_time`. An exception is an error of the
        pool, a cancellation isn't.

        >>> with pool.use():
        ...     pool.stats().used
        1
        """
        return Block(_Use, self, self._used)

    def create(self) -> Block:
        """The making of an item: `with pool.create(): connect()`. An exception is an error of the pool.

        How long it took is recorded with `convention=DB_CONNECTIONS`, which has a metric for it.

        >>> @pool.create()
        ... def connect():
        ...     return "connection"
        """
        return Block(_Create, self)

    def timeout(self) -> None:
        """Count a wait that took too long, where no exception says so.

        >>> pool.timeout()
        """
        self.error(TIMEOUT)

    def error(self, error_type: str) -> None:
        """Count an error of the pool: an item that was broken, a request that was refused.

        >>> pool.error("refused")
        """
        error_type = self._guard.error_type(plain_text(error_type) or outcome.OTHER)
        self._errors.add(TIMEOUT if error_type == TIMEOUT else outcome.OTHER)
        for account, of in counted_as(self._instruments, self._attributes, self._convention, error_type):
            account.add(of)

    def resize(self, limit: int | None) -> None:
        """From now on there are `limit` items at most, None for no limit. What can't be a limit changes nothing.

        >>> pool.resize(8)
        """
        with faults.guard("pool.resize"):
            self._limit = check_limit(self._what, limit)

    def stats(self) -> PoolStats:
        """The numbers of now: exact whenever nothing moves.

        >>> pool.stats()
        PoolStats(used=0, limit=8, idle=None, pending=0, timeouts=1, errors=1, idle_min=None, idle_max=None)
        """
        errors = self._errors.read()
        return PoolStats(
            used=self._used.total(),
            limit=self._limit,
            pending=self._pending.total(),
            timeouts=int(errors.get(TIMEOUT, 0)),
            errors=int(errors.get(outcome.OTHER, 0)),
        )

    def _outcome_of(self, error_type: str | None) -> dict[str, AttributeValue]:
        """The attributes of a time. The convention's times have no `error.type`."""
        if error_type is None or self._convention is not None:
            return self._attributes
        return {**self._attributes, keys.ERROR_TYPE: self._guard.error_type(error_type)}


class _Wait(Timed):
    what = "wait()"
    _of: Pool

    def judge(self, exc: BaseException) -> str | None:
        if not is_timeout(exc):
            return outcome.error_type(exc)
        self._of.timeout()
        return TIMEOUT

    def done(self, duration: float, error_type: str | None) -> None:
        self._of._wait_time.record(duration, self._of._outcome_of(error_type))


class _Use(Timed):
    what = "use()"
    _of: Pool

    def done(self, duration: float, error_type: str | None) -> None:
        pool = self._of
        if error_type is not None and error_type != outcome.CANCELLED:
            pool.error(error_type)
        pool._use_time.record(duration, pool._attributes if error_type is None else pool._outcome_of(error_type))


class _Create(Timed):
    what = "create()"
    _of: Pool

    def done(self, duration: float, error_type: str | None) -> None:
        pool = self._of
        if error_type is not None and error_type != outcome.CANCELLED:
            pool.error(error_type)
        elif pool._create_time is not None:
            pool._create_time.record(duration, pool._attributes)


def _levels(pool: Pool) -> PoolStats:
    """What is reported as it is now; its errors are counted where they happen."""
    return PoolStats(pool._used.total(), pool._limit, pending=pool._pending.total())
