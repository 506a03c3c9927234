"""The shop's database: one SQLite file, one connection per thread. It knows no telemetry."""

import random
import sqlite3
import threading
from pathlib import Path

PRODUCTS = 400
_WORDS = ("oak", "linen", "copper", "slate", "amber", "birch", "wool", "cobalt", "walnut", "clay")
_THINGS = ("chair", "lamp", "bowl", "shelf", "rug", "clock", "desk", "vase", "stool", "mirror")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS product (sku TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL, stock INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS purchase (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, quantity INTEGER NOT NULL, customer TEXT NOT NULL);
"""


class OutOfStock(Exception):
    """More was asked for than there is."""


class Stock:
    """Products and purchases in the file at `path`; created and filled when it is new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        chance = random.Random(path.name)
        connection = self.connection()
        connection.executescript(_SCHEMA)
        with connection:
            connection.executemany(
                "INSERT OR IGNORE INTO product VALUES (?, ?, ?, ?)",
                [
                    (
                        f"sku-{n:03}",
                        f"{chance.choice(_WORDS)} {chance.choice(_THINGS)}",
                        chance.randrange(500, 90_000),
                        10**6,
                    )
                    for n in range(PRODUCTS)
                ],
            )

    def connection(self) -> sqlite3.Connection:
        """The calling thread's own connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite3.connect(self.path, timeout=5.0)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
        return connection

    def search(self, word: str, limit: int = 20) -> list[dict[str, object]]:
        """The cheapest products whose name has the word."""
        rows = self.connection().execute(
            "SELECT sku, name, price FROM product WHERE name LIKE ? ORDER BY price LIMIT ?", (f"%{word}%", limit)
        )
        return [{"sku": sku, "name": name, "price": price} for sku, name, price in rows]

    def product(self, sku: str) -> dict[str, object] | None:
        """One product, or None."""
        row = self.connection().execute("SELECT sku, name, price, stock FROM product WHERE sku = ?", (sku,)).fetchone()
        return None if row is None else dict(zip(("sku", "name", "price", "stock"), row, strict=True))

    def reserve(self, sku: str, quantity: int, customer: str) -> int:
        """Take so many from the shelf; the purchase's number."""
        with (connection := self.connection()):
            taken = connection.execute(
                "UPDATE product SET stock = stock - ? WHERE sku = ? AND stock >= ?", (quantity, sku, quantity)
            )
            if not taken.rowcount:
                raise OutOfStock(sku)
            purchase = connection.execute(
                "INSERT INTO purchase (sku, quantity, customer) VALUES (?, ?, ?)", (sku, quantity, customer)
            )
        return int(purchase.lastrowid or 0)

    def purchases(self, limit: int) -> list[tuple[int, str, int]]:
        """The latest purchases: number, product, quantity."""
        rows = self.connection().execute("SELECT id, sku, quantity FROM purchase ORDER BY id DESC LIMIT ?", (limit,))
        return [(int(number), str(sku), int(quantity)) for number, sku, quantity in rows]
