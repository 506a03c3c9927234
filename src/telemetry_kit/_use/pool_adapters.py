"""How the pools that people have are read: one line or a few for each, and none of their libraries imported.

An object is recognised by its class or a base of it, looked up where it was imported from. Public attributes are read where there are
any. The private ones are the counts of who waits and, of some, of what is taken; tests against the oldest and the newest
supported version of each library notice when one goes (`tests/integrations/`).

None of these readers waits for a lock of the pool's: a collection must not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from telemetry_kit._core import faults
from telemetry_kit._core.late import is_known, known
from telemetry_kit._use.pool_stats import PoolStats

Reader = Callable[[Any, "int | None"], PoolStats]
"""Given an object and the limit that the user knows of, for those that don't know theirs."""

_PSYCOPG_OPENS = (("psycopg_pool.pool", "AddConnection"), ("psycopg_pool.pool_async", "AddConnection"))
"""What a worker of the pool does to open a connection."""
_AIOHTTP_OPENS = (("aiohttp.connector", "_TransportPlaceholder"),)
"""What stands among the connections that are taken while one is opened."""
_KOMBU_PROMISES = (("kombu.utils.functional", "lazy"),)
UNBOUNDED = 2**31
"""What redis-py has as the limit of a pool without one."""


def _sqlalchemy(pool: Any, _limit: int | None = None) -> PoolStats:
    size, overflow = pool.size(), pool._max_overflow
    used = pool.checkedout()
    return PoolStats(
        used=used if used >= 0 else None,  # disposed of while connections were out, which have come back since
        limit=None if overflow < 0 or not size else size + overflow,
        idle=_open(lambda: (one.dbapi_connection is not None for one in tuple(_items(pool._pool)))),
        pending=_waiting(lambda: _who_gets(pool._pool)),
        idle_max=size or None,
    )


def _sqlalchemy_assertion(pool: Any, _limit: int | None = None) -> PoolStats:
    return PoolStats(used=int(pool._checked_out), limit=1, idle=int(pool._conn is not None and not pool._checked_out))


def _sqlalchemy_uncounted(_pool: Any, _limit: int | None = None) -> PoolStats:
    """A pool that keeps nothing, or one connection for everybody: nobody waits, and nobody counts what is taken."""
    return PoolStats(used=None)


def _psycopg(pool: Any, _limit: int | None = None) -> PoolStats:
    stats = pool.get_stats()
    size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
    making = 0 if pool.closed else _psycopg_making(pool)
    return PoolStats(
        # A closed pool lets its connections go and doesn't count that.
        used=0 if pool.closed else None if making is None else max(size - idle - making, 0),
        limit=stats.get("pool_max") or None,
        idle=idle,
        # Who gave up stays in line until a connection comes.
        pending=sum(client.conn is None and client.error is None for client in tuple(pool._waiting)),
        errors=stats.get("requests_errors", 0),
        idle_min=stats.get("pool_min"),
    )


def _psycopg_making(pool: Any) -> int | None:
    """How many connections are in the making, which the pool counts among its size: to be opened by a worker, being
    opened by one, or to be tried again later. In an outage that is all of them."""
    try:
        tasks = pool._tasks
        to_do = [*_items(tasks), *(getattr(one.action, "__self__", None) for one in tuple(pool._sched._queue))]
        busy = len(pool._workers) - sum(not _is_over(one) for one in tuple(_who_gets(tasks)))
    except (AttributeError, RuntimeError) as fault:  # RuntimeError: it changed while it was read, without the GIL
        faults.record("pool.used", fault)
        return None
    return max(busy, 0) + sum(is_known(task, _PSYCOPG_OPENS) for task in to_do)


def _redis(pool: Any, _limit: int | None = None) -> PoolStats:
    limit = pool.max_connections if pool.max_connections < UNBOUNDED else None
    if hasattr(pool, "pool"):  # a blocking pool that keeps a queue of connections, and of None for those to come
        there = pool.pool.qsize()
        idle = _open(lambda: map(_redis_is_open, tuple(_items(pool.pool))))
        return PoolStats(pool.max_connections - there, limit, idle, _waiting(lambda: _who_gets(pool.pool)))
    idle = _open(lambda: map(_redis_is_open, tuple(pool._available_connections)))
    waiting = _waiting(lambda: pool._condition._waiters) if hasattr(pool, "_condition") else 0
    return PoolStats(len(pool._in_use_connections), limit, idle, waiting)


def _redis_is_open(connection: Any) -> bool:
    if hasattr(connection, "is_connected"):
        return bool(connection.is_connected)
    return getattr(connection, "_sock", None) is not None


def _aiohttp(connector: Any, _limit: int | None = None) -> PoolStats:
    making = sum(is_known(one, _AIOHTTP_OPENS) for one in tuple(connector._acquired))
    return PoolStats(
        used=len(connector._acquired) - making,
        limit=connector.limit or None,
        idle=_open(lambda: (one[0].is_connected() for kept in tuple(connector._conns.values()) for one in tuple(kept))),
        pending=_waiting(lambda: [one for line in tuple(connector._waiters.values()) for one in tuple(line)]),
    )


def _asyncpg(pool: Any, _limit: int | None = None) -> PoolStats:
    idle = pool.get_idle_size()
    try:  # `get_size()` leaves out connections that died while somebody has them
        used = sum(holder._in_use is not None for holder in pool._holders)
    except AttributeError as fault:
        faults.record("pool.used", fault)
        used = pool.get_size() - idle
    return PoolStats(
        used=used,
        limit=pool.get_max_size(),
        idle=idle,
        pending=_waiting(lambda: () if pool._queue is None else pool._queue._getters),
        idle_min=pool.get_min_size(),
    )


def _urllib3(pool: Any, _limit: int | None = None) -> PoolStats:
    """A pool that doesn't block opens more than its size when it is empty, and counts none of those: how many are taken
    is known only of one that blocks."""
    there, blocks = pool.pool, pool.block
    if there is None:
        return PoolStats(used=0 if blocks else None)  # closed
    idle = _open(lambda: (getattr(one, "sock", None) is not None for one in tuple(there.queue)))
    if not blocks:
        return PoolStats(used=None, idle=idle, idle_max=there.maxsize)
    return PoolStats(there.maxsize - there.qsize(), there.maxsize, idle, _waiting(lambda: there.not_empty._waiters))


def _urllib3_manager(manager: Any, _limit: int | None = None) -> PoolStats:
    """All hosts together. The public ways to its pools change which one is thrown out next, so they aren't taken."""
    with manager.pools.lock:
        pools = list(manager.pools._container.values())
    each = [_urllib3(pool) for pool in pools]
    blocks = manager.connection_pool_kw.get("block", False)
    return PoolStats(
        used=sum(stats.used or 0 for stats in each) if blocks else None,
        limit=sum(stats.limit or 0 for stats in each) or None,
        idle=sum(stats.idle or 0 for stats in each),
        pending=sum(stats.pending or 0 for stats in each),
    )


def _kombu(pool: Any, _limit: int | None = None) -> PoolStats:
    """Celery's connections to its broker, too. Without a limit nothing is kept, and nothing counted."""
    if not pool.limit:
        return PoolStats(used=None)
    there = pool._resource
    idle = _open(lambda: (_kombu_is_open(one) for one in tuple(_items(there))))
    return PoolStats(len(pool._dirty), pool.limit, idle, _waiting(lambda: _who_gets(there)))


def _kombu_is_open(resource: Any) -> bool:
    """What was never taken is a promise to make it, or a connection that isn't open yet."""
    return not is_known(resource, _KOMBU_PROMISES) and getattr(resource, "_connection", resource) is not None


def read_semaphore(semaphore: Any, limit: int | None) -> PoolStats:
    """One of threads or of tasks. It knows how much is left, but not, unless it is bounded, of how much."""
    limit = getattr(semaphore, "_initial_value", getattr(semaphore, "_bound_value", limit))
    pending = _waiting(lambda: (semaphore._cond if hasattr(semaphore, "_cond") else semaphore)._waiters or ())
    return PoolStats((limit or 0) - semaphore._value, limit, None, pending)


def _capacity_limiter(limiter: Any, _limit: int | None = None) -> PoolStats:
    stats = limiter.statistics()
    limit = stats.total_tokens
    return PoolStats(stats.borrowed_tokens, None if math.isinf(limit) else limit, None, stats.tasks_waiting)


READERS: dict[tuple[str, str], Reader] = {
    ("aiohttp", "BaseConnector"): _aiohttp,
    ("anyio", "CapacityLimiter"): _capacity_limiter,
    ("asyncio", "Semaphore"): read_semaphore,
    ("asyncpg.pool", "Pool"): _asyncpg,
    ("kombu.resource", "Resource"): _kombu,
    ("psycopg_pool", "AsyncConnectionPool"): _psycopg,
    ("psycopg_pool", "ConnectionPool"): _psycopg,
    ("redis", "ConnectionPool"): _redis,
    ("redis.asyncio", "ConnectionPool"): _redis,
    ("sqlalchemy.pool", "AssertionPool"): _sqlalchemy_assertion,
    ("sqlalchemy.pool", "Pool"): _sqlalchemy_uncounted,
    ("sqlalchemy.pool", "QueuePool"): _sqlalchemy,
    ("threading", "Semaphore"): read_semaphore,
    ("urllib3", "HTTPConnectionPool"): _urllib3,
    ("urllib3", "PoolManager"): _urllib3_manager,
}
"""By the module that a class is imported from, and its name."""

OWNERS: dict[tuple[str, str], str] = {
    ("aiohttp", "ClientSession"): "connector",
    ("redis", "Redis"): "connection_pool",
    ("redis.asyncio", "Redis"): "connection_pool",
    ("requests.adapters", "HTTPAdapter"): "poolmanager",
    ("sqlalchemy.engine", "Engine"): "pool",
    ("sqlalchemy.ext.asyncio", "AsyncEngine"): "sync_engine",
}
"""What has a pool, and the attribute that is its pool of now: `dispose()` makes a new one."""


def reader_of(obj: object) -> Reader | None:
    """What reads an object like `obj`, at any later time; None where nothing does."""
    read: Reader | None = _by_class(READERS, obj)
    return read if read is not None or _by_class(READERS, pool_of(obj)) is None else _read_owner


def pool_of(obj: object) -> object:
    """The pool itself, of whatever has it."""
    attribute = _by_class(OWNERS, obj)
    pool = None if attribute is None else getattr(obj, attribute)
    return obj if pool is None or pool is obj else pool_of(pool)


def _read_owner(owner: object, limit: int | None) -> PoolStats:
    """The numbers of the pool that an owner has now: none any more, once a session is closed."""
    pool = pool_of(owner)
    read: Reader | None = _by_class(READERS, pool)
    return PoolStats(used=0 if pool is owner else None, idle=0) if read is None else read(pool, limit)


def _by_class(table: dict[tuple[str, str], Any], obj: object) -> Any:
    imported = {kind: found for one, found in table.items() if (kind := known(*one)) is not None}
    return next((imported[kind] for kind in type(obj).__mro__ if kind in imported), None)


def _waiting(waiters: Callable[[], Any]) -> int:
    """How many wait. They stand in private attributes, without which everything else is still worth knowing."""
    try:
        there = waiters()
        return sum(not _is_over(one) for one in tuple(there))
    except (AttributeError, RuntimeError) as fault:  # RuntimeError: it changed while it was read, without the GIL
        faults.record("pool.pending", fault)
        return 0


def _open(each: Callable[[], Any]) -> int | None:
    """How many of the connections that a pool keeps are there: pools keep those that were closed too, to open them anew,
    and after an outage that is all of them."""
    try:
        return int(sum(each()))
    except (AttributeError, RuntimeError) as fault:
        faults.record("pool.idle", fault)
        return None


def _is_over(waiter: Any) -> bool:
    """Whether a task's wait is: it was cancelled, or gets what it waits for."""
    return hasattr(waiter, "done") and waiter.done()


def _who_gets(queue: Any) -> Any:
    """Who waits in `get()` of a queue for threads, or of one for tasks, which SQLAlchemy has inside of another."""
    if hasattr(queue, "not_empty"):
        return queue.not_empty._waiters
    return queue._getters if hasattr(queue, "_getters") else queue._queue._getters


def _items(queue: Any) -> Any:
    if hasattr(queue, "queue"):
        return queue.queue
    return _items(queue._queue) if hasattr(queue._queue, "_queue") else queue._queue
