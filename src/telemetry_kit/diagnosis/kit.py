"""What the kit knows of itself: what it was kept from recording, and what it was never asked to record.

Each check gives `(code, severity, seen, next)`, as those of `host` do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from telemetry_kit._core import faults, sdk, switched_off
from telemetry_kit._core.scope import scopes
from telemetry_kit._operation.state import never_called
from telemetry_kit.diagnosis.host import Found

_NAMES_SAID = 5
"""So many names are listed, then only how many more there are."""
DROPPED = "attributes.value"
"""The fault site of values that can't be kept."""


def disabled() -> Iterator[Found]:
    """Which libraries are switched off, and which patterns match none?"""
    variable, patterns = switched_off.VARIABLE, switched_off.patterns()
    off = sorted({scope.name for scope in scopes() if scope.disabled})
    if off:
        yield "disabled", "info", f"{variable} switches off {_listed(off)}", "nothing, if that is meant"
    idle = [pattern for pattern in patterns if not any(switched_off.matches(pattern, scope.name) for scope in scopes())]
    if idle:
        known = _listed(sorted({scope.name for scope in scopes()})) or "none so far"
        seen = f"{variable} has {_listed(idle)}, which matches no Telemetry of this process"
        yield "disabled_matches_nothing", "warning", seen, f"use the names given to Telemetry(...): {known}"


def forked() -> Iterator[Found]:
    """Was the SDK set up before this process was forked?"""
    if sdk.inherited():
        seen = "this process was forked after the SDK was set up, and uses what it inherited"
        say = "set the SDK up in each worker after the fork (gunicorn: post_fork; Celery: worker_process_init)"
        yield "forked_after_set_up", "warning", seen, say


def never() -> Iterator[Found]:
    """Which operations were decorated and never called?"""
    names = sorted(name for scope in scopes() for name in never_called(scope))
    if names:
        seen = f"{len(names)} decorated and never called: {_listed(names)}"
        say = "if they were called: put the decorator next to the function, below the one that registers it"
        yield "never_called", "info" if sdk.absent() else "warning", seen, say


def broken() -> Iterator[Found]:
    """What broke in telemetry?"""
    counts = faults.counts()
    dropped = counts.pop(DROPPED, 0)
    if dropped:
        seen = f"{dropped} attribute values were dropped: of types that OpenTelemetry can't keep"
        yield "values_dropped", "warning", seen, "the log of `telemetry_kit` names the first key and type"
    if counts:
        worst = sorted(counts.items(), key=lambda item: -item[1])
        seen = f"faults in telemetry: {_listed([f'{site} ({number})' for site, number in worst])}"
        yield "faults", "warning", seen, "the log of `telemetry_kit` has the first fault of each site"


CHECKS: tuple[Callable[[], Iterator[Found]], ...] = (disabled, forked, never, broken)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_SAID
    return ", ".join(names[:_NAMES_SAID]) + (f" and {more} more" if more > 0 else "")
