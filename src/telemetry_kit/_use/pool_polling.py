"""Pools that count themselves, polled at collection: nothing is wrapped, nothing is patched, nothing costs a call."""

from __future__ import annotations

import dataclasses
import inspect
import types
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import declared
from telemetry_kit._core.instruments import series
from telemetry_kit._core.late import late_import
from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._use.polling import observe_once, reference, refuse_temporary, thing_of_method
from telemetry_kit._use.pool_adapters import pool_of, read_semaphore, reader_of
from telemetry_kit._use.pool_stats import (
    PoolStats,
    Reported,
    attributes_of,
    check_convention,
    check_limit,
    check_stats,
    readers_of,
)

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
    record_times: bool = False,
) -> Handle:
    """What `Telemetry.observe_pool` says."""
    what = f"pool {check_name('pool', name)!r}"
    limit = check_limit(what, limit)
    check_convention(what, convention)
    declared.check_flag("record_times", what, record_times)
    if stats is None:
        refuse_temporary(what, obj)
    read = _reader(what, obj, limit) if stats is None else _of_callable(what, stats, obj)
    name = admit_name(scope, "pool", name)
    instruments, attributes = scope.instruments, attributes_of(scope, name, {}, convention)
    of, complete = series(attributes), _completed(read, limit)

    def make() -> Reported:
        at_fork, thing = None, thing_of_method(stats, of)
        if stats is None:
            at_fork, thing = reference(obj), lambda owner: (id(pool_of(owner)), of)
        return Reported(instruments, attributes, convention, complete, errors=True, thing=thing, read_at_fork=at_fork)

    ends: list[Callable[[], None]] = []
    if record_times and not scope.disabled:
        with late_import():
            from telemetry_kit._use.sqlalchemy_times import record_times as record

        ends.append(record(what, obj, instruments, attributes, convention))
    observed = observe_once(
        instruments,
        what,
        stats if obj is None else obj,
        of,
        make,
        readers_of(convention, errors=True),
        weakly=obj is not None,
    )
    return Handle(observed.stop, *ends)


def _completed(read: Reader, limit: int | None) -> Callable[[Any], PoolStats]:
    """The numbers, checked, with the limit that the user knows where the pool doesn't, and nothing below zero."""

    def completed(owner: Any) -> PoolStats:
        found = check_stats(read(owner, limit))
        if limit is not None and found.limit is None:
            found = dataclasses.replace(found, limit=limit)
        if found.limit is not None and found.limit < 0:
            found = dataclasses.replace(found, limit=None)
        if any(level is not None and level < 0 for level in (found.used, found.idle, found.pending)):
            used, idle, pending = (None if n is None else max(n, 0) for n in (found.used, found.idle, found.pending))
            found = dataclasses.replace(found, used=used, idle=idle, pending=pending)
        return found

    return completed


def _of_callable(what: str, stats: Callable[[], PoolStats], obj: object) -> Reader:
    if not callable(stats) or inspect.iscoroutinefunction(stats):
        msg = f"stats of {what} must be a function that returns a PoolStats, got {stats!r:.100}"
        raise TypeError(msg)
    method: Any = stats
    if obj is not None and type(stats) is types.MethodType and method.__self__ is obj:
        function = method.__func__  # the method would hold what is held weakly
        return lambda owner, _limit: function(owner)
    return lambda _owner, _limit: stats()


def _reader(what: str, obj: object, limit: int | None) -> Reader:
    if obj is None:
        msg = f"{what} must have something to observe, got None: give an object, or stats= with a function that returns a PoolStats"
        raise TypeError(msg)
    read = reader_of(obj)
    if read is None:
        kind = f"{type(obj).__module__}.{type(obj).__qualname__}"
        msg = (
            f"{what} must be a pool that the kit knows, or have one, got a {kind}: give stats= with a function that "
            "returns its numbers as a PoolStats"
        )
        raise TypeError(msg)
    if read is read_semaphore and limit is None and read(obj, None).limit is None:
        msg = f"{what} must know its limit, got a {type(obj).__name__}, which doesn't: give limit=, or use a BoundedSemaphore"
        raise TypeError(msg)
    return read
