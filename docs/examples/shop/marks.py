"""What a figure is, its colours, and the marks that draw it in a terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

ROLES = {"good": "#2f9e6e", "bad": "#e5484d", "warn": "#e08a1e", "muted": "#8b93a1", "main": "#3d7dd8"}
"""Colours with a meaning, readable on light and on dark; series without one take the report's palette in turn."""

_SPARKS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


@dataclass(frozen=True)
class Figure:
    """One figure: what the terminal prints (None: nothing), and a Vega-Lite chart or a piece of HTML for the report."""

    title: str
    note: str = ""
    terminal: RenderableType | None = None
    chart: Mapping[str, Any] | None = None
    html: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Track:
    """A bar from one share of the width to another, as wide as its column."""

    start: float
    end: float
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, _WIDTH)
        before = min(width - 1, int(width * self.start))
        length = max(1, min(width - before, round(width * (self.end - self.start))))
        yield Text(" " * before + "━" * length, style=self.style, no_wrap=True)


@dataclass(frozen=True)
class Sparks:
    """A line of blocks, as wide as its column: a few points share a block, the highest shows."""

    shares: list[float]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, _WIDTH)
        step = -(-len(self.shares) // width)
        peaks = [max(self.shares[n : n + step]) for n in range(0, len(self.shares), step)]
        blocks = [_SPARKS[min(7, int(8 * peak))] * max(1, width // len(peaks)) for peak in peaks]
        yield Text("".join(blocks), style=ROLES["main"], no_wrap=True)


def columns(*sides: str) -> Table:
    """A table without lines: columns at the left, at the right, or as wide as there is room."""
    grid = Table.grid(padding=(0, 2), expand="wide" in sides)
    for side in sides:
        grid.add_column(justify="right" if side == "right" else "left", ratio=1 if side == "wide" else None)
    return grid
