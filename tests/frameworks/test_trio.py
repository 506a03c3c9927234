"""trio cancels by an exception of its own."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("trio", reason="needs trio from PyPI")
import trio

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


def test_cancellation_is_cancelled(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 1."""

    @telemetry.operation("sleep")
    async def sleep() -> None:
        await trio.sleep_forever()

    async def main() -> None:
        with trio.move_on_after(0.01):
            await sleep()

    trio.run(main)

    assert captured.point("operation.duration").attributes["error.type"] == "cancelled"


def test_an_error_of_a_sibling_cancels(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 1: in a nursery the one that failed has its error, the others are cancelled, and the group has the error's type."""

    @telemetry.operation("sleep")
    async def sleep() -> None:
        await trio.sleep_forever()

    @telemetry.operation("fail")
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise KeyError("no")

    @telemetry.operation("all")
    async def everything() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleep)
            nursery.start_soon(fail)

    with pytest.raises(BaseException, match="KeyError|nursery|sub-exception"):
        trio.run(everything, strict_exception_groups=True)

    errors = {p.attributes["operation.name"]: p.attributes["error.type"] for p in captured.points("operation.duration")}
    assert errors == {"sleep": "cancelled", "fail": "KeyError", "all": "KeyError"}


def test_async_generators(telemetry: Telemetry, captured: Captured) -> None:
    """GEN 3: an async generator is driven in trio's own loop, to its end."""

    @telemetry.operation("rows")
    async def rows():
        for number in range(3):
            await trio.lowlevel.checkpoint()
            yield number

    async def main() -> list[int]:
        return [number async for number in rows()]

    assert trio.run(main) == [0, 1, 2]
    assert captured.point("operation.duration").count == 1
