"""How much of an error is recorded in detail, and where: what a user says of it, and nothing of how it is done."""

from collections.abc import Callable
from typing import Literal

from telemetry_kit._core import declared
from telemetry_kit._core.face import public
from telemetry_kit._redaction.scrub import default_scrub

Signal = Literal["span", "log", "both"]
SIGNAL_VARIABLE = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"
"""How a host says where exceptions are recorded, while OpenTelemetry moves from span events to log records."""


OPTIONS = ("rate", "burst", "total_rate", "total_burst", "stacktrace", "messages", "signal", "scrub")


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

    __slots__ = ("__weakref__", *OPTIONS)

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
        declared.check_flag("stacktrace", "ErrorPolicy", stacktrace)
        declared.check_flag("messages", "ErrorPolicy", messages)
        self.stacktrace: bool = stacktrace
        self.messages: bool = messages
        if signal not in (None, "span", "log", "both"):
            raise ValueError(
                f"signal of ErrorPolicy must be 'span', 'log', 'both' or None, got {signal!r:.100}: None follows "
                f"{SIGNAL_VARIABLE}"
            )
        self.signal: Signal | None = signal
        if not callable(scrub):
            raise TypeError(
                f"scrub of ErrorPolicy must be a callable that takes a string and returns one, got {scrub!r:.100}: "
                "`lambda text: text` scrubs nothing"
            )
        self.scrub: Callable[[str], str] = scrub

    def __repr__(self) -> str:
        return f"ErrorPolicy({', '.join(f'{name}={getattr(self, name)!r}' for name in OPTIONS if name != 'scrub')})"


def _number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"{name} of ErrorPolicy must be a number, got {value!r:.100}: rate=0, burst=0 records nothing in detail"
        )
    if not value >= 0:
        raise ValueError(f"{name} of ErrorPolicy must be 0 or more, got {value!r}: math.inf sets no limit")
    return value


DEFAULT_POLICY = ErrorPolicy()
"""A single object, so that its limits are the process's."""


ExceptionRecord = tuple[str, str]
"""The name and the severity of an exception's log record; as a span event it is always called `exception`."""
EXCEPTION_RECORD: ExceptionRecord = ("exception", "ERROR")
"""Where no convention has its own."""
