"""One pool that a program holds by several objects is one pool: a client made per request, a session, an engine's options."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


@contextmanager
def of_sqlalchemy(folder: Path) -> Iterator[list[Any]]:
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="needs the package sqlalchemy")
    from sqlalchemy.pool import QueuePool

    engine = sqlalchemy.create_engine(f"sqlite:///{folder}/a.db", poolclass=QueuePool, pool_size=5, max_overflow=2)
    yield [engine, engine.pool, engine.execution_options(isolation_level="AUTOCOMMIT")]
    engine.dispose()


@contextmanager
def of_async_sqlalchemy(folder: Path) -> Iterator[list[Any]]:
    pytest.importorskip("aiosqlite", reason="needs the package aiosqlite")
    asyncio = pytest.importorskip("sqlalchemy.ext.asyncio", reason="needs the package sqlalchemy[asyncio]")
    engine = asyncio.create_async_engine(f"sqlite+aiosqlite:///{folder}/a.db", pool_size=5, max_overflow=2)
    yield [engine, engine.sync_engine, engine.pool, engine.execution_options(isolation_level="AUTOCOMMIT")]


@contextmanager
def of_redis(_: Path) -> Iterator[list[Any]]:
    redis = pytest.importorskip("redis", reason="needs the package redis")
    pool = redis.ConnectionPool(max_connections=7)
    yield [pool, redis.Redis(connection_pool=pool), redis.Redis(connection_pool=pool)]


@contextmanager
def of_requests(_: Path) -> Iterator[list[Any]]:
    adapters = pytest.importorskip("requests.adapters", reason="needs the package requests")
    adapter = adapters.HTTPAdapter(pool_block=True, pool_maxsize=7)
    adapter.poolmanager.connection_from_url("http://127.0.0.1:1/")
    yield [adapter, adapter.poolmanager]


@pytest.mark.parametrize("faces_of", [of_sqlalchemy, of_async_sqlalchemy, of_redis, of_requests])
def test_one_pool_counts_once(
    captured: Captured, telemetry: Telemetry, tmp_path: Path, faces_of: Callable[[Path], Any]
) -> None:
    """PRC 8: under one name; whichever of its handles ends, the others tell of it."""
    with faces_of(tmp_path) as faces:
        handles = [telemetry.observe_pool(face, name="shared") for face in faces]
        for handle in handles:
            assert captured.value("pool.limit") == 7
            handle.stop()
        assert captured.value("pool.limit") == 0


@pytest.mark.asyncio
async def test_sessions_of_one_connector_are_one_pool(captured: Captured, telemetry: Telemetry) -> None:
    """PRC 8: aiohttp's sessions may share one, and a closed session has none any more."""
    aiohttp = pytest.importorskip("aiohttp", reason="needs the package aiohttp")
    connector = aiohttp.TCPConnector(limit=7)
    sessions = [aiohttp.ClientSession(connector=connector, connector_owner=False) for _ in range(2)]
    for face in (*sessions, connector):
        telemetry.observe_pool(face, name="shared")
    for session in sessions:
        assert captured.value("pool.limit") == 7
        await session.close()
    assert captured.value("pool.limit") == 7
    await connector.close()


def test_times_of_one_engine_are_recorded_once(captured: Captured, telemetry: Telemetry, tmp_path: Path) -> None:
    """PRC 8: by its pool, its options and itself, until the last handle ends."""
    with of_sqlalchemy(tmp_path) as faces:
        handles = [telemetry.observe_pool(face, name="shared", record_times=True) for face in faces]
        for number, handle in enumerate(handles, 1):
            faces[0].connect().close()
            faces[-1].connect().close()
            assert (captured.value("pool.use_time"), captured.value("pool.wait_time")) == (2 * number, 2 * number)
            handle.stop()
        faces[0].connect().close()
        assert captured.value("pool.use_time") == 6
