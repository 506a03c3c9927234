"""The customers: a process of its own that asks the shop over loopback, at a rate of its own, as people do.

Requests start when they are due, whether or not the earlier ones were answered: a shop that gets slow gets no mercy.
`python load.py --url http://127.0.0.1:8000 --seconds 5` prints a JSON line when it begins, several times a second, and
when it ends.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

IN_FLIGHT = 200
"""More requests than this at once are not sent but counted as given up: a customer who saw the queue and left."""

DEFAULT_MIX = {"browse": 30.0, "product": 40.0, "recommend": 15.0, "checkout": 14.0, "export": 1.0}

Ask = Callable[[httpx.AsyncClient, random.Random], "httpx.Request"]


def _browse(client: httpx.AsyncClient, chance: random.Random) -> httpx.Request:
    return client.build_request("GET", "/products", params={"q": chance.choice(("oak", "lamp", "rug", "clay", "o"))})


def _product(client: httpx.AsyncClient, chance: random.Random) -> httpx.Request:
    return client.build_request("GET", f"/products/sku-{chance.randrange(400):03}")


def _recommend(client: httpx.AsyncClient, chance: random.Random) -> httpx.Request:
    return client.build_request("GET", "/recommendations")


def _checkout(client: httpx.AsyncClient, chance: random.Random) -> httpx.Request:
    order = {
        "sku": f"sku-{chance.randrange(400):03}",
        "quantity": chance.randint(1, 4),
        "customer": f"customer-{chance.randrange(10_000)}",
        "method": chance.choice(("card", "card", "invoice")),
    }
    return client.build_request("POST", "/orders", json=order)


def _export(client: httpx.AsyncClient, chance: random.Random) -> httpx.Request:
    return client.build_request("GET", "/orders.csv")


ASKS: dict[str, Ask] = {
    "browse": _browse,
    "product": _product,
    "recommend": _recommend,
    "checkout": _checkout,
    "export": _export,
}


@dataclass
class Customers:
    """What they saw: answers by status, and how long each took in seconds."""

    sent: int = 0
    given_up: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        return sum(count for status, count in self.statuses.items() if not "200" <= status < "500")


async def drive(
    url: str, seconds: float, rate: float, mix: dict[str, float], *, seed: int, tell: Callable[[Customers], None]
) -> Customers:
    """Ask for so many seconds, `rate` times a second; the rush in the middle is twice the beginning."""
    chance = random.Random(seed)
    seen = Customers(seconds={name: [] for name in mix})
    names, weights = list(mix), list(mix.values())
    running: set[asyncio.Task[None]] = set()
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)

    async with httpx.AsyncClient(base_url=url, timeout=10.0, limits=limits, trust_env=False) as client:

        async def ask(name: str) -> None:
            began = time.perf_counter()
            try:
                answer = await client.send(ASKS[name](client, chance))
                status = str(answer.status_code)
            except httpx.HTTPError as problem:
                status = type(problem).__name__
            seen.statuses[status] += 1
            seen.seconds[name].append(time.perf_counter() - began)

        tell(seen)
        began = due = time.perf_counter()
        told = 0.0
        while (now := time.perf_counter()) < began + seconds:
            if due > now:
                await asyncio.sleep(min(due - now, began + seconds - now))
                continue
            elapsed = due - began
            rush = 1.35 if 1 / 3 < elapsed / seconds < 2 / 3 else 0.825
            due += chance.expovariate(rate * rush)
            if len(running) < IN_FLIGHT:
                seen.sent += 1
                task = asyncio.create_task(ask(chance.choices(names, weights)[0]))
                running.add(task)
                task.add_done_callback(running.discard)
            else:
                seen.given_up += 1
            if now - told > 0.2:
                told = now
                tell(seen)
            await asyncio.sleep(0)
        if running:
            await asyncio.wait(running, timeout=10.0)
    return seen


def _line(seen: Customers, **more: object) -> None:
    counts = {"sent": seen.sent, "answered": seen.answered, "failed": seen.failed, "given_up": seen.given_up}
    print(json.dumps({**counts, **more}), flush=True)


def main() -> int:
    """Ask, and say how it went."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--mix", default=json.dumps(DEFAULT_MIX), help="JSON: how often each of " + ", ".join(ASKS))
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    mix = json.loads(options.mix)
    if unknown := mix.keys() - ASKS.keys():
        parser.error(f"--mix: nobody asks for {', '.join(sorted(unknown))}; there are {', '.join(ASKS)}")
    seen = asyncio.run(drive(options.url, options.seconds, options.rate, mix, seed=options.seed, tell=_line))
    _line(seen, done=True, statuses=dict(seen.statuses), seconds=seen.seconds)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(130)  # whoever reads is going, or has gone: what is left in the pipe's buffer is for nobody
