"""The shop's nightly job, a process of its own: a supplier's price list, CSV on standard input, into the database.

It says that it is ready, and starts at the first line that it is sent.
"""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

from shop.sdk import from_environment
from shop.stock import Stock
from telemetry_kit import Telemetry, current_run

TOO_MANY = 0.2
"""The share of bad rows from which on a price list isn't believed."""
COMMIT_EVERY = 50
COLUMNS = ("sku", "warehouse", "price", "stock")

telemetry = Telemetry("shop.nightly", version="1.4.0")
job = telemetry.batch_job(
    "price-import",
    run_id=lambda stock, night, total, lines: night,
    expected_interval=86_400,
    flush_at_start=True,
    handle_sigterm=True,
)


class TooManyBadRows(Exception):
    """Something is wrong with the whole list, and the shop keeps its prices."""


@job
def take_in(stock: Stock, night: str, total: int, lines: Iterable[str]) -> None:
    """Read and apply the list row by row; what can't be applied is counted by its reason."""
    run = current_run()
    run.set_attribute("shop.rows_announced", total)
    with run.step("read"):
        known = {str(product["sku"]) for product in stock.search("", limit=10_000)}
        rows = csv.DictReader(lines, COLUMNS)
    with run.step("apply"):
        seen: set[tuple[str, str]] = set()
        bad = 0
        for done, row in enumerate(run.track(rows, total)):
            if (row["sku"], row["warehouse"]) in seen:
                run.skipped(1, "duplicate")
            elif problem := problem_of(row, known):
                bad += 1
                run.failed(1, problem)
                if bad > total * TOO_MANY:
                    raise TooManyBadRows(f"{bad} of the first {done + 1} rows")
            else:
                seen.add((row["sku"], row["warehouse"]))
                apply(stock, row, commit=done % COMMIT_EVERY == 0)
        stock.connection().commit()


def problem_of(row: dict[str, str], known: set[str]) -> str | None:
    """Why a row can't be applied, in a few words of low cardinality."""
    if row["sku"] not in known:
        return "unknown_product"
    if not (row["price"] or "").isdecimal():
        return "no_price"
    return None if (row["stock"] or "").isdecimal() else "no_stock"


def apply(stock: Stock, row: dict[str, str], *, commit: bool) -> None:
    """One product's new price and stock."""
    connection = stock.connection()
    connection.execute(
        "UPDATE product SET price = ?, stock = stock + ? WHERE sku = ?",
        (int(row["price"]), int(row["stock"]), row["sku"]),
    )
    if commit:
        connection.commit()


def main(database: str, night: str, rows: str) -> None:
    """Install an SDK, as the host does, and wait for the word."""
    from_environment(interval=0.25)
    stock = Stock(Path(database))
    print("ready", flush=True)
    sys.stdin.readline()
    take_in(stock, night, int(rows), sys.stdin)
