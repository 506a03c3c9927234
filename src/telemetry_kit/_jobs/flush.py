"""Deliver now what was recorded, where the SDK offers it, and within a time that holds whatever an exporter does.

The API has no flush, so it is asked for by duck typing: `force_flush(timeout_millis)`, which the SDK's providers have.
Exporters are known to stay in it for longer than they were given, so each provider is flushed in a daemon thread, all
at once, and nobody waits for a thread longer than the total.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import faults, forks, reentrancy, sdk
from telemetry_kit._core.late import late_import

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

THREADS_AT_MOST = 24
"""Flushes that hang: a worker that runs many jobs on a dead exporter must not collect threads for ever."""

_threads: set[threading.Thread] = set()


def flush(scope: Scope, seconds: float) -> None:
    """Have the providers of `scope` deliver what they have, and wait for it for at most `seconds` in all."""
    flushes: list[Callable[..., object]] = []
    # Inside of the SDK, interrupted by a finaliser or signal handler, a flush could only wait for itself.
    if not (scope.disabled or reentrancy.unsafe()):
        with faults.guard("job.flush"):
            flushes = _flushes(scope)
    _threads.difference_update([thread for thread in list(_threads) if not thread.is_alive()])
    if not flushes:
        return
    if len(_threads) + len(flushes) > THREADS_AT_MOST:
        faults.record("job.flush", RuntimeError(f"{len(_threads)} earlier flushes hang"))
        return
    unfinished = list(flushes)
    finished = threading.Event()

    def run(force_flush: Callable[..., object]) -> None:
        with faults.guard("job.flush"):
            force_flush(max(1, int(seconds * 1_000)))
        unfinished.pop()
        if not unfinished:
            finished.set()

    for force_flush in flushes:
        thread = threading.Thread(target=run, args=(force_flush,), name="telemetry_kit flush", daemon=True)
        try:
            thread.start()
        except RuntimeError as fault:  # the interpreter is shutting down: the SDK's exit handlers deliver
            faults.record("job.flush", fault)
            return
        _threads.add(thread)
    finished.wait(seconds)


def _flushes(scope: Scope) -> list[Callable[..., object]]:
    """`force_flush` of each distinct provider that has one."""
    tracer_provider = scope.tracer_provider if scope.tracer_provider is not None else sdk.tracer_provider()
    providers = {id(provider): provider for provider in (tracer_provider, scope.instruments.provider(), _logs(scope))}
    flushes = (getattr(provider, "force_flush", None) for provider in providers.values())
    return [force_flush for force_flush in flushes if callable(force_flush)]


def _logs(scope: Scope) -> Any:
    if scope.logger_provider is not None:
        return scope.logger_provider
    if sdk.override is not None:
        return sdk.override.logger_provider
    with late_import():
        from opentelemetry._logs import get_logger_provider

    return get_logger_provider()


forks.after_fork(_threads.clear)
