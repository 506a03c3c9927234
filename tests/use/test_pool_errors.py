"""What is an error of a pool and what isn't, and what the times say of how they ended."""

import asyncio
import concurrent.futures
from typing import Any

import pytest
import sqlalchemy.exc

from telemetry_kit import PoolStats, Telemetry
from telemetry_kit._core import faults
from telemetry_kit.conventions import DB_CONNECTIONS
from telemetry_kit.testing import Captured, point

SERIES = {"pool.name": "gpu", "scope.name": "shop.orders"}


class OfSomebodyElse(Exception):
    """Called as a timeout of another library's."""


OfSomebodyElse.__name__ = OfSomebodyElse.__qualname__ = "PoolTimeout"


class Unprintable(Exception):
    """Nothing about it can be asked."""

    exceptions = property(lambda self: 1 / 0)
    derive = None


@pytest.mark.parametrize(
    "exc",
    [TimeoutError(), asyncio.TimeoutError(), concurrent.futures.TimeoutError(), sqlalchemy.exc.TimeoutError()],
    ids=lambda exc: f"{type(exc).__module__}.{type(exc).__name__}",
)
def test_a_timeout_that_leaves_a_wait_is_a_timeout_of_the_pool(
    captured: Captured, telemetry: Telemetry, exc: Exception
) -> None:
    """A TimeoutError that leaves `wait()` is counted, and the wait's `error.type` is `timeout`."""
    gpus = telemetry.pool("gpu", limit=4)

    with pytest.raises(type(exc)), gpus.wait():
        raise exc

    assert gpus.stats() == PoolStats(used=0, limit=4, timeouts=1)
    assert captured.value("pool.errors", {"error.type": "timeout"}) == 1
    assert captured.points("pool.wait_time") == [point(attributes={**SERIES, "error.type": "timeout"})]


@pytest.mark.parametrize(
    ("kind", "error_type"), [(ValueError, "ValueError"), (OfSomebodyElse, f"{__name__}.PoolTimeout")]
)
def test_another_exception_that_leaves_a_wait_is_not_the_pools(
    captured: Captured, telemetry: Telemetry, kind: type[Exception], error_type: str
) -> None:
    """It shows in the wait's `error.type`, and in no error of the pool, whatever it is called."""
    gpus = telemetry.pool("gpu", limit=4)

    with pytest.raises(kind), gpus.wait():
        raise kind

    assert gpus.stats() == PoolStats(used=0, limit=4)
    assert captured.points("pool.errors") == []
    assert captured.points("pool.wait_time") == [point(attributes={**SERIES, "error.type": error_type})]


@pytest.mark.parametrize(
    ("exc", "error_type"),
    [(ValueError(), "ValueError"), (TimeoutError(), "TimeoutError"), (SystemExit(1), "SystemExit")],
)
def test_an_exception_that_leaves_a_use_is_the_pools_error(
    captured: Captured, telemetry: Telemetry, exc: BaseException, error_type: str
) -> None:
    """It is counted under its type, and the use's time has that type too."""
    gpus = telemetry.pool("gpu", limit=4)

    with pytest.raises(type(exc)) as caught, gpus.use():
        raise exc

    assert caught.value is exc
    assert gpus.stats() == PoolStats(used=0, limit=4, errors=1)
    assert (
        [point.attributes for point in captured.points("pool.errors")]
        == [point.attributes for point in captured.points("pool.use_time")]
        == [{**SERIES, "error.type": error_type}]
    )


@pytest.mark.parametrize("exc", [SystemExit(0), GeneratorExit(), StopIteration()])
def test_a_normal_end_by_exception_is_no_error(captured: Captured, telemetry: Telemetry, exc: BaseException) -> None:
    """ASY.2: a zero exit and what ends an iteration are successes."""
    gpus = telemetry.pool("gpu", limit=4)

    with pytest.raises(type(exc)), gpus.use():
        raise exc

    assert captured.points("pool.errors") == []
    assert captured.points("pool.use_time") == [point(attributes=SERIES)]


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_exception_that_cant_be_asked_comes_out_as_it_is(captured: Captured, telemetry: Telemetry) -> None:
    """FLT.1: judging an exception may fail; it is counted as `_OTHER`, the fault as one, and the caller sees neither."""
    gpus = telemetry.pool("gpu", limit=4)
    problem = Unprintable()

    with pytest.raises(Unprintable) as caught, gpus.use():
        raise problem

    assert caught.value is problem
    assert gpus.stats() == PoolStats(used=0, limit=4, errors=1)
    assert captured.points("pool.use_time") == [point(attributes={**SERIES, "error.type": "_OTHER"})]


def test_errors_without_an_exception_are_counted_by_hand(captured: Captured, telemetry: Telemetry) -> None:
    """`timeout()` and `error()`: a timeout by either name is a timeout, and no name is `_OTHER`."""
    gpus = telemetry.pool("gpu")
    gpus.timeout()
    gpus.error("timeout")
    gpus.error("broken")
    gpus.error("")
    gpus.error(None)  # type: ignore[arg-type]

    assert gpus.stats() == PoolStats(used=0, timeouts=2, errors=3)
    counted = {point.attributes["error.type"]: point.value for point in captured.points("pool.errors")}
    assert counted == {"timeout": 2, "broken": 1, "_OTHER": 2}


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_a_hundred_error_types_are_told_apart(captured: Captured, telemetry: Telemetry) -> None:
    """STM.3: later ones are `_OTHER`, and none is lost."""
    gpus = telemetry.pool("gpu")
    for number in range(1_000):
        gpus.error(f"broken-{number}")

    assert len(captured.points("pool.errors")) == 101
    assert captured.value("pool.errors") == gpus.stats().errors == 1_000


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_a_thousand_names_are_told_apart(captured: Captured, telemetry: Telemetry) -> None:
    """STM.3: a pool per request ends up under `_OTHER`, with its numbers, and the fault is counted."""
    pools = [telemetry.pool(f"gpu-{number}", limit=1) for number in range(1_003)]

    assert len(captured.points("pool.limit")) == 1_001
    assert captured.value("pool.limit", {"pool.name": "_OTHER"}) == 3
    assert captured.value("telemetry_kit.attribute.overflow", {"attribute.key": "pool.name"}) >= 3
    assert len(pools) == 1_003


def test_connections_are_reported_by_their_convention_alone(captured: Captured, telemetry: Telemetry) -> None:
    """`convention=DB_CONNECTIONS` reports `db.client.connection.*` with the convention's attributes, and no `pool.*`."""
    pool = telemetry.pool("orders-db", limit=4, metric_attributes={"region": "eu"}, convention=DB_CONNECTIONS)
    with pool.create():
        pass
    with pytest.raises(TimeoutError), pool.wait():
        raise TimeoutError
    with pytest.raises(ValueError), pool.use():
        raise ValueError
    with pool.wait():
        own = {"db.client.connection.pool.name": "orders-db", "region": "eu"}
        with pool.use():
            found = {point.metric: point.attributes for point in captured.points()}
            assert captured.value("db.client.connection.count") == 1
            assert captured.value("db.client.connection.pending_requests") == 1

    assert found == {
        "db.client.connection.count": {**own, "db.client.connection.state": "used"},
        "db.client.connection.max": own,
        "db.client.connection.pending_requests": own,
        "db.client.connection.timeouts": own,
        "db.client.connection.wait_time": own,
        "db.client.connection.use_time": own,
        "db.client.connection.create_time": own,
    }
    assert captured.point("db.client.connection.max").value == 4
    assert captured.value("db.client.connection.timeouts") == 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"limit": -1}, ValueError, "limit of pool 'gpu' must be 0 or more, got -1"),
        ({"limit": 1.5}, TypeError, "limit of pool 'gpu' must be an int"),
        ({"limit": True}, TypeError, "limit of pool 'gpu' must be an int"),
        ({"limit": "4"}, TypeError, "limit of pool 'gpu' must be an int"),
        ({"metric_attributes": ["region"]}, TypeError, "metric_attributes of pool 'gpu' must be a mapping"),
        ({"convention": "db"}, TypeError, "DB_CONNECTIONS"),
    ],
)
def test_what_cant_be_right_raises_at_definition(telemetry: Telemetry, options: Any, error: Any, words: str) -> None:
    """The error names the thing, the rule, the value and the way out."""
    with pytest.raises(error, match=words):
        telemetry.pool("gpu", **options)


@pytest.mark.parametrize(("name", "error"), [("", ValueError), (None, TypeError), (7, TypeError)])
def test_a_pool_has_a_name(telemetry: Telemetry, name: Any, error: Any) -> None:
    """An empty name, or none, is a mistake at definition."""
    with pytest.raises(error, match="name of a pool"):
        telemetry.pool(name)


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_pool_cant_be_resized_below_nothing(telemetry: Telemetry) -> None:
    """FLT 1: at run time what can't be a limit changes nothing, and is a counted fault."""
    gpus = telemetry.pool("gpu", limit=4)
    before = faults.counts().get("pool.resize", 0)

    gpus.resize(-1)
    gpus.resize("8")  # type: ignore[arg-type]

    assert faults.counts()["pool.resize"] == before + 2

    assert gpus.stats().limit == 4
