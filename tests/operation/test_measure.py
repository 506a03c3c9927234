"""`operation.measure()`: a fresh single-use measurement for a `with` block, and the current one for whoever asks."""

import asyncio
import threading
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, StatusCode

from telemetry_kit import Measurement, Telemetry, current_measurement
from telemetry_kit._core import faults as _faults
from telemetry_kit._operation import call
from telemetry_kit.testing import Captured, FakeClock, capture


def faults(site: str) -> int:
    return _faults.counts().get(site, 0)


def test_a_block_is_measured(telemetry: Telemetry, captured: Captured, clock: FakeClock) -> None:
    """A `with` block is one span and one duration."""
    with telemetry.operation("checkout").measure():
        clock.advance(2.0)

    assert captured.point("operation.duration", {"operation.name": "checkout"}).sum == 2.0
    assert captured.span("checkout").status.status_code is StatusCode.UNSET


def test_a_block_in_which_the_sdk_comes_is_recorded() -> None:
    """PRC 4: its duration is, as of its beginning; it has no span, which would have had to begin then."""
    operation = Telemetry("shop").operation("start")
    block = operation.measure()
    block.__enter__()
    assert current_measurement() is not block
    with capture() as captured:
        block.__exit__(None, None, None)

        assert captured.value("operation.duration", {"operation.name": "start"}) == 1
        assert captured.spans == []
    assert operation._definition.state.total() == 0


def test_a_block_without_an_sdk_counts_as_running_and_takes_what_is_said() -> None:
    """Nobody keeps it; the count is right for an SDK that comes."""
    operation = Telemetry("shop").operation("unseen")
    with operation.measure() as m:
        m.set_attribute("a", 1)
        m.set_metric_attribute("b", "c")
        m.fail("nobody sees it")
        assert operation._definition.state.total() == 1

    assert operation._definition.state.total() == 0
    assert m.duration is not None


def test_what_python_keeps_in_known_places_is_there() -> None:
    """Each of these is an attribute of a measurement that has begun or ended, or stands for it on its class."""
    with Telemetry("shop").operation("one").measure() as m:
        pass

    assert [name for name in call._SIDE_BY_SIDE if not hasattr(m, name)] == []


def test_a_block_in_async_code(telemetry: Telemetry, captured: Captured) -> None:
    """The same `with` serves in coroutines; two at once each have their own."""
    operation = telemetry.operation("checkout")

    async def one(number: int) -> None:
        with operation.measure() as m:
            m.set_attribute("number", number)
            await asyncio.sleep(0)
            assert current_measurement() is m

    async def main() -> None:
        await asyncio.gather(one(1), one(2))

    asyncio.run(main())

    assert {span.attributes["number"] for span in [span for span in captured.spans if span.name == "checkout"]} == {
        1,
        2,
    }
    assert captured.value("operation.active") == 0


def test_the_duration_is_none_until_it_ended(telemetry: Telemetry, clock: FakeClock) -> None:
    """`.duration` is None before and inside of the block, and its seconds afterwards."""
    measurement = telemetry.operation("checkout").measure()
    before = measurement.duration
    with measurement as m:
        clock.advance(1.5)
        inside = m.duration

    assert [before, inside, measurement.duration] == [None, None, 1.5]


def test_the_span_is_the_current_one(telemetry: Telemetry) -> None:
    """`.span` is OpenTelemetry's span, current inside of the block."""
    with telemetry.operation("checkout").measure() as m:
        assert m.span is trace.get_current_span()
        assert m.span.is_recording()


def test_each_measure_is_fresh(telemetry: Telemetry, captured: Captured) -> None:
    """Two measurements of an operation know nothing of each other."""
    operation = telemetry.operation("checkout")
    with operation.measure() as outer, operation.measure() as inner:
        inner.fail("declined")

    assert outer is not inner
    assert captured.value("operation.duration", {"error.type": "declined"}) == 1
    assert captured.value("operation.duration") == 2


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_second_use_is_a_fault_and_changes_nothing(telemetry: Telemetry, captured: Captured) -> None:
    """A measurement is for one use: the second is a counted fault, not an error of the host's (FLT 1)."""
    before = faults("operation.measure")
    measurement = telemetry.operation("checkout").measure()
    with measurement:
        pass
    with measurement:
        pass

    assert faults("operation.measure") == before + 1
    assert captured.point("operation.duration", {"operation.name": "checkout"}).count == 1


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_nested_second_use_does_not_end_the_first(telemetry: Telemetry, captured: Captured, clock: FakeClock) -> None:
    """Entering a running measurement again leaves it running until its own block ends (FLT 1)."""
    measurement = telemetry.operation("checkout").measure()
    with measurement:
        with measurement:
            pass
        clock.advance(1.0)
        measurement.set_attribute("late", True)

    assert captured.point("operation.duration", {"operation.name": "checkout"}).sum == 1.0
    assert captured.span("checkout").attributes["late"] is True


@pytest.mark.telemetry_capture(allow=("fault",))
def test_measure_of_an_operation_without_a_name(telemetry: Telemetry, captured: Captured) -> None:
    """An operation without a name has none to give a block: a counted fault, and the block runs (FLT 1)."""
    before = faults("operation.name")
    with telemetry.operation().measure():
        pass

    assert faults("operation.name") == before + 1


def misuse(measurement: Measurement) -> None:
    measurement.set_attribute("a", 1)
    measurement.set_attributes({"a": 1})
    measurement.set_metric_attribute("a", 1)
    measurement.fail("x")
    measurement.add_event("e")


@pytest.mark.telemetry_capture(allow=("dropped",))
def test_before_it_began_nothing_happens(telemetry: Telemetry, captured: Captured) -> None:
    """What is said of a measurement before its block is without effect."""
    measurement = telemetry.operation("checkout").measure()
    misuse(measurement)
    with measurement:
        pass

    assert dict(captured.span("checkout").attributes) == {}
    assert "error.type" not in captured.point("operation.duration").attributes


@pytest.mark.telemetry_capture(allow=("dropped",))
def test_after_it_ended_nothing_happens(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """What is said of a measurement after its block is without effect, and without a word in the log."""
    with telemetry.operation("checkout").measure() as m:
        pass
    misuse(m)

    assert dict(captured.span("checkout").attributes) == {}
    assert "error.type" not in captured.point("operation.duration").attributes
    assert caplog.records == []


# current_measurement()


def test_current_is_the_innermost(telemetry: Telemetry) -> None:
    """`current_measurement()` is the innermost running one, and the outer one again after it."""
    operation = telemetry.operation("checkout")
    with operation.measure() as outer:
        with operation.measure() as inner:
            assert current_measurement() is inner
        assert current_measurement() is outer


def test_current_where_there_is_none() -> None:
    """Outside of everything it is one that does nothing, and isn't None."""
    nothing = current_measurement()
    misuse(nothing)

    assert isinstance(nothing, Measurement)
    assert nothing.span is INVALID_SPAN
    assert nothing.duration is None


DECORATED = [
    {},
    {"span_attributes": lambda *_, **__: {}},
    {"span": False},
    {"sample_durations": 0.0},
    {"span": "errors"},
]


@pytest.mark.parametrize("options", DECORATED, ids=["lean", "full", "no span", "sampled", "errors"])
def test_a_decorated_function_can_fail_without_an_exception(
    telemetry: Telemetry, captured: Captured, options: dict[str, Any]
) -> None:
    """`current_measurement().fail()` inside of a decorated function is its outcome."""

    @telemetry.operation("work", **options)
    def work() -> int:
        current_measurement().fail("card_declined")
        return 42

    assert work() == 42
    metric = "operation.calls" if options.get("sample_durations") == 0.0 else "operation.duration"
    assert captured.points(metric, {"error.type": "card_declined"})


@pytest.mark.parametrize("options", DECORATED, ids=["lean", "full", "no span", "sampled", "errors"])
def test_a_decorated_function_can_set_metric_attributes(
    telemetry: Telemetry, captured: Captured, options: dict[str, Any]
) -> None:
    """`current_measurement().set_metric_attribute()` inside of a decorated function is on its metric."""

    @telemetry.operation("work", **options)
    def work() -> None:
        current_measurement().set_metric_attribute("cache.result", "hit")

    work()

    metric = "operation.calls" if options.get("sample_durations") == 0.0 else "operation.duration"
    assert captured.points(metric, {"cache.result": "hit"})


@pytest.mark.parametrize("options", DECORATED[:2], ids=["lean", "full"])
def test_a_decorated_function_can_set_span_attributes(
    telemetry: Telemetry, captured: Captured, options: dict[str, Any]
) -> None:
    """`current_measurement().set_attribute()` inside of a decorated function is on its span."""

    @telemetry.operation("work", **options)
    def work() -> None:
        current_measurement().set_attribute("user.id", 7)

    work()

    assert captured.span("work").attributes["user.id"] == 7


@pytest.mark.parametrize("options", DECORATED[:3], ids=["lean", "full", "no span"])
def test_asked_twice_it_is_the_same(telemetry: Telemetry, options: dict[str, Any]) -> None:
    """Within a call the current measurement is one object, with the call's span and no duration yet."""
    seen: list[Measurement] = []

    @telemetry.operation("work", **options)
    def work() -> None:
        seen.extend([current_measurement(), current_measurement()])
        assert seen[0].span is (trace.get_current_span() if options.get("span", True) else INVALID_SPAN)
        assert seen[0].duration is None

    work()

    assert seen[0] is seen[1]
    assert seen[0].duration is not None


def test_current_in_nested_decorated_functions(telemetry: Telemetry, captured: Captured) -> None:
    """Each of two nested decorated functions speaks of its own call, before and after the inner one."""

    @telemetry.operation("inner")
    async def inner() -> None:
        current_measurement().set_attribute("is", "inner")
        await asyncio.sleep(0)

    @telemetry.operation("outer")
    async def outer() -> None:
        await inner()
        current_measurement().set_attribute("is", "outer")

    asyncio.run(outer())

    assert captured.span("inner").attributes["is"] == "inner"
    assert captured.span("outer").attributes["is"] == "outer"


def test_a_task_that_outlives_its_call_changes_nothing(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """A task started inside of a call that has ended speaks to nobody, and says nothing in the log."""
    ended = asyncio.Event()

    async def straggler() -> None:
        await ended.wait()
        misuse(current_measurement())

    @telemetry.operation("work")
    async def work() -> Any:
        return asyncio.create_task(straggler())

    async def main() -> None:
        task = await work()
        ended.set()
        await task

    asyncio.run(main())

    assert "a" not in captured.span("work").attributes
    assert captured.points("operation.duration", {"error.type": "x"}) == []
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_threads_have_their_own(telemetry: Telemetry) -> None:
    """A new thread has no current measurement."""
    seen = []
    with telemetry.operation("work").measure():
        thread = threading.Thread(target=lambda: seen.append(current_measurement().span))
        thread.start()
        thread.join()

    assert seen == [INVALID_SPAN]


# add_event, inject


def test_an_event_is_on_the_span(telemetry: Telemetry, captured: Captured) -> None:
    """`add_event` is a span event by default, with its attributes."""
    with telemetry.operation("checkout").measure() as m:
        m.add_event("card.charged", {"amount": 7})

    (event,) = captured.span("checkout").events
    assert (event.name, dict(event.attributes)) == ("card.charged", {"amount": 7})


def test_an_event_is_a_log_record_where_the_policy_says_so(captured: Captured) -> None:
    """`add_event` is a log-based event where the error policy's signal is `log`, correlated with the span."""
    from telemetry_kit import ErrorPolicy

    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(signal="log"))
    with telemetry.operation("checkout").measure() as m:
        m.add_event("card.charged", {"amount": 7})

    assert captured.span("checkout").events == []
    assert captured.event("card.charged").attributes == {"amount": 7}
    assert captured.event("card.charged").span is captured.span("checkout")


@pytest.mark.telemetry_capture(
    allow=(
        "dropped",
        "fault",
    )
)
@pytest.mark.parametrize(
    "attributes", [None, {}, {"a": object()}, {1: 2}, [1], 7], ids=["none", "empty", "object", "key", "list", "int"]
)
def test_an_event_with_odd_attributes_is_kept(telemetry: Telemetry, captured: Captured, attributes: Any) -> None:
    """An event's odd attributes are dropped, the event isn't (FLT 2)."""
    with telemetry.operation("checkout").measure() as m:
        m.add_event("card.charged", attributes)

    assert [event.name for event in captured.span("checkout").events] == ["card.charged"]


def test_inject_puts_the_span_into_a_carrier(telemetry: Telemetry, captured: Captured) -> None:
    """`inject` gives back the carrier, with the measurement's own context in it."""
    headers: dict[str, str] = {}
    with telemetry.operation("checkout").measure() as m:
        given = m.inject(headers)

    assert given is headers
    context = captured.span("checkout").context
    assert headers["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-0")


def test_inject_from_within_a_child(telemetry: Telemetry, captured: Captured) -> None:
    """`inject` of an outer measurement sends that one's context, whatever is current."""
    with (
        telemetry.operation("outer").measure() as m,
        captured.tracer_provider.get_tracer("tests").start_as_current_span("child"),
    ):
        headers = m.inject({})

    assert f"{captured.span('outer').context.span_id:016x}" in headers["traceparent"]


def test_inject_of_nothing_sends_what_is_current(captured: Captured) -> None:
    """Where nothing is measured, `inject` sends the current context."""
    with captured.tracer_provider.get_tracer("tests").start_as_current_span("mine") as mine:
        headers = current_measurement().inject({})

    assert f"{mine.get_span_context().span_id:016x}" in headers["traceparent"]
