"""What a test wants to know at the moment it happens: a fault, a value that was left out, one that was one too many,
something that the kit will ask from now on.

Nobody observes outside of `telemetry_kit.testing`; then this costs one call where something went wrong anyway.
"""

from collections.abc import Callable, Mapping

from opentelemetry.context import Context


class Observer:
    """Is called in the thread in which it happens, so that it can see whose code it was; never raises an `Exception`. Here
    it does nothing."""

    def fault(self, site: str, fault: BaseException) -> None:
        """Something broke in telemetry, or was used wrongly, and was kept from the host."""

    def declared(self, attributes: Mapping[str, object]) -> None:
        """A helper was made whose zero is reported before it counts anything."""

    def kept(self, stop: Callable[[], object]) -> None:
        """A callable is asked from now on, and kept by nobody but the kit, until `stop` is called: so that a test's is
        asked in no other test."""

    def left_out(self, key: str) -> None:
        """A metric's attribute was left out, knowingly: it was None or empty."""

    def lost(self, what: str, given: object, when: str) -> None:
        """Something was said of what wasn't running: an attribute, an event."""

    def made_current(self, context: Context) -> None:
        """A context was made current that somebody else made."""

    def overflowed(self, key: str) -> None:
        """A value of a metric's attribute, or a name, was one too many and became `_OTHER`."""


NOBODY = Observer()
current: Observer = NOBODY
"""Another one while a capture is active."""
_restarts: list[Callable[[], object]] = []


def at_capture(function: Callable[[], object]) -> None:
    """Run `function` whenever a capture begins: it lets go of what was remembered before, so that a test finds limits
    unused whatever other tests did. Counts need it not: a capture counts from where they stand."""
    _restarts.append(function)


def restart() -> None:
    """A capture begins."""
    for function in _restarts:
        function()
