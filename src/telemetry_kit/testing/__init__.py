"""Prove what your code records, with no SDK installed and nothing global touched.

The pytest fixture `telemetry_capture` is a `Captured`; elsewhere it is `with capture() as captured:`.
"""

from telemetry_kit._recording.logs import RecordedEvent
from telemetry_kit._recording.spans import RecordedSpan, RecordedStatus, SpanEvent
from telemetry_kit.testing.behaviour import same_behaviour
from telemetry_kit.testing.captured import Captured
from telemetry_kit.testing.capturing import capture, capture_and_watch
from telemetry_kit.testing.clock import FakeClock
from telemetry_kit.testing.expected import event, span
from telemetry_kit.testing.explain import explain
from telemetry_kit.testing.points import Point, point
from telemetry_kit.testing.validator import WORDS, Finding, Word

__all__ = [
    "WORDS",
    "Captured",
    "FakeClock",
    "Finding",
    "Point",
    "RecordedEvent",
    "RecordedSpan",
    "RecordedStatus",
    "SpanEvent",
    "Word",
    "capture",
    "capture_and_watch",
    "event",
    "explain",
    "point",
    "same_behaviour",
    "span",
]

for _name in __all__:
    _thing = globals()[_name]
    if getattr(_thing, "__module__", "").startswith("telemetry_kit."):
        _thing.__module__ = __name__  # so that pickles and tracebacks name no private file
