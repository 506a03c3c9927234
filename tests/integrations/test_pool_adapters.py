"""Every adapter against the real thing: what is taken, the limit, who waits, and what a library may one day rename.

The same module runs with the newest and the oldest supported versions of the libraries (`test_oldest_pools.py`), so
that a private attribute that goes, or was never there, is noticed.
"""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit import PoolStats, Telemetry
from telemetry_kit._core import faults
from telemetry_kit._use.pool_adapters import reader_of
from telemetry_kit.conventions import DB_CONNECTIONS
from telemetry_kit.testing import Captured
from tests.integrations.servers import free_port, postgresql, redis_server
from tests.support import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("postgresql")) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def redis_port() -> Iterator[int]:
    with redis_server() as port:
        yield port


@pytest.fixture(autouse=True)
def no_faults() -> Iterator[None]:
    """No adapter fails, not even in a part of what it reads."""
    before = dict(faults.counts())
    yield
    assert faults.counts() == before


def now(pool: object) -> PoolStats:
    """What the adapter says of a pool."""
    read = reader_of(pool)
    assert read is not None
    return read(pool, None)


async def until_async(holds: Callable[[], bool]) -> None:
    """Wait for what another task is about to do."""
    for _ in range(1_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    assert holds()


class TestSQLAlchemy:
    """Engines, sync and async, and their pools."""

    @pytest.fixture
    def engine(self, tmp_path: Path) -> Iterator[Any]:
        sqlalchemy = pytest.importorskip("sqlalchemy", reason="needs the package sqlalchemy")
        from sqlalchemy.pool import QueuePool

        engine = sqlalchemy.create_engine(
            f"sqlite:///{tmp_path}/shop.db",
            poolclass=QueuePool,
            pool_size=2,
            max_overflow=1,
            connect_args={"check_same_thread": False},
        )
        yield engine
        engine.dispose()

    def test_an_engine(self, captured: Captured, telemetry: Telemetry, engine: Any) -> None:
        """Connections that are checked out, up to size and overflow; idle ones are kept."""
        telemetry.observe_pool(engine, name="orders-db")
        assert now(engine) == PoolStats(used=0, limit=3, idle=0, idle_max=2)
        first, second = engine.connect(), engine.connect()
        assert (captured.value("pool.usage"), captured.value("pool.limit")) == (2, 3)
        first.close()
        assert now(engine) == PoolStats(used=1, limit=3, idle=1, idle_max=2)
        second.close()
        assert captured.value("pool.usage") == 0

    def test_who_waits_for_a_connection(self, engine: Any) -> None:
        """Threads in `connect()` of an exhausted pool are pending."""
        taken = [engine.connect() for _ in range(3)]
        got: list[Any] = []
        threads = [threading.Thread(target=lambda: got.append(engine.connect())) for _ in range(2)]
        for thread in threads:
            thread.start()
        until(lambda: now(engine).pending == 2)
        assert now(engine).used == 3
        for connection in taken:
            connection.close()
        for thread in threads:
            thread.join()
        assert (now(engine).pending, now(engine).used) == (0, 2)
        for connection in got:
            connection.close()

    def test_a_disposed_engine_is_followed(self, captured: Captured, telemetry: Telemetry, engine: Any) -> None:
        """`dispose()` makes a new pool: its connections are the ones that count."""
        telemetry.observe_pool(engine, name="orders-db")
        before, old = engine.connect(), engine.pool
        assert captured.value("pool.usage") == 1
        engine.dispose()
        assert captured.value("pool.usage") == 0
        with engine.connect():
            assert captured.value("pool.usage") == 1
        before.close()
        old.dispose()

    def test_a_pool_without_an_overflow_limit(self, tmp_path: Path) -> None:
        """`max_overflow=-1` is no limit."""
        sqlalchemy = pytest.importorskip("sqlalchemy")
        from sqlalchemy.pool import QueuePool

        engine = sqlalchemy.create_engine(
            f"sqlite:///{tmp_path}/a.db", poolclass=QueuePool, pool_size=2, max_overflow=-1
        )
        assert now(engine.pool) == PoolStats(used=0, limit=None, idle=0, idle_max=2)
        engine.dispose()

    @pytest.mark.parametrize("kind", ["NullPool", "StaticPool", "SingletonThreadPool", "AssertionPool", "QueuePool"])
    def test_any_pool_by_configuration(
        self, captured: Captured, telemetry: Telemetry, tmp_path: Path, kind: str
    ) -> None:
        """A switch that takes another pool doesn't end the start of a service; what nobody counts is absent."""
        sqlalchemy = pytest.importorskip("sqlalchemy")
        pools = pytest.importorskip("sqlalchemy.pool")
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/a.db", poolclass=getattr(pools, kind))
        telemetry.observe_pool(engine, name="orders-db")

        with engine.connect():
            usage = [point.value for point in captured.points("pool.usage")]
        assert usage == ([1] if kind in ("AssertionPool", "QueuePool") else [])
        assert captured.value("pool.pending") == 0
        engine.dispose()

    def test_nothing_is_below_zero_after_dispose(self, captured: Captured, telemetry: Telemetry, engine: Any) -> None:
        """A pool that was disposed of while connections were out counts them as they come back."""
        telemetry.observe_pool(engine.pool, name="orders-db")
        connection = engine.connect()
        engine.pool.dispose()
        assert all(point.value >= 0 for point in captured.points("pool.usage"))
        connection.close()
        assert all(point.value >= 0 for point in captured.points("pool.usage"))

    def test_an_invalidated_connection_is_given_back(
        self, captured: Captured, telemetry: Telemetry, engine: Any
    ) -> None:
        """And taken again with the next statement."""
        telemetry.observe_pool(engine, name="orders-db")
        connection = engine.connect()
        connection.invalidate()
        assert captured.value("pool.usage") == 0
        with connection.begin():
            assert captured.value("pool.usage") == 1
        connection.close()
        assert captured.value("pool.usage") == 0

    def test_times(self, captured: Captured, telemetry: Telemetry, engine: Any) -> None:
        """Waits and uses, once however often it is observed, across `dispose()`, until the last handle is stopped."""
        handles = [telemetry.observe_pool(engine, name="orders-db", record_times=True) for _ in range(2)]
        with engine.connect():
            pass
        assert (captured.value("pool.wait_time"), captured.value("pool.use_time")) == (1, 1)
        engine.dispose()
        with engine.connect() as connection:
            connection.invalidate()
        assert (captured.value("pool.wait_time"), captured.value("pool.use_time")) == (2, 2)
        handles[0].stop()
        with engine.connect():
            pass
        assert (captured.value("pool.wait_time"), captured.value("pool.use_time")) == (3, 3)
        handles[1].stop()
        with engine.connect():
            pass
        assert (captured.value("pool.wait_time"), captured.value("pool.use_time")) == (3, 3)

    def test_times_under_two_names(self, captured: Captured, telemetry: Telemetry, engine: Any) -> None:
        """Each has all of them, and goes on when the other is stopped."""
        first = telemetry.observe_pool(engine, name="orders-db", record_times=True)
        telemetry.observe_pool(engine, name="orders-db", convention=DB_CONNECTIONS, record_times=True)
        engine.connect().close()
        first.stop()
        engine.connect().close()

        assert [captured.point(f"pool.{time}_time").count for time in ("wait", "use")] == [1, 1]
        assert [captured.point(f"db.client.connection.{time}_time").count for time in ("wait", "use")] == [2, 2]

    def test_a_timeout_has_a_time(self, captured: Captured, telemetry: Telemetry, tmp_path: Path) -> None:
        """A request that gave up waited, and is a timeout of the pool."""
        sqlalchemy = pytest.importorskip("sqlalchemy")
        from sqlalchemy.pool import QueuePool

        engine = sqlalchemy.create_engine(
            f"sqlite:///{tmp_path}/a.db", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01
        )
        telemetry.observe_pool(engine, name="orders-db", record_times=True)
        with engine.connect(), pytest.raises(sqlalchemy.exc.TimeoutError):
            engine.connect()
        assert captured.value("pool.wait_time", {"error.type": "timeout"}) == 1
        assert captured.value("pool.errors", {"error.type": "timeout"}) == 1
        engine.dispose()

    def test_a_collected_engines_series_end(self, captured: Captured, telemetry: Telemetry, tmp_path: Path) -> None:
        """It is held weakly."""
        sqlalchemy = pytest.importorskip("sqlalchemy")
        from sqlalchemy.pool import QueuePool

        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/a.db", poolclass=QueuePool)
        telemetry.observe_pool(engine, name="orders-db")
        assert captured.value("pool.limit") == 15
        del engine
        gc.collect()
        assert captured.points("pool.limit") == []

    def test_the_conventions_names(self, captured: Captured, telemetry: Telemetry, engine: Any) -> None:
        """`convention=DB_CONNECTIONS`."""
        telemetry.observe_pool(engine, name="orders-db", convention=DB_CONNECTIONS)
        with engine.connect():
            pass
        with engine.connect():
            prefix = "db.client.connection."
            state = prefix + "state"
            counts = {point.attributes[state]: point.value for point in captured.points(prefix + "count")}
            assert counts == {"used": 1, "idle": 0}
            assert captured.value(prefix + "max") == 3
            assert captured.value(prefix + "idle.max") == 2

    @pytest.mark.asyncio
    async def test_an_async_engine(self, captured: Captured, telemetry: Telemetry, tmp_path: Path) -> None:
        """With tasks that wait, and disposed of while it is observed."""
        pytest.importorskip("aiosqlite", reason="needs the package aiosqlite")
        from sqlalchemy import text
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.pool import AsyncAdaptedQueuePool

        url = f"sqlite+aiosqlite:///{tmp_path}/shop.db"
        engine = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0)
        telemetry.observe_pool(engine, name="orders-db")
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

            async def wait() -> None:
                async with engine.connect():
                    pass

            waiting = asyncio.create_task(wait())
            await until_async(lambda: captured.value("pool.pending") == 1)
            assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (1, 1.0)
        await waiting
        assert now(engine) == PoolStats(used=0, limit=1, idle=1, idle_max=1)
        await engine.dispose()
        assert now(engine) == PoolStats(used=0, limit=1, idle=0, idle_max=1)


class TestPsycopgPool:
    """psycopg_pool with a real PostgreSQL."""

    def test_a_pool(self, captured: Captured, telemetry: Telemetry, dsn: str) -> None:
        """Connections that are lent, the limit, and who waits; a request that waited in vain is an error."""
        psycopg_pool = pytest.importorskip("psycopg_pool", reason="needs the package psycopg_pool")
        with psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=2, timeout=20.0, open=True) as pool:
            pool.wait(timeout=30.0)
            telemetry.observe_pool(pool, name="orders-db")
            assert (now(pool).used, now(pool).limit, now(pool).idle_min) == (0, 2, 1)
            with pool.connection() as first, pool.connection():
                first.execute("SELECT 1")
                assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (2, 1.0)
                thread = threading.Thread(target=lambda: pool.putconn(pool.getconn(timeout=30.0)))
                thread.start()
                until(lambda: captured.value("pool.pending") == 1)
                with pytest.raises(psycopg_pool.PoolTimeout):
                    pool.getconn(timeout=0.05)
            thread.join()
            until(lambda: now(pool).used == 0)
            assert captured.value("pool.pending") == 0
            assert [dict(point.attributes)["error.type"] for point in captured.points("pool.errors")] == ["_OTHER"]
            assert captured.value("pool.errors") == 1
            pool.pop_stats()
            assert captured.value("pool.errors") == 1

    def test_a_null_pool_without_a_limit(self, dsn: str) -> None:
        """It keeps nothing, and opens as many as are asked for."""
        psycopg_pool = pytest.importorskip("psycopg_pool")
        with psycopg_pool.NullConnectionPool(dsn, max_size=3, open=True, timeout=30.0) as pool, pool.connection():
            assert (now(pool).used, now(pool).limit, now(pool).idle) == (1, 3, 0)

    @pytest.mark.asyncio
    async def test_an_async_pool(self, captured: Captured, telemetry: Telemetry, dsn: str) -> None:
        """The same for tasks, closed at the end."""
        psycopg_pool = pytest.importorskip("psycopg_pool")
        pool = psycopg_pool.AsyncConnectionPool(dsn, min_size=1, max_size=1, open=False)
        await pool.open(wait=True, timeout=30.0)
        telemetry.observe_pool(pool, name="orders-db")

        async def wait() -> None:
            async with pool.connection():
                pass

        async with pool.connection():
            waiting = asyncio.create_task(wait())
            await until_async(lambda: captured.value("pool.pending") == 1)
            assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (1, 1.0)
        await waiting
        await pool.close()
        assert captured.value("pool.usage") == 0

    def test_a_wait_that_times_out_is_told_by_its_name(
        self, captured: Captured, telemetry: Telemetry, dsn: str
    ) -> None:
        """`PoolTimeout` is no TimeoutError, and yet a timeout where it leaves `wait()`."""
        psycopg_pool = pytest.importorskip("psycopg_pool")
        counted = telemetry.pool("orders-db", limit=1)
        with (
            psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=1, open=True) as pool,
            pool.connection(timeout=30.0),
            pytest.raises(psycopg_pool.PoolTimeout),
            counted.wait(),
        ):
            pool.getconn(timeout=0.05)
        assert counted.stats() == PoolStats(used=0, limit=1, timeouts=1)

    def test_an_outage(self, captured: Captured, telemetry: Telemetry, tmp_path: Path) -> None:
        """While the database is away: what is out is out, what is in the making isn't, who gave up isn't pending."""
        psycopg_pool = pytest.importorskip("psycopg_pool", reason="needs the package psycopg-pool")
        with postgresql(tmp_path) as dsn:
            pool = psycopg_pool.ConnectionPool(dsn, min_size=3, max_size=3, open=True, timeout=0.2)
            pool.wait(30)
            telemetry.observe_pool(pool, name="orders-db")
            first, second = pool.getconn(), pool.getconn()
            assert (captured.value("pool.usage"), captured.value("pool.pending")) == (2, 0)
        first.close()
        pool.putconn(first)
        until(lambda: captured.value("pool.usage") == 1)
        pool.putconn(pool.getconn())  # it was kept, and nobody has noticed yet
        third = pool.getconn()
        for _ in range(2):
            with pytest.raises(psycopg_pool.PoolTimeout):
                pool.getconn()
        assert (captured.value("pool.usage"), captured.value("pool.pending")) == (2, 0)
        assert captured.value("pool.errors") == 2
        for connection in (second, third):
            connection.close()
            pool.putconn(connection)
        until(lambda: captured.value("pool.usage") == 0)
        pool.close()

    def test_a_database_that_was_never_there(self, captured: Captured, telemetry: Telemetry) -> None:
        """Nobody has taken anything."""
        psycopg_pool = pytest.importorskip("psycopg_pool", reason="needs the package psycopg-pool")
        pool = psycopg_pool.ConnectionPool(
            f"postgresql://shop@127.0.0.1:{free_port()}/postgres?connect_timeout=2", min_size=4, max_size=4, open=True
        )
        telemetry.observe_pool(pool, name="orders-db")
        assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (0, 0)
        pool.close()


class TestAsyncpg:
    """asyncpg with a real PostgreSQL."""

    @pytest.mark.asyncio
    async def test_a_pool(self, captured: Captured, telemetry: Telemetry, dsn: str) -> None:
        """Connections that are lent, idle ones, the limit, and the tasks that wait."""
        asyncpg = pytest.importorskip("asyncpg", reason="needs the package asyncpg")
        pool = asyncpg.create_pool(dsn, min_size=1, max_size=2)
        observed = telemetry.observe_pool(pool, name="orders-db")
        assert captured.value("pool.usage") == 0
        async with pool:
            assert now(pool) == PoolStats(used=0, limit=2, idle=1, idle_min=1)
            async with pool.acquire() as first, pool.acquire():
                await first.execute("SELECT 1")

                async def wait() -> None:
                    async with pool.acquire():
                        pass

                waiting = asyncio.create_task(wait())
                await until_async(lambda: captured.value("pool.pending") == 1)
                assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (2, 1.0)
            await waiting
            assert (now(pool).used, now(pool).pending) == (0, 0)
        assert captured.value("pool.usage") == 0
        observed.stop()


def taken(pool: Any) -> Any:
    """A connection of a redis pool, whose oldest versions want the command that it is for."""
    try:
        return pool.get_connection()
    except TypeError:
        return pool.get_connection("PING")


class TestRedis:
    """redis-py with a real Redis."""

    def test_a_pool(self, captured: Captured, telemetry: Telemetry, redis_port: int) -> None:
        """Connections in use and idle ones, and the limit, if there is one."""
        redis = pytest.importorskip("redis", reason="needs the package redis")
        pool = redis.ConnectionPool(host="127.0.0.1", port=redis_port, max_connections=3)
        telemetry.observe_pool(pool, name="sessions")
        client = redis.Redis(connection_pool=pool)
        assert client.ping()
        assert now(pool) == PoolStats(used=0, limit=3, idle=1)
        with client.pipeline() as pipeline:
            pipeline.watch("key")
            assert (captured.value("pool.usage"), captured.value("pool.limit")) == (1, 3)
        assert captured.value("pool.usage") == 0
        pool.disconnect()

    def test_a_blocking_pool(self, captured: Captured, telemetry: Telemetry, redis_port: int) -> None:
        """Who waits for a connection is pending."""
        redis = pytest.importorskip("redis")
        pool = redis.BlockingConnectionPool(host="127.0.0.1", port=redis_port, max_connections=1, timeout=30)
        telemetry.observe_pool(pool, name="sessions")
        client = redis.Redis(connection_pool=pool)
        with client.pipeline() as pipeline:
            pipeline.watch("key")
            thread = threading.Thread(target=client.ping)
            thread.start()
            until(lambda: captured.value("pool.pending") == 1)
            assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (1, 1.0)
        thread.join()
        assert now(pool) == PoolStats(used=0, limit=1, idle=1)
        pool.disconnect()

    @pytest.mark.asyncio
    async def test_an_async_pool(self, captured: Captured, telemetry: Telemetry, redis_port: int) -> None:
        """The same for tasks."""
        pytest.importorskip("redis")
        from redis import asyncio as aioredis

        pool: Any = aioredis.ConnectionPool(host="127.0.0.1", port=redis_port, max_connections=3)
        telemetry.observe_pool(pool, name="sessions")
        client = aioredis.Redis(connection_pool=pool)
        await client.ping()
        assert now(pool) == PoolStats(used=0, limit=3, idle=1)
        async with client.pipeline() as pipeline:
            await pipeline.watch("key")
            assert captured.value("pool.usage") == 1
        await pool.disconnect()

    @pytest.mark.asyncio
    async def test_an_async_blocking_pool(self, captured: Captured, telemetry: Telemetry, redis_port: int) -> None:
        """Tasks that wait for a connection are pending."""
        pytest.importorskip("redis")
        from redis import asyncio as aioredis

        pool: Any = aioredis.BlockingConnectionPool(host="127.0.0.1", port=redis_port, max_connections=1, timeout=30)
        telemetry.observe_pool(pool, name="sessions")
        client = aioredis.Redis(connection_pool=pool)
        async with client.pipeline() as pipeline:
            await pipeline.watch("key")
            waiting = asyncio.ensure_future(client.ping())
            await until_async(lambda: captured.value("pool.pending") == 1)
            assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (1, 1.0)
        await waiting
        assert now(pool) == PoolStats(used=0, limit=1, idle=1)
        await pool.disconnect()

    def test_a_client(self, captured: Captured, telemetry: Telemetry, redis_port: int) -> None:
        """The pool behind a client is read; a client that is gone has no levels."""
        redis = pytest.importorskip("redis", reason="needs the package redis")
        client = redis.Redis(port=redis_port)
        telemetry.observe_pool(client, name="sessions")
        telemetry.observe_pool(client, name="sessions")
        client.ping()
        assert captured.value("pool.usage") == 0
        connection = taken(client.connection_pool)
        assert captured.value("pool.usage") == 1
        client.connection_pool.release(connection)
        client.close()
        del client, connection
        gc.collect()
        assert captured.points("pool.usage") == []

    @pytest.mark.asyncio
    async def test_an_async_client(self, captured: Captured, telemetry: Telemetry, redis_port: int) -> None:
        """The same of `redis.asyncio`."""
        redis = pytest.importorskip("redis.asyncio", reason="needs the package redis")
        client = redis.Redis(port=redis_port)
        telemetry.observe_pool(client, name="sessions")
        await client.ping()
        assert captured.value("pool.usage") == 0
        await getattr(client, "aclose", client.close)()


@pytest.mark.asyncio
class TestAiohttp:
    """Connectors, and the sessions that have one."""

    async def test_a_connector(self, captured: Captured, telemetry: Telemetry) -> None:
        """Requests under way take a connection, later ones wait; afterwards it is kept."""
        aiohttp = pytest.importorskip("aiohttp", reason="needs the package aiohttp")
        web = pytest.importorskip("aiohttp.web")
        go_on, came = asyncio.Event(), asyncio.Semaphore(0)

        async def answer(_: Any) -> Any:
            came.release()
            await go_on.wait()
            return web.Response(text="ok")

        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            telemetry.observe_pool(session, name="payments")
            assert now(session) == PoolStats(used=0, limit=1, idle=0)
            requests = [asyncio.create_task(session.get(url)) for _ in range(3)]
            await came.acquire()
            await until_async(lambda: captured.value("pool.pending") == 2)
            assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (1, 1.0)
            requests.pop().cancel()
            go_on.set()
            for request in requests:
                (await request).release()
            await until_async(lambda: now(session) == PoolStats(used=0, limit=1, idle=1))
        assert (captured.value("pool.usage"), captured.value("pool.pending")) == (0, 0)
        await runner.cleanup()

    async def test_a_connection_in_the_making_is_not_taken(self, captured: Captured, telemetry: Telemetry) -> None:
        """An outage: the supplier accepts nothing, and nobody has a connection."""
        aiohttp = pytest.importorskip("aiohttp", reason="needs the package aiohttp")
        making, go_on = asyncio.Event(), asyncio.Event()

        class Slow(aiohttp.TCPConnector):
            async def _create_connection(self, *_: Any, **__: Any) -> Any:
                making.set()
                await go_on.wait()
                raise OSError("nobody there")

        async with aiohttp.ClientSession(connector=Slow(limit=1)) as session:
            telemetry.observe_pool(session.connector, name="payments")
            request = asyncio.create_task(session.get("http://127.0.0.1:1/"))
            await making.wait()
            assert captured.value("pool.usage") == 0
            go_on.set()
            with pytest.raises(OSError, match="nobody"):
                await request


class TestUrllib3:
    """urllib3's pools and manager, and the adapters of requests."""

    @pytest.fixture
    def server(self) -> Iterator[tuple[int, threading.Semaphore, threading.Event]]:
        """A server that says by the semaphore that a request came, and answers once the event is set."""
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        came, go_on = threading.Semaphore(0), threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                came.release()
                go_on.wait(30)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1], came, go_on
        go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()

    def test_a_pool(
        self, captured: Captured, telemetry: Telemetry, server: tuple[int, threading.Semaphore, threading.Event]
    ) -> None:
        """Connections that are out, kept ones, the limit, and who waits where the pool blocks."""
        urllib3 = pytest.importorskip("urllib3", reason="needs the package urllib3")
        port, came, go_on = server
        with urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=1, block=True) as pool:
            telemetry.observe_pool(pool, name="payments")
            assert now(pool) == PoolStats(used=0, limit=1, idle=0)
            threads = [threading.Thread(target=pool.request, args=("GET", "/")) for _ in range(2)]
            for thread in threads:
                thread.start()
            assert came.acquire(timeout=30)
            until(lambda: captured.value("pool.pending") == 1)
            assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (1, 1.0)
            go_on.set()
            for thread in threads:
                thread.join()
            assert now(pool) == PoolStats(used=0, limit=1, idle=1)
        assert now(pool) == PoolStats(used=0)

    def test_a_manager(self, server: tuple[int, threading.Semaphore, threading.Event]) -> None:
        """All hosts together, and looking changes nothing about which of them is thrown out next."""
        urllib3 = pytest.importorskip("urllib3")
        port, _, go_on = server
        go_on.set()
        with urllib3.PoolManager(maxsize=2, block=True) as manager:
            assert now(manager) == PoolStats(used=0, idle=0)
            manager.request("GET", f"http://127.0.0.1:{port}/")
            manager.request("GET", f"http://localhost:{port}/")
            order = list(manager.pools._container)
            assert now(manager) == PoolStats(used=0, limit=4, idle=2)
            assert list(manager.pools._container) == order

    def test_an_adapter_of_requests(
        self, captured: Captured, telemetry: Telemetry, server: tuple[int, threading.Semaphore, threading.Event]
    ) -> None:
        """`HTTPAdapter`: what its sessions have out."""
        requests = pytest.importorskip("requests", reason="needs the package requests")
        port, came, go_on = server
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=3, pool_block=True)
        telemetry.observe_pool(adapter, name="payments")
        with requests.Session() as session:
            session.mount("http://", adapter)
            thread = threading.Thread(target=session.get, args=(f"http://127.0.0.1:{port}/",))
            thread.start()
            assert came.acquire(timeout=30)
            assert (captured.value("pool.usage"), captured.value("pool.limit")) == (1, 3)
            go_on.set()
            thread.join()
            assert now(adapter) == PoolStats(used=0, limit=3, idle=1)

    def test_a_pool_that_does_not_block_has_no_usage(
        self, captured: Captured, telemetry: Telemetry, server: tuple[int, threading.Semaphore, threading.Event]
    ) -> None:
        """It opens more than it keeps and counts none of them: no usage rather than a wrong one."""
        requests = pytest.importorskip("requests", reason="needs the package requests")
        port, came, go_on = server
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=1)
        telemetry.observe_pool(adapter, name="payments")
        with requests.Session() as session:
            session.mount("http://", adapter)
            threads = [threading.Thread(target=session.get, args=(f"http://127.0.0.1:{port}/",)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for _ in threads:
                assert came.acquire(timeout=30)
            assert (
                captured.points("pool.usage"),
                captured.points("pool.utilization"),
                captured.points("pool.limit"),
            ) == ([], [], [])
            go_on.set()
            for thread in threads:
                thread.join()
            assert now(adapter).idle == 1


class TestAnyio:
    """anyio's CapacityLimiter."""

    @pytest.mark.asyncio
    async def test_a_limiter(self, captured: Captured, telemetry: Telemetry) -> None:
        """Tokens that are borrowed, how many there are now, and the tasks that wait."""
        anyio = pytest.importorskip("anyio", reason="needs the package anyio")
        limiter = anyio.CapacityLimiter(1)
        telemetry.observe_pool(limiter, name="threads")

        async def borrow() -> None:
            async with limiter:
                pass

        async with limiter:
            waiting = asyncio.create_task(borrow())
            await until_async(lambda: captured.value("pool.pending") == 1)
            assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (1, 1.0)
            limiter.total_tokens = 4
            assert captured.value("pool.limit") == 4
        await waiting
        assert now(limiter) == PoolStats(used=0, limit=4)

    @pytest.mark.asyncio
    async def test_a_limiter_without_a_limit(self) -> None:
        """Infinitely many tokens are no limit."""
        import math

        anyio = pytest.importorskip("anyio")
        assert now(anyio.CapacityLimiter(math.inf)) == PoolStats(used=0, limit=None)

    def test_a_limiter_made_outside_of_a_loop(self) -> None:
        """anyio 4 makes it when it is first used."""
        anyio = pytest.importorskip("anyio")
        if int(__import__("importlib.metadata").metadata.version("anyio").split(".")[0]) < 4:
            pytest.skip("anyio 3 makes limiters in a running loop only")
        assert now(anyio.CapacityLimiter(2)) == PoolStats(used=0, limit=2)


class TestKombu:
    """kombu's pools, which Celery has for its broker, with a real Redis."""

    def test_connections(self, captured: Captured, telemetry: Telemetry, redis_port: int) -> None:
        """Those that are taken, those that are open and kept, the limit, and who waits."""
        kombu = pytest.importorskip("kombu", reason="needs the package kombu")
        pool = kombu.Connection(f"redis://127.0.0.1:{redis_port}/0").Pool(2)
        telemetry.observe_pool(pool, name="broker")
        assert now(pool) == PoolStats(used=0, limit=2, idle=0)
        with pool.acquire(block=True) as connection:
            connection.connect()
            assert (captured.value("pool.usage"), captured.value("pool.limit")) == (1, 2)
            with pool.acquire(block=True):
                thread = threading.Thread(target=lambda: pool.acquire(block=True, timeout=30).release())
                thread.start()
                until(lambda: captured.value("pool.pending") == 1)
                assert captured.value("pool.utilization") == 1.0
        thread.join()
        assert now(pool) == PoolStats(used=0, limit=2, idle=1)
        pool.resize(3)
        assert now(pool).limit == 3
        pool.force_close_all()
        assert now(pool) == PoolStats(used=0, limit=3, idle=0)

    def test_producers(self, captured: Captured, telemetry: Telemetry, redis_port: int) -> None:
        """What a Celery application publishes with; a pool without a limit counts nothing."""
        kombu = pytest.importorskip("kombu")
        from kombu.pools import ProducerPool

        connections = kombu.Connection(f"redis://127.0.0.1:{redis_port}/0").Pool(2)
        pool = ProducerPool(connections, limit=1)
        telemetry.observe_pool(pool, name="producers")
        with pool.acquire(block=True):
            assert (captured.value("pool.usage"), captured.value("pool.utilization")) == (1, 1.0)
            assert now(connections).used == 1
        assert now(pool) == PoolStats(used=0, limit=1, idle=1)
        assert now(kombu.Connection("memory://").Pool()) == PoolStats(used=None)
        connections.force_close_all()
