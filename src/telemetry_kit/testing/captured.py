"""What a capture holds, and the questions that a test asks of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import reentrancy
from telemetry_kit._core.sdk import Providers
from telemetry_kit._recording.logs import RecordedEvent, RecordingLoggerProvider
from telemetry_kit._recording.metrics import RecordingMeterProvider
from telemetry_kit._recording.sink import OfOneCapture
from telemetry_kit._recording.spans import RecordedSpan, RecordingTracerProvider
from telemetry_kit.testing import text
from telemetry_kit.testing.clock import FakeClock
from telemetry_kit.testing.helpers import KIT, uncatalogued
from telemetry_kit.testing.missing import check_metric, named, nearest, not_one, not_yet, of_an_assertion, one
from telemetry_kit.testing.points import Point, contains, total
from telemetry_kit.testing.readings import Readings
from telemetry_kit.testing.recording import Recording
from telemetry_kit.testing.validator import AT_THE_END, WORDS, Finding, Word, check_words, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


__tracebackhide__: Callable[[Any], bool] = of_an_assertion
_SILENT = ("counter", "observable_counter", "up_down_counter", "observable_up_down_counter")
"""What says nothing in a text where it is zero."""
_POLL = 0.005
"""Seconds between two looks at what only a collection shows."""


class Captured(OfOneCapture):
    """What was recorded while the capture was active. It can be read at any time, also after its end.

    Made by `capture()` and by the pytest fixture `telemetry_capture`.

    >>> from telemetry_kit import Telemetry
    >>> from telemetry_kit.testing import capture
    >>> telemetry = Telemetry("shop.orders")
    >>> with capture() as captured, telemetry.operation("checkout").measure(metric_attributes={"payment.method": "card"}):
    ...     telemetry.event("order.placed")
    """

    def __init__(self, clock: FakeClock | None = None, *, first_id: int = 0) -> None:
        self.clock: FakeClock = clock if clock is not None else FakeClock()
        """What the kit takes for the time while the capture is active: `clock.advance(2.5)`."""
        self._first_id = first_id
        self._recording = Recording(first_id, self.clock)
        self.tracer_provider: RecordingTracerProvider = RecordingTracerProvider(self._recording)
        """For instrumentation that takes a provider."""
        self.meter_provider: RecordingMeterProvider = RecordingMeterProvider(self._recording)
        self.logger_provider: RecordingLoggerProvider = RecordingLoggerProvider(self._recording)
        self._providers = Providers(self.tracer_provider, self.meter_provider, self.logger_provider)
        self._readings = Readings(self._recording, self.meter_provider)

    def __repr__(self) -> str:
        return f"<captured: {len(self._recording.spans)} spans, {len(self._recording.events)} events>"

    def __str__(self) -> str:
        points = [point for point in self._readings.points() if point.value != 0 or point.kind not in _SILENT]
        return text.tree(self.spans, self.events, points)

    # Spans and events

    @property
    def spans(self) -> list[RecordedSpan]:
        """All spans in the order in which they began, those that still run included."""
        reentrancy.drain()
        return list(self._recording.spans)

    def span(self, name: str | None = None) -> RecordedSpan:
        """The one span, of this name if one is given. Raises AssertionError, which shows what there is, if there isn't
        exactly one.

        >>> captured.span("checkout").attributes["payment.method"]
        'card'
        """
        return one("span", name, self.spans, self)

    def spans_named(self, name: str) -> list[RecordedSpan]:
        """All spans of this name, in the order in which they began.

        >>> [span.kind.name for span in captured.spans_named("checkout")]
        ['INTERNAL']
        """
        return [span for span in self.spans if span.name == name]

    @property
    def events(self) -> list[RecordedEvent]:
        """All log-based events in the order in which they were emitted. Events of a span are on the span."""
        reentrancy.drain()
        return list(self._recording.events)

    def event(self, name: str | None = None) -> RecordedEvent:
        """The one log-based event, of this name if one is given. Raises AssertionError if there isn't exactly one.

        >>> captured.event("order.placed").span == captured.span("checkout")
        True
        """
        return one("event", name, self.events, self)

    def events_named(self, name: str) -> list[RecordedEvent]:
        """All log-based events of this name, in the order in which they were emitted.

        >>> [event.severity for event in captured.events_named("order.placed")]
        ['INFO']
        """
        return [event for event in self.events if event.name == name]

    @property
    def metrics(self) -> list[str]:
        """The names of all metrics that have points, sorted."""
        return sorted({point.metric for point in self._readings.points()})

    def points(self, name: str | None = None, attributes: Mapping[str, Any] | None = None) -> list[Point]:
        """The points of the metric `name`, or of all metrics, those whose attributes contain `attributes`, sorted by their
        metric and attributes.

        Counts are those of this capture: what was counted before it isn't in them. Of helpers that were there before and
        did nothing in it, levels such as a pool's limit are there only if `attributes` ask for them, and your own gauges
        if `name` does. Raises AssertionError, with the names that are near, where `name` is neither in the catalogue nor
        that of an instrument that was made: nothing could ever be there.

        >>> [point.count for point in captured.points("operation.duration", {"payment.method": "card"})]
        [1]
        """
        found = self._find(name, attributes)
        if name is not None and not found:
            check_metric(name, (instrument.name for instrument in self.meter_provider.instruments), self)
        return found

    def point(self, name: str, attributes: Mapping[str, Any] | None = None) -> Point:
        """The one point that `points` gives. Raises AssertionError, which shows what there is, if there isn't exactly one.

        >>> captured.point("operation.duration").unit
        's'
        """
        found = self.points(name, attributes)
        if len(found) == 1:
            return found[0]
        wanted = f"point of {named(name, attributes)}"
        others = [other for other in self.metrics if name not in self.metrics]
        near_it = "" if found else nearest(self.points(name), attributes)
        raise AssertionError(not_one(wanted, len(found), name, others, self, near_it))

    def value(self, name: str, attributes: Mapping[str, Any] | None = None) -> float:
        """The sum of the points of `name` whose attributes contain `attributes`; of a histogram, how often it was given
        a value. 0 where there is none, and an AssertionError where there can be none, as from `points`.

        >>> captured.value("operation.duration", {"operation.name": "checkout"})
        1
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of a metric must be a str, got {name!r:.100} of type {type(name).__name__}")
        return total(self.points(name, attributes))

    def assert_catalogued(self) -> None:
        """Raise AssertionError where the kit's own meter has an instrument that isn't in `telemetry_kit.catalogue`, or is
        of another kind or unit there.

        >>> captured.assert_catalogued()
        """
        wrong = [
            f"{instrument.name} is {problem}"
            for instrument in self.meter_provider.instruments
            if instrument.scope == KIT and (problem := uncatalogued(instrument))
        ]
        if wrong:
            raise AssertionError("not as the catalogue says:\n  " + "\n  ".join(sorted(wrong)))

    def findings(self, allow: Iterable[Word] = (), *, words: Iterable[Word] = WORDS) -> list[Finding]:
        """What is wrong though no assertion asks for it, each with its `word`, a `message` and the `site` in your code.

        Args:
            allow: Words for what is meant to be so.
            words: What to look for: `never_ended` (a span or block that began and that nobody will end), `ended_twice`
                (likewise), `attached` (a context that was made current and not put back; the fixture's captures only),
                `keys` (points of one helper that have different attribute keys), `uncatalogued` (an instrument on the
                kit's own meter), `fault` (one that was kept from the host), `dropped` (a value that can't be an attribute,
                or that came too late), `overflow` (a value that was one too many and became `_OTHER`).

        Raises ValueError for a word that isn't one of these.

        >>> captured.findings(allow=["fault"])
        []
        """
        allowed, wanted = check_words(allow), check_words(words)
        reentrancy.drain()
        if not set(wanted) <= set(AT_THE_END):
            for point in self._readings.points():  # what is observed is read: its callbacks may raise, too
                if point.kind.startswith("observable"):
                    self._recording.validator.observed(point)
        return self._recording.validator.findings(allowed, words=wanted)

    def validate(self, allow: Iterable[Word] = (), *, words: Iterable[Word] = WORDS) -> None:
        """Raise AssertionError for what `findings` finds, with the lines of your code. The fixture `telemetry_capture`
        does so by itself when its test has passed.

        >>> captured.validate()
        """
        wrong = report(self.findings(allow, words=words))
        if wrong:
            raise AssertionError(wrong)

    def wait_for(
        self, name: str, *, count: int = 1, attributes: Mapping[str, Any] | None = None, timeout: float = 1.0
    ) -> None:
        """Wait for what other threads still do: until a metric, or ended spans or events, of this name came to `count`.

        Args:
            name: Of the metric, span or event.
            count: The value of the metric, as `value` gives it, or how many spans or events.
            attributes: Only those whose attributes contain these.
            timeout: Real seconds, whatever `clock` says.

        Raises AssertionError, which shows what there is, when the time is over. In a coroutine it would stop the tasks
        that it waits for: there it is `await asyncio.to_thread(captured.wait_for, "mail.sent")`.

        >>> captured.wait_for("order.placed")
        """
        ends = time.monotonic() + timeout
        while not self._came_to(name, count, attributes):
            left = ends - time.monotonic()
            if left <= 0:
                names = [*self.metrics, *(span.name for span in self.spans), *(event.name for event in self.events)]
                raise AssertionError(not_yet(name, attributes, count, timeout, names, self))
            with self._recording.changed:
                self._recording.changed.wait(min(left, _POLL))

    def _came_to(self, name: str, count: int, attributes: Mapping[str, Any] | None) -> bool:
        ended = [span for span in self.spans_named(name) if span.end is not None]
        for of in (ended, self.events_named(name)):
            if sum(contains(one.attributes, attributes) for one in of) >= count:
                return True
        return total(self._find(name, attributes)) >= count

    def _find(self, name: str | None, attributes: Mapping[str, Any] | None) -> list[Point]:
        points = self._readings.points(name, idle=bool(attributes))
        return sorted((point for point in points if contains(point.attributes, attributes)), key=text.point_line)

    def _stop(self) -> None:
        """What a test has the kit ask, and nobody else keeps, is asked in no other test."""
        for stop in self._recording.to_stop:
            stop()
