"""What OpenTelemetry logs while a program runs, and what to do about it: exporters tell only the log that nobody answers."""

from __future__ import annotations

import logging
import re

from telemetry_kit._core import faults
from telemetry_kit.diagnosis.findings import Finding

RECORDS = 20
"""Different messages of OpenTelemetry that are kept."""
_AFTER_THE_END = "already shutdown"
_SECOND = "Overriding of current "
_SECOND_SAY = (
    "only the first provider of a process counts: find who sets one before (`opentelemetry-instrument`, a framework), "
    "and add what you want to that one"
)
DEAD = (
    "check that the endpoint is right and that somebody listens there (OTEL_EXPORTER_OTLP_ENDPOINT; usual ports are 4318 "
    "for HTTP, 4317 for gRPC)"
)
_WHY = (
    (
        re.compile(r"\b40[13]\b|UNAUTHENTICATED|PERMISSION_DENIED"),
        "the endpoint wants to know who you are: OTEL_EXPORTER_OTLP_HEADERS, or `headers=` of the exporter",
    ),
    (
        re.compile(r"\b40[45]\b|UNIMPLEMENTED"),
        (
            "somebody else answers there: HTTP (4318) and gRPC (4317) have ports of their own; /v1/traces and its like are "
            "put behind OTEL_EXPORTER_OTLP_ENDPOINT, but not behind the endpoint of one signal or one that is given in code"
        ),
    ),
    (
        re.compile("SSL|CERTIFICATE"),
        "https:// is for an endpoint that speaks TLS with a certificate that is trusted here",
    ),
    (re.compile("No connection adapters"), "an endpoint begins with http:// or https://"),
)
"""What an exporter says of its failure, and what to do."""


class Listener(logging.Handler):
    """Keeps what OpenTelemetry logs: exporters tell only the log that nobody answers."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._records: dict[tuple[str, str], int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Count a message of one of OpenTelemetry's loggers; never raises."""
        try:
            if record.name.startswith("opentelemetry"):
                key = (record.name, record.getMessage().partition("\n")[0][:300])
                if key in self._records or len(self._records) < RECORDS:
                    self._records[key] = self._records.get(key, 0) + 1
        except Exception as fault:
            faults.record("doctor", fault)

    def findings(self) -> list[Finding]:
        """What it heard: of each exporter that can't deliver, and the rest."""
        exporters: dict[str, tuple[str, int]] = {}
        found = []
        for (name, message), times in self._records.items():
            seen = f"{name} logged{_times(times)}: {message}"
            if _AFTER_THE_END in message.lower():
                found.append(Finding("opentelemetry_logged", "warning", seen, "shut a provider down at exit only"))
            elif (
                name.startswith("opentelemetry.exporter") or "exporting" in message
            ):  # the SDK's word on others' exporters
                first, before = exporters.get(name, (message, 0))
                exporters[name] = first, before + times
            elif message.startswith(_SECOND):
                found.append(Finding("set_twice", "warning", seen, _SECOND_SAY))
            else:
                say = "it says what it did instead; OpenTelemetry's documentation has the setting"
                found.append(Finding("opentelemetry_logged", "warning", seen, say))
        for name, (message, times) in exporters.items():
            seen = f"{name} logged{_times(times)}: {message}"
            say = next((say for what, say in _WHY if what.search(message)), DEAD)
            found.append(Finding("export_failed", "stop", seen, say))
        return found

    def heard_of(self, signal_name: str) -> bool:
        """Whether an exporter of this signal has said that it can't deliver."""
        word = signal_name.rstrip("s")
        records = list(self._records)
        return any(name.startswith("opentelemetry.exporter") and word in f"{name} {text}" for name, text in records)


def _times(number: int) -> str:
    return f" {number} times, at first" if number > 1 else ""
