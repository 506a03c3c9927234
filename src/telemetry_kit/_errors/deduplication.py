"""Has this very exception been here before? Asked where one exception passes several operations.

The answer must end with the exception, and an exception must not be kept for it: it holds its frames, and all that
their variables hold. Nor may anything appear on it that its owner could see.

- An exception of a class written in Python can be referenced weakly: a small table of weak references by address.
  A new exception at an old address is told from the old one by its reference.
- A builtin one (`ValueError`, `KeyError`) can't be. Each has a dictionary of its own for attributes, mostly never
  made: it becomes one of a subclass with the same content. That is the mark; it compares, prints, copies and pickles
  as the plain dictionary it stands for.
"""

import weakref
from typing import Any

from telemetry_kit._core import counters

KEPT = 1_024
"""Weak references kept before the dead ones are dropped: more than the exceptions in flight at a time."""

_by_address: dict[int, "weakref.ref[BaseException]"] = {}
_claims: dict[int, list[None]] = {}
"""Addresses of exceptions that are being marked right now: of several threads one makes the entry, atomically."""
_slot: Any = BaseException.__dict__["__dict__"]
"""The attributes themselves, for classes that have a `__setattr__` of their own."""


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
    if known(exc):
        return True
    address = id(exc)
    claim: list[None] = []
    if _claims.setdefault(address, claim) is not claim:
        return True  # by another thread, at this moment
    try:
        if known(exc):
            return True  # by another thread, just now
        if type(exc).__weakrefoffset__:
            _by_address[address] = weakref.ref(exc)
            if len(_by_address) > KEPT:
                _tidy()
        else:
            attributes = exc.__dict__
            marked = _Marked(attributes) if attributes else _Marked()
            try:
                exc.__dict__ = marked
            except Exception:  # its class lets nobody set anything
                _slot.__set__(exc, marked)
        return False
    finally:
        del _claims[address]


def known(exc: BaseException) -> bool:
    """Whether `exc` was asked about before, and nothing else."""
    if type(exc).__weakrefoffset__:
        reference = _by_address.get(id(exc))
        return reference is not None and reference() is exc
    return exc.__dict__.__class__ is _Marked


def _tidy() -> None:
    for address, reference in list(_by_address.items()):
        if reference() is None and _by_address.get(address) is reference:
            _by_address.pop(address, None)
    for address in list(_by_address)[: -KEPT // 2]:
        # So many exceptions alive at once are not in flight: somebody collects them. The oldest go.
        _by_address.pop(address, None)


counters.after_fork(_claims.clear)
