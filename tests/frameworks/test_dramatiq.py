"""dramatiq names an actor after its function, and asks whether it is a coroutine function."""

# ruff: noqa: E402 - imported where it is there

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("dramatiq", reason="needs dramatiq from PyPI")
import dramatiq
from dramatiq.brokers.stub import StubBroker

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


class TestDramatiq:
    """dramatiq names an actor after its function, and asks whether it is a coroutine function."""

    @pytest.fixture
    def broker(self) -> Iterator[StubBroker]:
        broker = StubBroker()
        broker.emit_after("process_boot")
        yield broker
        broker.flush_all()
        broker.close()

    def test_running(self, telemetry: Telemetry, captured: Captured, broker: StubBroker) -> None:
        """WRP 6: a sent message runs the actor with its arguments."""
        ran: list[Any] = []

        @dramatiq.actor(broker=broker)
        @telemetry.operation("place")
        def place(order: int, *, rush: bool = False) -> None:
            ran.append((order, rush))

        place.send(7, rush=True)
        worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=1)
        worker.start()
        try:
            broker.join(place.queue_name, timeout=20_000)
            worker.join()
        finally:
            worker.stop()

        assert (ran, captured.span().name) == ([(7, True)], "place")

    def test_names(self, telemetry: Telemetry, broker: StubBroker) -> None:
        """WRP 6: the actor has the bare function's name."""

        def place(order: int) -> None: ...

        assert dramatiq.actor(telemetry.operation(place), broker=broker).actor_name == "place"

    def test_asynchronous_actors(self, telemetry: Telemetry, broker: StubBroker) -> None:
        """WRP 6: a decorated coroutine function is seen as one, and wrapped for dramatiq's event loop as the bare one."""

        async def place(order: int) -> None: ...

        bare = dramatiq.actor(place, broker=broker, actor_name="bare")
        decorated = dramatiq.actor(telemetry.operation(place), broker=broker, actor_name="decorated")
        assert asyncio.iscoroutinefunction(decorated.fn) == asyncio.iscoroutinefunction(bare.fn)
        assert type(decorated.fn) is type(bare.fn)
