"""One task of an executor, from its submission to its one outcome.

Whoever takes the task out of the queue decides over it: the worker that starts it (and then tells how it ended), the
one that cancels it, the pool that breaks, the submission that is refused, or the collector, if the executor has
dropped it. They may come at the same time; `turn` is what only one of them gets.
"""

from __future__ import annotations

import contextvars
import functools
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode, get_current_span, set_span_in_context

from telemetry_kit import _clock, _context, _faults, _safe_points
from telemetry_kit._counts import fork
from telemetry_kit._outcome import CANCELLED as CANCELLED_TYPE
from telemetry_kit._task_ledger import (
    ACTIVE,
    CANCELLED,
    FAILED,
    LOST,
    OUTCOMES,
    REJECTED,
    SUBMITTED,
    SUCCEEDED,
    TaskLedger,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

_DIED = frozenset({"KilledWorker"})
"""Names of other executors' exceptions for a worker that died; those of loky derive from `BrokenExecutor`."""
_MAPPED = "_process_chunk"
"""The function that runs a chunk of `map` in a process pool; its first argument is the one that was mapped."""


class Task:
    """A task in this process. The executor is given `run`, the future `done`.

    The future holds the task as long as its owner keeps it, so a decided task lets go of all that it had.
    """

    __slots__ = ("__weakref__", "context", "fn", "ledger", "queued_at", "turn")

    def __init__(self, ledger: TaskLedger, fn: Callable[..., Any]) -> None:
        self.ledger: TaskLedger | None = ledger
        self.fn: Callable[..., Any] | None = fn
        self.context = _context.get_current() if ledger.carries else None
        sample = ledger.sample
        self.queued_at = _clock.perf_counter() if sample is None or sample() else None
        try:
            cell = ledger.local.cell
        except AttributeError:
            cell = ledger.new()
        cell[SUBMITTED] += 1
        self.turn = [fork.generation]
        """The process in which the task was submitted: a forked child has the tasks, but doesn't count them."""

    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        """What a worker calls in the function's place."""
        fn: Any = self.fn
        ledger: Any = self.ledger
        token = None
        try:
            generation = self.turn.pop()
        except IndexError:  # refused by the executor, which runs it all the same; or started once before
            generation = None
        if generation is not fork.generation:
            return in_context(self.context, fn, args, kwargs)
        try:
            cell = ledger.local.cell
        except AttributeError:
            cell = ledger.new()
        cell[ACTIVE] += 1
        queued_at = self.queued_at
        started = ended = 0.0
        try:
            if self.context is not None:
                token = _context.attach(self.context)
            if queued_at is not None:
                started = _clock.perf_counter()
                ledger.waited(started - queued_at)
            result = fn(*args, **kwargs)
        except BaseException as exc:
            outcome, kind = ledger.judge(exc)
            cell[ACTIVE] -= 1
            cell[outcome] += 1
            if queued_at is not None and generation is fork.generation:
                ledger.ran(_clock.perf_counter() - started, kind)
            raise
        else:
            if queued_at is not None:
                ended = _clock.perf_counter()
            cell[ACTIVE] -= 1
            cell[SUCCEEDED] += 1
            if queued_at is not None and generation is fork.generation:
                ledger.ran(ended - started, None)
            return result
        finally:
            if token is not None:
                leave(token)
            # The frame lives as long as the traceback of an exception: it must not keep the books or a context.
            del self, fn, ledger, cell, token

    def done(self, future: Future[Any], /) -> None:
        """The future is done. A task that is still in the queue never came to a worker."""
        if self.turn:
            self.settle(future)
        self.fn = self.context = self.ledger = None

    def settle(self, future: Future[Any]) -> None:
        """Decide over a task by its future alone."""
        if future.cancelled():
            self.decide(CANCELLED)
            return
        exc = future.exception()
        if exc is None:
            self.decide(SUCCEEDED)
        else:
            self.decide(LOST if isinstance(exc, BrokenExecutor) or type(exc).__name__ in _DIED else FAILED)

    def reject(self) -> None:
        """The executor didn't take it."""
        self.decide(REJECTED)

    def decide(self, outcome: int) -> bool:
        """Take the task out of the queue with this outcome, unless somebody else has."""
        try:
            generation = self.turn.pop()
        except IndexError:
            return False
        if generation is not fork.generation or self.ledger is None:
            return False
        self.ledger.count(outcome)
        return True

    def __del__(self) -> None:
        """Nobody has it any more, so nobody will run it. Only counts: a finaliser must not call the API."""
        try:
            if self.turn:
                self.decide(LOST)
        except AttributeError:
            pass  # never got as far as being counted


def in_context(context: Context | None, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call `fn` with `context` as OpenTelemetry's current one; None leaves what is there."""
    token = None if context is None else _context.attach(context)
    try:
        return fn(*args, **kwargs)
    finally:
        if token is not None:
            leave(token)
        del fn, context, token


def leave(token: Any) -> None:
    """Put back the context that was current before."""
    try:
        _context.detach(token)
    except Exception as fault:
        _faults.record("executor.context", fault)


class TaskSpan:
    """The span of a task: a child of the submitter's, current in the task, with the outcome of the task."""

    __slots__ = ("context", "ledger", "span")

    def __init__(self, ledger: TaskLedger, span: Span, context: Context) -> None:
        self.ledger = ledger
        self.span = span
        self.context = context
        """What is current in the task: the submitter's context, if it travels, with this span in it."""

    def end(self, outcome: int, kind: str | None, exc: BaseException | None = None) -> None:
        """Tell the outcome and end it. Never raises."""
        here = _safe_points.here.state
        was, here.busy = here.busy, True
        try:
            if self.span.is_recording():
                self.span.set_attribute("executor.task.outcome", OUTCOMES[outcome])
                if kind is not None:
                    self.span.set_attribute("error.type", kind)
                    if kind != CANCELLED_TYPE:
                        self._tell_error(kind, exc)
            self.span.end()
        except Exception as fault:
            _faults.record("executor.span", fault)
        finally:
            here.busy = was

    def _tell_error(self, kind: str, exc: BaseException | None) -> None:
        scope = self.ledger.scope
        policy = scope.errors
        suppressed = None if exc is None else policy.admit(exc, scope=scope, operation=self.ledger.name, error_type=kind)
        if exc is None or suppressed is None:
            self.span.set_status(StatusCode.ERROR, kind)
            return
        self.span.set_status(StatusCode.ERROR, policy.message(exc) or kind)
        policy.emit(self.span, scope, policy.describe(exc, kind, suppressed))


def start_span(ledger: TaskLedger, fn: Callable[..., Any], context: Context | None, waited: float | None) -> TaskSpan | None:
    """The span of a task that is about to run; None without an SDK, or where the API must not be called."""
    try:
        tracer = ledger.scope.tracer()
        here = _safe_points.here.state
        if tracer is None or here.busy or here.collecting:
            return None
        name, path = name_of(fn)
        attributes: dict[str, Any] = {"code.function.name": path, **ledger.span_attributes}
        if waited is not None:
            attributes["executor.queue.wait_time"] = waited
        here.busy = True
        try:
            span = tracer.start_span(name, context, attributes=attributes)
        finally:
            here.busy = False
        travels = context if ledger.propagate is not None else Context()
        return TaskSpan(ledger, span, set_span_in_context(span, travels))
    except Exception as fault:
        _faults.record("executor.span", fault)
        return None


def name_of(fn: Any) -> tuple[str, str]:
    """What a task is called: the qualified name of the function, without and with its module.

    Through partials, and through what `asyncio.to_thread` and a process pool's `map` put around it.

    >>> name_of(functools.partial(contextvars.copy_context().run, sorted, [2, 1]))
    ('sorted', 'builtins.sorted')
    """
    for _ in range(10):
        if not isinstance(fn, functools.partial):
            break
        carried = _runs_in_context(fn) or getattr(fn.func, "__name__", "") == _MAPPED
        fn = fn.args[0] if carried and fn.args else fn.func
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    name = str(name).rpartition("<locals>.")[2]
    return name, f"{getattr(fn, '__module__', None) or type(fn).__module__}.{name}"


def _runs_in_context(fn: functools.partial[Any]) -> bool:
    return isinstance(getattr(fn.func, "__self__", None), contextvars.Context) and bool(fn.args)


def inside(fn: Callable[..., Any], context: Context) -> Callable[..., Any]:
    """`fn` with `context` current where its body runs: a partial of `contextvars.Context.run`, such as
    `asyncio.to_thread` makes, leaves the worker's own variables behind."""
    if isinstance(fn, functools.partial) and _runs_in_context(fn):
        run, (body, *args) = fn.func, fn.args
        return functools.partial(run, _call_in_context, context, body, *args, **fn.keywords)
    return functools.partial(_call_in_context, context, fn)


def _call_in_context(context: Context, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    return in_context(context, fn, args, kwargs)
