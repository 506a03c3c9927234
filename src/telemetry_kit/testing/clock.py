"""A clock that a test moves."""

import math


class FakeClock:
    """Stands still until the test says how much time passes: `clock.advance(2.5)`.

    A capture has one of its own, which the whole kit reads while the capture is active.

    Args:
        at: The time at which it stands at first, in seconds since the epoch.

    >>> clock = FakeClock()
    >>> before = clock.perf_counter()
    >>> clock.advance(2.5)
    >>> clock.perf_counter() - before
    2.5
    """

    __slots__ = ("_monotonic_ns", "_wall_ns")

    def __init__(self, *, at: float = 1_700_000_000.0) -> None:
        self._monotonic_ns = 1_000_000_000  # below every real clock: what began by one has a negative duration by this
        self._wall_ns = int(at * 1e9)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, on both clocks. Raises ValueError for a negative number: only `step` goes back.

        >>> clock.advance(2.5)
        """
        _check("advance", seconds)
        if seconds < 0:
            raise ValueError(
                f"seconds of advance() must be 0 or more, got {seconds!r}: step() sets the wall clock back"
            )
        self._monotonic_ns += round(seconds * 1e9)
        self._wall_ns += round(seconds * 1e9)

    def step(self, seconds: float) -> None:
        """Set the wall clock alone, forward or back, as an operator or NTP does: no time passes.

        >>> clock.step(-3600)
        """
        _check("step", seconds)
        self._wall_ns += round(seconds * 1e9)

    def perf_counter(self) -> float:
        """Seconds of the monotonic clock, which durations are measured by.

        >>> clock.perf_counter()
        6.0
        """
        return self._monotonic_ns / 1e9

    def time(self) -> float:
        """Seconds since the epoch.

        >>> clock.time()
        1699996405.0
        """
        return self._wall_ns / 1e9

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, the unit of a span's times.

        >>> clock.time_ns()
        1699996405000000000
        """
        return self._wall_ns


def _check(name: str, seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"seconds of {name}() must be a number, got {seconds!r:.100} of type {type(seconds).__name__}")
    if not math.isfinite(seconds):
        raise ValueError(f"seconds of {name}() must be finite, got {seconds!r}")
