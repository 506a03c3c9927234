"""Events and handled exceptions."""

from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from telemetry_kit import ErrorPolicy, Telemetry
from telemetry_kit._core import faults, reentrancy
from telemetry_kit.testing import Captured, FakeClock, event, point, span
from tests.support import Sdk


def test_an_event_is_a_log_record_with_a_name(sdk: Sdk, clock: FakeClock) -> None:
    """Name, attributes, severity, body, time; the scope is the library's, with its version."""
    sdk.telemetry("shop.orders", "1.4.0").event(
        "config.changed", {"config.file": "app.toml"}, severity="WARN", body="by ann"
    )

    record = sdk.log("config.changed")
    assert dict(record.attributes) == {"config.file": "app.toml"}
    assert (record.severity_text, record.severity_number.name) == ("WARN", "WARN")
    assert record.body == "by ann"
    assert record.timestamp == clock.time_ns()
    scope = sdk.log_exporter.get_finished_logs()[0].instrumentation_scope
    assert (scope.name, scope.version) == ("shop.orders", "1.4.0")
    assert scope.schema_url.startswith("https://opentelemetry.io/schemas/")


def test_it_is_correlated_with_the_current_span(captured: Captured, telemetry: Telemetry) -> None:
    """Trace and span of where it happened, and none where there is none."""
    with telemetry.span("price"):
        telemetry.event("inside")
    telemetry.event("outside")

    assert captured.event("inside").span is captured.span("price")
    assert captured.event("outside").span is None
    assert captured.spans == [span("price", events=[])]


@pytest.mark.parametrize(("given", "severity"), [("INFO", "INFO"), ("error", "ERROR"), ("WARNING", "WARN"), ("CRITICAL", "FATAL"),
    ("DEBUG2", "DEBUG2")])  # fmt: skip
def test_severities(captured: Captured, telemetry: Telemetry, given: str, severity: str) -> None:
    """OpenTelemetry's names, in any case, and what `logging` calls them."""
    telemetry.event("x", severity=given)

    assert captured.event("x").severity == captured.event("x").severity_number.name == severity


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize(
    ("name", "options"), [("", {}), (None, {}), (3, {}), ("x", {"severity": "LOUD"}), ("x", {"severity": None})]
)
def test_a_mistake_at_run_time_is_a_fault(telemetry: Telemetry, captured: Captured, name: Any, options: Any) -> None:
    """It is counted and never raised."""
    telemetry.event(name, **options)

    assert [fault.value for fault in captured.points("telemetry_kit.faults")] == [1]


@pytest.mark.telemetry_capture(allow=("dropped",))
def test_odd_values(captured: Captured, telemetry: Telemetry) -> None:
    """What can't be exported is left out, what is long is cut (FLT 2)."""
    telemetry.event("x", {"a": object(), "b": "y" * 10_000, "c": None, "d": {"n": [1, "two"]}, "e": 1}, body=object())

    assert captured.events == [event("x", attributes={"b": "y" * 4_096, "d": {"n": (1, "two")}, "e": 1})]
    assert captured.event().body is None


def test_an_event_with_an_exception(captured: Captured, telemetry: Telemetry) -> None:
    """It has the exception's attributes, scrubbed."""
    telemetry.event("order.failed", {"order.id": 7}, severity="ERROR", exception=ValueError("password=hunter2"))

    found = {
        "order.id": 7,
        "exception.type": "ValueError",
        "error.type": "ValueError",
        "exception.message": "password=[REDACTED]",
        "exception.stacktrace": "ValueError: password=[REDACTED]\n",
    }
    assert captured.events == [event("order.failed", severity="ERROR", attributes=found)]


def test_an_event_is_never_suppressed_its_detail_is(captured: Captured) -> None:
    """The event itself goes out; of the exception, once the limit is reached, the type."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(rate=0, burst=1))
    for _ in range(3):
        telemetry.event("order.failed", exception=ValueError("no"))

    assert captured.events == [event("order.failed")] * 3
    assert ["exception.stacktrace" in told.attributes for told in captured.events] == [True, False, False]
    assert {told.attributes["exception.type"] for told in captured.events} == {"ValueError"}


# Handled exceptions


def test_a_handled_exception(captured: Captured, telemetry: Telemetry) -> None:
    """An event on the current span, with attributes; the span is no error for it."""
    with telemetry.span("price"):
        telemetry.record_exception(KeyError("sku"), attributes={"retry": 1})

    assert captured.spans == [span("price", status=StatusCode.UNSET, events=["exception"])]
    [told] = captured.span().events
    assert told.attributes["retry"] == 1
    assert told.attributes["exception.message"] == "'sku'"


@pytest.mark.parametrize(("signal", "events", "logs"), [("span", 1, 0), ("log", 0, 1), ("both", 1, 1)])
def test_the_signal(captured: Captured, signal: Any, events: int, logs: int) -> None:
    """As the policy says."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(signal=signal))
    with telemetry.span("price"):
        telemetry.record_exception(KeyError("sku"))

    assert captured.spans == [span("price", events=["exception"] * events)]
    assert captured.events == [event("exception")] * logs


def test_without_a_span_it_is_a_log_record(captured: Captured, telemetry: Telemetry) -> None:
    """In a thread without a span it isn't lost."""
    telemetry.record_exception(KeyError("sku"))

    assert captured.spans == []
    assert captured.event("exception").attributes["exception.type"] == "KeyError"


def test_in_a_trace_that_is_not_sampled_it_is_neither() -> None:
    """What the sampler has thrown away makes no log records either, unless the signal says so."""
    sdk = Sdk(sampler=ALWAYS_OFF)
    telemetry = sdk.telemetry()
    with telemetry.span("price"):
        telemetry.record_exception(KeyError("sku"))
    sdk.shutdown()

    assert sdk.logs() == []


def test_recorded_once(captured: Captured, telemetry: Telemetry) -> None:
    """The same exception a second time, or leaving an operation afterwards, isn't recorded again (ASY 6)."""
    with pytest.raises(KeyError), telemetry.operation("checkout").measure():
        try:
            raise KeyError("sku")
        except KeyError as problem:
            telemetry.record_exception(problem)
            telemetry.record_exception(problem)
            raise

    assert captured.spans == [span("checkout", events=["exception"])]


def test_limited_per_operation(captured: Captured) -> None:
    """Inside of an operation it has that operation's bucket, elsewhere none's; what is suppressed says so."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(rate=0, burst=1))
    for _ in range(3):
        telemetry.record_exception(KeyError("sku"))
        with telemetry.operation("checkout").measure():
            telemetry.record_exception(KeyError("sku"))

    of_none = {"error.type": "KeyError", "scope.name": "shop.orders"}
    assert captured.points("telemetry_kit.exception.suppressed") == [
        point(value=2, attributes={**of_none, "operation.name": "checkout"}),
        point(value=2, attributes=of_none),
    ]


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("given", [None, "text", ValueError])
def test_what_is_no_exception_is_a_fault(telemetry: Telemetry, captured: Captured, given: Any) -> None:
    """Counted, never raised."""
    telemetry.record_exception(given)

    assert captured.value("telemetry_kit.faults", {"fault.site": "record_exception"}) == 1


# Without, and around, an SDK


def test_without_an_sdk() -> None:
    """Nothing happens, and nothing is a fault."""
    before = faults.counts()
    telemetry = Telemetry("alone")
    telemetry.event("x", {"a": 1}, exception=ValueError("no"))
    telemetry.record_exception(ValueError("no"))

    assert faults.counts() == before


def test_switched_off(monkeypatch: pytest.MonkeyPatch, captured: Captured) -> None:
    """A library that the host has switched off says nothing."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.orders")
    telemetry = Telemetry("shop.orders")
    telemetry.event("x")
    telemetry.record_exception(ValueError("no"))

    assert str(captured) == "(nothing)"


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_broken_logger_is_a_fault(captured: Captured) -> None:
    """An exporter or logger that raises changes nothing for the caller (FLT 1)."""

    class Broken:
        def get_logger(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError

    Telemetry("shop.orders", logger_provider=Broken()).event("x")  # type: ignore[arg-type]

    assert captured.value("telemetry_kit.faults", {"fault.site": "scope.given"}) == 1


def test_in_the_middle_of_a_record_it_waits(captured: Captured, telemetry: Telemetry) -> None:
    """In a signal handler or finaliser that interrupted the SDK, an event goes out at the next safe point (PRC 2)."""
    with telemetry.span("price"):
        reentrancy.inside(telemetry.event, "interrupted")
        assert repr(captured) == "<captured: 1 spans, 0 events>"  # to ask for them would be a safe point
    telemetry.event("next")

    assert captured.events == [event("interrupted"), event("next")]
    assert captured.event("interrupted").span is captured.span("price")


class Untouchable(str):
    """A text of which nothing may be asked."""

    __slots__ = ()

    def _refuse(self, *_: Any) -> Any:
        raise RuntimeError("asked")

    __hash__ = __eq__ = __bool__ = __len__ = __str__ = __repr__ = upper = _refuse  # type: ignore[assignment]


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize(
    "given", [ValueError, Untouchable("no"), object(), 7, "no"], ids=lambda given: type(given).__name__
)
def test_what_is_no_exception_costs_itself_only(captured: Captured, telemetry: Telemetry, given: Any) -> None:
    """FLT 2: the event keeps its name and attributes, and says nothing of an exception that isn't there."""
    telemetry.event("order.failed", {"order.id": 7}, exception=given)

    assert captured.events == [event("order.failed", attributes={"order.id": 7})]
    assert captured.value("telemetry_kit.faults", {"fault.site": "event.exception"}) == 1


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize(
    ("given", "right"),
    [(Untouchable("error"), "ERROR"), (["ERROR"], "INFO"), (object(), "INFO")],
    ids=["text", "list", "object"],
)
def test_a_severity_costs_itself_only(captured: Captured, telemetry: Telemetry, given: Any, right: str) -> None:
    """FLT 2: a text is one, whatever its class makes of a text; anything else is a fault."""
    telemetry.event("order.failed", {"order.id": 7}, severity=given)

    assert captured.events == [event("order.failed", severity=right, attributes={"order.id": 7})]
