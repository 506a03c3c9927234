"""A clock that a test moves."""


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
        self._monotonic_ns = 1_000_000_000_000
        self._wall_ns = int(at * 1e9)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, on both clocks. Raises ValueError for a negative number: only `step` goes back."""
        if seconds < 0:
            raise ValueError(f"advance() takes 0 or more seconds, and got {seconds!r}; step() sets the wall clock back")
        self._monotonic_ns += round(seconds * 1e9)
        self._wall_ns += round(seconds * 1e9)

    def step(self, seconds: float) -> None:
        """Set the wall clock alone, forward or back, as an operator or NTP does: no time passes."""
        self._wall_ns += round(seconds * 1e9)

    def perf_counter(self) -> float:
        """Seconds of the monotonic clock, which durations are measured by."""
        return self._monotonic_ns / 1e9

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._wall_ns / 1e9

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, the unit of a span's times."""
        return self._wall_ns
