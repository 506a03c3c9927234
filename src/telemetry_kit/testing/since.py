"""What a capture asks the observed instruments: what was counted since it began."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from telemetry_kit._core import cells
from telemetry_kit._core.observed import Account, Reading, Series, SinceThen, accounts
from telemetry_kit.testing.helpers import helper_of_series

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from telemetry_kit._core.counters import Tally

    K = TypeVar("K", bound=Hashable)
    Copies = list[tuple[dict[K, float], dict[K, float]]]
    """Cells, each with what was in it."""


class Asking(SinceThen):
    """What callbacks are given while a capture reads."""

    def __init__(self, active: set[frozenset[Any]]) -> None:
        super().__init__()
        self.helper_of: Callable[[Series], frozenset[Any]] = helper_of_series
        self.active = active
        self.beginning: bool = False
        """Whether what is told now is where it begins."""
        self._then = {id(account): (account, copies(account)) for account in list(accounts)}
        self._first: weakref.WeakKeyDictionary[object, dict[Series, int | float]] = weakref.WeakKeyDictionary()

    def new(self, source: object, counted: Iterable[tuple[Series, int | float]]) -> Reading:
        sums: dict[Series, int | float] = {}
        for of, number in counted:
            sums[of] = sums.get(of, 0) + number
        if self.beginning:
            self._first[source] = sums
            return ()
        first, active, helper_of = self._first.get(source, {}), self.active, self.helper_of
        return [
            (of, number - first.get(of, 0))
            for of, number in sums.items()
            if number != first.get(of) or (of.declared and (of.helper or helper_of(of)) in active)
        ]

    def counted(self, account: Account) -> dict[Series, float]:
        _, then = self._then.get(id(account), (account, []))
        active, helper_of = self.active, self.helper_of
        declared = [of for of in list(account.declared) if (of.helper or helper_of(of)) in active]
        return {**dict.fromkeys(declared, 0), **since(account, then)}


def copies(tally: Tally[K]) -> Copies[K]:
    """The cells of now and what is in them, for `since`."""
    with cells.exclusive:
        return [(cell, dict(cell)) for cell in tally.cells()]


def since(tally: Tally[K], copies: Copies[K]) -> dict[K, float]:
    """What was added to each sum since these copies were made: cells in which nothing was aren't gone through.

    >>> from telemetry_kit._core.counters import Tally
    >>> tally: Tally[str] = Tally()
    >>> tally.add("hit", 3)
    >>> before = copies(tally)
    >>> tally.add("miss")
    >>> since(tally, before)
    {'miss': 1}
    """
    before = {id(cell): copy for cell, copy in copies}
    new: dict[K, float] = {}
    with cells.exclusive:
        for cell in tally.cells():
            was = before.pop(id(cell), {})
            if cell == was:
                continue
            for key, number in list(cell.items()):
                if key not in was or was[key] != number:
                    new[key] = new.get(key, 0) + number - was.get(key, 0)
    for ended in before.values():  # folded into another since
        for key, number in ended.items():
            new[key] = new.get(key, 0) - number
    return {key: number for key, number in new.items() if number or not any(key in was for _, was in copies)}
