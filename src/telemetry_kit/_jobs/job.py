"""Batch jobs that can't vanish: when a job last ran, whether that went well, what it is at now.

A `BatchJob` is what a user has of a job; `run` is one run of it, and `state` what all runs of a job leave behind and what
is observed of them. A job that dies young is what this package is for: see `flush` for what is delivered before the
process ends, and `sigterm` for a process that is asked to end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from telemetry_kit._core import cells, faults
from telemetry_kit._core.face import HasBlocks, public
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._jobs.definition import JobDefinition
from telemetry_kit._jobs.run import JobRun, current_run
from telemetry_kit._wrapping import callables, decorating

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope
    from telemetry_kit._jobs.options import JobOptions

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")

__all__ = ["BatchJob", "JobRun", "current_run"]


@public
class BatchJob(HasBlocks, ByRecipe):
    """Work that starts, goes through records and ends: a decorator, and the maker of runs.

    Made by `Telemetry.batch_job`. Several of one name in one `Telemetry` are one job.

    >>> from telemetry_kit import Telemetry, current_run
    >>> nightly = Telemetry("shop.reports").batch_job("nightly-report")
    >>> @nightly
    ... def report(day):
    ...     current_run().processed(3)
    >>> report("2026-11-30")
    """

    _gives_block = "`.run()`"

    def __init__(self, scope: Scope, name: str, options: JobOptions) -> None:
        self._definition = JobDefinition(scope, name, options)

    @property
    def name(self) -> str:
        """The name of the job."""
        return self._definition.name

    def __repr__(self) -> str:
        return f"<BatchJob {self.name!r} of {self._definition.scope.name!r}>"

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

        >>> with nightly.run(run_id="2026-11-30") as run:
        ...     run.processed(3)
        """
        return JobRun(self._definition, run_id, metric_attributes, carrier, links)

    def __call__(self, func: F, /) -> F:
        """Decorate `func`, which may be any kind of callable: each call is a run, its signature stays.

        Raises TypeError for what can't be decorated (a class, a property), and for a `run_id` that can't take `func`'s
        arguments.
        """
        return decorating.decorate(func, f"batch job {self.name!r}", partial(_JobCalls, self._definition))


class _JobCalls:
    """A batch job on one function: `Calls` for `drivers`."""

    def __init__(self, definition: JobDefinition, func: Any) -> None:
        self._definition = definition
        self._run_id = definition.options.run_id
        if self._run_id is not None:
            callables.check_takes(self._run_id, func, f"run_id of batch job {definition.name!r}")
        self._function = callables.full_name_of(func)
        self._stepwise = callables.kind_of_call(func) in ("generator", "async_generator")
        self.running = cells.Running()

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
        return JobRun(self._definition, run_id, function=self._function, stepwise=self._stepwise).__enter__()
