"""How much of an error is recorded in detail, and where: what a user says of it, and nothing of how it is done."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol

from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.face import public
from telemetry_kit._redaction.scrub import default_scrub

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from telemetry_kit._core.scope import Scope

Signal = Literal["span", "log", "both"]
SIGNAL_VARIABLE = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"
"""How a host says where exceptions are recorded, while OpenTelemetry moves from span events to log records."""


@public
class ErrorPolicy:
    """How much detail of errors leaves the process, and where to.

    Args:
        rate: Detailed records per second of one operation and `error.type`, once its burst is used up.
        burst: Detailed records of one operation and `error.type` at once. `rate=0, burst=0` means none at all.
        total_rate: Detailed records per second of everything that shares the policy. The default policy is a single
            object, so that it is a limit of the process.
        total_burst: Likewise, at once.
        stacktrace: Whether a detailed record has the stack trace.
        messages: Whether exception messages leave the process at all.
        signal: `"span"` for an event of the span, `"log"` for a log-based event, `"both"`; None does as
            `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN` says (`logs`, `logs/dup`; without it `"span"`).
        scrub: Takes secrets out of messages and stack traces. Where it raises, the text is left out.

    Raises:
        TypeError: An argument is of a wrong type.
        ValueError: A rate or burst is negative or no number, or the signal is unknown.

    >>> ErrorPolicy(rate=1.0, burst=5, signal="log")
    ErrorPolicy(rate=1.0, burst=5, total_rate=100.0, total_burst=500, stacktrace=True, messages=True, signal='log')
    """

    __slots__ = (
        "__weakref__", "burst", "messages", "rate", "scrub", "signal", "stacktrace", "total_burst", "total_rate",
    )  # fmt: skip

    def __init__(
        self,
        *,
        rate: float = 10.0,
        burst: float = 50,
        total_rate: float = 100.0,
        total_burst: float = 500,
        stacktrace: bool = True,
        messages: bool = True,
        signal: Signal | None = None,
        scrub: Callable[[str], str] = default_scrub,
    ) -> None:
        self.rate: float = _number("rate", rate)
        self.burst: float = _number("burst", burst)
        self.total_rate: float = _number("total_rate", total_rate)
        self.total_burst: float = _number("total_burst", total_burst)
        self.stacktrace: bool = _flag("stacktrace", stacktrace)
        self.messages: bool = _flag("messages", messages)
        if signal not in (None, "span", "log", "both"):
            raise ValueError(
                f"ErrorPolicy: signal must be 'span', 'log', 'both' or None, not {signal!r}; "
                f"None follows {SIGNAL_VARIABLE}"
            )
        self.signal: Signal | None = signal
        if not callable(scrub):
            raise TypeError(
                f"ErrorPolicy: scrub must be a callable that takes a string and returns one, not {scrub!r}; "
                "`lambda text: text` scrubs nothing"
            )
        self.scrub: Callable[[str], str] = scrub

    def __repr__(self) -> str:
        names = ("rate", "burst", "total_rate", "total_burst", "stacktrace", "messages", "signal")
        return f"ErrorPolicy({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def _number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"ErrorPolicy: {name} must be a number, not {value!r:.100}; rate=0, burst=0 records nothing in detail"
        )
    if math.isnan(value) or value < 0:
        raise ValueError(f"ErrorPolicy: {name} must be 0 or more, not {value!r}; math.inf sets no limit")
    return value


def _flag(name: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"ErrorPolicy: {name} must be True or False, not {value!r:.100}")
    return value


DEFAULT_POLICY = ErrorPolicy()
"""A single object, so that its limits are the process's."""


Record = tuple[str, str]
"""The name and the severity of an exception's log record; as a span event it is always called `exception`."""
RECORD: Record = ("exception", "ERROR")
"""Where no convention has its own."""


class Errors(Protocol):
    """What a scope records its errors with: `_errors.recorder` makes one for each policy."""

    rate: float
    burst: float

    def admit(
        self,
        exc: BaseException,
        *,
        scope: "Scope",
        operation: str | None,
        error_type: str,
        span: "Span | None" = None,
        wanted: bool = False,
        outermost: bool = False,
    ) -> int | None:
        """Whether `exc` may be recorded in detail, and how many of its kind were suppressed before it."""

    def admit_failure(self, *, scope: "Scope", operation: str | None, error_type: str) -> int | None:
        """The same for an error without an exception."""

    def describe(self, exc: BaseException, error_type: str | None, suppressed: int) -> dict[str, AttributeValue]:
        """The attributes of a detailed record of an exception that was admitted."""
        ...

    def message(self, exc: BaseException) -> str:
        """The message of an admitted exception, scrubbed and bounded."""
        ...

    def clean(self, text: str, length: int = ...) -> str:
        """A text cut and scrubbed."""
        ...

    def record(
        self,
        span: "Span",
        scope: "Scope",
        exc: BaseException,
        *,
        operation: str | None,
        error_type: str,
        record: Record = ...,
    ) -> None:
        """Put the outcome of a call onto its span, with the detail if that is admitted."""

    def mark(self, span: "Span", error_type: str, description: str | None = None) -> None:
        """Put an outcome without detail onto a span."""

    def where(self) -> Signal:
        """The signal of now."""
        ...

    def emit(
        self,
        span: "Span",
        scope: "Scope",
        attributes: Mapping[str, AttributeValue],
        timestamp: int | None = None,
        *,
        record: Record = ...,
    ) -> None:
        """Record an exception with what `describe` gave."""

    def emit_event(
        self,
        span: "Span",
        scope: "Scope",
        name: str,
        attributes: Mapping[str, AttributeValue],
        timestamp: int | None = None,
        *,
        severity: str = "INFO",
    ) -> None:
        """Record an event where the policy says."""
