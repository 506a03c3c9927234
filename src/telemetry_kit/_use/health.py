"""Health checks as a metric: asked when somebody looks, never in the way of who looks.

A check runs in a thread of its own, one at a time, and its answer is kept for `max_age`. A collection starts what is due
and reports what is known. It waits only for checks that have no answer yet, for all of them together at most a second. A
check that hangs so costs one thread, is unhealthy, and delays nothing else.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import clock, faults, observer, outcome
from telemetry_kit._core.instruments import Reading, series
from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._core.registry import Registry
from telemetry_kit._core.turn import Turn
from telemetry_kit._use.workers import PATIENCE, Question, Run
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

Check = Callable[[], "bool | None"] | Callable[[], Awaitable["bool | None"]]
SLACK = 0.25
"""Seconds that a check may be short of its timeout when a collection's patience ends, and still be said to hang: on a
busy machine its thread starts late, and with `timeout=1.0` it would otherwise be unknown."""
TIMEOUT = "timeout"


def observe_health(scope: Scope, name: str, check: Check, *, timeout: float = 1.0, max_age: float = 5.0) -> Handle:
    """What `Telemetry.health` says."""
    what = f"health check {check_name('health check', name)!r}"
    if not callable(check):
        msg = f"{what} must be a function or a coroutine function that gives True, False or None, got {check!r:.100}"
        raise TypeError(msg)
    timeout = _seconds(what, "timeout", timeout, above=True)
    max_age = _seconds(what, "max_age", max_age, above=False)
    if scope.disabled:
        return Handle()
    checks = _ALL.of(scope.instruments)
    one = _Check(scope, admit_name(scope, "health", name), check, timeout, max_age)
    if checks.new.take():
        scope.instruments.observe("health.status", checks, _Checks.read)
    checks.all[id(one)] = one

    def stop() -> None:
        checks.all.pop(id(one), None)

    observer.current.kept(stop)
    return Handle(stop)


class _Checks:
    """All checks that report to one meter provider: they are started and waited for together."""

    def __init__(self) -> None:
        self.all: dict[int, _Check] = {}
        self.new = Turn()
        """Taken by whoever has them observed."""

    def read(self) -> Reading:
        checks = list(self.all.values())
        for check in checks:
            check.start_if_due()
        for check in checks:
            check.wait()
        return [(check.of, int(healthy)) for check in checks if (healthy := check.healthy) is not None]


class _Check:
    """A check, its last answer, and the run that is on its way to the next."""

    def __init__(self, scope: Scope, name: str, check: Check, timeout: float, max_age: float) -> None:
        self._instruments = scope.instruments
        self._timeout = timeout
        self._max_age = max_age
        self._attributes = {keys.HEALTH_CHECK_NAME: name, keys.SCOPE_NAME: scope.label}
        self._durations = scope.instruments.histogram("health.check.duration")
        self.of = series(self._attributes)
        self.healthy: bool | None = None
        """What is known, None before the first answer."""
        self._known_at = -math.inf
        self._question = Question(
            check, name=f"health-{name}", site="health.start", timeout=timeout, settled=self._answered
        )

    def start_if_due(self) -> None:
        """Run the check, unless it is running or was answered a short while ago."""
        question = self._question
        if not question.is_ours():
            self.healthy, self._known_at = None, -math.inf
        if question.running is not None or clock.perf_counter() - self._known_at >= self._max_age:
            question.start()

    def wait(self) -> None:
        """Wait for the first answer, as long as this check may take and all of them together may."""
        run = self._question.running
        if run is None:
            return
        patience, collection = PATIENCE.of(self._instruments), self._instruments.collection
        slack = 0.0
        if self.healthy is None:
            if patience.wait(run, collection, self._timeout - run.elapsed()):
                return
            slack = SLACK
        if run.elapsed() + slack >= self._timeout and run.unsettled.take():
            self._learn(healthy=False)
            self._record(run, TIMEOUT)

    def _answered(self, run: Run, answer: Any, exc: BaseException | None) -> None:
        """In the thread."""
        healthy = False
        error_type: str | None = outcome.OTHER
        try:
            healthy = exc is None and (answer is None or bool(answer))
        except Exception as odd:  # the truth of an array is no truth
            faults.pass_on(odd)
            exc = odd
        if healthy:
            error_type = None
        elif exc is not None:
            error_type = outcome.classify(exc, None, "outcome") or outcome.type_name(type(exc))
        if run.elapsed() > self._timeout:
            healthy, error_type = False, TIMEOUT
        if run.unsettled.take():
            self._learn(healthy=healthy)
            # Who waits for us may hold what a record needs.
            run.ended.set()
            self._record(run, error_type)

    def _learn(self, *, healthy: bool) -> None:
        self.healthy = healthy
        self._known_at = clock.perf_counter()

    def _record(self, run: Run, error_type: str | None) -> None:
        duration = clock.perf_counter() - run.began
        attributes = self._attributes
        if error_type is not None:
            attributes = {**attributes, keys.ERROR_TYPE: error_type}
        self._durations.record(max(duration, self._timeout) if error_type == TIMEOUT else duration, attributes)


def _seconds(what: str, option: str, seconds: object, *, above: bool) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        msg = f"{option} of {what} must be a number of seconds, got {seconds!r:.100}"
        raise TypeError(msg)
    if not (seconds > 0 if above else seconds >= 0):
        msg = f"{option} of {what} must be {'above' if above else 'at least'} 0 seconds, got {seconds!r}"
        raise ValueError(msg)
    return seconds if seconds <= sys.float_info.max else math.inf  # an int that can't be reckoned with beside floats


_ALL: Registry[_Checks] = Registry(_Checks)
