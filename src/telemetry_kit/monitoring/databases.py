"""Signals of databases: their connections, what they return, and how they grow.

Instances of a service are one thing here: the fullest of them is shown, and one alert is sent for all.
"""

from telemetry_kit.monitoring.model import CAUSE, EXACT, Alert, Panel, Signal
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.promql import Metrics, by, count_in_window, most, quantiles

FULL = 0.95
"""Share of the connections from which on all count as taken."""
ROWS = 1_000.0
"""Rows that 95 of 100 queries may return."""
AHEAD = 4 * 86_400
"""Seconds for which growth is predicted: a weekend and a day to act."""

_CONNECTIONS = ("job", "db_client_connection_pool_name")
_DATABASE = ("job", "db_system_name", "db_namespace")
_USED = 'db_client_connection_state="used"'


def signals(options: Options) -> tuple[Signal, ...]:
    """Connections, rows, and gauges of one's own that must not reach a limit."""
    m = Metrics(options)
    used = f"sum {by(('instance', *_CONNECTIONS))} ({m('db.client.connection.count', _USED)})"
    taken = most(_CONNECTIONS, f"{used} / sum {by(('instance', *_CONNECTIONS))} ({m('db.client.connection.max')})")
    page = "how-to/find-out-why-a-connection-pool-times-out"
    rows = quantiles(m, _DATABASE, "db.client.response.returned_rows")
    waits = quantiles(m, _CONNECTIONS, "db.client.connection.wait_time")
    return (
        Signal(
            name="database_connections_pending",
            part="database",
            kind="saturation",
            meaning="How many requests wait for a connection.",
            expression=most(_CONNECTIONS, m("db.client.connection.pending_requests")),
            labels=_CONNECTIONS,
            panel=Panel(title="Connections: waiting"),
            alerts=(
                Alert(
                    name="DatabaseConnectionsExhausted",
                    threshold=0,
                    hold="2m",
                    severity="page",
                    summary="{{ $labels.job }}: no connection left in {{ $labels.db_client_connection_pool_name }}, {{ $value }} wait",
                    guard=f"unless {taken} < {FULL:g}",
                    rank=CAUSE,
                    keep="6m",
                ),
            ),
            first_steps=(
                "How long are connections used? Longer than usual: slow queries, or transactions that wait for locks.",
                "As long as usual: there are more requests, or somebody doesn't give connections back.",
            ),
            page=page,
        ),
        Signal(
            name="database_connections_used",
            part="database",
            kind="saturation",
            meaning="Share of the connections that are in use, in the fullest instance.",
            expression=taken,
            labels=_CONNECTIONS,
            panel=Panel(title="Connections: used", unit="percentunit"),
            no_alert="A full pool that nobody waits for is one of the right size.",
        ),
        Signal(
            name="database_connection_timeouts",
            part="database",
            kind="errors",
            meaning="Requests for a connection that timed out, in the window.",
            expression=count_in_window(m, _CONNECTIONS, "db.client.connection.timeouts"),
            labels=_CONNECTIONS,
            panel=Panel(title=f"Connections: time-outs in {options.window}"),
            alerts=(
                Alert(
                    name="DatabaseConnectionTimeouts",
                    threshold=options.more_than,
                    hold="4m",
                    severity="ticket",
                    summary="{{ $labels.job }}: {{ $value }} time-outs of {{ $labels.db_client_connection_pool_name }} "
                    f"in {options.window}",
                    rank=EXACT,
                ),
            ),
            first_steps=("The pool is too small for a moment, or connections are used for too long: look at both.",),
            page=page,
        ),
        Signal(
            name="database_connection_wait",
            part="database",
            kind="latency",
            meaning="How long a connection was waited for.",
            expression=waits[1][1],
            labels=_CONNECTIONS,
            panel=Panel(title="Connections: wait (p50, p95, p99)", unit="s", queries=waits),
            no_alert="Who waits shows at once as waiting, and later here.",
        ),
        Signal(
            name="database_rows",
            part="database",
            kind="saturation",
            meaning="Rows that a query returns, at most, in 95 of 100 cases.",
            expression=rows[1][1],
            labels=_DATABASE,
            panel=Panel(title="Database: rows a query (p50, p95, p99)", queries=rows),
            alerts=(
                Alert(
                    name="DatabaseQueriesReturnTooMuch",
                    threshold=ROWS,
                    hold="30m",
                    severity="ticket",
                    summary="{{ $labels.job }}: queries of {{ $labels.db_namespace }} return {{ $value | humanize }} rows",
                ),
            ),
            first_steps=("Which query is it? Its span has `db.response.returned_rows`. A LIMIT or a page is missing.",),
            page="how-to/find-queries-that-are-made-once-a-row",
        ),
        *(_growth(gauge, limit, m) for gauge, limit in options.grows.items()),
    )


def _growth(gauge: str, limit: float, m: Metrics) -> Signal:
    size = f"max by (job) ({m.named(gauge)})"
    predicted = f"max by (job) (predict_linear({m.named(gauge, window='6h')}, {AHEAD}))"
    return Signal(
        name=f"growth_of_{gauge}",
        part="database",
        kind="saturation",
        meaning=f"What {gauge} will be in four days, if it goes on as in the last six hours.",
        expression=predicted,
        labels=("job",),
        panel=Panel(title=f"Growth: {gauge}", queries=(("now", size), ("in four days", predicted))),
        alerts=(
            Alert(
                name="Grows" + "".join(word.capitalize() for word in gauge.replace(":", "_").split("_")),
                threshold=limit,
                hold="1h",
                severity="ticket",
                summary=f"{{{{ $labels.job }}}}: {gauge} will be {{{{ $value | humanize }}}} in four days",
            ),
        ),
        first_steps=("What fills it? Old data that nobody deletes, or new data that nobody expected?",),
        page="how-to/be-paged-for-the-right-things",
    )
