"""The alerts on what is finite, on what a service leans on, and on telemetry itself: when they fire and when they don't."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from telemetry_kit.monitoring import SIGNALS, Options
from telemetry_kit.monitoring.operations import CALLED
from telemetry_kit.monitoring.options import Part
from tests.monitoring.promtool import alerts, needs_promtool

pytestmark = [pytest.mark.integration, needs_promtool]

A = 'job="shop",instance="a",scope_name="shop"'
B = 'job="shop",instance="b",scope_name="shop"'
CONNECTIONS = 'job="shop",instance="a",db_client_connection_pool_name="orders"'
EVER = "x400"


@dataclass(frozen=True)
class Case:
    """Series, a value a minute, and the alerts that fire by time; nothing else may fire."""

    alert: str
    series: dict[str, str]
    expected: dict[str, str]
    options: Options = field(default_factory=Options)


def quantile(metric: str, labels: str, small: str, large: str, *, every: str, bound: str) -> dict[str, str]:
    """Buckets of a histogram: up to `small`, up to `large`, all."""
    return {
        f'{metric}_bucket{{{labels},le="{small}"}}': bound,
        f'{metric}_bucket{{{labels},le="{large}"}}': every,
        f'{metric}_bucket{{{labels},le="+Inf"}}': every,
    }


def pool(labels: str, pending: str, utilization: str) -> dict[str, str]:
    named = f'{labels},pool_name="gpu"'
    return {f"pool_pending{{{named}}}": pending, f"pool_utilization{{{named}}}": utilization}


def executor(labels: str, queue: str, utilization: str, succeeded: str) -> dict[str, str]:
    named = f'{labels},executor_name="resize",executor_type="thread"'
    return {
        f"executor_queue_size{{{named}}}": queue,
        f"executor_worker_utilization{{{named}}}": utilization,
        f'executor_tasks_total{{{named},executor_task_outcome="succeeded"}}': succeeded,
    }


def tasks(outcome: str, values: str) -> dict[str, str]:
    return {f'executor_tasks_total{{{A},executor_name="resize",executor_task_outcome="{outcome}"}}': values}


def queue(metric: str, values: str, labels: str = A) -> dict[str, str]:
    return {f'queue_{metric}{{{labels},queue_name="mails"}}': values}


def cache(hits: str, misses: str) -> dict[str, str]:
    named = f'{A},cache_name="prices"'
    return {
        f'cache_requests_total{{{named},cache_result="hit"}}': hits,
        f'cache_requests_total{{{named},cache_result="miss"}}': misses,
    }


def health(values: str, labels: str = A) -> dict[str, str]:
    return {f'health_status{{{labels},health_check_name="payments"}}': values}


def info(values: str, instance: str = "a", job: str = "shop") -> dict[str, str]:
    return {f'target_info{{job="{job}",instance="{instance}"}}': values}


def counted(metric: str, values: str, more: str) -> dict[str, str]:
    return info(f"1{EVER}") | {f"{metric}_total{{{A},{more}}}": values}


CASES: dict[str, Case] = {
    "a pool that is empty, with others waiting": Case(
        "PoolExhausted",
        pool(A, f"0x60 3x60 0{EVER}", f"0.5x60 1x60 0.5{EVER}"),
        {"1h1m": "", "1h5m": "PoolExhausted", "2h": "PoolExhausted", "2h10m": ""},
    ),
    "a pool that waits for a new item, and isn't full": Case(
        "PoolExhausted", pool(A, f"2{EVER}", f"0.5{EVER}"), {"1h": "", "5h": ""}
    ),
    "a full pool that nobody waits for": Case("PoolExhausted", pool(A, f"0{EVER}", f"1{EVER}"), {"1h": "", "5h": ""}),
    "one of two instances has no item left": Case(
        "PoolExhausted", pool(A, f"2{EVER}", f"1{EVER}") | pool(B, f"0{EVER}", f"0.1{EVER}"), {"10m": "PoolExhausted"}
    ),
    "both instances have none left": Case(
        "PoolExhausted", pool(A, f"2{EVER}", f"1{EVER}") | pool(B, f"3{EVER}", f"1{EVER}"), {"10m": "PoolExhausted"}
    ),
    "a pool that doesn't say how full it is": Case(
        "PoolExhausted", {f'pool_pending{{{A},pool_name="gpu"}}': f"1{EVER}"}, {"10m": "PoolExhausted"}
    ),
    "a waiting request between two scrapes": Case(
        "PoolExhausted", pool(A, f"0x60 3 0{EVER}", f"0.5x60 1 0.5{EVER}"), {"1h1m": "", "1h5m": ""}
    ),
    "an exhausted pool whose process ended": Case(
        "PoolExhausted", pool(A, "3x60 stale", "1x60 stale"), {"55m": "PoolExhausted", "1h10m": ""}
    ),
    "time-outs of a pool": Case(
        "PoolErrors",
        info(f"1{EVER}") | {f'pool_errors_total{{{A},pool_name="gpu",error_type="timeout"}}': f"0x60 0+4x60 240{EVER}"},
        {"1h2m": "", "1h20m": "PoolErrors", "2h": "PoolErrors", "2h10m": ""},
    ),
    "a time-out now and then": Case(
        "PoolErrors", {f'pool_errors_total{{{A},pool_name="gpu",error_type="timeout"}}': f"0+1{EVER}"}, {"1h": "", "5h": ""}
    ),
    "workers that are stuck": Case(
        "ExecutorSaturated",
        executor(A, f"0x60 9x60 0{EVER}", f"0.2x60 1x60 0.2{EVER}", f"0+60x60 3600x60 3600+60{EVER}"),
        {"1h": "", "1h10m": "ExecutorSaturated", "2h": "ExecutorSaturated", "2h10m": ""},
    ),
    "a queue that takes longer than five minutes": Case(
        "ExecutorSaturated", executor(A, f"900{EVER}", f"1{EVER}", f"0+60{EVER}"), {"15m": "ExecutorSaturated"}
    ),
    "a burst that is worked off within minutes": Case(
        "ExecutorSaturated", executor(A, f"200{EVER}", f"1{EVER}", f"0+60{EVER}"), {"15m": "", "5h": ""}
    ),
    "tasks that fail": Case(
        "ExecutorTasksFail",
        tasks("succeeded", f"0+60{EVER}") | tasks("failed", f"0x60 0+6x60 360{EVER}"),
        {"1h2m": "", "1h10m": "ExecutorTasksFail", "2h": "ExecutorTasksFail", "2h15m": ""},
    ),
    "tasks that are cancelled": Case(
        "ExecutorTasksFail", tasks("succeeded", f"0+60{EVER}") | tasks("cancelled", f"0+60{EVER}"), {"1h": "", "5h": ""}
    ),
    "a few tasks that fail at night": Case(
        "ExecutorTasksFail", tasks("succeeded", f"0+1{EVER}") | tasks("failed", f"0+1{EVER}"), {"1h": "", "5h": ""}
    ),
    "a worker that died": Case(
        "ExecutorLosesTasks",
        tasks("succeeded", f"0+60{EVER}") | tasks("lost", f"0x60 1{EVER}"),
        {"59m": "", "1h2m": "ExecutorLosesTasks", "1h10m": ""},
    ),
    "an old item": Case(
        "QueueOld",
        queue("oldest_age_seconds", f"0x60 0+60x60 1{EVER}"),
        {"1h5m": "", "1h10m": "QueueOld", "2h": "QueueOld", "2h10m": ""},
    ),
    "a queue that is nearly full": Case(
        "QueueFull",
        queue("size", f"5x60 95x60 5{EVER}") | queue("limit", f"100{EVER}"),
        {"1h1m": "", "1h5m": "QueueFull", "1h50m": "QueueFull", "2h10m": ""},
    ),
    "a queue that is full of old items": Case(
        "QueueFull",
        queue("size", f"95{EVER}") | queue("limit", f"100{EVER}") | queue("oldest_age_seconds", f"900{EVER}"),
        {"10m": "QueueOld", "50m": "QueueOld"},
    ),
    "a queue that only grows": Case(
        "QueueGrows",
        queue("size", "0x60 0+10x120 0x200"),
        {"1h5m": "", "2h50m": "QueueGrows", "3h30m": ""},
    ),
    "a queue that comes and goes": Case("QueueGrows", queue("size", "0+10x10 100-10x10 " * 15), {"1h": "", "4h": ""}),
    "no connection left": Case(
        "DatabaseConnectionsExhausted",
        {
            f"db_client_connection_pending_requests{{{CONNECTIONS}}}": f"0x60 4x60 0{EVER}",
            f'db_client_connection_count{{{CONNECTIONS},db_client_connection_state="used"}}': f"1x60 10x60 1{EVER}",
            f"db_client_connection_max{{{CONNECTIONS}}}": f"10{EVER}",
        },
        {"1h1m": "", "1h5m": "DatabaseConnectionsExhausted", "2h": "DatabaseConnectionsExhausted", "2h10m": ""},
    ),
    "a connection in the making": Case(
        "DatabaseConnectionsExhausted",
        {
            f"db_client_connection_pending_requests{{{CONNECTIONS}}}": f"1{EVER}",
            f'db_client_connection_count{{{CONNECTIONS},db_client_connection_state="used"}}': f"2{EVER}",
            f"db_client_connection_max{{{CONNECTIONS}}}": f"10{EVER}",
        },
        {"1h": "", "5h": ""},
    ),
    "time-outs of connections": Case(
        "DatabaseConnectionTimeouts",
        {f"db_client_connection_timeouts_total{{{CONNECTIONS}}}": f"0x60 0+4x60 240{EVER}"},
        {"1h2m": "", "1h20m": "DatabaseConnectionTimeouts", "2h10m": ""},
    ),
    "queries that return too much": Case(
        "DatabaseQueriesReturnTooMuch",
        quantile("db_client_response_returned_rows", 'job="shop",db_system_name="postgresql",db_namespace="shop"',
                 "1000", "5000", bound="0+60x60 3600x340", every=f"0+60{EVER}"),
        {"1h": "", "1h50m": "DatabaseQueriesReturnTooMuch", "5h": "DatabaseQueriesReturnTooMuch"},
    ),
    "a table that grows towards its limit": Case(
        "GrowsOrdersBytes",
        {'orders_bytes{job="shop"}': "1000x400 1000+10x300"},
        {"6h": "", "10h": "GrowsOrdersBytes", "11h": "GrowsOrdersBytes"},
        Options(only=("database",), grows={"orders_bytes": 10_000}),
    ),
    "a cache that misses more than usual": Case(
        "CacheMisses",
        cache("0+90x200 18000+10x200", "0+10x200 2000+90x200"),
        {"3h10m": "", "4h40m": "CacheMisses", "5h30m": "CacheMisses"},
    ),
    "a cache that is hardly asked": Case("CacheMisses", cache("0+1x200 200x200", "0x200 0+1x200"), {"3h": "", "5h": ""}),
    "a dependency that is down": Case(
        "Unhealthy", health(f"1x60 0x60 1{EVER}"), {"1h1m": "", "1h5m": "Unhealthy", "2h": "Unhealthy", "2h10m": ""}
    ),
    "one that some instances don't reach": Case(
        "UnhealthySomewhere",
        health(f"1{EVER}") | health(f"1x60 0x60 1{EVER}", B),
        {"1h4m": "", "1h10m": "UnhealthySomewhere", "2h5m": ""},
    ),
    "a check that failed once": Case("Unhealthy", health(f"1x60 0 1{EVER}"), {"1h1m": "", "1h5m": ""}),
    "a loop that is blocked": Case(
        "EventLoopBlocked",
        quantile("event_loop_lag_seconds", f'{A},event_loop_name="main"', "0.25", "2.5",
                 bound="0+60x60 3600+54x60 6840+60x200", every=f"0+60{EVER}"),
        {"1h": "", "1h10m": "EventLoopBlocked", "2h": "EventLoopBlocked", "2h15m": ""},
    ),
    "faults of telemetry": Case(
        "TelemetryFaults",
        counted("telemetry_kit_faults", "_x60 3x300", 'fault_site="pool.stats"'),
        {"59m": "", "1h1m": "TelemetryFaults", "1h10m": ""},
    ),
    "faults of a service that is scraped for the first time": Case(
        "TelemetryFaults",
        {f'telemetry_kit_faults_total{{{A},fault_site="pool.stats"}}': "_x60 3x300"} | info("_x60 1x300"),
        {"1h1m": "", "2h": ""},
    ),
    "a key with too many values": Case(
        "TelemetryOverflow",
        counted("telemetry_kit_attribute_overflow", "_x60 0+100x300", 'attribute_key="user.id",operation_name="checkout"'),
        {"59m": "", "1h1m": "TelemetryOverflow", "3h": "TelemetryOverflow"},
    ),
    "a service whose last instance is gone": Case(
        "TargetsGone",
        info("1x60 stale") | info("1x90 stale", "b"),
        {"1h20m": "", "1h33m": "", "1h45m": "TargetsGone", "5h": "TargetsGone"},
    ),
    "a service that comes back": Case("TargetsGone", info("1x60 stale _x30 1x200"), {"1h20m": "TargetsGone", "1h50m": ""}),
    "an instance that was replaced": Case("TargetsGone", info("1x60 stale") | info("_x61 1x300", "b"), {"1h30m": "", "5h": ""}),
    "a cron job that pushes OTLP and ends": Case(
        "TargetsGone",
        info("1 stale", job="nightly") | {'job_start_timestamp_seconds{job="nightly",job_name="nightly",scope_name="shop"}': "0 stale"},
        {"10m": "", "3h": ""},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_alert_fires_when_it_must_and_not_else(case: str, tmp_path: Path) -> None:
    """Exactly the alerts named fire at each time."""
    chosen = CASES[case]
    part: Part = next(
        (signal.part for signal in SIGNALS if chosen.alert in {alert.name for alert in signal.alerts}), "database"
    )
    options = chosen.options if chosen.options != Options() else Options(only=(part,))
    titles = tuple(called.title + "E" for called in CALLED), tuple(f"job:{called.key}_" for called in CALLED)
    alerts(
        tmp_path, chosen.series, chosen.expected, options, only=lambda name: not name.startswith(titles[0] + titles[1])
    )


def test_every_alert_has_cases_in_which_it_fires_and_in_which_it_is_silent() -> None:
    """No alert of the table is left out; what is called, objectives and jobs have files of their own."""
    elsewhere = {"red", "objective", "job"}
    called = tuple(
        one.title + end for one in CALLED for end in ("ErrorRatio", "ErrorsOfOneType", "Slow", "TrafficGone")
    )
    named = {alert.name for signal in SIGNALS if signal.part not in elsewhere for alert in signal.alerts} - set(called)
    fires = {name for case in CASES.values() for names in case.expected.values() for name in names.split()}
    silent = {case.alert for case in CASES.values() if "" in case.expected.values()}

    assert named - fires == set()
    assert named - silent == set()
