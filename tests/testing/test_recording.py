"""What a plain tracer, meter or logger does in a capture: as the SDK's, whatever it is given."""

import pytest
from opentelemetry.metrics import Observation
from opentelemetry.trace import SpanKind, Status, StatusCode

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, FakeClock, event, point, span
from tests.support import Sdk


@pytest.mark.telemetry_capture(allow=("dropped",))
def test_an_ended_span_takes_nothing_more(captured: Captured, telemetry: Telemetry) -> None:
    """Neither attributes nor events, links, a name or a status."""
    ended = telemetry.tracer.start_span("price")
    ended.end()
    ended.set_attributes({"sku": 1})
    ended.set_attribute("sku", 1)
    ended.add_event("late")
    ended.add_link(ended.get_span_context())
    ended.update_name("late")
    ended.set_status(StatusCode.ERROR)

    assert captured.spans == [span("price", attributes={}, events=[], status=StatusCode.UNSET)]
    assert (captured.span().links, captured.span().is_remote, captured.span().duration) == ([], False, 0)


def test_what_a_span_is_given_while_it_runs(captured: Captured, telemetry: Telemetry) -> None:
    """A link without ids says nothing, a status of OK is final, and of what isn't ended the duration is unknown."""
    with telemetry.tracer.start_as_current_span("price") as running:
        running.update_name("load")
        running.add_link(running.get_span_context(), {"why": "batch"})
        running.set_status(Status(StatusCode.OK))
        running.set_status(StatusCode.ERROR, "too late")
        running.set_status("odd")  # type: ignore[arg-type]
        running.add_event("read", {"rows": 3}, timestamp=7)
        assert captured.span("load").duration is None

    assert captured.span() == span("load", status=StatusCode.OK, events=[event("read", attributes={"rows": 3})])
    assert [dict(link.attributes or {}) for link in captured.span().links] == [{"why": "batch"}]
    assert captured.span() != span("load", events=[]) and captured.span() != span("load", events=["read", "write"])


def test_a_plain_span_tells_of_its_exception(captured: Captured, telemetry: Telemetry) -> None:
    """As a context manager of its own: the event, and a status with the words."""
    with pytest.raises(KeyError), telemetry.tracer.start_span("price"):
        raise KeyError("A1")

    assert captured.span().status == Status(StatusCode.ERROR, "KeyError: 'A1'")
    assert [one.name for one in captured.span().events] == ["exception"]


def test_what_is_recorded_can_be_read(captured: Captured, telemetry: Telemetry) -> None:
    """Spans, their status and events, and log-based events in a failing assertion."""
    with telemetry.span("price") as running:
        running.add_event("read", {"rows": 3})
        telemetry.event("config.changed", {"file": "a"})

    assert repr(running) == repr(captured.span()) == "<span 'price' {}>"
    assert repr(captured.span().events) == "[<event 'read' {'rows': 3}>]"
    assert repr(captured.event()) == "<event 'config.changed' INFO {'file': 'a'}>"
    status = captured.span().status
    assert (repr(status), hash(status)) == ("Status(UNSET)", hash(StatusCode.UNSET))
    assert status != "unset"


def test_a_gauge_has_its_last_value(captured: Captured, telemetry: Telemetry) -> None:
    """The API's synchronous one."""
    gauge = telemetry.meter.create_gauge("size", unit="By")
    gauge.set(3)
    gauge.set(2, {"disk": "a"})
    gauge.set(1)

    assert captured.points("size") == [point(value=2, attributes={"disk": "a"}), point(value=1, attributes={})]
    assert point(value=1) != "one"


def test_an_instrument_may_observe_by_a_generator(captured: Captured, telemetry: Telemetry) -> None:
    """As the API allows, and one that has ended says nothing more."""

    def started():  # type: ignore[no-untyped-def]
        options = yield
        assert options is not None
        yield [Observation(3), Observation(float("nan"), {"disk": "a"})]

    telemetry.meter.create_observable_gauge("size", [started()])
    assert captured.points("size") == [point(value=3)]
    assert captured.points("size") == []


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_callback_that_raises_is_a_finding(captured: Captured, telemetry: Telemetry) -> None:
    """The instrument's name, and what it said, where that can be had."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def observe(_options: object) -> list[Observation]:
        raise Mute

    telemetry.meter.create_observable_gauge("size", [observe])
    found = captured.findings()

    assert [(one.word, one.message) for one in found] == [("fault", "at observe.size: Mute: (its text can't be had)")]


def test_an_instrument_that_no_sdk_would_make(telemetry: Telemetry) -> None:
    """The error says the rule."""
    with pytest.raises(ValueError, match="must have an ASCII name that begins with a letter"):
        telemetry.meter.create_counter("1 odd")


def test_the_clock_takes_seconds_forward() -> None:
    """`advance` goes one way, and `step` moves the wall clock alone."""
    clock = FakeClock()
    with pytest.raises(ValueError, match=r"seconds of advance\(\) must be 0 or more, got -1"):
        clock.advance(-1)
    wall, monotonic = clock.time(), clock.perf_counter()
    clock.step(-3)
    assert (wall - clock.time(), clock.perf_counter() - monotonic) == (3, 0)


def test_a_plain_instrument_keeps_as_many_sets_as_the_sdk(captured: Captured, telemetry: Telemetry) -> None:
    """What comes after is one point, which says so."""
    counter = telemetry.meter.create_counter("mails")
    for number in range(2_005):
        counter.add(1, {"number": number})

    assert captured.value("mails") == 2_005
    assert captured.value("mails", {"otel.metric.overflow": True}) > 1


@pytest.mark.telemetry_capture(allow=("uncatalogued",))
def test_an_instrument_of_another_kind_or_unit_is_not_as_catalogued(captured: Captured) -> None:
    """Each is named, with what it is there."""
    meter = captured.meter_provider.get_meter("telemetry_kit")
    meter.create_counter("operation.duration", unit="s")
    meter.create_histogram("pool.wait_time", unit="ms")
    with pytest.raises(AssertionError) as raised:
        captured.assert_catalogued()

    assert str(raised.value).splitlines() == [
        "not as the catalogue says:",
        "  operation.duration is a counter, and a histogram in the catalogue",
        "  pool.wait_time is in 'ms', and in 's' in the catalogue",
    ]


def test_expected_points_are_equal_if_all_of_them_is() -> None:
    """Among themselves, both ways."""
    assert point(value=1) == point(value=1)
    assert point(value=1) != point(value=1, attributes={"disk": "a"})


def test_a_running_span_can_be_read_as_the_sdks(captured: Captured, sdk: Sdk) -> None:
    """Instrumentations ask the current span for its kind, name and attributes once it is recording."""
    read = []
    for tracer in (Telemetry("shop.orders").tracer, sdk.tracer):
        with (
            tracer.start_as_current_span("request"),
            tracer.start_as_current_span("GET", kind=SpanKind.SERVER, attributes={"http.route": "/"}) as running,
        ):
            parent = running.parent is not None and running.parent.trace_id == running.context.trace_id
            read.append((running.name, running.kind, dict(running.attributes), parent, running.end_time))
            read[-1] += (list(running.events), list(running.links), running.status.status_code, running.start_time > 0)

    assert (
        read[0] == read[1] == ("GET", SpanKind.SERVER, {"http.route": "/"}, True, None, [], [], StatusCode.UNSET, True)
    )
    with captured.tracer_provider.get_tracer("lib").start_as_current_span("odd") as odd:
        assert not hasattr(odd, "colour")
