"""Callables that must stay what they are: wrapt proxies for objects, and a second look at descriptors.

A partial, an `lru_cache`, an object with `__call__`: `isinstance` must hold, their own methods must be reachable, and
as a class attribute they must bind as they did. wrapt takes 50 ms to import, so this module is imported when needed.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Generator
from typing import Any

import wrapt

from telemetry_kit import _calls


class _Measured(wrapt.FunctionWrapper):  # type: ignore[misc]
    """A measured callable object. It pickles and copies by its qualified name where it has one."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        module = getattr(self.__wrapped__, "__module__", None)
        name = getattr(self.__wrapped__, "__qualname__", None)
        if isinstance(module, str) and isinstance(name, str) and "<" not in name:
            return _by_name, (module, name)
        return _again, (self.__wrapped__,)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: Any) -> Any:
        return self


def wrap(func: Any, calls: _calls.Calls) -> Any:
    """A proxy for `func` whose calls are measured."""
    bare = func
    while isinstance(bare, functools.partial):
        bare = bare.func
    call = bare if _calls.kind_of(bare) != "object" else getattr(type(func), "__call__", None)  # noqa: B004
    kind = _calls.kind_of(call) if call is not None else "sync"
    if kind == "object":
        kind = "sync"
    measured = _calls.MAKERS[kind](_call_target, _OfTarget(calls))

    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return measured((wrapped, instance), *args, **kwargs)

    return _Measured(func, wrapper)


def _call_target(target: tuple[Callable[..., Any], Any], /, *args: Any, **kwargs: Any) -> Any:
    return target[0](*args, **kwargs)


class _OfTarget:
    """The calls, given the arguments as the function of a class is given them: with its instance, without our target."""

    def __init__(self, calls: _calls.Calls) -> None:
        self._calls = calls
        self.running = calls.running
        self.idle = calls.idle

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _calls.Call:
        instance = args[0][1]
        return self._calls.begin(args[1:] if instance is None else (instance, *args[1:]), kwargs)


class _MeasuredAwaitable(wrapt.ObjectProxy):  # type: ignore[misc]
    """An awaitable object whose call ends with its await, and which is otherwise itself."""

    def __init__(self, awaitable: Any, call: _calls.Call) -> None:
        super().__init__(awaitable)
        self._self_call = call

    def __await__(self) -> Generator[Any, Any, Any]:
        call = self._self_call
        try:
            result = yield from _calls.Stepwise(self.__wrapped__, call).__await__()
        except BaseException as exc:
            call.end(exc)
            raise
        call.end(None, result)
        return result


def awaitable(result: Any, call: _calls.Call) -> Any:
    """`result`, with `call` ending when its await does."""
    return _MeasuredAwaitable(result, call)


def _by_name(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _again(wrapped: Any) -> Any:
    return wrapped
