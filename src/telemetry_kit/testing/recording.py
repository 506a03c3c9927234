"""What is recorded while a capture is active, as it happens."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from telemetry_kit._core.interrupts import pass_on
from telemetry_kit._core.observer import Observer
from telemetry_kit._recording.sink import Sink
from telemetry_kit.testing.helpers import KIT, helper_of
from telemetry_kit.testing.validator import Validator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from telemetry_kit._recording.logs import RecordedEvent
    from telemetry_kit._recording.metrics import Instrument
    from telemetry_kit._recording.spans import RecordedSpan
    from telemetry_kit.testing.clock import FakeClock


class Recording(Sink, Observer):
    """Keeps spans and events, and wakes who waits for them; the validator looks on."""

    def __init__(self, first_id: int, clock: FakeClock) -> None:
        super().__init__(first_id)
        self._clock = clock
        self._began = clock.perf_counter()
        self.changed: threading.Condition = threading.Condition(threading.RLock())
        self.spans: list[RecordedSpan] = []
        self.events: list[RecordedEvent] = []
        self.active: set[frozenset[Any]] = set()
        """The helpers that did something, or that were made."""
        self.to_stop: list[Callable[[], object]] = []
        """What the kit asks only since something had it asked here."""
        self.validator: Validator = Validator()
        self._by_id: dict[tuple[int, int], RecordedSpan] = {}

    def elapsed(self) -> float:
        return self._clock.perf_counter() - self._began

    def find_span(self, context: SpanContext) -> RecordedSpan | None:
        return self._by_id.get((context.trace_id, context.span_id))

    def span_started(self, span: RecordedSpan) -> None:
        with self.changed:
            self.spans.append(span)
            self._by_id[span.trace_id, span.span_id] = span
        self.validator.span_started(span)

    def span_ended(self, span: RecordedSpan) -> None:
        self._wake()

    def span_ended_again(self, span: RecordedSpan) -> None:
        self.validator.span_ended_again(span)

    def event_emitted(self, event: RecordedEvent) -> None:
        with self.changed:
            self.events.append(event)
        self._wake()

    def instrument_made(self, instrument: Instrument) -> None:
        self.validator.instrument_made(instrument)

    def measured(self, instrument: Instrument, value: float, attributes: Mapping[str, object]) -> None:
        if (
            instrument.scope == KIT
        ):  # a user's own instrument has no helper, least of all one that has no attributes either
            self.active.add(helper_of(attributes))
        self.validator.measured(instrument, attributes)
        self._wake()

    def callback_failed(self, instrument: Instrument, fault: Exception) -> None:
        self.validator.fault(f"observe.{instrument.name}", fault)

    # What the kit's core tells

    def fault(self, site: str, fault: BaseException) -> None:
        try:
            self.validator.fault(site, fault)
        except Exception as odd:  # near the recursion limit, say: what was observed is counted as ever
            pass_on(odd)

    def declared(self, attributes: Mapping[str, object]) -> None:
        self.active.add(helper_of(attributes))

    def kept(self, stop: Callable[[], object]) -> None:
        self.to_stop.append(stop)

    def span_changed_late(self, span: RecordedSpan, what: str, given: object) -> None:
        self.validator.lost(what, given, f"after the end of the span {span.name!r}")

    def lost(self, what: str, given: object, when: str) -> None:
        try:
            self.validator.lost(what, given, when)
        except Exception as odd:  # what was given can't even be shown
            pass_on(odd)

    def made_current(self, context: Context) -> None:
        self.validator.made_current(context)

    def left_out(self, key: str) -> None:
        self.validator.left_out(key)

    def overflowed(self, key: str) -> None:
        try:
            self.validator.overflowed(key)
        except Exception as odd:
            pass_on(odd)

    def _wake(self) -> None:
        with self.changed:
            self.changed.notify_all()
