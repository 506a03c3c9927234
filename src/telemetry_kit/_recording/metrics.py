"""Measurements as they are recorded: the API's meter provider, meter and instruments, and their points.

The rules are those of the OpenTelemetry SDK with its default settings and cumulative temporality: a counter takes no
negative amount, nothing takes NaN or an infinity, what is observed is read at each collection. One instrument serves
everybody who makes it again.
"""

from __future__ import annotations

import bisect
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics

from telemetry_kit._core import faults
from telemetry_kit._core.observed import Observed
from telemetry_kit._recording.sink import OfOneCapture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from telemetry_kit._recording.sink import Sink

_KIT = "telemetry_kit"
_BOUNDARIES = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0)
"""The SDK's, where nobody advises others."""


SETS = 2_000
"""Attribute sets of an instrument that records, by the SDK's default; all later ones are one."""
_OVERFLOW = {"otel.metric.overflow": True}


@dataclass(slots=True)
class Reading:
    """One point: of a histogram with `count`, `sum` and `buckets`, of all others with `value`."""

    attributes: dict[str, Any]
    key: frozenset[Any]
    """`series_key` of the attributes."""
    value: float | None = None
    count: int | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    boundaries: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()


class Instrument:
    """What all instruments share: the instrument's kind, by the API's word, and what it says of itself."""

    kind = ""

    def __init__(self, sink: Sink, scope: str, name: str, unit: str, description: str) -> None:
        self._sink = sink
        self._lock = threading.RLock()
        self._points: dict[Any, Any] = {}
        self.scope: str = scope
        self.name: str = name
        self.unit: str = unit
        self.description: str = description

    def start_again(self) -> None:
        """In a forked child: nothing was measured yet, and no thread of the parent's holds a lock."""
        self._lock = threading.RLock()
        self._points.clear()

    def read(self) -> list[Reading]:
        """The points of now."""
        with self._lock:
            return [self._reading(attributes, key, number) for key, (attributes, number) in self._points.items()]

    def _reading(self, attributes: dict[str, Any], key: frozenset[Any], number: Any) -> Reading:
        return Reading(attributes, key, value=number)

    def _measure(
        self, amount: float, attributes: Mapping[str, Any] | None, add: Callable[[Any], Any], *, signed: bool
    ) -> None:
        if not math.isfinite(amount) or (amount < 0 and not signed):
            words = f"{self.name} takes no {float(amount)}: it is left out, as the SDK would"
            faults.say_once(words, words)
            return
        kept = {key: frozen(value) for key, value in (attributes or {}).items()}
        key = series_key(kept)
        with self._lock:
            if key not in self._points and len(self._points) >= SETS:
                kept = _OVERFLOW
                key = series_key(kept)
            before = self._points.get(key, (None, None))[1]
            self._points[key] = (kept, add(before))
        self._sink.measured(self, amount, kept)


class RecordingCounter(Instrument, metrics.Counter):
    kind = "counter"

    def add(self, amount: float, attributes: Any = None, context: Any = None) -> None:
        self._measure(amount, attributes, lambda before: (before or 0) + amount, signed=False)


class RecordingUpDownCounter(Instrument, metrics.UpDownCounter):
    kind = "up_down_counter"

    def add(self, amount: float, attributes: Any = None, context: Any = None) -> None:
        self._measure(amount, attributes, lambda before: (before or 0) + amount, signed=True)


class RecordingGauge(Instrument, metrics._Gauge):
    kind = "gauge"

    def set(self, amount: float, attributes: Any = None, context: Any = None) -> None:
        self._measure(amount, attributes, lambda _: amount, signed=True)


class RecordingHistogram(Instrument, metrics.Histogram):
    kind = "histogram"

    def __init__(
        self, sink: Sink, scope: str, name: str, unit: str, description: str, boundaries: Sequence[float] | None
    ) -> None:
        super().__init__(sink, scope, name, unit, description)
        self.boundaries: tuple[float, ...] = _BOUNDARIES if boundaries is None else tuple(boundaries)

    def record(self, amount: float, attributes: Any = None, context: Any = None) -> None:
        if amount < 0 and self.scope == _KIT:  # it began before this did, by another clock
            amount = self._sink.elapsed()

        def add(before: Any) -> Any:
            count, total, smallest, largest, buckets = before or (0, 0, math.inf, -math.inf, self._empty())
            buckets[bisect.bisect_left(self.boundaries, amount)] += 1
            return count + 1, total + amount, min(smallest, amount), max(largest, amount), buckets

        self._measure(amount, attributes, add, signed=False)

    def _empty(self) -> list[int]:
        return [0] * (len(self.boundaries) + 1)

    def _reading(self, attributes: dict[str, Any], key: frozenset[Any], number: Any) -> Reading:
        count, total, smallest, largest, buckets = number
        return Reading(
            attributes,
            key,
            count=count,
            sum=total,
            min=smallest,
            max=largest,
            boundaries=self.boundaries,
            buckets=tuple(buckets),
        )


class Observable(Instrument):
    """An instrument that asks its callbacks when it is read."""

    adds = True
    """Whether what several callbacks say of one series is added up; else the last word counts."""

    def __init__(self, sink: Sink, scope: str, name: str, unit: str, description: str, callbacks: Any) -> None:
        super().__init__(sink, scope, name, unit, description)
        self._callbacks: list[Callable[[metrics.CallbackOptions], Iterable[metrics.Observation]]] = []
        for callback in callbacks or ():
            if hasattr(callback, "send"):  # the API takes generators too, which are started here
                next(callback)
                self._callbacks.append(callback.send)
            else:
                self._callbacks.append(callback)

    def read(self) -> list[Reading]:
        points: dict[Any, Reading] = {}
        for attributes, key, value in self._observe():
            found = points.get(key)
            if not math.isfinite(value):
                continue
            if found is not None and self.adds:
                found.value = (found.value or 0) + value
            else:
                points[key] = Reading(attributes, key, value)
        return list(points.values())

    def _observe(self) -> Iterator[tuple[dict[str, Any], frozenset[Any], float]]:
        for callback in self._callbacks:
            try:
                if isinstance(callback, Observed):
                    for of, number in callback.numbers(self._sink.asks):
                        if of.key is None:
                            of.key = series_key(of.attributes)
                        yield of.attributes, of.key, number
                    continue
                for observation in callback(self._sink.asks):
                    kept = {key: frozen(value) for key, value in (observation.attributes or {}).items()}
                    yield kept, series_key(kept), observation.value
            except StopIteration:
                continue
            except Exception as fault:
                self._sink.callback_failed(self, fault)


class RecordingObservableCounter(Observable, metrics.ObservableCounter):
    kind = "observable_counter"


class RecordingObservableUpDownCounter(Observable, metrics.ObservableUpDownCounter):
    kind = "observable_up_down_counter"


class RecordingObservableGauge(Observable, metrics.ObservableGauge):
    kind = "observable_gauge"
    adds = False


class RecordingMeter(metrics.Meter):
    """Makes instruments whose points are kept, one of a kind, name, unit and description."""

    def __init__(self, sink: Sink, name: str, version: str | None, schema_url: str | None) -> None:
        super().__init__(name, version, schema_url)
        self._sink = sink
        self._lock = threading.RLock()
        self._made: dict[tuple[str, str, str, str], Instrument] = {}

    def start_again(self) -> None:
        """In a forked child: as each instrument does."""
        self._lock = threading.RLock()
        for instrument in self._made.values():
            instrument.start_again()

    @property
    def instruments(self) -> list[Instrument]:
        """All that were made."""
        with self._lock:
            return list(self._made.values())

    def _make(self, kind: type[Any], name: str, unit: str, description: str, *more: Any) -> Any:
        checked = kind._check_name_unit_description(name, unit, description)
        if checked["name"] is None or checked["unit"] is None:
            raise ValueError(
                f"an instrument must have an ASCII name that begins with a letter, of at most 255 characters, and a unit "
                f"of at most 63, got {name!r} and {unit!r}"
            )
        key = (kind.kind, name.lower(), unit or "", description or "")
        with self._lock:
            made = self._made.get(key)
            if made is not None:
                return made
            made = kind(self._sink, self.name, name.lower(), unit or "", description or "", *more)
            self._made[key] = made
        self._sink.instrument_made(made)
        return made

    def create_counter(self, name: str, unit: str = "", description: str = "") -> metrics.Counter:
        return self._make(RecordingCounter, name, unit, description)  # type: ignore[no-any-return]

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> metrics.UpDownCounter:
        return self._make(RecordingUpDownCounter, name, unit, description)  # type: ignore[no-any-return]

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> metrics._Gauge:
        return self._make(RecordingGauge, name, unit, description)  # type: ignore[no-any-return]

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> metrics.Histogram:
        boundaries = explicit_bucket_boundaries_advisory
        return self._make(RecordingHistogram, name, unit, description, boundaries)  # type: ignore[no-any-return]

    def create_observable_counter(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableCounter:
        return self._make(RecordingObservableCounter, name, unit, description, callbacks)  # type: ignore[no-any-return]

    def create_observable_up_down_counter(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableUpDownCounter:
        return self._make(  # type: ignore[no-any-return]
            RecordingObservableUpDownCounter, name, unit, description, callbacks
        )

    def create_observable_gauge(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableGauge:
        return self._make(RecordingObservableGauge, name, unit, description, callbacks)  # type: ignore[no-any-return]


class RecordingMeterProvider(OfOneCapture, metrics.MeterProvider):
    """Gives meters whose instruments keep their points; `sink` hears of each measurement."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.RLock()
        self._meters: dict[tuple[str, str | None, str | None], RecordingMeter] = {}

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> metrics.Meter:
        key = (name, version or None, schema_url or None)
        with self._lock:
            if key not in self._meters:
                self._meters[key] = RecordingMeter(self._sink, name, version, schema_url)
            return self._meters[key]

    def start_again(self) -> None:
        """In a forked child: as each meter does."""
        self._lock = threading.RLock()
        for meter in self._meters.values():
            meter.start_again()

    @property
    def instruments(self) -> list[Instrument]:
        """All instruments of all meters."""
        with self._lock:
            meters = list(self._meters.values())
        return [instrument for meter in meters for instrument in meter.instruments]


def series_key(attributes: Mapping[str, Any]) -> frozenset[Any]:
    """What tells a series from another: its attributes, where 1, 1.0 and True are three values."""
    return frozenset((key, type(value).__name__, value) for key, value in attributes.items())


def frozen(value: Any) -> Any:
    """A value that nobody changes any more: lists are tuples, also those in a mapping."""
    if isinstance(value, dict):
        return {key: frozen(item) for key, item in value.items()}
    return tuple(frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
