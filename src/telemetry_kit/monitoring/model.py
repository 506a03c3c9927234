"""The words of the table of signals: what is watched, when somebody is told of it, and what they look at."""

import zlib
from dataclasses import dataclass
from typing import Literal

from telemetry_kit.monitoring.options import Part

Severity = Literal["page", "ticket"]
Kind = Literal["latency", "errors", "traffic", "saturation", "state"]
"""LETS, and what is in a state: a job, a health check, telemetry itself."""
View = Literal["timeseries", "heatmap", "stat"]

CAUSE, EXACT, VAGUE, VAGUEST = 1, 2, 3, 4
"""Ranks of alerts: within a service one of a lower rank silences those of higher ranks. What is exhausted or gone is the
cause; errors of one type are more exact than a share of errors or a slow percentile; that nobody calls any more is
vaguest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """When to tell somebody. It fires for each series of its signal that is beyond the threshold for as long as `hold`.

    >>> full = Alert(name="DiskFull", threshold=0.9, hold="10m", severity="page", summary="{{ $labels.device }} is full")
    """

    name: str
    threshold: float
    hold: str
    """How long it must be so, in Prometheus's spelling. The vaguer alert's is longer than the exact one's."""
    severity: Severity
    summary: str
    """One line; names labels of the series as Prometheus's templates do."""
    comparison: Literal[">", ">=", "<", "=="] = ">"
    guard: str = ""
    """What else must hold, as PromQL that follows the comparison (`and ...`, `unless ...`)."""
    expression: str = ""
    """All of it, where it isn't the signal's own expression beyond the threshold."""
    rank: int | None = None
    """Where it stands among the alerts of its service; None: it silences nothing and is silenced by nothing."""
    keep: str = ""
    """How long it stays after its end, so that what it silences has ended too: percentiles look back over a window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What to look at.

    >>> disk = Panel(title="Disk", unit="percentunit")
    """

    title: str
    unit: str = "short"
    """In Grafana's spelling."""
    view: View = "timeseries"
    queries: tuple[tuple[str, str], ...] = ()
    """Pairs of legend and PromQL; empty: the signal's own expression, with its labels as the legend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """An expression that Prometheus evaluates once for all that use it.

    >>> recorded = Recording(name="disk:used:ratio", expression="disk_used / disk_size")
    """

    name: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing that an operator watches.

    >>> Signal(name="x", part="red", kind="errors", meaning="m", expression="x", labels=(), panel=Panel(title="X"))
    Traceback (most recent call last):
    ValueError: signal 'x' must have an alert or say why not, got neither: give alerts= or no_alert=
    """

    name: str
    part: Part
    kind: Kind
    meaning: str
    expression: str
    """PromQL: what is measured, without a threshold."""
    labels: tuple[str, ...]
    """What tells its series apart."""
    panel: Panel
    alerts: tuple[Alert, ...] = ()
    no_alert: str = ""
    """Why nobody is alerted, where there is no alert."""
    first_steps: tuple[str, ...] = ()
    page: str = ""
    """The page of the documentation that goes on from the first steps."""
    records: tuple[Recording, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.panel, Panel):
            raise TypeError(f"signal {self.name!r} must have a panel, got {self.panel!r}: give panel=Panel(title=...)")
        if bool(self.alerts) == bool(self.no_alert):
            both = "both" if self.alerts else "neither"
            raise ValueError(
                f"signal {self.name!r} must have an alert or say why not, got {both}: give alerts= or no_alert="
            )
        if self.alerts and not (self.first_steps and self.page):
            raise ValueError(
                f"signal {self.name!r} must say what to do first, got nothing: give first_steps= and page="
            )

    @property
    def panel_id(self) -> int:
        """The panel's number on the dashboard: it follows from the name, so that links stay when signals are added."""
        return zlib.crc32(self.name.encode()) % 99_991 + 1

    def condition(self, alert: Alert) -> str:
        """The whole expression of one of its alerts.

        >>> alert = Alert(name="Down", threshold=1, comparison="<", hold="2m", severity="page", summary="It is down")
        >>> signal = Signal(name="up", part="self", kind="state", meaning="Whether it is up", expression="up",
        ...                 labels=("job",), panel=Panel(title="Up"), alerts=(alert,), first_steps=("Start it.",),
        ...                 page="how-to/start")
        >>> signal.condition(alert)
        'up < 1'
        """
        if alert.expression:
            return alert.expression
        measured = self.expression if "\n" not in self.expression else f"(\n{self.expression}\n)"
        return f"{measured} {alert.comparison} {alert.threshold:g}" + (alert.guard and f"\n{alert.guard}")
