"""Nothing that breaks in telemetry reaches the host: it is counted, said once, and forgotten.

A site is the place where the kit calls out: the API, the SDK behind it, a callback of the user. Each call out is
guarded against `Exception`, never against `BaseException`: a Ctrl-C that arrives inside telemetry is the host's. So is
what a signal handler of the host raises there, a time limit for one, whatever its class is: it goes on to the host.
"""

import functools
import logging
import signal
import threading
from types import CodeType, TracebackType
from typing import Any

from telemetry_kit._core import counters, observer
from telemetry_kit._redaction.scrub import cut, default_scrub

LOGGER = logging.getLogger("telemetry_kit")

LONGEST = 200
"""Characters of a fault's text that are logged."""
SAID_AT_MOST = 1_000
"""Things that are said once: a host that makes up keys on the fly must not fill its log with them."""

_counted: counters.Tally[str] = counters.Tally()
_said: dict[str, bool] = {}
_here = threading.local()
_getsignal: Any = getattr(getattr(signal, "_signal", signal), "getsignal", signal.getsignal)
"""Without the enumeration around it, which takes longer than all the rest."""
_SIGNALS = tuple(int(number) for number in signal.valid_signals())
_WRAPPERS_AT_MOST = 20
"""Partials and decorators that are looked through to find a handler's own code."""


def record(site: str, fault: BaseException, *, about: str = "") -> None:
    """Count a fault at `site`, and log the first one there, of each thing that it is `about`. What a signal handler of
    the host raised in the middle of it is no fault: that is raised again.

    A logging handler may itself be instrumented, and fail in the same way: what happens inside of our own log call is
    only counted, so that the path never goes round in circles. A RecursionError leaves little room to say so, and none
    where it isn't there.
    """
    try:
        hosts = raised_by_host(fault)
    except RecursionError:
        return
    if hosts:
        raise fault
    try:
        _counted.add(site)
        observer.fault(site, fault)
        said = f"{site} {about}" if about else site
        if said not in _said:
            words = f"telemetry at {site} failed, and goes on failing silently: {_words(fault)}"
            say_once(said, words, always=not about)
    except RecursionError:
        return


def say_once(said: str, words: str, *, always: bool = False) -> None:
    """Log `words`, once for each thing that is `said`; of the first thousand things, unless `always`."""
    if said in _said or getattr(_here, "logging", False) or (not always and len(_said) >= SAID_AT_MOST):
        return
    _said[said] = True
    _here.logging = True
    try:
        LOGGER.warning("%s", words)
    except Exception as failed:
        if raised_by_host(failed):
            raise
    finally:
        _here.logging = False


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


def counts() -> dict[str, int]:
    """How many faults each site has had in this process."""
    return {site: int(number) for site, number in _counted.read().items()}


observer.at_capture(_said.clear)


class guard:  # noqa: N801 - reads as a keyword: `with guard("site"):`
    """`with guard("pool.stats"): ...` keeps an `Exception` from the host and counts it as a fault of that site."""

    __slots__ = ("site",)

    def __init__(self, site: str) -> None:
        self.site = site

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if fault is None or not isinstance(fault, Exception) or raised_by_host(fault):
            return False
        record(self.site, fault)
        return True


def _words(fault: BaseException) -> str:
    """What is logged of a fault: one line without secrets, whatever a stranger put into it."""
    name = type(fault).__name__
    try:
        words = f"{name}: {default_scrub(cut(str(fault), LONGEST))}"
        return words if words.isprintable() else ascii(words)[1:-1]
    except Exception as failed:
        if raised_by_host(failed):
            raise
        return name
