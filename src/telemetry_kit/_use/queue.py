"""How full a queue is. A queue that grows is work that arrives faster than it is done, long before anything times out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from telemetry_kit._core.instruments import Reading, series
from telemetry_kit._core.names import Handle, admit_name, check_name

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

UNBOUNDED = 2**31 - 1
"""What `multiprocessing.Queue` has as its size where none was given: the largest value of a semaphore."""


class Sized(Protocol):
    """A queue of the standard library, or what looks like one."""

    def qsize(self) -> int: ...


def observe_queue(scope: Scope, queue: Sized, *, name: str) -> Handle:
    """What `Telemetry.observe_queue` says."""
    check_name("queue", name)
    if not callable(getattr(queue, "qsize", None)):
        kind = type(queue).__name__
        msg = f"queue {name!r} can't be read: a {kind} has no qsize(), which queue.Queue and its like have"
        raise TypeError(msg)
    of = series({"queue.name": admit_name(scope, "queue", name), "scope.name": scope.name})

    def size(queue: Any) -> Reading:
        return ((of, int(queue.qsize())),)

    def limit(queue: Any) -> Reading:
        most = _limit(queue)
        return () if most is None else ((of, most),)

    observe = scope.instruments.observe
    return Handle(observe("queue.size", queue, size).stop, observe("queue.limit", queue, limit).stop)


def _limit(queue: Any) -> int | None:
    """`maxsize` of threads' and tasks' queues, which is 0 for no limit; multiprocessing has a private one."""
    most = getattr(queue, "maxsize", None)
    if most is None:
        most = getattr(queue, "_maxsize", None)
    return most if isinstance(most, int) and 0 < most < UNBOUNDED else None
