"""Which process this is, and what a forked child does first.

A child starts anew: what its parent counted, runs and holds is the parent's to report. Whoever keeps something across
calls compares `fork.generation`, or has a function run by `after_fork`.
"""

import os
import threading
from collections.abc import Callable


class _Fork:
    """Which process this is."""

    __slots__ = ("generation",)

    def __init__(self) -> None:
        self.generation: object = object()
        """An identity that a running call can compare: another object in each forked child."""


fork = _Fork()


def after_fork(function: Callable[[], object]) -> None:
    """Run `function` in every forked child, where the platform forks: in the order in which this was called."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


def _start_again() -> None:
    fork.generation = object()


after_fork(_start_again)


class Lock:
    """A re-entrant lock for the life of the process, which a forked child has anew: who held it isn't there."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._renew()
        after_fork(self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()
