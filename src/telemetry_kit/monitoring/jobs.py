"""Signals of batch jobs, right for jobs that are scraped, that push to a Pushgateway and that push OTLP.

A cron job leaves one sample and is gone: five minutes later an instant expression sees nothing. So a job's numbers are
looked for over the look-back, in every process that ran it, and the newest run is what counts: the newest by the job's
name and scope, whatever its instance. Each fault is one alert, in this order: what failed, what runs too long, what is
late. A run that began when a success was already late doesn't change what is wrong.
"""

from telemetry_kit.monitoring.model import Alert, Panel, Recording, Signal
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.promql import Metrics, by, indented, on, quoted

SLACK = 1.25
"""How much later than expected a success may come: a run takes longer than the last one, or starts later."""
LONGEST = 86_400
"""Seconds that a run may take whose job declares no interval."""
FAILED, RUNNING, STUCK = "batch_job:failed", "batch_job:running_since", "batch_job:stuck"
INTERVAL, KNOWN, SINCE, LATE = (
    f"batch_job:{what}" for what in ("expected_interval", "known_since", "succeeded_or_known", "late")
)
"""What is recorded of each job, so that its look-back is read once an evaluation."""
PAGE = "how-to/be-paged-when-a-job-did-not-run"


def signals(options: Options) -> tuple[Signal, ...]:
    """What a batch job can do to its owner, each with one alert, and what explains it."""
    return _Jobs(options).signals()


class _Jobs:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.metrics = Metrics(options)
        self.labels = ("job_name", "scope_name", *options.by)
        self.name = "{{ $labels.job_name }}"

    def _last(self, metric: str, *matchers: str, function: str = "last_over_time") -> str:
        """The last sample of each series within the look-back."""
        return f"{function}({self.metrics(metric, *matchers, window=self.options.lookback)})"

    def _newest(self, metric: str, function: str = "last_over_time") -> str:
        """Of all processes of the job."""
        return f"max {by(self.labels)} ({self._last(metric, function=function)})"

    def _succeeded(self) -> str:
        kept = self._newest("job.last_success.timestamp", "max_over_time")
        return f"({kept}\nor\n{self._newest('job.success.timestamp', 'max_over_time')}) > 0"

    def _known_since(self) -> str:
        """When the job was first seen. It is remembered from one evaluation to the next: a subquery over the whole
        look-back would read it thousands of times."""
        first = f"min {by(self.labels)} (timestamp({self.metrics('job.expected_interval')}))"
        return f"(last_over_time({KNOWN}[1h]) and {INTERVAL})\nor\n{first}"

    def _failed_at(self) -> str:
        """When the newest finished run ended, where it failed; what says no end counts if it is all there is."""
        failed, ended = f"{self._last('job.failed')} == 1", self._newest("job.end.timestamp")
        at = f"max {by(self.labels)} ({self._last('job.end.timestamp')} and {failed})"
        return f"{at} == {ended}\nor\n(max {by(self.labels)} ({failed}) unless {ended})"

    def _running_since(self) -> str:
        """When the newest run started, where it hasn't ended, or the oldest of those that overlap: a Pushgateway keeps the
        elapsed time of its last push for ever, so that the earlier of the two counts."""
        started, ended = self._newest("job.start.timestamp"), self._newest("job.end.timestamp")
        elapsed = f"max {by(self.labels)} ({self.metrics('job.elapsed')} and {self.metrics('job.active')} > 0)"
        oldest = f'label_replace(time() - {elapsed}, "how", "elapsed", "", "")'
        either = f"{started} > {ended}\nor\n({started} unless {ended})\nor\n{oldest}"
        return f"min {by(self.labels)} (\n{indented(either)}\n)"

    def signals(self) -> tuple[Signal, ...]:
        """In the order in which a fault is looked for."""
        expected = (self._never_seen(),) if self.options.expect_jobs else ()
        return (self._failed(), self._too_long(), self._stale(), *expected, self._no_records(), *self._explanations())

    def _failed(self) -> Signal:
        ended = self._newest("job.end.timestamp")
        return Signal(
            name="job_failed",
            part="job",
            kind="state",
            meaning="1 where the last finished run failed, 0 where it succeeded or was skipped.",
            expression=f"group {by(self.labels)} (\n{indented(self._failed_at())}\n)\nor\n0 * {ended}",
            labels=self.labels,
            panel=Panel(title="Job: failed"),
            records=(
                Recording(name=FAILED, expression=self._failed_at()),
                Recording(name=RUNNING, expression=self._running_since()),
                Recording(name=INTERVAL, expression=self._newest("job.expected_interval")),
                Recording(name=KNOWN, expression=self._known_since()),
                Recording(name=SINCE, expression=f"{self._succeeded()}\nor\n{KNOWN}"),
                Recording(name=LATE, expression=f"time() > {SINCE} + {SLACK:g} * {INTERVAL}"),
            ),
            alerts=(
                Alert(
                    name="JobFailed",
                    threshold=1,
                    comparison="==",
                    expression=FAILED,
                    hold="0m",
                    severity="page",
                    summary=f"{self.name}: the last run failed",
                ),
            ),
            first_steps=(
                "The run's span says with which error.type, in which step, and after how many records.",
                "Can it be run again? A run that succeeds, or is skipped, ends the alert.",
            ),
            page=PAGE,
        )

    def _too_long(self) -> Signal:
        stuck = (
            f"(\n  time() - {RUNNING} > ({INTERVAL} or 0 * {RUNNING} + {LONGEST})\n"
            f"  or\n  (time() - {RUNNING} and {LATE})\n)\n"
            f"unless {RUNNING} > {SINCE} + {SLACK:g} * {INTERVAL}\nunless {FAILED}"
        )
        return Signal(
            name="job_running",
            part="job",
            kind="state",
            meaning="How long the newest run has been running, or, if it was killed without a word, seems to.",
            expression=f"time() - (\n{indented(self._running_since())}\n)",
            labels=self.labels,
            panel=Panel(title="Job: running for", unit="s"),
            records=(Recording(name=STUCK, expression=stuck),),
            alerts=(
                Alert(
                    name="JobRunningTooLong",
                    threshold=1,
                    expression=STUCK,
                    hold="1m",
                    severity="page",
                    summary=f"{self.name}: running for {{{{ $value | humanizeDuration }}}}",
                ),
            ),
            first_steps=(
                "Is its process there? If not it was killed without a word: by memory (`dmesg`), a node, a `kill -9`.",
                "It is: progress and records say whether it goes on; `py-spy dump --pid` says where it stands.",
            ),
            page=PAGE,
        )

    def _stale(self) -> Signal:
        since = f"time() - (\n{indented(self._succeeded())}\n)"
        return Signal(
            name="job_last_success",
            part="job",
            kind="state",
            meaning="How long ago the last success was.",
            expression=since,
            labels=self.labels,
            panel=Panel(
                title="Job: time since the last success",
                unit="s",
                queries=(
                    ("{{job_name}}", since),
                    ("{{job_name}} is late from", f"{SLACK:g} * {self._newest('job.expected_interval')}"),
                ),
            ),
            alerts=(
                Alert(
                    name="JobStale",
                    threshold=SLACK,
                    expression=f"(time() - {SINCE} and {LATE})\nunless {STUCK}\nunless {FAILED}",
                    hold="5m",
                    severity="page",
                    summary=f"{self.name}: no success for {{{{ $value | humanizeDuration }}}}",
                ),
            ),
            first_steps=(
                "Did it start? If its last start is old, look at the scheduler: is the line there, is the host up?",
                "If it runs now, it started late: progress says whether it will make it.",
            ),
            page=PAGE,
        )

    def _never_seen(self) -> Signal:
        def absent(name: str) -> str:
            metrics = (self.metrics(metric, f"job_name={quoted(name)}", window=self.options.lookback) for metric in
                       ("job.start.timestamp", "job.expected_interval"))  # fmt: skip
            return " and ".join(f"absent_over_time({metric})" for metric in metrics)

        seen = f"count by (job_name) ({self._last('job.start.timestamp')})"
        return Signal(
            name="job_expected",
            part="job",
            kind="state",
            meaning="Processes of each job that were seen within the look-back.",
            expression=seen,
            labels=("job_name",),
            panel=Panel(title="Job: seen"),
            alerts=(
                Alert(
                    name="JobNeverSeen",
                    threshold=1,
                    comparison="<",
                    expression="\nor\n".join(f"({absent(name)})" for name in self.options.expect_jobs),
                    hold="1h",
                    severity="page",
                    summary=f"{self.name}: not seen for {self.options.lookback}",
                ),
            ),
            first_steps=(
                "Is it scheduled at all? Is the name in `--expect-jobs` the one given to `batch_job`?",
                "It ran: does its telemetry arrive? Run it under `python -m telemetry_kit doctor`.",
            ),
            page=PAGE,
        )

    def _no_records(self) -> Signal:
        last = f"sum without (job_record_outcome) ({self._last('job.last_run.records')})"
        newest = (
            f"{self._last('job.end.timestamp')} == {on(self.labels)} group_left {self._newest('job.end.timestamp')}"
        )
        well = f"{self._last('job.state', _SUCCEEDED)} == 1"
        some = f"sum {by(self.labels)} ({self._last('job.last_run.records', function='max_over_time')})"
        return Signal(
            name="job_records",
            part="job",
            kind="traffic",
            meaning="Records of the current or last run, by outcome.",
            expression=f"sum {by((*self.labels, 'job_record_outcome'))} ({self._last('job.last_run.records')})",
            labels=(*self.labels, "job_record_outcome"),
            panel=Panel(title="Job: records of the last run"),
            alerts=(
                Alert(
                    name="JobNoRecords",
                    threshold=0,
                    comparison="==",
                    expression=f"max {by(self.labels)} (\n"
                    + indented(f"({last} == 0)\nand ({newest})\nand ignoring (job_state) ({well})")
                    + f"\n)\nand {some} > 0",
                    hold="0m",
                    severity="ticket",
                    summary=f"{self.name}: succeeded without a single record",
                ),
            ),
            first_steps=(
                "Its source is empty, or it looks in the wrong place: compare with the last run that had records.",
            ),
            page=PAGE,
        )

    def _explanations(self) -> tuple[Signal, ...]:
        m = self.metrics
        runs = m("job.duration", part="bucket", window="1d")
        steps = m("job.step.duration", part="bucket", window="1d")
        of_job, of_step = ("job_name",), ("job_name", "job_step_name")

        def quantile(labels: tuple[str, ...], buckets: str) -> str:
            return f"histogram_quantile(0.95, sum {by((*labels, 'le'))} (increase({buckets})))"

        return (
            Signal(
                name="job_progress",
                part="job",
                kind="state",
                meaning="Share of the active run that is done.",
                expression=f"max {by(self.labels)} ({m('job.progress')})",
                labels=self.labels,
                panel=Panel(title="Job: progress", unit="percentunit"),
                no_alert="A run that doesn't go on is seen as one that runs too long.",
            ),
            Signal(
                name="job_duration",
                part="job",
                kind="latency",
                meaning="How long 95 of 100 runs of a day took at most, in processes that live on.",
                expression=quantile(of_job, runs),
                labels=of_job,
                panel=Panel(title="Job: duration (p95)", unit="s"),
                no_alert="Too long is what reaches into the next run, and that pages.",
            ),
            Signal(
                name="job_step_duration",
                part="job",
                kind="latency",
                meaning="Which steps the time went into.",
                expression=quantile(of_step, steps),
                labels=of_step,
                panel=Panel(title="Job: steps (p95)", unit="s"),
                no_alert="It explains a run that takes long.",
            ),
        )


_SUCCEEDED = 'job_state="succeeded"'
