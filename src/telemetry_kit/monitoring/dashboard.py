"""A Grafana dashboard from the table of signals: a row for each part, a panel for each signal.

Every alert has the panel of its signal, which names it and draws its threshold. No averages and no stacks: percentiles
over all instances, and heat maps.
"""

from dataclasses import replace
from typing import Any

from telemetry_kit.monitoring.model import Signal
from telemetry_kit.monitoring.options import Options, Part
from telemetry_kit.monitoring.promql import Metrics
from telemetry_kit.monitoring.rules import DASHBOARD
from telemetry_kit.monitoring.signals import signals

TITLES: dict[Part, str] = {
    "red": "Rate, errors and duration",
    "objective": "Objectives",
    "use": "Pools",
    "executor": "Executors",
    "queue": "Queues",
    "database": "Databases",
    "cache": "Caches",
    "health": "Health checks",
    "event_loop": "Event loops",
    "job": "Batch jobs",
    "self": "Telemetry itself",
}
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 24


def dashboard(options: Options | None = None) -> dict[str, Any]:
    """The dashboard as Grafana's JSON: import it, or put the file where Grafana's provisioning finds it.

    >>> dashboard(Options(only=("health",)))["panels"][1]["title"]
    'Health'
    """
    chosen = Options() if options is None else options
    table = signals(replace(chosen, templated=True))
    alerting = {one.name: one for one in signals(chosen)}
    panels: list[dict[str, Any]] = []
    line = 0
    for part in chosen.only:
        row = [signal for signal in table if signal.part == part]
        if not row:
            continue
        panels.append(
            {
                "type": "row",
                "title": TITLES[part],
                "id": 100_000 + list(TITLES).index(part),
                "collapsed": False,
                "gridPos": {"x": 0, "y": line, "w": _COLUMNS, "h": 1},
                "panels": [],
            }
        )
        line += 1
        for index, signal in enumerate(row):
            below, right = divmod(index * _WIDTH, _COLUMNS)
            place = {"x": right, "y": line + below * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            panels.append(_panel(signal, alerting[signal.name], chosen) | {"gridPos": place})
        line += -(-len(row) * _WIDTH // _COLUMNS) * _HEIGHT
    return {
        "uid": DASHBOARD,
        "title": "telemetry_kit" if chosen.service is None else f"telemetry_kit: {chosen.service}",
        "description": "Made by `python -m telemetry_kit dashboard`: change its options, not this file.",
        "tags": ["telemetry_kit"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": _variables(chosen)},
        "annotations": {"list": _annotations(chosen)},
        "panels": panels,
        "links": [],
    }


def _panel(signal: Signal, alerting: Signal, options: Options) -> dict[str, Any]:
    """The panel, with the alerts of the signal by name; `alerting` is the signal as the rules have it."""
    view = signal.panel.view
    queries = signal.panel.queries or ((_legend(signal), signal.expression),)
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": _SOURCE,
            "expr": expression,
            "legendFormat": "{{le}}" if view == "heatmap" else legend,
            "format": "heatmap" if view == "heatmap" else "time_series",
            "range": view != "stat",
            "instant": view == "stat",
        }
        for index, (legend, expression) in enumerate(queries)
    ]
    panel: dict[str, Any] = {
        "id": signal.panel_id,
        "type": view,
        "title": signal.panel.title,
        "description": _description(alerting, options),
        "datasource": _SOURCE,
        "targets": targets,
    }
    if view == "heatmap":
        panel["options"] = {
            "calculate": False,
            "yAxis": {"unit": signal.panel.unit},
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
            "cellGap": 1,
        }
        return panel
    return panel | {"fieldConfig": _fields(signal), "options": _options(view)}


def _fields(signal: Signal) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    drawn = [alert for alert in signal.alerts if not alert.expression or signal.panel.unit == "percentunit"]
    steps += [{"color": "red", "value": threshold} for threshold in sorted({alert.threshold for alert in drawn})]
    return {
        "defaults": {
            "unit": signal.panel.unit,
            "min": 0,
            "thresholds": {"mode": "absolute", "steps": steps},
            "custom": {
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": 0,
                "showPoints": "auto",
                "stacking": {"mode": "none", "group": "A"},
                "thresholdsStyle": {"mode": "line" if len(steps) > 1 else "off"},
            },
        },
        "overrides": [],
    }


def _options(view: str) -> dict[str, Any]:
    if view == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "value_and_name",
        }
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _legend(signal: Signal) -> str:
    return " ".join(f"{{{{{name}}}}}" for name in signal.labels) or signal.panel.title


def _description(signal: Signal, options: Options) -> str:
    """What it shows, and who is told when."""
    lines = [signal.meaning]
    lines += [
        f"**{alert.name}** ({alert.severity}): after {alert.hold}. [First steps]({options.runbook}#{alert.name.lower()})"
        for alert in signal.alerts
    ]
    if signal.no_alert:
        lines.append(f"No alert: {signal.no_alert}")
    return "\n\n".join(lines)


def _variables(options: Options) -> list[dict[str, Any]]:
    """Where the numbers are, and of which service, scope and operation."""
    m = Metrics(replace(options, templated=False))
    source = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
    }
    queries = (
        ("service", "Service", f"label_values({m.named('target_info')}, job)"),
        ("scope", "Scope", 'label_values({job=~"$service", scope_name!=""}, scope_name)'),
        (
            "operation",
            "Operation",
            'label_values(operation_active{job=~"$service", scope_name=~"$scope"}, operation_name)',
        ),
    )
    return [source, *(_variable(name, label, query) for name, label, query in queries)]


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


def _annotations(options: Options) -> list[dict[str, Any]]:
    """Deploys (a version that wasn't there before), events of the library, and changes of configuration among them."""
    m = Metrics(replace(options, templated=True))
    info = m.named("target_info")
    config = m("telemetry_kit.events", 'event_name=~"config.*"')
    other = m("telemetry_kit.events", 'event_name!~"config.*"')
    return [
        _annotation(
            "Deploys",
            "blue",
            f"count by (job, service_version) ({info}) unless count by (job, service_version) ({info} offset 5m)\n"
            f"and on (job) count by (job) ({info} offset 5m)",
            "{{job}} {{service_version}}",
        ),
        _annotation("Events", "purple", _increased(other), "{{job}} {{event_name}}"),
        _annotation("Config changes", "orange", _increased(config), "{{job}} {{event_name}}"),
    ]


def _increased(selector: str) -> str:
    of = "sum by (job, scope_name, event_name)"
    return f"{of} ({selector}) > {of} ({selector} offset 1m) or {of} ({selector}) unless {of} ({selector} offset 1m)"


def _annotation(name: str, colour: str, expression: str, title: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": colour,
        "expr": expression,
        "step": "60s",
        "titleFormat": title,
        "tagKeys": "job",
        "useValueForTime": False,
    }
