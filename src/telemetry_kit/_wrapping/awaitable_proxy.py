"""Awaitables that are objects with methods of their own: wrapt proxies, whose call ends with the await.

Clients return such things: to be awaited, or entered by `async with`, or asked for something first. wrapt takes 50 ms to
import, so this module is imported when needed.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any

import wrapt

from telemetry_kit._wrapping import awaitables


class _MeasuredAwaitable(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """An awaitable object whose call ends with its await, and which is otherwise itself."""

    def __init__(self, awaitable: Any, call: awaitables.Unawaited) -> None:
        super().__init__(awaitable)
        self._self_unawaited = call

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._self_measure(self.__wrapped__)

    async def __aenter__(self) -> Any:
        # As `async with get(...)`: entering is the await.
        return await awaitables.awaited(type(self.__wrapped__).__aenter__(self.__wrapped__), self._self_unawaited)

    async def __aexit__(self, *exc: object) -> Any:
        return await type(self.__wrapped__).__aexit__(self.__wrapped__, *exc)

    def _self_measure(self, awaitable: Any) -> Generator[Any, Any, Any]:
        call = self._self_unawaited.take()
        try:
            result = yield from awaitables.Stepwise(awaitable, call).__await__()
            call.end(None, result)
            return result
        except BaseException as exc:
            call.end(awaitables.without_steps(exc))
            raise
        finally:
            call.leave()


class _MeasuredCoroutine(_MeasuredAwaitable):
    """The same for a coroutine of another make, which an event loop drives by its methods."""

    _self_steps: Any = None

    def send(self, value: Any) -> Any:
        if self._self_steps is None:
            self._self_steps = self._self_measure(_Steps(self.__wrapped__))
        return self._self_steps.send(value)

    def throw(self, *args: Any) -> Any:
        return self.__wrapped__.throw(*args) if self._self_steps is None else self._self_steps.throw(*args)

    def close(self) -> None:
        if self._self_steps is None:
            self.__wrapped__.close()
        else:
            self._self_steps.close()


class _Steps:
    """A coroutine's own methods as the steps of an await."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Any:
        return self._coroutine


def awaitable(result: Any, call: awaitables.Unawaited) -> Any:
    """`result`, with `call` ending when its await does."""
    return (_MeasuredCoroutine if isinstance(result, Coroutine) else _MeasuredAwaitable)(result, call)
