"""How full a queue is. A queue that grows is work that arrives faster than it is done, long before anything times out."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from telemetry_kit._core import clock, faults
from telemetry_kit._core.face import public
from telemetry_kit._core.instruments import series
from telemetry_kit._core.late import is_known
from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._use.polling import Polled, level, observe_once, refuse_temporary, thing_of_method
from telemetry_kit._use.workers import PATIENCE, Question, Run
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.instruments import Instruments
    from telemetry_kit._core.scope import Scope

UNBOUNDED = 2**31 - 1
"""What `multiprocessing.Queue` has as its size where none was given: the largest value of a semaphore."""
KNOWN_FOR = 60.0
"""Seconds for which the last answer is reported where a later one doesn't come: then nothing is known any more."""


@public
@dataclass(frozen=True, slots=True)
class QueueStats:
    """What is known of a queue now.

    >>> QueueStats(size=3, oldest_age=1.5)
    QueueStats(size=3, limit=None, oldest_age=1.5)
    """

    size: int | None
    """Items in the queue, None where nobody knows."""
    limit: int | None = None
    """Items that it takes at most, None for no limit."""
    oldest_age: float | None = None
    """Seconds for which its oldest item has been waiting, None where nobody knows or it is empty."""


class Sized(Protocol):
    """A queue of the standard library, or what looks like one."""

    def qsize(self) -> int: ...


def observe_queue(
    scope: Scope, queue: Sized | None = None, *, name: str, stats: Callable[[], QueueStats] | None = None
) -> Handle:
    """What `Telemetry.observe_queue` says."""
    what = f"queue {check_name('queue', name)!r}"
    if stats is None:
        refuse_temporary(what, queue)
    if stats is not None and (not callable(stats) or inspect.iscoroutinefunction(stats)):
        msg = f"stats of {what} must be a function that gives a QueueStats, got {stats!r:.100}"
        raise TypeError(msg)
    if queue is None and stats is None:
        msg = f"{what} must have something to observe, got None: give a queue, or stats= with a function that gives a QueueStats"
        raise TypeError(msg)
    if stats is None and not callable(getattr(queue, "qsize", None)):
        kind = type(queue).__name__
        msg = (
            f"{what} must have a qsize(), as queue.Queue and its like have, got a {kind}: give stats= with a function "
            "that gives a QueueStats"
        )
        raise TypeError(msg)
    if scope.disabled:
        return Handle()
    of = series({keys.QUEUE_NAME: admit_name(scope, "queue", name), keys.SCOPE_NAME: scope.label})
    read: Callable[[Any], QueueStats] = _read
    if stats is not None:
        read = _Elsewhere(scope.instruments, name, lambda _: _checked(what, stats()))
    elif not is_known(queue, _HERE):
        read = _Elsewhere(scope.instruments, name, _read)
    return observe_once(
        scope.instruments,
        what,
        stats if queue is None else queue,
        of,
        lambda: Polled(scope.instruments, "queue.stats", of, read, thing=thing_of_method(stats, of)),
        _READERS,
        weakly=queue is not None,
    )


_READERS = {name: level(name.removeprefix("queue.")) for name in ("queue.size", "queue.limit", "queue.oldest_age")}

_HERE = (
    ("queue", "Queue"),
    ("_queue", "SimpleQueue"),
    ("queue", "_PySimpleQueue"),
    ("asyncio", "Queue"),
    ("multiprocessing.queues", "Queue"),
)
"""Queues that say at once how long they are. Of any other one, a broker's client say, nobody knows."""


class _Elsewhere:
    """Asks for a queue of another process in a thread: a broker or a manager that doesn't answer holds up nobody.

    Each collection asks anew, and has the new answer if that comes in time.
    """

    def __init__(self, instruments: Instruments, name: str, read: Callable[[Any], QueueStats]) -> None:
        self._instruments = instruments
        self._read = read
        self._owner: Any = None
        self._known: QueueStats | None = None
        self._known_at = -math.inf
        self._error: BaseException | None = None
        self._question = Question(
            self._ask, name=f"queue-{name}", site="queue.start", timeout=KNOWN_FOR, settled=self._answered
        )

    def __call__(self, owner: Any) -> QueueStats:
        question = self._question
        if not question.is_ours():
            self._known, self._known_at = None, -math.inf
        late = question.running is not None
        if not late:
            self._owner, self._error = owner, None
            question.start()
        run = question.running
        if run is not None and not late:
            PATIENCE.of(self._instruments).wait(run, self._instruments.collection)
        if self._error is not None:
            raise self._error
        if self._known is None or clock.perf_counter() - self._known_at > KNOWN_FOR:
            return QueueStats(None)
        return self._known

    def _ask(self) -> QueueStats:
        owner, self._owner = self._owner, None
        return self._read(owner)

    def _answered(self, _: Run, answer: Any, error: BaseException | None) -> None:
        if error is None:
            self._known, self._known_at = answer, clock.perf_counter()
        else:
            self._error = error if isinstance(error, Exception) else RuntimeError(repr(error))


def _read(queue: Any) -> QueueStats:
    try:
        size = max(int(queue.qsize()), 0)
    except NotImplementedError as fault:  # multiprocessing on macOS
        faults.record("queue.size", fault)
        return QueueStats(None, _limit(queue))
    return QueueStats(size, _limit(queue))


def _checked(what: str, stats: object) -> QueueStats:
    if not isinstance(stats, QueueStats):
        msg = f"the stats of {what} must be a QueueStats, got {stats!r:.100} of type {type(stats).__name__}"
        raise TypeError(msg)
    for number in (stats.size, stats.limit, stats.oldest_age):
        if number is not None and (isinstance(number, bool) or not isinstance(number, (int, float))):
            msg = f"the stats of {what} must be numbers or None, got {stats!r:.200}"
            raise TypeError(msg)
    size, limit, age = stats.size, stats.limit, stats.oldest_age
    return QueueStats(
        None if size is None else max(size, 0),
        None if limit is None or limit < 0 else limit,
        None if age is None else max(age, 0.0),
    )


def _limit(queue: Any) -> int | None:
    """`maxsize` of threads' and tasks' queues, which is 0 for no limit; multiprocessing has a private one."""
    most = getattr(queue, "maxsize", None)
    if most is None:
        most = getattr(queue, "_maxsize", None)
    return most if isinstance(most, int) and 0 < most < UNBOUNDED else None
