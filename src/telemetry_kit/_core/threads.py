"""What the kit knows of each thread: whether it is a place where the API may be called."""

import weakref
from _thread import _local  # as `threading` has it, where no sandbox (Temporal's) stands in for that

from telemetry_kit._core import forks

_states: set["weakref.ref[ThreadState]"] = set()


def states() -> list["ThreadState"]:
    """The states of all threads that the kit knows."""
    return [state for state in (reference() for reference in list(_states)) if state is not None]


class ThreadState:
    """What the kit knows of a thread."""

    __slots__ = ("__weakref__", "busy")

    def __init__(self) -> None:
        _states.add(weakref.ref(self, _states.discard))
        self.busy = False
        """It is inside the API or the SDK, called by the kit: no place to record. A hint, see `reentrancy`."""


class _Threads(_local):
    """Each thread's own."""

    state = ThreadState()
    """For the moment in which a thread's own is being made, where the collector or a signal handler may ask already."""

    def __init__(self) -> None:
        self.state = ThreadState()


threads = _Threads()


def _start_again() -> None:
    # Calls that run across the fork hold on to the state of their thread: there they see that this is no place to record.
    threads.state.busy = True
    _states.clear()
    threads.state = ThreadState()


forks.after_fork(_start_again)
