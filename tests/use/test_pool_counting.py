"""Pools that their user counts: what is taken, who waits, and that it is exact whatever happens."""

import asyncio
import gc
import multiprocessing
import os
import threading
from typing import Any

import pytest

from telemetry_kit import PoolStats, Telemetry
from telemetry_kit.testing import Captured, FakeClock, point

SERIES = {"pool.name": "gpu", "scope.name": "shop.orders"}


def test_a_use_counts_as_taken_while_it_lasts(captured: Captured, telemetry: Telemetry) -> None:
    """`pool.usage` is what is taken at the moment of the collection."""
    gpus = telemetry.pool("gpu", limit=4)

    with gpus.use(), gpus.use():
        assert captured.value("pool.usage") == 2

    assert captured.value("pool.usage") == 0
    assert captured.points("pool.usage") == [point(attributes=SERIES)]


def test_a_wait_counts_as_pending_while_it_lasts(captured: Captured, telemetry: Telemetry) -> None:
    """`pool.pending` is who waits at the moment of the collection."""
    gpus = telemetry.pool("gpu", limit=4)

    with gpus.wait():
        assert (captured.value("pool.pending"), captured.value("pool.usage")) == (1, 0)

    assert captured.value("pool.pending") == 0


def test_utilization_is_the_used_over_the_limit_and_may_exceed_one(captured: Captured, telemetry: Telemetry) -> None:
    """Utilization is computed at collection, from the same moment as the usage."""
    gpus = telemetry.pool("gpu", limit=2)

    with gpus.use(), gpus.use(), gpus.use():
        assert captured.value("pool.utilization") == 1.5
        assert captured.value("pool.limit") == 2


@pytest.mark.parametrize("limit", [None, 0])
def test_without_anything_to_take_there_is_no_utilization(
    captured: Captured, telemetry: Telemetry, limit: int | None
) -> None:
    """An unbounded pool has no limit and no utilization; one of nothing has a limit of 0."""
    pool = telemetry.pool("gpu", limit=limit)

    with pool.use():
        assert captured.points("pool.utilization") == []
        assert [point.value for point in captured.points("pool.limit")] == ([] if limit is None else [0])
        assert captured.value("pool.usage") == 1


def test_a_resized_pool_has_its_new_limit(captured: Captured, telemetry: Telemetry) -> None:
    """`resize` shows in limit and utilization at the next collection; None takes the limit away."""
    gpus = telemetry.pool("gpu", limit=1)

    with gpus.use():
        gpus.resize(4)
        assert (captured.value("pool.limit"), captured.value("pool.utilization")) == (4, 0.25)
        gpus.resize(None)
        assert captured.points("pool.limit") == captured.points("pool.utilization") == []


def test_two_pools_of_one_name_are_added_up(captured: Captured, telemetry: Telemetry) -> None:
    """Usage, limit and pending are sums; utilization is the sum of the used over the sum of the limits."""
    small, large = telemetry.pool("gpu", limit=1), telemetry.pool("gpu", limit=9)

    with small.use(), large.wait():
        assert captured.point("pool.usage").value == 1
        assert captured.point("pool.limit").value == 10
        assert captured.point("pool.pending").value == 1
        assert captured.point("pool.utilization").value == 0.1
    assert small.stats() == PoolStats(used=0, limit=1)


def test_errors_of_two_pools_of_one_name_stay_when_one_is_gone(captured: Captured, telemetry: Telemetry) -> None:
    """A counter never goes back: what a pool counted is kept when it is collected."""
    first, second = telemetry.pool("gpu"), telemetry.pool("gpu")
    first.timeout()
    second.timeout()
    del first
    gc.collect()

    assert captured.value("pool.errors", {"error.type": "timeout"}) == 2


def test_the_series_of_a_collected_pool_end(captured: Captured, telemetry: Telemetry) -> None:
    """A pool is held weakly: what nobody can take from any more isn't reported."""
    pool = telemetry.pool("gpu", limit=4)
    assert captured.value("pool.limit") == 4

    del pool
    gc.collect()

    assert not {"pool.usage", "pool.limit", "pool.utilization", "pool.pending"} & set(captured.metrics)


def test_the_times_are_recorded_in_seconds(captured: Captured, telemetry: Telemetry, clock: FakeClock) -> None:
    """`pool.wait_time` and `pool.use_time` are how long each wait and each use took."""
    gpus = telemetry.pool("gpu", limit=4)

    with gpus.wait():
        clock.advance(0.25)
    with gpus.use():
        clock.advance(3.0)

    assert (captured.point("pool.wait_time").count, captured.point("pool.wait_time").sum) == (1, 0.25)
    assert (captured.point("pool.use_time").count, captured.point("pool.use_time").sum) == (1, 3.0)
    assert captured.points("pool.use_time") == [point(attributes=SERIES)]


def test_declared_attributes_are_on_every_metric_and_the_kits_own_win(captured: Captured, telemetry: Telemetry) -> None:
    """`metric_attributes` is on each metric of the pool; a user can't rename the pool by it."""
    pool = telemetry.pool("gpu", limit=4, metric_attributes={"region": "eu", "pool.name": "x", "error.type": "y"})
    with pool.wait(), pool.use():
        pass
    pool.timeout()

    declared = {**SERIES, "region": "eu"}
    for metric in ("usage", "limit", "utilization", "pending", "wait_time", "use_time"):
        assert captured.points(f"pool.{metric}") == [point(attributes=declared)], metric
    assert captured.points("pool.errors") == [point(attributes={**declared, "error.type": "timeout"})]


def test_a_block_can_be_entered_again_and_while_it_is_entered(telemetry: Telemetry) -> None:
    """`use = pool.use()` serves any number of `with` blocks."""
    pool = telemetry.pool("gpu")
    use = pool.use()

    with use:
        with use:
            assert pool.stats().used == 2
        assert pool.stats().used == 1
    assert pool.stats().used == 0


def test_counts_are_exact_under_eight_threads(captured: Captured, telemetry: Telemetry) -> None:
    """PRC.3: eight threads take and give back, some fail; nothing is lost, and every use is in the histogram."""
    pool = telemetry.pool("gpu", limit=8)
    start, most = threading.Barrier(8), []

    def work(number: int) -> None:
        start.wait()
        for turn in range(500):
            try:
                with pool.wait():
                    pass
                with pool.use():
                    if turn % 100 == 0:
                        most.append(pool.stats().used)
                    if turn % 5 == 0:
                        raise ValueError
            except ValueError:
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert pool.stats() == PoolStats(used=0, limit=8, errors=800)
    assert max(most) <= 8
    assert captured.value("pool.use_time") == captured.value("pool.wait_time") == 4000
    assert captured.value("pool.errors", {"error.type": "ValueError"}) == 800


def test_what_one_thread_takes_another_may_give_back(telemetry: Telemetry) -> None:
    """A use may end in another thread than it began in, without a count going wrong."""
    pool = telemetry.pool("gpu")
    use = pool.use()
    use.__enter__()

    thread = threading.Thread(target=use.__exit__, args=(None, None, None))
    thread.start()
    thread.join()

    assert pool.stats().used == 0


async def _cancelled(pool_block: Any, entered: asyncio.Event) -> None:
    with pool_block:
        entered.set()
        await asyncio.Event().wait()


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["wait", "use"])
async def test_counts_are_exact_after_cancellation(captured: Captured, telemetry: Telemetry, what: str) -> None:
    """ASY.1: a cancelled wait or use is over, has `error.type="cancelled"`, and is no error of the pool."""
    pool = telemetry.pool("gpu")
    entered = asyncio.Event()
    task = asyncio.create_task(_cancelled(getattr(pool, what)(), entered))
    await entered.wait()
    assert (pool.stats().used, pool.stats().pending) == ((1, 0) if what == "use" else (0, 1))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert pool.stats() == PoolStats(used=0)
    assert captured.points(f"pool.{what}_time") == [point(attributes={**SERIES, "error.type": "cancelled"})]
    assert captured.points("pool.errors") == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork")
def test_a_forked_child_starts_with_nothing_taken(telemetry: Telemetry) -> None:
    """PRC.1: the parent's uses are the parent's; ending one in the child takes nothing below zero."""
    pool = telemetry.pool("gpu", limit=4)
    use = pool.use()
    use.__enter__()
    pool.timeout()
    here, there = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        at_start = pool.stats()
        use.__exit__(None, None, None)
        with pool.use():
            during = pool.stats()
        there.send((at_start, during, pool.stats()))
        os._exit(0)
    assert here.poll(20)
    at_start, during, after = here.recv()
    os.waitpid(child, 0)

    assert (at_start, during.used, after) == (PoolStats(used=0, limit=4), 1, PoolStats(used=0, limit=4))
    assert pool.stats() == PoolStats(used=1, limit=4, timeouts=1)
    use.__exit__(None, None, None)


def test_counts_that_began_before_the_sdk_are_right_after_it() -> None:
    """PRC.4: the pool counts without an SDK, and what it counted is reported when one is there."""
    import subprocess
    import sys

    program = """
from telemetry_kit import Telemetry
pool = Telemetry("shop.orders").pool("gpu", limit=4)
use = pool.use(); use.__enter__()
pool.timeout()
try:
    with pool.use():
        raise ValueError
except ValueError:
    pass
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
found = {
    (metric.name, point.attributes.get("error.type")): point.value
    for metric in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    for point in metric.data.data_points
}
assert found[("pool.usage", None)] == 1, found
assert found[("pool.utilization", None)] == 0.25, found
assert found[("pool.errors", "timeout")] == found[("pool.errors", "ValueError")] == 1, found
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60, env=os.environ)


def test_a_disabled_library_counts_for_itself_and_reports_nothing(
    captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TELEMETRY_KIT_DISABLED: the pool works as it did, and no metric comes of it."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.*")
    pool = Telemetry("shop.orders").pool("gpu", limit=4)

    with pool.use():
        assert pool.stats().used == 1

    assert captured.metrics == []


@pytest.mark.telemetry_capture(allow=("ended_twice",))
@pytest.mark.parametrize("begun", [0, 1])
def test_a_block_that_is_ended_again_is_a_fault(captured: Captured, telemetry: Telemetry, begun: int) -> None:
    """It raises nothing, and nothing is below zero."""
    for block in (telemetry.pool("gpu").use(), telemetry.pool("gpu").wait(), telemetry.cache("prices").load()):
        for _ in range(begun):
            block.__enter__()
        for _ in range(begun + 1):
            block.__exit__(None, None, None)

    assert captured.value("telemetry_kit.faults", {"fault.site": "block.end"}) >= 3
    assert (captured.value("pool.usage"), captured.value("pool.pending")) == (0, 0)


@pytest.mark.asyncio
async def test_tasks_that_share_a_block_have_their_own_times(
    captured: Captured, telemetry: Telemetry, clock: FakeClock
) -> None:
    """Who began first and ends first has neither the time nor the error of the other."""
    use, begun, ended = telemetry.pool("gpu").use(), asyncio.Event(), asyncio.Event()

    async def first() -> None:
        with pytest.raises(KeyError), use:
            clock.advance(1)
            await begun.wait()
            raise KeyError
        ended.set()

    async def second() -> None:
        with use:
            begun.set()
            await ended.wait()
            clock.advance(3)

    await asyncio.gather(first(), second())

    assert [point.sum for point in captured.points("pool.use_time") if "error.type" in point.attributes] == [1]
    assert [point.sum for point in captured.points("pool.use_time") if "error.type" not in point.attributes] == [3]
