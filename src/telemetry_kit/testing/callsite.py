"""Which line of the user's code it was."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from traceback import walk_stack, walk_tb
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType

_BETWEEN = ("pytest_telemetry_kit", "opentelemetry", "wrapt", "contextlib", "functools")
"""Whose frames stand between the user's code and what is recorded, beside the kit's."""
_PASSES_ON = ("contextlib", "functools", "wrapt")
"""Of these, whose frames only hand a call on."""
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
    return _whose(site.file, "") == "a library's"


def of_caller() -> CallSite:
    """The innermost line that called, outside of telemetry; rather the user's own than a framework's."""
    return _choose(walk_stack(sys._getframe(1))) or NOWHERE


def of_own_caller() -> CallSite | None:
    """The line that called the kit, if it is the user's own: what an installed package does to the kit is none of his."""
    for frame, line in walk_stack(sys._getframe(1)):
        if not is_ours(frame) and _package(frame) not in _PASSES_ON:
            whose = _whose(frame.f_code.co_filename, str(frame.f_globals.get("__name__", "")))
            return CallSite(frame.f_code.co_filename, line, frame.f_code) if whose == "the user's" else None
    return None


def of_exception(fault: BaseException) -> CallSite | None:
    """The innermost line outside of telemetry that a fault came out of, None where it came out of telemetry alone."""
    return _choose(reversed(list(walk_tb(fault.__traceback__))))


def _choose(innermost_first: Iterable[tuple[FrameType, int]]) -> CallSite | None:
    nearest = None
    for frame, line in innermost_first:
        whose = _whose(frame.f_code.co_filename, str(frame.f_globals.get("__name__", "")))
        if whose == "the user's":
            return CallSite(frame.f_code.co_filename, line, frame.f_code)
        if whose == "a runner's":
            break
        if whose == "a library's" and nearest is None:
            nearest = CallSite(frame.f_code.co_filename, line, frame.f_code)
    return nearest


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


@functools.lru_cache(10_000)
def _whose(file: str, module: str) -> Literal["the kit's", "a runner's", "a library's", "the user's"]:
    package = module.partition(".")[0]
    if package in _RUNNERS:
        return "a runner's"
    if file.startswith(_OURS) or package in _BETWEEN:
        return "the kit's"
    return "a library's" if file.startswith((*_LIBRARIES, "<frozen")) else "the user's"
