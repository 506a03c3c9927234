"""What a batch job is, once its options were checked: read by each of its runs, and by nobody outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetry_kit._core.attributes import encodable
from telemetry_kit._core.names import admit_name, check_name
from telemetry_kit._core.outcome import check_expected
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._jobs.options import seconds
from telemetry_kit._jobs.state import Job, jobs_of

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.outcome import CheckedExpected
    from telemetry_kit._core.scope import Scope
    from telemetry_kit._jobs.options import JobOptions


class JobDefinition(ByRecipe):
    """A job's options, made ready for its runs, and what all runs of its name share."""

    def __init__(self, scope: Scope, name: str, options: JobOptions) -> None:
        check_name("batch job", name)
        what = f"batch job {name!r}"
        options.check(what)
        self.name: str = encodable(name)
        self.scope: Scope = scope
        self.options: JobOptions = options
        self.expected: CheckedExpected | None = check_expected(what, options.expected)
        interval = seconds(what, "expected_interval", options.expected_interval)
        self.flush_timeout: float | None = seconds(what, "flush_timeout", options.flush_timeout)
        self.job: Job
        self.declared: dict[str, AttributeValue]
        self.job, self.declared = jobs_of(scope.instruments).job(
            scope.instruments, scope.label, admit_name(scope, "job", name), options.metric_attributes or {}
        )
        if interval is not None:
            self.job.expected_interval = interval
