"""Is there an SDK? Asked here and nowhere else, on every call, cheaply, and never remembered.

The API keeps its global providers in two module globals, None until a host sets an SDK. A look at them costs 12 ns,
the public way 640 ns without an SDK; the public way is what serves where an API has no such globals.

A capture of `telemetry_kit.testing` stands before both, and so does the console, which gives way once there is an SDK.
"""

import os
import sys
from types import FrameType
from typing import Any, NamedTuple

import opentelemetry.metrics
import opentelemetry.trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from telemetry_kit._core.forks import after_fork

CONSOLE_VARIABLE = "TELEMETRY_KIT_CONSOLE"
"""`1` or `true`: where no SDK is, what is recorded is printed (`diagnosis.console`)."""
_TRACER_VARIABLE = "OTEL_PYTHON_TRACER_PROVIDER"
_METER_VARIABLE = "OTEL_PYTHON_METER_PROVIDER"


class Providers(NamedTuple):
    """What a capture puts in the place of the global providers."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider
    logger_provider: Any


class _ByPublicApi:
    """The API's globals for an API that hasn't got them: asked for in the public way."""

    @property
    def _TRACER_PROVIDER(self) -> TracerProvider | None:  # noqa: N802
        provider = opentelemetry.trace.get_tracer_provider()
        return None if is_placeholder(provider) else provider

    @property
    def _METER_PROVIDER(self) -> MeterProvider | None:  # noqa: N802
        provider = opentelemetry.metrics.get_meter_provider()
        return None if is_placeholder(provider) else provider


override: Providers | None = None
"""Set by a capture while it is active, and by the console while there is no SDK."""
console: Providers | None = None
"""The console's, where it is on: a capture that ends gives back to it."""


def _choose(trace: Any, metrics: Any) -> tuple[Any, Any]:
    if hasattr(trace, "_TRACER_PROVIDER") and hasattr(metrics, "_METER_PROVIDER"):
        return trace, metrics
    return _ByPublicApi(), _ByPublicApi()


traces, metrics = _choose(opentelemetry.trace, getattr(opentelemetry.metrics, "_internal", None))
"""What has `_TRACER_PROVIDER` and `_METER_PROVIDER`. Hot paths look at them, and at `override`, themselves."""


def absent() -> bool:
    """Whether there is no SDK."""
    return traces._TRACER_PROVIDER is None and metrics._METER_PROVIDER is None and override is None


def tracer_provider() -> TracerProvider | None:
    """The SDK's tracer provider, None while the host has set none."""
    return override.tracer_provider if override is not None else traces._TRACER_PROVIDER


def meter_provider() -> MeterProvider | None:
    """The SDK's meter provider, None while the host has set none."""
    return override.meter_provider if override is not None else metrics._METER_PROVIDER


_PROXIES = (
    ("opentelemetry.trace", "ProxyTracerProvider"),
    ("opentelemetry.metrics._internal", "_ProxyMeterProvider"),
    ("opentelemetry._logs._internal", "ProxyLoggerProvider"),
)
"""The API's proxies, looked up where they were imported: whoever has one has their module."""


def is_placeholder(provider: object) -> bool:
    """Whether `provider` is the API's own proxy, which stands for the global one. A host's class is its own, whatever it
    is called and whatever it inherits from."""
    kind = type(provider)
    return any(kind is getattr(sys.modules.get(module), name, None) for module, name in _PROXIES)


def is_silent(logger: object) -> bool:
    """Whether `logger` is the API's own that sends nothing: its no-op, or its proxy while there is no SDK for logs."""
    logs = sys.modules.get("opentelemetry._logs._internal")
    kind = type(logger)
    if kind is getattr(logs, "NoOpLogger", None):
        return True
    return kind is getattr(logs, "ProxyLogger", None) and getattr(logs, "_LOGGER_PROVIDER", None) is None


def load_configured() -> None:
    """Let the API load the providers that the environment names, which it does when first asked."""
    if _TRACER_VARIABLE in os.environ:
        opentelemetry.trace.get_tracer_provider()
    if _METER_VARIABLE in os.environ:
        opentelemetry.metrics.get_meter_provider()


def inherited() -> bool:
    """Whether this process was forked from one that had an SDK, and still has the same."""
    return any(provider is not None and provider is now for provider, now in zip(_before_fork, of_host(), strict=True))


def of_host() -> tuple[Any, Any]:
    """The providers for traces and for metrics that the host has set, None for each that it hasn't."""
    return traces._TRACER_PROVIDER, metrics._METER_PROVIDER


_before_fork: tuple[Any, Any] = (None, None)


def _remember() -> None:
    global _before_fork
    _before_fork = of_host()


after_fork(_remember)


def is_set() -> bool:
    """Whether the host has set an SDK, whatever stands before it."""
    return any(provider is not None for provider in of_host())


def interrupted(span: Any) -> bool:
    """Whether this thread is inside the SDK with this very span, such as in a signal handler that interrupted the host
    in the middle of setting an attribute: to call the span would be to wait for its own thread for ever.

    The SDK's spans have a lock, which tells at once that nobody is. Only where it is held the stack is looked at.
    """
    lock = getattr(span, "_lock", None)
    try:
        if lock is None or not lock.locked():
            return False
    except AttributeError:  # a lock of another kind
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith("opentelemetry.sdk."):
            return True
        frame = frame.f_back
    return False
