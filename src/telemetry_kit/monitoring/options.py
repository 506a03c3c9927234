"""What a user may say of rules, dashboard and Alertmanager file, and what holds where nothing is said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Exporter = Literal["prometheus", "otlp"]
Part = Literal[
    "red", "objective", "use", "executor", "queue", "database", "cache", "health", "event_loop", "job", "self"
]
PARTS: tuple[Part, ...] = get_args(Part)
"""What `only` can name: a row of the dashboard each, in their order."""

_DURATION = re.compile(r"(?=.*[1-9])" + "".join(rf"(?:[0-9]+{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")))
"""Above zero, each unit once, the longest first."""
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Narrow and shape what is generated. Everything has a default that serves a service of moderate traffic.

    >>> Options(window="10m").window
    '10m'
    >>> Options(window="soon")
    Traceback (most recent call last):
    ValueError: window must be a duration as Prometheus writes it, got 'soon': say 5m, 1h or 8d
    """

    only: tuple[Part, ...] = PARTS
    """The parts to generate; all of them by default."""
    service: str | None = None
    """The label `job` of the one service that is meant; None: of every service."""
    objective: float | None = None
    """Percent of calls that are to succeed where an operation declares no objective of its own; None: no such rule."""
    lookback: str = "8d"
    """How far back a job's last sample is looked for: longer than the longest interval between two runs."""
    exporter: Exporter = "prometheus"
    """Whose names are used: the Python Prometheus exporter's, or those that Prometheus gives to what arrives by OTLP."""
    more_than: int = 10
    """So many errors in a window are no accident."""
    window: str = "5m"
    """The window in which errors are counted and durations looked at."""
    slower_than: float | None = None
    """Seconds that 95 of 100 calls may take: a page. None: one second, and a ticket, since nobody has said a number."""
    expect_jobs: tuple[str, ...] = ()
    """Batch jobs that must have been seen within the look-back."""
    by: tuple[str, ...] = ()
    """Labels that tell one job from another beside its name and scope: a region, an environment."""
    grows: Mapping[str, float] = field(default_factory=dict)
    """Gauges of one's own, by their Prometheus names, with what they must not reach within four days."""
    grafana: str = "http://localhost:3000"
    """Where the dashboard is: alerts link to its panels."""
    runbook: str = "http://localhost:8000/reference/alerts.html"
    """Where the page with the first steps for each alert is."""
    templated: bool = False
    """With the dashboard's variables as matchers; the dashboard sets it."""

    def __post_init__(self) -> None:
        for name in ("lookback", "window"):
            if not _DURATION.fullmatch(getattr(self, name)):
                raise ValueError(
                    f"{name} must be a duration as Prometheus writes it, got {getattr(self, name)!r}: say 5m, 1h or 8d"
                )
        if unknown := [part for part in self.only if part not in PARTS]:
            raise ValueError(f"only must name parts, got {unknown[0]!r}: there are {', '.join(PARTS)}")
        if self.exporter not in get_args(Exporter):
            raise ValueError(f"exporter must be prometheus or otlp, got {self.exporter!r}")
        if self.objective is not None and not 50 <= self.objective < 100:
            raise ValueError(f"objective must be a percentage from 50 to below 100, got {self.objective!r}: say 99.9")
        if self.more_than < 0:
            raise ValueError(f"more_than must be 0 or more, got {self.more_than!r}")
        if self.slower_than is not None and not 0 < self.slower_than < float("inf"):
            raise ValueError(f"slower_than must be seconds above 0, got {self.slower_than!r}: say 0.5")
        for label in self.by:
            if not _LABEL.fullmatch(label):
                raise ValueError(f"by must name labels, got {label!r}: dots are written as underscores in Prometheus")
        for metric in self.grows:
            if not _METRIC.fullmatch(metric):
                raise ValueError(f"grows must name gauges as Prometheus does, got {metric!r}")
