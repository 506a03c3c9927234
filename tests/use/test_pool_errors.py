"""What is an error of a pool and what isn't, and what the times say of how they ended."""

import asyncio
import concurrent.futures
from typing import Any

import pytest

from telemetry_kit import PoolStats, Telemetry
from telemetry_kit._core import faults
from telemetry_kit.conventions import DB_CONNECTIONS
from tests.support import Sdk

SERIES = {"pool.name": "gpu", "scope.name": "shop.orders"}


class PoolTimeout(Exception):
    """As psycopg and httpx call it, and neither derives it from TimeoutError."""


class Unprintable(Exception):
    """Nothing about it can be asked."""

    exceptions = property(lambda self: 1 / 0)
    derive = None


@pytest.mark.parametrize("kind", [TimeoutError, asyncio.TimeoutError, concurrent.futures.TimeoutError, PoolTimeout])
def test_a_timeout_that_leaves_a_wait_is_a_timeout_of_the_pool(
    sdk: Sdk, telemetry: Telemetry, kind: type[Exception]
) -> None:
    """A TimeoutError that leaves `wait()` is counted, and the wait's `error.type` is `timeout`."""
    gpus = telemetry.pool("gpu", limit=4)

    with pytest.raises(kind), gpus.wait():
        raise kind

    assert gpus.stats() == PoolStats(used=0, limit=4, timeouts=1)
    assert sdk.value("pool.errors", error__type="timeout") == 1
    assert sdk.series("pool.wait_time") == [{**SERIES, "error.type": "timeout"}]


def test_another_exception_that_leaves_a_wait_is_not_the_pools(sdk: Sdk, telemetry: Telemetry) -> None:
    """It shows in the wait's `error.type`, and in no error of the pool."""
    gpus = telemetry.pool("gpu", limit=4)

    with pytest.raises(ValueError), gpus.wait():
        raise ValueError

    assert gpus.stats() == PoolStats(used=0, limit=4)
    assert sdk.points("pool.errors") == []
    assert sdk.series("pool.wait_time") == [{**SERIES, "error.type": "ValueError"}]


@pytest.mark.parametrize(
    ("exc", "error_type"),
    [(ValueError(), "ValueError"), (TimeoutError(), "TimeoutError"), (SystemExit(1), "SystemExit")],
)
def test_an_exception_that_leaves_a_use_is_the_pools_error(
    sdk: Sdk, telemetry: Telemetry, exc: BaseException, error_type: str
) -> None:
    """It is counted under its type, and the use's time has that type too."""
    gpus = telemetry.pool("gpu", limit=4)

    with pytest.raises(type(exc)) as caught, gpus.use():
        raise exc

    assert caught.value is exc
    assert gpus.stats() == PoolStats(used=0, limit=4, errors=1)
    assert sdk.series("pool.errors") == sdk.series("pool.use_time") == [{**SERIES, "error.type": error_type}]


@pytest.mark.parametrize("exc", [SystemExit(0), GeneratorExit(), StopIteration()])
def test_a_normal_end_by_exception_is_no_error(sdk: Sdk, telemetry: Telemetry, exc: BaseException) -> None:
    """ASY.2: a zero exit and what ends an iteration are successes."""
    gpus = telemetry.pool("gpu", limit=4)

    with pytest.raises(type(exc)), gpus.use():
        raise exc

    assert sdk.points("pool.errors") == []
    assert sdk.series("pool.use_time") == [SERIES]


def test_an_exception_that_cant_be_asked_comes_out_as_it_is(sdk: Sdk, telemetry: Telemetry) -> None:
    """FLT.1: judging an exception may fail; it is counted as `_OTHER`, the fault as one, and the caller sees neither."""
    gpus = telemetry.pool("gpu", limit=4)
    problem = Unprintable()

    with pytest.raises(Unprintable) as caught, gpus.use():
        raise problem

    assert caught.value is problem
    assert gpus.stats() == PoolStats(used=0, limit=4, errors=1)
    assert sdk.series("pool.use_time") == [{**SERIES, "error.type": "_OTHER"}]


def test_errors_without_an_exception_are_counted_by_hand(sdk: Sdk, telemetry: Telemetry) -> None:
    """`timeout()` and `error()`: a timeout by either name is a timeout, and no name is `_OTHER`."""
    gpus = telemetry.pool("gpu")
    gpus.timeout()
    gpus.error("timeout")
    gpus.error("broken")
    gpus.error("")
    gpus.error(None)  # type: ignore[arg-type]

    assert gpus.stats() == PoolStats(used=0, timeouts=2, errors=3)
    counted = {point.attributes["error.type"]: point.value for point in sdk.points("pool.errors")}
    assert counted == {"timeout": 2, "broken": 1, "_OTHER": 2}


def test_a_hundred_error_types_are_told_apart(sdk: Sdk, telemetry: Telemetry) -> None:
    """STM.3: later ones are `_OTHER`, and none is lost."""
    gpus = telemetry.pool("gpu")
    for number in range(1_000):
        gpus.error(f"broken-{number}")

    assert len(sdk.points("pool.errors")) == 101
    assert sdk.value("pool.errors") == gpus.stats().errors == 1_000


def test_a_thousand_names_are_told_apart(sdk: Sdk, telemetry: Telemetry) -> None:
    """STM.3: a pool per request ends up under `_OTHER`, with its numbers, and the fault is counted."""
    pools = [telemetry.pool(f"gpu-{number}", limit=1) for number in range(1_003)]

    assert len(sdk.points("pool.limit")) == 1_001
    assert sdk.value("pool.limit", pool__name="_OTHER") == 3
    assert sdk.value("telemetry_kit.attribute.overflow", attribute__key="pool.name") >= 3
    assert len(pools) == 1_003


def test_connections_are_reported_by_their_convention_alone(sdk: Sdk, telemetry: Telemetry) -> None:
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
            metrics = {name: metric for name, metric in sdk.metrics().items() if name != "telemetry_kit.faults"}
            found = {
                name: [dict(point.attributes or {}) for point in m.data.data_points] for name, m in metrics.items()
            }
            assert sdk.value("db.client.connection.count") == 1
            assert sdk.value("db.client.connection.pending_requests") == 1

    assert found == {
        "db.client.connection.count": [{**own, "db.client.connection.state": "used"}],
        "db.client.connection.max": [own],
        "db.client.connection.pending_requests": [own],
        "db.client.connection.timeouts": [own],
        "db.client.connection.wait_time": [own],
        "db.client.connection.use_time": [own],
        "db.client.connection.create_time": [own],
    }
    assert sdk.value("db.client.connection.max") == 4
    assert sdk.value("db.client.connection.timeouts") == 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"limit": -1}, ValueError, "limit of pool 'gpu' can't be negative, and got -1"),
        ({"limit": 1.5}, TypeError, "limit of pool 'gpu' is an int"),
        ({"limit": True}, TypeError, "limit of pool 'gpu' is an int"),
        ({"limit": "4"}, TypeError, "limit of pool 'gpu' is an int"),
        ({"metric_attributes": ["region"]}, TypeError, "metric_attributes of pool 'gpu' is a mapping"),
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


def test_a_pool_cant_be_resized_below_nothing(telemetry: Telemetry) -> None:
    """FLT 1: at run time what can't be a limit changes nothing, and is a counted fault."""
    gpus = telemetry.pool("gpu", limit=4)
    before = faults.counts().get("pool.resize", 0)

    gpus.resize(-1)
    gpus.resize("8")  # type: ignore[arg-type]

    assert faults.counts()["pool.resize"] == before + 2

    assert gpus.stats().limit == 4
