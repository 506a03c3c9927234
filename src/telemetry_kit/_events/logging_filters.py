"""Filters for the standard library's `logging`: which span a record belongs to, and not the same record a million times.

They are filters and not handlers, so that formatters, handlers and levels stay the host's.
"""

import logging
import threading
from typing import Any

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

from telemetry_kit._core import faults, forks
from telemetry_kit._core.face import public
from telemetry_kit._core.rate_limit import Limiter, Site, TokenBucket

SITES = 1_024
"""Places in the code with a bucket of their own; all later ones share one."""


@public
class LogCorrelation(logging.Filter):
    """Puts `trace_id` and `span_id` (lower-case hex) and `trace_sampled` (a bool) of the current span on each record.

    Outside of any span the ids are all zeros, which is no id, so that a format that names them always works. A record
    that has a `trace_id` keeps it: one that travels through a queue to another thread belongs to where it was made.

    >>> import logging
    >>> handler = logging.StreamHandler()
    >>> handler.addFilter(LogCorrelation())
    >>> handler.setFormatter(logging.Formatter("%(trace_id)s %(span_id)s %(message)s"))
    """

    def __init__(self) -> None:
        super().__init__()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, with the fields on it."""
        if "trace_id" in record.__dict__:
            return True
        trace_id = span_id = 0
        sampled = False
        try:
            context = get_current_span().get_span_context()
            if context.is_valid:
                trace_id, span_id, sampled = context.trace_id, context.span_id, context.trace_flags.sampled
        except Exception as fault:
            faults.record("logs.correlation", fault)
        record.trace_id = format_trace_id(trace_id)
        record.span_id = format_span_id(span_id)
        record.trace_sampled = sampled
        return True


@public
class LogSampling(logging.Filter):
    """Lets the first `burst` records of a place through, then `rate` per second. A place is a logger, file and line.

    The next record that is let through says how many were held back since, as `record.suppressed_count` (0 if none).
    One filter, on one handler or logger: on two it would count each record twice.

    Args:
        rate: records per second and place, 0 or more; `math.inf` for no limit.
        burst: records at once.

    Raises:
        TypeError: one of them is no number.
        ValueError: one of them is negative or not a number.

    >>> import logging
    >>> logging.getLogger("shop").addFilter(LogSampling(rate=1.0, burst=10))
    """

    def __init__(self, rate: float, burst: float) -> None:
        super().__init__()
        for name, value in (("rate", rate), ("burst", burst)):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(
                    f"{name} of LogSampling must be a number, got {value!r:.100}: say LogSampling(rate=1, burst=10)"
                )
            if not value >= 0:
                raise ValueError(f"{name} of LogSampling must be 0 or more, got {value!r}: math.inf sets no limit")
        self.rate = rate
        self.burst = burst
        self._limiter = Limiter()
        self._start_again()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is let through."""
        if self._generation is not forks.fork.generation:
            self._start_again()
        key = record.name, record.pathname, record.lineno
        site = self._sites.get(key)
        if site is None:
            with self._lock:
                if len(self._sites) >= SITES:
                    site = self._rest
                else:
                    site = self._sites.setdefault(key, Site(TokenBucket(self.rate, self.burst)))
        held = self._limiter.admit(site)
        if held is None:
            return False
        record.suppressed_count = held
        return True

    def __reduce__(self) -> Any:
        """A copy, and what arrives in another process, is a filter that has let nothing through yet."""
        return type(self), (self.rate, self.burst)

    def _start_again(self) -> None:
        """At first, and in a forked child, where a lock that another thread held would never be released."""
        self._lock = threading.RLock()
        self._generation = forks.fork.generation
        self._sites: dict[tuple[str, str, int], Site] = {}
        self._rest = Site(TokenBucket(self.rate, self.burst))
