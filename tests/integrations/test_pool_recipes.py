"""The recipes of the page on pools that the kit doesn't know, as they stand there, against the real thing.

MongoDB alone has no server in a package archive: the real driver talks to a stand-in that answers a few commands.
"""

import contextlib
import http.server
import multiprocessing
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit import PoolStats, Telemetry
from telemetry_kit._core import faults
from telemetry_kit.testing import Captured
from tests.executors import work
from tests.integrations.servers import postgresql, redis_cluster
from tests.support import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "observe-any-pool.md"


@pytest.fixture
def recipe(telemetry: Telemetry) -> dict[str, Any]:
    """What the page's visible Python defines, with `telemetry` recording into the test's capture."""
    shown = re.sub(r"<!--.*?-->", "", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    made: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"^```python\n(.*?)^```", shown, re.MULTILINE | re.DOTALL):
        exec(block, made)
        made["telemetry"] = telemetry
    return made


def levels(captured: Captured, pool: str) -> tuple[float, float]:
    """What is taken of a pool, and who waits."""
    return captured.value("pool.usage", {"pool.name": pool}), captured.value("pool.pending", {"pool.name": pool})


def pools(captured: Captured) -> set[object]:
    """The names of the pools that have a usage."""
    return {dict(point.attributes)["pool.name"] for point in captured.points("pool.usage")}


@contextlib.contextmanager
def in_threads(number: int, body: Callable[[], object]) -> Iterator[None]:
    """Run `body` in so many threads, and wait for their end."""
    threads = [threading.Thread(target=body) for _ in range(number)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


class TestHttpx:
    """A client of httpx against a server on loopback that answers when it may."""

    @pytest.fixture
    def server(self) -> Iterator[tuple[str, threading.Event]]:
        answers = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answers.wait(30)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
            thread = threading.Thread(target=httpd.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{httpd.server_address[1]}/", answers
            answers.set()
            httpd.shutdown()
            thread.join()

    def test_a_client(
        self, captured: Captured, telemetry: Telemetry, recipe: dict[str, Any], server: tuple[str, threading.Event]
    ) -> None:
        """Taken, waited for, and idle again; the series ends with the client; and its timeout is one."""
        httpx = pytest.importorskip("httpx", reason="needs the package httpx")
        address, answers = server
        clients = [httpx.Client(limits=httpx.Limits(max_connections=2), timeout=30, trust_env=False)]
        recipe["observe"](clients[0], recipe["of_httpx"], "supplier")

        with in_threads(3, lambda: clients[0].get(address)):
            until(lambda: levels(captured, "supplier") == (2, 1))
            assert captured.value("pool.limit", {"pool.name": "supplier"}) == 2
            by_hand = telemetry.pool("by-hand")
            with pytest.raises(httpx.PoolTimeout), by_hand.wait():
                clients[0].get(address, timeout=httpx.Timeout(30, pool=0.01))
            assert by_hand.stats().timeouts == 1
            answers.set()

        until(lambda: levels(captured, "supplier") == (0, 0))
        assert recipe["of_httpx"](clients[0]).idle == 2
        clients.pop().close()
        until(lambda: "supplier" not in pools(captured))


class _Mongo(socketserver.StreamRequestHandler):
    """Enough of MongoDB's wire protocol for a driver to connect, and to wait for a `find`."""

    answers: threading.Event

    def handle(self) -> None:
        import bson

        while header := self.rfile.read(16):
            length, request = (int.from_bytes(header[at : at + 4], "little") for at in (0, 4))
            [command] = bson.decode_all(self.rfile.read(length - 16)[5:])  # after the flags and the kind of section
            if "find" in command:
                self.answers.wait(30)
                answer: dict[str, Any] = {"cursor": {"firstBatch": [], "id": 0, "ns": "shop.carts"}, "ok": 1}
            else:
                answer = {"isWritablePrimary": True, "minWireVersion": 0, "maxWireVersion": 21, "ok": 1}
            body = bytes(5) + bson.encode(answer)
            numbers = (len(body) + 16, 0, request, 2013)
            self.wfile.write(b"".join(number.to_bytes(4, "little") for number in numbers) + body)


class TestPymongo:
    """The real driver, whose listener is the recipe's, against a stand-in for the server."""

    def test_a_listener(self, captured: Captured, recipe: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
        """What is taken, who waits, who gave up; the driver complains of nothing."""
        pymongo = pytest.importorskip("pymongo", reason="needs the package pymongo")
        from pymongo.errors import WaitQueueTimeoutError
        from pymongo.monitoring import ConnectionPoolListener
        from pymongo.server_api import ServerApi

        class Listener(recipe["Connections"], ConnectionPoolListener):  # type: ignore[misc]
            pass

        class Handler(_Mongo):
            answers = threading.Event()

        listener = Listener(limit=2)
        handle = recipe["telemetry"].observe_pool(listener, name="real-carts", stats=listener.stats)
        socketserver.ThreadingTCPServer.daemon_threads = True
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            options = {"maxPoolSize": 2, "event_listeners": [listener], "server_api": ServerApi("1")}
            address = f"mongodb://127.0.0.1:{server.server_address[1]}/?directConnection=true"
            with pymongo.MongoClient(address, **options) as client, handle:
                with in_threads(3, lambda: client.shop.carts.find_one()):
                    until(lambda: levels(captured, "real-carts") == (2, 1))
                    with (
                        pymongo.MongoClient(address, **options, waitQueueTimeoutMS=1, retryReads=False) as hasty,
                        in_threads(2, lambda: hasty.shop.carts.find_one()),
                    ):
                        until(lambda: listener.taken == 4)
                        with pytest.raises(WaitQueueTimeoutError):
                            hasty.shop.carts.find_one()
                        Handler.answers.set()
                until(lambda: levels(captured, "real-carts") == (0, 0))
                assert captured.value("pool.errors", {"pool.name": "real-carts"}) == 1
            server.shutdown()
            thread.join()
        assert capfd.readouterr().err == ""


class TestRedisCluster:
    """Three nodes of a real cluster."""

    @pytest.mark.timeout(180)
    def test_a_cluster(self, captured: Captured, recipe: dict[str, Any], tmp_path: Path) -> None:
        """The connections of all nodes together."""
        redis = pytest.importorskip("redis", reason="needs the package redis")
        with redis_cluster(tmp_path) as port:
            cluster = redis.RedisCluster(host="127.0.0.1", port=port)
            recipe["observe"](cluster, recipe["of_cluster"], "cluster")
            for number in range(30):
                cluster.set(f"key-{number}", number)
            assert levels(captured, "cluster")[0] == 0
            assert recipe["of_cluster"](cluster).idle >= 3

            subscribers = [cluster.pubsub() for _ in range(2)]
            for subscriber in subscribers:
                subscriber.subscribe("orders")
            assert levels(captured, "cluster")[0] == 2
            for subscriber in subscribers:
                subscriber.close()
            assert levels(captured, "cluster")[0] == 0
            cluster.close()


class TestMultiprocessing:
    """`multiprocessing.Pool`, with processes of its own."""

    def test_a_pool(self, captured: Captured, recipe: dict[str, Any], tmp_path: Path) -> None:
        """Two work, three wait, and then nobody does."""
        opened = tmp_path / "opened"
        with multiprocessing.get_context("spawn").Pool(2) as workers:
            recipe["observe"](workers, recipe["of_processes"], "thumbnails")
            results = [workers.apply_async(work.wait_for, (opened,)) for _ in range(5)]
            until(lambda: levels(captured, "thumbnails") == (2, 3))
            assert captured.value("pool.limit", {"pool.name": "thumbnails"}) == 2
            opened.touch()
            for result in results:
                result.get(30)
            until(lambda: levels(captured, "thumbnails") == (0, 0))
        workers.join()


class TestTheServersOwnSide:
    """`pg_stat_activity` of a real PostgreSQL."""

    @pytest.mark.telemetry_capture(allow=("fault",))
    def test_a_server_and_its_outage(self, captured: Captured, recipe: dict[str, Any], tmp_path: Path) -> None:
        """Everybody's connections; once it is gone a counted fault, and no series."""
        psycopg = pytest.importorskip("psycopg", reason="needs the package psycopg")
        server = contextlib.ExitStack()
        dsn = server.enter_context(postgresql(tmp_path))
        options = {"autocommit": True, "options": "-c statement_timeout=500"}
        watching, others = psycopg.connect(dsn, **options), [psycopg.connect(dsn) for _ in range(3)]
        stats: Callable[[], PoolStats] = lambda: recipe["of_server"](watching)  # noqa: E731

        with recipe["telemetry"].observe_pool(name="server", stats=stats):
            limit = captured.value("pool.limit", {"pool.name": "server"})
            assert (levels(captured, "server"), limit) == ((1, 0), 100)
            others[0].execute("SELECT 1")  # in a transaction from now on
            assert levels(captured, "server") == (2, 0)
            before = faults.counts().get("pool.stats", 0)
            for connection in others:
                connection.close()
            server.close()
            assert "server" not in pools(captured)
            assert faults.counts()["pool.stats"] > before
        watching.close()
