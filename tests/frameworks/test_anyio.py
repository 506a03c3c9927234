"""anyio cancels by an exception of its backend, and runs functions in threads."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("anyio", reason="needs anyio from PyPI")
import anyio
import anyio.to_thread
from opentelemetry.trace import StatusCode

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, span

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancellation_is_cancelled(telemetry: Telemetry, captured: Captured, backend: str) -> None:
    """ASY 1: on both backends, alone and in a group."""
    if backend == "trio":
        pytest.importorskip("trio", reason="needs trio from PyPI")

    @telemetry.operation("sleep")
    async def sleep() -> None:
        await anyio.sleep_forever()

    @telemetry.operation("group")
    async def group() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleep)
            await anyio.sleep_forever()

    async def main() -> None:
        with anyio.move_on_after(0.01):
            await group()

    anyio.run(main, backend=backend)

    assert captured.value("operation.duration", {"error.type": "cancelled"}) == 2
    assert captured.spans == [span("group", status=StatusCode.UNSET), span("sleep", status=StatusCode.UNSET)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_timeout_is_an_error(telemetry: Telemetry, captured: Captured, backend: str) -> None:
    """ASY 1: `fail_after` cancels what is inside and raises a TimeoutError outside of it."""
    if backend == "trio":
        pytest.importorskip("trio", reason="needs trio from PyPI")

    @telemetry.operation("outside")
    async def outside() -> None:
        with anyio.fail_after(0.01):
            await telemetry.operation("inside")(anyio.sleep_forever)()

    with pytest.raises(TimeoutError):
        anyio.run(outside, backend=backend)

    errors = {p.attributes["operation.name"]: p.attributes["error.type"] for p in captured.points("operation.duration")}
    assert errors == {"inside": "cancelled", "outside": "TimeoutError"}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_calls_in_threads(telemetry: Telemetry, captured: Captured, backend: str) -> None:
    """ASY 9: `to_thread.run_sync` carries the context: what it runs is below who called."""
    if backend == "trio":
        pytest.importorskip("trio", reason="needs trio from PyPI")

    @telemetry.operation("inside")
    def inside() -> int:
        return 7

    @telemetry.operation("outside")
    async def outside() -> int:
        return await anyio.to_thread.run_sync(inside)

    assert anyio.run(outside, backend=backend) == 7
    assert captured.spans == [span("outside"), span("inside", parent="outside")]
