"""The error policy: how often errors are told in detail, what is told, and where to."""

import gc
import os
import signal
import threading
import weakref
from typing import Any

import pytest
from opentelemetry.trace import Status, StatusCode

from telemetry_kit import ErrorPolicy, Telemetry
from telemetry_kit._core.error_policy import DEFAULT_POLICY
from telemetry_kit._core.outcome import type_name
from telemetry_kit._errors import limiter
from telemetry_kit._errors.recorder import ErrorRecorder, recorder_of
from telemetry_kit.testing import Captured, FakeClock, RecordedStatus, capture, event, point, span
from tests.support import Sdk

NO_LIMIT: dict[str, Any] = {"burst": float("inf"), "total_burst": float("inf")}


def shop(**policy: Any) -> Telemetry:
    """A `Telemetry` with an error policy of its own."""
    return Telemetry("shop.orders", errors=ErrorPolicy(**policy))


def fail(kind: type[BaseException] = ValueError, *args: object) -> None:
    raise kind(*args)


def try_to(call: Any, *args: Any) -> None:
    try:
        call(*args)
    except Exception:
        pass


def details(captured: Captured) -> list[Any]:
    """The exception events of all spans."""
    return [event for span in captured.spans for event in span.events if event.name == "exception"]


# What it takes


@pytest.mark.parametrize("name", ["rate", "burst", "total_rate", "total_burst"])
@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError), (True, TypeError),
    (None, TypeError)])  # fmt: skip
def test_rates_and_bursts_are_numbers(name: str, value: Any, error: type[Exception]) -> None:
    """What is no number or below zero is refused, naming the argument and the value."""
    with pytest.raises(error, match=rf"{name} of ErrorPolicy must be .*{value!r}"):
        ErrorPolicy(**{name: value})


def test_signals_are_known() -> None:
    """Another signal is refused, naming those that there are."""
    with pytest.raises(ValueError, match="'span', 'log', 'both' or None, got 'metric'"):
        ErrorPolicy(signal="metric")  # type: ignore[arg-type]


def test_the_scrubber_is_callable() -> None:
    """A pattern instead of a callable is refused."""
    with pytest.raises(TypeError, match="scrub of ErrorPolicy must be a callable"):
        ErrorPolicy(scrub="password=.*")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["stacktrace", "messages"])
def test_switches_are_bools(name: str) -> None:
    """`stacktrace="yes"` is refused."""
    with pytest.raises(TypeError, match=f"{name} of ErrorPolicy must be True or False"):
        ErrorPolicy(**{name: "yes"})  # type: ignore[arg-type]


def test_options_are_keywords() -> None:
    """Nobody can mistake a rate for a burst."""
    with pytest.raises(TypeError):
        ErrorPolicy(10.0, 50)  # type: ignore[call-arg,misc,unused-ignore]


def test_the_default_policy_is_one_object() -> None:
    """Each `Telemetry` shares it, so that its totals hold for the process (STM 1)."""
    assert Telemetry("one")._scope.errors is Telemetry("two")._scope.errors is recorder_of(DEFAULT_POLICY)
    assert repr(DEFAULT_POLICY) == (
        "ErrorPolicy(rate=10.0, burst=50, total_rate=100.0, total_burst=500, stacktrace=True, messages=True, signal=None)"
    )


# How often


def test_counts_are_exact_whatever_is_suppressed(captured: Captured) -> None:
    """All failures are counted; `burst` are told in detail, the others are suppressed: together all (STM 1)."""
    telemetry = shop(rate=1.0, burst=5)
    checkout = telemetry.operation("checkout")(fail)
    for _ in range(100):
        try_to(checkout)

    assert captured.value("operation.duration", {"error.type": "ValueError"}) == 100
    assert len(details(captured)) == 5
    where = {"error.type": "ValueError", "scope.name": "shop.orders", "operation.name": "checkout"}
    assert captured.points("telemetry_kit.exception.suppressed") == [point(value=95, attributes=where)]


def test_the_next_record_says_how_many_were_suppressed(captured: Captured, clock: FakeClock) -> None:
    """After the storm the first detailed record has the number, the next one doesn't."""
    checkout = shop(rate=1.0, burst=2).operation("checkout")(fail)
    for _ in range(12):
        try_to(checkout)
    clock.advance(2.0)
    for _ in range(2):
        try_to(checkout)

    counts = [event.attributes.get("telemetry_kit.exception.suppressed_count") for event in details(captured)]
    assert counts == [None, None, 10, None]


def test_each_operation_and_error_type_has_its_own_burst(captured: Captured) -> None:
    """A storm of one error of one operation doesn't hide another error, nor the same one elsewhere (STM 1)."""
    telemetry = shop(rate=0, burst=2)
    for name in ("checkout", "refund"):
        operation = telemetry.operation(name)(fail)
        for kind in (ValueError, KeyError):
            for _ in range(10):
                try_to(operation, kind)

    assert len(details(captured)) == 8


def test_one_total_for_all_that_share_a_policy(captured: Captured, clock: FakeClock) -> None:
    """Over all operations of all `Telemetry` of one policy at most `total_burst`, then `total_rate` (STM 1)."""
    policy = ErrorPolicy(rate=100, burst=100, total_rate=2.0, total_burst=7)
    operations = [Telemetry(f"lib{number}", errors=policy).operation("load")(fail) for number in range(10)]
    for operation in operations * 5:
        try_to(operation)
    assert len(details(captured)) == 7

    clock.advance(2.0)
    for operation in operations * 5:
        try_to(operation)
    assert len(details(captured)) == 11


def test_none_at_all(captured: Captured, clock: FakeClock) -> None:
    """`rate=0, burst=0` tells nothing in detail, and counts everything."""
    checkout = shop(rate=0, burst=0).operation("checkout")(fail)
    for _ in range(10):
        try_to(checkout)
    clock.advance(1e6)
    try_to(checkout)

    assert details(captured) == []
    assert captured.value("telemetry_kit.exception.suppressed") == 11
    assert all(span.status == StatusCode.ERROR for span in captured.spans)


def test_a_storm_of_threads_is_exact(captured: Captured) -> None:
    """Eight threads: distinct exceptions = admitted + suppressed, and not one more than the burst (STM 1, PRC 3)."""
    checkout = shop(rate=10.0, burst=40).operation("checkout")(fail)

    def work() -> None:
        for _ in range(250):
            try_to(checkout)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(details(captured)) == 40
    assert captured.value("telemetry_kit.exception.suppressed") == 2_000 - 40
    assert captured.value("operation.duration") == 2_000


def test_the_clock_is_monotonic(captured: Captured, clock: FakeClock) -> None:
    """An operator who sets the wall clock an hour ahead doesn't let a storm through (STM 1)."""
    checkout = shop(rate=1.0, burst=1).operation("checkout")(fail)
    try_to(checkout)
    clock.step(3_600)
    try_to(checkout)

    assert len(details(captured)) == 1


def test_the_table_of_keys_is_bounded(captured: Captured, clock: FakeClock) -> None:
    """At most 1,024 operations and error types have a bucket of their own, the rest share one (STM 1)."""
    policy = ErrorPolicy(rate=0, burst=1, total_burst=float("inf"))
    scope = Telemetry("shop.orders", errors=policy)._scope
    admitted = [
        recorder_of(policy).admit(ValueError(), scope=scope, operation=f"op{number}", error_type="ValueError")
        is not None
        for number in range(3_000)
    ]

    assert sum(admitted) == limiter.SITES + 1
    assert len(recorder_of(policy)._limits.sites) <= limiter.SITES + 1
    other = {"error.type": "_OTHER", "operation.name": "_OTHER", "scope.name": "shop.orders"}
    suppressed = point(value=3_000 - sum(admitted), attributes=other)
    assert captured.points("telemetry_kit.exception.suppressed") == [suppressed]


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_scopes_made_on_the_fly_are_bounded_too(captured: Captured, clock: FakeClock) -> None:
    """A `Telemetry` per request doesn't fill the table for ever."""
    policy = ErrorPolicy(rate=0, burst=0)
    for number in range(4_000):
        scope = Telemetry(f"lib{number}", errors=policy)._scope
        recorder_of(policy).admit(ValueError(), scope=scope, operation=None, error_type="ValueError")

    assert len(recorder_of(policy)._limits.sites) <= 2 * limiter.SITES + 1
    assert captured.value("telemetry_kit.exception.suppressed") == 4_000


# One exception, several operations


def nested(telemetry: Telemetry, kind: Any) -> Any:
    @telemetry.operation("inner")
    def inner() -> None:
        raise kind

    @telemetry.operation("middle")
    def middle() -> None:
        inner()

    @telemetry.operation("outer")
    def outer() -> None:
        with telemetry.span("block"):
            middle()

    return outer


class Own(Exception):
    pass


@pytest.mark.parametrize("kind", [ValueError, Own])
def test_counted_in_each_and_told_once(captured: Captured, kind: type[Exception]) -> None:
    """One exception through three operations: three errors, one detail, on the innermost (ASY 6)."""
    try_to(nested(shop(**NO_LIMIT), kind("no")))

    assert captured.value("operation.duration", {"error.type": type_name(kind)}) == 3
    assert captured.spans == [
        span("outer", status=StatusCode.ERROR, events=[]),
        span("block", status=StatusCode.ERROR, events=[]),
        span("middle", status=StatusCode.ERROR, events=[]),
        span("inner", status=StatusCode.ERROR, events=["exception"]),
    ]
    assert {span.attributes["error.type"] for span in captured.spans} == {type_name(kind)}


def test_suppressed_once(captured: Captured) -> None:
    """One exception that is denied in the innermost is suppressed once, and not asked for again (STM 1)."""
    try_to(nested(shop(rate=0, burst=0), ValueError("no")))

    assert captured.value("telemetry_kit.exception.suppressed") == 1


def test_raised_from_another_is_another(captured: Captured) -> None:
    """An exception raised from the first is a new one, told with the chain."""
    telemetry = shop(**NO_LIMIT)

    @telemetry.operation("outer")
    def outer() -> None:
        try:
            telemetry.operation("inner")(fail)()
        except ValueError as problem:
            raise KeyError("sku") from problem

    try_to(outer)

    assert len(details(captured)) == 2
    assert "direct cause" in str(captured.span("outer").events[0].attributes["exception.stacktrace"])


def test_nothing_changes_on_the_exception(telemetry: Telemetry) -> None:
    """Same object, attributes, notes, chain and traceback, apart from a frame of ours for each (ASY 5)."""
    problem, cause = ValueError("no"), KeyError("why")
    problem.__cause__ = cause
    outer = nested(telemetry, problem)

    with pytest.raises(ValueError, match="no") as caught:
        outer()

    assert caught.value is problem
    assert problem.__cause__ is cause
    assert problem.__context__ is None
    assert vars(problem) == {}
    assert problem.args == ("no",)


@pytest.mark.parametrize("kind", [ValueError, Own])
def test_nothing_keeps_the_frames_alive(telemetry: Telemetry, kind: type[Exception]) -> None:
    """What a failed call's variables held is freed with the exception, also inside of an outer operation (ASY 5)."""

    class Big:
        pass

    references: list[weakref.ref[Big]] = []

    @telemetry.operation("inner")
    def inner() -> None:
        big = Big()
        references.append(weakref.ref(big))
        raise kind("no")

    gc.collect()
    gc.disable()
    try:
        with telemetry.operation("outer").measure(), telemetry.span("block"):
            try_to(inner)
            assert references[0]() is None
    finally:
        gc.enable()


def test_a_stack_overflow_builds_one_stack(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RecursionError through a decorated recursive function: one stack, however deep (ASY 6)."""
    telemetry = shop(**NO_LIMIT)
    described: list[int] = []
    describe = ErrorRecorder.describe

    def counted(*args: Any) -> Any:
        described.append(1)
        return describe(*args)

    monkeypatch.setattr(ErrorRecorder, "describe", counted)

    @telemetry.operation("again", span=False)
    def again() -> None:
        again()

    @telemetry.operation("outer")
    def outer() -> None:
        again()

    with pytest.raises(RecursionError):
        outer()

    assert len(described) <= 1


def test_a_stack_overflow_is_told(sdk: Sdk) -> None:
    """Where the stack was full there was no room for telemetry; further out there is, and it is told there (ASY 6)."""
    telemetry = sdk.telemetry(errors=ErrorPolicy(**NO_LIMIT))

    @telemetry.span("again")
    def again() -> None:
        again()

    with pytest.raises(RecursionError):
        again()

    assert [event.name for span in sdk.spans() for event in span.events] == ["exception"]


# What is told


def failed(exc: BaseException, **policy: Any) -> tuple[dict[str, Any], RecordedStatus]:
    """What the one event says of the exception that ended a span, and the span's status."""
    with capture() as captured:
        with pytest.raises(type(exc)), shop(**policy).operation("load").measure():
            raise exc
        [event] = captured.span("load").events
        return event.attributes, captured.span("load").status


def test_type_message_and_stack() -> None:
    """The conventions' three attributes, as the interpreter would print it, and the one `error.type` beside them."""
    told, _ = failed(Own("no such order"))

    stack = told.pop("exception.stacktrace")
    kind = f"{__name__}.Own"
    assert told == {"exception.type": kind, "error.type": kind, "exception.message": "no such order"}
    assert stack.startswith("Traceback (most recent call last):\n")
    assert stack.endswith(f"{__name__}.Own: no such order\n")
    assert f'File "{__file__}"' in stack


@pytest.mark.parametrize("text", ["no", "no order 7: gone\nwithout a trace\n", "password=hunter2", "", "x" * 5_000])
def test_messages_with_and_without_stack(text: str) -> None:
    """The message is the same, scrubbed and cut, whether or not the stack beside it was scrubbed before."""
    with_stack, _ = failed(ValueError(text))
    without, _ = failed(ValueError(text), stacktrace=False)

    del with_stack["exception.stacktrace"]
    assert with_stack == without


def test_without_messages() -> None:
    """`messages=False` keeps in what exceptions say: in the message, the stack, the status."""
    secret = "secret"[::-1]  # so that the source in the stack doesn't say it
    told, status = failed(ValueError(secret), messages=False)

    assert secret not in f"{told} {status}"
    assert "exception.message" not in told


def test_a_scrubber_of_ones_own() -> None:
    """`scrub` is applied to message, stack and status."""
    told, status = failed(ValueError("of ann"), scrub=lambda text: text.replace("ann", "***"))

    assert told["exception.message"] == status.description == "of ***"
    assert told["exception.stacktrace"].endswith("ValueError: of ***\n")


@pytest.mark.parametrize(
    "scrub", [lambda text: 1 / 0, lambda text: None, lambda text: b"x"], ids=["raises", "None", "bytes"]
)
def test_where_the_scrubber_fails_the_text_is_left_out(scrub: Any) -> None:
    """A scrubber that raises, or gives no text, lets nothing out raw (FLT 1)."""
    told, status = failed(ValueError("secret"), scrub=scrub)

    assert "secret" not in f"{told} {status}"
    assert told["exception.type"] == "ValueError"


def test_a_message_that_raises() -> None:
    """An exception whose `__str__` raises comes out as it is, and is told without its message (ASY 7)."""

    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("in __str__")

    told, _ = failed(Unprintable())

    assert "exception.message" not in told
    assert "<exception str() failed>" in told["exception.stacktrace"]


def test_sizes_are_bounded() -> None:
    """A message of ten million characters: 4,096 in the message, the stack's beginning and end in the stack (FLT 2)."""
    told, status = failed(ValueError("x" * 10_000_000))

    assert len(told["exception.message"]) == len(status.description or "") == 4_096
    assert len(told["exception.stacktrace"]) <= 16_384


def test_nothing_is_built_before_it_is_admitted(captured: Captured) -> None:
    """A denied exception isn't even asked what it says (STM 2)."""
    asked: list[int] = []

    class Costly(Exception):
        def __str__(self) -> str:
            asked.append(1)
            return "costly"

    scrubbed: list[str] = []

    def scrub(text: str) -> str:
        scrubbed.append(text)
        return text

    try_to(shop(rate=0, burst=0, scrub=scrub).operation("load")(fail), Costly)

    assert (asked, scrubbed) == ([], [])
    assert captured.value("telemetry_kit.exception.suppressed") == 1


# Where to


@pytest.mark.parametrize(
    ("signal", "variable", "spans", "logs"),
    [
        (None, None, 1, 0),
        (None, "", 1, 0),
        (None, "logs", 0, 1),
        (None, "logs/dup", 1, 1),
        (None, "logs, logs/dup", 1, 1),
        (None, "something", 1, 0),
        ("span", "logs", 1, 0),
        ("log", None, 0, 1),
        ("both", None, 1, 1),
    ],
)
def test_the_signal(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, signal: Any, variable: str | None, spans: int, logs: int
) -> None:
    """Span event, log-based exception or both: as the policy says, else as OpenTelemetry's variable says."""
    monkeypatch.delenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", raising=False)
    if variable is not None:
        monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", variable)
    try_to(shop(signal=signal).operation("load")(fail))

    assert (len(details(captured)), len(captured.events_named("exception"))) == (spans, logs)


def test_a_log_based_exception_belongs_to_its_span(captured: Captured) -> None:
    """It has the span that failed, the severity ERROR, and the same attributes as the span event."""
    try_to(shop(signal="both").operation("load")(fail), KeyError, "sku")

    load = captured.span("load")
    assert captured.events == [event("exception", severity="ERROR", attributes=load.events[0].attributes)]
    assert captured.event().span is load


# span="errors"


def test_no_span_on_success(telemetry: Telemetry, captured: Captured) -> None:
    """`span="errors"`: nothing but the metric while all is well (STM 2)."""
    telemetry.operation("price", span="errors")(lambda: 1)()

    assert str(captured) == "operation.duration{operation.name='price', scope.name='shop.orders'} count=1"


def test_a_back_dated_span_on_failure(telemetry: Telemetry, captured: Captured) -> None:
    """On failure the span is there, with its start, attributes, status and the exception (STM 2)."""

    @telemetry.operation("price", span="errors", span_attributes={"shop.region": "eu"}, arguments=["sku"])
    def price(sku: str) -> None:
        captured.clock.advance(2.5)
        raise ValueError("no price")

    with telemetry.operation("outer").measure():
        try_to(price, "A1")

    price_attributes = {
        "code.function.name": f"{__name__}.{price.__qualname__}", "error.type": "ValueError", "shop.region": "eu", "sku": "A1",
    }  # fmt: skip
    status = Status(StatusCode.ERROR, "no price")
    assert captured.spans == [
        span("outer"),
        span("price", parent="outer", status=status, attributes=price_attributes, events=["exception"]),
    ]
    assert captured.span("price").duration == 2.5


def test_within_the_limit(captured: Captured) -> None:
    """In a storm so many spans as the limiter admits, and exact counts (STM 2)."""
    telemetry = shop(rate=1.0, burst=3)
    price = telemetry.operation("price", span="errors")(fail)
    for _ in range(50):
        try_to(price)

    assert captured.spans == [span("price")] * 3
    assert captured.value("operation.duration") == 50
    assert captured.value("telemetry_kit.exception.suppressed") == 47


def test_failing_without_an_exception_is_limited_too(captured: Captured) -> None:
    """`m.fail()` under `span="errors"` makes a span within the limit."""
    price = shop(rate=0, burst=2).operation("price", span="errors")
    for _ in range(5):
        with price.measure() as m:
            m.fail("no_price")

    assert captured.spans == [span("price", status=StatusCode.ERROR)] * 2
    assert captured.value("operation.duration", {"error.type": "no_price"}) == 5


# Processes, signals, collection


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this platform doesn't have")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_anew(captured: Captured) -> None:
    """The child has its own burst, and has suppressed nothing: what its parent suppressed its parent tells (PRC 1)."""
    policy = ErrorPolicy(rate=0, burst=2)
    scope = Telemetry("shop.orders", errors=policy)._scope

    def admit() -> int | None:
        return recorder_of(policy).admit(ValueError(), scope=scope, operation="load", error_type="ValueError")

    def held() -> float:
        return sum(recorder_of(policy)._limits.limiter.held.read().values())

    assert [admit() for _ in range(4)] == [0, 0, None, None]
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        right = held() == 0 and [admit() for _ in range(3)] == [0, 0, None]
        os._exit(0 if right else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert held() == 2


def test_a_policy_can_be_dropped(captured: Captured) -> None:
    """Nothing keeps a policy that nobody uses."""
    policy = ErrorPolicy()
    recorder_of(policy).admit(
        ValueError(), scope=Telemetry("shop.orders", errors=policy)._scope, operation=None, error_type="ValueError"
    )
    reference = weakref.ref(policy)
    del policy
    gc.collect()

    assert reference() is None


def test_a_storm_makes_no_faults(captured: Captured) -> None:
    """None of this is a fault of telemetry's."""
    checkout = shop(rate=0, burst=1).operation("checkout")(fail)
    for _ in range(10):
        try_to(checkout)

    assert captured.points("telemetry_kit.faults") == []
