"""`capture()`: what is kept, whose, and from when to when."""

import contextlib
import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from telemetry_kit import Objective, Telemetry
from telemetry_kit._core import clock as _clock
from telemetry_kit._core import sdk
from telemetry_kit.conventions import HTTP_SERVER
from telemetry_kit.testing import FakeClock, capture, event, point, span
from tests.support import Sdk

MADE_AT_IMPORT = Telemetry("tests.module")
OPERATION = MADE_AT_IMPORT.operation("module.work")
ATTRIBUTES = {"operation.name": "module.work", "scope.name": "tests.module"}


@OPERATION
def work() -> int:
    return 1


def test_what_was_made_at_import_is_captured() -> None:
    """A capture has what a `Telemetry` records that was made long before it."""
    with capture() as captured:
        work()

    assert captured.points("operation.duration") == [point(count=1, sum=0.0, attributes=ATTRIBUTES)]
    assert captured.span("module.work").attributes["code.function.name"].endswith("work")


def test_a_capture_starts_from_zero() -> None:
    """What was counted before a capture isn't in it, though the kit goes on counting."""
    pool = MADE_AT_IMPORT.pool("seats")
    with capture() as before:
        pool.timeout()
    with capture() as captured:
        pool.timeout()
        pool.timeout()

    assert before.value("pool.errors", {"pool.name": "seats"}) == 1
    assert captured.value("pool.errors", {"pool.name": "seats"}) == 2


def test_who_did_nothing_is_not_in_it() -> None:
    """Helpers of other modules, which happen to be there, say nothing in a capture in which they did nothing."""
    work()
    with capture() as captured:
        pass

    assert str(captured) == "(nothing)"
    assert captured.points("operation.active") == []


def test_every_thread_is_captured() -> None:
    """Threads that began before the capture record into it too."""
    go, done = threading.Event(), threading.Event()

    def later() -> None:
        go.wait(5)
        work()
        done.set()

    thread = threading.Thread(target=later)
    thread.start()
    with capture() as captured:
        go.set()
        done.wait(5)
        thread.join(5)

    assert captured.value("operation.duration", ATTRIBUTES) == 1


def test_the_inner_capture_takes_over() -> None:
    """While a capture within another is active the outer one gets nothing, and goes on afterwards."""
    with capture() as outer:
        work()
        with capture() as inner:
            work()
            work()
        work()

    assert (outer.value("operation.duration"), inner.value("operation.duration")) == (2, 2)


def test_counts_that_are_observed_go_on_where_they_stopped() -> None:
    """What an inner capture counts isn't in the outer one, also where the kit itself keeps the count."""
    pool = MADE_AT_IMPORT.pool("berths")
    with capture() as outer:
        pool.timeout()
        with capture() as inner:
            pool.timeout()
            pool.timeout()
        pool.timeout()
        assert outer.value("pool.errors") == 2
        assert inner.value("pool.errors") == 2
    pool.timeout()

    assert (outer.value("pool.errors"), inner.value("pool.errors")) == (2, 2)


def test_the_newest_wins_whatever_the_order_of_ends() -> None:
    """Where the older capture ends first, the newer one goes on having everything."""
    older, newer = capture(), capture()
    first, second = older.__enter__(), newer.__enter__()
    work()
    older.__exit__(None, None, None)
    work()
    newer.__exit__(None, None, None)
    work()

    assert (first.value("operation.duration"), second.value("operation.duration")) == (0, 2)
    assert sdk.override is None


def test_the_clock_is_the_captures() -> None:
    """The kit reads a clock that stands still until the test moves it; afterwards it reads the machine's again."""
    system = _clock.perf_counter
    with capture() as captured, OPERATION.measure() as measurement:
        captured.clock.advance(2.5)
    with capture(clock=FakeClock(at=86_400.0)) as early:
        work()

    assert measurement.duration == 2.5
    assert captured.points("operation.duration") == [point(count=1, sum=2.5)]
    assert early.span("module.work").start == 86_400 * 10**9
    assert _clock.perf_counter is system


def test_ids_are_the_same_in_every_run() -> None:
    """Traces and spans are numbered, from the same number on in every capture."""
    ids = []
    for _ in range(2):
        with capture() as captured, MADE_AT_IMPORT.span("outer"), MADE_AT_IMPORT.span("inner"):
            pass
        ids.append([(f"{span.trace_id:x}", f"{span.span_id:x}") for span in captured.spans])

    trace = "63617074757265640000000000000001"
    assert ids == 2 * [[(trace, "6b00000000000001"), (trace, "6b00000000000002")]]


def test_ids_of_headers_are_nobodys_here() -> None:
    """Small ids, such as people write into headers, are of a span elsewhere."""
    from telemetry_kit import attached, extract

    headers = {"traceparent": f"00-{1:032x}-{1:016x}-01"}
    with capture() as captured, attached(extract(headers)), MADE_AT_IMPORT.span("receive"):
        pass

    assert captured.span("receive").parent == captured.span("receive").parent_context


def test_parents_and_links_are_spans() -> None:
    """A span's parent is the captured span itself, also where the context went through headers."""
    from telemetry_kit import attached, extract, inject

    with capture() as captured:
        with MADE_AT_IMPORT.span("send"):
            headers = inject({})
        with attached(extract(headers)), MADE_AT_IMPORT.span("receive"):
            pass

    assert captured.span("receive").parent is captured.span("send")
    assert captured.span("send").parent is None


def test_plain_objects_are_the_captures() -> None:
    """`.tracer`, `.meter` and `.logger`, read inside of a capture, record into it."""
    with capture() as captured, MADE_AT_IMPORT.tracer.start_as_current_span("plain"):
        MADE_AT_IMPORT.meter.create_counter("plain.count").add(2, {"kind": "a"})
        MADE_AT_IMPORT.logger.emit(body="plain", event_name="plain.event")

    assert captured.points("plain.count") == [point(value=2, attributes={"kind": "a"})]
    assert captured.event("plain.event").span is captured.span("plain")


def test_spans_and_events_by_name() -> None:
    """However many of a name there are, those of another left out, in the order in which they came."""
    with capture() as captured:
        for size in (1, 2):
            with MADE_AT_IMPORT.span("price", attributes={"cart.size": size}):
                MADE_AT_IMPORT.event("priced", {"cart.size": size})
            with MADE_AT_IMPORT.span("ship"):
                MADE_AT_IMPORT.event("shipped")

    sizes = [{"cart.size": 1}, {"cart.size": 2}]
    assert captured.spans_named("price") == [span("price", attributes=size) for size in sizes]
    assert captured.events_named("priced") == [event("priced", attributes=size) for size in sizes]
    assert captured.spans_named("prices") == captured.events_named("price") == []


def test_explicit_providers_are_their_owners() -> None:
    """A `Telemetry` that was given providers keeps them."""
    with capture() as captured, capture() as other:
        theirs = Telemetry("tests.theirs", tracer_provider=captured.tracer_provider)
        with theirs.span("work"):
            pass

    assert captured.span("work").scope == "tests.theirs"
    assert other.spans == []


def test_the_providers_of_a_capture_can_be_handed_over() -> None:
    """What is observed is in it, as what is recorded is."""
    with capture() as captured:
        telemetry = Telemetry("tests.handed", meter_provider=captured.meter_provider)
        pool = telemetry.pool("handed over", limit=4)
        with pool.use():
            usage = captured.value("pool.usage", {"pool.name": "handed over"})
        telemetry.operation("recorded", span=False)(work)()

        assert usage == 1
        assert captured.point("pool.limit", {"pool.name": "handed over"}).value == 4
        assert captured.point("operation.duration", {"operation.name": "recorded"}).count == 1


def test_waiting_for_other_threads() -> None:
    """`wait_for` comes back when what another thread does is there."""
    with capture() as captured:
        thread = threading.Thread(target=work)
        thread.start()
        captured.wait_for("operation.duration", attributes=ATTRIBUTES, timeout=10)
        captured.wait_for("module.work", timeout=10)
        thread.join()


def test_what_did_not_come_is_said() -> None:
    """The error of `wait_for` says what was waited for, what is near it, and what there is."""
    with capture() as captured:
        work()
        with pytest.raises(AssertionError) as error:
            captured.wait_for("module.wrok", timeout=0)

    assert str(error.value).startswith(
        "'module.wrok' didn't come to 1 within 0 s; near it: 'module.work'\nCaptured:\n  span module.work\n"
    )


def test_what_is_not_there_is_said() -> None:
    """`span` and `event` raise with what is near, and with the whole capture."""
    with capture() as captured:
        work()
        work()
        MADE_AT_IMPORT.event("config.changed")

    with pytest.raises(AssertionError, match=r"^there is no event 'config.change'; near it: 'config.changed'\nCapt"):
        captured.event("config.change")
    with pytest.raises(AssertionError, match=r"^there are 2 spans 'module.work', not one\nCaptured:\n  span module"):
        captured.span("module.work")


def test_the_fixture(telemetry_capture) -> None:
    """The fixture is a capture of the test."""
    work()

    assert [point(count=1, attributes=ATTRIBUTES)] == telemetry_capture.points("operation.duration")


@pytest.mark.parametrize("time", ["first", "second"])
def test_limits_are_unused(telemetry_capture, time) -> None:
    """How many values, and how many errors in detail, earlier tests had is nothing to a capture."""
    for number in range(100):
        with OPERATION.measure(metric_attributes={"user": f"{time} {number}"}):
            pass
    for _ in range(50):
        with pytest.raises(LookupError), OPERATION.measure(metric_attributes={"user": f"{time} 1"}):
            raise LookupError

    points = telemetry_capture.points("operation.duration")
    assert {point.attributes["user"] for point in points} == {f"{time} {number}" for number in range(100)}
    assert sum(len(span.events) for span in telemetry_capture.spans) == 50


@pytest.mark.parametrize("value", [1, "1"])
def test_values_are_those_of_this_test(telemetry_capture, value) -> None:
    """A value is recorded as it is given, though an earlier test gave another whose text is the same."""
    with OPERATION.measure(metric_attributes={"shelf": value}):
        pass

    assert telemetry_capture.points("operation.duration")[0].attributes["shelf"] is value


JOB = MADE_AT_IMPORT.batch_job("nightly")


@pytest.mark.parametrize("fails", [False, True])
def test_jobs_have_never_run(telemetry_capture, fails) -> None:
    """What is known of a job is of this capture: a failure shows no success of an earlier test."""
    with contextlib.suppress(LookupError), JOB.run():
        if fails:
            raise LookupError

    name = {"job.name": "nightly"}
    assert telemetry_capture.value("job.failed", name) == fails
    assert telemetry_capture.value("job.state", {**name, "job.state": "succeeded"}) == (not fails)
    assert len(telemetry_capture.points("job.last_success.timestamp", name)) == (not fails)


def test_jobs_of_the_outer_capture_stay_known() -> None:
    """A capture within another forgets jobs for itself only."""
    with capture() as outer:
        with JOB.run():
            pass
        with capture() as inner:
            pass
        seen = outer.value("job.state", {"job.state": "succeeded"})

    assert (seen, inner.points("job.state")) == (1, [])


def test_pools_that_an_earlier_test_made_are_gone() -> None:
    """What a test made ends with it, though an exception that it caught keeps its frame in a cycle."""

    def caught_in_a_test(limit: int) -> float:
        with capture() as captured:
            pool = Telemetry("tests.lingering").pool("gpu", limit=limit)
            with pytest.raises(LookupError) as caught, pool.wait():
                raise LookupError
            assert caught.tb is not None
            return captured.point("pool.limit").value

    gc.disable()
    try:
        limits = [caught_in_a_test(4), caught_in_a_test(2)]
    finally:
        gc.enable()
    assert limits == [4, 2]


def test_executors_that_an_earlier_test_made_are_gone() -> None:
    """Also where one of the name is there all the time, by whose source the others are read."""
    telemetry = Telemetry("tests.lingering")

    def caught_in_a_test(workers: int) -> float:
        with capture() as captured:
            pool = telemetry.wrap_executor(ThreadPoolExecutor(workers), name="resize")
            with pytest.raises(LookupError) as caught, pool:
                raise LookupError
            assert caught.tb is not None
            return captured.value("executor.worker.limit")

    gc.disable()
    try:
        with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize"):
            limits = [caught_in_a_test(4), caught_in_a_test(2)]
    finally:
        gc.enable()
    assert limits == [5, 3]


def test_the_collector_isnt_asked_where_nothing_is_left() -> None:
    """Ten thousand tests whose helpers go with them cost no look at all objects each."""

    def one() -> None:
        with capture():
            sell = Telemetry("tests.passing").operation("sell")(lambda: 1)
            sell()

    one()
    looked: list[int] = []
    watch = lambda phase, info: looked.append(info["generation"])
    gc.disable()
    gc.callbacks.append(watch)
    try:
        one()
        one()
    finally:
        gc.callbacks.remove(watch)
        gc.enable()
    assert looked == []


def test_zeros_that_alerts_need_are_there(telemetry_capture) -> None:
    """A new cache says how many hits and misses it had before it had any; one that did nothing here says nothing."""
    MADE_AT_IMPORT.cache("prices")

    assert [found.value for found in telemetry_capture.points("cache.requests")] == [0, 0]
    assert {found.attributes["cache.name"] for found in telemetry_capture.points("cache.requests")} == {"prices"}


def test_there_is_one_point(telemetry_capture) -> None:
    """`point` gives the one point there is, and says what there is if there are none or several."""
    for size in (1, 2):
        with OPERATION.measure(metric_attributes={"size": size}):
            pass

    assert telemetry_capture.point("operation.duration", {"size": 2}) == point(
        count=1, attributes={**ATTRIBUTES, "size": 2}
    )
    with pytest.raises(AssertionError, match=r"^there are 2 points of 'operation.duration', not one\nCaptured:\n"):
        telemetry_capture.point("operation.duration")
    with pytest.raises(
        AssertionError, match=r"^there is no point of 'operation.duration' with {'size': 3}\n  nearest: "
    ):
        telemetry_capture.point("operation.duration", {"size": 3})


def test_the_one_span_and_event_need_no_name(telemetry_capture) -> None:
    """`span()` and `event()` give the one that there is, whatever its name, and say so if there are several."""
    with MADE_AT_IMPORT.span("outer"):
        MADE_AT_IMPORT.event("config.changed")
    assert (telemetry_capture.span().name, telemetry_capture.event().name) == ("outer", "config.changed")

    work()
    with pytest.raises(AssertionError, match=r"^there are 2 spans, not one\nCaptured:\n"):
        telemetry_capture.span()


def test_what_a_test_has_the_kit_ask_is_asked_in_no_other() -> None:
    """A gauge's callable, which only the kit keeps, ends with the capture in which it was given; a module's stays."""
    asked = []
    with MADE_AT_IMPORT.observe_gauge("size.of.module", lambda: 3, unit="By", description="A module's"):
        with capture() as first:
            MADE_AT_IMPORT.observe_gauge(
                "size.of.test", lambda: asked.append(1) or 1 / 0, unit="By", description="A test's"
            )
            MADE_AT_IMPORT.observe_pool(name="of.test", stats=lambda: asked.append(1) or 1 / 0)
            MADE_AT_IMPORT.health("of.test", lambda: asked.append(1) or 1 / 0)
            assert {finding.word for finding in first.findings()} == {"fault"}
        asked.clear()
        with capture() as second:
            assert second.findings() == []
            assert second.point("size.of.module").value == 3

    assert asked == []


@pytest.mark.parametrize("ask", ["point", "points", "value"])
@pytest.mark.parametrize(
    ("name", "near"),
    [("mail.sentt", "; near it: 'mail.sent'"), ("Mail.Sent", "; near it: 'mail.sent'"), ("typo", "")],
)
def test_a_metric_that_nobody_makes_is_an_error(telemetry_capture, ask, name, near) -> None:
    """Of it nothing could ever be there: `== 0` would hold for ever."""
    MADE_AT_IMPORT.counter("mail.sent", unit="{mail}", description="Mails that were sent")
    with pytest.raises(AssertionError) as raised:
        getattr(telemetry_capture, ask)(name)

    said, _, rest = str(raised.value).partition("\n")
    assert said == (
        f"there is no metric {name!r}{near}. The catalogue has none of that name, and nothing has made one; if none is "
        f"meant to be there, say {name!r} not in captured.metrics"
    )
    assert rest.startswith("Captured:\n")


@pytest.mark.parametrize("name", ["operation.duration", "mail.sent", "mails.plain"])
def test_a_metric_that_has_nothing_yet_is_zero(name) -> None:
    """One of the catalogue, a counter of the kit that was made before, an instrument of a plain meter."""
    MADE_AT_IMPORT.counter("mail.sent", unit="{mail}", description="Mails that were sent")
    with capture() as captured:
        MADE_AT_IMPORT.meter.create_counter("mails.plain")
    assert (captured.points(name), captured.value(name)) == ([], 0)


def test_the_name_of_a_metric_is_a_str(telemetry_capture) -> None:
    """`value` of nothing isn't that of everything."""
    with pytest.raises(TypeError, match="name of a metric must be a str, got None of type NoneType"):
        telemetry_capture.value(None)


def test_what_began_before_counts_from_the_start_of_the_capture() -> None:
    """What began by the machine's clock, or in an earlier capture, and ends in this one has a duration by this one's."""
    pool = MADE_AT_IMPORT.pool("border")
    uses = [pool.use(), OPERATION.measure()]
    for begun in uses:
        begun.__enter__()
    with capture() as earlier:
        earlier.clock.advance(100)
        later = pool.use()
        later.__enter__()
    with capture() as captured:
        captured.clock.advance(2)
        for begun in [later, *reversed(uses)]:
            begun.__exit__(None, None, None)

    assert captured.point("pool.use_time") == point(count=2, sum=4.0)
    assert captured.point("operation.duration") == point(count=1)
    assert captured.value("operation.active") == 0


def test_levels_of_what_a_newer_capture_ended_are_there() -> None:
    """What began in this capture and ended in one within it is at zero in this one, not absent."""
    pool = MADE_AT_IMPORT.pool("level")
    use = pool.use()
    with capture() as outer:
        use.__enter__()
        with capture():
            use.__exit__(None, None, None)
        assert [found.value for found in outer.points("pool.usage")] == [0]


@pytest.mark.parametrize("move", ["advance", "step"])
def test_a_clock_moves_by_seconds(move) -> None:
    """What is no finite number of seconds is refused."""
    for wrong, error in (("2", TypeError), (True, TypeError), (None, TypeError), (float("nan"), ValueError)):
        with pytest.raises(error, match=rf"seconds of {move}\(\) must be "):
            getattr(FakeClock(), move)(wrong)


@pytest.mark.parametrize("time", ["first", "second"])
def test_zeros_of_what_each_test_makes_anew(telemetry_capture, time) -> None:
    """What a test makes is there with its zeros, though an earlier test made one of the same name."""
    telemetry = Telemetry("tests.zeros")
    telemetry.cache("prices")
    telemetry.operation("checkout", objective=Objective(99.9))

    assert [found.value for found in telemetry_capture.points("cache.requests")] == [0, 0]
    assert [found.value for found in telemetry_capture.points("operation.objective.calls")] == [0, 0]


def test_a_counter_without_attributes_wakes_no_helper_of_others() -> None:
    """What did nothing here isn't shown, also where its series has no attributes either."""
    telemetry = Telemetry("tests.unnamed")
    handle = telemetry.operation("handle", convention=HTTP_SERVER)(lambda: None)
    with capture():
        handle()
    with capture() as captured:
        telemetry.meter.create_counter("mails").add(1)

    assert captured.metrics == ["mails"]


def test_a_job_of_an_earlier_capture_is_in_no_later_one() -> None:
    """One of the same name that was declared with other attributes: neither are its points there, nor do its keys differ."""
    declared: list[dict[str, object]] = [{"team": "money"}, {}, {"region": "eu"}]
    for attributes in declared:
        with capture() as captured:
            with MADE_AT_IMPORT.batch_job("nightly", metric_attributes=attributes, expected_interval=60).run() as run:
                run.processed()
            assert [point.value for point in captured.points("job.active")] == [0]
            assert captured.value("job.expected_interval") == 60
            assert captured.value("job.records") == 1
            assert captured.findings() == []


def test_what_was_counted_before_is_not_read_again() -> None:
    """A capture makes as many calls after a thousand series as after ten: one test costs no more for all those before."""

    def calls() -> int:
        called = 0

        def count(_frame: object, what: str, _arg: object) -> None:
            nonlocal called
            called += what == "call"

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            with capture() as captured:
                counter.add(1, {"lamp.kind": "first"})
                assert captured.value("lamps.before") == 1
        finally:
            sys.setprofile(before)
        return called

    counter = Telemetry("tests.before").counter("lamps.before", unit="{lamp}", description="Lamps")
    counts: list[int] = []
    for series in (10, 100):  # so many that a key keeps
        for number in range(series):
            counter.add(1, {"lamp.kind": f"kind {number}"})
        calls()  # what is made at first use
        counts.append(calls())

    assert counts[1] <= counts[0]


def test_a_host_has_what_was_counted_before_and_within_a_capture(sdk: Sdk) -> None:
    """A capture takes nothing from what a host collects."""
    cache = sdk.telemetry().cache("prices")
    cache.hit()
    with capture():
        cache.hit()
    cache.hit()

    assert sdk.value("cache.requests", {"cache.result": "hit"}) == 3
