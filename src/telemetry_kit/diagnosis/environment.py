"""What the environment says: variables that nothing reads or whose value means nothing, and versions that don't belong together.

Each check gives `(code, severity, seen, next)`.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator

from telemetry_kit._core import sdk, switched_off
from telemetry_kit._core.late import late_import
from telemetry_kit.diagnosis.host import DISABLED, Found

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
_VALUES = {sdk.CONSOLE_VARIABLE: ("1", "true", "0", "false"), DISABLED: ("true", "false")}
"""What these may be, in any case; whatever else there is means the same as nothing."""


def variables() -> Iterator[Found]:
    """Is a variable set that nothing reads?"""
    known = {*_KNOWN_VARIABLES, *_documented()}
    for name in sorted(os.environ):
        candidates: Iterable[str] = ()
        upper = name.upper()
        if upper.startswith("TELEMETRY_KIT_") and name not in _OWN_VARIABLES:
            candidates = difflib.get_close_matches(upper, _OWN_VARIABLES, 1, 0.5) or _OWN_VARIABLES
        elif upper.startswith(("OTEL_", "OLTP_", "OTLP_")) and name not in known:
            candidates = difflib.get_close_matches(upper, known, 1, _ALIKE)
        elif "TELEMETRY" in upper and name not in _OWN_VARIABLES:
            candidates = difflib.get_close_matches(upper, _OWN_VARIABLES, 1, _ALIKE)
        for meant in list(candidates)[:1]:
            yield "unknown_variable", "warning", f"{name} is set, and nothing reads it", f"did you mean {meant}?"


def values() -> Iterator[Found]:
    """Is a switch set to what it doesn't know?"""
    for name, known in _VALUES.items():
        value = os.environ.get(name, "").strip()
        if value and value.lower() not in known:
            seen = f"{name}={value} is none of {', '.join(known)}, and switches nothing"
            yield "unknown_value", "warning", seen, f"set {name}={known[0]}, or unset it"


def versions() -> Iterator[Found]:
    """Do API, SDK and conventions belong together?"""
    with late_import():
        from importlib.metadata import PackageNotFoundError, version

    numbers: dict[str, tuple[str, int]] = {}
    for package, shift in (("api", 0), ("sdk", 0), ("semantic-conventions", 21)):
        name = f"opentelemetry-{package}"
        try:
            with late_import():  # it imports what reads a package's data
                text = version(name)
        except PackageNotFoundError:
            continue
        match = re.match(r"\d+\.(\d+)", text)
        if match is not None:
            numbers[name] = text, int(match[1]) - shift
    if len({number for _, number in numbers.values()}) > 1:
        words = ", ".join(f"{name} {text}" for name, (text, _) in numbers.items())
        say = f"install the versions of one release: pip install --upgrade {' '.join(numbers)}"
        yield "versions_apart", "warning", f"{words} are not of one release", say


CHECKS: tuple[Callable[[], Iterator[Found]], ...] = (variables, values, versions)


def _documented() -> set[str]:
    """The variables that loaded modules of OpenTelemetry know."""
    modules = [module for name, module in list(sys.modules.items()) if name.endswith(".environment_variables")]
    return {name for module in modules for name in vars(module) if name.startswith("OTEL_")}
