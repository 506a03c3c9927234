"""What the observed instruments say within a capture: counts from its start on, and what did something in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetry_kit._core import reentrancy
from telemetry_kit._core.observed import series
from telemetry_kit._recording.metrics import (
    Instrument,
    Observable,
    Reading,
    RecordingMeterProvider,
    RecordingObservableCounter,
)
from telemetry_kit.testing.helpers import KIT, helper_of_reading
from telemetry_kit.testing.points import Point, recorded_point
from telemetry_kit.testing.recording import Recording
from telemetry_kit.testing.since import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable


class Readings:
    """What a capture remembers of them, and what it shows. It begins, is interrupted by newer captures, and goes on."""

    def __init__(self, recording: Recording, meters: RecordingMeterProvider) -> None:
        self._recording = recording
        self._meters = meters
        self._at_start: dict[tuple[Any, ...], float] = {}
        self._offsets: dict[tuple[Any, ...], float] = {}
        self._kept: list[tuple[Instrument, list[Reading]]] | None = None
        self._jobs: dict[tuple[Any, ...], tuple[Instrument, Reading]] = {}
        """What was known of jobs when a newer capture began, which forgets them."""

    def begin(self) -> None:
        """Remember what the observed instruments say now, which isn't of this capture."""
        self._recording.asks = asks = Asking(self._recording.active)
        asks.beginning = True
        for instrument, readings in self._read():
            for reading in readings:
                key = (instrument, reading.key)
                self._at_start[key] = value = reading.value or 0
                if isinstance(instrument, RecordingObservableCounter):
                    self._offsets[key] = -value
        asks.beginning = False
        self._recording.active.clear()  # reading may have declared zeros of what was there before

    def start_again(self) -> None:
        """In a forked child, where all counts begin at zero."""
        self._recording.asks = Asking(self._recording.active)
        self._offsets.clear()

    def suspend(self) -> None:
        """Nothing is recorded from here on: keep what there is."""
        if self._kept is None:
            self._kept = self._shifted()
            self._recording.active |= self._changed(self._kept)

    def resume(self) -> None:
        """Go on counting where it stopped: what was done meanwhile, and the levels it left, are none of this capture's."""
        kept, self._kept = self._kept or [], None
        known = {(instrument, reading.key) for instrument, readings in kept for reading in readings}
        for instrument, readings in self._read():
            for reading in readings:
                key = (instrument, reading.key)
                if isinstance(instrument, RecordingObservableCounter):
                    self._offsets[key] = -(reading.value or 0)
                elif instrument.scope == KIT and helper_of_reading(reading) not in self._recording.active:
                    known.discard(key)
                if key not in known:
                    self._at_start[key] = reading.value or 0
        for instrument, readings in kept:
            if isinstance(instrument, RecordingObservableCounter):
                for reading in readings:
                    key = (instrument, reading.key)
                    self._offsets[key] = self._offsets.get(key, 0) + (reading.value or 0)
            elif instrument.name.startswith("job."):
                for reading in readings:
                    self._jobs[instrument, reading.key] = instrument, reading

    def _read(self) -> list[tuple[Instrument, list[Reading]]]:
        return [(made, made.read()) for made in self._meters.instruments if isinstance(made, Observable)]

    def _shifted(self) -> list[tuple[Instrument, list[Reading]]]:
        """What the observed instruments say, with counts from the capture's start."""
        shifted = [
            (instrument, [self._shift(instrument, reading) for reading in readings])
            for instrument, readings in self._read()
        ]
        said = {(of, reading.key) for of, readings in shifted for reading in readings}
        shifted += [(instrument, [reading]) for key, (instrument, reading) in self._jobs.items() if key not in said]
        return shifted

    def _shift(self, instrument: Instrument, reading: Reading) -> Reading:
        offset = self._offsets.get((instrument, reading.key), 0)
        return Reading(reading.attributes, reading.key, (reading.value or 0) + offset) if offset else reading

    def points(self, name: str | None = None, *, idle: bool = False) -> list[Point]:
        """All points; `idle`: also the levels of helpers that did nothing here."""
        reentrancy.drain()
        observed = self._shifted() if self._kept is None else self._kept
        active = self._recording.active | self._changed(observed)
        points = []
        for instrument in self._meters.instruments:
            if name in (None, instrument.name) and not isinstance(instrument, Observable):
                points += [recorded_point(instrument, reading, reading.value) for reading in instrument.read()]
        for instrument, readings in observed:
            if name not in (None, instrument.name):
                continue
            asked = idle or (name is not None and instrument.scope != KIT)
            points += [
                recorded_point(instrument, reading, reading.value)
                for reading in readings
                if self._is_shown(instrument, reading, active, idle=asked)
            ]
        return points

    def _is_shown(self, instrument: Instrument, reading: Reading, active: set[frozenset[Any]], *, idle: bool) -> bool:
        if self._is_new(instrument, reading):
            return True
        is_active = helper_of_reading(reading) in active
        if isinstance(instrument, RecordingObservableCounter):
            # Nothing was counted here: a zero is shown where it is reported, which an alert on an increase needs.
            return is_active and instrument.scope == KIT and series(reading.attributes).declared
        return is_active or (idle and not instrument.name.startswith("job."))

    def _is_new(self, instrument: Instrument, reading: Reading) -> bool:
        key = (instrument, reading.key)
        before = 0 if isinstance(instrument, RecordingObservableCounter) else self._at_start.get(key)
        return key not in self._at_start or reading.value != before

    def _changed(self, observed: Iterable[tuple[Instrument, list[Reading]]]) -> set[frozenset[Any]]:
        """The helpers that came in this capture, or whose numbers moved in it."""
        ages = ("job.last_success.age", "job.elapsed")  # they move by themselves
        return {
            helper_of_reading(reading)
            for instrument, readings in observed
            if instrument.scope == KIT and instrument.name not in ages
            for reading in readings
            if self._is_new(instrument, reading)
        }
