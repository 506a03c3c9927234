"""Recording and alerting rules for Prometheus and Mimir, from the table of signals.

They are evaluated in one group, so that what is recorded and the alerts that read it are of the same moment.
"""

from typing import Any
from urllib.parse import quote

from telemetry_kit.monitoring.model import Alert, Signal
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.signals import signals

DASHBOARD = "telemetry-kit"
"""The dashboard's identity in Grafana."""
_VARIABLES = {"job": "service", "scope_name": "scope", "operation_name": "operation"}
"""Which variable of the dashboard a label fills."""


def rules(options: Options | None = None) -> dict[str, Any]:
    """A Prometheus rule file as data: dump it as JSON, which is YAML, or print `python -m telemetry_kit rules`.

    >>> [group["name"] for group in rules(Options(only=("job", "cache")))["groups"]]
    ['telemetry_kit_job', 'telemetry_kit_cache']
    """
    chosen = Options() if options is None else options
    table = signals(chosen)
    groups = [
        {"name": f"telemetry_kit_{part}", "rules": _rules([one for one in table if one.part == part], chosen)}
        for part in chosen.only
    ]
    return {"groups": [group for group in groups if group["rules"]]}


def for_mimir(options: Options | None = None) -> dict[str, Any]:
    """The same with a namespace, as `mimirtool rules load` and Grafana Alloy want it.

    >>> for_mimir()["namespace"]
    'telemetry_kit'
    """
    return {"namespace": "telemetry_kit", **rules(options)}


def _rules(table: list[Signal], options: Options) -> list[dict[str, Any]]:
    recorded = [{"record": one.name, "expr": one.expression} for signal in table for one in signal.records]
    alerts = [_alert(signal, alert, options) for signal in table for alert in signal.alerts]
    return [*recorded, *alerts]


def _alert(signal: Signal, alert: Alert, options: Options) -> dict[str, Any]:
    labels: dict[str, str] = {"severity": alert.severity, "kind": signal.kind}
    if alert.rank is not None:
        labels["rank"] = str(alert.rank)
    return {
        "alert": alert.name,
        "expr": signal.condition(alert),
        "for": alert.hold,
        **({"keep_firing_for": alert.keep} if alert.keep else {}),
        "labels": labels,
        "annotations": {
            "summary": alert.summary,
            "description": f"{signal.meaning} First: {' '.join(signal.first_steps)}",
            "dashboard_url": dashboard_url(signal, options),
            "runbook_url": f"{options.runbook}#{alert.name.lower()}",
        },
    }


def dashboard_url(signal: Signal, options: Options) -> str:
    """The panel of a signal, with the dashboard's variables set to what fired."""
    variables = "".join(
        f"&var-{_VARIABLES[name]}={{{{ $labels.{name} | urlquery }}}}" for name in signal.labels if name in _VARIABLES
    )
    return f"{options.grafana.rstrip('/')}/d/{quote(DASHBOARD)}?viewPanel={signal.panel_id}{variables}"
