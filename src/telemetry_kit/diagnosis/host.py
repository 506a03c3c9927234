"""What can be seen of the host's set-up without importing an SDK: providers by what they have, never by their class.

Each check gives `(code, severity, seen, next)`. Attributes with an underscore are the OpenTelemetry SDK's; where a host has
another SDK, or the names change, the answer is "unknown" and nothing is found.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from telemetry_kit._core import sdk, switched_off
from telemetry_kit._core.interrupts import pass_on
from telemetry_kit._core.late import late_import

Found = tuple[str, Literal["stop", "warning", "info"], str, str]

DISABLED = "OTEL_SDK_DISABLED"
_OWN_VARIABLES = (sdk.CONSOLE_VARIABLE, switched_off.VARIABLE)
_KNOWN_VARIABLES = [
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_PROPAGATORS",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_TRACES_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_LOGS_EXPORTER",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_METRIC_EXPORT_TIMEOUT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_INSECURE",
    "OTEL_EXPORTER_PROMETHEUS_HOST",
    "OTEL_EXPORTER_PROMETHEUS_PORT",
    "OTEL_SEMCONV_STABILITY_OPT_IN",
    "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN",
    "OTEL_PYTHON_TRACER_PROVIDER",
    "OTEL_PYTHON_METER_PROVIDER",
    "OTEL_PYTHON_LOGGER_PROVIDER",
]
"""Variables of the specification that people set, where no SDK is loaded that knows them all."""
_ALIKE = 0.88
"""How alike two names must be for one to be taken for a slip of the other."""
_LOWEST, _HIGHEST = 0, 2**128 - 1
"""Trace ids for a sampler: one that samples a share takes the lowest, one that samples nearly all the highest too."""
_START = "start the SDK in the program that uses the library, or run it under `opentelemetry-instrument`"


class Signal(NamedTuple):
    """A signal, and where its provider and its exporter are set."""

    name: str
    exporter: str
    module: str
    slot: str
    parts: str
    """What its provider must have for anything to leave."""

    def provider(self) -> Any:
        """The provider that was set, None while there is none."""
        if sdk.override is not None:
            index = ("traces", "metrics", "logs").index(self.name)
            return sdk.override[index]
        return getattr(sys.modules.get(self.module), self.slot, None)


SIGNALS = (
    Signal("traces", "OTEL_TRACES_EXPORTER", "opentelemetry.trace", "_TRACER_PROVIDER", "span processor"),
    Signal("metrics", "OTEL_METRICS_EXPORTER", "opentelemetry.metrics._internal", "_METER_PROVIDER", "metric reader"),
    Signal("logs", "OTEL_LOGS_EXPORTER", "opentelemetry._logs._internal", "_LOGGER_PROVIDER", "log record processor"),
)
_PARTS = {
    "traces": ("_active_span_processor._span_processors",),
    "metrics": ("_metric_readers", "_sdk_config.metric_readers"),
    "logs": ("_multi_log_record_processor._log_record_processors",),
}
"""Where an SDK keeps who processes or reads."""
_NESTED = ("_span_processors", "_log_record_processors")
_STOPPED = tuple(
    f"{whose}{mark}"
    for whose in ("", "_batch_processor.", "span_exporter.", "_exporter.")
    for mark in ("_shutdown", "_stopped", "done")
)
"""Where those that were shut down say so."""


def providers() -> Iterator[Found]:
    """Is there an SDK, and for which signals?"""
    here = {signal.name: signal.provider() for signal in SIGNALS}
    if not any(provider is not None for provider in here.values()):
        started = _exporters()
        if started:
            names = ", ".join(f"{name}={value}" for name, value in started)
            yield (
                "exporter_not_started",
                "stop",
                f"{names} is set, but no SDK is set up that would read it",
                f"{_START}",
            )
        else:
            seen = "no SDK is set up in this process: whatever is recorded goes nowhere"
            say = f"{_START}; to see it here and now, set {sdk.CONSOLE_VARIABLE}=1"
            yield "no_sdk", "stop", seen, say
        return
    for signal in SIGNALS:
        if here[signal.name] is not None:
            continue
        value = os.environ.get(signal.exporter)
        if value and value != "none":
            seen = f"{signal.exporter}={value} is set, but no provider for {signal.name}"
            yield "exporter_not_started", "stop", seen, _START
            continue
        what = {"traces": "tracer", "metrics": "meter", "logs": "logger"}[signal.name]
        lost = {"traces": "spans", "metrics": "metrics", "logs": "events and log-based exceptions"}[signal.name]
        seen = f"there is no {what} provider: {lost} go nowhere"
        yield f"no_{what}_provider", "warning", seen, f"set one, if {lost} are wanted"


def disabled_sdk() -> Iterator[Found]:
    """Is the SDK switched off?"""
    value = os.environ.get(DISABLED, "")
    if value.strip().lower() == "true":
        yield (
            "sdk_disabled",
            "stop",
            f"{DISABLED}={value}: the SDK gives tracers and meters that do nothing",
            "unset it",
        )


def parts() -> Iterator[Found]:
    """Does anybody process spans, read metrics, process log records, and still?"""
    for signal in SIGNALS:
        provider = signal.provider()
        if provider is None or sdk.override is not None:
            continue
        given = _first(provider, _PARTS[signal.name])
        found = None if given is None else _flat(given)
        if found == []:
            severity: Literal["stop", "warning"] = "warning" if signal.name == "logs" else "stop"
            seen = f"the provider for {signal.name} has no {signal.parts}: {signal.name} are made and thrown away"
            yield f"no_{signal.parts.replace(' ', '_')}", severity, seen, f"give it a {signal.parts} with an exporter"
        elif found and all(_only_begins(part) for part in found):
            names = ", ".join(sorted({type(part).__name__ for part in found}))
            seen = f"no span processor does anything with a span that ends (there is {names})"
            yield "no_exporter", "stop", seen, "add one with an exporter: BatchSpanProcessor(OTLPSpanExporter())"
        if _first(provider, ("_shutdown",)) is True or (found and all(_stopped(part) for part in found)):
            yield "shut_down", "stop", f"the provider for {signal.name} was shut down", "shut it down at exit only"


def sampler() -> Iterator[Found]:
    """Does the sampler let anything through?"""
    provider = SIGNALS[0].provider()
    sampler = _read(provider, "sampler")
    try:
        answers = [sampler.should_sample(None, trace_id, "telemetry_kit.diagnose") for trace_id in (_LOWEST, _HIGHEST)]
        recorded = [answer.decision.is_recording() for answer in answers]
        words = f"the sampler of the tracer provider ({sampler.get_description()})"
    except Exception as odd:  # none, or one of another kind
        pass_on(odd)
        return
    if not any(recorded):
        say = "choose another in the host's set-up, or by OTEL_TRACES_SAMPLER=parentbased_always_on"
        yield "sampler_off", "stop", f"{words} drops every span", say
    elif not all(recorded):
        yield "sampler_ratio", "info", f"{words} drops some traces", "look at metrics for counts, or raise its ratio"


def variables() -> Iterator[Found]:
    """Is a variable set that nothing reads?"""
    known = {*_KNOWN_VARIABLES, *_documented()}
    for name in sorted(os.environ):
        candidates: Iterable[str] = ()
        if name.startswith("TELEMETRY_KIT_") and name not in _OWN_VARIABLES:
            candidates = difflib.get_close_matches(name, _OWN_VARIABLES, 1, 0.5) or _OWN_VARIABLES
        elif name.startswith(("OTEL_", "OLTP_", "OTLP_")) and name not in known:
            candidates = difflib.get_close_matches(name, known, 1, _ALIKE)
        for meant in list(candidates)[:1]:
            yield "unknown_variable", "warning", f"{name} is set, and nothing reads it", f"did you mean {meant}?"


def versions() -> Iterator[Found]:
    """Do API, SDK and conventions belong together?"""
    with late_import():
        from importlib.metadata import PackageNotFoundError, version

    numbers: dict[str, tuple[str, int]] = {}
    for package, shift in (("api", 0), ("sdk", 0), ("semantic-conventions", 21)):
        name = f"opentelemetry-{package}"
        try:
            text = version(name)
        except PackageNotFoundError:
            continue
        match = re.match(r"\d+\.(\d+)", text)
        if match is not None:
            numbers[name] = text, int(match[1]) - shift
    if len({number for _, number in numbers.values()}) > 1:
        words = ", ".join(f"{name} {text}" for name, (text, _) in numbers.items())
        yield "versions_apart", "warning", f"{words} are not of one release", "install the versions of one release"


CHECKS: tuple[Callable[[], Iterator[Found]], ...] = (providers, disabled_sdk, parts, sampler, variables, versions)


def _exporters() -> list[tuple[str, str]]:
    named = [(signal.exporter, os.environ.get(signal.exporter, "")) for signal in SIGNALS]
    endpoints = [
        (name, value) for name, value in os.environ.items() if re.fullmatch(r"OTEL_EXPORTER_OTLP\w*_ENDPOINT", name)
    ]
    return [(name, value) for name, value in [*named, *endpoints] if value and value != "none"]


def _documented() -> set[str]:
    """The variables that loaded modules of OpenTelemetry know."""
    modules = [module for name, module in list(sys.modules.items()) if name.endswith(".environment_variables")]
    return {name for module in modules for name in vars(module) if name.startswith("OTEL_")}


def _first(provider: Any, paths: Iterable[str]) -> Any:
    """The first of these attributes that is there."""
    for path in paths:
        found = provider
        for name in path.split("."):
            found = _read(found, name)
        if found is not None:
            return found
    return None


def _read(of: Any, name: str) -> Any:
    """An attribute of a host's object; None where it isn't there, or can't be read: then nothing is known of it."""
    try:
        return getattr(of, name, None)
    except Exception as odd:
        pass_on(odd)
        return None


def _flat(parts: Any) -> list[Any] | None:
    """Those that take what a provider makes, and those behind them; None where that can't be read."""
    if not isinstance(parts, (list, tuple, set, frozenset)):
        return None
    flat: list[Any] = []
    for part in parts:
        flat += _flat(_first(part, _NESTED)) or [part]
    return flat


def _only_begins(part: Any) -> bool:
    """Whether a span processor leaves what the base class does at a span's end: nothing."""
    base = getattr(sys.modules.get("opentelemetry.sdk.trace"), "SpanProcessor", None)
    return base is not None and isinstance(part, base) and type(part).on_end is base.on_end


def _stopped(part: Any) -> bool:
    return any(_first(part, (mark,)) is True for mark in _STOPPED)
