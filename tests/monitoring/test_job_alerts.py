"""The alerts on batch jobs over hours and days of a job's life: one for each fault, until a newer run says otherwise."""

from pathlib import Path

import pytest

from telemetry_kit.monitoring import Options
from tests.monitoring.promtool import alerts, needs_promtool

pytestmark = [pytest.mark.integration, needs_promtool]

DAY, HOUR, STEP = 86_400, 3_600, 300
LONG = 2_600
"""Steps of five minutes: nine days."""


class Job:
    """Series of one process of a job, a value every five minutes, as the kit reports them."""

    def __init__(self, instance: str = "a", name: str = "nightly", more: str = "") -> None:
        self.labels = f'job_name="{name}",scope_name="shop",instance="{instance}",job="batch"{more}'

    def __call__(self, metric: str, values: str, more: str = "") -> dict[str, str]:
        return {f"job_{metric}{{{self.labels}{more}}}": values}

    def kept(self, at: int, **values: float) -> dict[str, str]:
        """Values from this step on for ever: a process that lives on, or a Pushgateway that keeps what was pushed."""
        return self._many(at, f"x{LONG}", values)

    def once(self, at: int, **values: float) -> dict[str, str]:
        """One sample, as a process leaves that pushes OTLP and ends."""
        return self._many(at, "", values)

    def _many(self, at: int, tail: str, values: dict[str, float]) -> dict[str, str]:
        before = f"_x{at} " if at else ""
        made: dict[str, str] = {}
        for metric, value in values.items():
            made |= self(metric, f"{before}{value}+0{tail}" if tail else f"{before}{value} stale")
        return made


def finished(
    start: int, end: int, *, failed: bool, interval: int | None = DAY, last_success: int | None = None
) -> dict[str, float]:
    """What is known of a job after a run from start to end, in seconds."""
    success = 0 if failed else end
    known: dict[str, float] = {
        "start_timestamp_seconds": start,
        "end_timestamp_seconds": end,
        "success_timestamp_seconds": success,
    }
    known |= {"failed": int(failed), "active": 0}
    if not failed:
        known["last_success_timestamp_seconds"] = end
    elif last_success is not None:
        known["last_success_timestamp_seconds"] = last_success
    return known if interval is None else known | {"expected_interval_seconds": interval}


def running(start: int, *, interval: int | None = DAY, **more: float) -> dict[str, float]:
    """What is known of the first run of a process while it runs."""
    known = {"start_timestamp_seconds": start, "success_timestamp_seconds": 0, "active": 1, "elapsed_seconds": 0.2}
    return (known if interval is None else known | {"expected_interval_seconds": interval}) | more


def days(*numbers: float) -> list[int]:
    """The steps of these days."""
    return [int(number * DAY / STEP) for number in numbers]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    return tmp_path


def jobs(folder: Path, series: dict[str, str], expected: dict[str, str], options: Options | None = None) -> None:
    alerts(folder, series, expected, options or Options(only=("job",)), interval="5m")


# Failed


def test_a_failed_run_pages_once_and_for_as_long_as_no_other_run_ends(folder: Path) -> None:
    """A scraped or pushed job that failed is one alert, also when the next success is long due, for days."""
    series = Job().kept(12, **finished(3_600, 3_700, failed=True, last_success=600))

    jobs(folder, series, {"55m": "", "65m": "JobFailed", "5h": "JobFailed", "40h": "JobFailed"})


def test_a_failed_run_that_left_a_single_sample_pages_until_the_look_back_ends(folder: Path) -> None:
    """JOB 7: a cron job that pushes OTLP leaves one sample; its alert doesn't resolve itself five minutes later."""
    series = Job().once(12, **finished(3_600, 3_700, failed=True))

    jobs(folder, series, {"65m": "JobFailed", "12h": "JobFailed", "3d": "JobFailed", "7d": "JobFailed", "8d2h": ""})


def test_the_next_good_run_ends_it_whatever_process_it_is(folder: Path) -> None:
    """Each process of a cron job leaves a sample of its own; the newest run counts."""
    series = Job("a").once(12, **finished(3_600, 3_700, failed=True))
    series |= Job("b").once(days(1)[0], **finished(DAY, DAY + 60, failed=False))

    jobs(folder, series, {"23h": "JobFailed", "24h10m": "", "30h": ""})


def test_a_failure_after_a_good_run_of_another_process(folder: Path) -> None:
    """The older success says nothing of the newer run."""
    series = Job("a").kept(0, **finished(0, 60, failed=False))
    series |= Job("b").kept(12, **finished(3_600, 3_700, failed=True))

    jobs(folder, series, {"50m": "", "65m": "JobFailed", "5h": "JobFailed"})


def test_a_run_that_is_under_way_says_nothing_yet(folder: Path) -> None:
    """The alert of a failure stays while the next run is running, and ends when it succeeds."""
    job = Job()
    series = job("failed", f"1+0x23 0+0x{LONG}") | job("end_timestamp_seconds", f"60+0x23 7200+0x{LONG}")
    series |= job("start_timestamp_seconds", f"0+0x11 3600+0x{LONG}") | job("active", f"0+0x11 1+0x11 0+0x{LONG}")

    jobs(folder, series, {"10m": "JobFailed", "1h30m": "JobFailed", "2h10m": ""})


def test_two_jobs_and_two_scopes_are_told_apart(folder: Path) -> None:
    """Each has an alert of its own, and a success of one is none of the other."""
    series = Job(name="nightly").kept(0, **finished(0, 60, failed=True))
    series |= Job(name="cleanup").kept(0, **finished(0, 60, failed=True))
    series |= Job(name="weekly").kept(0, **finished(0, 90, failed=False, interval=None))

    jobs(folder, series, {"1h": "JobFailed JobFailed"})


def test_what_a_label_tells_apart_is_said_by_an_option(folder: Path) -> None:
    """By default the newest run of all regions counts; `by` keeps them apart."""
    series = Job("a", more=',region="eu"').kept(0, **finished(0, 60, failed=True))
    series |= Job("b", more=',region="us"').kept(0, **finished(0, 90, failed=False))

    jobs(folder, series, {"1h": ""})
    jobs(folder, series, {"1h": "JobFailed"}, Options(only=("job",), by=("region",)))


def test_numbers_of_a_version_without_the_end_of_runs_are_enough(folder: Path) -> None:
    """`job_failed` alone pages while it says so."""
    jobs(
        folder,
        Job()("failed", f"0 0 0 1+0x100 0+0x{LONG}"),
        {"10m": "", "15m": "JobFailed", "8h": "JobFailed", "9h": ""},
    )


# Stale


def test_a_job_that_is_not_started_any_more(folder: Path) -> None:
    """A quarter of its interval after a success was due."""
    series = Job().kept(0, **finished(0, 60, failed=False))

    jobs(folder, series, {"29h": "", "30h": "", "31h": "JobStale", "50h": "JobStale"})


def test_a_job_whose_processes_are_gone(folder: Path) -> None:
    """One sample of the last good run is enough to miss the next one."""
    series = Job().once(0, **finished(0, 60, failed=False))

    jobs(folder, series, {"29h": "", "31h": "JobStale", "7d": "JobStale", "8d2h": ""})


def test_a_success_of_another_process_ends_it(folder: Path) -> None:
    """And the next miss begins it again."""
    series = Job("a").once(0, **finished(0, 60, failed=False))
    series |= Job("b").once(days(2)[0], **finished(2 * DAY, 2 * DAY + 60, failed=False))

    jobs(folder, series, {"31h": "JobStale", "48h5m": "", "50h": "", "79h": "JobStale"})


def test_a_run_that_starts_late_changes_nothing_until_it_succeeds(folder: Path) -> None:
    """One fault is one alert: who was paged that nothing started isn't paged again when it starts, or hangs."""
    late = int(1.5 * DAY)
    series = Job("a").once(0, **finished(0, 60, failed=False))
    series |= Job("b").kept(late // STEP, **running(late))

    jobs(folder, series, {"31h": "JobStale", "37h": "JobStale", "61h": "JobStale"})


def test_a_job_that_never_succeeded_since_it_is_known(folder: Path) -> None:
    """A scheduler that waits for a time that never comes says of the job no more than its interval."""
    jobs(folder, Job().kept(0, expected_interval_seconds=DAY), {"29h": "", "31h": "JobStale", "3d": "JobStale"})


def test_a_job_that_declares_no_interval_is_never_late(folder: Path) -> None:
    """Nobody knows when it is due."""
    jobs(folder, Job().kept(0, **finished(0, 60, failed=False, interval=None)), {"50h": ""})


def test_a_skipped_run_is_a_good_one(folder: Path) -> None:
    """Nothing to do is no fault: a run that was skipped writes the timestamp of success."""
    series = Job().kept(0, **finished(0, 60, failed=False))
    series |= Job("b").kept(days(1)[0], **finished(DAY, DAY + 1, failed=False))

    jobs(folder, series, {"31h": "", "50h": ""})


# Running too long, and killed


def test_a_run_that_hangs(folder: Path) -> None:
    """It began in time: when the success is late, the alert says that it runs; and stays one alert."""
    series = Job("a").once(0, **finished(0, 60, failed=False))
    series |= Job("b").kept(days(1)[0], **running(DAY))

    jobs(folder, series, {"29h": "", "31h": "JobRunningTooLong", "50h": "JobRunningTooLong"})


def test_a_run_that_was_killed_after_its_start_was_pushed(folder: Path) -> None:
    """Over OTLP a killed run leaves a start without an end, once."""
    series = Job("a").once(0, **finished(0, 60, failed=False))
    series |= Job("b").once(days(1)[0], **running(DAY))

    jobs(folder, series, {"29h": "", "31h": "JobRunningTooLong", "5d": "JobRunningTooLong"})


def test_the_run_after_a_killed_one_ends_it(folder: Path) -> None:
    """By its success; the killed run never says another word."""
    series = Job("a").once(0, **running(0, interval=HOUR))
    series |= Job("b").once(days(0.5)[0], **finished(DAY // 2, DAY // 2 + 60, failed=False, interval=HOUR))

    jobs(folder, series, {"1h": "", "1h30m": "JobRunningTooLong", "11h": "JobRunningTooLong", "12h10m": ""})


def test_the_first_run_that_was_ever_seen_may_hang(folder: Path) -> None:
    """Without a success before it."""
    jobs(
        folder,
        Job().kept(0, **running(0, interval=HOUR)),
        {"1h": "", "1h10m": "JobRunningTooLong", "2d": "JobRunningTooLong"},
    )


def test_a_run_without_an_interval_may_take_a_day(folder: Path) -> None:
    """Then it hangs, or was killed."""
    jobs(folder, Job().kept(0, **running(0, interval=None)), {"23h": "", "24h10m": "JobRunningTooLong"})


def test_an_old_run_that_hangs_beside_newer_ones(folder: Path) -> None:
    """Overlapping runs of one process: the newest ended, the oldest is still active."""
    job = Job()
    series = job.kept(0, **finished(0, 60, failed=False, interval=HOUR))
    del series[f"job_active{{{job.labels}}}"]
    series |= job("active", f"1+0x{LONG}") | job("elapsed_seconds", f"0+300x{LONG}")
    series |= job("last_success_timestamp_seconds", f"60+300x{LONG}")

    jobs(folder, series, {"1h": "", "1h10m": "JobRunningTooLong", "3h": "JobRunningTooLong"})


def test_what_a_pushgateway_keeps_of_a_finished_run_is_no_running_one(folder: Path) -> None:
    """Series that exist only while a job runs stay there for ever: without an active run they say nothing."""
    series = Job().kept(0, **finished(0, 7_200, failed=False), elapsed_seconds=DAY * 3, progress=0.5)

    jobs(folder, series, {"1h": "", "20h": ""})


# Never seen, and without records


def test_a_job_that_was_never_seen(folder: Path) -> None:
    """Only who expects it by name can miss it."""
    expecting = Options(only=("job",), expect_jobs=("nightly", "cleanup"))
    series = Job().once(0, **finished(0, 60, failed=False))

    jobs(folder, series, {"30m": "", "2h": "JobNeverSeen", "1d": "JobNeverSeen"}, expecting)
    jobs(folder, series, {"2h": ""})


def test_a_job_that_is_seen_at_last(folder: Path) -> None:
    """Its first sample ends the alert, until the look-back has passed."""
    expecting = Options(only=("job",), expect_jobs=("nightly",), lookback="2d")
    series = Job().once(60, **finished(5 * HOUR, 5 * HOUR + 60, failed=False, interval=None))

    jobs(folder, series, {"4h": "JobNeverSeen", "5h10m": "", "2d": "", "2d7h": "JobNeverSeen"}, expecting)


def records(job: Job, values: dict[str, str], state: str = f"1+0x{LONG}") -> dict[str, str]:
    made = job("state", state, ',job_state="succeeded"')
    for outcome, series in values.items():
        made |= job("last_run_records", series, f',job_record_outcome="{outcome}"')
    return made


def test_a_run_that_suddenly_has_no_records(folder: Path) -> None:
    """It succeeded, and earlier ones had some."""
    job = Job()
    series = job.kept(0, **finished(0, 60, failed=False))
    series |= records(job, {"processed": f"70 70 0+0x{LONG}", "failed": f"2 2 0+0x{LONG}", "skipped": f"0+0x{LONG}"},
                      f"1 1 0 1+0x{LONG}")  # fmt: skip

    jobs(folder, series, {"5m": "", "10m": "", "15m": "JobNoRecords", "20h": "JobNoRecords"})


def test_a_run_without_records_of_a_process_that_is_gone(folder: Path) -> None:
    """Its one sample is remembered until the next run has records."""
    first, second, third = Job("a"), Job("b"), Job("c")
    series = first.once(0, **finished(0, 60, failed=False)) | records(first, {"processed": "70 stale"}, "1 stale")
    series |= second.once(12, **finished(3_600, 3_660, failed=False))
    series |= records(second, {"processed": "_x12 0 stale"}, "_x12 1 stale")
    series |= third.once(60, **finished(18_000, 18_060, failed=False))
    series |= records(third, {"processed": "_x60 50 stale"}, "_x60 1 stale")

    jobs(folder, series, {"30m": "", "65m": "JobNoRecords", "4h": "JobNoRecords", "5h10m": ""})


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"processed": f"0+0x{LONG}"}, f"1+0x{LONG}"),
        ({"processed": f"70 0+0x{LONG}", "skipped": f"0 9+0x{LONG}"}, f"1+0x{LONG}"),
        ({"processed": f"70 0+0x{LONG}"}, f"1 0+0x{LONG}"),
    ],
    ids=["never had records", "only skipped some", "was skipped itself"],
)
def test_a_run_that_rightly_has_no_records(values: dict[str, str], state: str, folder: Path) -> None:
    """No ticket for a job that never had records, that skipped what there was, or that had nothing to do."""
    job = Job()

    jobs(folder, job.kept(0, **finished(0, 60, failed=False)) | records(job, values, state), {"3h": ""})
