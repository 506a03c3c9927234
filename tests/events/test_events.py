"""Events and handled exceptions."""

from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from telemetry_kit import ErrorPolicy, Telemetry
from telemetry_kit._core import faults, reentrancy
from telemetry_kit.testing import FakeClock
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


def test_it_is_correlated_with_the_current_span(sdk: Sdk, telemetry: Telemetry) -> None:
    """Trace and span of where it happened, and none where there is none."""
    with telemetry.span("price"):
        telemetry.event("inside")
    telemetry.event("outside")

    span = sdk.span("price")
    assert (sdk.log("inside").trace_id, sdk.log("inside").span_id) == (span.context.trace_id, span.context.span_id)
    assert not sdk.log("outside").trace_id
    assert span.events == ()


@pytest.mark.parametrize(("given", "severity"), [("INFO", "INFO"), ("error", "ERROR"), ("WARNING", "WARN"), ("CRITICAL", "FATAL"),
    ("DEBUG2", "DEBUG2")])  # fmt: skip
def test_severities(sdk: Sdk, telemetry: Telemetry, given: str, severity: str) -> None:
    """OpenTelemetry's names, in any case, and what `logging` calls them."""
    telemetry.event("x", severity=given)

    assert sdk.log("x").severity_text == sdk.log("x").severity_number.name == severity


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize(
    ("name", "options"), [("", {}), (None, {}), (3, {}), ("x", {"severity": "LOUD"}), ("x", {"severity": None})]
)
def test_a_mistake_at_run_time_is_a_fault(telemetry: Telemetry, name: Any, options: Any) -> None:
    """It is counted and never raised."""

    def counted() -> int:  # others may have a fault meanwhile, as in a late callback
        return sum(count for site, count in faults.counts().items() if site.startswith("event"))

    before = counted()

    telemetry.event(name, **options)

    assert counted() == before + 1


def test_odd_values(sdk: Sdk, telemetry: Telemetry) -> None:
    """What can't be exported is left out, what is long is cut (FLT 2)."""
    telemetry.event("x", {"a": object(), "b": "y" * 10_000, "c": None, "d": {"n": [1, "two"]}, "e": 1}, body=object())

    record = sdk.log("x")
    assert set(record.attributes) == {"b", "d", "e"}
    assert record.attributes["d"] in ({"n": (1, "two")}, {"n": None}), (
        "a mapping stays one; old SDKs mix no types in it"
    )
    assert len(record.attributes["b"]) == 4_096
    assert record.body is None


def test_an_event_with_an_exception(sdk: Sdk, telemetry: Telemetry) -> None:
    """It has the exception's attributes, scrubbed."""
    telemetry.event("order.failed", {"order.id": 7}, severity="ERROR", exception=ValueError("password=hunter2"))

    found = dict(sdk.log("order.failed").attributes)
    assert found["order.id"] == 7
    assert found["exception.type"] == found["error.type"] == "ValueError"
    assert found["exception.message"] == "password=[REDACTED]"
    assert found["exception.stacktrace"] == "ValueError: password=[REDACTED]\n"


def test_an_event_is_never_suppressed_its_detail_is(sdk: Sdk, clock: FakeClock) -> None:
    """The event itself goes out; of the exception, once the limit is reached, the type."""
    telemetry = sdk.telemetry(errors=ErrorPolicy(rate=0, burst=1))
    for _ in range(3):
        telemetry.event("order.failed", exception=ValueError("no"))

    details = ["exception.stacktrace" in record.attributes for record in sdk.logs("order.failed")]
    assert details == [True, False, False]
    assert all(record.attributes["exception.type"] == "ValueError" for record in sdk.logs("order.failed"))


# Handled exceptions


def test_a_handled_exception(sdk: Sdk, telemetry: Telemetry) -> None:
    """An event on the current span, with attributes; the span is no error for it."""
    with telemetry.span("price"):
        telemetry.record_exception(KeyError("sku"), attributes={"retry": 1})

    span = sdk.span("price")
    assert span.status.status_code is StatusCode.UNSET
    assert [event.name for event in span.events] == ["exception"]
    assert (span.events[0].attributes or {})["retry"] == 1
    assert (span.events[0].attributes or {})["exception.message"] == "'sku'"


@pytest.mark.parametrize(("signal", "events", "logs"), [("span", 1, 0), ("log", 0, 1), ("both", 1, 1)])
def test_the_signal(sdk: Sdk, signal: Any, events: int, logs: int) -> None:
    """As the policy says."""
    telemetry = sdk.telemetry(errors=ErrorPolicy(signal=signal))
    with telemetry.span("price"):
        telemetry.record_exception(KeyError("sku"))

    assert (len(sdk.span().events), len(sdk.logs("exception"))) == (events, logs)


def test_without_a_span_it_is_a_log_record(sdk: Sdk, telemetry: Telemetry) -> None:
    """In a thread without a span it isn't lost."""
    telemetry.record_exception(KeyError("sku"))

    assert sdk.log("exception").attributes["exception.type"] == "KeyError"


def test_in_a_trace_that_is_not_sampled_it_is_neither() -> None:
    """What the sampler has thrown away makes no log records either, unless the signal says so."""
    sdk = Sdk(sampler=ALWAYS_OFF)
    telemetry = sdk.telemetry()
    with telemetry.span("price"):
        telemetry.record_exception(KeyError("sku"))
    sdk.shutdown()

    assert sdk.logs() == []


def test_recorded_once(sdk: Sdk, telemetry: Telemetry) -> None:
    """The same exception a second time, or leaving an operation afterwards, isn't recorded again (ASY 6)."""
    with pytest.raises(KeyError), telemetry.operation("checkout").measure():
        try:
            raise KeyError("sku")
        except KeyError as problem:
            telemetry.record_exception(problem)
            telemetry.record_exception(problem)
            raise

    assert len(sdk.span("checkout").events) == 1


def test_limited_per_operation(sdk: Sdk, clock: FakeClock) -> None:
    """Inside of an operation it has that operation's bucket, elsewhere none's; what is suppressed says so."""
    telemetry = sdk.telemetry(errors=ErrorPolicy(rate=0, burst=1))
    for _ in range(3):
        telemetry.record_exception(KeyError("sku"))
        with telemetry.operation("checkout").measure():
            telemetry.record_exception(KeyError("sku"))

    suppressed = {
        point.attributes.get("operation.name"): point.value
        for point in sdk.points("telemetry_kit.exception.suppressed")
    }
    assert suppressed == {None: 2, "checkout": 2}


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("given", [None, "text", ValueError])
def test_what_is_no_exception_is_a_fault(telemetry: Telemetry, given: Any) -> None:
    """Counted, never raised."""
    before = faults.counts().get("record_exception", 0)

    telemetry.record_exception(given)

    assert faults.counts()["record_exception"] == before + 1


# Without, and around, an SDK


def test_without_an_sdk() -> None:
    """Nothing happens, and nothing is a fault."""
    before = faults.counts()
    telemetry = Telemetry("alone")
    telemetry.event("x", {"a": 1}, exception=ValueError("no"))
    telemetry.record_exception(ValueError("no"))

    assert faults.counts() == before


def test_switched_off(monkeypatch: pytest.MonkeyPatch, sdk: Sdk) -> None:
    """A library that the host has switched off says nothing."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.orders")
    telemetry = sdk.telemetry()
    telemetry.event("x")
    telemetry.record_exception(ValueError("no"))

    assert sdk.logs() == []


def test_a_broken_logger_is_a_fault(sdk: Sdk) -> None:
    """An exporter or logger that raises changes nothing for the caller (FLT 1)."""

    class Broken:
        def get_logger(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError

    before = faults.counts().get("scope.given", 0)
    sdk.telemetry(logger_provider=Broken()).event("x")

    assert faults.counts()["scope.given"] == before + 1


def test_in_the_middle_of_a_record_it_waits(sdk: Sdk, telemetry: Telemetry) -> None:
    """In a signal handler or finaliser that interrupted the SDK, an event goes out at the next safe point (PRC 2)."""
    with telemetry.span("price"):
        reentrancy.inside(telemetry.event, "interrupted")
        assert sdk.logs() == []
    telemetry.event("next")

    assert [record.event_name for record in sdk.logs()] == ["interrupted", "next"]
    assert sdk.log("interrupted").span_id == sdk.span("price").context.span_id
