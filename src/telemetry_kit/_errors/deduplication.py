"""Has this very exception been recorded in this trace before? Asked where one exception passes several operations.

Of one trace: an exception that many share, such as that of a future which ten requests wait for or a singleton that is
raised again and again, tells each of them why it failed.

The answer must end with the exception, and an exception must not be kept for it: it holds its frames, and all that
their variables hold. Nor may anything appear on it that its owner could see.

- An exception of a class written in Python can be referenced weakly: a small table of weak references by address, from
  which it goes when it dies.
- A builtin one (`ValueError`, `KeyError`) can't be. Each has a dictionary of its own for attributes, mostly never
  made: it becomes one of a subclass with the same content. That is the mark; it compares, prints, copies and pickles
  as the plain dictionary it stands for.
"""

import weakref
from functools import partial
from typing import Any

from telemetry_kit._core import forks

KEPT = 1_024
"""Weak references kept before the oldest are dropped: more than the exceptions in flight at a time."""
TRACES = 128
"""Traces that are remembered of one exception, the newest ones: more than are in flight where one is shared."""

Traces = dict[int, object]
"""The traces in which an exception was recorded, and who recorded it there."""

_by_address: dict[int, "_Reference"] = {}
_lock = forks.Lock()
"""Held while a builtin exception gets its mark, which calls nothing of anybody's."""
_slot: Any = BaseException.__dict__["__dict__"]
"""The attributes themselves, for classes that have a `__setattr__` or a `__getattribute__` of their own."""


class _Reference(weakref.ref[BaseException]):
    """An exception that was seen."""

    __slots__ = ("traces",)

    traces: Traces


class _Marked(dict[str, Any]):
    """The attributes of an exception that was seen."""

    __slots__ = ("traces",)

    traces: Traces

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return dict, (dict(self),)


def seen(exc: BaseException, trace: int = 0) -> bool:
    """Whether `exc` was asked about before in this trace; from now on it was. 0 stands for no trace.

    >>> problem = ValueError("no")
    >>> seen(problem, 7), seen(problem, 7), seen(problem, 8)
    (False, True, False)
    """
    traces = _traces(exc)
    if traces is None:
        traces = _mark(exc)
    mine = object()
    if traces.setdefault(trace, mine) is not mine:
        return True
    while len(traces) > TRACES:
        try:
            traces.pop(next(iter(traces)), None)
        except (RuntimeError, StopIteration):  # another thread is at it
            break
    return False


def known(exc: BaseException, trace: int | None = None) -> bool:
    """Whether `exc` was asked about before, in this trace or, without one, in any; and nothing else."""
    traces = _traces(exc)
    return traces is not None and (trace is None or trace in traces)


def forget(exc: BaseException, trace: int = 0) -> None:
    """In this trace it is new again: where there is none, and the outermost call that it has failed ends."""
    traces = _traces(exc)
    if traces is not None:
        traces.pop(trace, None)


def _traces(exc: BaseException) -> Traces | None:
    if type(exc).__weakrefoffset__:
        reference = _by_address.get(id(exc))
        return reference.traces if reference is not None and reference() is exc else None
    attributes = _slot.__get__(exc)
    return attributes.traces if attributes.__class__ is _Marked else None


def _mark(exc: BaseException) -> Traces:
    """The traces of an exception that had no mark."""
    traces: Traces = {}
    if type(exc).__weakrefoffset__:
        address = id(exc)
        # All that the collector calls is written in C: see `reentrancy`.
        reference = _Reference(exc, partial(_by_address.pop, address))
        reference.traces = traces
        reference = _by_address.setdefault(address, reference)
        if len(_by_address) > KEPT:
            _tidy()
        return reference.traces
    with _lock:
        others = _traces(exc)
        if others is not None:
            return others
        marked = _Marked(_slot.__get__(exc))
        marked.traces = traces
        _slot.__set__(exc, marked)
    return traces


def _tidy() -> None:
    """So many exceptions alive at once are not in flight: somebody collects them. The oldest go."""
    for address in list(_by_address)[: KEPT // 2]:
        _by_address.pop(address, None)
