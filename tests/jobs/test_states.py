"""What is known of a job's last run, of those in progress and of its state."""

from contextlib import ExitStack
from contextvars import copy_context
from typing import Any

import pytest

from telemetry_kit import BatchJob, Telemetry
from telemetry_kit.testing import Captured, FakeClock, point
from tests.support import Sdk

START = 1_700_000_000.0


@pytest.fixture
def job(telemetry: Telemetry, clock: FakeClock) -> BatchJob:
    return telemetry.batch_job("nightly")


def fail(job: BatchJob, clock: FakeClock, seconds: float = 0.0) -> None:
    with pytest.raises(ValueError), job.run():
        clock.advance(seconds)
        raise ValueError


def succeed(job: BatchJob, clock: FakeClock, seconds: float = 0.0) -> None:
    with job.run():
        clock.advance(seconds)


def states(captured: Captured) -> list[str]:
    """The states whose series say 1."""
    return [found.attributes["job.state"] for found in captured.points("job.state") if found.value == 1]


def test_before_the_first_run_only_what_is_declared(captured: Captured, telemetry: Telemetry) -> None:
    """A job that has not run says that nothing is active and how often it is expected, and invents no timestamps."""
    telemetry.batch_job("nightly", expected_interval=3600)

    assert {name for name in captured.metrics if name.startswith("job.")} == {"job.active", "job.expected_interval"}
    assert (captured.value("job.active"), captured.value("job.expected_interval")) == (0, 3600)


def test_the_start_is_known_while_it_runs(captured: Captured, job: BatchJob) -> None:
    """`job.start.timestamp` is the wall clock's time at which the last run started."""
    with job.run():
        assert captured.value("job.start.timestamp") == START


def test_success_is_zero_from_the_start_until_it_succeeds(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """`job.success.timestamp` goes to 0 when a run starts, also after an earlier success, and to the time of success."""
    succeed(job, clock, 10)
    with job.run():
        during = captured.value("job.success.timestamp")
        clock.advance(5)

    assert (during, captured.value("job.success.timestamp")) == (0, START + 15)


def test_a_failure_leaves_the_success_timestamp_at_zero(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """JOB.3: a failed run doesn't write it, and the age of the last success goes on."""
    succeed(job, clock, 10)
    fail(job, clock, 60)

    assert (captured.value("job.success.timestamp"), captured.value("job.last_success.age")) == (0, 60)


def test_failed_says_how_the_last_finished_run_ended(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """`job.failed` is 1 after a failure, stays so while the next run is at it, and is 0 after a success."""
    fail(job, clock)
    seen = [captured.value("job.failed")]
    with job.run():
        seen.append(captured.value("job.failed"))
    seen.append(captured.value("job.failed"))

    assert seen == [1, 1, 0]


def test_the_end_is_known_however_it_ended(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """`job.end.timestamp` is written by failures too."""
    fail(job, clock, 7)

    assert captured.value("job.end.timestamp") == START + 7


def test_the_duration_has_the_result(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """`job.duration` is a histogram of finished runs, by result and `error.type`."""
    succeed(job, clock, 2)
    fail(job, clock, 3)

    nightly = {"job.name": "nightly", "scope.name": "shop.orders"}
    assert captured.points("job.duration") == [
        point(count=1, sum=3.0, attributes={**nightly, "job.result": "failure", "error.type": "ValueError"}),
        point(count=1, sum=2.0, attributes={**nightly, "job.result": "success"}),
    ]


def test_a_hanging_run_is_seen_while_it_hangs(captured: Captured, job: BatchJob) -> None:
    """JOB.4: active, and how long the oldest has been at it, at each collection."""
    with job.run():
        captured.clock.advance(100)
        with job.run():
            captured.clock.advance(20)
            assert (captured.value("job.active"), captured.value("job.elapsed")) == (2, 120)

    assert (captured.value("job.active"), captured.points("job.elapsed")) == (0, [])


def test_a_clock_that_is_set_back_breaks_nothing(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """JOB.3: durations, elapsed and age are monotonic, timestamps are what the wall clock says."""
    with job.run():
        clock.advance(10)
        clock.step(-3600)
        assert captured.value("job.elapsed") == 10
    clock.step(-3600)
    clock.advance(5)

    assert captured.point("job.duration").sum == 10
    assert captured.value("job.last_success.age") == 5
    assert captured.value("job.success.timestamp") == START + 10 - 3600


def test_a_skipped_run_completed_well(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """A run that had nothing to do writes the success timestamp and is no failure; its result is `skipped`."""
    with job.run() as run:
        run.mark_skipped("no new files")

    assert (captured.value("job.success.timestamp"), captured.value("job.failed")) == (START, 0)
    assert (captured.value("job.duration", {"job.result": "skipped"}), run.state, states(captured)) == (
        1,
        "skipped",
        ["skipped"],
    )


def test_a_run_marked_failed(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """`mark_failed` is a failure without an exception, with the given `error.type`, also for a run marked skipped."""
    with job.run() as run:
        run.mark_skipped()
        run.mark_failed("too_many_bad_rows")

    assert captured.point("job.duration").attributes["error.type"] == "too_many_bad_rows"
    assert (captured.value("job.failed"), captured.value("job.success.timestamp"), run.state) == (1, 0, "failed")


def test_one_series_for_each_state(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """All five states are there, one of them is 1."""
    fail(job, clock)

    assert {found.attributes["job.state"]: found.value for found in captured.points("job.state")} == {
        "running": 0,
        "succeeded": 0,
        "failed": 1,
        "skipped": 0,
        "cancelled": 0,
    }


def test_running_while_any_run_is(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """JOB.4: after one of two overlapping runs has ended the job is still running."""
    with job.run():
        fail(job, clock)
        during = states(captured)

    assert (during, states(captured)) == (["running"], ["succeeded"])


@pytest.mark.parametrize("failing_first", [True, False])
def test_a_failed_run_never_writes_the_success_of_an_overlapping_one(
    captured: Captured, job: BatchJob, failing_first: bool
) -> None:
    """JOB.4: of two overlapping runs the one that succeeds writes the timestamp, whichever ends first."""
    good, bad = job.run(), job.run()

    def overlapping() -> None:
        good._begin_run()
        bad._begin_run()
        for run in (bad, good) if failing_first else (good, bad):
            captured.clock.advance(10)
            run._end(ValueError("no") if run is bad else None)

    copy_context().run(overlapping)  # ended in the order in which they began, they leave the first one's context

    assert captured.value("job.success.timestamp") == START + (20 if failing_first else 10)
    assert captured.value("job.failed") == (0 if failing_first else 1)


def test_the_last_run_is_the_one_that_started_last(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """JOB.4: start is that of the newest run, end that of the one that finished last."""
    with ExitStack() as runs:
        runs.enter_context(job.run())
        clock.advance(5)
        with job.run():
            clock.advance(1)
        assert (captured.value("job.start.timestamp"), captured.value("job.end.timestamp")) == (START + 5, START + 6)
        clock.advance(10)

    assert (captured.value("job.start.timestamp"), captured.value("job.end.timestamp")) == (START + 5, START + 16)


def test_batch_jobs_of_one_name_are_one_job(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """Two objects of one name in one scope, even of two `Telemetry`, share their state."""
    other = Telemetry("shop.orders").batch_job("nightly", expected_interval=60)
    with job.run(), other.run():
        assert captured.value("job.active") == 2
    fail(other, clock)

    assert (captured.value("job.failed"), captured.value("job.expected_interval")) == (1, 60)


def test_another_scope_has_another_job(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """The same name in another library is another job."""
    other = Telemetry("shop.billing").batch_job("nightly")
    fail(other, clock)
    succeed(job, clock)

    assert captured.points("job.failed") == [
        point(value=1, attributes={"job.name": "nightly", "scope.name": "shop.billing"}),
        point(value=0, attributes={"job.name": "nightly", "scope.name": "shop.orders"}),
    ]


def test_declared_attributes_are_on_every_metric(captured: Captured, telemetry: Telemetry, clock: FakeClock) -> None:
    """Attributes that the job declares are on all its series; the kit's own keys win over them."""
    job = telemetry.batch_job("nightly", metric_attributes={"team": "money", "job.name": "mine"}, expected_interval=60)
    with job.run() as run:
        run.failed(1, "bad_row")
        run.progress(1, 2)
        with run.step("load"):
            clock.advance(1)
        during = captured.points()
    succeed(job, clock)

    of_jobs = [found for found in during + captured.points() if found.metric.startswith("job.")]
    common = {"team": "money", "job.name": "nightly", "scope.name": "shop.orders"}
    assert [found for found in of_jobs if not common.items() <= found.attributes.items()] == []
    assert len({found.metric for found in of_jobs}) == 15


def test_runs_of_a_region_have_a_state_of_their_own(captured: Captured, job: BatchJob, clock: FakeClock) -> None:
    """Metric attributes of a run: the success of one region doesn't hide the failure of another."""
    with pytest.raises(ValueError), job.run(metric_attributes={"region": "eu"}):
        raise ValueError
    with job.run(metric_attributes={"region": "us"}):
        pass

    eu, us = ({"region": region, "job.name": "nightly", "scope.name": "shop.orders"} for region in ("eu", "us"))
    assert captured.points("job.failed") == [point(value=1, attributes=eu), point(value=0, attributes=us)]
    assert captured.points("job.active") == [point(value=0, attributes=eu), point(value=0, attributes=us)]


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_regions_without_end_are_bounded(captured: Captured, job: BatchJob) -> None:
    """STM.3: of an attribute whose values never end the first are kept, the others share `_OTHER`."""
    for number in range(300):
        with job.run(metric_attributes={"tenant": f"t{number}"}):
            pass

    assert len(captured.points("job.failed")) == 101
    assert len(captured.points("job.failed", {"tenant": "_OTHER"})) == 1


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_jobs_made_on_the_fly_are_bounded(captured: Captured, telemetry: Telemetry) -> None:
    """STM.3: the first 1,000 names of a `Telemetry` are kept, the others share `_OTHER`, which is said once."""
    for number in range(1_010):
        telemetry.batch_job(f"job {number}")

    assert len(captured.points("job.active")) == 1_001
    assert len(captured.points("job.active", {"job.name": "_OTHER"})) == 1
    assert captured.value("telemetry_kit.attribute.overflow", {"attribute.key": "job.name"}) >= 1


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_run_is_for_one_use(captured: Captured, job: BatchJob) -> None:
    """Entering a run again starts nothing, and ends it no earlier; it is a counted fault."""
    run = job.run()
    with run:
        with run:
            pass
        assert captured.value("job.active") == 1

    assert (captured.value("job.active"), captured.value("job.duration")) == (0, 1)
    assert captured.value("telemetry_kit.faults", {"fault.site": "job.run"}) >= 1


def test_an_sdk_that_comes_late_misses_nothing(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """PRC.4: what ran before the SDK was installed is observed after it."""
    from telemetry_kit._core import sdk as _sdk

    telemetry = Telemetry("tests.late")
    job = telemetry.batch_job("late")
    with job.run() as run:
        run.processed(3)
        run.failed(1, "bad_row")
    late = Sdk()
    monkeypatch.setattr(
        _sdk, "override", _sdk.Providers(late.tracer_provider, late.meter_provider, late.logger_provider)
    )
    run = job.run()  # whatever looks at the provider makes the kit bind to it
    with run:
        pass

    assert late.value("job.records", {"job.name": "late"}) == 4
    assert late.point("job.success.timestamp", {"job.name": "late"}).value == START
    late.shutdown()


def test_the_state_of_a_run(job: BatchJob) -> None:
    """`run.state` uses the words of `job.state`, and is None before it started."""
    run = job.run()
    seen: list[Any] = [run.state]
    with run:
        seen.append(run.state)
    seen.append(run.state)

    assert seen == [None, "running", "succeeded"]


def test_a_job_of_a_disabled_library_says_nothing(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that switches the library off gets no series and no span, and the job runs."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.*")
    with Telemetry("shop.orders").batch_job("nightly", flush_timeout=1.0).run() as run:
        run.processed()
        with run.step("load"):
            pass

    assert (run.state, [name for name in captured.metrics if name.startswith("job.")], captured.spans) == (
        "succeeded",
        [],
        [],
    )
