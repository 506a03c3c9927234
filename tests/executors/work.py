"""What workers in other processes do: they import it from here."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from opentelemetry import baggage, trace


def square(number: int, *, times: int = 1) -> int:
    return number * number * times


def keywords(**given: Any) -> dict[str, Any]:
    return given


def ids() -> tuple[int, int, bool]:
    """Trace and span id of the span that is current in the worker, and whether it came from elsewhere."""
    context = trace.get_current_span().get_span_context()
    return context.trace_id, context.span_id, context.is_remote


def baggage_item(key: str) -> object:
    return baggage.get_baggage(key)


def process() -> int:
    return os.getpid()


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def until(path: str) -> None:
    """Work until a file is there."""
    for _ in range(6_000):
        if Path(path).exists():
            return
        time.sleep(0.01)


def begun(path: str, then: str) -> None:
    """Make one file, and work until another is there."""
    Path(path).touch()
    until(then)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(code: int | None) -> None:
    sys.exit(code)


def raising(message: str) -> None:
    raise LookupError(message)


def interrupted() -> None:
    raise KeyboardInterrupt


def lock() -> Any:
    return threading.Lock()


class Declined(Exception):
    """An exception with state of its own, which its `__reduce__` carries."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return Declined, (self.code, self.reason), {"hint": "call them", **self.__dict__}


def declined(code: int) -> None:
    raise Declined(code, "no funds")


class Image:
    """Its methods go to a process pool too."""

    def __init__(self, width: int) -> None:
        self.width = width

    def half(self) -> int:
        return self.width // 2

    @classmethod
    def make(cls, width: int) -> "Image":
        return cls(width)


def broken_initializer() -> None:
    raise RuntimeError("no licence")


class Secretive(Exception):
    """Its attributes can't be asked for."""

    @property
    def __dict__(self):
        raise ZeroDivisionError


def be_secretive() -> None:
    raise Secretive("sealed")


def wait_for(path: Path) -> None:
    """Until somebody has made that file."""
    while not path.exists():
        time.sleep(0.01)
