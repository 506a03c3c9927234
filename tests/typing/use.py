"""What mypy and pyright must see of pools, caches, databases, and of what is observed."""

import asyncio
import functools
import queue
import threading
from collections.abc import AsyncIterator

from typing_extensions import assert_type

from telemetry_kit import Cache, Counter, Database, Handle, Pool, PoolStats, Query, QueueStats, Telemetry
from telemetry_kit.conventions import DB_CONNECTIONS

telemetry = Telemetry("typed")

gpus = telemetry.pool("gpu", limit=4, metric_attributes={"region": "eu"}, convention=DB_CONNECTIONS)
assert_type(gpus, Pool)
assert_type(gpus.stats(), PoolStats)
assert_type(gpus.stats().limit, int | None)
gpus.resize(None)
with gpus.wait(), gpus.use(), gpus.create():
    gpus.error("broken")


@gpus.wait()
async def acquire(timeout: float) -> str:
    return str(timeout)


@gpus.use()
async def frames(count: int) -> AsyncIterator[bytes]:
    yield bytes(count)


class Renderer:
    @gpus.use()
    def render(self, frame: int) -> bytes:
        return bytes(frame)


async def main() -> None:
    assert_type(await acquire(1.0), str)
    assert_type(frames(3), AsyncIterator[bytes])
    assert_type(telemetry.observe_event_loop(name="main"), Handle)
    assert_type(telemetry.observe_event_loop(asyncio.get_running_loop()), Handle)


assert_type(Renderer().render(1), bytes)
assert_type(telemetry.observe_pool(threading.BoundedSemaphore(2), name="permits"), Handle)
assert_type(telemetry.observe_pool(name="seats", stats=lambda: PoolStats(used=3, limit=10)), Handle)
orders: queue.Queue[int] = queue.Queue()
assert_type(telemetry.observe_queue(orders, name="orders"), Handle)

prices = telemetry.cache("prices")
assert_type(prices, Cache)
assert_type(prices.lookup(found=True), bool)


@prices.load()
def load(sku: str) -> int:
    return len(sku)


@functools.lru_cache
def price(sku: str) -> int:
    return len(sku)


assert_type(load("A1"), int)
assert_type(telemetry.observe_cache(price, name="prices"), Handle)

db = telemetry.database("postgresql", namespace="shop", server_address="db", server_port=5432)
assert_type(db, Database)
with db.query("SELECT", collection="orders", summary=None, text=None) as q:
    assert_type(q, Query)
    q.returned_rows(3)
    q.set_attribute("user.id", 7)

with telemetry.health("disk", lambda: True, timeout=1.0, max_age=5.0) as health:
    assert_type(health, Handle)
    health.stop()

sold = telemetry.counter("lamp.sold", unit="{lamp}", description="Lamps that were sold")
assert_type(sold, Counter)
sold.add(2, {"lamp.kind": "desk"})
assert_type(telemetry.observe_gauge("database.size", lambda: 8_192, unit="By", description="Size"), Handle)
assert_type(
    telemetry.observe_gauge("table.size", lambda: [(1.5, {"table": "a"})], unit="By", description="Size"), Handle
)
assert_type(telemetry.observe_queue(name="mails", stats=lambda: QueueStats(size=3, oldest_age=1.5)), Handle)


async def is_there() -> bool:
    return True


assert_type(telemetry.health("db", is_there), Handle)
