"""Which process this is, and what a forked child does first.

A child starts anew: what its parent counted, runs and holds is the parent's to report. Whoever keeps something across
calls compares `fork.generation`, or has a function run by `after_fork`.
"""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


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


class Living(Generic[T]):
    """Objects that start again in a forked child, for as long as they live: what the collector calls when one goes is
    written in C."""

    __slots__ = ("_references", "_start_again")

    def __init__(self, start_again: Callable[[T], object]) -> None:
        self._references: set[weakref.ref[T]] = set()
        self._start_again = start_again
        after_fork(self.start_again)

    def add(self, one: T) -> None:
        """Have this one start again, too."""
        self._references.add(weakref.ref(one, self._references.discard))

    def start_again(self) -> None:
        """Have all start again that live."""
        for reference in list(self._references):
            one = reference()
            if one is not None:
                self._start_again(one)


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


def is_mine(lock: Any) -> bool:
    """Whether this thread holds a lock. It is asked itself: gevent and Temporal's sandbox put others in the interpreter's place."""
    return lock._is_owned()  # type: ignore[no-any-return]
