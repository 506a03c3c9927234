"""The clients and pipelines of `redis.asyncio` can be awaited, and are handed on."""

# ruff: noqa: E402 - imported where it is there

import asyncio

import pytest

pytest.importorskip("redis", reason="needs redis from PyPI")
import redis.asyncio

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


def test_a_client_is_handed_on(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 8: what a function returns is the client itself, which a program keeps for its life: the call was the making."""
    made = redis.asyncio.Redis(port=1)

    async def main() -> None:
        assert telemetry.operation("client")(lambda: made)() is made
        pipeline = made.pipeline()
        assert telemetry.operation("client")(lambda: pipeline)() is pipeline
        await made.aclose() if hasattr(made, "aclose") else await made.close()

    asyncio.run(main())

    assert captured.point("operation.duration").count == 2


def test_commands_are_followed(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 4: a command is a coroutine, measured until its error, also where a plain function returned it."""

    async def main() -> None:
        client = redis.asyncio.Redis(port=1)
        with pytest.raises(redis.exceptions.ConnectionError):
            await telemetry.operation("get")(lambda: client.get("key"))()
        await client.aclose() if hasattr(client, "aclose") else await client.close()

    asyncio.run(main())

    assert captured.point("operation.duration").attributes["error.type"] == "redis.exceptions.ConnectionError"
