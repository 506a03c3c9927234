"""Tasks that travel: to another process, another interpreter, or wherever an executor sends them.

What is submitted is a `TravellingTask`. If the executor calls it here, it is a task like any other. If it pickles it,
a `RemoteTask` arrives at the worker: the function, a W3C carrier with the submitter's context, and a token. What the
worker knows, when the task started and how long it ran, comes back inside of the very result or exception, as a step of
its unpickling: the submitter's future gets nothing but the bare result, and the times are known before the future is
done. Nothing of that needs a channel of our own, or an executor that we know.
"""

from __future__ import annotations

import os
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import clock, faults, forks
from telemetry_kit._core.context import attach
from telemetry_kit._core.outcome import CANCELLED as CANCELLED_TYPE
from telemetry_kit._errors.stacktrace import Formatter
from telemetry_kit._executors import envelope
from telemetry_kit._executors.outcomes import CANCELLED, LOST, judge, outcome_by, outcome_of
from telemetry_kit._executors.seen import SeenTask
from telemetry_kit._executors.tasks import WAITED, TaskSpan, leave

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future


Times = tuple[float, float] | None
"""When a task started, on the worker's monotonic clock, and how many seconds it ran; None where nobody asks."""

_FORMATTER = Formatter()

REDUCE = "__reduce_ex__"
"""How an object pickles; pickle asks an instance for it before its class."""
_slot: Any = BaseException.__dict__["__dict__"]
"""The attributes themselves of an exception, whose class may have something of its own under that name."""

_travelling: weakref.WeakValueDictionary[bytes, TravellingTask] = weakref.WeakValueDictionary()
"""The unfinished tasks of this process by their tokens. Their futures hold them."""


class TravellingTask(SeenTask):
    """A task that the executor may call here or pickle."""

    __slots__ = ("carrier", "sent", "span", "token")

    def __init__(self) -> None:
        self.token = os.urandom(16)
        self.carrier: dict[str, Any] | None = None
        self.sent = False
        self.span: TaskSpan | None = None
        _travelling[self.token] = self

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.sent:
            self.sent = True
            self._depart()
        recorded = self.span is not None and self.span.recording
        return RemoteTask, (self.fn, self.token, self.carrier, self.queued_at is not None, recorded)

    def _depart(self) -> None:
        """A worker is about to get it: its span begins, and the context goes along."""
        accounting, context = self.accounting, self.context
        try:
            if accounting.span:
                span = self.begin_span(None)
                if span is not None:
                    context = span.context
            if accounting.carries:
                self.carrier = envelope.packed(context)
        except Exception as fault:
            faults.record("executor.carrier", fault)

    def begin_span(self, started: float | None) -> TaskSpan | None:
        if self.span is None:
            self.span = super().begin_span(started)
        return self.span

    def ended(self, kind: str | None, times: Times, exc: BaseException | None = None, text: str = "") -> None:
        """It has come back from the worker, with this `error.type`, and will be the future's in a moment."""
        accounting, span = self.accounting, self.span
        outcome = outcome_by(kind)
        if not accounting.workers.decide(self.ticket, outcome):
            return
        if times is not None and self.queued_at is not None:
            waited = _waited(self.queued_at, *times)
            accounting.waited(waited, self.context)
            accounting.took(times[1], kind, self.context if span is None else span.context)
            if span is not None:
                span.set_attribute(WAITED, waited)
        if span is None:
            return
        if kind is None:
            span.end(outcome, None)
        elif exc is not None:
            cause, suppressed = exc.__cause__, exc.__suppress_context__
            exc.__cause__ = WorkerTraceback(text)
            try:
                span.end(outcome, kind, exc)
            finally:
                exc.__cause__, exc.__suppress_context__ = cause, suppressed

    def done(self, future: Future[Any]) -> None:
        """The future is done, by whatever. What hasn't come back from a worker is decided here."""
        _travelling.pop(self.token, None)
        outcome = outcome_of(future)
        span, accounting = self.span, self.accounting
        held: Any = accounting  # which a task that failed here has let go of
        undecided = held is not None and accounting.workers.decide(self.ticket, outcome)
        exc = None if future.cancelled() else future.exception()
        if exc is not None and _slot.__get__(exc).get(REDUCE) is _delivered:
            del _slot.__get__(exc)[REDUCE]
        if span is None or span.ended:
            return
        if exc is None:
            span.end(outcome, CANCELLED_TYPE if outcome == CANCELLED else None)
        else:
            judged, kind = judge(exc)
            span.end(outcome if undecided else judged, kind, exc)

    def __del__(self) -> None:
        """Nobody has it any more, so nobody will run it. Only counts: a finaliser must not call the API."""
        try:
            self.accounting.workers.decide(self.ticket, LOST)
        except AttributeError:
            pass  # never submitted


class TaskBesideFunction(TravellingTask):
    """A task whose function travels beside it, as an argument: an interpreter is given some that can't be pickled."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        make, (_, *rest) = super().__reduce__()
        return make, (None, *rest)


def run_beside(task: TaskBesideFunction | RemoteTask, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """What an interpreter's worker calls."""
    task.fn = fn
    result = task(*args, **kwargs)
    return result.result if type(result) is Delivery and _only_shared(result.result) else result


def _only_shared(result: Any) -> bool:
    """Whether interpreters hand this on without a pickle, and nothing else can. Its times are lost."""
    kind = type(result)
    return kind in (memoryview, FunctionType) or (kind is tuple and any(map(_only_shared, result)))


class WhenDone:
    """Holds a task for its future, until that is done: users keep futures for longer than tasks should live."""

    __slots__ = ("task",)

    def __init__(self, task: TravellingTask) -> None:
        self.task: TravellingTask | None = task

    def __call__(self, future: Future[Any]) -> None:
        task, self.task = self.task, None
        if task is not None:
            task.done(future)


def _waited(queued_at: float, started: float, seconds: float) -> float:
    """How long a task waited in the queue. Monotonic clocks are one for all processes of a machine; where `started`
    can't be of ours, the wait is all that isn't run time, the way there and back included.
    """
    rest = max(clock.perf_counter() - queued_at - seconds, 0.0)
    return min(started - queued_at, rest) if started >= queued_at else rest


class RemoteTask:
    """A task at the worker that it was sent to, which may be anywhere."""

    __slots__ = ("carrier", "fn", "recorded", "timed", "token")

    def __init__(
        self, fn: Callable[..., Any], token: bytes, carrier: dict[str, Any] | None, timed: bool, recorded: bool
    ) -> None:
        self.fn = fn
        self.token = token
        self.carrier = carrier
        self.timed = timed
        self.recorded = recorded
        """Whether there is a span at home that wants to know of the traceback."""

    @property
    def __name__(self) -> str:
        return self.fn.__name__

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteTask, (self.fn, self.token, self.carrier, self.timed, self.recorded)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        task = _travelling.get(self.token)
        if task is not None:  # it was pickled, but has not left the process
            return task.run(*args, **kwargs)
        token = None if self.carrier is None else _attach(self.carrier)
        started = clock.perf_counter() if self.timed else 0.0
        try:
            result = self.fn(*args, **kwargs)
        except BaseException as exc:
            times = (started, clock.perf_counter() - started) if self.timed else None
            _slot.__get__(exc)[REDUCE] = _Parcel(exc, self.token, times, _traceback(exc) if self.recorded else "")
            raise
        else:
            times = (started, clock.perf_counter() - started) if self.timed else None
            return Delivery(self.token, times, result)
        finally:
            if token is not None:
                leave(token)


class WorkerTraceback(Exception):  # noqa: N818 - it is no error of its own
    """The traceback at the worker, as the cause of the exception in the record of it."""


def _traceback(exc: BaseException) -> str:
    try:
        return '\n"""\n' + _FORMATTER.format(exc) + '"""'
    except Exception as fault:
        faults.record("executor.traceback", fault)
        return ""


def _attach(carrier: dict[str, Any]) -> Any:
    """Make the submitter's context current, on empty ground: a forked worker has inherited the context of whoever
    submitted the first task.
    """
    try:
        return attach(envelope.unpacked(carrier))
    except Exception as fault:
        faults.record("executor.carrier", fault)
        return None


class Delivery:
    """A result on its way to the submitter, where it unpickles to the bare result."""

    __slots__ = ("result", "times", "token")

    def __init__(self, token: bytes, times: Times, result: Any) -> None:
        self.token = token
        self.times = times
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return _deliver, (self.token, self.times, self.result)


class _Parcel:
    """Stands in an exception for its `__reduce_ex__`, so that its pickle takes the times along and unpickles to the
    bare exception. An executor may pickle it more than once: Dask tries first whether it can.

    Where the exception's class has a reducer of its own (tblib's, which Dask uses), that comes first, and the parcel is
    pickled as what it is, an attribute. Then it delivers what it has all the same, and `done` takes it away.
    """

    __slots__ = ("exc", "kind", "text", "times", "token")

    def __init__(self, exc: BaseException, token: bytes, times: Times, text: str) -> None:
        self.exc = exc
        self.text = text
        self.kind = judge(exc)[1]
        self.token = token
        self.times = times

    def __call__(self, protocol: Any) -> Any:
        own = _slot.__get__(self.exc)
        del own[REDUCE]
        try:
            bare = self.exc.__reduce_ex__(protocol)
            if not isinstance(bare, tuple):
                return bare
            make, arguments, *rest = bare
            if rest and rest[0] is own:
                rest[0] = dict(own) or None
            return (_deliver_exception, (self.token, self.times, self.kind, self.text, make, arguments), *rest)
        finally:
            own[REDUCE] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return _deliver_parcel, (self.token, self.times, self.kind)


def _deliver(token: bytes, times: Times, result: Any) -> Any:
    """Unpickles a `Delivery`."""
    _arrived(token, times, None)
    return result


def _deliver_exception(
    token: bytes, times: Times, kind: str | None, text: str, make: Callable[..., Any], arguments: tuple[Any, ...]
) -> Any:
    """Unpickles an exception with a `_Parcel`: `make(*arguments)` is how it unpickles without."""
    exc = make(*arguments)
    _arrived(token, times, kind, exc, text)
    return exc


def _deliver_parcel(token: bytes, times: Times, kind: str | None) -> Any:
    """Unpickles a `_Parcel` that is no more than an attribute."""
    _arrived(token, times, kind)
    return _delivered


def _delivered(_protocol: Any) -> Any:
    """What is left of such a parcel."""
    raise TypeError("an exception must have arrived from its worker to be pickled, got one on its way")


def _arrived(token: bytes, times: Times, kind: str | None, exc: Any = None, text: str = "") -> None:
    """Never raises: that would break the pool."""
    try:
        task = _travelling.pop(token, None)
        if task is not None:
            task.ended(kind, times, exc, text)
    except Exception as fault:
        faults.record("executor.delivery", fault)


def _start_again() -> None:
    """A forked child has its parent's tasks in memory, but they are the parent's."""
    global _travelling
    _travelling = weakref.WeakValueDictionary()


forks.after_fork(_start_again)
