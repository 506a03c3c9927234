"""Tortoise has queries that are awaited, iterated, and asked for more."""

# ruff: noqa: E402 - imported where it is there

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip(
    "tortoise", reason="needs tortoise-orm from PyPI, in an environment of its own: `nox -s frameworks`"
)
from tortoise import Tortoise, fields
from tortoise.models import Model

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


class Order(Model):
    id = fields.IntField(primary_key=True)
    sku = fields.CharField(max_length=10)

    class Meta:
        app = "models"


async def with_orders(asked: Any) -> Any:
    await Tortoise.init(db_url="sqlite://:memory:", modules={"models": [Order.__module__]})
    await Tortoise.generate_schemas()
    await Order.create(sku="A1")
    await Order.create(sku="B2")
    try:
        return await asked()
    finally:
        await Tortoise.close_connections()


def test_queries_are_handed_on(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 8: what a function returns is the query: it can be narrowed, iterated and awaited; the call was the making."""

    @telemetry.operation("orders")
    def orders() -> Any:
        return Order.filter(sku__in=["A1", "B2"])

    async def asked() -> Any:
        return (
            type(orders()) is type(Order.all()),
            await orders().order_by("-sku").values_list("sku", flat=True),
            [order.sku async for order in orders()],
            await orders().count(),
            len(await orders()),
        )

    assert asyncio.run(with_orders(asked)) == (True, ["B2", "A1"], ["A1", "B2"], 2, 2)
    assert captured.point("operation.duration").count == 5


def test_methods_of_models(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 4: coroutine functions that await queries are measured to their end, with their errors."""

    @telemetry.operation("one")
    async def one(sku: str) -> Any:
        return await Order.get(sku=sku)

    async def asked() -> Any:
        with pytest.raises(Exception, match="does not exist"):
            await one("C3")
        return (await one("A1")).id

    assert asyncio.run(with_orders(asked)) == 1
    assert [p.attributes.get("error.type") for p in captured.points("operation.duration")] == [
        "tortoise.exceptions.DoesNotExist",
        None,
    ]
