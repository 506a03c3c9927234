"""What can be seen of the host's set-up without importing an SDK: providers by what they have, never by their class.

Each check gives `(code, severity, seen, next)`. Attributes with an underscore are the OpenTelemetry SDK's; where a host has
another SDK, or the names change, the answer is "unknown" and nothing is found.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from telemetry_kit._core import sdk
from telemetry_kit._core.interrupts import pass_on
from telemetry_kit._core.scope import scopes
from telemetry_kit._operation.state import states_of
from telemetry_kit.catalogue import CATALOGUE

Found = tuple[str, Literal["stop", "warning", "info"], str, str]

DISABLED = "OTEL_SDK_DISABLED"
_LOWEST, _HIGHEST = 0, 2**128 - 1
"""Trace ids for a sampler: one that samples a share takes the lowest, one that samples nearly all the highest too."""
_NAMES = 20
"""So many names of operations are asked about."""
_SAID = 5
"""So many names are listed."""
_UNNAMED = "telemetry_kit.diagnose"
_INSTRUMENTED = "opentelemetry.instrumentation.auto_instrumentation"
"""Imported where `opentelemetry-instrument` started the process."""
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
        if sdk.override is not None and sdk.override is not sdk.console:
            return sdk.override[_INDEX[self.name]]
        return getattr(sys.modules.get(self.module), self.slot, None)

    def given(self) -> dict[str, Any]:
        """The providers that were given to a `Telemetry` of its own, by its name."""
        own = {scope.name: getattr(scope, f"{_MAKES[self.name]}_provider") for scope in scopes() if not scope.disabled}
        return {name: provider for name, provider in sorted(own.items()) if provider is not None}

    def all(self) -> list[tuple[str, Any]]:
        """All providers of the signal, and whose they are, as words: the global one has none."""
        found = [("", self.provider()), *((f" of {name}", provider) for name, provider in self.given().items())]
        return [(whose, provider) for whose, provider in found if provider is not None]


_INDEX = {"traces": 0, "metrics": 1, "logs": 2}
_MAKES = {"traces": "tracer", "metrics": "meter", "logs": "logger"}
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
    if not any(signal.all() for signal in SIGNALS):
        yield _nothing()
        return
    for signal in SIGNALS:
        given = signal.given()
        left = sorted({scope.name for scope in scopes() if not scope.disabled} - given.keys())
        if signal.provider() is not None or (given and not left):
            continue
        value = os.environ.get(signal.exporter)
        if value and value != "none":
            seen = f"{signal.exporter}={value} is set, but no provider for {signal.name}"
            yield "exporter_not_started", "stop", seen, _START
            continue
        what = _MAKES[signal.name]
        lost = {"traces": "spans", "metrics": "metrics", "logs": "events and log-based exceptions"}[signal.name]
        whose = f" of {listed(left)}" if given else ""
        seen = f"there is no {what} provider: {lost}{whose} go nowhere"
        yield f"no_{what}_provider", "warning", seen, f"set one, if {lost} are wanted"


def _nothing() -> Found:
    """There is no provider for anything: why?"""
    started = _exporters()
    code = "exporter_not_started" if started else "no_sdk"
    if _INSTRUMENTED in sys.modules:
        seen = "`opentelemetry-instrument` runs this program, and could set up no SDK"
        say = "read what it logged at its start: an exporter is a package of its own (opentelemetry-exporter-otlp)"
        return code, "stop", seen, say
    if any(f"opentelemetry.sdk.{module}" in sys.modules for module in ("trace", "metrics", "_logs")):
        seen = "an SDK is imported in this process, but no provider is the global one"
        return code, "stop", seen, "trace.set_tracer_provider(...), metrics.set_meter_provider(...), early and once"
    if started:
        names = ", ".join(f"{name}={value}" for name, value in started)
        return code, "stop", f"{names} is set, but no SDK is set up that would read it", _START
    if sdk.console is not None:
        seen = "no SDK is set up in this process: what is recorded is printed by the console, and goes nowhere else"
        return code, "stop", seen, _START
    seen = "no SDK is set up in this process: whatever is recorded goes nowhere"
    return code, "stop", seen, f"{_START}; to see it here and now, set {sdk.CONSOLE_VARIABLE}=1"


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
    if sdk.override is not None and sdk.override is not sdk.console:
        return
    for signal in SIGNALS:
        for whose, provider in signal.all():
            yield from _parts(signal, f"the provider for {signal.name}{whose}", provider)


def _parts(signal: Signal, which: str, provider: Any) -> Iterator[Found]:
    given = _first(provider, _PARTS[signal.name])
    found = None if given is None else _flat(given)
    if found == []:
        meant = os.environ.get(signal.exporter) == "none" and _INSTRUMENTED in sys.modules
        severity: Literal["stop", "warning"] = "warning" if signal.name == "logs" or meant else "stop"
        seen = f"{which} has no {signal.parts}: {signal.name} are made and thrown away"
        say = f"give it a {signal.parts} with an exporter"
        if meant:
            seen, say = f"{seen} ({signal.exporter}=none)", "nothing, if that is meant"
        yield f"no_{signal.parts.replace(' ', '_')}", severity, seen, say
    elif found and all(_only_begins(part) for part in found):
        names = ", ".join(sorted({type(part).__name__ for part in found}))
        seen = f"no span processor does anything with a span that ends (there is {names})"
        yield "no_exporter", "stop", seen, "add one with an exporter: BatchSpanProcessor(OTLPSpanExporter())"
    if _first(provider, ("_shutdown",)) is True or (found and all(_stopped(part) for part in found)):
        yield "shut_down", "stop", f"{which} was shut down", "shut it down at exit only"


def sampler() -> Iterator[Found]:
    """Does the sampler let anything through? It is asked about the operations that there are, since it may go by names."""
    names = [state.name for scope in scopes() for state in states_of(scope)][:_NAMES] or [_UNNAMED]
    for whose, provider in SIGNALS[0].all():
        sampler = _read(provider, "sampler")
        try:
            decisions = {
                (name, trace_id): sampler.should_sample(None, trace_id, name).decision
                for name in names
                for trace_id in (_LOWEST, _HIGHEST)
            }
            sampled = {of: decision.is_sampled() for of, decision in decisions.items()}
            recorded = any(decision.is_recording() for decision in decisions.values())
            words = f"the sampler of the tracer provider{whose} ({sampler.get_description()})"
        except Exception as odd:  # none, or one of another kind
            pass_on(odd)
            continue
        say = "choose another in the host's set-up, or by OTEL_TRACES_SAMPLER=parentbased_always_on"
        dropped = [name for name in names if not any(sampled[name, trace_id] for trace_id in (_LOWEST, _HIGHEST))]
        if not any(sampled.values()) and recorded:
            seen = f"{words} records spans and samples none: processors see them, exporters don't"
            yield "sampler_off", "warning", seen, say
        elif not any(sampled.values()):
            yield "sampler_off", "stop", f"{words} drops every span", say
        elif dropped:
            seen = f"{words} drops every span named {listed(dropped)}"
            yield "sampler_ratio", "info", seen, "nothing, if that is meant: it goes by the names of spans"
        elif not all(sampled.values()):
            yield (
                "sampler_ratio",
                "info",
                f"{words} drops some traces",
                "look at metrics for counts, or raise its ratio",
            )


def views() -> Iterator[Found]:
    """Does a view drop metrics of the kit's?"""
    ours = {spec.name for spec in CATALOGUE}
    drop = getattr(sys.modules.get("opentelemetry.sdk.metrics._internal.aggregation"), "DropAggregation", None)
    for whose, provider in SIGNALS[1].all():
        storages = _first(provider, ("_measurement_consumer._reader_storages",))
        if drop is None or not isinstance(storages, dict):
            continue
        left: dict[str, bool] = {}
        for storage in storages.values():
            for instrument, matches in list((_read(storage, "_instrument_view_instrument_matches") or {}).items()):
                name = _read(instrument, "name")
                if name in ours:
                    kept = any(type(_first(match, ("_view._aggregation",))) is not drop for match in matches)
                    left[name] = left.get(name, False) or kept
        dropped = sorted(name for name, kept in left.items() if not kept)
        if dropped:
            seen = f"views of the provider for metrics{whose} drop {listed(dropped)}"
            severity: Literal["stop", "info"] = "info" if any(left.values()) else "stop"
            yield "views_drop", severity, seen, "nothing, if that is meant: see `views=` of the MeterProvider"


CHECKS: tuple[Callable[[], Iterator[Found]], ...] = (providers, disabled_sdk, parts, sampler, views)


def _exporters() -> list[tuple[str, str]]:
    named = [(signal.exporter, os.environ.get(signal.exporter, "")) for signal in SIGNALS]
    endpoints = [
        (name, value) for name, value in os.environ.items() if re.fullmatch(r"OTEL_EXPORTER_OTLP\w*_ENDPOINT", name)
    ]
    return [(name, value) for name, value in [*named, *endpoints] if value and value != "none"]


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


def listed(names: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - _SAID
    return ", ".join(names[:_SAID]) + (f" and {more} more" if more > 0 else "")
