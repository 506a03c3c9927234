"""USE: of everything finite how much is taken, who waits for it, and what goes wrong; and so which of it is the bottleneck."""

import itertools
import queue
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table

from shop.chapters._packing import CONNECTIONS, MORE_CONNECTIONS, PACKERS, PackingRoom
from shop.figures import bars, between, facts, number, table, time_series
from shop.frame import Demo, Section
from shop.metrics import Points, Range, Window
from shop.stock import PRODUCTS

ORDER = 50
SHARE = 1.5

CALM, RUSH = 60.0, 230.0
"""Orders a second."""
FULL = 0.85
"""A resource that is taken to this share on average has nothing left when it matters."""
HERE = {"scope.name": "shop.packing"}


@dataclass(frozen=True)
class Resource:
    """Something finite, as its metrics have it for a stretch of time."""

    name: str
    utilization: float
    waiting: float | None
    """How many wait for it, None where that is asked of the next one: who is in the queue waits for a packer."""
    waited: Range | None
    """How long at the 95th percentile, None where that isn't measured."""
    errors: float


def run(demo: Demo) -> Section:
    """Orders come in calmly, then too fast, and in the last third there are more connections."""
    third = demo.seconds / 3
    rush = (demo.window.now + third, demo.window.now + 2 * third)
    demo.watch = lambda: live(resources(demo.window, (0.0, demo.window.now)))
    lost = 0
    with PackingRoom(demo.shop.stock.path) as room, demo.progress("orders to pack", demo.seconds) as reached:
        began, grown = time.monotonic(), False
        for due, sku in orders(third):
            while (now := time.monotonic() - began) < due:
                time.sleep(min(due - now, 0.02))
            if now > 2 * third and not grown:
                room.connections.grow(MORE_CONNECTIONS)
                grown = True
            try:
                room.orders.put_nowait(sku)
            except queue.Full:
                lost += 1
            reached(now)
        demo.settle()
    window, after = demo.window, (rush[1] + third / 3, demo.window.now)
    found, then = resources(window, rush), resources(window, after)
    bottleneck = bottleneck_of(found)
    packed = window.rates("operation.duration", where={**HERE, "operation.name": "pack", "error.type": None})
    in_rush = {"rush": rush}
    hits = window.totals("cache.requests", by="cache.result", where=HERE)
    return Section(
        "Utilization, saturation, errors",
        prose(found, then, _most(window, rush)),
        [
            facts(
                {
                    "orders packed": f"{sum(value for _, value in next(iter(packed.values()), [])):,.0f}",
                    "bottleneck": bottleneck.name if bottleneck else "none",
                    "waits in vain": f"{window.total('pool.errors', {**HERE, 'error.type': 'timeout'}):,.0f}",
                    "cache hits": number(hits.get("hit", 0.0) / max(sum(hits.values()), 1.0), "%"),
                    "orders turned away": f"{lost:,}",
                }
            ),
            table(
                "The four questions, during the rush and with more connections",
                ["", "taken", "waiting", "waited (p95)", "errors", "then taken", "then waiting"],
                [_row(one, later, one is bottleneck) for one, later in zip(found, then, strict=True)],
            ),
            time_series("Utilization", utilization(window), unit="%", shade=in_rush),
            *(
                time_series(
                    f"Saturation: who waits for one of the {name}", {name: points}, unit="waiting", shade=in_rush
                )
                for name, points in sorted(waiting_for(window).items())
            ),
            time_series(
                "A connection: 19 of 20 waited for it, and used it, at most",
                connection_times(window),
                unit="s",
                shade=in_rush,
            ),
            time_series("Orders packed", {"packed": next(iter(packed.values()), [])}, unit="orders/s", shade=in_rush),
            bars("Queries made against rows returned", queries(window), unit="", colours={"rows": "good"}),
        ],
    )


def prose(found: list[Resource], then: list[Resource], longest: float) -> str:
    """What this run shows of the rush, and of what more connections changed."""
    bottleneck = bottleneck_of(found)
    taken = {one.name: one.utilization for one in found}
    rush = f"{RUSH:.0f} orders a second came in"
    queue = f"the queue in front of the packing room had {longest:,.0f} in it at its longest"
    busy = f"the {PACKERS} packers were busy {taken['packers']:.0%} of the time, the {CONNECTIONS} connections {taken['stock-db']:.0%}"
    if bottleneck is None:
        story = f"**Nothing was a bottleneck**: when {rush}, {queue}; {busy}. This run doesn't show what a full resource does."
    elif bottleneck.name == "stock-db":
        story = (
            f"**The bottleneck was `stock-db`**: when {rush}, {queue}; {busy}. More packers? No: what they were busy with was waiting for a "
            "connection. Of a chain of full things the last one is the bottleneck; what stands before it only waits."
        )
    else:
        story = (
            f"**The bottleneck was `{bottleneck.name}`**: when {rush}, {queue}; {busy}. Of a chain of full things the last one is the "
            "bottleneck. On a machine with more to spare it is the connections."
        )
    before, after = (next(one.waiting or 0.0 for one in chain if one.name == "packers") for chain in (found, then))
    change = "fewer than" if after < before else "no fewer than"
    return (
        f"{story}\n\nWith {MORE_CONNECTIONS} connections in the last third, by one `resize`, {number(after)} orders waited for a packer, {change} the "
        f"{number(before)} of the rush. All numbers are read where the things are: `telemetry.pool` around taking and having a connection, "
        "`observe_queue`, `cache`, `database`, `health`. A gauge is a look now and then; the waits are in a histogram, which misses none."
    )


def orders(third: float) -> Iterator[tuple[float, str]]:
    """When each order is due, and for what: a few products are what most people want."""
    chance, due = random.Random(11), 0.0
    while due < 3 * third:
        yield due, f"sku-{int(PRODUCTS * chance.random() ** 3):03}"
        due += chance.expovariate(RUSH if third <= due < 2 * third else CALM)


def resources(window: Window, stretch: tuple[float, float]) -> list[Resource]:
    """The chain of what an order needs, in its order."""
    taken, waiting = utilization(window), saturation(window)
    waits = window.ranges("pool.wait_time", 0.95, by="pool.name", where=HERE, during=(stretch[0], stretch[1] + 0.5))
    errors = window.totals("pool.errors", by="pool.name", where=HERE)
    return [
        Resource(
            name,
            _mean(taken.get(name, []), stretch),
            _mean(waiting[name], stretch) if name in waiting else None,
            waits.get(name),
            errors.get(name, 0.0),
        )
        for name in ("packing", "packers", "stock-db")
    ]


def bottleneck_of(chain: list[Resource]) -> Resource | None:
    """The last of the chain that is full: what comes before it waits for it, what comes after has time."""
    return next((one for one in reversed(chain) if one.utilization >= FULL), None)


def utilization(window: Window) -> dict[str, Points]:
    """The share that is taken, of the pools and of the queue."""
    found = window.levels("pool.utilization", by="pool.name", where=HERE)
    sizes = window.levels("queue.size", by="queue.name", where=HERE)
    limits = window.latest("queue.limit", by="queue.name", where=HERE)
    for name, points in sizes.items():
        found[name] = [(at, size / limits[name]) for at, size in points]
    return found


def saturation(window: Window) -> dict[str, Points]:
    """Who waits: for a connection, and in the queue for a packer."""
    found = window.levels("pool.pending", by="pool.name", where={**HERE, "pool.name": "stock-db"})
    in_queue = window.levels("queue.size", by="queue.name", where=HERE)
    return {**found, **{("packers" if name == "packing" else name): points for name, points in in_queue.items()}}


def waiting_for(window: Window) -> dict[str, Points]:
    """The same under names that people have for them: tens and hundreds don't share a scale."""
    return {{"stock-db": "connections"}.get(name, name): points for name, points in saturation(window).items()}


def connection_times(window: Window) -> dict[str, Points]:
    """How long a connection was waited for, and how long it was used."""
    of = {**HERE, "pool.name": "stock-db"}
    waited = window.at_most("pool.wait_time", 0.95, where=of)
    used = window.at_most("pool.use_time", 0.95, where=of)
    return {"waited": next(iter(waited.values()), []), "used": next(iter(used.values()), [])}


def queries(window: Window) -> dict[str, dict[str, float]]:
    """Of each collection, how many queries and how many rows."""
    made = window.totals("db.client.operation.duration", by="db.collection.name")
    each = window.means("db.client.response.returned_rows", by="db.collection.name")
    told = window.totals("db.client.response.returned_rows", by="db.collection.name")
    return {name: {"queries": count, "rows": told.get(name, 0.0) * each.get(name, 0.0)} for name, count in made.items()}


def live(measured: list[Resource]) -> Table:
    """What the terminal shows while orders are packed."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("resource")
    for column in ("taken", "waiting", "waited (p95)", "errors"):
        shown.add_column(column, justify="right", min_width=8)
    for one in measured:
        shown.add_row(*_said(one), style="red" if one.utilization >= FULL else None)
    return shown


def _said(one: Resource) -> tuple[str, ...]:
    waited = "-" if one.waited is None else between(*one.waited)
    errors = f"{one.errors:,.0f}" if one.errors else "-"
    return (one.name, number(one.utilization, "%"), _waiting(one), waited, errors)


def _waiting(one: Resource) -> str:
    return "-" if one.waiting is None else number(one.waiting)


def _row(one: Resource, later: Resource, bottleneck: bool) -> tuple[str, ...]:
    name, *rest = _said(one)
    return (f"{name} (bottleneck)" if bottleneck else name, *rest, number(later.utilization, "%"), _waiting(later))


def _mean(points: Points, stretch: tuple[float, float]) -> float:
    """Over the second half of the stretch, when things have come to where they tend."""
    start = (stretch[0] + stretch[1]) / 2
    within = [value for at, value in points if start <= at <= stretch[1]] or [value for _, value in points[-1:]]
    return sum(within) / len(within) if within else 0.0


def _most(window: Window, stretch: tuple[float, float]) -> float:
    sizes = itertools.chain.from_iterable(window.levels("queue.size", where=HERE).values())
    return max((size for at, size in sizes if stretch[0] <= at <= stretch[1] + 1.0), default=0.0)
