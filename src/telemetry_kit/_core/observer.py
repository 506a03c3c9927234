"""What a test wants to know at the moment it happens: a fault, a value that was left out, one that was one too many,
something that the kit will ask from now on.

Nobody observes outside of `telemetry_kit.testing`; then this costs one comparison where something went wrong anyway.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from opentelemetry.context import Context

from telemetry_kit._core.interrupts import pass_on


class Observer(Protocol):
    """Is called in the thread in which it happens, so that it can see whose code it was."""

    def fault(self, site: str, fault: BaseException) -> None:
        """Something broke in telemetry, or was used wrongly, and was kept from the host."""

    def declared(self, attributes: Mapping[str, object]) -> None:
        """A helper was made whose zero is reported before it counts anything."""

    def kept(self, stop: Callable[[], object]) -> None:
        """A callable is asked from now on, and kept by nobody but the kit, until `stop` is called."""

    def left_out(self, key: str) -> None:
        """A metric's attribute was left out, knowingly: it was None or empty."""

    def lost(self, what: str, given: object, when: str) -> None:
        """Something was said of what wasn't running: an attribute, an event."""

    def made_current(self, context: Context) -> None:
        """A context was made current that somebody else made."""

    def overflowed(self, key: str) -> None:
        """A value of a metric's attribute, or a name, was one too many and became `_OTHER`."""


current: Observer | None = None
"""Set by a capture while it is active."""


def fault(site: str, fault: BaseException) -> None:
    """Tell of a fault."""
    if current is not None:
        try:
            current.fault(site, fault)
        except Exception as odd:  # near the recursion limit, say: what was observed is counted as ever
            pass_on(odd)


def declared(attributes: Mapping[str, object]) -> None:
    """Tell of a helper that reports its zero."""
    if current is not None:
        current.declared(attributes)


def kept(stop: Callable[[], object]) -> None:
    """Tell of a callable that the kit keeps, so that a test's is asked in no other test."""
    if current is not None:
        current.kept(stop)


def left_out(key: str) -> None:
    """Tell of a metric's attribute that was left out."""
    if current is not None:
        current.left_out(key)


def lost(what: str, given: object, when: str) -> None:
    """Tell of what was said of a call too early or too late."""
    if current is not None:
        try:
            current.lost(what, given, when)
        except Exception as odd:  # what was given can't even be shown
            pass_on(odd)


def made_current(context: Context) -> None:
    """Tell of a context that was made current."""
    if current is not None:
        current.made_current(context)


def overflowed(key: str) -> None:
    """Tell of a value that became `_OTHER`."""
    if current is not None:
        try:
            current.overflowed(key)
        except Exception as odd:
            pass_on(odd)


_restarts: list[Callable[[], object]] = []


def at_capture(function: Callable[[], object]) -> None:
    """Run `function` whenever a capture begins: it lets go of what was remembered before, so that a test finds limits
    unused whatever other tests did. Counts need it not: a capture counts from where they stand."""
    _restarts.append(function)


def restart() -> None:
    """A capture begins."""
    for function in _restarts:
        function()
