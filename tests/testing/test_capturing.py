"""Where a capture begins and ends, and what it costs at the end of a long run."""

import queue
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from telemetry_kit import Objective, Telemetry
from telemetry_kit.conventions import HTTP_SERVER
from telemetry_kit.testing import capture, capture_and_watch

telemetry = Telemetry("shop.orders")
"""As a module's own: what it made is there for the whole run."""


def an_operation(number: int) -> None:
    telemetry.operation(f"operation {number}")(len)([])


def a_library(number: int) -> None:
    Telemetry(f"library {number}").operation("work")(len)([])


def a_job(number: int) -> None:
    with telemetry.batch_job(f"job {number}").run() as run:
        run.failed(1, "bad_row")


def a_pool(number: int) -> None:
    telemetry.pool(f"pool {number}", limit=1).timeout()


def a_cache(number: int) -> None:
    telemetry.cache(f"cache {number}").hit()


def an_objective(number: int) -> None:
    telemetry.operation(f"objective {number}", objective=Objective(99.0))(len)([])


def exact_calls(number: int) -> None:
    telemetry.operation(f"exact {number}", sample_durations=0.5)(len)([])


def an_executor(number: int) -> None:
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name=f"executor {number}") as pool:
        pool.submit(abs, 1).result(30)


def a_queue(number: int) -> None:
    telemetry.observe_queue(queue.Queue(), name=f"queue {number}")


def a_query(number: int) -> None:
    with telemetry.database("postgresql", namespace=f"database {number}").query("SELECT"):
        pass


def calls_of_a_capture() -> int:
    """How many calls of Python functions a capture makes in which one operation runs."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        with capture_and_watch() as captured:
            telemetry.operation("mine")(len)([])
            captured.value("operation.duration")
            captured.validate()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.any_python
@pytest.mark.parametrize(
    "make",
    [an_operation, an_objective, exact_calls, an_executor, a_library, a_job, a_pool, a_cache, a_queue, a_query],
    ids=lambda make: make.__name__,
)
def test_what_earlier_tests_made_costs_no_capture_anything(make: Callable[[int], None]) -> None:
    """A capture asks what did something in it: a hundred helpers of earlier tests are no call more."""

    def made(numbers: range) -> int:
        for number in numbers:
            with capture():
                make(number)
        return min(calls_of_a_capture() for _ in range(3))

    few = made(range(5))

    assert made(range(5, 105)) < few + 50  # what the collector finds meanwhile is a few calls


KEPT: list[Any] = []


def keep(thing: Any) -> Any:
    KEPT.append(thing)
    return thing


def entered(block: Any) -> None:
    keep(block).__enter__()


LEFTOVERS: dict[str, Callable[[], Any]] = {
    "a pool": lambda: keep(telemetry.pool("gpu", limit=3)).timeout(),
    "what is taken of a pool": lambda: entered(keep(telemetry.pool("gpu", limit=3)).use()),
    "a running call": lambda: entered(telemetry.operation("hash", span=False).measure()),
    "an objective": lambda: telemetry.operation("checkout", objective=Objective(99.0))(len)([]),
    "exact calls": lambda: telemetry.operation("look up", sample_durations=0.0)(len)([]),
    "a job": lambda: a_job(1),
    "a running job": lambda: entered(telemetry.batch_job("nightly", span=False).run()),
    "a cache": lambda: a_cache(1),
    "a queue": lambda: keep(telemetry.observe_queue(keep(queue.Queue()), name="orders")),
    "an executor": lambda: (
        keep(telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")).submit(abs, 1).result(30)
    ),
    "a counter": lambda: telemetry.counter("orders.sold", unit="{order}", description="Sold").add(2),
    "a gauge": lambda: keep(telemetry.observe_gauge("orders.open", lambda: 3, unit="{order}", description="Open")),
    "a span": lambda: keep(telemetry.tracer.start_span("price")),
    "a fault": lambda: telemetry.cache("prices").evicted(-1),
}


@pytest.mark.parametrize("leave", LEFTOVERS.values(), ids=LEFTOVERS)
def test_what_an_inner_capture_leaves_is_not_the_outer_ones(leave: Callable[[], Any]) -> None:
    """What was done in a capture within it, and what that left behind, is neither told nor judged by the outer one."""
    with capture() as outer:
        telemetry.cache("mine").hit()
        before = str(outer)
        with capture():
            leave()
        after, points = str(outer), [point for point in outer.points() if "mine" not in str(point.attributes)]
        findings = outer.findings()
        KEPT.clear()

    assert (after, points, findings) == (before, [], [])


def test_what_the_outer_capture_has_used_is_told_as_it_is_now() -> None:
    """A level of what did something in the outer capture is that of now, whoever took from it meanwhile; a count is its own."""
    pool = telemetry.pool("gpu", limit=3)
    with capture() as outer:
        pool.timeout()
        with capture():
            pool.timeout()
            block = pool.use()
            block.__enter__()
        assert (outer.value("pool.usage"), outer.value("pool.errors")) == (1, 1)
        block.__exit__(None, None, None)


def test_a_job_of_the_outer_capture_is_known_as_it_was() -> None:
    """What a job did in a capture within it is none of the outer one's, which knows its last run."""
    job = telemetry.batch_job("nightly")
    with capture() as outer:
        with job.run() as run:
            run.failed(2)
        before = str(outer)
        with capture(), pytest.raises(ValueError, match="no"), job.run():
            raise ValueError("no")
        after = str(outer)

    assert after == before


def test_what_several_have_counted_of_one_series_is_added_up() -> None:
    """Operations of one name that have different conventions have one objective."""
    promise = Objective(99.0)
    with capture() as captured:
        for convention in (None, HTTP_SERVER):
            telemetry.operation("GET /", convention=convention, objective=promise)(len)([])

    assert captured.value("operation.objective.calls", {"operation.name": "GET /", "objective.result": "met"}) == 2
