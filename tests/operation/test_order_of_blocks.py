"""Blocks of one task that end in another order than they began leave the context as they found it (GEN 3)."""

import contextvars
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from telemetry_kit import Telemetry, current_measurement
from telemetry_kit._executors.tasks import in_context
from telemetry_kit.testing import Captured, span

MAKE: dict[str, Callable[[Telemetry, str], Any]] = {
    "measure": lambda telemetry, name: telemetry.operation(name).measure(),
    "span": lambda telemetry, name: telemetry.span(name),
    "run": lambda telemetry, name: telemetry.batch_job(name).run(),
}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("kind", MAKE)
def test_no_ended_span_stays_current(
    captured: Captured, telemetry: Telemetry, kind: str, order: tuple[int, ...]
) -> None:
    """Four blocks, ended in any order: afterwards what was current before them is current."""
    with trace.use_span(trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)) as before:
        blocks = [MAKE[kind](telemetry, str(number)) for number in range(4)]
        for block in blocks:
            block.__enter__()
        for number in order:
            blocks[number].__exit__(None, None, None)

        assert trace.get_current_span() is before
    assert [one.name for one in captured.spans if one.end is not None] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("around", ["block", "function", "function without a span"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_no_ended_measurement_stays_current(
    captured: Captured, telemetry: Telemetry, around: str, order: tuple[int, ...]
) -> None:
    """What is said after them, in a call in which they began and ended, reaches that call."""

    def blocks_in_this_order() -> None:
        current_measurement().set_metric_attribute("said", "before")
        blocks = [telemetry.operation(str(number), span=around != "function without a span") for number in range(4)]
        entered = [block.measure() for block in blocks]
        for block in entered:
            block.__enter__()
        for number in order:
            entered[number].__exit__(None, None, None)
        current_measurement().set_metric_attribute("said.then", "after")

    if around == "block":
        with telemetry.operation("around").measure():
            blocks_in_this_order()
    else:
        telemetry.operation("around", span=around == "function")(blocks_in_this_order)()

    (point,) = captured.points("operation.duration", {"operation.name": "around"})
    assert (point.attributes["said"], point.attributes["said.then"]) == ("before", "after")
    assert current_measurement().__class__.__name__ == "_NoMeasurement"


def test_a_block_that_outlives_the_function_it_began_in(captured: Captured, telemetry: Telemetry) -> None:
    """A hook begins it, another ends it: the span of the decorated hook doesn't come back."""

    @telemetry.operation("hook")
    def begins() -> Any:
        block = telemetry.span("request")
        block.__enter__()
        return block

    begins().__exit__(None, None, None)

    assert trace.get_current_span() is trace.INVALID_SPAN


def test_what_goes_on_elsewhere_keeps_its_parent(captured: Captured, telemetry: Telemetry) -> None:
    """A thread that was given the context of a block that has ended since stays below it, whatever ended out of order."""
    blocks = [telemetry.span("overlapping"), telemetry.span("overlapping")]
    for step in ("__enter__", "__exit__"):
        for block in blocks:
            getattr(block, step)(*() if step == "__enter__" else (None, None, None))
    with telemetry.span("parent"):
        inside = contextvars.copy_context()

    def goes_on() -> None:
        for name in ("first", "second"):
            with telemetry.span(name):
                pass

    thread = threading.Thread(target=inside.run, args=(goes_on,))
    thread.start()
    thread.join()

    assert captured.spans[-2:] == [span("first", parent="parent"), span("second", parent="parent")]


def test_calls_that_arrive_with_no_context_of_their_own(captured: Captured, telemetry: Telemetry) -> None:
    """Without a span, what they make current is what was current already: what began before and after them ends, and the
    spans that follow have the parent that is left."""
    serve = telemetry.operation("serve", kind=SpanKind.SERVER, span=False)
    with telemetry.span("outer"):
        first, second = telemetry.span("first"), serve.measure(carrier={})
        for block in (first, second):
            block.__enter__()
        for block in (first, second):
            block.__exit__(None, None, None)
        with telemetry.span("next"):
            pass
        with telemetry.span("last"):
            pass

    below = [span(name, parent="outer") for name in ("first", "next", "last")]
    assert captured.spans == [span("outer", parent=""), *below]


def test_a_task_that_leaves_a_block_open_takes_nothing_from_the_others(
    captured: Captured, telemetry: Telemetry
) -> None:
    """They run in the same context, the submitter's; what one of them leaves out of order is its own affair."""
    opened = []

    def leaves_open() -> None:
        opened.append(telemetry.span("open"))
        opened[0].__enter__()

    def records_twice() -> None:
        for name in ("first", "second"):
            with telemetry.span(name):
                pass

    with telemetry.span("submits"):
        context = get_current()
        for task in (leaves_open, records_twice):
            contextvars.Context().run(in_context, context, task, (), {})

    below = [span(name, parent="submits") for name in ("open", "first", "second")]
    assert captured.spans == [span("submits", parent=""), *below]
    opened[0].__exit__(None, None, None)
