"""One task of an executor, from its submission to its one outcome.

Whoever takes the task out of the queue (`TaskLedger.queued`) decides over it: the worker that starts it, and then tells
how it ended; the submission that is refused; or whoever sees by the future that no worker will start it. They may come
at the same time: only one of them gets it.
"""

from __future__ import annotations

import contextvars
import functools
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode, set_span_in_context

from telemetry_kit._core import clock, faults, reentrancy
from telemetry_kit._core.context import attach, detach
from telemetry_kit._core.counters import fork
from telemetry_kit._core.outcome import CANCELLED as CANCELLED_TYPE
from telemetry_kit._executors.accounting import OUTCOMES, SUCCEEDED, TaskLedger, Ticket, judge

if TYPE_CHECKING:
    from collections.abc import Callable

WAITED = "executor.queue.wait_time"
"""On a task's span: the seconds that it waited in the queue, where its times are taken."""
_MAPPED = "_process_chunk"
"""The function that runs a chunk of `map` in a process pool; its first argument is the one that was mapped."""


class CountedTask:
    """A task of which nothing is wanted but to be counted and to have its submitter's context.

    The executor gets `run` in the function's place. It has no constructor: `submit` fills it, which saves a call.
    """

    __slots__ = ("__weakref__", "context", "fn", "ledger", "ticket")
    ledger: TaskLedger
    ticket: Ticket
    fn: Callable[..., Any]
    context: Context | None

    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        """What a worker calls in the function's place."""
        ledger: Any = self.ledger
        fn: Any = self.fn
        context: Any = self.context
        try:
            del ledger.queued[self.ticket]
        except (
            KeyError,
            AttributeError,
        ):  # refused, and run all the same; started before; or the task of a parent process
            return in_context(context, fn, args, kwargs)
        try:
            cell = ledger.counts.local.cell
        except AttributeError:
            cell = ledger.counts.new()
        active = ledger.workers.enter()
        token = None
        try:
            if context is not None:
                try:
                    token = attach(context)
                except Exception as fault:
                    faults.record("executor.context", fault)
            result = fn(*args, **kwargs)
        except BaseException as exc:
            self.let_go()
            outcome = judge(exc)[0]
            active[0] -= 1
            cell[outcome] += 1
            raise
        else:
            active[0] -= 1
            cell[SUCCEEDED] += 1
            return result
        finally:
            if token is not None:
                try:
                    detach(token)
                except Exception as fault:
                    faults.record("executor.context", fault)
            # This frame lives as long as the traceback of an exception: it must not keep the accounting or a context.
            del self, ledger, fn, context, cell, active, token

    def let_go(self) -> None:
        """Keep no more than the bare task would: on 3.14 a frame of the executor's, and so the traceback, holds `run`."""
        held: Any = self
        if held.ledger.copies:
            held.fn = held.fn.args[0]  # without the copy of the context that it would run in
        held.ledger = held.context = held.ticket = None


class TimedTask(CountedTask):
    """A task whose times are taken, or that has a span."""

    __slots__ = ("queued_at",)
    queued_at: float | None

    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        ledger: Any = self.ledger
        fn: Any = self.fn
        context: Any = self.context
        try:
            del ledger.queued[self.ticket]
        except (KeyError, AttributeError):
            return in_context(context, fn, args, kwargs)
        try:
            cell = ledger.counts.local.cell
        except AttributeError:
            cell = ledger.counts.new()
        active = ledger.workers.enter()
        generation = fork.generation
        started = span = token = None
        try:
            try:
                if self.queued_at is not None:
                    started = clock.perf_counter()
                    ledger.waited(started - self.queued_at, context)
                if ledger.span:
                    span = self.begin_span(started)
                    if span is not None:
                        context, fn = span.context, inside(fn, span.context)
            except Exception as fault:
                faults.record("executor.start", fault)
            if context is not None:
                try:
                    token = attach(context)
                except Exception as fault:
                    faults.record("executor.context", fault)
            result = fn(*args, **kwargs)
        except BaseException as exc:
            self.let_go()
            outcome, kind = judge(exc)
            active[0] -= 1
            cell[outcome] += 1
            if generation is fork.generation:
                if started is not None:
                    ledger.ran(started, kind)
                if span is not None:
                    span.end(outcome, kind, exc)
            raise
        else:
            active[0] -= 1
            cell[SUCCEEDED] += 1
            if generation is fork.generation:  # else the task has forked, and this is the child
                if started is not None:
                    ledger.ran(started, None)
                if span is not None:
                    span.end(SUCCEEDED, None)
            return result
        finally:
            if token is not None:
                try:
                    detach(token)
                except Exception as fault:
                    faults.record("executor.context", fault)
            del self, ledger, fn, context, cell, active, span, token

    def begin_span(self, started: float | None) -> TaskSpan | None:
        """The span of this task, which is about to run."""
        waited = None if started is None or self.queued_at is None else started - self.queued_at
        return start_span(self.ledger, self.fn, self.context, waited)


def enter(context: Context) -> Any:
    """Make `context` current; gives what `leave` takes."""
    try:
        return attach(context)
    except Exception as fault:
        faults.record("executor.context", fault)
        return None


def leave(token: Any) -> None:
    """Put back the context that was current before."""
    try:
        detach(token)
    except Exception as fault:
        faults.record("executor.context", fault)


def in_context(context: Context | None, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call `fn` with `context` current; None leaves what is there."""
    token = None if context is None else enter(context)
    try:
        return fn(*args, **kwargs)
    finally:
        if token is not None:
            leave(token)
        del fn, context, token


class TaskSpan:
    """The span of a task: a child of the submitter's, current in the task, with the outcome of the task."""

    __slots__ = ("context", "ended", "ledger", "span")

    def __init__(self, ledger: TaskLedger, span: Span, context: Context) -> None:
        self.ledger = ledger
        self.ended = False
        self.span = span
        self.context = context
        """What is current in the task: the submitter's context, if it travels, with this span in it."""

    def set(self, key: str, value: float) -> None:
        """Set an attribute. Never raises."""
        try:
            self.span.set_attribute(key, value)
        except Exception as fault:
            faults.record("executor.span", fault)

    def end(self, outcome: int, kind: str | None, exc: BaseException | None = None) -> None:
        """Tell the outcome and end it, once. Never raises."""
        if self.ended:
            return
        self.ended = True
        here = reentrancy.here.state
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
            faults.record("executor.span", fault)
        finally:
            here.busy = was

    def _tell_error(self, kind: str, exc: BaseException | None) -> None:
        scope = self.ledger.scope
        policy = scope.errors
        suppressed = None
        if exc is not None:
            suppressed = policy.admit(exc, scope=scope, operation=self.ledger.name, error_type=kind, span=self.span)
        if exc is None or suppressed is None:
            self.span.set_status(StatusCode.ERROR, kind)
            return
        self.span.set_status(StatusCode.ERROR, policy.message(exc) or kind)
        policy.emit(self.span, scope, policy.describe(exc, kind, suppressed))


def start_span(
    ledger: TaskLedger, fn: Callable[..., Any], context: Context | None, waited: float | None
) -> TaskSpan | None:
    """The span of a task that is about to run; None without an SDK, or where the API must not be called."""
    try:
        tracer = ledger.scope.tracer()
        here = reentrancy.here.state
        if tracer is None or here.busy:
            return None
        name, path = name_of(fn)
        attributes: dict[str, Any] = {"code.function.name": path, **ledger.span_attributes}
        if waited is not None:
            attributes[WAITED] = waited
        here.busy = True
        try:
            span = tracer.start_span(name, context, attributes=attributes)
        finally:
            here.busy = False
        travels = context if ledger.propagate is not None else Context()
        return TaskSpan(ledger, span, set_span_in_context(span, travels))
    except Exception as fault:
        faults.record("executor.span", fault)
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
    `asyncio.to_thread` makes, leaves behind what is current in the worker.
    """
    if not (isinstance(fn, functools.partial) and _runs_in_context(fn)):
        return fn
    body, *args = fn.args
    return functools.partial(fn.func, _call_in_context, context, body, *args, **fn.keywords)


def _call_in_context(context: Context, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    return in_context(context, fn, args, kwargs)
