"""Batch jobs that can't vanish: when a job last ran, whether that went well, what it is at now.

A `BatchJob` is the definition, checked when it is made; `_job_run` is one run of it, and `_job_state` what all runs of
a job leave behind and what is observed of them. A job that dies young is what this room is for: see `_flush` for what
is delivered before the process ends, and `_sigterm` for who is told to go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from telemetry_kit._core import counters, faults
from telemetry_kit._core.cardinality import SETS_PER_HELPER, ValueGuard
from telemetry_kit._core.names import admit_name, check_name
from telemetry_kit._jobs.run import JobRun, current_run
from telemetry_kit._jobs.state import Job, jobs_of
from telemetry_kit._operation.options import check_expected
from telemetry_kit._wrapping import callables, drivers

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.scope import Scope
    from telemetry_kit._operation.options import Expected

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")

__all__ = ["BatchJob", "JobRun", "current_run"]


class BatchJob:
    """Work that starts, goes through records and ends: a decorator, and the maker of runs.

    Made by `Telemetry.batch_job`. Several of one name in one `Telemetry` are one job.
    """

    def __init__(
        self,
        scope: Scope,
        name: str,
        *,
        metric_attributes: Mapping[str, object] | None = None,
        run_id: Callable[..., object] | None = None,
        expected_interval: float | None = None,
        span: bool = True,
        expected: Expected = (),
        flush_timeout: float | None = None,
        flush_at_start: bool = False,
        handle_sigterm: bool = False,
    ) -> None:
        check_name("batch job", name)
        what = f"batch job {name!r}"
        if metric_attributes is not None and not isinstance(metric_attributes, Mapping):
            msg = f"metric_attributes of {what} is a mapping, and got {metric_attributes!r:.100}"
            raise TypeError(msg)
        if run_id is not None and not callable(run_id):
            msg = f"run_id of {what} is a callable given the decorated call's arguments, and got {run_id!r:.100}"
            raise TypeError(f"{msg}: give the id of a single run to .run(run_id=...)")
        for option, value in (("span", span), ("flush_at_start", flush_at_start), ("handle_sigterm", handle_sigterm)):
            if not isinstance(value, bool):
                msg = f"{option} of {what} is True or False, and got {value!r:.100}"
                raise TypeError(msg)
        self.name = name
        self.scope = scope
        self.has_span = span
        self.flush_timeout: float | None = _seconds(what, "flush_timeout", flush_timeout)
        self.flush_at_start = flush_at_start
        self.handle_sigterm = handle_sigterm
        self._expected = check_expected(what, expected)
        self._run_id = run_id
        self.declared: dict[str, AttributeValue] = ValueGuard(SETS_PER_HELPER).attributes(metric_attributes or {})
        self.job: Job = jobs_of(scope.instruments).job(scope.name, admit_name(scope, "job", name), self.declared)
        interval = _seconds(what, "expected_interval", expected_interval)
        if interval is not None:
            self.job.expected_interval = interval

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

    def is_expected(self, exc: BaseException) -> bool:
        """Whether the user has said of this exception that it is no error."""
        expected = self._expected
        if expected is None or isinstance(expected, tuple):
            return expected is not None and isinstance(exc, expected)
        try:
            return bool(expected(exc))
        except Exception as fault:
            faults.record("job.expected", fault)
            return False


class _Decorated:
    """A batch job on one function: `Calls` for `_calls`."""

    def __init__(self, batch_job: BatchJob, func: Any) -> None:
        self._batch_job = batch_job
        self._run_id = batch_job._run_id
        if self._run_id is not None:
            callables.check_takes(self._run_id, func, f"run_id of batch job {batch_job.name!r}")
        self._function = callables.full_name_of(func)
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
        run.begin()
        return run


def _seconds(what: str, option: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"{option} of {what} is a number of seconds or None, and got {value!r:.100}"
        raise TypeError(msg)
    if not (math.isfinite(value) and value > 0):
        msg = f"{option} of {what} is above zero seconds, and got {value!r}: leave it out for none"
        raise ValueError(msg)
    return value
