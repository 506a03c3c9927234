"""Calls whose beginning isn't that of their body: a manager's, which is entered later, and one that has begun already."""

from __future__ import annotations

from typing import Any

from telemetry_kit._wrapping.awaitables import NO_CALL, NO_RESULT, Call, Calls, Counted, Nothing, Unawaited


class Entering:
    """Begins a call each time one of contextlib's managers is entered."""

    __slots__ = ("_args", "_calls", "_kwargs", "running")

    def __init__(self, calls: Calls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._calls, self._args, self._kwargs = calls, args, kwargs
        self.running = calls.running

    def idle(self) -> bool:
        return False

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        staying = StaysCurrent()
        try:
            if self._calls.idle():
                staying.call = Counted(self.running)
                staying.call._resume()
            else:
                staying.call = self._calls.begin(self._args, self._kwargs)
            return staying
        except BaseException as exc:
            staying._end(exc)
            raise


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
        if not self._stays:
            return self._call.take()
        staying = StaysCurrent()
        try:
            staying.call = self._call.take()
            staying.call._resume()
            return staying
        except BaseException as exc:
            staying._end(exc)
            raise


class StaysCurrent(Nothing):
    """A call that stays current while a generator waits for the end of a `with` block, and has no result.

    It is there before its call is: an exception that arrives as soon as that is current finds who ends it.
    """

    __slots__ = ("call",)

    def __init__(self) -> None:
        self.call: Call = NO_CALL

    def _end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        self.call._end(exc)

    def _put_back(self) -> None:
        self.call._put_back()

    def _drop(self) -> None:
        self.call._drop()
