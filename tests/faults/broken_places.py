"""What the copy of the package calls at each place: it remembers who came by, and raises where that is asked for."""

import os
from typing import Any

armed = ""
reached: set[str] = set()
recorded: list[str] = []
"""The sites at which faults were recorded."""
outside = ""
"""A file to which other processes tell the same, a line each."""
_home = os.getpid()


class Broken(Exception):
    """What is raised at an armed place."""


def at(where: str, kind: type[BaseException] = Exception) -> None:
    """Somebody comes by; raises what is also a `kind` where this place is armed."""
    _tell("reached", where)
    if where == armed:
        raise Broken(where) if kind in (Exception, BaseException) else type("Broken", (Broken, kind), {})(where)


def after(where: str, value: Any, kind: type[BaseException] = Exception) -> Any:
    """The same, once `value` is there."""
    at(where, kind)
    return value


def record(site: str) -> None:
    _tell("recorded", site)


def _tell(what: str, line: str) -> None:
    if os.getpid() == _home:
        reached.add(line) if what == "reached" else recorded.append(line)
        return
    descriptor = os.open(outside, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, f"{what} {line}\n".encode())
    finally:
        os.close(descriptor)


def hear() -> None:
    """Take over what other processes told."""
    with open(outside, "r+", encoding="utf-8") as file:
        for line in file:
            what, _, word = line.rstrip("\n").partition(" ")
            reached.add(word) if what == "reached" else recorded.append(word)
        file.truncate(0)


def forget() -> None:
    reached.clear()
    recorded.clear()
