"""Instruments: one meter, one callback an instrument, sources that come, merge, fail and go."""

import gc
import math
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.metrics import Meter, MeterProvider, NoOpMeter
from opentelemetry.sdk.metrics import Meter as SdkMeter
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from telemetry_kit._core import faults as _faults
from telemetry_kit._core import sdk as _sdk
from telemetry_kit._core.instruments import NO_INSTRUMENTS, SCHEMA_URL, Instruments, instruments_of, series
from telemetry_kit._version import VERSION
from telemetry_kit.catalogue import CATALOGUE
from telemetry_kit.testing import Captured, point
from tests.support import Sdk

ROOT = Path(__file__).parents[2]
HISTOGRAMS = [spec for spec in CATALOGUE if spec.instrument == "histogram"]
OBSERVED = [spec for spec in CATALOGUE if spec.instrument != "histogram"]
GPU = series({"pool.name": "gpu"})
CPU = series({"pool.name": "cpu"})


class Owner:
    """What owns numbers: a pool, a queue."""

    def __init__(self, *readings: Any) -> None:
        self.readings = readings

    def read(self) -> Any:
        return self.readings


class Broken(Owner):
    """Gives what it has, and breaks then."""

    def read(self) -> Any:
        yield from self.readings
        raise OSError("the pool is closed")


@pytest.fixture
def instruments(captured: Captured) -> Instruments:
    return instruments_of()


@pytest.fixture
def faults() -> Iterator[Any]:
    """The faults of a site since the test began."""
    before = _faults.counts()
    return lambda site: _faults.counts().get(site, 0) - before.get(site, 0)


def merged(captured: Captured, metric: str, *numbers: Any) -> list[float]:
    """What sources of one series make of these numbers, one source each."""
    owners = [Owner((GPU, number)) for number in numbers]
    for owner in owners:
        instruments_of().observe(metric, owner, type(owner).read)
    return [found.value for found in captured.points(metric)]


def run(*program: str) -> None:
    """Run the program, which sets what is global, in a process of its own; it fails the test by raising."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    mine["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT), mine.get("PYTHONPATH", "")])
    command = [sys.executable, "-W", "error", "-c", "\n".join(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env=mine)
    assert done.returncode == 0, done.stderr


# Series


def test_equal_attributes_are_one_series() -> None:
    """Equal sets of attributes are the same object, in whatever order."""
    assert series({"a": 1, "b": "x"}) is series({"b": "x", "a": 1})


@pytest.mark.parametrize("other", [True, 1.0, "1"])
def test_values_of_another_type_are_another_series(other: Any) -> None:
    """1, 1.0 and True are equal in Python and three attribute values in OpenTelemetry."""
    assert series({"a": 1}) is not series({"a": other})


def test_a_series_that_nobody_uses_is_let_go() -> None:
    """Interning keeps nothing alive."""
    held = weakref.ref(series({"pool.name": "used once"}))
    gc.collect()

    assert held() is None


# One meter, one callback


@pytest.mark.parametrize("spec", OBSERVED, ids=lambda spec: spec.name)
def test_what_an_observed_metric_is(captured: Captured, instruments: Instruments, spec: Any) -> None:
    """Each observed metric of the catalogue arrives with its unit and description."""
    owner = Owner((GPU, (1, 2) if "utilization" in spec.name else 1))
    instruments.observe(spec.name, owner, Owner.read)

    assert captured.point(spec.name).unit == spec.unit
    assert {made.name: made.description for made in captured.meter_provider.instruments}[spec.name] == spec.description


@pytest.mark.parametrize("spec", HISTOGRAMS, ids=lambda spec: spec.name)
def test_buckets_are_advised(captured: Captured, instruments: Instruments, spec: Any) -> None:
    """Each histogram has the catalogue's buckets where the host has no view of its own."""
    instruments.histogram(spec.name).record(0.1, {})

    assert captured.point(spec.name).boundaries == spec.boundaries


def test_everything_is_on_one_meter(sdk: Sdk) -> None:
    """Histograms and observed numbers are in the scope `telemetry_kit`, with its version and the schema's URL."""
    instruments, owner = instruments_of(sdk.meter_provider), Owner((GPU, 1))
    instruments.observe("pool.usage", owner, Owner.read)
    instruments.histogram("pool.wait_time").record(0.1, {})
    collected: Any = sdk.reader.get_metrics_data()
    found = [part for resource in collected.resource_metrics for part in resource.scope_metrics]

    assert [(part.scope.name, part.scope.version, part.scope.schema_url) for part in found] == [
        ("telemetry_kit", VERSION, SCHEMA_URL)
    ]


def test_one_callback_for_all_sources(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sources there are, the SDK is given one instrument with one callback."""
    made: list[Any] = []
    create = SdkMeter.create_observable_up_down_counter

    def counted(meter: SdkMeter, name: str, callbacks: Any = None, **options: Any) -> Any:
        made.append((name, len(callbacks)))
        return create(meter, name, callbacks, **options)

    monkeypatch.setattr(SdkMeter, "create_observable_up_down_counter", counted)
    fresh = Instruments(sdk.meter_provider)
    made_at_once = list(made)
    owners = [Owner((GPU, 1)) for _ in range(5)]
    for owner in owners:
        fresh.observe("pool.usage", owner, Owner.read)

    assert made_at_once.count(("pool.usage", 1)) == 1
    assert made == made_at_once  # none is made later, where it would wait for a collection


def test_one_set_of_instruments_for_a_provider(sdk: Sdk) -> None:
    """All libraries on one provider share the instruments."""
    assert instruments_of(sdk.meter_provider) is instruments_of(sdk.meter_provider)


def test_two_providers_are_kept_apart(sdk: Sdk) -> None:
    """What is observed for one provider isn't reported to another."""
    other, owner = Sdk(), Owner((GPU, 1))
    instruments_of(sdk.meter_provider).observe("pool.usage", owner, Owner.read)
    instruments_of(other.meter_provider)

    assert (len(sdk.points("pool.usage")), len(other.points("pool.usage"))) == (1, 0)


def test_each_histogram_is_made_once(instruments: Instruments) -> None:
    """A histogram is the same object however often it is asked for."""
    assert instruments.histogram("pool.wait_time") is instruments.histogram("pool.wait_time")


# Merging


@pytest.mark.parametrize("metric", ["pool.usage", "cache.requests"])
def test_counts_of_one_series_are_summed(captured: Captured, metric: str) -> None:
    """Two pools of one name have together what each has."""
    assert merged(captured, metric, 3, 4) == [7]


def test_of_gauges_the_larger_counts(captured: Captured) -> None:
    """Of two start times of one job the later is said."""
    assert merged(captured, "job.start.timestamp", 1700.0, 1900.0, 1800.0) == [1900.0]


@pytest.mark.parametrize("metric", ["pool.utilization", "executor.worker.utilization"])
def test_ratios_are_of_the_sums(captured: Captured, metric: str) -> None:
    """1 of 2 and 1 of 8 is 2 of 10: shares are weighed by their limits."""
    assert merged(captured, metric, (1, 2), (1, 8)) == [0.2]


def test_a_ratio_without_a_limit_is_not_said(captured: Captured) -> None:
    """Nothing of nothing is no share, and no division by zero."""
    assert merged(captured, "pool.utilization", (0, 0)) == []


def test_the_worst_health_counts(captured: Captured) -> None:
    """Of two checks of one name one that fails is enough."""
    assert merged(captured, "health.status", 1, 0, 1) == [0]


def test_series_are_not_mixed(captured: Captured, instruments: Instruments) -> None:
    """Merging is within a series."""
    owner = Owner((GPU, 1), (CPU, 2), (GPU, 10))
    instruments.observe("pool.usage", owner, Owner.read)

    assert captured.points("pool.usage") == [
        point(value=2, attributes={"pool.name": "cpu"}),
        point(value=11, attributes={"pool.name": "gpu"}),
    ]


# Sources that fail


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("metric", ["pool.usage", "job.elapsed"])
@pytest.mark.parametrize("first", [True, False], ids=["bad first", "bad last"])
def test_a_source_that_raises_loses_no_other(
    captured: Captured, instruments: Instruments, metric: str, first: bool
) -> None:
    """The others are read, whether summed or merged, before and after it."""
    bad, good = Broken(), Owner((GPU, 3))
    for owner in (bad, good) if first else (good, bad):
        instruments.observe(metric, owner, type(owner).read)

    assert captured.value(metric) == 3


@pytest.mark.telemetry_capture(allow=("fault",))
def test_what_a_source_said_before_it_raised_counts(captured: Captured, instruments: Instruments) -> None:
    """A source that breaks halfway keeps the half that it gave."""
    owner = Broken((GPU, 5))
    instruments.observe("pool.usage", owner, Broken.read)

    assert captured.value("pool.usage") == 5


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_source_that_raises_is_counted(captured: Captured, instruments: Instruments, faults: Any) -> None:
    """The fault's site names the metric."""
    owner = Broken()
    instruments.observe("pool.usage", owner, Broken.read)
    captured.metrics

    assert faults("observe.pool.usage") == 1


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize(
    ("metric", "bad"),
    [
        ("pool.usage", (GPU, "many")),
        ("pool.usage", (GPU, None)),
        ("pool.usage", (GPU, math.nan)),
        ("pool.usage", GPU),
        ("job.elapsed", (GPU, "long")),
        ("job.elapsed", (GPU, None)),
        ("pool.utilization", (GPU, 7)),
        ("pool.utilization", (GPU, ("a", "b"))),
        ("pool.utilization", (GPU, (1, math.nan))),
    ],
    ids=[
        "text summed",
        "None summed",
        "NaN summed",
        "no pair",
        "text of a gauge",
        "None of a gauge",
        "one number for a ratio",
        "texts for a ratio",
        "NaN for a ratio",
    ],
)
def test_a_source_that_gives_no_number_loses_no_other(
    captured: Captured, instruments: Instruments, metric: str, bad: Any
) -> None:
    """What isn't a number, or no pair at all, costs that source only."""
    wrong, good = Owner(bad), Owner((CPU, (1, 2) if metric == "pool.utilization" else 3))
    for owner in (wrong, good):
        instruments.observe(metric, owner, Owner.read)

    assert captured.points(metric) == [point(attributes={"pool.name": "cpu"})]


# Sources that go


def test_a_source_goes_with_its_owner(captured: Captured, instruments: Instruments) -> None:
    """The kit keeps no owner alive, and its series end with it."""
    owner = Owner((GPU, 1))
    instruments.observe("pool.usage", owner, Owner.read)
    del owner
    gc.collect()

    assert captured.points("pool.usage") == []


def test_an_owner_that_goes_leaves_the_others(captured: Captured, instruments: Instruments) -> None:
    """Only the series of the one that went end."""
    gone, stays = Owner((GPU, 1)), Owner((CPU, 2))
    for owner in (gone, stays):
        instruments.observe("pool.usage", owner, Owner.read)
    del gone, owner
    gc.collect()

    assert captured.points("pool.usage") == [point(attributes={"pool.name": "cpu"})]


def test_sources_of_gone_owners_are_forgotten_unread() -> None:
    """Without an SDK nobody reads; what is registered next lets go of what is gone."""
    instruments = Instruments()
    for _ in range(100):
        instruments.observe("pool.usage", Owner(), Owner.read)
        gc.collect(0)

    assert len(instruments._observed["pool.usage"].sources) <= 1


def test_an_owner_that_can_t_be_held_weakly_is_held(captured: Captured, instruments: Instruments) -> None:
    """What takes no weak reference is kept until `stop()`."""
    source = instruments.observe("pool.usage", (GPU, 4), lambda pair: [pair])
    gc.collect()

    assert captured.value("pool.usage") == 4
    source.stop()
    assert captured.points("pool.usage") == []


def test_stop_ends_the_series(captured: Captured, instruments: Instruments) -> None:
    """After `stop()` a source isn't read, though its owner lives."""
    owner = Owner((GPU, 1))
    instruments.observe("pool.usage", owner, Owner.read).stop()

    assert captured.points("pool.usage") == []


def test_stop_ends_one_source(captured: Captured, instruments: Instruments) -> None:
    """Another source of the same series goes on."""
    owner = Owner((GPU, 1))
    stopped = instruments.observe("pool.usage", owner, Owner.read)
    instruments.observe("pool.usage", owner, Owner.read)
    stopped.stop()

    assert captured.value("pool.usage") == 1


def test_stop_twice_is_stop() -> None:
    """The second `stop()` does nothing."""
    instruments = Instruments()
    source = instruments.observe("pool.usage", Owner(), Owner.read)
    source.stop()
    source.stop()

    assert instruments._observed["pool.usage"].sources == {}


def test_a_source_may_stop_while_it_is_read(captured: Captured, instruments: Instruments) -> None:
    """A reading that ends its own source, or another, disturbs no collection."""
    owner = Owner((GPU, 1))
    sources: list[Any] = []

    def read(owner: Owner) -> Any:
        for source in sources:
            source.stop()
        return owner.read()

    sources += [instruments.observe("pool.usage", owner, read) for _ in range(2)]
    captured.metrics

    assert captured.points("pool.usage") == []


# Providers that come, change and go

GLOBAL = """
import opentelemetry.metrics
from telemetry_kit._core.instruments import instruments_of, series
from tests.support import Sdk
class Owner: pass
owner, instruments, here = Owner(), instruments_of(None), series({"pool.name": "gpu"})
instruments.observe("pool.usage", owner, lambda _: [(here, 3)])
first, second = Sdk(), Sdk()
"""
FIRST = "opentelemetry.metrics.set_meter_provider(first.meter_provider)"
SECOND = "opentelemetry.metrics._internal._METER_PROVIDER = second.meter_provider"
RECORD = "instruments.histogram('pool.wait_time').record(0.1, {})"


def test_what_is_observed_before_an_sdk_is_reported_to_it() -> None:
    """The API hands on what was made before the host set its provider."""
    run(GLOBAL, FIRST, "assert first.value('pool.usage') == 3")


def test_a_late_provider_is_bound_once() -> None:
    """That the kit notices the provider which the API has already upgraded to makes no number twice."""
    run(GLOBAL, FIRST, RECORD, RECORD, "assert first.value('pool.usage') == 3")


def test_what_is_observed_follows_the_global_provider() -> None:
    """Where another provider takes the place of the global one, sources are reported there from the next recording."""
    run(GLOBAL, FIRST, RECORD, SECOND, RECORD, "assert second.value('pool.usage') == 3")


def test_histograms_follow_the_global_provider() -> None:
    """What is recorded after the change goes to the new provider alone."""
    counted = "assert (first.value('pool.wait_time'), second.value('pool.wait_time')) == (1, 2)"
    run(GLOBAL, RECORD, FIRST, RECORD, SECOND, RECORD, RECORD, counted)


def test_a_provider_set_back_is_bound_again() -> None:
    """Back at the first provider nothing is counted twice there."""
    back = "opentelemetry.metrics._internal._METER_PROVIDER = first.meter_provider"
    run(GLOBAL, FIRST, RECORD, SECOND, RECORD, back, RECORD, "assert first.value('pool.usage') == 3")


def test_an_override_is_followed(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture gets what was observed for the global provider."""
    instruments, owner = Instruments(), Owner((GPU, 2))
    instruments.observe("pool.usage", owner, Owner.read)
    monkeypatch.setattr(_sdk, "override", _sdk.Providers(sdk.tracer_provider, sdk.meter_provider, sdk.logger_provider))
    instruments.provider()

    assert sdk.value("pool.usage") == 2


def test_an_explicit_provider_is_freed() -> None:
    """The kit keeps no provider alive that somebody made, used and let go."""
    reader = InMemoryMetricReader()
    provider = SdkMeterProvider([reader], shutdown_on_exit=False)
    instruments, owner = instruments_of(provider), Owner((GPU, 1))
    instruments.observe("pool.usage", owner, Owner.read)
    instruments.histogram("pool.wait_time").record(0.1, {})
    held = weakref.ref(provider)
    provider.shutdown()
    del provider, reader, instruments
    gc.collect()

    assert held() is None


def test_a_freed_provider_ends_the_histogram() -> None:
    """A histogram of a provider that is gone raises nothing and gives no provider."""
    provider = SdkMeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    instruments = instruments_of(provider)
    provider.shutdown()
    del provider
    gc.collect()
    instruments.histogram("pool.wait_time").record(0.1, {})

    assert instruments.provider() is None


# Providers of hosts, told apart by identity


@dataclass
class Tenant(MeterProvider):
    """Equal to any other of its tenant, and, as any dataclass that is compared, without a hash."""

    tenant: str
    real: Any = field(compare=False)

    def get_meter(self, *args: Any, **kwargs: Any) -> Meter:
        return self.real.get_meter(*args, **kwargs)


class Slotted:
    """Has no hash and can't be referenced weakly; that it is empty, as far as `bool` goes, is nobody's business."""

    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("real",)

    def __init__(self, real: Any) -> None:
        self.real = real

    def __len__(self) -> int:
        return 0

    def get_meter(self, *args: Any, **kwargs: Any) -> Meter:
        return self.real.get_meter(*args, **kwargs)


class Crowded:
    """Every one is equal to every other, with one hash, and asking costs an exception."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("don't compare me")

    def __hash__(self) -> int:
        return 1

    def get_meter(self, *args: Any, **kwargs: Any) -> Meter:
        return self.real.get_meter(*args, **kwargs)


@pytest.mark.parametrize("wrap", [lambda real: Tenant("acme", real), Slotted, Crowded])
def test_two_providers_are_told_apart_by_identity(sdk: Sdk, wrap: Any) -> None:
    """PRC 7: providers without a hash, without weak references, or equal to one another each get what is theirs."""
    other = Sdk()
    one, two = (wrap(each.meter_provider) for each in (sdk, other))
    owner, another = Owner((GPU, 1)), Owner((GPU, 2))
    instruments_of(one).observe("pool.usage", owner, Owner.read)
    instruments_of(two).observe("pool.usage", another, Owner.read)
    instruments_of(one).histogram("pool.wait_time").record(1.0, {})
    instruments_of(two).histogram("pool.wait_time").record(2.0, {})
    found = [(each.value("pool.usage"), each.point("pool.wait_time").sum) for each in (sdk, other)]
    other.shutdown()

    assert found == [(1, 1.0), (2, 2.0)]


@pytest.mark.parametrize("wrap", [lambda real: Tenant("acme", real), Slotted, Crowded])
def test_one_provider_has_one_set_of_instruments(sdk: Sdk, wrap: Any) -> None:
    """PRC 7: however odd it is, a provider is the same one when it is handed over again."""
    provider = wrap(sdk.meter_provider)

    assert instruments_of(provider) is instruments_of(provider)


@pytest.mark.parametrize("explicit_first", [True, False])
@pytest.mark.parametrize("others", [True, False])
def test_the_global_provider_handed_over_explicitly(explicit_first: bool, others: bool) -> None:
    """PRC 3: observed numbers of whoever names the global provider and of whoever doesn't are there, whatever the order."""
    make = "explicit = Telemetry('explicit', meter_provider=provider).pool('gpu', limit=2)"
    install = "opentelemetry.metrics.set_meter_provider(provider)"
    run(
        "import opentelemetry.metrics",
        "from opentelemetry.sdk.metrics import MeterProvider",
        "from opentelemetry.sdk.metrics.export import InMemoryMetricReader",
        "from telemetry_kit import Telemetry",
        "reader = InMemoryMetricReader()",
        "provider = MeterProvider([reader])",
        "early = Telemetry('early').pool('gpu', limit=3)" if others else "early = None",
        *([make, install] if explicit_first else [install, make]),
        "late = Telemetry('late').pool('gpu', limit=4)",
        "late.timeout(); explicit.timeout()",
        "found = [metric for resource in reader.get_metrics_data().resource_metrics",
        "         for scope in resource.scope_metrics for metric in scope.metrics]",
        "points = {(metric.name, point.attributes['scope.name']): point.value",
        "          for metric in found if metric.name in ('pool.limit', 'pool.errors') for point in metric.data.data_points}",
        "limits = {scope: number for (name, scope), number in points.items() if name == 'pool.limit'}",
        f"assert limits == {{'explicit': 2, 'late': 4, **({{'early': 3}} if {others} else {{}})}}, points",
        "errors = {scope: number for (name, scope), number in points.items() if name == 'pool.errors' and number}",
        "assert errors == {'explicit': 1, 'late': 1}, points",
    )


# Meters of strangers


class Stranger(MeterProvider):
    """A provider of somebody else's, on whose meter everything raises, or which raises itself."""

    def __init__(self, where: str) -> None:
        self.where = where

    def get_meter(self, name: str, *_: Any, **__: Any) -> Meter:
        if self.where == "get_meter":
            raise RuntimeError("no meters today")
        return RaisingMeter(name)


class RaisingMeter(NoOpMeter):
    def _raise(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no instruments today")

    create_histogram = _raise
    create_observable_counter = _raise
    create_observable_gauge = _raise
    create_observable_up_down_counter = _raise


class RaisingHistogram:
    def record(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("nothing is recorded today")


@pytest.fixture(params=["get_meter", "create"])
def stranger(request: pytest.FixtureRequest) -> Stranger:
    return Stranger(request.param)


def test_a_meter_that_raises_is_kept_from_who_records(stranger: Stranger, faults: Any) -> None:
    """Recording on it does nothing but count the fault."""
    instruments_of(stranger).histogram("pool.wait_time").record(0.1, {})

    assert faults("metrics.create") >= 1


def test_a_meter_that_raises_is_asked_once_for_a_histogram(stranger: Stranger, faults: Any) -> None:
    """It isn't asked again with every recording."""
    histogram = instruments_of(stranger).histogram("pool.wait_time")
    histogram.record(0.1, {})
    before = faults("metrics.create")
    histogram.record(0.1, {})

    assert faults("metrics.create") == before


def test_a_meter_that_raises_is_kept_from_who_observes(stranger: Stranger) -> None:
    """Observing on it gives a source that can be stopped."""
    owner = Owner()
    source = instruments_of(stranger).observe("pool.usage", owner, Owner.read)
    assert source.owner() is owner

    source.stop()

    assert not instruments_of(stranger)._observed["pool.usage"].sources


def test_a_histogram_that_raises_is_kept_from_who_records(
    sdk: Sdk, monkeypatch: pytest.MonkeyPatch, faults: Any
) -> None:
    """A fault in the instrument itself is counted at the site of recording."""
    monkeypatch.setattr(SdkMeter, "create_histogram", lambda *_, **__: RaisingHistogram())
    instruments_of(sdk.meter_provider).histogram("pool.wait_time").record(0.1, {})

    assert faults("metrics.record") == 1


# A library that is switched off


def test_nothing_is_observed_where_it_is_switched_off() -> None:
    """There a source is a handle and no more."""
    owner = Owner((GPU, 1))
    NO_INSTRUMENTS.observe("pool.usage", owner, Owner.read).stop()

    assert NO_INSTRUMENTS.provider() is None
