"""What the executor tests ask of what was recorded, and a task that waits until it is told."""

import threading
from collections.abc import Callable
from typing import Any

from telemetry_kit.testing import Captured
from tests.support import Sdk

Recorded = Captured | Sdk

OUTCOMES = ("succeeded", "failed", "cancelled", "rejected", "lost")
PATIENCE = 30
"""Seconds that a test waits for what must come at once."""


def outcomes(recorded: Recorded, name: str = "resize") -> dict[str, int]:
    """How many tasks had which outcome, those that no task had left out."""
    points = recorded.points("executor.tasks", {"executor.name": name})
    return {str(point.attributes["executor.task.outcome"]): point.value for point in points if point.value}


def active(recorded: Recorded, name: str = "resize") -> float:
    return recorded.value("executor.worker.count", {"executor.name": name, "executor.worker.state": "active"})


def idle(recorded: Recorded, name: str = "resize") -> float:
    return recorded.value("executor.worker.count", {"executor.name": name, "executor.worker.state": "idle"})


def queued(recorded: Recorded, name: str = "resize") -> float:
    return recorded.value("executor.queue.size", {"executor.name": name})


def submitted(recorded: Recorded, name: str = "resize") -> float:
    """All tasks that there have been, wherever they are now."""
    return sum(outcomes(recorded, name).values()) + active(recorded, name) + queued(recorded, name)


class Gate:
    """A task that says when it has started, and goes on when it is let."""

    def __init__(self, then: Callable[[], Any] = lambda: None) -> None:
        self.started = threading.Event()
        self.opened = threading.Event()
        self.then = then

    def __call__(self) -> Any:
        self.started.set()
        assert self.opened.wait(PATIENCE), "nobody opened the gate"
        return self.then()

    def until_started(self) -> "Gate":
        assert self.started.wait(PATIENCE), "no worker took the task"
        return self


def fail(exc: BaseException) -> Any:
    raise exc
