"""numpy's numbers and times, wherever a number or an attribute is wanted."""

from typing import Any

import pytest

from telemetry_kit import PoolStats, Telemetry
from telemetry_kit._core import attributes
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration
numpy = pytest.importorskip("numpy", reason="numpy is missing: `pip install numpy`")


def test_numpys_scalars_become_numbers() -> None:
    """Told through `sys.modules`, so that numpy is never imported for it."""
    kept = [attributes.span_value(value) for value in (numpy.int64(3), numpy.float32(0.5), numpy.bool_(True))]

    assert kept == [3, 0.5, True]
    assert [type(value) for value in kept] == [int, float, bool]


TIMES: dict[str, tuple[Any, Any]] = {
    "datetime of nanoseconds": (numpy.datetime64("2026-01-02T03", "ns"), "2026-01-02T03:00:00.000000000"),
    "datetime of days": (numpy.datetime64("2026-01-02"), "2026-01-02"),
    "datetime past the year 9999": (numpy.datetime64("12026-01-02T03", "s"), "12026-01-02T03:00:00"),
    "no datetime": (numpy.datetime64("NaT"), "NaT"),
    "timedelta of nanoseconds": (numpy.timedelta64(1_500_000_000, "ns"), 1.5),
    "timedelta of minutes": (numpy.timedelta64(90, "m"), 5400.0),
    "float longer than Python's": (numpy.longdouble(0.5), 0.5),
}


@pytest.mark.parametrize("name", TIMES)
def test_numpys_times_are_written_as_times(name: str) -> None:
    """In any of numpy's units, most of which datetime doesn't have: `item` gives an int of nanoseconds for those."""
    value, right = TIMES[name]

    assert attributes.span_value(value) == attributes.metric_value(value) == right
    assert type(attributes.span_value(value)) is type(right)


def test_numpys_numbers_are_a_pools(telemetry: Telemetry, captured: Captured) -> None:
    """As `stats`, as a limit and when it is resized: a number of numpy's is Python's."""
    pool = telemetry.pool("desks", limit=numpy.int64(4))
    with telemetry.observe_pool(name="seats", stats=lambda: PoolStats(used=numpy.int64(3), limit=numpy.float32(6.0))):
        assert captured.value("pool.utilization", {"pool.name": "seats"}) == 0.5
    assert captured.value("pool.limit", {"pool.name": "desks"}) == 4
    pool.resize(numpy.int32(5))
    assert captured.value("pool.limit", {"pool.name": "desks"}) == 5


def test_a_count_is_numpys(telemetry: Telemetry, captured: Captured) -> None:
    """FLT 1: what a cache let go of may be numpy's number."""
    telemetry.cache("prices").evicted(numpy.int64(3))

    assert captured.value("cache.evictions", {"cache.name": "prices"}) == 3


@pytest.mark.parametrize("limit", [numpy.bool_(True), numpy.float64(2.0)], ids=repr)
def test_a_limit_that_is_no_whole_number(telemetry: Telemetry, limit: Any) -> None:
    """It raises where it is defined, with the rule."""
    with pytest.raises(TypeError, match="must be an int, or None"):
        telemetry.pool("gpu", limit=limit)
