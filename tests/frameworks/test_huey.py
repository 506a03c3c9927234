"""huey names a task after its function."""

# ruff: noqa: E402 - imported where it is there

from typing import Any

import pytest

pytest.importorskip("huey", reason="needs huey from PyPI")
import huey

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


class TestHuey:
    """huey names a task after its function."""

    @pytest.fixture
    def queue(self) -> huey.MemoryHuey:
        return huey.MemoryHuey("shop", immediate=False)

    def test_running(self, telemetry: Telemetry, captured: Captured, queue: huey.MemoryHuey) -> None:
        """WRP 6: an enqueued task runs with its arguments and gives its result."""

        @queue.task()
        @telemetry.operation("add")
        def add(left: int, right: int = 0) -> int:
            return left + right

        result = add(1, right=2)
        queue.execute(queue.dequeue())

        assert (result.get(), captured.span().name) == (3, "add")

    def test_names(self, telemetry: Telemetry, queue: huey.MemoryHuey) -> None:
        """WRP 6: the registered task has the bare function's name."""

        def price() -> None: ...

        assert queue.task()(telemetry.operation(price)).task_class.__name__ == "price"

    def test_context(self, telemetry: Telemetry, queue: huey.MemoryHuey) -> None:
        """WRP 6: a task that asks for it is given itself."""

        @queue.task(context=True)
        @telemetry.operation
        def name(task: Any = None) -> str:
            return task.name

        result = name()
        queue.execute(queue.dequeue())

        assert result.get() == "name"
