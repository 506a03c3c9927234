"""Signals of what a service leans on: caches, what its health checks look at, and the event loop that runs it.

Instances of a service are one thing here: the fullest of them is shown, and one alert is sent for all.
"""

from telemetry_kit.monitoring.model import CAUSE, Alert, Panel, Signal
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.promql import Metrics, by, most, quantiles

HIT_RATIO_LEFT = 0.5
"""Part of its usual hit ratio that a cache must keep."""
LAG = 0.25
"""Seconds that an event loop may be late: every request that it serves waits for so long."""

_CACHE = ("job", "scope_name", "cache_name")
_CHECK = ("job", "scope_name", "health_check_name")
_LOOP = ("job", "scope_name", "event_loop_name")
_HIT = 'cache_result="hit"'


def signals(options: Options) -> tuple[Signal, ...]:
    """Caches, health checks, event loops."""
    m = Metrics(options)
    return (*_caches(options, m), *_health(m), *_event_loops(m))


def _caches(options: Options, m: Metrics) -> tuple[Signal, ...]:
    def ratio(offset: str = "", window: str = "30m") -> str:
        hits = f"sum {by(_CACHE)} (rate({m('cache.requests', _HIT, window=window, offset=offset)}))"
        every = f"sum {by(_CACHE)} (rate({m('cache.requests', window=window, offset=offset)}))"
        return f"({hits} or 0 * {every}) / {every}"

    lookups = f"sum {by(_CACHE)} (increase({m('cache.requests', window='30m')}))"
    return (
        Signal(
            name="cache_hit_ratio",
            part="cache",
            kind="saturation",
            meaning="Share of look-ups that the cache answers, over half an hour.",
            expression=ratio(),
            labels=_CACHE,
            panel=Panel(title="Cache: hit ratio", unit="percentunit"),
            alerts=(
                Alert(
                    name="CacheMisses",
                    threshold=HIT_RATIO_LEFT,
                    expression=f"{ratio()} < {HIT_RATIO_LEFT:g} * ({ratio('1h', '1d')})\n"
                    f"and {lookups} > {100 * max(1, options.more_than)}",
                    hold="30m",
                    severity="ticket",
                    summary="{{ $labels.job }}: cache {{ $labels.cache_name }} answers only {{ $value | humanizePercentage }}",
                ),
            ),
            first_steps=(
                "Is it evicted more than usual? Then it is too small for what is asked now.",
                "If not, keys have changed (a deploy?), or it was emptied and fills again.",
            ),
            page="how-to/tell-whether-a-cache-is-worth-it",
        ),
        Signal(
            name="cache_evictions",
            part="cache",
            kind="saturation",
            meaning="Entries a second that the cache lets go for others.",
            expression=f"sum {by(_CACHE)} (rate({m('cache.evictions', window='5m')}))",
            labels=_CACHE,
            panel=Panel(title="Cache: evictions", unit="ops"),
            no_alert="A full cache evicts; whether that hurts is in its hit ratio.",
        ),
        Signal(
            name="cache_size",
            part="cache",
            kind="saturation",
            meaning="Entries in the cache, and how many it keeps at most.",
            expression=most(_CACHE, m("cache.size")),
            labels=_CACHE,
            panel=Panel(
                title="Cache: entries",
                queries=(
                    ("{{cache_name}}", most(_CACHE, m("cache.size"))),
                    ("limit of {{cache_name}}", most(_CACHE, m("cache.limit"))),
                ),
            ),
            no_alert="A cache is meant to be full.",
        ),
        Signal(
            name="cache_load_duration",
            part="cache",
            kind="latency",
            meaning="How long loading a missing entry took.",
            expression=quantiles(m, _CACHE, "cache.load.duration")[1][1],
            labels=_CACHE,
            panel=Panel(
                title="Cache: load (p50, p95, p99)", unit="s", queries=quantiles(m, _CACHE, "cache.load.duration")
            ),
            no_alert="Who waits for a load is an operation, which has its own percentile.",
        ),
    )


def _health(m: Metrics) -> tuple[Signal, ...]:
    status = m("health.status")
    return (
        Signal(
            name="health_status",
            part="health",
            kind="state",
            meaning="1 where at least one instance finds it healthy, 0 where none does.",
            expression=most(_CHECK, status),
            labels=_CHECK,
            panel=Panel(title="Health"),
            alerts=(
                Alert(
                    name="Unhealthy",
                    threshold=0,
                    comparison="==",
                    hold="2m",
                    severity="page",
                    summary="{{ $labels.job }}: {{ $labels.health_check_name }} is unhealthy",
                    rank=CAUSE,
                    keep="6m",
                ),
                Alert(
                    name="UnhealthySomewhere",
                    threshold=0,
                    expression=f"min {by(_CHECK)} ({status}) == 0\nand {most(_CHECK, status)} == 1",
                    comparison="==",
                    hold="5m",
                    severity="ticket",
                    summary="{{ $labels.job }}: some instances find {{ $labels.health_check_name }} unhealthy",
                ),
            ),
            first_steps=(
                "Run the check by hand, from where the service runs: is it down, slow, or can't it be reached?",
                "Only some instances: take them out, and look at what they don't share with the others.",
            ),
            page="how-to/report-whether-a-dependency-is-well",
        ),
        Signal(
            name="health_check_duration",
            part="health",
            kind="latency",
            meaning="How long health checks took.",
            expression=quantiles(m, _CHECK, "health.check.duration")[1][1],
            labels=_CHECK,
            panel=Panel(
                title="Health: check (p50, p95, p99)", unit="s", queries=quantiles(m, _CHECK, "health.check.duration")
            ),
            no_alert="A check that takes too long is unhealthy.",
        ),
    )


def _event_loops(m: Metrics) -> tuple[Signal, ...]:
    lag = quantiles(m, _LOOP, "event_loop.lag")
    return (
        Signal(
            name="event_loop_lag",
            part="event_loop",
            kind="saturation",
            meaning="How late the event loop runs what is due, at most, in 99 of 100 cases.",
            expression=lag[2][1],
            labels=_LOOP,
            panel=Panel(title="Event loop: lag (p50, p95, p99)", unit="s", queries=lag),
            alerts=(
                Alert(
                    name="EventLoopBlocked",
                    threshold=LAG,
                    hold="2m",
                    severity="page",
                    summary="{{ $labels.job }}: event loop {{ $labels.event_loop_name }} is {{ $value | humanizeDuration }} late",
                    rank=CAUSE,
                    keep="6m",
                ),
            ),
            first_steps=(
                "Something computes or blocks in the loop: `py-spy dump --pid` names the line.",
                "Which operation got slow first? It is likely the one that blocks the others.",
            ),
            page="how-to/find-what-blocks-the-event-loop",
        ),
    )
