"""Has this very exception been here before? Asked where one exception passes several operations.

The answer must end with the exception, and an exception must not be kept for it: it holds its frames, and all that
their variables hold. Nor may anything appear on it that its owner could see.

- An exception of a class written in Python can be referenced weakly: a small table of weak references by address.
  A new exception at an old address is told from the old one by its reference.
- A builtin one (`ValueError`, `KeyError`) can't be. Each has a dictionary of its own for attributes, mostly never
  made: it becomes one of a subclass with the same content. That is the mark; it compares, prints, copies and pickles
  as the plain dictionary it stands for.
"""

import threading
import weakref
from typing import Any

from telemetry_kit import _counts

KEPT = 1_024
"""Weak references kept before the dead ones are dropped: more than the exceptions in flight at a time."""

_by_address: dict[int, "weakref.ref[BaseException]"] = {}
_lock = threading.RLock()
_dictionary: Any = BaseException.__dict__["__dict__"]
"""The slot itself: a class of the user's may have its own `__setattr__` or `__dict__`."""


class _Marked(dict[str, Any]):
    """The attributes of an exception that was seen."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return dict, (dict(self),)


def seen(exc: BaseException) -> bool:
    """Whether `exc` was asked about before; from now on it was.

    >>> problem = ValueError("no")
    >>> seen(problem), seen(problem)
    (False, True)
    """
    if type(exc).__weakrefoffset__:
        known = _by_address.get(id(exc))
        if known is not None and known() is exc:
            return True
        return _keep(exc)
    attributes = _dictionary.__get__(exc)
    if attributes.__class__ is _Marked:
        return True
    return _mark(exc, attributes)


def known(exc: BaseException) -> bool:
    """Whether `exc` was asked about before, and nothing else."""
    if type(exc).__weakrefoffset__:
        reference = _by_address.get(id(exc))
        return reference is not None and reference() is exc
    return _dictionary.__get__(exc).__class__ is _Marked


def _keep(exc: BaseException) -> bool:
    reference = weakref.ref(exc)
    address = id(exc)
    with _lock:
        known = _by_address.get(address)
        if known is not None and known() is exc:
            return True  # another thread, at the same moment
        _by_address[address] = reference
        if len(_by_address) > KEPT:
            _tidy()
    return False


def _tidy() -> None:
    for address in [address for address, reference in _by_address.items() if reference() is None]:
        del _by_address[address]
    while len(_by_address) > KEPT // 2:
        # So many exceptions alive at once are not in flight: somebody collects them. The oldest go.
        del _by_address[next(iter(_by_address))]


def _mark(exc: BaseException, attributes: dict[str, Any]) -> bool:
    marked = _Marked(attributes)
    with _lock:  # a few instructions, none of which runs code of anybody else's
        if _dictionary.__get__(exc) is not attributes:
            return True  # another thread, at the same moment
        _dictionary.__set__(exc, marked)
        return False


def _start_again() -> None:
    global _lock
    _lock = threading.RLock()


_counts.after_fork(_start_again)
