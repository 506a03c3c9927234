"""What a helper costs in time series: a bill, and a Prometheus's memory, go by their number."""

from dataclasses import dataclass
from math import prod

from telemetry_kit.catalogue import ATTRIBUTES, CATALOGUE, Group, MetricSpec, keys

_VALUES = {attribute.key: len(attribute.values) for attribute in ATTRIBUTES if attribute.values}
_HELPERS: dict[Group, str] = {
    "red": "operation",
    "objective": "objective of an operation",
    "use": "pool",
    "queue": "queue",
    "cache": "cache",
    "health": "health check",
    "event_loop": "event loop",
    "database": "database and its connections",
    "executor": "executor",
    "job": "batch job, a step",
    "self": "the library about itself",
}
_ONLY_SAMPLED = {"operation.calls", "operation.time"}
"""There only where durations are sampled."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Series of one helper over all instances, and the samples a minute that they are.

    >>> Cost("pool", series=12, samples_per_minute=48.0).series
    12
    """

    helper: str
    series: int
    samples_per_minute: float


def series_of(spec: MetricSpec, *, error_types: int = 1, sets: int = 1) -> int:
    """How many series a metric makes: `sets` of declared attributes, success and so many types of error, and every value
    of the attributes whose values are a closed set. A histogram is its buckets, the last one, sum and count.

    >>> from telemetry_kit.catalogue import METRICS
    >>> series_of(METRICS["operation.duration"]), series_of(METRICS["operation.active"])
    (34, 1)
    """
    each = prod(1 + error_types if key == keys.ERROR_TYPE else _VALUES.get(key, 1) for key in spec.attributes)
    return sets * each * (1 if spec.boundaries is None else len(spec.boundaries) + 3)


def costs(*, instances: int = 1, error_types: int = 1, sets: int = 1, interval: float = 15.0) -> tuple[Cost, ...]:
    """What one of each kind of helper costs, of the kit's own metrics.

    Args:
        instances: of the service; each has series of its own.
        error_types: that are seen of it.
        sets: of declared attributes: an operation with five payment providers has five.
        interval: seconds between two scrapes or exports.

    Raises ValueError for numbers that can't be right.

    >>> {cost.helper: cost.series for cost in costs(instances=3)}["cache"]
    117
    """
    if min(instances, sets) < 1 or error_types < 0 or not interval > 0:
        raise ValueError(
            f"instances and sets must be at least 1, error_types 0, interval above 0, got {instances}, {sets}, "
            f"{error_types}, {interval}"
        )
    made = []
    for group, helper in _HELPERS.items():
        own = [spec for spec in CATALOGUE if spec.group == group and spec.name not in _ONLY_SAMPLED]
        own = [spec for spec in own if group != "red" or spec.name.startswith("operation.")]
        series = instances * sum(series_of(spec, error_types=error_types, sets=sets) for spec in own)
        made.append(Cost(helper, series, series * 60 / interval))
    return tuple(made)
