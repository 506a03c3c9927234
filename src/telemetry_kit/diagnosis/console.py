"""`TELEMETRY_KIT_CONSOLE=1`: where no SDK is, what the kit records is printed to standard error as it happens.

A trace is printed as a tree when its first span ends, events as they come, metrics once a period where they changed. It is
for a look during development: as soon as there is an SDK, it gives way.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TextIO

from opentelemetry.trace import SpanKind, StatusCode

from telemetry_kit._core import faults, sdk
from telemetry_kit._core.forks import after_fork
from telemetry_kit._core.instruments import instruments_of
from telemetry_kit._recording.logs import RecordingLoggerProvider
from telemetry_kit._recording.metrics import Reading, RecordingMeterProvider
from telemetry_kit._recording.sink import Sink
from telemetry_kit._recording.spans import RecordedSpan, RecordingTracerProvider
from telemetry_kit._redaction.scrub import default_scrub

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telemetry_kit._recording.logs import RecordedEvent
    from telemetry_kit._recording.metrics import Instrument

PERIOD = 10.0
"""Seconds between two looks at the metrics."""
TRACES = 100
"""Traces that wait for the end of their first span; the oldest is printed as it is."""
SPANS = 500
"""Spans of one trace that wait; more are counted."""
MESSAGES = 100
"""Different warnings that are printed."""
ATTRIBUTE = 80
"""Characters of an attribute's value in a line."""
_LOGGERS = ("opentelemetry", "telemetry_kit")
_YES = ("1", "true")
_COLOURS = {"red": "31", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}
_WARNING = 13
"""OpenTelemetry's severity number of WARN: from there on an event is coloured."""


class _Heard(logging.Handler):
    """Prints what OpenTelemetry and the kit warn of, each message once."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console
        self._said: set[tuple[str, str]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record; never raises."""
        with faults.guard("console"):
            said = record.name, record.getMessage().partition("\n")[0]
            if said not in self._said and len(self._said) < MESSAGES:
                self._said.add(said)
                self._console.warned(*said)


class Console(Sink):
    """Prints what is recorded; bounded, and safe from any thread."""

    def __init__(self, out: TextIO | None = None, *, colours: bool | None = None, period: float = PERIOD) -> None:
        super().__init__()
        self._out = out
        self._period = period
        stream = self._stream()
        isatty = getattr(stream, "isatty", None)
        self._colours = colours if colours is not None else bool(isatty and isatty()) and "NO_COLOR" not in os.environ
        self._lock = threading.RLock()
        self._waiting: dict[int, deque[RecordedSpan]] = {}
        self._left_out: dict[int, int] = {}
        self._printed: dict[tuple[str, Any], Any] = {}
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._ticker: threading.Thread | None = None
        self._heard = _Heard(self)
        self.meter_provider: RecordingMeterProvider = RecordingMeterProvider(self)
        self.providers: sdk.Providers = sdk.Providers(
            RecordingTracerProvider(self), self.meter_provider, RecordingLoggerProvider(self)
        )

    # What is printed of what is recorded

    def span_started(self, span: RecordedSpan) -> None:
        self._give_way_to_an_sdk()

    def span_ended(self, span: RecordedSpan) -> None:
        with self._lock:
            spans = self._waiting.setdefault(span.trace_id, deque(maxlen=SPANS))
            if len(spans) == SPANS:
                self._left_out[span.trace_id] = self._left_out.get(span.trace_id, 0) + 1
            spans.append(span)
            if not isinstance(span.parent, RecordedSpan):
                self._print_trace(span.trace_id)
            elif len(self._waiting) > TRACES:
                self._print_trace(next(iter(self._waiting)))

    def event_emitted(self, event: RecordedEvent) -> None:
        number = getattr(event.severity_number, "value", 0)
        colour = "red" if number > _WARNING + 3 else "yellow" if number >= _WARNING else "cyan"
        body = "" if event.body is None else f" {_short(event.body)}"
        self._print(
            [f"{self._in('* ' + (event.name or 'log'), colour)} {event.severity}{body}{_words(event.attributes)}"]
        )

    def measured(self, instrument: Instrument, value: float, attributes: Mapping[str, object]) -> None:
        self._give_way_to_an_sdk()
        self._tick()

    def warned(self, logger: str, message: str) -> None:
        """OpenTelemetry or the kit logged a warning."""
        self._print([f"{self._in(f'! {logger}', 'yellow')} {_plain(default_scrub(message))}"])

    # Metrics

    def print_metrics(self) -> None:
        """Print the points that have changed since the last time."""
        lines = []
        with self._lock:
            for instrument in self.meter_provider.instruments:
                for reading in instrument.read():
                    key = (instrument.name, frozenset(reading.attributes.items()))
                    number = (reading.value, reading.count, reading.sum)
                    if self._printed.get(key) != number:
                        self._printed[key] = number
                        lines.append(f"  {_point(instrument, reading)}")
            if lines:
                self._print([self._in("metrics", "bold"), *sorted(lines)])

    def _tick(self) -> None:
        if self._ticker is None and not self._stopped.is_set():
            with self._lock:
                if self._ticker is None:
                    self._ticker = threading.Thread(target=self._run, name="telemetry_kit console", daemon=True)
                    self._ticker.start()

    def _run(self) -> None:
        while not self._stopped.wait(self._period):
            self._give_way_to_an_sdk()
            with faults.guard("console"):
                self.print_metrics()

    def forget_thread(self) -> None:
        """A forked child has no thread, and counts from zero."""
        self._lock = threading.RLock()
        self._ticker = None
        for remembered in (self._waiting, self._left_out, self._printed):
            remembered.clear()
        self.meter_provider.start_again()

    # Start and end

    def start(self) -> None:
        """Stand in for the SDK that isn't there."""
        sdk.console = self.providers
        if sdk.override is None:
            sdk.override = self.providers
        instruments_of().provider()  # what observes is made on the console's meter
        self._tick()
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self._heard)

    def stop(self) -> None:
        """Print what is left, and stand in no longer. A second time does nothing."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self._heard)
        with faults.guard("console"):
            for trace_id in list(self._waiting):
                self._print_trace(trace_id)
            self.print_metrics()
        if sdk.console is self.providers:
            sdk.console = None
        if sdk.override is self.providers:
            sdk.override = None

    def _give_way_to_an_sdk(self) -> None:
        if not self._stopped.is_set() and sdk.is_set():
            self._print([self._in("an SDK is here now: the console gives way to it", "dim")])
            self.stop()

    # How it looks

    def _print_trace(self, trace_id: int) -> None:
        spans = self._waiting.pop(trace_id, deque())
        children: dict[int, list[RecordedSpan]] = {}
        known = {id(span) for span in spans}
        for span in sorted(spans, key=lambda span: span.start):
            parent = span.parent
            children.setdefault(id(parent) if id(parent) in known else 0, []).append(span)
        lines: list[str] = []
        self._branch(children, 0, "", lines)
        left_out = self._left_out.pop(trace_id, 0)
        if left_out:
            lines.append(self._in(f"  and {left_out} spans more in this trace", "dim"))
        self._print(lines)

    def _branch(self, children: dict[int, list[RecordedSpan]], of: int, before: str, lines: list[str]) -> None:
        found = children.pop(of, [])
        for number, span in enumerate(found, 1):
            last = number == len(found)
            joint, rest = ("", "") if of == 0 else ("`- ", "   ") if last else ("|- ", "|  ")
            lines.append(before + joint + self._span(span))
            lines.extend(
                f"{before}{rest}   {self._in('* ' + event.name, 'red')}{_words(event.attributes)}"
                for event in span.events
            )
            if len(before) < 3 * SPANS:
                self._branch(children, id(span), before + rest, lines)

    def _span(self, span: RecordedSpan) -> str:
        kind = "" if span.kind is SpanKind.INTERNAL else f" [{span.kind.name}]"
        failed = span.status.status_code is StatusCode.ERROR
        status = f" {self._in('ERROR ' + (span.status.description or ''), 'red')}".rstrip() if failed else ""
        took = _seconds(((span.end or span.start) - span.start) / 1e9)
        return f"{self._in(span.name, 'bold')}{kind} {took}{status}{_words(span.attributes)}"

    def _in(self, text: str, colour: str) -> str:
        text = _plain(text)
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colours else text

    def _stream(self) -> TextIO | None:
        return sys.stderr if self._out is None else self._out

    def _print(self, lines: Iterable[str]) -> None:
        stream = self._stream()
        if stream is None:
            return
        try:
            stream.write("".join(f"{line}\n" for line in lines))
            stream.flush()
        except Exception as fault:
            faults.record("console", fault)


_console: Console | None = None


def start_if_wanted() -> None:
    """Start the console where the environment asks for it and no SDK is; once a process."""
    global _console
    if _console is None and os.environ.get(sdk.CONSOLE_VARIABLE, "").strip().lower() in _YES and not sdk.is_set():
        _console = Console()
        _console.start()
        atexit.register(_console.stop)
        after_fork(_console.forget_thread)


def _words(attributes: Mapping[str, Any] | None) -> str:
    shown = [(key, value) for key, value in (attributes or {}).items() if key != "exception.stacktrace"]
    return "".join(f" {_plain(key)}={_said(key, value)}" for key, value in shown)


def _said(key: str, value: Any) -> str:
    """Seconds as people say them: what the kit calls a time is one."""
    return _seconds(value) if type(value) is float and key.endswith("_time") else _short(value)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return _plain(text if len(text) <= ATTRIBUTE else text[: ATTRIBUTE - 3] + "...")


def _point(instrument: Instrument, reading: Reading) -> str:
    attributes = ", ".join(f"{_plain(key)}={_short(value)}" for key, value in sorted(reading.attributes.items()))
    name = f"{instrument.name}{{{attributes}}}"
    number = _seconds if instrument.unit == "s" else "{:g}".format
    if reading.count is None:
        timestamp = instrument.name.endswith(".timestamp")
        return f"{name} {reading.value:.0f}" if timestamp and reading.value else f"{name} {number(reading.value or 0)}"
    mean = (reading.sum or 0.0) / reading.count if reading.count else 0.0
    return f"{name} count {reading.count}, mean {number(mean)}, most {number(reading.max or 0.0)}"


def _seconds(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.2g} us" if seconds else "0 s"


def _plain(text: str) -> str:
    """A text for a terminal, whatever a stranger put into it: one line, and no control character."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)
