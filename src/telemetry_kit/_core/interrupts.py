"""Exceptions that a signal handler of the host raises while telemetry runs: a time limit, for one.

They can be of any class, and arrive between any two instructions, also where the kit keeps an `Exception` from the host.
Whoever does so asks here first: what the host raised goes on.
"""

import functools
import signal
from types import CodeType
from typing import Any

_getsignal: Any = getattr(getattr(signal, "_signal", signal), "getsignal", signal.getsignal)
"""Without the enumeration around it, which takes longer than all the rest."""
_SIGNALS = tuple(int(number) for number in signal.valid_signals())
_WRAPPERS_AT_MOST = 20
"""Partials and decorators that are looked through to find a handler's own code."""


def raised_by_host(fault: BaseException) -> bool:
    """Whether a signal handler of the host raised it: its traceback holds a frame of one that is installed."""
    traceback = fault.__traceback__
    traceback = None if traceback is None else traceback.tb_next  # the first frame is the one that caught it
    handlers = None if traceback is None else _handlers()
    while handlers and traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def pass_on(fault: BaseException) -> None:
    """Raise `fault` if the host raised it.

    No frame that it is raised from goes on naming it: it names them in its traceback, and such a circle keeps all that
    they hold, suspended bodies of the host's for one, until the collector comes.
    """
    try:
        if raised_by_host(fault):
            raise fault
    finally:
        del fault


def _handlers() -> set[CodeType]:
    """The code of the signal handlers that are installed and written in Python."""
    found = set()
    for number in _SIGNALS:
        handler = _getsignal(number)
        if callable(handler):
            code = _code_of(handler)
            if code is not None:
                found.add(code)
    return found


def _code_of(handler: Any) -> CodeType | None:
    for _ in range(_WRAPPERS_AT_MOST):
        inner = getattr(handler, "__wrapped__", None)
        if inner is None and type(handler) is functools.partial:
            inner = handler.func
        if inner is None:
            break
        handler = inner
    code = getattr(handler, "__code__", None)
    if code is None:
        code = getattr(getattr(type(handler), "__call__", None), "__code__", None)  # noqa: B004
    return code if isinstance(code, CodeType) else None
