"""Health checks as a metric: asked when somebody looks, never in the way of who looks.

A check runs in a thread of its own, one at a time, and its answer is kept for `max_age`. A collection starts what is
due, waits for all of it together for at most a second, and reports what is known by then. A check that hangs so costs
one thread, is unhealthy, and delays nothing else.
"""

from __future__ import annotations

import inspect
import math
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import clock, counters, faults, outcome
from telemetry_kit._core.instruments import Reading, series
from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from telemetry_kit._core.scope import Scope

WAIT_AT_MOST = 1.0
"""Seconds that a collection waits for all checks together."""
SLACK = 0.25
"""Seconds that a check may be short of its timeout when a collection's patience ends, and still be said to hang: on a
busy machine its thread starts late, and with `timeout=1.0` it would otherwise be unknown."""
TIMEOUT = "timeout"


def observe_health(
    scope: Scope, name: str, check: Callable[[], bool | None], *, timeout: float = 1.0, max_age: float = 5.0
) -> Handle:
    """What `Telemetry.health` says."""
    what = f"health check {check_name('health check', name)!r}"
    if not callable(check) or inspect.iscoroutinefunction(check):
        msg = (
            f"{what} is a function that returns True, False or None, and got {check!r:.100}. It runs in a thread: from "
            "there a coroutine is reached by asyncio.run_coroutine_threadsafe(...).result(timeout)"
        )
        raise TypeError(msg)
    _check_seconds(what, "timeout", timeout, above=True)
    _check_seconds(what, "max_age", max_age, above=False)
    if scope.disabled:
        return Handle()
    checks = _ALL.of(scope.instruments)
    one = _Check(scope, admit_name(scope, "health", name), check, timeout, max_age)
    checks.start_observing(scope)
    checks.all[id(one)] = one

    def stop() -> None:
        checks.all.pop(id(one), None)

    return Handle(stop)


class _Checks:
    """All checks that report to one meter provider: they are started and waited for together."""

    def __init__(self) -> None:
        self.all: dict[int, _Check] = {}
        self._observing = deque([True])

    def start_observing(self, scope: Scope) -> None:
        try:
            self._observing.pop()
        except IndexError:
            return
        scope.instruments.observe("health.status", self, _Checks.read)

    def read(self) -> Reading:
        checks = list(self.all.values())
        # Real time, also where a test has put another clock in place: it is the collector that waits.
        began = time.monotonic()
        for check in checks:
            check.start_if_due()
        for check in checks:
            check.wait(began)
        return list(self._known(checks))

    @staticmethod
    def _known(checks: list[_Check]) -> Iterator[tuple[Any, int]]:
        for check in checks:
            healthy = check.healthy
            if healthy is not None:
                yield check.of, int(healthy)


class _Evaluation:
    """One run of a check in its thread."""

    __slots__ = ("_real", "began", "ended", "untold")

    def __init__(self) -> None:
        self.began = clock.perf_counter()
        self._real = time.monotonic()
        self.ended = threading.Event()
        self.untold = deque([True])
        """Taken by whoever tells the outcome first: the thread, or the collection that waited in vain."""

    def elapsed(self) -> float:
        """Seconds since it began. A thread hangs in real time, also where a test has stopped the clock."""
        return max(time.monotonic() - self._real, clock.perf_counter() - self.began)


class _Check:
    """A check, its last answer, and the run that is on its way to the next."""

    def __init__(
        self, scope: Scope, name: str, check: Callable[[], bool | None], timeout: float, max_age: float
    ) -> None:
        self._check = check
        self._name = name
        self._timeout = timeout
        self._max_age = max_age
        self._attributes = {"health.check.name": name, "scope.name": scope.name}
        self._durations = scope.instruments.histogram("health.check.duration")
        self.of = series(self._attributes)
        self.healthy: bool | None = None
        """What is known, None before the first answer."""
        self._known_at = -math.inf
        self._generation = counters.fork.generation
        self._free = deque([True])
        self._running: _Evaluation | None = None

    def start_if_due(self) -> None:
        """Run the check, unless it is running or was answered a short while ago."""
        if self._generation is not counters.fork.generation:  # the parent's thread isn't here
            self._generation = counters.fork.generation
            self._free = deque([True])
            self._running = None
            self.healthy, self._known_at = None, -math.inf
        if self._running is None and clock.perf_counter() - self._known_at < self._max_age:
            return
        try:
            self._free.pop()
        except IndexError:
            return
        running = self._running = _Evaluation()
        thread = threading.Thread(target=self._run, args=(running,), name=f"health-{self._name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as fault:  # no threads here, or none left
            if "shutdown" not in str(fault):  # the last collection of a process: what is known is reported
                faults.record("health.start", fault)
            self._running = None
            self._free.append(True)

    def wait(self, began: float) -> None:
        """Wait for the answer, as long as this check may take and all of them together may."""
        running = self._running
        if running is None:
            return
        left = WAIT_AT_MOST - (time.monotonic() - began)
        patience = min(left, self._timeout - running.elapsed())
        if running.ended.wait(max(patience, 0.0)):
            return
        if running.elapsed() + SLACK >= self._timeout and self._learn(running, healthy=False):
            self._record(running, TIMEOUT)

    def _run(self, running: _Evaluation) -> None:
        """In the thread."""
        healthy, error_type = False, None
        try:
            healthy = self._ask()
            error_type = None if healthy else outcome.OTHER
        except BaseException as exc:  # the end of a thread of ours: there is nobody to raise to
            error_type = _error_type(exc)
        if running.elapsed() > self._timeout:
            healthy, error_type = False, TIMEOUT
        first = self._learn(running, healthy=healthy)
        self._running = None
        self._free.append(True)
        running.ended.set()
        # After that: the collection that waits for us may hold what a record needs.
        if first:
            self._record(running, error_type)

    def _ask(self) -> bool:
        answer: Any = self._check()
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            msg = f"health check {self._name!r} returned an awaitable, which nobody awaits: wait for it in the check"
            raise TypeError(msg)
        return answer is None or bool(answer)

    def _learn(self, running: _Evaluation, *, healthy: bool) -> bool:
        """Take what a run tells, if nobody has: whether it was the first to tell."""
        try:
            running.untold.pop()
        except IndexError:
            return False
        self.healthy = healthy
        self._known_at = clock.perf_counter()
        return True

    def _record(self, running: _Evaluation, error_type: str | None) -> None:
        duration = clock.perf_counter() - running.began
        attributes = self._attributes
        if error_type is not None:
            attributes = {**attributes, "error.type": error_type}
        self._durations.record(max(duration, self._timeout) if error_type == TIMEOUT else duration, attributes)


def _error_type(exc: BaseException) -> str:
    try:
        return outcome.error_type(exc) or outcome.type_name(type(exc))
    except Exception as fault:  # an exception that can't be asked what it is
        faults.record("outcome", fault)
        return outcome.OTHER


def _check_seconds(what: str, option: str, seconds: object, *, above: bool) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        msg = f"{option} of {what} is a number of seconds, and got {seconds!r:.100}"
        raise TypeError(msg)
    if math.isnan(seconds) or seconds < 0 or (above and seconds == 0):
        msg = f"{option} of {what} is {'above' if above else 'not below'} 0 seconds, and got {seconds!r}"
        raise ValueError(msg)


_ALL: Registry[_Checks] = Registry(_Checks)
