"""What one call of an operation has made its own: what is current for it, and its place among those that run."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from telemetry_kit._core import cells
from telemetry_kit._core.context import CURRENT_CALL, Current


class Entered(Current):
    """What a measurement has made its own: what is current, and its place among those that run."""

    __slots__ = ("cell", "running")

    def __init__(self, running: cells.Running, mine: Any) -> None:
        self.context = None
        self.variable: ContextVar[Any] | None = CURRENT_CALL
        self.mine = mine
        self.before = self.attached = self.token = None
        self.running = running
        self.cell: list[Any] | None = None

    def count_in(self) -> None:
        """It runs."""
        try:
            cell = self.running.local.cell
        except AttributeError:
            cell = self.running.new()
        self.cell, cell[0] = cell, cell[0] + 1

    def count_out(self) -> None:
        """It runs no longer."""
        cell = self.cell
        if cell is None:
            return
        if cells.GIL:
            cell[0], self.cell = cell[0] - 1, None  # in one: what interrupts it comes before or after
        else:
            self.cell = None
            self.running.leave(cell)

    def drop(self) -> None:
        super().drop()
        self.count_out()
