"""The MCP SDK makes schemas of the annotations of tools, resources and prompts, as strings or not."""

# ruff: noqa: E402 - imported where it is there

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest

pytest.importorskip("mcp", reason="needs mcp from PyPI, in an environment of its own: `nox -s frameworks`")
from mcp import server
from pydantic import BaseModel, Field

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import Decorator, bare

if hasattr(server, "MCPServer"):  # 2.x
    from mcp.server import MCPServer as Server
else:
    from mcp.server.fastmcp import FastMCP as Server  # type: ignore[no-redef]

pytestmark = pytest.mark.integration


class Order(BaseModel):
    sku: str
    count: int = 1


def made(decorate: Decorator) -> Server:
    made = Server("shop")

    @made.tool()
    @decorate
    def price(order: Order, discount: Annotated[float, Field(ge=0, le=1)] = 0.0) -> float:
        """What an order costs."""
        return order.count * 10.0 * (1 - discount)

    @made.tool()
    @decorate
    async def stock(sku: str) -> list[int]:
        """What is there."""
        return [len(sku), 1]

    @made.resource("orders://{number}")
    @decorate
    def order(number: int) -> str:
        """One order."""
        return f"order {number}"

    @made.prompt()
    @decorate
    def review(sku: str, tone: str = "kind") -> str:
        """Ask for a review."""
        return f"Review {sku}, {tone}"

    return made


def described(made: Server) -> list[Any]:
    """Everything that a client is told."""

    async def lists() -> list[Any]:
        return [*await made.list_tools(), *await made.list_resource_templates(), *await made.list_prompts()]

    return [item.model_dump() for item in asyncio.run(lists())]


def test_schemas(telemetry: Telemetry) -> None:
    """WRP 7: what a client is told of tools, resources and prompts is what it is told of the bare ones."""
    assert described(made(telemetry.operation)) == described(made(bare))


def test_calls(telemetry: Telemetry, captured: Captured) -> None:
    """WRP 6: a tool gets what its annotations say, and is recorded."""

    async def called() -> str:
        decorated = made(telemetry.operation)
        answers = [
            await decorated.call_tool("price", {"order": {"sku": "A1", "count": 2}, "discount": 0.5}),
            await decorated.call_tool("stock", {"sku": "A1"}),
        ]
        return str(answers)

    answers = asyncio.run(called())

    assert "10.0" in answers and "'2'" in answers and "'1'" in answers
    assert sorted(span.name for span in captured.spans) == ["made.price", "made.stock"]


def test_what_is_refused(telemetry: Telemetry, captured: Captured) -> None:
    """WRP 7: arguments that don't fit are refused before the tool runs."""

    async def called(decorate: Decorator) -> str:
        try:
            return str(await made(decorate).call_tool("price", {"order": {"sku": "A1"}, "discount": 2}))
        except Exception as exc:
            return str(exc)

    assert asyncio.run(called(telemetry.operation)) == asyncio.run(called(bare))
    assert captured.spans == []
