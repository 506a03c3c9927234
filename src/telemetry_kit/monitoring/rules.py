"""Alerting rules for Prometheus, as data beside the catalogue.

They are written for the names that the Prometheus exporter gives (`job.start.timestamp` is
`job_start_timestamp_seconds`), and for jobs however they get there: scraped in a process that lives on, pushed to a
Pushgateway by one that doesn't, or pushed as OTLP, where the series of a process end soon after it.

A job's last run is a value and never a label, so one rule serves every job: `job.expected_interval` says of each how
long is too long. Series are told apart by everything but the process that they come from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["page", "ticket"]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alert: when it fires, how urgent that is, and what whoever is woken reads first.

    >>> AlertRule("JobFailed", "job_failed == 1", "0m", "ticket", "A job failed", "Look at it.").prometheus()["alert"]
    'JobFailed'
    """

    name: str
    expression: str
    """PromQL; the alert fires for each series that it gives."""
    hold: str
    """How long it must be so before it fires, in Prometheus' spelling."""
    severity: Severity
    summary: str
    """One line; may name labels of the series as Prometheus' templates do."""
    description: str
    """What it means and what to look at first."""

    def prometheus(self) -> dict[str, object]:
        """The rule as a rule file has it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.hold,
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.description},
        }


PROCESS_LABELS = "instance, pod"
"""What tells one process of a job from the next: the last success may be another's."""
WINDOW = "9d"
"""How far back the last success is looked for where its series has ended: a weekly job and its slack."""
SLACK = 1.25
"""How much later than expected a success may come: a run takes longer than the last one, or starts later."""


def _newest(function: str, metric: str) -> str:
    return f"max without ({PROCESS_LABELS}) ({function}({metric}[{WINDOW}]))"


_SUCCEEDED = f"({_newest('max_over_time', 'job_success_timestamp_seconds')} > 0)"
_EXPECTED = _newest("last_over_time", "job_expected_interval_seconds")
_KNOWN_SINCE = f"min without ({PROCESS_LABELS}) (min_over_time(timestamp(job_expected_interval_seconds)[{WINDOW}:5m]))"
_RECORDS = "sum without (job_record_outcome) (job_last_run_records)"
_RECORDS_ONCE = f"sum without (job_record_outcome, {PROCESS_LABELS}) (max_over_time(job_last_run_records[{WINDOW}]))"

_SUCCEEDED_LAST = f'max without ({PROCESS_LABELS}) (job_state{{job_state="succeeded"}} == 1)'

JOB_ALERTS: tuple[AlertRule, ...] = (
    AlertRule(
        "JobFailed",
        "job_failed == 1",
        "0m",
        "page",
        "{{ $labels.job_name }}: the last run failed",
        "The last finished run of {{ $labels.job_name }} ({{ $labels.scope_name }}) did not complete well. Its span says "
        "with which error.type, and after how many records. It stays so until a run succeeds.",
    ),
    AlertRule(
        "JobStale",
        f"time() - {_SUCCEEDED} > {SLACK} * {_EXPECTED}\n"
        f"or\n(time() - {_KNOWN_SINCE} > {SLACK} * {_EXPECTED}) unless {_SUCCEEDED}",
        "5m",
        "page",
        "{{ $labels.job_name }}: no success for {{ $value | humanizeDuration }}",
        "{{ $labels.job_name }} ({{ $labels.scope_name }}) has not succeeded within the interval that it declares. It did "
        "not start, failed, was killed, or still runs: look at job_start_timestamp_seconds first, then at the scheduler.",
    ),
    AlertRule(
        "JobRunningTooLong",
        "job_elapsed_seconds > job_expected_interval_seconds\n"
        "or\n(time() - job_start_timestamp_seconds > job_expected_interval_seconds) and job_active > 0",
        "1m",
        "page",
        "{{ $labels.job_name }}: running for {{ $value | humanizeDuration }}",
        "A run of {{ $labels.job_name }} ({{ $labels.scope_name }}) has been active for longer than the interval in which "
        "the next one is due. It hangs, or was killed without a word (a Pushgateway keeps what was pushed at its start).",
    ),
    AlertRule(
        "JobNoRecords",
        f"max without ({PROCESS_LABELS}) ({_RECORDS} == 0)\n"
        f"and ignoring (job_state) {_SUCCEEDED_LAST}\n"
        f"and {_RECORDS_ONCE} > 0",
        "0m",
        "ticket",
        "{{ $labels.job_name }}: succeeded without a single record",
        "The last run of {{ $labels.job_name }} ({{ $labels.scope_name }}) ended well and saw no records, though earlier runs "
        "had some. Its source is empty, or it looks in the wrong place.",
    ),
)
"""Stale, failed, running too long, without records: what a batch job can do to its owner, each with one rule."""


def rule_file(alerts: Iterable[AlertRule] = JOB_ALERTS, *, group: str = "telemetry_kit_jobs") -> dict[str, object]:
    """A Prometheus rule file: dump it as JSON, which is YAML, or as YAML.

    >>> import json
    >>> json.dumps(rule_file())[:38]
    '{"groups": [{"name": "telemetry_kit_jo'
    """
    return {"groups": [{"name": group, "rules": [alert.prometheus() for alert in alerts]}]}
