"""How late an asyncio loop runs what is due: the one number that shows what blocks it.

A timer asks the loop to be called back a tenth of a second later, and how much later than that it is called is the lag.
A call that blocks the loop for longer than that can't be missed. Ten callbacks a second, of about 30 µs each, cost a
loop 0.03 % of its time.
"""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING

from telemetry_kit._core import faults, forks
from telemetry_kit._core.late import late_import
from telemetry_kit._core.names import Handle, admit_name, check_name
from telemetry_kit._use.polling import reference
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    import asyncio

    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.instruments import Histogram
    from telemetry_kit._core.scope import Scope

INTERVAL = 0.1
"""Seconds between two looks."""


def observe_event_loop(scope: Scope, loop: asyncio.AbstractEventLoop | None = None, *, name: str = "main") -> Handle:
    """What `Telemetry.observe_event_loop` says."""
    with late_import():
        import asyncio

    what = f"event loop {check_name('event loop', name)!r}"
    if loop is None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            msg = f"{what} must be running here, got none: call this in a coroutine, or give loop="
            raise ValueError(msg) from None
    if not isinstance(loop, asyncio.AbstractEventLoop):
        msg = f"{what} must be an asyncio event loop, got {loop!r:.100} of type {type(loop).__name__}"
        raise TypeError(msg)
    if loop.is_closed():
        msg = f"{what} must be open, got a closed one: observe it while it is used"
        raise ValueError(msg)
    if scope.disabled:
        return Handle()
    attributes: dict[str, AttributeValue] = {
        keys.EVENT_LOOP_NAME: admit_name(scope, "event_loop", name),
        keys.SCOPE_NAME: scope.label,
    }
    watch = _Watch(loop, scope.instruments.histogram("event_loop.lag"), attributes)
    # In a context of its own: a request that happens to be current here would otherwise be current in every look.
    loop.call_soon_threadsafe(watch.begin, context=Context())
    return Handle(watch.stop)


class _Watch:
    """The timer. The loop holds it, it doesn't hold the loop, and neither waits for the other to end."""

    __slots__ = ("__weakref__", "_attributes", "_due", "_generation", "_lag", "_loop", "_stopped", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, lag: Histogram, attributes: dict[str, AttributeValue]) -> None:
        self._loop = reference(loop)
        self._lag = lag
        self._attributes = attributes
        self._generation = forks.fork.generation
        self._stopped = False
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        loop = self._observed()
        if loop is None:
            return
        self._due = loop.time() + INTERVAL
        self._timer = loop.call_at(self._due, self._look, context=Context())

    def _observed(self) -> asyncio.AbstractEventLoop | None:
        return None if self._stopped or self._generation is not forks.fork.generation else self._loop()

    def stop(self) -> None:
        """From any thread."""
        self._stopped = True
        loop = self._loop()
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = self._observed()
        if loop is None:
            return
        try:
            self._lag.record(max(0.0, loop.time() - self._due), self._attributes)
        except Exception as fault:  # a loop with a clock of its own
            faults.record("event_loop.lag", fault)
        self.begin()
