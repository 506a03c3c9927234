"""What frameworks have in common: a decorator that changes nothing, and answers that are raised."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from telemetry_kit import Telemetry
from telemetry_kit.conventions import HTTP_SERVER, not_server_error
from telemetry_kit.testing import Captured

Decorator = Callable[[Any], Any]


def bare(handler: Any) -> Any:
    """The decorator that changes nothing."""
    return handler


def raising(make: Callable[[], BaseException]) -> Callable[[], None]:
    """A handler that raises."""

    def handler() -> None:
        raise make()

    return handler


class RaisedAnswers:
    """What a framework has for raising an answer is judged by its status. A subclass says what it has."""

    ANSWERS: dict[str, tuple[Callable[[], BaseException], int]]
    """What makes one, and its status."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "status" in metafunc.fixturenames:
            metafunc.parametrize(("make", "status"), list(self.ANSWERS.values()), ids=list(self.ANSWERS))

    def test_its_status(
        self, telemetry: Telemetry, captured: Captured, make: Callable[[], BaseException], status: int
    ) -> None:
        """Under HTTP_SERVER the status of a raised answer is on metric and span, and decides what is an error."""
        with pytest.raises(type(make())):
            telemetry.operation("GET /", convention=HTTP_SERVER)(raising(make))()

        error = str(status) if status >= 500 else None
        for attributes in (captured.span().attributes, captured.point("http.server.request.duration").attributes):
            assert (attributes["http.response.status_code"], attributes.get("error.type")) == (status, error)
        assert captured.span().status.status_code.name == ("ERROR" if error else "UNSET")

    def test_on_a_frameworks_server_span(
        self, telemetry: Telemetry, captured: Captured, make: Callable[[], BaseException], status: int
    ) -> None:
        """The same holds for `span="current"` where that is a span of kind SERVER."""
        with telemetry.span("GET", kind=SpanKind.SERVER), pytest.raises(type(make())):
            telemetry.operation("handler", span="current")(raising(make))()

        assert captured.span("GET").attributes["http.response.status_code"] == status
        assert captured.value("operation.duration", {"error.type": str(status)}) == (status >= 500)

    def test_elsewhere_an_error_unless_expected(
        self, telemetry: Telemetry, captured: Captured, make: Callable[[], BaseException], status: int
    ) -> None:
        """Where nothing says that this is a server, an exception is one; `not_server_error` says which aren't."""
        for operation in (telemetry.operation("plain"), telemetry.operation("expected", expected=not_server_error)):
            with pytest.raises(type(make())):
                operation(raising(make))()

        failed = [
            p.attributes["operation.name"]
            for p in captured.points("operation.duration")
            if "error.type" in p.attributes
        ]
        assert failed == (["expected", "plain"] if status >= 500 else ["plain"])
