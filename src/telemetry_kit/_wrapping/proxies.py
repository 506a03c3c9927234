"""Callables that must stay what they are: wrapt proxies.

A partial, an `lru_cache`, an object with `__call__`: `isinstance` must hold, their own methods must be reachable, and
as a class attribute they must bind as they did. wrapt takes 50 ms to import, so this module is imported when needed.
"""

from __future__ import annotations

from operator import attrgetter
from types import MethodType
from typing import Any

import wrapt

from telemetry_kit._wrapping import awaitables, callables, drivers


class _Measured(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """A measured callable object. It pickles and copies by its qualified name where it has one."""

    __call__ = property(attrgetter("_self_call"))
    """The closure itself, found without a frame of ours: a call has one frame more, that of the closure."""

    def __init__(self, func: Any, calls: awaitables.Calls) -> None:
        super().__init__(func)
        self._self_calls = calls
        self._self_call = drivers.MAKERS[callables.kind_of_call(func)](func, calls)

    def __set_name__(self, owner: type, name: str) -> None:
        wrapped = self.__wrapped__
        set_name = getattr(type(wrapped), "__set_name__", None)
        if set_name is not None:
            set_name(wrapped, owner, name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return callables.found_again(self, self.__wrapped__) or (wrap, (self.__wrapped__, self._self_calls))

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: Any) -> Any:
        return self


class _MeasuredDescriptor(_Measured):
    """The same for an object that binds where it is an attribute of a class, as `lru_cache` does."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """What is a method of a class stays one: bound, its calls are measured with the instance as an argument."""
        wrapped = self.__wrapped__
        bound = type(wrapped).__get__(wrapped, instance, owner)
        if bound is wrapped:
            return self
        if instance is not None and getattr(bound, "__self__", None) is instance:
            if type(bound) is MethodType:
                return MethodType(self, instance)  # pyright: ignore[reportArgumentType] - a callable by its property
            return wrap(bound, _CallsOf(instance, self._self_calls))  # it knows of its instance by having been bound
        return wrap(bound, self._self_calls) if callable(bound) else bound


class _CallsOf:
    """The calls of what was bound to an instance, which is an argument of each."""

    def __init__(self, instance: Any, calls: awaitables.Calls) -> None:
        self._instance = instance
        self._calls = calls
        self.idle = calls.idle
        self.running = calls.running

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> awaitables.Call:
        return self._calls.begin((self._instance, *args), kwargs)


def wrap(func: Any, calls: awaitables.Calls) -> Any:
    """A proxy for `func` whose calls are measured."""
    return (_MeasuredDescriptor if hasattr(type(func), "__get__") else _Measured)(func, calls)
