"""Which line of the user's code it was."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType, TracebackType

_BETWEEN = ("pytest_telemetry_kit", "opentelemetry", "wrapt", "contextlib", "functools")
"""Whose frames stand between the user's code and what is recorded, beside the kit's."""
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120 - pathlib would be imported for it
"""A decorated function's closure has the function's own globals: its file says whose it is."""
_RUNNERS = ("_pytest", "pluggy")
"""Whose frames stand below everything that is the user's."""
_LIBRARIES = tuple({os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "purelib", "platlib")})


class CallSite(NamedTuple):
    """A line of somebody's code."""

    file: str
    line: int
    code: CodeType | None

    def __str__(self) -> str:
        if not self.line:
            return self.file
        path = os.path.relpath(self.file) if self.file.startswith(os.getcwd() + os.sep) else self.file  # noqa: PTH109
        return f"{path}:{self.line}"


NOWHERE = CallSite("(no line of yours)", 0, None)


def is_ours(frame: FrameType) -> bool:
    """Whether it runs code of the kit."""
    return frame.f_code.co_filename.startswith(_OURS)


def is_library(site: CallSite) -> bool:
    """Whether it is nobody's own code: the standard library's, or an installed package's."""
    return site.file.startswith((*_LIBRARIES, "<frozen"))


def of_caller() -> CallSite:
    """The innermost line that called, outside of telemetry; rather the user's own than a framework's."""
    return _choose(_frames(sys._getframe(1)))


def of_exception(fault: BaseException) -> CallSite | None:
    """The innermost line outside of telemetry that a fault came out of, None where it came out of telemetry alone."""
    sites = [
        _site(entry.tb_frame, entry.tb_lineno)
        for entry in _entries(fault.__traceback__)
        if not _between(entry.tb_frame)
    ]
    return _choose(reversed(sites)) if sites else None


def _frames(frame: FrameType | None) -> Iterable[CallSite]:
    while frame is not None and _package(frame) not in _RUNNERS:
        if not _between(frame):
            yield _site(frame, frame.f_lineno)
        frame = frame.f_back


def _entries(traceback: TracebackType | None) -> Iterable[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _site(frame: FrameType, line: int) -> CallSite:
    return CallSite(frame.f_code.co_filename, line, frame.f_code)


def _choose(sites: Iterable[CallSite]) -> CallSite:
    nearest = None
    for site in sites:
        if not is_library(site):
            return site
        nearest = nearest or site
    return nearest or NOWHERE


def _between(frame: FrameType) -> bool:
    return is_ours(frame) or _package(frame) in _BETWEEN


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
