"""FastAPI knows of a handler what its signature and annotations say."""

# ruff: noqa: E402, FAST002 - imported where it is there; the older style of dependencies is a case here

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs fastapi from PyPI")
pytest.importorskip("httpx", reason="needs httpx from PyPI")
import fastapi
import fastapi.exceptions
import httpx

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import Decorator, RaisedAnswers, bare

pytestmark = pytest.mark.integration


class TestFastAPI:
    """Everything that FastAPI knows of a handler is from its signature and annotations."""

    def app(self, decorate: Decorator, asynchronous: bool = False) -> fastapi.FastAPI:
        app = fastapi.FastAPI()

        @decorate
        def session(token: str = "none") -> Iterator[str]:
            yield f"session of {token}"

        if asynchronous:

            @app.get("/items/{item}")
            @decorate
            async def item(item: int, limit: "int" = 10, by: str = fastapi.Depends(session)) -> dict[str, Any]:
                """One item."""
                return {"item": item, "limit": limit, "by": by}
        else:

            @app.get("/items/{item}")
            @decorate
            def item(item: int, limit: "int" = 10, by: str = fastapi.Depends(session)) -> dict[str, Any]:
                """One item."""
                return {"item": item, "limit": limit, "by": by}

        return app

    def get(self, app: fastapi.FastAPI, url: str) -> tuple[int, Any]:
        async def get() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
                return await client.get(url)

        response = asyncio.run(get())
        return response.status_code, response.json()

    def test_parameters(self, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: path and query parameters and dependencies arrive converted."""
        answer = self.get(self.app(telemetry.operation, asynchronous), "/items/7?limit=3&token=ann")

        assert answer == (200, {"item": 7, "limit": 3, "by": "session of ann"})

    def test_defaults(self, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: a parameter that isn't given has the handler's default."""
        answer = self.get(self.app(telemetry.operation, asynchronous), "/items/7")

        assert answer == (200, {"item": 7, "limit": 10, "by": "session of none"})

    @pytest.mark.parametrize("url", ["/items/seven", "/items/7?limit=many"])
    def test_validation(self, telemetry: Telemetry, asynchronous: bool, url: str) -> None:
        """WRP 6: what doesn't fit the annotations is refused with the bare handler's words."""
        answer = self.get(self.app(telemetry.operation, asynchronous), url)

        assert answer[0] == 422 and answer == self.get(self.app(bare, asynchronous), url)

    def test_schema(self, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: the OpenAPI schema is the bare handler's."""
        decorated, plain = self.app(telemetry.operation, asynchronous), self.app(bare, asynchronous)

        assert decorated.openapi() == plain.openapi()

    def test_spans(self, telemetry: Telemetry, captured: Captured, asynchronous: bool) -> None:
        """WRP 6: handler and dependency are each recorded once."""
        self.get(self.app(telemetry.operation, asynchronous), "/items/7")

        assert sorted(span.name for span in captured.spans) == ["TestFastAPI.app.item", "TestFastAPI.app.session"]


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "not found": (lambda: fastapi.exceptions.HTTPException(404), 404),
        "unavailable": (lambda: fastapi.exceptions.HTTPException(503), 503),
        "validation": (lambda: fastapi.exceptions.RequestValidationError([]), 422),
    }
