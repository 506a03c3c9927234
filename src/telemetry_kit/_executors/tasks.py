"""One task of an executor, from its submission to its one outcome.

Whoever takes the task out of the queue (`Accounting.queued`) decides over it: the worker that starts it, and then tells
how it ended; the submission that is refused; or whoever sees by the future that no worker will start it. They may come
at the same time: only one of them gets it.
"""

from __future__ import annotations

import contextvars
import functools
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from telemetry_kit._core import clock, faults
from telemetry_kit._core.active_span import ActiveSpan
from telemetry_kit._core.attributes import encodable
from telemetry_kit._core.context import Current, attach, detach, get_current, own, put_back, with_span
from telemetry_kit._core.forks import fork
from telemetry_kit._executors.accounting import Accounting, Ticket
from telemetry_kit._executors.outcomes import FAILED, OUTCOMES, SUCCEEDED, judge
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Callable

WAITED = "executor.queue.wait_time"
"""On a task's span: the seconds that it waited in the queue, where its times are taken."""
_MAPPERS = ("concurrent.futures.process", "loky.process_executor")
"""Where the function stands that runs a chunk of `map` in a process pool; its first argument is the one that was mapped."""


class Task:
    """A task that is counted and has its submitter's context, whose times may be taken, and that may have a span.

    The executor gets `run` in the function's place. It has no constructor: `submit` fills it, which saves a call.
    """

    __slots__ = ("__weakref__", "accounting", "context", "fn", "queued_at", "ticket")
    accounting: Accounting
    ticket: Ticket
    fn: Callable[..., Any]
    context: Context | None
    queued_at: float | None
    """When it was submitted, None where its times aren't taken."""

    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        """What a worker calls in the function's place."""
        accounting: Any = self.accounting
        fn: Any = self.fn
        context: Any = self.context
        cell: Any = None
        active: Any = None
        token: Any = None
        started = span = None
        outcome = FAILED
        generation = fork.generation
        try:
            try:
                del accounting.queued[self.ticket]
            except (KeyError, AttributeError):  # refused, and run all the same; started before; or a parent process's
                return in_context(context, fn, args, kwargs)
            try:
                cell = accounting.counts.local.cell
            except AttributeError:
                cell = accounting.counts.new()
            try:
                workers = accounting.workers.local.cell
            except AttributeError:
                workers = accounting.workers.new()
            active, workers[0] = workers, workers[0] + 1
            try:
                if self.queued_at is not None:
                    started = clock.perf_counter()
                    accounting.waited(started - self.queued_at, context)
                if accounting.span:
                    span = self.begin_span(started)
                    if span is not None and span.context is not None:
                        context, fn = span.context, inside(fn, span.context)
            except Exception as fault:
                faults.record("executor.start", fault)
            if context is not None:
                try:
                    token = attach(context)
                except Exception as fault:
                    faults.record("executor.context", fault)
            result = fn(*args, **kwargs)
            active[0], cell[SUCCEEDED], active = active[0] - 1, cell[SUCCEEDED] + 1, None
            if generation is fork.generation:  # else the task has forked, and this is the child
                if started is not None:
                    accounting.ran(started, None)
                if span is not None:
                    span.end(SUCCEEDED, None)
            return result
        except BaseException as exc:
            outcome, kind = judge(exc)
            if active is not None:
                self.let_go()
                active[0], cell[outcome], active = active[0] - 1, cell[outcome] + 1, None
                if generation is fork.generation:
                    if started is not None:
                        accounting.ran(started, kind)
                    if span is not None:
                        span.end(outcome, kind, exc)
            raise
        finally:
            # Whatever line an interrupt arrives at, the task is counted once, and its context is left.
            try:
                if active is not None:
                    active[0], cell[outcome], active = active[0] - 1, cell[outcome] + 1, None
            finally:
                try:
                    if token is not None:
                        leave(token)
                finally:
                    if token is not None and get_current() is context:  # an exception arrived before it was left
                        leave(token)
                # This frame lives as long as the traceback of an exception: it must not keep the accounting alive.
                del self, accounting, fn, context, cell, active, span, token

    def let_go(self) -> None:
        """Keep no more than the bare task would: on 3.14 a frame of the executor's, and so the traceback, holds `run`."""
        held: Any = self
        if held.accounting.copies:
            held.fn = held.fn.args[0]  # without the copy of the context that it would run in
        held.accounting = held.context = held.ticket = None

    def begin_span(self, started: float | None) -> TaskSpan | None:
        """The span of this task, which is about to run; None without an SDK."""
        accounting = self.accounting
        waited = None if started is None or self.queued_at is None else started - self.queued_at
        try:
            return None if accounting.scope.tracer() is None else TaskSpan(accounting, self.fn, self.context, waited)
        except Exception as fault:
            faults.record("executor.span", fault)
            return None


def leave(token: Any) -> None:
    """Put back the context that was current before."""
    put_back(detach, token)


def in_context(context: Context | None, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call `fn` with `context` current; None leaves what is there."""
    current = Current()
    current.context = own(context)
    try:
        current.enter()
        return fn(*args, **kwargs)
    finally:
        try:
            current.leave()
        finally:
            current.leave()
            del fn, context, current


class TaskSpan(ActiveSpan):
    """The span of a task: a child of the submitter's, current in the task, with the outcome of the task."""

    def __init__(
        self, accounting: Accounting, fn: Callable[..., Any], context: Context | None, waited: float | None
    ) -> None:
        self._scope = accounting.scope
        self._accounting = accounting
        self._current = Current()
        self._current.context = own(context)
        self._generation = fork.generation
        self.ended = False
        name, path = name_of(fn)
        attributes: dict[str, Any] = {keys.CODE_FUNCTION_NAME: path, **self._accounting.span_attributes}
        if waited is not None:
            attributes[WAITED] = waited
        self._start_span(name, SpanKind.INTERNAL, attributes)
        if self._own_span and self._accounting.propagate is None:
            self._current.context = with_span(Context(), self.span)

    @property
    def recording(self) -> bool:
        """Whether anything that is set on it will be seen."""
        return self._recording

    @property
    def context(self) -> Context | None:
        """What is current in the task: the submitter's context, if it travels, with this span in it."""
        return self._current.context

    def end(self, outcome: int, kind: str | None, exc: BaseException | None = None) -> None:
        """Record the outcome and end it, once. Never raises an `Exception`."""
        if self.ended:
            return
        self.ended = True
        if self._own_span or self._deferred is not None:
            attributes = {keys.EXECUTOR_TASK_OUTCOME: OUTCOMES[outcome]}
            self._close(kind, exc, attributes, named=self._accounting.name)


def name_of(fn: Any) -> tuple[str, str]:
    """What a task is called: the qualified name of the function, without and with its module.

    Through partials, and through what `asyncio.to_thread` and a process pool's `map` put around it.

    >>> name_of(functools.partial(contextvars.copy_context().run, sorted, [2, 1]))
    ('sorted', 'builtins.sorted')
    """
    for _ in range(10):
        if not isinstance(fn, functools.partial) or "__qualname__" in vars(fn):
            break
        carried = _runs_in_context(fn) or _runs_chunk(fn)
        fn = fn.args[0] if carried and fn.args else vars(fn).get("__wrapped__", fn.func)
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    name = str(name).rpartition("<locals>.")[2]
    return encodable(name), encodable(f"{getattr(fn, '__module__', None) or type(fn).__module__}.{name}")


def _runs_chunk(fn: functools.partial[Any]) -> bool:
    return any(fn.func is getattr(sys.modules.get(module), "_process_chunk", None) for module in _MAPPERS)


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
