"""From the catalogue to instruments: the only caller of `meter.create_*`.

All metrics of the kit live on one meter per meter provider (scope `telemetry_kit`): with the Prometheus exporter two
scopes that record one metric with different attributes get each other's label values, and an observable instrument
takes callbacks only when it is made. The owner of a number is an attribute, `scope.name`.

All observable instruments are made at once: the SDK makes none while it collects, and a helper that is made meanwhile
would wait for the slowest callback.
"""

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import opentelemetry.metrics
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.semconv.schemas import Schemas

from telemetry_kit._core import faults, forks, reentrancy, sdk
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.observed import (
    Account,
    Merge,
    Observed,
    Owner,
    Reading,
    Series,
    Since,
    Source,
    merge_of,
    series,
)
from telemetry_kit._version import VERSION
from telemetry_kit.catalogue import METRICS, keys

__all__ = [
    "NO_INSTRUMENTS",
    "SCHEMA_URL",
    "Histogram",
    "Instruments",
    "Reading",
    "Series",
    "instruments_of",
    "joined",
    "series",
]

SCOPE = "telemetry_kit"
SCHEMA_URL: str = list(Schemas)[-1].value
"""The semantic conventions that the installed package describes."""
_OBSERVED = tuple(name for name, spec in METRICS.items() if spec.instrument != "histogram")
_lock = forks.Lock()


class Histogram:
    """A histogram of the catalogue, on whatever SDK there is now; without one a no-op."""

    __slots__ = ("_bound", "_instruments", "_record", "name")

    def __init__(self, instruments: "Instruments", name: str) -> None:
        self.name: str = name
        self._instruments = instruments
        self._bound: object = None
        self._record: Callable[..., None] | None = None

    @reentrancy.section
    def record(self, value: float, attributes: Mapping[str, AttributeValue], context: Context | None = None) -> None:
        """Record `value`, now or, inside a finaliser or signal handler, at the next safe point. Never raises."""
        record = self.recorder()
        if record is None:
            return
        here = reentrancy.here.state
        if (here.busy and reentrancy.still_busy()) or (
            reentrancy.latest.reported is reentrancy.begun.reported and reentrancy.collecting()
        ):
            reentrancy.later(lambda: self._record_late(value, attributes, context))
            return
        try:
            here.busy = True
            record(value, attributes, context)
        except Exception as fault:
            faults.record("metrics.record", fault)
        finally:
            here.busy = False

    def _record_late(self, value: float, attributes: Mapping[str, AttributeValue], context: Context | None) -> None:
        record = self.recorder()
        if record is not None:
            with faults.guard("metrics.record"):
                record(value, attributes, context)

    def recorder(self) -> Callable[..., None] | None:
        """The SDK instrument's own `record`, None without an SDK: for whoever guards the call itself."""
        instruments = self._instruments
        mark: Any = instruments.explicit
        if mark is None:
            mark = sdk.metrics._METER_PROVIDER if sdk.override is None else sdk.override.meter_provider
        if mark is not self._bound:
            self._record = self._make(instruments.provider())
            self._bound = mark
        return self._record

    def _make(self, provider: MeterProvider | None) -> Callable[..., None] | None:
        if provider is None:
            return None
        spec = METRICS[self.name]
        try:
            meter = provider.get_meter(SCOPE, VERSION, SCHEMA_URL)
            made = meter.create_histogram(
                spec.name, spec.unit, spec.description, explicit_bucket_boundaries_advisory=spec.boundaries
            )
            record: Callable[..., None] = made.record
        except Exception as fault:
            faults.record("metrics.create", fault)
            return None
        return record


class Collection:
    """One of the host's collections: what is read for several metrics is read once in each."""

    __slots__ = ("reporters",)

    def __init__(self) -> None:
        self.reporters: dict[Any, Any] = {}
        """Who reports what, where only one may: by what it is of."""


class Instruments:
    """The instruments on one meter provider; None stands for the global one, whichever that is and becomes."""

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        self.explicit: Callable[[], MeterProvider | None] | None = None
        """Weak, so that a provider of a test or of a plug-in goes when its owner lets it go."""
        if meter_provider is not None:
            self.explicit = _reference(meter_provider)
        self._bound: MeterProvider | None = None
        self._histograms: dict[str, Histogram] = {}
        self._asked: set[str] = set()
        self.collection: Collection = Collection()
        self._makers: list[Callable[[MeterProvider], None]] = []
        self._observed: dict[str, Observed] = {
            name: self._made(Observed(name, self._collecting, merge_of(name), self._beside), _create)
            for name in _OBSERVED
        }
        self.kept: dict[object, Any] = {}
        """What a capability keeps once a meter provider: see `Registry`."""
        self.observe("telemetry_kit.faults", faults, _read_faults)

    def provider(self) -> MeterProvider | None:
        """The provider of now, None while there is no SDK."""
        if self.explicit is not None:
            return self.explicit()
        provider = sdk.meter_provider()
        if provider is not self._bound and provider is not None:
            self._bind(provider)
        return provider

    def histogram(self, name: str) -> Histogram:
        """The histogram `name` of the catalogue."""
        try:
            return self._histograms[name]
        except KeyError:
            return self._histograms.setdefault(name, Histogram(self, name))

    def observe(self, name: str, owner: Owner, read: Callable[[Owner], Reading], since: Since | None = None) -> Source:
        """Have `read(owner)` asked at each collection of the metric `name`, as long as `owner` lives; a capture asks
        `since(owner, then)`, where what is asked grows with all that was ever made.

        `read` must not refer to the owner by itself: give a function or an unbound method.
        """
        return self._observed[name].add(owner, read, since)

    def newest_source(self) -> int:
        """Which of those that are asked came last: a higher number came later."""
        return max(observed.newest_source() for observed in (*self._observed.values(), _joined))

    def account(self, name: str) -> Account:
        """What is counted of the counter `name`, by whomever: it lives as long as the provider, the global one for
        the life of the process."""
        observed = self._observed[name]
        if observed.account is None:
            with _lock:
                if observed.account is None:
                    observed.account = Account()
        return observed.account

    def own(self, name: str, merge: Merge | None, create: Callable[[MeterProvider, Observed], object]) -> Observed:
        """An observable instrument of a library's own: `create` makes it on each provider that there is and will be."""
        return self._made(Observed(name, self._collecting, merge), create)

    def _made(self, observed: Observed, create: Callable[[MeterProvider, Observed], object]) -> Observed:
        def make(provider: MeterProvider) -> None:
            try:
                reentrancy.inside(create, provider, observed)
            except Exception as fault:
                faults.record("metrics.create", fault)

        self._makers.append(make)
        for provider in self._providers():
            make(provider)
        return observed

    def _providers(self) -> list[MeterProvider]:
        """Where an instrument is made at first: the API's own provider brings it to the one that will be global."""
        if self.explicit is not None:
            given = self.explicit()
            return [] if given is None else [given]
        return [_placeholder()] if sdk.override is None else [_placeholder(), sdk.override.meter_provider]

    def _beside(self, name: str) -> Observed | None:
        """What the global instruments observe, where this provider has become the global one: of two observable
        instruments of one name the SDK asks the one that was made first."""
        if self.explicit is None or _global is None or self.explicit() is not sdk.of_host()[1]:
            return None
        return _global._observed.get(name)

    def _collecting(self, name: str) -> None:
        """A metric is asked for: again, so that this is another collection, or for the first time in this one."""
        if name in self._asked:
            self._asked = set()
            self.collection = Collection()
        self._asked.add(name)

    def _bind(self, provider: MeterProvider) -> None:
        """The global provider has come or changed. The API has upgraded what was made before; where a test or a
        capture put another one in its place, everything is made there too. Making it twice is harmless."""
        self._bound = provider
        for make in list(self._makers):
            make(provider)


def _create(provider: MeterProvider, observed: Observed) -> None:
    """Make one of the catalogue's."""
    spec = METRICS[observed.name]
    make = getattr(provider.get_meter(SCOPE, VERSION, SCHEMA_URL), f"create_{spec.instrument}")
    make(spec.name, callbacks=[observed], unit=spec.unit, description=spec.description)


class _Nothing(Instruments):
    """For a library that the host has switched off: registers and records nothing."""

    def __init__(self) -> None:
        self.explicit = None
        self.collection = Collection()
        self._histograms = {}
        self.kept = {}

    def provider(self) -> MeterProvider | None:
        return None

    def observe(self, name: str, owner: Owner, read: Callable[[Owner], Reading], since: Since | None = None) -> Source:
        return Observed(name, lambda _: None, None).add(owner, read)

    def account(self, name: str) -> Account:
        return Account()

    def own(self, name: str, merge: Merge | None, create: Callable[[MeterProvider, Observed], object]) -> Observed:
        return Observed(name, lambda _: None, merge)


def joined(owner: object) -> None:
    """Say that `owner` has come to what a source is asked for that was there already: an executor, to those of its name."""
    _joined.add(owner, lambda _: ())


_joined = Observed("joined", lambda _: None, None)
NO_INSTRUMENTS: Instruments = _Nothing()
_of_provider: dict[int, Instruments] = {}
"""By address: a host's provider may have no hash, or be equal to another one."""
_global: Instruments | None = None


def instruments_of(meter_provider: MeterProvider | None = None) -> Instruments:
    """The one `Instruments` of a provider; of the global ones for None."""
    global _global
    with _lock:
        if meter_provider is None or sdk.is_placeholder(meter_provider):
            if _global is None:
                _global = Instruments()
            return _global
        found = _of_provider.get(id(meter_provider))
        in_place = sdk.override is not None and meter_provider is sdk.override.meter_provider
        if found is None and (in_place or meter_provider is sdk.of_host()[1]):
            return instruments_of()  # whose observable instruments would be asked instead of these
        if found is None or found.explicit is None or found.explicit() is not meter_provider:
            found = _of_provider[id(meter_provider)] = Instruments(meter_provider)
        return found


def counted(name: str) -> dict[Series, float]:
    """What was counted of the counter `name` in this process, on all providers: for a diagnosis."""
    with _lock:
        everywhere = [*([] if _global is None else [_global]), *_of_provider.values()]
    total: dict[Series, float] = {}
    for instruments in everywhere:
        for of, number in instruments.account(name).read().items():
            total[of] = total.get(of, 0) + number
    return total


def _reference(provider: MeterProvider) -> Callable[[], MeterProvider | None]:
    """A weak reference that takes the provider's instruments along when it goes; a strong one where its class has slots
    and none for that."""
    address = id(provider)

    def gone(reference: "weakref.ref[MeterProvider]") -> None:
        instruments = _of_provider.get(address)
        if instruments is not None and instruments.explicit is reference:
            del _of_provider[address]

    try:
        return weakref.ref(provider, gone)
    except TypeError:
        return lambda: provider


def _placeholder() -> MeterProvider:
    return opentelemetry.metrics.get_meter_provider()


def _read_faults(_: object) -> Reading:
    return [(series({keys.FAULT_SITE: site}), number) for site, number in faults.counts().items()]
