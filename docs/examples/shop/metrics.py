"""The metric store: every reading of every series over time, and the questions a dashboard asks of it.

Rates, quantiles and totals are computed as Prometheus would: from differences of cumulative readings, quantiles by
linear interpolation within a histogram's bucket.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from shop.traces import attributes

Where = Mapping[str, Any] | Callable[[Mapping[str, Any]], bool] | None
"""Which series: attributes they have (a value of None: which they have not), or a function of their attributes."""

Range = tuple[float, float | None]
"""From where to where a quantile lies: the bounds of its bucket; None where the last bucket has no upper one."""

Points = list[tuple[float, float]]
"""Seconds since the window's beginning, and a number."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A series at one time (`time.time()`): its number, of a histogram its count with sum and buckets."""

    time: float
    value: float
    sum: float = 0.0
    buckets: tuple[int, ...] = ()


@dataclass(slots=True)
class Series:
    """One set of attributes of one metric from one process."""

    metric: str
    unit: str
    attributes: Mapping[str, Any]
    service: str
    bounds: tuple[float, ...] = ()
    readings: list[Reading] = field(default_factory=list)
    exemplars: dict[str, float] = field(default_factory=dict)


class Metrics:
    """Every reading that was exported to the demo; `collect` asks this process's SDK for one more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, Series] = {}
        self._collectors: list[Callable[[], None]] = []

    def add(self, request: ExportMetricsServiceRequest, at: float | None = None) -> None:
        """Take in what an exporter sent (at this `time.time()`, else now)."""
        now = time.time() if at is None else at
        with self._lock:
            for group in request.resource_metrics:
                resource = attributes(group.resource.attributes)
                for scope in group.scope_metrics:
                    for metric in scope.metrics:
                        self._add(metric, resource, now)

    def _add(self, metric: Metric, resource: Mapping[str, Any], now: float) -> None:
        data = getattr(metric, metric.WhichOneof("data") or "gauge")
        for point in data.data_points:
            labels = attributes(point.attributes)
            key = repr((metric.name, sorted(resource.items()), sorted(labels.items())))
            series = self._series.get(key)
            if series is None:
                service = str(resource.get("service.name", ""))
                series = self._series[key] = Series(metric.name, metric.unit, labels, service)
            if metric.HasField("histogram"):
                series.bounds = tuple(point.explicit_bounds)
                series.readings.append(Reading(now, point.count, point.sum, tuple(point.bucket_counts)))
            else:
                series.readings.append(Reading(now, getattr(point, point.WhichOneof("value") or "as_double")))
            for exemplar in point.exemplars:
                if exemplar.trace_id:
                    series.exemplars[exemplar.trace_id.hex()] = exemplar.as_double

    def collect_from(self, collector: Callable[[], None]) -> None:
        """Let `collect` call this, which shall hand over (by `add`) what an SDK of this process has now."""
        self._collectors.append(collector)

    def collect(self) -> None:
        """Read everything now."""
        for collector in self._collectors:
            collector()

    def series(self, metric: str, where: Where = None) -> list[Series]:
        """The series of this metric that have these attributes, copied."""
        with self._lock:
            return [
                Series(s.metric, s.unit, s.attributes, s.service, s.bounds, list(s.readings), dict(s.exemplars))
                for s in self._series.values()
                if s.metric == metric and _chosen(s.attributes, where)
            ]

    def names(self) -> list[str]:
        """Every metric that was ever reported."""
        with self._lock:
            return sorted({series.metric for series in self._series.values()})

    def window(self) -> "Window":
        """Ask about what happens from now on."""
        self.collect()
        return Window(self, time.time())


@dataclass(frozen=True, slots=True)
class Window:
    """Questions about the time since `start` (`time.time()`). `by` names the attribute (or is a function of the
    attributes) that tells the series of an answer apart; None puts all in one, under the metric's name."""

    metrics: Metrics
    start: float

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.time() - self.start

    def total(self, metric: str, where: Where = None) -> float:
        """By how much a counter (or a histogram's count) has grown."""
        return sum(self.totals(metric, where=where).values())

    def totals(self, metric: str, by: Any = None, where: Where = None) -> dict[str, float]:
        """Likewise, for each `by`."""
        totals: dict[str, float] = defaultdict(float)
        for series in self.metrics.series(metric, where):
            totals[_label(series, by)] += sum(step.value for step in self._steps(series))
        return dict(totals)

    def means(self, metric: str, by: Any = None, where: Where = None) -> dict[str, float]:
        """The mean of what a histogram has recorded."""
        counts: dict[str, float] = defaultdict(float)
        sums: dict[str, float] = defaultdict(float)
        for series in self.metrics.series(metric, where):
            for step in self._steps(series):
                counts[_label(series, by)] += step.value
                sums[_label(series, by)] += step.sum
        return {label: sums[label] / count for label, count in counts.items() if count}

    def ranges(
        self, metric: str, q: float, by: Any = None, where: Where = None, during: tuple[float, float] | None = None
    ) -> dict[str, Range]:
        """Where the q-quantile lies, which is all that a histogram knows of it; `during`: of these seconds alone."""
        found: dict[str, Range] = {}
        for label, (bounds, steps) in self.buckets_over_time(metric, by, where, every=0.5).items():
            kept = [counts for at, counts in steps.items() if during is None or during[0] <= at <= during[1]]
            merged = [sum(column) for column in zip(*kept, strict=True)]
            if sum(merged):
                found[label] = bucket(bounds, merged, q)
        return found

    def levels(self, metric: str, by: Any = None, where: Where = None) -> dict[str, Points]:
        """A gauge or an up/down counter over time, summed within each `by`."""
        found: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for series in self.metrics.series(metric, where):
            for reading in series.readings:
                if reading.time >= self.start:
                    found[_label(series, by)][reading.time - self.start] += reading.value
        return {label: sorted(points.items()) for label, points in found.items()}

    def rates(self, metric: str, by: Any = None, where: Where = None, every: float = 1.0) -> dict[str, Points]:
        """Growth per second over time, in steps of `every` seconds. What grew between two readings is spread evenly over the
        time between them, so that it doesn't matter when exactly they were taken."""
        found: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for series in self.metrics.series(metric, where):
            before = self.start
            for step in self._steps(series):
                for seconds, share in _spread(before - self.start, step.time - self.start, every):
                    found[_label(series, by)][seconds] += step.value * share / every
                before = step.time
        end = max((s.readings[-1].time for s in self.metrics.series(metric, where)), default=self.start) - self.start
        return {label: _whole(points, every, end) for label, points in found.items()}

    def at_most(
        self, metric: str, q: float, by: Any = None, where: Where = None, every: float = 1.0
    ) -> dict[str, Points]:
        """What a share `q` didn't exceed, in each step of `every` seconds in which there was anything: the upper bound of
        the quantile's bucket, which is true wherever in the bucket it lies. Beyond the last bound nothing is known."""
        return {
            label: [
                (at, most)
                for at, counts in sorted(steps.items())
                if sum(counts) and (most := bucket(bounds, counts, q)[1]) is not None
            ]
            for label, (bounds, steps) in self.buckets_over_time(metric, by, where, every).items()
        }

    def buckets_over_time(
        self, metric: str, by: Any = None, where: Where = None, every: float = 1.0
    ) -> dict[str, tuple[tuple[float, ...], dict[float, list[int]]]]:
        """A histogram's bounds, and how many fell in each bucket in each step of `every` seconds."""
        found: dict[str, tuple[tuple[float, ...], dict[float, list[int]]]] = {}
        for series in self.metrics.series(metric, where):
            _, steps = found.setdefault(_label(series, by), (series.bounds, {}))
            for seconds, step in self._steps_by(series, every):
                counts = steps.setdefault(seconds, [0] * len(step.buckets))
                counts[:] = [a + b for a, b in zip(counts, step.buckets, strict=True)]
        return found

    def latest(self, metric: str, by: Any = None, where: Where = None) -> dict[str, float]:
        """The last reading of each `by`."""
        return {label: points[-1][1] for label, points in self.levels(metric, by, where).items() if points}

    def exemplars(self, metric: str, where: Where = None) -> dict[str, float]:
        """Traces (by id) that the SDK kept as examples of what was measured, with the number each is an example of."""
        return {trace: number for s in self.metrics.series(metric, where) for trace, number in s.exemplars.items()}

    def _steps(self, series: Series) -> Iterator[Reading]:
        """What was added from each reading within the window to the next."""
        before = Reading(self.start, 0.0, 0.0, (0,) * (len(series.bounds) + 1 if series.bounds else 0))
        for reading in series.readings:
            if reading.time > self.start:
                yield _difference(before, reading)
            before = reading

    def _steps_by(self, series: Series, every: float) -> Iterator[tuple[float, Reading]]:
        for step in self._steps(series):
            yield round(((step.time - self.start - 1e-6) // every + 0.5) * every, 3), step


def _spread(start: float, end: float, every: float) -> Iterator[tuple[float, float]]:
    """The steps between two moments, by their middles, and which share of the time each of them has."""
    step, at = start // every, start
    while at < end:
        after = min(end, (step + 1) * every)
        yield round((step + 0.5) * every, 3), (after - at) / (end - start)
        step, at = step + 1, after


def _whole(points: Mapping[float, float], every: float, end: float) -> Points:
    """Every step from the first to the last: one in which nothing happened is a zero, not a gap. Of the last one, which
    has hardly begun or is not over, what has been seen of it counts for the whole, or not at all."""
    if not points:
        return []
    first, last = min(points), max(points)
    middles = [round(first + n * every, 3) for n in range(round((last - first) / every) + 1)]
    line = [(middle, points.get(middle, 0.0)) for middle in middles]
    seen = (end - last) / every + 0.5
    if len(line) > 1 and seen < 0.5:
        line.pop()
    elif seen < 1.0:
        line[-1] = (last, line[-1][1] / seen)
    return line


def bucket(bounds: tuple[float, ...], counts: list[int], q: float) -> Range:
    """The bounds of the bucket in which the q-quantile lies."""
    rank, below = q * sum(counts), 0.0
    for number, count in enumerate(counts):
        if count and below + count >= rank:
            return (bounds[number - 1] if number else 0.0, bounds[number] if number < len(bounds) else None)
        below += count
    return 0.0, None


def _difference(before: Reading, after: Reading) -> Reading:
    if after.value < before.value:  # a process that began anew
        return after
    buckets = tuple(b - a for a, b in zip(before.buckets, after.buckets, strict=True))
    return Reading(after.time, after.value - before.value, after.sum - before.sum, buckets)


def _chosen(labels: Mapping[str, Any], where: Where) -> bool:
    if where is None:
        return True
    if callable(where):
        return where(labels)
    return all(labels.get(key) == value for key, value in where.items())


def _label(series: Series, by: Any) -> str:
    if by is None:
        return series.metric
    return str(by(series.attributes) if callable(by) else series.attributes.get(by, ""))
