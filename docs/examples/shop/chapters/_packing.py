"""The packing room: orders wait in a queue, packers look products up in a cache and write labels into a database.

Everything here is finite and says so: the queue, the packers, the connections, the cache. The database is the shop's own
file, and as far away as one in another building: each query takes its time on the way.
"""

import contextlib
import queue
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import final

from telemetry_kit import Telemetry

telemetry = Telemetry("shop.packing", version="1.0.0")

DISTANCE = 0.012
"""Seconds that a query is on its way."""
PATIENCE = 0.12
"""Seconds that a packer waits for a connection before the order goes back into the queue."""
PACKERS = 12
CONNECTIONS, MORE_CONNECTIONS = 2, 8
SHELF = 100
"""Products that the cache keeps, of four hundred."""
WAITING_AT_MOST = 600

_SCHEMA = "CREATE TABLE IF NOT EXISTS label (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, name TEXT NOT NULL)"

PRODUCT = "SELECT name FROM product WHERE sku = ? AND far() = 0"
ON_ITS_WAY = "SELECT far()"
LABEL = "INSERT INTO label (sku, name) VALUES (?, ?)"

db = telemetry.database("sqlite", namespace="shop")


class Connections:
    """A pool of connections: who finds none waits, and after a while gives up."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.pool = telemetry.pool("stock-db", limit=0)
        self._free: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._all: list[sqlite3.Connection] = []
        self.grow(limit)

    def grow(self, limit: int) -> None:
        """From now on there are so many."""
        for _ in range(limit - len(self._all)):
            connection = sqlite3.connect(self.path, timeout=5.0, check_same_thread=False, isolation_level=None)
            connection.create_function("far", 0, _far)
            connection.execute("PRAGMA synchronous=OFF")
            self._all.append(connection)
            self._free.put(connection)
        self.pool.resize(limit)

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """One of them, for the block."""
        with self.pool.wait():
            try:
                connection = self._free.get(timeout=PATIENCE)
            except queue.Empty:
                raise TimeoutError("no connection in time") from None
        try:
            with self.pool.use():
                yield connection
        finally:
            self._free.put(connection)

    def close(self) -> None:
        for connection in self._all:
            connection.close()


class Products:
    """Names of products, those asked for last kept at hand."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._cache = telemetry.cache("products")
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def name(self, sku: str) -> str:
        """The product's name."""
        with self._lock:
            name = self._kept.get(sku)
            if name is not None:
                self._kept.move_to_end(sku)
        self._cache.lookup(name is not None)
        if name is None:
            name = self._load(sku)
            with self._lock:
                self._kept[sku] = name
                if len(self._kept) > SHELF:
                    self._kept.popitem(last=False)
                    self._cache.evicted()
        return name

    def _load(self, sku: str) -> str:
        with (
            self._cache.load(),
            self._connections.connection() as connection,
            db.query("SELECT", collection="product", text=PRODUCT) as q,
        ):
            rows = connection.execute(PRODUCT, (sku,)).fetchall()
            q.returned_rows(len(rows))
        return str(rows[0][0])


@final
class PackingRoom:
    """Packers at work on a queue of orders."""

    def __init__(self, path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(_SCHEMA)
        self.orders: queue.Queue[str | None] = queue.Queue(maxsize=WAITING_AT_MOST)
        self.connections = Connections(path, CONNECTIONS)
        self.packers = telemetry.pool("packers", limit=PACKERS)
        self._products = Products(self.connections)
        self._observed = telemetry.observe_queue(self.orders, name="packing")
        self._health = telemetry.health("stock-db", self._answers, max_age=1.0)
        self._threads = [threading.Thread(target=self._work, name=f"packer-{n}") for n in range(PACKERS)]

    def __enter__(self) -> "PackingRoom":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Everybody goes home; what is left in the queue stays there."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.orders.get_nowait()
        for _ in self._threads:
            self.orders.put(None)
        for thread in self._threads:
            thread.join()
        self._health.stop()
        self._observed.stop()
        self.connections.close()

    def _work(self) -> None:
        while (sku := self.orders.get()) is not None:
            with self.packers.use(), contextlib.suppress(TimeoutError):
                self.pack(sku)

    @telemetry.operation("pack", span="errors")
    def pack(self, sku: str) -> None:
        """Write the label; an order for which there is no connection goes back."""
        try:
            name = self._products.name(sku)
            with self.connections.connection() as connection, db.query("INSERT", collection="label", text=LABEL):
                connection.execute(ON_ITS_WAY).fetchone()
                connection.execute(LABEL, (sku, name))
        except TimeoutError:
            with contextlib.suppress(queue.Full):
                self.orders.put_nowait(sku)
            raise

    def _answers(self) -> bool:
        with contextlib.closing(sqlite3.connect(self.connections.path)) as connection:
            return bool(connection.execute("SELECT count(*) FROM product").fetchone()[0])


def _far() -> int:
    time.sleep(DISTANCE)
    return 0
