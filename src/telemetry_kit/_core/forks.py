"""Which process this is, and what a forked child does first.

A child starts anew: what its parent counted, runs and holds is the parent's to report. Whoever keeps something across
calls compares `fork.generation`, or has a function run by `after_fork`.
"""

import os
import threading
from collections.abc import Callable
from operator import methodcaller
from typing import Any


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


def Lock() -> Any:  # noqa: N802 - as `threading.RLock`, which isn't a class everywhere either
    """A re-entrant lock for the life of the process, which a forked child has anew: who held it isn't there.

    It is the interpreter's own, taken and given back in C: an exception of a signal handler that arrived in an `__enter__` in
    Python, between taking it and returning, would leave it taken for ever, and every other thread waiting.
    """
    lock = threading.RLock()
    renew = getattr(lock, "_at_fork_reinit", None)  # platforms that don't fork lack it
    if renew is not None:
        after_fork(renew)
    return lock


is_mine: Callable[[Any], bool] = methodcaller("_is_owned")
"""Whether this thread holds a lock."""
