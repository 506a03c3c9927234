"""From the catalogue to PromQL: how metrics are called in Prometheus, and the few expressions that all signals share."""

import json
from dataclasses import dataclass

from telemetry_kit.catalogue import METRICS, MetricSpec, keys
from telemetry_kit.monitoring.options import Exporter, Options

_UNITS = {"s": "_seconds", "By": "_bytes", "%": "_percent"}
"""Units that become part of a name; what stands in braces doesn't."""
_VARIABLES = {keys.SCOPE_NAME: 'scope_name=~"$scope"', keys.OPERATION_NAME: 'operation_name=~"$operation"'}
BEFORE = "1h"
"""How far before a window a series is looked for, to tell one that begins in it from one that was not scraped for a while."""


def prometheus_name(spec: MetricSpec, exporter: Exporter = "prometheus") -> str:
    """What a metric of the catalogue is called in Prometheus; a histogram's series add `_bucket`, `_sum` and `_count`.

    `"prometheus"` is the Python exporter's way and `"otlp"` that of Prometheus where it receives OTLP. They differ in
    gauges of unit 1 alone.

    >>> prometheus_name(METRICS["pool.utilization"]), prometheus_name(METRICS["pool.utilization"], "otlp")
    ('pool_utilization', 'pool_utilization_ratio')
    """
    name = spec.name.replace(".", "_") + _UNITS.get(spec.unit, "")
    if spec.instrument == "observable_counter":
        return name + "_total"
    if exporter == "otlp" and spec.unit == "1" and spec.instrument == "observable_gauge":
        return name + "_ratio"
    return name


def label(key: str) -> str:
    """What an attribute is called in Prometheus.

    >>> label("http.request.method")
    'http_request_method'
    """
    return key.replace(".", "_")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Writes selectors of the catalogue's metrics as the options want them."""

    options: Options

    def __call__(self, name: str, *matchers: str, part: str = "", window: str = "", offset: str = "") -> str:
        """The selector of a metric, or of a `part` of it (`count`, `bucket`), with a window or an offset."""
        spec = METRICS[name]
        return self.named(
            prometheus_name(spec, self.options.exporter) + (part and f"_{part}"),
            *matchers,
            *((_VARIABLES[key] for key in spec.attributes if key in _VARIABLES) if self.options.templated else ()),
            window=window,
            offset=offset,
        )

    def named(self, name: str, *matchers: str, window: str = "", offset: str = "") -> str:
        """The selector of any other metric, such as `target_info`."""
        all_matchers = [*self._service(), *matchers]
        braces = f"{{{', '.join(all_matchers)}}}" if all_matchers else ""
        return name + braces + (window and f"[{window}]") + (offset and f" offset {offset}")

    def _service(self) -> list[str]:
        if self.options.templated:
            return ['job=~"$service"']
        return [f"job={quoted(self.options.service)}"] if self.options.service is not None else []


def quoted(text: str) -> str:
    """A string as PromQL has it."""
    return json.dumps(text, ensure_ascii=False)


def indented(text: str) -> str:
    """The expression one step to the right, for the inside of parentheses."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def by(labels: tuple[str, ...]) -> str:
    """What a sum keeps apart."""
    return f"by ({', '.join(labels)})"


def on(labels: tuple[str, ...]) -> str:
    """By what two sides are matched."""
    return f"on ({', '.join(labels)})"


def new_in_window(current: str, before: str, known: str) -> str:
    """How much each series of a counter grew in a window, exactly.

    `increase` extrapolates to the edges of its window (five errors become 6.25), and misses the first value of a series,
    which is where an error's type appears for the first time. Here a series that was there `before` counts by its
    difference; one that began in the window, or was reset, by its value, where the service was `known` before: of a
    service that is scraped for the first time nobody knows when its errors were.
    """
    return f"({current} - {before}) >= 0\nor\n{current} and on (job) {known}"


def count_in_window(m: Metrics, labels: tuple[str, ...], metric: str, *matchers: str, known: str = "") -> str:
    """How much a counter of the catalogue grew in the options' window, over all instances.

    `known` is whatever a service has from its beginning; by default the counter itself, of any value.
    """
    window = m.options.window
    current = f"last_over_time({m(metric, *matchers, window=window)})"
    before = f"last_over_time({m(metric, *matchers, window=BEFORE, offset=window)})"
    service = f"group by (job) (last_over_time({known or m(metric, window=BEFORE, offset=window)}))"
    return f"sum {by(labels)} (\n{indented(new_in_window(current, before, service))}\n)"


def most(labels: tuple[str, ...], of: str) -> str:
    """Of the instance that has most."""
    return f"max {by(labels)} ({of})"


def quantiles(m: Metrics, labels: tuple[str, ...], metric: str) -> tuple[tuple[str, str], ...]:
    """Half, 95 and 99 of 100 over all instances, each with its legend."""
    buckets = f"sum {by((*labels, 'le'))} (rate({m(metric, part='bucket', window='5m')}))"
    legend = " ".join(f"{{{{{name}}}}}" for name in labels[1:])
    return tuple((f"p{100 * q:g} {legend}", f"histogram_quantile({q}, {buckets})") for q in (0.5, 0.95, 0.99))
