"""Pools keep the objects of connections that were closed, to open them anew: none of these is an idle connection."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit._use.pool_adapters import reader_of
from tests.integrations.servers import redis_server

pytestmark = pytest.mark.integration


def levels(pool: object) -> tuple[int | None, int | None]:
    """How many are used, and how many idle."""
    read = reader_of(pool)
    assert read is not None
    stats = read(pool, None)
    return stats.used, stats.idle


class Once(http.server.BaseHTTPRequestHandler):
    """Answers, and hangs up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Once) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class TestSQLAlchemy:
    """Engines, sync and async."""

    def test_sqlalchemys_invalid_ones(self, tmp_path: Path) -> None:
        """Those of a database that went away, given back."""
        sqlalchemy = pytest.importorskip("sqlalchemy", reason="needs the package sqlalchemy")
        from sqlalchemy.pool import QueuePool

        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/a.db", poolclass=QueuePool)
        well, ill = engine.connect(), engine.connect()
        ill.invalidate()
        ill.close()
        assert levels(engine) == (1, 0)
        well.close()
        assert levels(engine) == (0, 1)
        engine.dispose()

    @pytest.mark.asyncio
    async def test_async_sqlalchemys_invalid_ones(self, tmp_path: Path) -> None:
        """Their queue stands in another one."""
        pytest.importorskip("aiosqlite", reason="needs the package aiosqlite")
        asyncio = pytest.importorskip("sqlalchemy.ext.asyncio", reason="needs the package sqlalchemy[asyncio]")
        from sqlalchemy.pool import AsyncAdaptedQueuePool

        engine = asyncio.create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/a.db", poolclass=AsyncAdaptedQueuePool)
        async with engine.connect(), engine.connect() as ill:
            await ill.invalidate()
        assert levels(engine) == (0, 1)
        await engine.dispose()


class TestRedis:
    """Clients, sync and async."""

    @pytest.mark.parametrize("kind", ["ConnectionPool", "BlockingConnectionPool"])
    def test_rediss_disconnected_ones(self, kind: str) -> None:
        """After `disconnect()`, and where the server is gone."""
        redis = pytest.importorskip("redis", reason="needs the package redis")
        with redis_server() as port:
            client = redis.Redis(connection_pool=getattr(redis, kind)(host="127.0.0.1", port=port, retry=None))
            client.ping()
            assert levels(client) == (0, 1)
            client.connection_pool.disconnect()
            assert levels(client) == (0, 0)
            client.ping()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert levels(client) == (0, 0)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("kind", ["ConnectionPool", "BlockingConnectionPool"])
    async def test_async_rediss_disconnected_ones(self, kind: str) -> None:
        """Likewise, in asyncio."""
        redis = pytest.importorskip("redis.asyncio", reason="needs the package redis")
        with redis_server() as port:
            client = redis.Redis(connection_pool=getattr(redis, kind)(host="127.0.0.1", port=port))
            await client.ping()
            assert levels(client) == (0, 1)
            await client.connection_pool.disconnect()
            assert levels(client) == (0, 0)


class TestUrllib3:
    """Pools of one host."""

    @pytest.mark.parametrize("block", [True, False])
    def test_urllib3s_after_a_server_hung_up(self, port: int, block: bool) -> None:
        """The connection's object goes back to the pool without a socket."""
        urllib3 = pytest.importorskip("urllib3", reason="needs the package urllib3")
        with urllib3.HTTPConnectionPool("127.0.0.1", port, block=block) as pool:
            pool.request("GET", "/")
            assert levels(pool) == (0 if block else None, 0)


class TestAiohttp:
    """Connectors."""

    @pytest.mark.asyncio
    async def test_aiohttps_after_a_server_is_gone(self) -> None:
        """What was kept alive is noticed to be closed, and stays in the connector."""
        import asyncio

        aiohttp = pytest.importorskip("aiohttp", reason="needs the package aiohttp")
        connections: list[asyncio.StreamWriter] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as response:
                await response.read()
            assert levels(session) == (0, 1)
            connections[0].close()
            for _ in range(1_000):
                if levels(session) != (0, 1):
                    break
                await asyncio.sleep(0)
            assert levels(session) == (0, 0)
        server.close()
        await server.wait_closed()
