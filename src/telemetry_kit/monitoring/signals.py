"""Everything that an operator watches, once, as data: what rules, dashboard, Alertmanager file and runbook derive from.

The shape is that of Sourcegraph's monitoring generator: one observable is its query, its panel, its alerts and what to
do first. One that has no panel is refused, and so is one that has neither an alert nor the reason why it has none.

>>> [signal.name for signal in SIGNALS if signal.part == "health"]
['health_status', 'health_check_duration']
"""

from telemetry_kit.monitoring import databases, dependencies, jobs, objectives, operations, resources, telemetry_itself
from telemetry_kit.monitoring.model import Signal
from telemetry_kit.monitoring.options import PARTS, Options


def signals(options: Options | None = None) -> tuple[Signal, ...]:
    """The table as the options want it: with these names, numbers and matchers, and these parts alone.

    >>> [signal.name for signal in signals(Options(only=("health",)))]
    ['health_status', 'health_check_duration']
    """
    chosen = Options() if options is None else options
    tables = (operations, objectives, resources, databases, dependencies, jobs, telemetry_itself)
    table = [signal for module in tables for signal in module.signals(chosen)]
    return tuple(signal for part in PARTS if part in chosen.only for signal in table if signal.part == part)


SIGNALS: tuple[Signal, ...] = signals()
"""The table with every default."""
