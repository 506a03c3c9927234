"""What the executor tests ask of an SDK, and a task that waits until it is told."""

import threading
from collections.abc import Callable
from typing import Any

from tests.support import Sdk

OUTCOMES = ("succeeded", "failed", "cancelled", "rejected", "lost")
PATIENCE = 30
"""Seconds that a test waits for what must come at once."""


def outcomes(sdk: Sdk, name: str = "resize") -> dict[str, int]:
    """How many tasks had which outcome, those that no task had left out."""
    points = sdk.points("executor.tasks", executor__name=name)
    return {str(point.attributes["executor.task.outcome"]): point.value for point in points if point.value}


def active(sdk: Sdk, name: str = "resize") -> float:
    return sdk.value("executor.worker.count", executor__name=name, executor__worker__state="active")


def idle(sdk: Sdk, name: str = "resize") -> float:
    return sdk.value("executor.worker.count", executor__name=name, executor__worker__state="idle")


def queued(sdk: Sdk, name: str = "resize") -> float:
    return sdk.value("executor.queue.size", executor__name=name)


def submitted(sdk: Sdk, name: str = "resize") -> float:
    """All tasks that there have been, wherever they are now."""
    return sum(outcomes(sdk, name).values()) + active(sdk, name) + queued(sdk, name)


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
