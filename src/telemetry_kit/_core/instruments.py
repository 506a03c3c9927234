"""From the catalogue to instruments: the only caller of `meter.create_*`.

All metrics of the kit live on one meter per meter provider (scope `telemetry_kit`): with the Prometheus exporter two
scopes that record one metric with different attributes get each other's label values, and an observable instrument
takes callbacks only when it is made. The owner of a number is an attribute, `scope.name`.

Numbers that the kit keeps itself are observed: a room registers a source, and one callback an instrument reads all
sources when the SDK collects. Sources are held weakly, so that the series of what is gone end.
"""

import itertools
import math
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import opentelemetry.metrics
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.semconv.schemas import Schemas

from telemetry_kit._core import counters, faults, reentrancy, sdk
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._version import VERSION
from telemetry_kit.catalogue import METRICS

Owner = TypeVar("Owner")

SCOPE = "telemetry_kit"
SCHEMA_URL: str = list(Schemas)[-1].value
"""The semantic conventions that the installed package describes."""


class Series:
    """A set of attributes as one object: equal sets are the same object, so that sums by series are cheap.

    >>> series({"pool.name": "gpu"}) is series({"pool.name": "gpu"})
    True
    """

    __slots__ = ("__weakref__", "attributes")

    def __init__(self, attributes: dict[str, AttributeValue]) -> None:
        self.attributes: dict[str, AttributeValue] = attributes


_series: "weakref.WeakValueDictionary[frozenset[Any], Series]" = weakref.WeakValueDictionary()
_lock = threading.RLock()


def series(attributes: Mapping[str, AttributeValue]) -> Series:
    """The one `Series` of these attributes, which must be hashable (see `_attributes.metric_value`)."""
    mark = frozenset((key, value.__class__, value) for key, value in attributes.items())
    with _lock:
        found = _series.get(mark)
        if found is None:
            found = _series[mark] = Series(dict(attributes))
        return found


Number = int | float
Reading = Iterable[tuple[Series, Any]]
"""What a source says: pairs of series and number, or of series and (used, limit) for a ratio."""


def _ratio(pairs: list[tuple[Number, Number]]) -> Number | None:
    limit = sum(pair[1] for pair in pairs)
    return sum(pair[0] for pair in pairs) / limit if limit else None


def _check(number: Any, *, ratio: bool) -> None:
    """Raise for what is no number: here it costs its own source, where all are merged it would cost everybody's."""
    used, limit = number if ratio else (number, 0)
    if math.isnan(used) or math.isnan(limit):
        raise ValueError(f"a source gives {number!r:.100}, and every sum with it would be NaN")


_MERGES: dict[str, Callable[[list[Any]], Number | None] | None] = {
    "sum": None,  # which is made without lists
    "larger": max,
    "smaller": min,
    "ratio": _ratio,
}


class Source:
    """A registered source, and the handle to end it."""

    __slots__ = ("_key", "_observed", "owner", "read")

    def __init__(
        self, observed: "_Observed", key: int, owner: Callable[[], Any], read: Callable[[Any], Reading]
    ) -> None:
        self._observed = observed
        self._key = key
        self.owner: Callable[[], Any] = owner
        self.read: Callable[[Any], Reading] = read

    def stop(self) -> None:
        """End its series."""
        self._observed.sources.pop(self._key, None)


class _Observed:
    """One observable instrument: all its sources behind one callback."""

    __slots__ = ("gone", "keys", "merge", "name", "sources")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.sources: dict[int, Source] = {}
        self.keys: itertools.count[int] = itertools.count()
        self.gone: deque[int] = deque()
        """Sources whose owners were collected: noted there and then, forgotten when next somebody comes by, since a
        finaliser must not change what is being read."""
        self.merge: Callable[[list[Any]], Number | None] | None = _MERGES[METRICS[name].merge]

    def __call__(self, _options: CallbackOptions | None = None) -> list[Observation]:
        if reentrancy.waiting:
            reentrancy.drain()
        if self.merge is None:
            return [Observation(number, of.attributes) for of, number in self._sums().items()]
        lists: dict[Series, list[Any]] = {}
        for of, number in self._read():
            lists.setdefault(of, []).append(number)
        merged = ((of, self.merge(numbers)) for of, numbers in lists.items())
        return [Observation(number, of.attributes) for of, number in merged if number is not None]

    def _sums(self) -> dict[Series, Number]:
        sums: dict[Series, Number] = {}
        for of, number in self._read():
            sums[of] = sums.get(of, 0) + number
        return sums

    def forget(self) -> None:
        """Let go of the sources whose owners are gone: without an SDK nobody else would."""
        while self.gone:
            try:
                self.sources.pop(self.gone.popleft(), None)
            except IndexError:  # another thread was faster
                return

    def _read(self) -> Iterable[tuple[Series, Any]]:
        self.forget()
        for key, source in self.sources.copy().items():
            owner = source.owner()
            if owner is None:
                self.sources.pop(key, None)
                continue
            try:
                for of, number in source.read(owner):
                    _check(number, ratio=self.merge is _ratio)
                    yield of, number
            except Exception as fault:
                faults.record(f"observe.{self.name}", fault)


class Histogram:
    """A histogram of the catalogue, on whatever SDK there is now; without one a no-op."""

    __slots__ = ("_bound", "_instruments", "_record", "name")

    def __init__(self, instruments: "Instruments", name: str) -> None:
        self.name: str = name
        self._instruments = instruments
        self._bound: object = None
        self._record: Callable[..., None] | None = None

    def record(self, value: float, attributes: Mapping[str, AttributeValue], context: Context | None = None) -> None:
        """Record `value`, now or, inside a finaliser or signal handler, at the next safe point. Never raises."""
        record = self.recorder()
        if record is None:
            return
        here = reentrancy.here.state
        if here.busy:
            reentrancy.later(lambda: self.record(value, attributes, context))
            return
        here.busy = True
        try:
            record(value, attributes, context)
        except Exception as fault:
            faults.record("metrics.record", fault)
        finally:
            here.busy = False

    def recorder(self) -> Callable[..., None] | None:
        """The SDK instrument's own `record`, None without an SDK: for a room that guards the call itself."""
        instruments = self._instruments
        mark = instruments.explicit if instruments.explicit is not None else instruments.provider()
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
        except Exception as fault:
            faults.record("metrics.create", fault)
            return None
        return made.record


class Instruments:
    """The instruments on one meter provider; None stands for the global one, whichever that is and becomes."""

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        self.explicit: Callable[[], MeterProvider | None] | None = None
        """Weak, so that a provider of a test or of a plug-in goes when its owner lets it go."""
        if meter_provider is not None:
            self.explicit = _reference(meter_provider)
        self._bound: MeterProvider | None = None
        self._histograms: dict[str, Histogram] = {}
        self._observed: dict[str, _Observed] = {}
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

    @staticmethod
    def series(attributes: Mapping[str, AttributeValue]) -> Series:
        """The one `Series` of these attributes: for rooms of this floor, which are handed an `Instruments`."""
        return series(attributes)

    def observe(self, name: str, owner: Owner, read: Callable[[Owner], Reading]) -> Source:
        """Have `read(owner)` asked at each collection of the metric `name`, as long as `owner` lives.

        `read` must not refer to the owner by itself: give a function or an unbound method.
        """
        observed = self._observed.get(name)
        if observed is None:
            with _lock:
                observed = self._observed.get(name)
                new = observed is None
                if observed is None:
                    observed = self._observed[name] = _Observed(name)
            if new:
                given = None if self.explicit is None else self.explicit()
                self._create(observed, _placeholder() if given is None else given)
                if self.explicit is None and sdk.override is not None:
                    self._create(observed, sdk.override.meter_provider)
        observed.forget()
        key, gone = next(observed.keys), observed.gone
        try:
            held: Callable[[], Owner | None] = weakref.ref(owner, lambda _: gone.append(key))
        except TypeError:
            held = lambda: owner  # noqa: E731
        source = observed.sources[key] = Source(observed, key, held, read)
        return source

    def _bind(self, provider: MeterProvider) -> None:
        """The global provider has come or changed. The API has upgraded what was made before; where a test or a
        capture put another one in its place, everything is made there too. Making it twice is harmless."""
        self._bound = provider
        for observed in list(self._observed.values()):
            self._create(observed, provider)

    def _create(self, observed: _Observed, provider: MeterProvider) -> None:
        spec = METRICS[observed.name]
        here = reentrancy.here.state
        was, here.busy = here.busy, True
        try:
            meter = provider.get_meter(SCOPE, VERSION, SCHEMA_URL)
            create = getattr(meter, f"create_{spec.instrument}")
            create(spec.name, callbacks=[observed], unit=spec.unit, description=spec.description)
        except Exception as fault:
            faults.record("metrics.create", fault)
        finally:
            here.busy = was


class _Nothing(Instruments):
    """For a library that the host has switched off: registers and records nothing."""

    def __init__(self) -> None:
        self.explicit = None
        self._histograms = {}
        self.kept = {}

    def provider(self) -> MeterProvider | None:
        return None

    def observe(self, name: str, owner: Owner, read: Callable[[Owner], Reading]) -> Source:
        return Source(_Observed(name), 0, lambda: owner, read)


NOTHING: Instruments = _Nothing()
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
        if found is None or found.explicit is None or found.explicit() is not meter_provider:
            found = _of_provider[id(meter_provider)] = Instruments(meter_provider)
        return found


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
    return [(series({"fault.site": site}), number) for site, number in faults.counts().items()]


def _start_again() -> None:
    global _lock
    _lock = threading.RLock()


counters.after_fork(_start_again)
