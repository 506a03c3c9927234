"""With a convention, names, buckets, kind, attributes and error rule are the protocol's."""

from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from telemetry_kit import Telemetry, conventions
from telemetry_kit.testing import Captured, point, span

REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
DATABASE = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
ALL = {
    "HTTP_SERVER": ("http.server.request.duration", SpanKind.SERVER, REQUESTS),
    "HTTP_CLIENT": ("http.client.request.duration", SpanKind.CLIENT, REQUESTS),
    "RPC_SERVER": ("rpc.server.call.duration", SpanKind.SERVER, REQUESTS),
    "RPC_CLIENT": ("rpc.client.call.duration", SpanKind.CLIENT, REQUESTS),
    "DB_CLIENT": ("db.client.operation.duration", SpanKind.CLIENT, DATABASE),
    "MESSAGING_SEND": ("messaging.client.operation.duration", SpanKind.PRODUCER, REQUESTS),
    "MESSAGING_PROCESS": ("messaging.process.duration", SpanKind.CONSUMER, REQUESTS),
}
EACH = pytest.mark.parametrize("name", ALL)


def of(name: str) -> Any:
    return getattr(conventions, name)


@EACH
def test_names_kind_and_buckets(telemetry: Telemetry, captured: Captured, name: str) -> None:
    """The duration has the convention's name and buckets, the span its kind and the operation's name."""
    metric, kind, buckets = ALL[name]
    telemetry.operation("work", convention=of(name))(lambda: None)()

    assert captured.value(metric) == 1
    assert captured.point(metric).boundaries == buckets
    assert captured.spans == [span("work", kind=kind)]


@EACH
def test_nothing_of_the_generic_names(telemetry: Telemetry, captured: Captured, name: str) -> None:
    """No `operation.*` metric stands beside, and neither `operation.name` nor `scope.name` is an attribute."""
    telemetry.operation("work", convention=of(name), metric_attributes={"a": 1})(lambda: None)()

    assert [metric for metric in captured.metrics if metric.startswith("operation.")] == []
    attributes = captured.point(ALL[name][0]).attributes
    assert attributes["a"] == 1
    assert {"operation.name", "scope.name"}.isdisjoint(attributes)


@EACH
def test_an_exception_is_an_error(telemetry: Telemetry, captured: Captured, name: str) -> None:
    """An exception has its type's name, as without a convention."""
    with pytest.raises(ValueError), telemetry.operation("work", convention=of(name)).measure():
        raise ValueError

    assert captured.point(ALL[name][0]).attributes["error.type"] == "ValueError"


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("HTTP_SERVER", 200, None),
        ("HTTP_SERVER", 404, None),
        ("HTTP_SERVER", 503, "503"),
        ("HTTP_CLIENT", 302, None),
        ("HTTP_CLIENT", 404, "404"),
        ("HTTP_CLIENT", 503, "503"),
        ("RPC_SERVER", "OK", None),
        ("RPC_SERVER", "NOT_FOUND", None),
        ("RPC_SERVER", "INTERNAL", "INTERNAL"),
        ("RPC_SERVER", "not_found", None),
        ("RPC_SERVER", "data_loss", "data_loss"),
        ("RPC_SERVER", "SERVICE_ERROR", "SERVICE_ERROR"),
        ("RPC_SERVER", "-32602", "-32602"),
        ("RPC_CLIENT", "OK", None),
        ("RPC_CLIENT", "NOT_FOUND", "NOT_FOUND"),
        ("RPC_CLIENT", "-32602", "-32602"),
    ],
)
def test_the_status_decides(
    telemetry: Telemetry, captured: Captured, name: str, status: Any, error: str | None
) -> None:
    """The protocol's status is an error by the convention's rule, on metric and span."""
    key = "http.response.status_code" if name.startswith("HTTP") else "rpc.response.status_code"
    with telemetry.operation("work", convention=of(name)).measure() as m:
        m.set_metric_attribute(key, status)

    attributes = captured.point(ALL[name][0]).attributes
    assert (attributes[key], attributes.get("error.type")) == (status, error)
    assert captured.span().status == (StatusCode.ERROR if error else StatusCode.UNSET)


def test_active_requests_of_an_http_server(telemetry: Telemetry, captured: Captured) -> None:
    """`http.server.active_requests` has method and scheme, from what is declared, and nothing else."""
    declared = {"http.request.method": "GET", "url.scheme": "https", "http.route": "/"}
    operation = telemetry.operation("GET /lists", convention=conventions.HTTP_SERVER, metric_attributes=declared)
    named = {"http.request.method": "GET", "url.scheme": "https"}
    with operation.measure():
        assert captured.points("http.server.active_requests") == [point(value=1, attributes=named)]

    assert captured.points("http.server.active_requests") == [point(value=0, attributes=named)]
