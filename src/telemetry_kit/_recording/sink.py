"""What hears of everything that is recorded, at the moment it happens, and what spans and log records share."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import CallbackOptions
from opentelemetry.semconv.attributes import exception_attributes

from telemetry_kit._core.recipe import StaysHere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanContext

_TRACES = int.from_bytes(b"captured", "big") << 64
_SPANS = int.from_bytes(b"k", "big") << 56
"""Ids are numbered from here on: nobody writes such ones into the headers of a test by hand."""


class OfOneCapture(StaysHere):
    """What a capture holds, alive."""

    __slots__ = ()
    _instead = "send captured.points(), str(captured) or some attributes"


class Sink(OfOneCapture):
    """Hears of each span, event and measurement in the thread that makes it, and says which ids come next.

    The methods do nothing here: whoever keeps, prints or checks what is recorded overrides those that it needs. What
    they hear of are this package's `RecordedSpan`, `RecordedEvent` and `Instrument`, which know their sink.
    """

    def __init__(self, first_id: int = 0) -> None:
        self.asks: CallbackOptions = CallbackOptions()
        """What the callbacks of observable instruments are given."""
        self._traces = _TRACES + first_id
        self._spans = _SPANS + first_id

    def elapsed(self) -> float:
        """Seconds for which it has been told of something, by the clock that the kit reads."""
        return 0.0

    def new_trace_id(self) -> int:
        """The id of a trace that begins: one more than the one before."""
        self._traces += 1
        return self._traces

    def new_span_id(self) -> int:
        """The id of a span that begins: one more than the one before."""
        self._spans += 1
        return self._spans

    def find_span(self, context: SpanContext) -> Any:
        """The span that was recorded here with this context, None where it isn't known."""
        return None

    def span_started(self, span: Any) -> None:
        """A span begins."""

    def span_ended(self, span: Any) -> None:
        """It has ended, and stays as it is."""

    def span_ended_again(self, span: Any) -> None:
        """`end()` was called on a span that had ended."""

    def span_changed_late(self, span: Any, what: str, given: object) -> None:
        """A span that had ended was given something, which is lost."""

    def event_emitted(self, event: Any) -> None:
        """A log record was emitted."""

    def instrument_made(self, instrument: Any) -> None:
        """An instrument was made that wasn't there."""

    def measured(self, instrument: Any, value: float, attributes: Mapping[str, object]) -> None:
        """A synchronous instrument was given a value."""

    def callback_failed(self, instrument: Any, fault: Exception) -> None:
        """A callback of an observable instrument raised."""


def described_exception(exc: BaseException) -> dict[str, str]:
    """An exception's attributes by the semantic conventions, as the SDK gives them."""
    kind = type(exc)
    named = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {
        exception_attributes.EXCEPTION_TYPE: named,
        exception_attributes.EXCEPTION_MESSAGE: str(exc),
        exception_attributes.EXCEPTION_STACKTRACE: "".join(
            traceback.format_exception(type(exc), exc, exc.__traceback__)
        ),
    }
