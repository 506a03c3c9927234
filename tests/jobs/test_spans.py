"""A run's span: its name, its id, its parameters, and what triggered it."""

from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.trace import StatusCode

from telemetry_kit import BatchJob, Telemetry, current_run
from telemetry_kit.testing import Captured, span
from tests.support import Sdk

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CARRIER = {"traceparent": f"00-{TRACE}-{SPAN}-01", "baggage": "tenant=acme"}


@pytest.fixture
def job(telemetry: Telemetry) -> BatchJob:
    return telemetry.batch_job("nightly", metric_attributes={"team": "money"})


def test_the_span_is_named_as_the_job(captured: Captured, job: BatchJob) -> None:
    """It has the job's name, the run's id and result, and what was declared; a success leaves its status unset."""
    with job.run(run_id="2026-11-22"):
        pass

    told = {"job.name": "nightly", "job.run.id": "2026-11-22", "job.result": "success", "team": "money"}
    assert captured.spans == [span("nightly", status=StatusCode.UNSET, attributes=told)]
    assert captured.span().scope == "shop.orders"


def test_attributes_of_a_run_win_over_declared_ones(captured: Captured, job: BatchJob) -> None:
    """On the span as on the metric."""
    with job.run(metric_attributes={"team": "risk"}):
        pass

    assert captured.span().attributes["team"] == "risk"
    assert captured.point("job.duration").attributes["team"] == "risk"


def test_the_span_is_current(captured: Captured, telemetry: Telemetry, job: BatchJob) -> None:
    """What the job calls has the run's span as its parent, and nothing is left current after it."""
    with job.run() as run:
        assert trace.get_current_span() is run.span
        telemetry.tracer.start_span("child").end()

    assert captured.span("child").parent is captured.span("nightly")
    assert not trace.get_current_span().get_span_context().is_valid


def test_run_ids_never_reach_a_metric(captured: Captured, job: BatchJob) -> None:
    """JOB.5: neither as a value nor as a key."""
    with job.run(run_id="2026-11-22") as run, run.step("load"):
        run.processed()
        run.set_attribute("rows", 7)

    points = [found.attributes for found in captured.points()]
    assert len(points) > 10
    assert [kept for kept in points if {"job.run.id", "rows"} & kept.keys() or "2026-11-22" in kept.values()] == []


def test_a_run_id_of_any_type(captured: Captured, job: BatchJob) -> None:
    """Numbers, dates and UUIDs are put as strings."""
    with job.run(run_id=7) as run:
        pass

    assert (captured.span().attributes["job.run.id"], run._run_id) == ("7", "7")


def test_a_decorated_job_makes_its_id_from_the_arguments(captured: Captured, telemetry: Telemetry) -> None:
    """`run_id` is given what the function is given; the span says which function that is."""
    job = telemetry.batch_job("nightly", run_id=lambda day, dry=False: f"{day}/{dry}")

    @job
    def main(day: str, dry: bool = False) -> None: ...

    main("monday", dry=True)

    attributes = captured.span("nightly").attributes
    assert attributes["job.run.id"] == "monday/True"
    assert attributes["code.function.name"] == f"{__name__}.{main.__qualname__}"


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_run_id_that_raises(captured: Captured, telemetry: Telemetry) -> None:
    """FLT.1: it is a counted fault, and the job runs."""

    @telemetry.batch_job("nightly", run_id=lambda: 1 / 0)
    def main() -> str:
        return "done"

    assert (main(), "job.run.id" in captured.span().attributes) == ("done", False)
    assert captured.value("telemetry_kit.faults", {"fault.site": "job.run_id"}) == 1


def test_parameters_are_on_the_span(captured: Captured, job: BatchJob) -> None:
    """`set_attribute` takes any cardinality, goes to the span alone, and can't replace the kit's own keys."""
    with job.run(run_id="1") as run:
        current_run().set_attribute("since", "2026-11-01")
        run.set_attributes({"files": ["a.csv", "b.csv"], "job.run.id": "mine", "error.type": "mine"})

    attributes = captured.span().attributes
    assert (attributes["since"], attributes["files"]) == ("2026-11-01", ("a.csv", "b.csv"))
    assert (attributes["job.run.id"], "error.type" in attributes) == ("1", False)


def test_attributes_of_a_run_are_on_its_span(captured: Captured, job: BatchJob) -> None:
    """Metric attributes of a run go to metric and span."""
    with job.run(metric_attributes={"region": "eu"}):
        pass

    assert (captured.span().attributes["region"], captured.point("job.duration").attributes["region"]) == ("eu", "eu")


def test_a_reason_for_skipping(captured: Captured, job: BatchJob) -> None:
    """Why there was nothing to do is on the span."""
    with job.run() as run:
        run.mark_skipped("no new files")

    assert captured.span().attributes["job.skip.reason"] == "no new files"


def test_metrics_only(captured: Captured, telemetry: Telemetry) -> None:
    """`span=False`: no span, neither of the run nor of its steps, and all metrics."""
    with telemetry.batch_job("nightly", span=False).run() as run, run.step("load"):
        assert not run.span.is_recording()

    assert (captured.spans, captured.value("job.duration"), captured.value("job.step.duration")) == ([], 1, 1)


def test_a_carrier_is_continued(captured: Captured, job: BatchJob) -> None:
    """The trace of what triggered the run goes on in it, and its baggage is current."""
    with job.run(carrier=CARRIER):
        tenant = baggage.get_baggage("tenant")

    nightly: Any = captured.span("nightly")
    assert (f"{nightly.trace_id:032x}", f"{nightly.parent.span_id:016x}", tenant) == (TRACE, SPAN, "acme")
    assert baggage.get_baggage("tenant") is None


def test_without_an_sdk_the_context_is_passed_on() -> None:
    """What came in by the carrier is current in the run, so that it can go on to others."""
    with Telemetry("tests.nothing").batch_job("nightly").run(carrier=CARRIER):
        context = trace.get_current_span().get_span_context()

    assert f"{context.trace_id:032x}" == TRACE


def test_links_to_what_it_comes_from(captured: Captured, job: BatchJob) -> None:
    """A run that works off messages links to each of them."""
    with job.run(links=[CARRIER, {"traceparent": "nonsense"}]):
        pass

    assert [f"{link.context.trace_id:032x}" for link in captured.span("nightly").links] == [TRACE]
    assert captured.spans == [span("nightly", parent="")]


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_broken_carrier(captured: Captured, job: BatchJob) -> None:
    """FLT.2: what is no carrier costs the parent, not the run."""
    with job.run(carrier=object(), links=7) as run:
        pass

    assert (run.state, captured.span("nightly").parent) == ("succeeded", None)


def test_the_duration_has_the_span_as_its_example(sdk: Sdk, job: BatchJob) -> None:
    """The duration is recorded while the span is current, so that its exemplar leads to the trace."""
    with job.run():
        pass

    exemplars = sdk.point("job.duration").exemplars
    assert [exemplar.span_id for exemplar in exemplars] == [sdk.span("nightly").context.span_id]
