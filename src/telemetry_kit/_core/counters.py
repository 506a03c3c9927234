"""Sums by key that many threads add to, exactly, without a lock."""

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from telemetry_kit._core import cells
from telemetry_kit._core.cells import PerThread

K = TypeVar("K", bound=Hashable)


class Tally(PerThread, Generic[K]):
    """Sums by key.

    >>> tally: Tally[str] = Tally()
    >>> tally.add("hit")
    >>> tally.add("hit", 2)
    >>> tally.read()
    {'hit': 3}
    """

    __slots__ = ()

    def _make(self) -> dict[K, float]:
        return {}

    def _fold(self, into: Any, cell: Any) -> None:
        for key, number in cell.items():
            into[key] = into.get(key, 0) + number

    def add(self, key: K, number: float = 1) -> None:
        """Add `number`, which may be negative, to what `key` has."""
        try:
            cell = self.local.cell
        except AttributeError:
            cell = self.new()
        try:
            cell[key] += number
        except KeyError:
            cell.setdefault(key, 0)
            cell[key] += number

    def of(self, key: K) -> float:
        """The sum of one key."""
        if not self._cells:
            return 0.0
        with cells.exclusive:
            return sum(float(cell.get(key, 0)) for cell in self.cells())

    def read(self) -> dict[K, float]:
        """The sums of now. Additions made while it reads are in it or not."""
        total: dict[K, float] = {}
        with cells.exclusive:
            for cell in self.cells():
                for key, number in list(cell.items()):
                    total[key] = total.get(key, 0) + number
        return total


class Baseline:
    """What is new in sums that somebody else keeps, and may set back to zero all at once (`cache_clear()`).

    >>> new = Baseline()
    >>> [new(hits, misses) for hits, misses in ((3, 1), (5, 1), (1, 0))]
    [(3, 1), (2, 0), (1, 0)]
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[float, ...] | None = ()

    def __call__(self, *sums: float) -> tuple[float, ...]:
        """What has been added since last time. A sum that went down tells that all began anew."""
        last, self._last = self._last, sums
        if last is None:
            return (0,) * len(sums)
        if not last or any(now < was for now, was in zip(sums, last, strict=True)):
            return sums
        return tuple(now - was for now, was in zip(sums, last, strict=True))

    def forget(self) -> None:
        """What the next sums are is somebody else's, as in a forked child: they are where this begins."""
        self._last = None
