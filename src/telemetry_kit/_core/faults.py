"""Nothing that breaks in telemetry reaches the host: it is counted, said once, and forgotten.

A site is the place where the kit calls out: the API, the SDK behind it, a callback of the user. Each call out is
guarded against `Exception`, never against `BaseException`: a Ctrl-C that arrives inside telemetry is the host's. So is
what a signal handler of the host raises there, a time limit for one, whatever its class is: it goes on to the host.
"""

import logging
import threading
import traceback
from types import TracebackType

from telemetry_kit._core import counters, late, observer
from telemetry_kit._core.interrupts import pass_on, raised_by_host
from telemetry_kit._redaction.scrub import cut, default_scrub

__all__ = ["LOGGER", "counts", "guard", "pass_on", "raised_by_host", "record"]

LOGGER = logging.getLogger("telemetry_kit")

LONGEST = 200
"""Characters of a fault's text that are logged."""
SAID_AT_MOST = 1_000
"""Things that are said once: a host that makes up keys on the fly must not fill its log with them."""

STRANGERS = ("propagation", "w3c")
"""Sites at which a fault may quote headers and baggage: its text isn't logged, but where it was raised."""

_counted: counters.Tally[str] = counters.Tally()
_said: dict[str, bool] = {}
_here = threading.local()


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
        try:
            raise fault
        finally:
            del fault  # as in `pass_on`
    try:
        _counted.add(site)
        observer.current.fault(site, fault)
        said = f"{site} {about}" if about else site
        if said not in _said:
            words = f"telemetry at {site} failed, and goes on failing silently: {_words(site, fault)}"
            say_once(said, words, always=not about)
    except RecursionError:
        return


def say_once(said: str, words: str, *, always: bool = False) -> None:
    """Log `words`, in one line and without secrets, once for each thing that is `said`; of the first thousand things, unless
    `always`. Nothing else in the kit logs."""
    if (
        said in _said
        or late.is_over()
        or getattr(_here, "logging", False)
        or (not always and len(_said) >= SAID_AT_MOST)
    ):
        return
    _said[said] = True
    _here.logging = True
    try:
        words = default_scrub(words)
        LOGGER.warning("%s", words if words.isprintable() else ascii(words)[1:-1])
    except Exception as failed:
        if raised_by_host(failed):
            raise
    finally:
        _here.logging = False


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


def _words(site: str, fault: BaseException) -> str:
    """What is said of a fault: the beginning of its text, or, where that may quote strangers, where it was raised."""
    name = type(fault).__name__
    if site.startswith(STRANGERS):
        frames = list(traceback.walk_tb(fault.__traceback__))
        return f"{name} in {frames[-1][0].f_code.co_filename}, line {frames[-1][1]}" if frames else name
    try:
        return f"{name}: {cut(str(fault), LONGEST)}"
    except Exception as failed:
        if raised_by_host(failed):
            raise
        return name
