"""A status that was said decides, also where the handler raised. Frameworks' own: `tests/frameworks`."""

import asyncio
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from telemetry_kit import Telemetry, current_measurement
from telemetry_kit._core import outcome
from telemetry_kit.conventions import CONVENTIONS, HTTP_CLIENT, HTTP_SERVER, RPC_SERVER, Convention, not_server_error
from telemetry_kit.testing import Captured

STATUS = "http.response.status_code"


class Answer(Exception):
    """What some framework raises to answer."""


def test_a_status_that_was_said_decides_where_the_handler_raised(telemetry: Telemetry, captured: Captured) -> None:
    """Under HTTP_SERVER a 404 is no error and a 503 is one, whether returned or raised."""

    @telemetry.operation("GET /", convention=HTTP_SERVER)
    def handler(code: int, raises: bool) -> None:
        current_measurement().set_metric_attribute(STATUS, code)
        if raises:
            raise Answer

    for code in (302, 404, 503):
        handler(code, False)
        with pytest.raises(Answer):
            handler(code, True)

    points = {
        p.attributes[STATUS]: (p.attributes.get("error.type"), p.count) for p in captured.points(HTTP_SERVER.duration)
    }
    assert points == {302: (None, 2), 404: (None, 2), 503: ("503", 2)}


def test_an_exception_without_a_status_is_an_error(telemetry: Telemetry, captured: Captured) -> None:
    """An attribute that looks like a status is no answer of a framework's."""
    raised = Answer()
    raised.status_code = 404  # type: ignore[attr-defined]
    with pytest.raises(Answer), telemetry.operation("GET /", convention=HTTP_SERVER).measure():
        raise raised

    assert captured.span().attributes["error.type"].endswith("Answer")  # type: ignore[union-attr]


def test_on_a_server_span_that_somebody_made(telemetry: Telemetry, captured: Captured) -> None:
    """`span="current"` on a span of kind SERVER: the status decides; on others it is an attribute like any."""
    operation = telemetry.operation("handler", span="current")
    for kind in (SpanKind.SERVER, SpanKind.INTERNAL):
        with captured.tracer_provider.get_tracer("framework").start_as_current_span("GET", kind=kind):
            with pytest.raises(Answer), operation.measure() as m:
                m.set_metric_attribute(STATUS, 404)
                raise Answer
            with operation.measure() as m:
                m.set_metric_attribute(STATUS, 500)

    points = captured.points("operation.duration")
    found = sorted(
        (found.attributes[STATUS], found.attributes.get("error.type") or "", found.count) for found in points
    )
    assert found == [(404, "", 1), (404, f"{__name__}.Answer", 1), (500, "", 1), (500, "500", 1)]


def test_a_remote_calls_status_leaves_exceptions_alone(telemetry: Telemetry, captured: Captured) -> None:
    """Only HTTP's status says what became of a call that raised."""
    with pytest.raises(Answer), telemetry.operation("call", convention=RPC_SERVER).measure() as m:
        m.set_metric_attribute("rpc.response.status_code", "OK")
        raise Answer

    assert captured.span().attributes["error.type"].endswith("Answer")  # type: ignore[union-attr]


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
def test_cancellation_under_a_convention(telemetry: Telemetry, captured: Captured, convention: Convention) -> None:
    """A cancelled HTTP client call has no `error.type`, as that convention says; others are `cancelled`."""
    with pytest.raises(asyncio.CancelledError), telemetry.operation("call", convention=convention).measure():
        raise asyncio.CancelledError

    right = None if convention is HTTP_CLIENT else "cancelled"
    assert captured.point(convention.duration).attributes.get("error.type") == right
    assert captured.span().attributes.get("error.type") == right


@pytest.mark.parametrize(
    ("code", "right"),
    [(None, None), (0, None), (False, None), (1, "SystemExit"), (True, "SystemExit"), ("0", "SystemExit"), (0.0, "SystemExit")],
)  # fmt: skip
def test_exit_codes(code: Any, right: str | None) -> None:
    """ASY 2: what ends a program with a status of 0 is a success; what is no int is printed, and the status is 1."""
    assert outcome.error_type(SystemExit(code)) == right


class NotFound(Exception):
    status_code = 404


class FromResponse(Exception):
    def __init__(self, status: object) -> None:
        self.response = type("Response", (), {"status": status})()


@pytest.mark.parametrize(
    ("exc", "right"),
    [(NotFound(), True), (FromResponse(410), True), (FromResponse(500), False), (FromResponse("404"), False), (ValueError(), False)],
)  # fmt: skip
def test_what_is_no_error_of_the_server(exc: Exception, right: bool) -> None:
    """`not_server_error` is for exceptions that carry an HTTP status below 500."""
    assert not_server_error(exc) is right
