"""An SDK that gives None, or less than the API promises, or raises: the host doesn't notice, and the faults are counted."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from telemetry_kit import ErrorPolicy, Telemetry, current_measurement
from telemetry_kit._core import faults, reentrancy
from tests.support import Sdk


class Odd(Exception):
    """What an odd SDK raises."""


class Doubtful:
    """An answer that is neither yes nor no."""

    def __bool__(self) -> bool:
        raise Odd


def raises(*_: Any, **__: Any) -> Any:
    raise Odd


ANSWERS: dict[str, Callable[..., Any]] = {
    "None": lambda *_, **__: None,
    "an object without methods": lambda *_, **__: object(),
    "a text": lambda *_, **__: "no",
    "an exception": raises,
}
"""What it gives in place of what the API promises."""

GIVERS = [
    ("tracer_provider", ("get_tracer",)),
    ("tracer_provider", ("get_tracer", "start_span")),
    ("meter_provider", ("get_meter",)),
    ("meter_provider", ("get_meter", "create_histogram")),
    ("meter_provider", ("get_meter", "create_observable_counter")),
    ("meter_provider", ("get_meter", "create_observable_gauge")),
    ("meter_provider", ("get_meter", "create_observable_up_down_counter")),
    ("logger_provider", ("get_logger",)),
]
"""What is asked of which provider, and of what that gives."""
SILENT = {"get_logger", "create_observable_counter", "create_observable_gauge", "create_observable_up_down_counter"}
"""Whose answer nobody looks at in these calls: only where they raise there is a fault to be counted."""

PARTS = ("get_span_context", "is_recording", "set_attribute", "set_attributes", "set_status", "add_event", "end")


class Instead:
    """`thing`, one of whose methods is another."""

    def __init__(self, thing: Any, method: str, answer: Callable[..., Any]) -> None:
        self._thing = thing
        setattr(self, method, answer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)


def odd(thing: Any, path: tuple[str, ...], answer: Callable[..., Any]) -> Any:
    """`thing`, where the last of the methods of `path` answers so."""
    method, *rest = path
    if not rest:
        return Instead(thing, method, answer)
    bare = getattr(thing, method)
    return Instead(thing, method, lambda *args, **kwargs: odd(bare(*args, **kwargs), tuple(rest), answer))


def answer() -> int:
    current_measurement().set_attribute("a", 1)
    return 42


async def later() -> int:
    return answer()


def fails() -> int:
    raise ValueError


def block(telemetry: Telemetry) -> int:
    with telemetry.operation("work").measure() as measurement:
        measurement.set_metric_attribute("a", "b")
        return 42


def run(telemetry: Telemetry) -> int:
    with telemetry.batch_job("job").run() as job, job.step("load"):
        job.set_attribute("a", 1)
        return 42


def task(telemetry: Telemetry) -> int:
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="here", span=True) as executor:
        return executor.submit(answer).result()


def use(telemetry: Telemetry) -> int:
    pool = telemetry.pool("gpu", limit=1)
    with pool.wait(), pool.use():
        return 42


def failure(telemetry: Telemetry) -> int:
    with pytest.raises(ValueError) as raised:
        telemetry.operation("work")(fails)()
    assert raised.value.__context__ is None
    return 42


WORKS: dict[str, Callable[[Telemetry], int]] = {
    "operation": lambda telemetry: telemetry.operation("work")(answer)(),
    "operation that asks": lambda telemetry: telemetry.operation("work", error_if=lambda _: None)(answer)(),
    "operation without a span": lambda telemetry: telemetry.operation("work", span=False)(answer)(),
    "hot operation": lambda telemetry: telemetry.operation("work", span=False, sample_durations=0.5)(answer)(),
    "coroutine": lambda telemetry: asyncio.run(telemetry.operation("work")(later)()),
    "failure": failure,
    "block": block,
    "span": lambda telemetry: telemetry.span("work")(answer)(),
    "run and step": run,
    "task": task,
    "pool": use,
}


def leaves_nothing() -> bool:
    """Nothing of a call has stayed."""
    return (
        not context.get_current()
        and trace.get_current_span() is trace.INVALID_SPAN
        and not current_measurement()._is_running()
        and not reentrancy.unsafe()
    )


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
@pytest.mark.parametrize("given", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize(("provider", "path"), GIVERS, ids=[path[-1] for _, path in GIVERS])
def test_what_it_gives_in_place_of_a_thing(
    sdk: Sdk, provider: str, path: tuple[str, ...], given: Callable[..., Any], work: Callable[[Telemetry], int]
) -> None:
    """FLT 1: the result is the bare one, and nothing stays current, whatever is given instead."""
    telemetry = sdk.telemetry(**{provider: odd(getattr(sdk, provider), path, given)})

    assert [work(telemetry), work(telemetry)] == [42, 42]
    assert leaves_nothing()


@pytest.mark.parametrize("given", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize(
    ("provider", "path"), [one for one in GIVERS if one[1][-1] not in SILENT], ids=lambda one: one[-1]
)
def test_it_is_a_counted_fault(sdk: Sdk, provider: str, path: tuple[str, ...], given: Callable[..., Any]) -> None:
    """FLT 1: a call by whose SDK less is recorded than by a sound one has a fault that says so."""
    before = sum(faults.counts().values())
    telemetry = sdk.telemetry(**{provider: odd(getattr(sdk, provider), path, given)})
    telemetry.operation("work")(answer)()

    assert sum(faults.counts().values()) > before


@pytest.mark.parametrize("given", [None, raises], ids=["None", "raise"])
@pytest.mark.parametrize("thing", ["tracer", "meter", "logger"])
def test_the_plain_things_of_a_library(sdk: Sdk, thing: str, given: Any) -> None:
    """FLT 1: a library that reads `.tracer` and its like where it is imported gets the API's no-op one, and a fault is
    counted."""
    provider = f"{thing}_provider"
    before = sum(faults.counts().values())
    odd_one = odd(getattr(sdk, provider), (f"get_{thing}",), raises if given else lambda *_args, **_options: None)

    found = getattr(sdk.telemetry(**{provider: odd_one}), thing)

    assert hasattr(found, {"tracer": "start_span", "meter": "create_counter", "logger": "emit"}[thing])
    assert sum(faults.counts().values()) > before


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("given", [None, Doubtful(), raises], ids=["missing", "doubtful", "raising"])
def test_a_span_that_lacks_a_part(sdk: Sdk, part: str, given: Any, work: Callable[[Telemetry], int]) -> None:
    """FLT 1: likewise where a span lacks a method, or has one that answers nothing one can use."""
    bare = sdk.tracer_provider.get_tracer("odd")
    answers = given if given is None or callable(given) else lambda *_, **__: given

    class Tracer:
        def start_span(self, *args: Any, **kwargs: Any) -> Any:
            return Instead(bare.start_span(*args, **kwargs), part, answers)

    telemetry = sdk.telemetry(tracer_provider=Instead(sdk.tracer_provider, "get_tracer", lambda *_, **__: Tracer()))

    assert work(telemetry) == 42
    assert leaves_nothing()


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
@pytest.mark.parametrize("raising", [False, True], ids=["swallowed", "passed on"])
def test_what_the_end_of_a_span_leaves_current(sdk: Sdk, raising: bool, work: Callable[[Telemetry], int]) -> None:
    """FLT 1, ASY 11: it is put back. The SDK's exporters run under a key that suppresses instrumentation, and one that
    is interrupted where it makes that current or puts it back leaves it to the thread for good."""

    class Interrupted(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            context.attach(context.set_value("suppress_instrumentation", True))
            if raising:
                raise Odd

    sdk.tracer_provider.add_span_processor(Interrupted())

    assert work(sdk.telemetry()) == 42
    assert leaves_nothing()


def test_what_the_export_of_an_event_leaves_current(sdk: Sdk) -> None:
    """FLT 1, ASY 11: likewise where a log record is exported as it is emitted."""

    class Interrupted(LogRecordProcessor):
        def on_emit(self, log_record: Any) -> None:
            context.attach(context.set_value("suppress_instrumentation", True))

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 0) -> bool:
            return True

    sdk.logger_provider.add_log_record_processor(Interrupted())
    sdk.telemetry(errors=ErrorPolicy(signal="log")).event("order.packed")

    assert sdk.log("order.packed")
    assert leaves_nothing()
