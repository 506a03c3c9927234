"""Which calls of an operation have their durations recorded, where it is only a share of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from telemetry_kit._core import forks, late


def gaps(share: float) -> Callable[[], float]:
    """How many calls to leave out before the next that is recorded, so that `share` of all are.

    The gaps are geometric, which is as random as drawing at each call, and cheaper.
    """
    if share <= 0.0:
        return lambda: math.inf
    if share >= 1.0:
        return lambda: 0
    scale, draw = math.log1p(-share), _source().random
    return lambda: math.floor(math.log(1.0 - draw()) / scale)


@functools.cache
def _source() -> Any:
    """One source for all, with one fork hook; our own, so that a host's seeded sequence stays as it is."""
    with late.late_import():
        from random import Random

    source = Random()  # noqa: S311
    forks.after_fork(source.seed)
    return source
