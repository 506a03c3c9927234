"""What a child process counts, however it was started: its own, from zero, and no level of what only its parent uses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

OWNERS = '''
import functools, threading
from concurrent.futures import ThreadPoolExecutor
from telemetry_kit import Objective, PoolStats, Telemetry

telemetry = Telemetry("shop")
pool = telemetry.pool("gpu", limit=4)
cache = telemetry.cache("prices")
sold = telemetry.counter("sold", unit="{lamp}", description="Lamps that were sold")
checkout = telemetry.operation("checkout", sample_durations=0.0, objective=Objective(99.9))(lambda: None)
cached = functools.lru_cache(maxsize=None)(lambda key: key)
executor = telemetry.wrap_executor(ThreadPoolExecutor(2), name="resize")
permits = threading.BoundedSemaphore(5)
kept = [telemetry.observe_cache(cached, name="lru"), telemetry.observe_pool(permits, name="permits")]

class Seats:
    timeouts = 0
    def stats(self): return PoolStats(used=1, limit=2, timeouts=self.timeouts)

seats = Seats()
kept.append(telemetry.observe_pool(seats, name="seats", stats=seats.stats))

def work(times):
    """Counts `times` by each of them."""
    for number in range(times):
        pool.timeout()
        cache.hit()
        sold.add()
        checkout()
        cached(number)
        seats.timeouts += 1
        telemetry.event("sold")
        with telemetry.batch_job("billing", span=False).run() as run:
            run.processed()

work(3)
[executor.submit(abs, 1).result() for _ in range(3)]
block = pool.use()
block.__enter__()  # the parent's, while children start

def report(tasks):
    """What a child's SDK collects, before its executor runs anything, and after."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry import metrics

    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    work(1)
    reader.get_metrics_data()
    work(1)
    def values():
        data = reader.get_metrics_data()
        found = {}
        for metric in (m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics):
            for point in metric.data.data_points:
                at = dict(point.attributes)
                which = [at[key] for key in ("pool.name", "cache.name", "executor.name") if key in at]
                name = " ".join([metric.name, *which])
                found[name] = found.get(name, 0) + getattr(point, "value", 0)
        return found
    before = values()
    pool_of_child = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize") if tasks else None
    [pool_of_child.submit(abs, 1).result() for _ in range(tasks)]
    return before, values()
'''
PROGRAM = """
import json, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor

if __name__ == "__main__":
    method, preload = sys.argv[1:]
    context = multiprocessing.get_context(method)
    if preload:
        context.set_forkserver_preload([preload])
    import owners
    with ProcessPoolExecutor(1, mp_context=context) as processes:
        print(json.dumps(processes.submit(owners.report, 2).result(60)))
"""
COUNTED = (
    "pool.errors gpu", "pool.errors seats", "cache.requests prices", "cache.requests lru", "sold", "operation.calls",
    "operation.objective.calls", "telemetry_kit.events", "job.records"
)  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has spawn alone")
@pytest.mark.parametrize(
    ("method", "preload", "imported"),
    [("fork", "", 0), ("forkserver", "owners", 0), ("forkserver", "", 3), ("spawn", "", 3)],
    ids=["fork", "forkserver that has preloaded", "forkserver", "spawn"],
)
def test_a_child_counts_from_zero(tmp_path: Path, method: str, preload: str, imported: int) -> None:
    """PRC 6: what was counted before the fork isn't in it, what the child itself counts when it imports is."""
    (tmp_path / "owners.py").write_text(OWNERS)
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "program.py", method, preload],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    before, after = json.loads(done.stdout)

    expected = dict.fromkeys(COUNTED, imported + 2)
    if not imported:  # what a user's callable counts is asked for by a collection: its first is where the child begins
        expected["pool.errors seats"] = 1
    assert {name: before.get(name, 0) for name in COUNTED} == expected
    assert before["pool.usage gpu"] == (1 if imported else 0)
    assert after["executor.tasks resize"] == imported + 2
    assert before.get("executor.tasks resize", 0) == imported
    assert ("executor.worker.limit resize" in before) == bool(imported)
    assert after["executor.worker.limit resize"] == (3 if imported else 1)
