"""Whom the shop depends on: a payment provider that is slow now and then, a ranker that fails now and then.

They stand in for machines elsewhere: they wait as those would, seeded, so that two runs look alike.
"""

import asyncio
import random


class CardDeclined(Exception):
    """The bank said no: an ordinary day, but no sale."""


class RankerDown(ConnectionError):
    """Nobody answers where recommendations come from."""


class Payments:
    """Takes money: 25 ms as a rule; one call of twenty hangs for seconds."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)

    async def charge(self, amount: int, method: str) -> str:
        """Charge the amount in cents; a receipt number."""
        seconds = self._chance.lognormvariate(-3.7, 0.35)
        if self._chance.random() < 1 / 20:
            seconds = 2.0 + self._chance.random()
        await asyncio.sleep(seconds)
        if method == "card" and self._chance.random() < 0.04:
            raise CardDeclined(f"{amount / 100:.2f} refused")
        return f"r-{self._chance.randrange(16**8):08x}"


class Ranker:
    """Knows what people like. `failing` is the share of calls that find nobody there."""

    def __init__(self, seed: int = 2, failing: float = 0.03) -> None:
        self.failing = failing
        self._chance = random.Random(seed)

    async def best(self, count: int, products: int) -> list[str]:
        """So many products that sell well."""
        await asyncio.sleep(0.004 + 0.008 * self._chance.random())
        if self._chance.random() < self.failing:
            await asyncio.sleep(0.06)
            raise RankerDown("ranker.internal:8443: connection refused")
        return [f"sku-{self._chance.randrange(products):03}" for _ in range(count)]
