"""What the kit logs has no secrets, and nothing of what strangers sent in headers and baggage."""

import logging
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate
from opentelemetry.propagators.textmap import TextMapPropagator

from telemetry_kit import Telemetry, attached, extract, inject
from telemetry_kit._core import faults
from telemetry_kit.carriers import AsgiHeaders, KafkaHeaders, WsgiEnviron

SECRET = "f00dfeedcafe7k"


@pytest.fixture(autouse=True)
def _each_site_is_said_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_said", {})


def lines(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that anybody logged."""
    return "\n".join(f"{record.name} {record.getMessage()} {record.exc_text}" for record in caplog.records)


@pytest.mark.parametrize(
    "text",
    [
        f"could not connect to postgresql://app:{SECRET}@db.internal/orders",
        f"password={SECRET} refused by db.internal",
        f"db.internal said 401 to Bearer {SECRET}{SECRET}",
        f"db.internal\r\npassword: {SECRET}",
        "db.internal " + "x" * 150 + f" password={SECRET}",
    ],
)
def test_what_is_logged_of_a_fault_is_scrubbed(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """SEC 4: The line about a fault has its type and what is harmless in its text, in one line and without secrets."""
    faults.record("pool.stats", ConnectionError(text))

    said = lines(caplog)
    assert "ConnectionError" in said
    assert "db.internal" in said
    assert SECRET not in said
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_a_text_that_cannot_be_had(caplog: pytest.LogCaptureFixture) -> None:
    """FLT 1: Of a fault whose text raises, the type is logged."""

    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    faults.record("pool.stats", Silent())

    assert lines(caplog).endswith("Silent None")


HOSTILE: list[dict[Any, Any]] = [
    {"traceparent": f"00-{SECRET}"},
    {"traceparent": f"00-{'4' * 32}-{'7' * 16}-01", "tracestate": f"{SECRET}=={SECRET},,="},
    {"baggage": f"{SECRET}={SECRET}%ZZ;{SECRET},=,{SECRET}"},
    {"baggage": ",".join(f"k{number}={SECRET}" for number in range(1_000))},
    {"baggage": f"a={SECRET}\r\nb: c"},
    {"authorization": f"Bearer {SECRET}", "cookie": SECRET, "traceparent": b"\xff" + SECRET.encode()},
]


@pytest.mark.parametrize("headers", HOSTILE, ids=lambda headers: next(iter(headers)))
def test_headers_and_baggage_are_in_no_log_line(caplog: pytest.LogCaptureFixture, headers: dict[Any, Any]) -> None:
    """SEC 1: Whatever is wrong with a header, nobody logs what stands in it: neither the kit nor the API behind it."""
    caplog.set_level(logging.DEBUG)
    carriers: list[Any] = [
        headers,
        AsgiHeaders(
            [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers.items()]
        ),
        WsgiEnviron({f"HTTP_{name.upper()}": value for name, value in headers.items()}),
        KafkaHeaders(
            [(name, value if isinstance(value, bytes) else value.encode()) for name, value in headers.items()]
        ),
    ]
    for carrier in carriers:
        with attached(extract(carrier)):
            inject({})

    assert SECRET not in lines(caplog)


class Quoting(TextMapPropagator):
    """Says in its errors what it was given."""

    fields = {"vendor"}  # type: ignore[assignment]

    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> context.Context:
        raise ValueError(f"malformed: {getter.get(carrier, 'vendor')}")

    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None:
        raise ValueError(f"can't send {dict(baggage.get_all(context))}")


def test_what_a_propagator_says_of_headers_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """SEC 1: Of its faults the type is logged, and where it was raised."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(Quoting())
    try:
        extract({"vendor": SECRET})
        inject({}, baggage.set_baggage("user", SECRET))
    finally:
        propagate.set_global_textmap(before)

    said = lines(caplog)
    assert SECRET not in said
    assert 2 == said.count(f"ValueError in {__file__}, line ")


def test_baggage_is_in_no_log_line_of_a_failing_call(caplog: pytest.LogCaptureFixture, telemetry: Telemetry) -> None:
    """SEC 3: What is in baggage is neither logged nor recorded."""
    caplog.set_level(logging.DEBUG)

    @telemetry.operation("fail")
    def fail() -> None:
        raise ValueError("no such order")

    token = context.attach(baggage.set_baggage("user", SECRET))
    try:
        with pytest.raises(ValueError, match="no such order"):
            fail()
        inject({"baggage": SECRET})
    finally:
        context.detach(token)

    assert SECRET not in lines(caplog)
