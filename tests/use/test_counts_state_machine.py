"""Counts over owners that come, go, fork and are replaced: exact in every collection, cumulative and as deltas, also in
children that were started by a fork server or spawned."""

import functools
import gc
import multiprocessing
import os
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader

from telemetry_kit import ErrorPolicy, Objective, PoolStats, Telemetry

NAMES = st.sampled_from(["a", "b"])
NUMBERS = st.integers(0, 5)
COUNTED = {
    "executor.tasks": "executor.name",
    "cache.requests": "cache.name",
    "cache.evictions": "cache.name",
    "job.records": "job.name",
    "operation.objective.calls": "operation.name",
    "pool.errors": "pool.name",
    "sold": "kind",
    "operation.calls": "operation.name",
    "telemetry_kit.exception.suppressed": "operation.name",
}
"""The counters, and the attribute by which the model tells their series apart."""


def counts(reader: InMemoryMetricReader) -> Counter[tuple[str, str]]:
    """What a reader collects, by metric and name."""
    found: Counter[tuple[str, str]] = Counter()
    data = reader.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points if metric.name in COUNTED else ():
                    value = int(getattr(point, "value", 0))
                    assert value >= 0, f"{metric.name} has a negative point: {point}"
                    found[metric.name, str((point.attributes or {})[COUNTED[metric.name]])] += value
    return +found


class Pool:
    """Something whose timeouts somebody else counts."""

    timeouts = 0

    def stats(self) -> PoolStats:
        return PoolStats(used=0, timeouts=self.timeouts)


class Owners(RuleBasedStateMachine):
    """Each rule does something that counts, or lets an owner go, and the model knows what that makes."""

    @initialize()
    def begin(self) -> None:
        delta = dict.fromkeys((SdkCounter, ObservableCounter), AggregationTemporality.DELTA)
        self.cumulative = InMemoryMetricReader()
        self.deltas = InMemoryMetricReader(preferred_temporality=delta)
        self.provider = MeterProvider([self.cumulative, self.deltas], shutdown_on_exit=False)
        self.model: Counter[tuple[str, str]] = Counter()
        self.summed: Counter[tuple[str, str]] = Counter()
        self.successes: Counter[str] = Counter()
        self.executors: dict[str, Any] = {}
        self.bare: dict[str, ThreadPoolExecutor] = {}
        self.cached: dict[str, Any] = {}
        self.handles: dict[str, list[Any]] = {}
        self.pools: dict[str, Any] = {}
        self.renew()

    @rule()
    def renew(self) -> None:
        """The `Telemetry` and its policy go, and others of their name come."""
        policy = ErrorPolicy(rate=0.0, burst=0, total_rate=0.0, total_burst=0)
        self.telemetry = Telemetry("shop", meter_provider=self.provider, errors=policy)
        gc.collect()

    @rule(name=NAMES, well=NUMBERS, ill=NUMBERS, again=st.booleans())
    def run_tasks(self, name: str, well: int, ill: int, again: bool) -> None:
        """On the executor that is there, or on one wrapped once more."""
        bare = self.bare.setdefault(name, ThreadPoolExecutor(1))
        if again or name not in self.executors:
            self.executors[name] = self.telemetry.wrap_executor(bare, name=name)
        executor = self.executors[name]
        for task in [*(executor.submit(abs, 1) for _ in range(well)), *(executor.submit(int, "x") for _ in range(ill))]:
            task.exception(30)
        # The last task may be about to be counted: one more after it is not.
        executor.submit(abs, 1).result(30)
        executor.shutdown()
        self.executors.pop(name)
        self.bare.pop(name)
        self.model["executor.tasks", name] += well + ill + 1

    @rule(name=NAMES, calls=NUMBERS)
    def call_cached(self, name: str, calls: int) -> None:
        """A cached function that is observed, as often as may be."""
        if name not in self.cached:
            self.cached[name] = functools.lru_cache(3)(lambda key: key)
        self.handles.setdefault(name, []).append(self.telemetry.observe_cache(self.cached[name], name=name))
        for key in range(calls):
            self.cached[name](key)
        self.model["cache.requests", name] += calls

    @rule(name=NAMES)
    def drop_cached(self, name: str) -> None:
        """Its last counts are known when it has been observed to the end, or a collection came."""
        for handle in self.handles.pop(name, []):
            handle.stop()
        self.cached.pop(name, None)

    @rule(name=NAMES)
    def clear_cached(self, name: str) -> None:
        """All begins anew in the function, and nothing in the counter."""
        if name in self.cached:
            counts(self.cumulative)
            self.cached[name].cache_clear()

    @rule(name=NAMES, timeouts=NUMBERS)
    def time_out(self, name: str, timeouts: int) -> None:
        """A pool that counts for itself, under the name of one that is counted."""
        if name not in self.pools:
            pool = Pool()
            self.pools[name] = pool, self.telemetry.observe_pool(pool, name=name, stats=pool.stats)
        self.pools[name][0].timeouts += timeouts
        by_hand = self.telemetry.pool(name)
        by_hand.timeout()
        self.model["pool.errors", name] += timeouts + 1

    @rule(name=NAMES)
    def drop_pool(self, name: str) -> None:
        if name in self.pools:
            counts(self.cumulative)
            self.pools.pop(name)[1].stop()

    @rule(name=NAMES, amount=NUMBERS)
    def sell(self, name: str, amount: int) -> None:
        counter = self.telemetry.counter("sold", unit="{lamp}", description="Lamps that were sold")
        counter.add(amount, {"kind": name})
        self.model["sold", name] += amount

    @rule(name=NAMES, entries=NUMBERS)
    def evict(self, name: str, entries: int) -> None:
        """By a cache that its user counts, under the name of one that counts itself."""
        self.telemetry.cache(name).evicted(entries)
        self.model["cache.evictions", name] += entries

    @rule(name=NAMES, well=NUMBERS, ill=NUMBERS)
    def run_job(self, name: str, well: int, ill: int) -> None:
        """A job that is made, run and let go; two runs overlap."""
        with self.telemetry.batch_job(name, span=False).run() as run:
            with self.telemetry.batch_job(name, span=False).run() as other:
                other.failed(ill, "bad_row")
            run.processed(well)
        self.model["job.records", name] += well + ill

    @rule(name=NAMES, calls=NUMBERS, share=st.sampled_from([0.0, 1.0]))
    def promise(self, name: str, calls: int, share: float) -> None:
        """Calls that an objective counts, of an operation whose name others have that have none."""
        operation = self.telemetry.operation(name, span=False, objective=Objective(99.9), sample_durations=share)
        promised = operation(lambda: None)
        for _ in range(calls):
            promised()
        self.model["operation.objective.calls", name] += calls
        if not share:
            self.successes[name] += calls
            self.model["operation.calls", name] += calls

    @rule(name=NAMES, calls=NUMBERS)
    def call(self, name: str, calls: int) -> None:
        """Sampled calls, of which each fails and none is described."""
        operation = self.telemetry.operation(name, span=False, sample_durations=0.0)
        for _ in range(calls):
            with pytest.raises(KeyError), operation.measure():
                raise KeyError
        self.model["operation.calls", name] += calls

    @rule(name=NAMES, lamps=NUMBERS)
    def fork(self, name: str, lamps: int) -> None:
        """A child begins at zero, and what it counts is its own."""
        if not hasattr(os, "fork"):
            return
        child = os.fork()
        if child == 0:  # pragma: no cover - in the child
            status = 1
            try:
                reader = InMemoryMetricReader()
                self.cumulative = reader
                mine = +Counter({("cache.requests", name): lamps, ("sold", name): lamps})
                if name in self.cached:
                    for key in range(lamps):
                        self.cached[name](key)
                else:
                    for _ in range(lamps):
                        self.telemetry.cache(name).hit()
                self.telemetry.counter("sold", unit="{lamp}", description="").add(lamps, {"kind": name})
                observed = self.telemetry._scope.instruments._observed
                found = Counter(
                    {
                        ("cache.requests", str(point.attributes["cache.name"])): 0
                        for point in observed["cache.requests"]()
                    }
                )
                for metric in COUNTED.keys() - {"sold", "telemetry_kit.exception.suppressed"}:
                    for point in observed[metric]():
                        found[metric, str(point.attributes[COUNTED[metric]])] += int(point.value)
                del mine["sold", name]
                status = int(+found != +mine)
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    @invariant()
    def is_exact(self) -> None:
        """Cumulative values are the model's, and so are the sums of all deltas."""
        assert self.deduced(counts(self.cumulative)) == +self.model
        self.summed += counts(self.deltas)
        assert self.deduced(self.summed) == +self.model

    def deduced(self, found: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
        """Without what the model doesn't follow: suppressed errors, of which there is one for each failing call."""
        suppressed = {key: number for key, number in found.items() if key[0] == "telemetry_kit.exception.suppressed"}
        for (_, name), number in suppressed.items():
            assert number == found["operation.calls", name] - self.successes[name]
        return Counter({key: number for key, number in found.items() if key not in suppressed and number})


TestOwners = pytest.mark.timeout(900)(pytest.mark.slow(Owners.TestCase))
TestOwners.settings = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.soak
class TestOwnersForLong(Owners.TestCase):  # type: ignore[misc,valid-type]
    settings = settings(
        max_examples=500,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


STEPS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "renew": {},
    "run_tasks": {"name": NAMES, "well": NUMBERS, "ill": NUMBERS, "again": st.booleans()},
    "call_cached": {"name": NAMES, "calls": NUMBERS},
    "drop_cached": {"name": NAMES},
    "clear_cached": {"name": NAMES},
    "time_out": {"name": NAMES, "timeouts": NUMBERS},
    "drop_pool": {"name": NAMES},
    "sell": {"name": NAMES, "amount": NUMBERS},
    "evict": {"name": NAMES, "entries": NUMBERS},
    "run_job": {"name": NAMES, "well": NUMBERS, "ill": NUMBERS},
    "promise": {"name": NAMES, "calls": NUMBERS, "share": st.sampled_from([0.0, 1.0])},
    "call": {"name": NAMES, "calls": NUMBERS},
    "fork": {"name": NAMES, "lamps": NUMBERS},
}
"""What owners do, with what is drawn for it."""
PLACES = ("here", "forkserver", "spawn")
ANSWERS_WITHIN = 120
"""Seconds that a child has for a step, its start and its imports included."""


def obey(connection: Connection) -> None:
    """Runs in a child, which imports this module: owners of its own, who do what they are told and say whether they are
    exact."""
    owners = Owners()
    for name, drawn in iter(connection.recv, None):
        try:
            if name == "begin":
                owners = Owners()
            getattr(owners, name)(**drawn)
            owners.is_exact()
            connection.send("")
        except BaseException:
            connection.send(traceback.format_exc())


class Child:
    """A process that is started once, since that takes long, and told what to do."""

    def __init__(self, method: str) -> None:
        context: Any = multiprocessing.get_context(method)
        context.set_forkserver_preload([__name__])
        self._here, there = context.Pipe()
        self._process = context.Process(target=obey, args=(there,), daemon=True)
        self._process.start()
        there.close()

    def tell(self, step: str, drawn: dict[str, Any]) -> None:
        self._here.send((step, drawn))
        assert self._here.poll(ANSWERS_WITHIN), f"no answer to {step}"
        answer = self._here.recv()
        assert not answer, answer

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._here.close()


children: dict[str, Child] = {}


@pytest.fixture(scope="module", autouse=True)
def no_child_stays() -> Iterator[None]:
    """They end with the module."""
    yield
    while children:
        children.popitem()[1].end()


class OwnersElsewhere(RuleBasedStateMachine):
    """Owners here and in children that imported their modules anew: each counts its own, from zero, whatever others do."""

    @initialize()
    def begin(self) -> None:
        self.here = Owners()
        self.here.begin()
        for method in PLACES[1:]:
            child = children.get(method) or children.setdefault(method, Child(method))
            child.tell("begin", {})

    @rule(place=st.sampled_from(PLACES), data=st.data(), name=st.sampled_from([*sorted(STEPS), "replace"]))
    def step(self, place: str, data: st.DataObject, name: str) -> None:
        if name == "replace":  # now and then, since it takes long
            self.replace()
            return
        drawn = {option: data.draw(strategy) for option, strategy in STEPS[name].items()}
        if place == "here":
            getattr(self.here, name)(**drawn)
        else:
            children[place].tell(name, drawn)

    def replace(self) -> None:
        """A child dies in the middle of its work, and the next one begins at zero."""
        children.pop("forkserver").end()
        children["forkserver"] = Child("forkserver")
        children["forkserver"].tell("begin", {})

    @invariant()
    def is_exact(self) -> None:
        """What children count is not counted here."""
        self.here.is_exact()


TestOwnersElsewhere = pytest.mark.timeout(900)(pytest.mark.slow(OwnersElsewhere.TestCase))
TestOwnersElsewhere.settings = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
