"""Which process this is, and what a forked child does first.

A child starts anew: what its parent counted, runs and holds is the parent's to report. Whoever keeps something across
calls compares `fork.generation`, or has a function run by `after_fork`.
"""

import os
from collections.abc import Callable


class _Fork:
    """Which process this is, counted in forks."""

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
