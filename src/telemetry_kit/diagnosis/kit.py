"""What the kit knows of itself: what it was kept from recording, and what it was never asked to record.

Each check gives `(code, severity, seen, next)`, as those of `host` do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from telemetry_kit._core import faults, sdk, switched_off
from telemetry_kit._core.instruments import Series, counted
from telemetry_kit._core.observed import living_series
from telemetry_kit._core.outcome import OTHER
from telemetry_kit._core.overflow import NAME_KEYS
from telemetry_kit._core.scope import Scope, scopes
from telemetry_kit._errors.limiter import SUPPRESSED
from telemetry_kit._operation.state import states_of
from telemetry_kit.catalogue import keys
from telemetry_kit.diagnosis.host import Found, listed

DROPPED = "attributes.value"
"""The fault site of values that can't be kept."""


def disabled() -> Iterator[Found]:
    """Which libraries are switched off, and which patterns match none?"""
    variable, patterns = switched_off.VARIABLE, switched_off.patterns()
    off = sorted({scope.name for scope in scopes() if scope.disabled})
    if off:
        yield "disabled", "info", f"{variable} switches off {listed(off)}", "nothing, if that is meant"
    idle = [pattern for pattern in patterns if not any(switched_off.matches(pattern, scope.name) for scope in scopes())]
    if idle:
        known = listed(sorted({scope.name for scope in scopes()})) or "none so far"
        seen = f"{variable} has {listed(idle)}, which matches no Telemetry of this process"
        yield (
            "disabled_matches_nothing",
            "warning",
            seen,
            f"use the names given to Telemetry(...), with commas between them: {known}",
        )


def forked() -> Iterator[Found]:
    """Was the SDK set up before this process was forked?"""
    if sdk.inherited():
        seen = "this process was forked after the SDK was set up, and uses what it inherited"
        say = "set the SDK up in each worker after the fork (gunicorn: post_fork; Celery: worker_process_init)"
        yield "forked_after_set_up", "warning", seen, say


def never() -> Iterator[Found]:
    """Which operations were decorated and never called? Without an SDK it isn't known of all."""
    states = [state for scope in scopes() if _knows(scope) for state in states_of(scope)]
    names = sorted(state.name for state in states if state.decorated and not state.called)
    if names:
        seen = f"{len(names)} decorated and never called: {listed(names)}"
        say = "if they were called: put the decorator next to the function, below the one that registers it"
        yield "never_called", "warning", seen, say


def broken() -> Iterator[Found]:
    """What broke in telemetry?"""
    counts = faults.counts()
    dropped = counts.pop(DROPPED, 0)
    if dropped:
        seen = f"{dropped} attribute values were dropped: of types that OpenTelemetry can't keep"
        yield "values_dropped", "warning", seen, "the log of `telemetry_kit` names the first key and type"
    if counts:
        worst = sorted(counts.items(), key=lambda item: -item[1])
        seen = f"faults in telemetry: {listed([f'{site} ({number})' for site, number in worst])}"
        yield "faults", "warning", seen, "the log of `telemetry_kit` has the first fault of each site"


def overflowed() -> Iterator[Found]:
    """Which keys have too many values, and which names are too many?"""
    lost = counted("telemetry_kit.attribute.overflow")
    if lost:
        whose = [f"{_key(of)} of {_helper(of)} ({number:.0f})" for of, number in _most(lost)]
        seen = f"values became {OTHER}: {listed(whose)}"
        yield "overflowed", "warning", seen, "put what has many values on the span (`span_attributes`), not on metrics"


def suppressed() -> Iterator[Found]:
    """Of which errors was the detail left out?"""
    held = counted(SUPPRESSED)
    if held:
        whose = [f"{of.attributes[keys.ERROR_TYPE]} in {_helper(of)} ({number:.0f})" for of, number in _most(held)]
        seen = f"the rate limit left out the detail of errors: {listed(whose)}"
        yield "errors_suppressed", "info", seen, "nothing: metrics count all of them; `ErrorPolicy` sets the limit"


def live() -> Iterator[Found]:
    """How many sets of metric attributes has each helper, each a series of every metric that it has?"""
    sets: dict[str, int] = {}
    for of in living_series():
        if not {keys.OPERATION_NAME, keys.FAULT_SITE, keys.ATTRIBUTE_KEY} & of.attributes.keys():
            helper = _helper(of)
            sets[helper] = sets.get(helper, 0) + 1
    for scope in filter(_knows, scopes()):
        called = [state for state in states_of(scope) if state.called]
        sets |= {f"operation {state.name} of {scope.name}": state.sets for state in called}
    if sets and any(map(_knows, scopes())):
        most = [f"{helper} ({number})" for helper, number in sorted(sets.items(), key=lambda item: (-item[1], item[0]))]
        seen = f"sets of metric attributes so far ({sum(sets.values())}): {listed(most)}"
        yield "series", "info", seen, "nothing, if they are as many as you expect: each is a series of every metric"


CHECKS: tuple[Callable[[], Iterator[Found]], ...] = (disabled, forked, never, broken, overflowed, suppressed, live)


def _knows(scope: Scope) -> bool:
    """Whether it knows which of its operations were called: without an SDK not all are noted."""
    return not (scope.by_globals and sdk.absent())


def _most(sums: dict[Series, float]) -> list[tuple[Series, float]]:
    return sorted(sums.items(), key=lambda item: -item[1])


def _helper(of: Series) -> str:
    """Whose series it is, as a person says it."""
    attributes = of.attributes
    scope = attributes.get(keys.SCOPE_NAME, "a library of its own")
    for kind, key in (*NAME_KEYS.items(), ("event", keys.EVENT_NAME)):
        if key in attributes:
            whose = kind.replace("_", " ")
            return f"{whose}s of {scope}" if attributes[key] == OTHER else f"{whose} {attributes[key]} of {scope}"
    return str(scope)


def _key(of: Series) -> str:
    """The key that has too many values; which one can't be told where the keys themselves are too many."""
    key = str(of.attributes[keys.ATTRIBUTE_KEY])
    return "too many keys" if key == OTHER else key
