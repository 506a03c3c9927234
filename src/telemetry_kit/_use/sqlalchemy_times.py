"""How long SQLAlchemy's connections are waited for and used.

Its pools have events for a connection that is taken and one that comes back, which are used, and none for a request that
begins: so `connect` is timed, on the one pool that is observed.
"""

from __future__ import annotations

import importlib
import weakref
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import clock, faults, forks, outcome
from telemetry_kit._core.instruments import series
from telemetry_kit._core.late import late_import
from telemetry_kit._core.registry import Registry
from telemetry_kit._use.pool_stats import TIMEOUT, counted_as, is_timeout
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.instruments import Instruments
    from telemetry_kit.conventions import PoolConvention


class _Times:
    """The times of one engine or pool."""

    def __init__(
        self, instruments: Instruments, attributes: dict[str, AttributeValue], convention: PoolConvention | None
    ) -> None:
        self._key = (instruments, series(attributes))
        """What is timed by several, an engine and its pool say, is recorded by one."""
        prefix = "pool" if convention is None else convention.prefix
        self._attributes = attributes
        self._typed = convention is None
        """The convention's times have no `error.type`."""
        self._wait_time = instruments.histogram(f"{prefix}.wait_time")
        self._use_time = instruments.histogram(f"{prefix}.use_time")
        self._timeouts = counted_as(instruments, attributes, convention, TIMEOUT)
        self.handles = 0
        self._active = False
        self._pool: weakref.ref[Any] | None = None

    def begin(self, target: Any) -> None:
        """Time the connections of `target`, an engine or a pool."""
        self._active = True
        with late_import():
            event = importlib.import_module("sqlalchemy.event")
        event.listen(target, "checkout", self._taken)
        event.listen(target, "checkin", self._given_back)
        event.listen(target, "detach", self._given_back)
        if hasattr(target, "pool"):  # `dispose()` makes another one
            event.listen(target, "engine_disposed", lambda engine: self._time(engine.pool))
        self._time(getattr(target, "pool", target))

    def end(self) -> None:
        """Time no more. What SQLAlchemy has copied to another pool stays, and does nothing."""
        self._active = False
        pool = None if self._pool is None else self._pool()
        timed = None if pool is None else vars(pool).get("connect")
        if isinstance(timed, _TimedConnect):
            timed.waited.pop(self, None)
            if not timed.waited:
                vars(pool).pop("connect", None)

    def _time(self, pool: Any) -> None:
        if not self._active:
            return
        self._pool = weakref.ref(pool)
        timed = vars(pool).get("connect")
        if not isinstance(timed, _TimedConnect):
            timed = pool.connect = _TimedConnect(type(pool).connect, self._pool)
        timed.waited[self] = None

    def waited(self, seconds: float, exc: BaseException | None) -> None:
        attributes = self._attributes
        if exc is not None:
            error_type = TIMEOUT if is_timeout(exc) else outcome.error_type(exc)
            for account, of in self._timeouts if error_type == TIMEOUT else ():
                account.add(of)
            if error_type is not None and self._typed:
                attributes = {**attributes, keys.ERROR_TYPE: error_type}
        self._wait_time.record(seconds, attributes)

    def _taken(self, _connection: Any, record: Any, _proxy: Any) -> None:
        with faults.guard("pool.times"):
            if self._active:
                record.record_info[self._key] = clock.perf_counter(), forks.fork.generation

    def _given_back(self, _connection: Any, record: Any) -> None:
        with faults.guard("pool.times"):
            began, generation = record.record_info.pop(self._key, (0.0, None)) if self._active else (0.0, None)
            if generation is forks.fork.generation:
                self._use_time.record(clock.perf_counter() - began, self._attributes)


class _TimedConnect:
    """`pool.connect`, which doesn't hold its pool: for each name under which the pool is observed."""

    def __init__(self, connect: Callable[[Any], Any], pool: weakref.ref[Any]) -> None:
        self._connect = connect
        self._pool = pool
        self.waited: dict[_Times, None] = {}

    def __call__(self) -> Any:
        began = clock.perf_counter()
        try:
            connection = self._connect(self._pool())
        except BaseException as exc:
            self._report(clock.perf_counter() - began, exc)
            raise
        self._report(clock.perf_counter() - began, None)
        return connection

    def _report(self, seconds: float, exc: BaseException | None) -> None:
        for times in {times._key: times for times in list(self.waited)}.values():
            with faults.guard("pool.times"):
                times.waited(seconds, exc)


_TIMES: Registry[dict[tuple[int, Any], tuple[weakref.ref[Any], _Times]]] = Registry(dict)
"""By target and series: one object's times are recorded once."""


def record_times(
    what: str,
    obj: Any,
    instruments: Instruments,
    attributes: dict[str, AttributeValue],
    convention: PoolConvention | None,
) -> Callable[[], None]:
    """Record the times of `obj`, a SQLAlchemy engine or pool. Gives what ends it."""
    target = getattr(obj, "sync_engine", obj)
    if not any(kind.__module__.partition(".")[0] == "sqlalchemy" for kind in type(target).__mro__):
        kind = f"{type(obj).__module__}.{type(obj).__qualname__}"
        msg = f"{what} must be an engine or pool of SQLAlchemy to have its times recorded, got a {kind}: leave record_times out"
        raise TypeError(msg)
    all_times, key = _TIMES.of(instruments), (id(target), series(attributes))
    reference, times = all_times.get(key) or (lambda: None, None)
    if times is None or reference() is not target:
        times = _Times(instruments, attributes, convention)
        all_times[key] = (weakref.ref(target), times)
        for other, (one, _) in list(all_times.items()):
            if one() is None:
                all_times.pop(other, None)
    times.handles += 1
    if times.handles == 1:
        times.begin(target)

    def stop() -> None:
        times.handles -= 1
        if not times.handles:
            times.end()
            all_times.pop(key, None)

    return stop
