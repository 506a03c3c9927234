"""Where a capture begins and ends, and what it costs at the end of a long run."""

import queue
import sys
from collections.abc import Callable
from typing import Any

import pytest

from telemetry_kit import Telemetry
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


@pytest.mark.parametrize(
    "make", [an_operation, a_library, a_job, a_pool, a_cache, a_queue, a_query], ids=lambda make: make.__name__
)
def test_what_earlier_tests_made_costs_no_capture_anything(make: Callable[[int], None]) -> None:
    """A capture asks what did something in it: a hundred helpers of earlier tests are no call more."""

    def made(numbers: range) -> int:
        for number in numbers:
            with capture():
                make(number)
        return min(calls_of_a_capture() for _ in range(3))

    few = made(range(5))

    assert made(range(5, 105)) <= few
