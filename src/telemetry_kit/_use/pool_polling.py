"""Pools that count themselves, polled at collection: nothing is wrapped, nothing is patched, nothing costs a call."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._use.pool_adapters import SEMAPHORES, reader_of
from telemetry_kit._use.pool_stats import PoolStats, Reported, attributes_of, check_convention, check_limit, check_stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetry_kit._core.scope import Scope
    from telemetry_kit._use.pool_adapters import Reader
    from telemetry_kit.conventions import PoolConvention


def observe_pool(
    scope: Scope,
    obj: object = None,
    *,
    name: str,
    stats: Callable[[], PoolStats] | None = None,
    limit: int | None = None,
    convention: PoolConvention | None = None,
) -> Handle:
    """What `Telemetry.observe_pool` says."""
    what = f"pool {check_name('pool', name)!r}"
    limit = check_limit(what, limit)
    check_convention(what, convention)
    read = _reader(what, obj, limit) if stats is None else _of_callable(what, stats)
    name = admit_name(scope, "pool", name)
    reported = Reported(attributes_of(scope, name, {}, convention), _completed(read, limit))
    # A tuple can't be held weakly, so that a pool that is only a callable lives until it is stopped.
    owner = obj if obj is not None else (stats,)
    return Handle(*(source.stop for source in reported.observe(scope.instruments, owner, convention, errors=True)))


def _completed(read: Reader, limit: int | None) -> Callable[[Any], PoolStats]:
    """The numbers, checked, and with the limit that the user knows where the pool doesn't."""

    def completed(owner: Any) -> PoolStats:
        found = check_stats(read(owner, limit))
        return found if limit is None or found.limit is not None else dataclasses.replace(found, limit=limit)

    return completed


def _of_callable(what: str, stats: Callable[[], PoolStats]) -> Reader:
    if not callable(stats) or inspect.iscoroutinefunction(stats):
        msg = f"stats of {what} is a function that returns a PoolStats, and got {stats!r:.100}"
        raise TypeError(msg)
    return lambda _owner, _limit: stats()


def _reader(what: str, obj: object, limit: int | None) -> Reader:
    if obj is None:
        msg = f"{what} has nothing to observe: give an object, or stats= with a function that returns a PoolStats"
        raise TypeError(msg)
    read = reader_of(obj)
    if read is None:
        kind = f"{type(obj).__module__}.{type(obj).__qualname__}"
        msg = (
            f"{what} can't be read: {kind} is none of the pools that the kit knows, or has none of them. "
            "Give stats= with a function that returns its numbers as a PoolStats"
        )
        raise TypeError(msg)
    if read in SEMAPHORES and limit is None and read(obj, None).limit is None:
        msg = f"{what} is a {type(obj).__name__}, which doesn't know its limit: give limit=, or use a BoundedSemaphore"
        raise TypeError(msg)
    return read
