"""Blocks that were entered and never left, of which no span tells: of a pool, a cache, an operation or job without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetry_kit._core import reentrancy
from telemetry_kit.testing import callsite

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetry_kit.testing.callsite import CallSite

_LOOKED_THROUGH_FROM = 1_000
"""Blocks from which on those that were left are forgotten, now and then."""


class OpenBlock:
    """One block: what it is, the line that entered it, and whether it went without having been left. It is what
    `reentrancy` does then; the watch itself belongs to nobody but the block."""

    __slots__ = ("_drop", "gone", "name", "site")

    def __init__(self, name: str, site: CallSite, drop: Callable[[], None]) -> None:
        self._drop = drop
        self.gone: bool = False
        self.name: str = name
        self.site: CallSite = site

    def __call__(self) -> None:
        self.gone = True
        self._drop()


class OpenBlocks:
    """Those of a capture."""

    def __init__(self) -> None:
        self._entered: list[OpenBlock] = []
        self._limit = _LOOKED_THROUGH_FROM

    def watch(self, handle: object, drop: Callable[[], None]) -> reentrancy.Watch:
        """What `reentrancy.watch_block` is while the capture is the newest."""
        site = callsite.of_own_caller()
        if site is None:
            return reentrancy.watch(handle, drop)
        if len(self._entered) >= self._limit:
            self._limit = max(_LOOKED_THROUGH_FROM, 2 * len(self.still_open()))
        block = OpenBlock(str(handle), site, drop)
        watched = reentrancy.watch(handle, block)
        self._entered.append(block)
        return watched

    def still_open(self) -> list[OpenBlock]:
        """In the order in which they were entered: those that nobody has left, or can."""
        to_drop = set(map(id, reentrancy.to_drop()))
        self._entered = [block for block in self._entered if block.gone or id(block) in to_drop]
        return list(self._entered)
