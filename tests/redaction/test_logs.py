"""What the kit logs has no secrets, and nothing of what strangers sent in headers and baggage."""

import ast
import io
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate
from opentelemetry.propagators.textmap import TextMapPropagator

import telemetry_kit
from telemetry_kit import Telemetry, attached, extract, inject
from telemetry_kit._core import faults
from telemetry_kit.carriers import AsgiHeaders, KafkaHeaders, WsgiEnviron
from telemetry_kit.diagnosis.console import Console
from telemetry_kit.diagnosis.findings import Finding

SECRET = "f00dfeedcafe7k"


@pytest.fixture(autouse=True)
def _each_site_is_said_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_said", {})


def lines(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that anybody logged."""
    return "\n".join(f"{record.name} {record.getMessage()} {record.exc_text}" for record in caplog.records)


SAYS = re.compile(
    r"""(?:\w*log(?:ger)?|logging|warnings)\.(?:debug|info|warn|warning|error|critical|exception|log|warn_explicit)
    |print|os\.write|(?:sys\.\w+|out|stream|stderr|stdout)\.write(?:lines)?""",
    re.VERBOSE | re.IGNORECASE,
)
"""What is called to log or to print."""
PLACES = {
    "_core/faults.py say_once": "scrubs; whatever the kit logs goes through it",
    "diagnosis/console.py _print": "what was recorded, which is scrubbed before, and what was logged, which `warned` scrubs",
    "diagnosis/doctor.py _diagnosed": "findings, which are scrubbed when they are made",
    "diagnosis/doctor.py _writer": "the same",
    "diagnosis/doctor.py write": "the same",
    "diagnosis/doctor.py run": "which script it doesn't find",
    "diagnosis/doctor.py _run_program": "the program's own last word, as the interpreter prints it",
    "__main__.py main": "the catalogue",
}
"""Where that is called, and why no secret is said there."""


def places() -> set[str]:
    """The functions of the kit that call something which logs or prints."""
    root = Path(telemetry_kit.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        for function in functions:
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            if any(SAYS.fullmatch(ast.unparse(call.func)) for call in calls):
                found.add(f"{path.relative_to(root).as_posix()} {function.name}")
    return found


@pytest.mark.any_python
def test_every_place_that_says_something_is_known() -> None:
    """SEC 4: What logs or prints is one of these places, so that a new one is thought about."""
    assert places() == set(PLACES)


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


def test_whatever_is_logged_is_scrubbed(caplog: pytest.LogCaptureFixture) -> None:
    """SEC 4: So is what is no fault, such as names that overflow."""
    faults.say_once("a", f"attribute token={SECRET} has too many values")

    assert "attribute token=[REDACTED] has too many values" in lines(caplog)


def test_what_the_console_prints_of_the_log_is_scrubbed() -> None:
    """SEC 4: What OpenTelemetry warns of may quote a header."""
    out = io.StringIO()
    Console(out, colours=False).warned("opentelemetry.exporter", f"401 for Authorization: Bearer {SECRET}{SECRET}")

    assert out.getvalue() == "! opentelemetry.exporter 401 for Authorization: [REDACTED]\n"


def test_what_the_doctor_finds_is_scrubbed() -> None:
    """SEC 4: What a finding quotes of the environment, of the log or of an exception has no secrets."""
    seen = f"OTEL_EXPORTER_OTLP_ENDPOINT=https://ann:{SECRET}@collector:4318, and nobody answers"

    assert Finding("dead", "stop", seen, "").seen == seen.replace(SECRET, "[REDACTED]")


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
