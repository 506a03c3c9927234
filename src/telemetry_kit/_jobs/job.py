"""Batch jobs that can't vanish: when a job last ran, whether that went well, what it is at now.

A `BatchJob` is the definition, checked when it is made; `_job_run` is one run of it, and `_job_state` what all runs of
a job leave behind and what is observed of them. A job that dies young is what this room is for: see `_flush` for what
is delivered before the process ends, and `_sigterm` for who is told to go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from telemetry_kit._core import counters, faults
from telemetry_kit._core.cardinality import SETS_PER_HELPER, ValueGuard
from telemetry_kit._core.face import HasBlocks, public
from telemetry_kit._core.names import admit_name, check_name
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._jobs.run import JobRun, current_run
from telemetry_kit._jobs.state import OWN_KEYS, Job, jobs_of
from telemetry_kit._wrapping import callables, drivers

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.outcome import CheckedExpected
    from telemetry_kit._core.scope import Scope
    from telemetry_kit._jobs.options import JobOptions

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")

__all__ = ["BatchJob", "JobRun", "current_run"]


@public
class BatchJob(HasBlocks, ByRecipe):
    """Work that starts, goes through records and ends: a decorator, and the maker of runs.

    Made by `Telemetry.batch_job`. Several of one name in one `Telemetry` are one job.
    """

    _gives_block = "`.run()`"

    def __init__(self, scope: Scope, name: str, options: JobOptions) -> None:
        check_name("batch job", name)
        checked = options.check(f"batch job {name!r}")
        self.name = name
        self.scope = scope
        self.has_span: bool = options.span
        self.expected: CheckedExpected | None = checked.expected
        self.flush_timeout: float | None = checked.flush_timeout
        self.flush_at_start: bool = options.flush_at_start
        self.handle_sigterm: bool = options.handle_sigterm
        self._run_id = options.run_id
        declared = ValueGuard(SETS_PER_HELPER, own=OWN_KEYS).attributes(options.metric_attributes or {})
        self.declared: dict[str, AttributeValue] = declared
        self.job: Job = jobs_of(scope.instruments).job(scope.name, admit_name(scope, "job", name), declared)
        if checked.expected_interval is not None:
            self.job.expected_interval = checked.expected_interval

    def __repr__(self) -> str:
        return f"<BatchJob {self.name!r} of {self.scope.name!r}>"

    def run(
        self,
        *,
        run_id: object = None,
        metric_attributes: Mapping[str, object] | None = None,
        carrier: Any = None,
        links: Any = None,
    ) -> JobRun:
        """A fresh run for one `with` block, in sync and async code alike; runs that overlap don't disturb each other.

        Args:
            run_id: what tells this run from others, such as the date it is for. It goes to the span (`job.run.id`),
                never to a metric.
            metric_attributes: of low cardinality, guarded, on the metrics and the span of this run. Runs with
                different ones have start, success and failure of their own.
            carrier: where the trace of what triggered the run is extracted from, `Environ()` for that of the process.
            links: carriers, contexts or links of other work that this run continues.
        """
        return JobRun(self, run_id, metric_attributes, carrier, links)

    def __call__(self, func: F, /) -> F:
        """Decorate `func`, which may be any kind of callable: each call is a run, its signature stays.

        Raises TypeError for what can't be decorated (a class, a property), and for a `run_id` that can't take `func`'s
        arguments.
        """
        callables.check(func, f"batch job {self.name!r}")
        if isinstance(func, (classmethod, staticmethod)):
            return cast("F", type(func)(self(func.__func__)))
        return cast("F", drivers.decorate(cast("Any", func), _Decorated(self, func)))


class _Decorated:
    """A batch job on one function: `Calls` for `_calls`."""

    def __init__(self, batch_job: BatchJob, func: Any) -> None:
        self._batch_job = batch_job
        self._run_id = batch_job._run_id
        if self._run_id is not None:
            callables.check_takes(self._run_id, func, f"run_id of batch job {batch_job.name!r}")
        self._function = callables.full_name_of(func)
        self._stepwise = callables.kind_of_call(func) in ("generator", "async_generator")
        self.running = counters.Running()

    def idle(self) -> bool:
        """Never: a run that ended before the SDK came must be known to it."""
        return False

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> JobRun:
        run_id = None
        if self._run_id is not None:
            try:
                run_id = self._run_id(*args, **kwargs)
            except Exception as fault:
                faults.record("job.run_id", fault)
        run = JobRun(self._batch_job, run_id, function=self._function)
        run.begin(stepwise=self._stepwise)
        return run
