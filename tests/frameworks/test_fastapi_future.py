"""FastAPI evaluates annotations that are strings among the globals of the handler."""

# ruff: noqa: E402 - imported where it is there

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Optional

import pytest

pytest.importorskip("fastapi", reason="needs fastapi from PyPI")
pytest.importorskip("httpx", reason="needs httpx from PyPI")
import fastapi
import httpx
from pydantic import BaseModel

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import Decorator, bare

pytestmark = pytest.mark.integration


class Order(BaseModel):
    sku: str
    count: int = 1


def paged(page: int = 1) -> int:
    return page


Page = Annotated[int, fastapi.Depends(paged)]


def app(decorate: Decorator) -> fastapi.FastAPI:
    app = fastapi.FastAPI()

    @app.post("/orders")
    @decorate
    async def place(order: Order, page: Page, tag: Optional[str] = None) -> dict[str, Any]:  # noqa: UP045
        return {"order": order.sku * order.count, "page": page, "tag": tag}

    @app.get("/orders/{sku}", response_model=Order)
    @decorate
    def show(sku: str, request: fastapi.Request, later: Annotated[Later, fastapi.Depends()]) -> Order:
        return Order(sku=sku, count=later.count + len(request.query_params))

    return app


class Later:
    """Not there yet when the handlers are decorated."""

    def __init__(self, count: int = 5) -> None:
        self.count = count


def asked(decorate: Decorator, method: str, url: str, **options: Any) -> tuple[int, Any]:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app(decorate)), base_url="http://shop") as client:
            return await client.request(method, url, **options)

    response = asyncio.run(ask())
    return response.status_code, response.json()


def test_a_body_of_a_model(telemetry: Telemetry, captured: Captured) -> None:
    """WRP 7: a model and a dependency that only their names say arrive."""
    answer = asked(telemetry.operation, "POST", "/orders?page=3", json={"sku": "A1", "count": 2})

    assert answer == (200, {"order": "A1A1", "page": 3, "tag": None})
    assert captured.span().name == "app.place"


def test_what_is_refused(telemetry: Telemetry) -> None:
    """WRP 7: with the bare handler's words."""
    answer = asked(telemetry.operation, "POST", "/orders?page=x", json={"count": "many"})

    assert answer[0] == 422 and answer == asked(bare, "POST", "/orders?page=x", json={"count": "many"})


def test_a_class_that_comes_later(telemetry: Telemetry) -> None:
    """WRP 7: a name that is there when the route is made, and not when the module began."""
    assert asked(telemetry.operation, "GET", "/orders/B2?count=7") == (200, {"sku": "B2", "count": 8})


def test_the_schema(telemetry: Telemetry) -> None:
    """WRP 7: the OpenAPI schema is the bare handlers'."""
    assert app(telemetry.operation).openapi() == app(bare).openapi()
