"""What follows from the catalogue for whoever watches: signals, rules, a dashboard, an Alertmanager file, a runbook.

Each thing that an operator watches stands once in `SIGNALS`, with its panel, its alerts and what to do first; all
output derives from there. `python -m telemetry_kit rules`, `dashboard` and `alertmanager` print it.

>>> from telemetry_kit.monitoring import SIGNALS, Options, rules
>>> [alert.name for signal in SIGNALS if signal.part == "job" for alert in signal.alerts]
['JobFailed', 'JobRunningTooLong', 'JobStale', 'JobNoRecords']
>>> [group["name"] for group in rules(Options(only=("job",), lookback="31d"))["groups"]]
['telemetry_kit_job']
"""

from telemetry_kit.monitoring.alertmanager import configuration
from telemetry_kit.monitoring.cost import Cost, costs
from telemetry_kit.monitoring.dashboard import dashboard
from telemetry_kit.monitoring.model import Alert, Panel, Recording, Signal
from telemetry_kit.monitoring.options import Options
from telemetry_kit.monitoring.promql import prometheus_name
from telemetry_kit.monitoring.rules import for_mimir, rules
from telemetry_kit.monitoring.runbook import runbook
from telemetry_kit.monitoring.signals import SIGNALS, signals
from telemetry_kit.monitoring.yaml import dump

__all__ = [
    "SIGNALS",
    "Alert",
    "Cost",
    "Options",
    "Panel",
    "Recording",
    "Signal",
    "configuration",
    "costs",
    "dashboard",
    "dump",
    "for_mimir",
    "prometheus_name",
    "rules",
    "runbook",
    "signals",
]
