"""Worker pools seen from inside: how many workers are busy, how long tasks wait for one, and what became of them.

An executor is wrapped, not patched: `isinstance` holds, whatever isn't about submitting goes straight to it, and other
executors of its class are left alone. Between submission and worker stands a task (`tasks`, and `remote` for executors
that send it elsewhere); who waits, works and was decided is known to `accounting`.
"""

from __future__ import annotations

import concurrent.futures
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import wrapt

from telemetry_kit._core import clock, faults
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.context import get_current
from telemetry_kit._core.declared import check_mapping
from telemetry_kit._core.guards import few, guard_of
from telemetry_kit._core.late import known, late_import
from telemetry_kit._core.names import admit_name, check_name
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._executors.accounting import Accounting, Ticket, running, unfinished
from telemetry_kit._executors.observation import counts_of
from telemetry_kit._executors.outcomes import REJECTED
from telemetry_kit._executors.remote import TaskBesideFunction, TravellingTask, WhenDone, run_beside
from telemetry_kit._executors.seen import EqualTask
from telemetry_kit._executors.tasks import Task
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from telemetry_kit._core.scope import Scope

Propagate = Literal["otel", "contextvars"] | None
"""What travels with a task into its worker."""
E = TypeVar("E", bound="Executor")

_PROPAGATE = ("otel", "contextvars", None)
_OWN_KEYS = (keys.EXECUTOR_NAME, keys.EXECUTOR_TYPE, keys.SCOPE_NAME, keys.ERROR_TYPE, keys.EXECUTOR_WORKER_STATE,
             keys.EXECUTOR_TASK_OUTCOME)  # fmt: skip
_KINDS = (  # an interpreter pool is a thread pool by class, so it comes first
    ("interpreter", "InterpreterPoolExecutor"),
    ("thread", "ThreadPoolExecutor"),
    ("process", "ProcessPoolExecutor"),
)


def wrap_executor(
    scope: Scope,
    executor: E,
    /,
    *,
    name: str,
    span: bool = False,
    metric_attributes: Mapping[str, object] | None = None,
    propagate: Propagate = "otel",
    sample_durations: float = 1.0,
) -> E:
    """`Telemetry.wrap_executor`, which says what the arguments mean."""
    if not isinstance(executor, concurrent.futures.Executor):
        raise TypeError(
            f"executor of wrap_executor must be a concurrent.futures.Executor, got {executor!r:.100}: give an instance, say "
            "ThreadPoolExecutor(8)"
        )
    check_name("executor", name)
    if propagate not in _PROPAGATE:
        raise ValueError(
            f"propagate of executor {name!r} must be 'otel' (OpenTelemetry's context), 'contextvars' (all context "
            f"variables) or None (nothing), got {propagate!r:.100}"
        )
    if not isinstance(span, bool):
        raise TypeError(f"span of executor {name!r} must be True (a span for each task) or False, got {span!r:.100}")
    kind, admitted = _kind(executor), admit_name(scope, "executor", name)
    check_mapping("metric_attributes", f"executor {name!r}", metric_attributes)
    guard = guard_of(scope, "executor", admitted, _OWN_KEYS)
    declared = few(guard, metric_attributes) if metric_attributes else {}
    own: dict[str, AttributeValue] = {
        keys.EXECUTOR_NAME: admitted,
        keys.EXECUTOR_TYPE: kind,
        keys.SCOPE_NAME: scope.label,
    }
    counts = counts_of(scope, {**declared, **own})
    wrapped: Any = executor
    if type(wrapped) is InstrumentedExecutor and wrapped._self_accounting.counts is counts:
        msg = f"executor {name!r} must be wrapped once, got one that is: it is used as it is, so that no task counts twice"
        faults.record("executor.wrapped", ValueError(msg))
        return executor
    accounting = Accounting(
        scope,
        counts.workers_of(executor, None if kind == "thread" else running if kind == "other" else unfinished),
        name=admitted,
        kind=kind,
        span=span,
        propagate=propagate,
        sample=_sampler(name, sample_durations),
    )
    return cast("E", InstrumentedExecutor(executor, accounting))


class InstrumentedExecutor(StaysHere, wrapt.ObjectProxy):  # type: ignore[type-arg]  # generic from wrapt 2 on only
    """An executor that knows what its tasks do. It holds the executor and its accounting, which don't hold each other."""

    submit: Any = None
    """Each instance's own closure, which knows where everything is: a proxy's attributes are slow. It stands here too
    since a proxy keeps only what its class has a name for, and hands all else on."""

    def __copy__(self) -> Any:
        return self.__reduce_ex__(4)

    def __deepcopy__(self, _memo: Any) -> Any:
        return self.__reduce_ex__(4)

    def __init__(self, executor: Executor, accounting: Accounting) -> None:
        super().__init__(executor)
        self._self_accounting = accounting
        self.submit = _submit(accounting, executor.submit)

    def map(self, fn: Callable[..., Any], /, *iterables: Any, **options: Any) -> Iterator[Any]:
        """Each call, in a process pool each chunk of calls, is a task."""
        own: Any = self.__class__.map  # the executor's class, through any number of wrappers
        if _maps_by_submitting(own):
            return cast("Iterator[Any]", own(self, fn, *iterables, **options))
        if options.keys() <= {"timeout", "chunksize"}:
            return concurrent.futures.Executor.map(cast("Executor", self), fn, *iterables, **options)
        return cast("Iterator[Any]", self.__wrapped__.map(fn, *iterables, **options))

    def shutdown(self, *args: Any, **kwargs: Any) -> Any:
        self._self_accounting.workers.closed = True
        return self.__wrapped__.shutdown(*args, **kwargs)

    def __enter__(self) -> Any:
        entered = self.__wrapped__.__enter__()
        return self if entered is self.__wrapped__ else entered

    def __exit__(self, *exc_info: object) -> Any:
        self._self_accounting.workers.closed = True
        return self.__wrapped__.__exit__(*exc_info)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


Submit = Callable[..., "Future[Any]"]


def _submit(accounting: Accounting, submit_bare: Submit) -> Submit:
    """The `submit` of an executor. A thread pool's workers call what they are given, the task's own method; any other
    executor may pickle it."""
    workers, queued = accounting.workers, accounting.queued
    sample = accounting.sample
    carries, copies = accounting.carries, accounting.copies
    standard, stays = _is_standard(submit_bare), accounting.kind == "thread"
    beside = standard and accounting.kind == "interpreter"
    kind: type[Task] = TaskBesideFunction if beside else TravellingTask
    if stays:
        kind = Task if standard else EqualTask  # another one's own submit may look at what it is given

    def submit(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        try:
            task: Any = kind()
            task.accounting = accounting
            task.fn = partial(copy_context().run, fn) if copies else fn
            task.context = get_current() if carries else None
            task.queued_at = clock.perf_counter() if sample is True or (sample and sample()) else None
            task.ticket = ticket = Ticket()
            ticket.workers = workers
            given = (run_beside, task, fn, *args) if beside else (task.run, *args)
        except Exception as fault:
            faults.record("executor.submit", fault)
            return submit_bare(fn, *args, **kwargs)
        queued[ticket] = None
        try:
            future = submit_bare(*given, **kwargs)
        except BaseException:
            workers.decide(ticket, REJECTED)
            raise
        try:
            if stays:
                future.add_done_callback(ticket)
            else:
                ticket.future = weakref.ref(future)
                future.add_done_callback(WhenDone(task))
        except Exception as fault:
            faults.record("executor.submit", fault)
        return future

    return submit


def _is_standard(submit_bare: Submit) -> bool:
    """Whether it is a thread pool's own, which doesn't look at what it is given."""
    return getattr(submit_bare, "__func__", None) is concurrent.futures.ThreadPoolExecutor.submit


def _maps_by_submitting(own: Any) -> bool:
    """Whether a class's `map` makes its tasks by `self.submit`, as the standard library's do. Dask's, for one, hands
    the whole call to its client.
    """
    code = getattr(own, "__code__", None)
    return code is not None and ("submit" in code.co_names or "__class__" in code.co_freevars)


def _kind(executor: Executor) -> str:
    for kind, class_name in _KINDS:
        its_class = known(f"concurrent.futures.{kind}", class_name)  # the package imports it when it is asked for
        if its_class is not None and isinstance(executor, its_class):
            return kind
    return "other"


def _sampler(name: str, share: float) -> Callable[[], bool] | bool:
    """Whether a task's times are taken: of all, of none, or of those of which the callable says so."""
    if not isinstance(share, (int, float)) or isinstance(share, bool):
        raise TypeError(f"sample_durations of executor {name!r} must be a number from 0.0 to 1.0, got {share!r:.100}")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"sample_durations of executor {name!r} must be from 0.0 to 1.0, got {share!r}")
    if share in (0.0, 1.0):
        return bool(share)
    with late_import():
        from random import Random

    draw = Random().random  # noqa: S311 - our own, so that a host's seeded sequence stays as it is
    return lambda: draw() < share
