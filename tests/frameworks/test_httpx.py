"""httpx raises a client's errors, which are no answers of a server."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("httpx", reason="needs httpx from PyPI")
import httpx

from telemetry_kit import Telemetry
from telemetry_kit.conventions import HTTP_SERVER
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


def test_a_clients_status_error_is_none_of_ours(telemetry: Telemetry, captured: Captured) -> None:
    """A client's 404 that escapes from a handler is a 500 of the server's: no attribute is guessed."""
    request = httpx.Request("GET", "http://there")

    def handler() -> None:
        httpx.Response(404, request=request).raise_for_status()

    with pytest.raises(httpx.HTTPStatusError):
        telemetry.operation("GET /", convention=HTTP_SERVER)(handler)()

    assert captured.span().attributes["error.type"] == "httpx.HTTPStatusError"
    assert "http.response.status_code" not in captured.span().attributes
