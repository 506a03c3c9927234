"""Calls whose beginning isn't that of their body: a manager's, which is entered later, and one that has begun already."""

from __future__ import annotations

from typing import Any

from telemetry_kit._wrapping.awaitables import NO_RESULT, Call, Calls, Counted, Unawaited


class Entering:
    """Begins a call each time one of contextlib's managers is entered."""

    __slots__ = ("_args", "_calls", "_kwargs", "running")

    def __init__(self, calls: Calls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._calls, self._args, self._kwargs = calls, args, kwargs
        self.running = calls.running

    def idle(self) -> bool:
        return False

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        if not self._calls.idle():
            return _staying(self._calls.begin(self._args, self._kwargs))
        call = Counted(self.running)
        call._resume()
        return _staying(call)


class Begun:
    """Stands for a call that has begun already: its function has returned what goes on."""

    __slots__ = ("_call", "_stays", "running")

    def __init__(self, call: Call, *, stays: bool = False) -> None:
        self._call = Unawaited(call)
        self._stays = stays
        self.running: Any = None

    def idle(self) -> bool:
        return False

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        call = self._call.take()
        if not self._stays:
            return call
        call._resume()
        return _staying(call)


def _staying(call: Call) -> StaysCurrent:
    """`call`, which is current: an exception that arrives in the middle of this ends it, since nobody has it yet."""
    try:
        return StaysCurrent(call)
    except BaseException as exc:
        call._end(exc)
        raise


class StaysCurrent:
    """A call that stays current while a generator waits for the end of a `with` block, and has no result."""

    __slots__ = ("_call", "_drop", "_put_back")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._put_back, self._drop = call._put_back, call._drop

    def _suspend(self) -> None: ...
    def _resume(self) -> None: ...

    def _end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        self._call._end(exc)
