"""What kind of callable something is, what it is called, and how a wrapper looks like it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any


def kind_of(func: object) -> str:
    """What `func` is: `sync`, `async`, `generator`, `async_generator`, or `object` for what only a proxy can wrap."""
    bare = func
    while isinstance(bare, functools.partial):
        bare = bare.func
    if isinstance(func, (FunctionType, MethodType, BuiltinFunctionType)):
        if inspect.iscoroutinefunction(bare):
            return "async"
        if inspect.isasyncgenfunction(bare):
            return "async_generator"
        return "generator" if inspect.isgeneratorfunction(bare) else "sync"
    return "object"


def kind_of_call(func: Any) -> str:
    """The kind of what calling it runs: of a partial its function, of an object its `__call__`."""
    bare = func
    while isinstance(bare, functools.partial):
        bare = bare.func
    kind = kind_of(bare)
    if kind == "object":
        kind = kind_of(getattr(type(bare), "__call__", None))  # noqa: B004
    return "sync" if kind == "object" else kind


def check(func: object, what: str) -> None:
    """Raise TypeError where `func` is nothing that can be decorated, and say what to do instead."""
    if isinstance(func, (classmethod, staticmethod)):
        return
    name = getattr(func, "__name__", None) or type(func).__name__
    if isinstance(func, type):
        msg = f"{what} can't decorate the class {name}: decorate its __init__ or a function that makes it"
        raise TypeError(msg)
    if isinstance(func, (property, functools.cached_property)):
        msg = f"{what} can't decorate a {type(func).__name__}: put it below @{type(func).__name__}, on the function"
        raise TypeError(msg)
    if not callable(func):
        msg = f"{what} decorates what can be called, and got {func!r:.100} of type {type(func).__name__}"
        raise TypeError(msg)


def name_of(func: Any) -> str:
    """The qualified name without `<locals>`: `price`, `Cart.add`, `factory.price`; of a partial, its function's."""
    while isinstance(func, functools.partial):
        func = func.func
    name = getattr(func, "__qualname__", None) or type(func).__qualname__
    return name.replace("<locals>.", "")


def full_name_of(func: Any) -> str:
    """What `code.function.name` says: module and qualified name."""
    while isinstance(func, functools.partial):
        func = func.func
    name = getattr(func, "__qualname__", None) or f"{type(func).__qualname__}.__call__"
    module = getattr(func, "__module__", None) or type(func).__module__
    return f"{module}.{name}"


def check_takes(option: Callable[..., Any], func: Any, what: str) -> None:
    """Raise TypeError where `option`, a callable that is given what `func` is given, can't take that."""
    try:
        parameters = inspect.signature(func).parameters.values()
        takes = inspect.signature(option)
    except (TypeError, ValueError):
        return
    kinds = inspect.Parameter
    positional = [p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    keywords = {p.name: None for p in parameters if p.kind is kinds.KEYWORD_ONLY and p.default is kinds.empty}
    required = [p for p in positional if p.default is kinds.empty]
    by_name = {p.name: None for p in required if p.kind is kinds.POSITIONAL_OR_KEYWORD}
    ways: list[tuple[int, dict[str, None]]] = [
        (len(positional), keywords),
        (len(required), keywords),
        (len(required) - len(by_name), {**by_name, **keywords}),
    ]
    if any(p.kind is kinds.VAR_POSITIONAL for p in parameters):
        return
    for count, named in ways:
        try:
            takes.bind(*[None] * count, **named)
        except TypeError:
            continue
        return
    msg = f"{what} is given what {name_of(func)}{inspect.signature(func)} is given, and takes {takes}"
    raise TypeError(msg)


def disguise(wrapper: Any, func: Any) -> Any:
    """Make `wrapper` look like `func` to whoever inspects it, also where they ignore `__wrapped__`."""
    functools.update_wrapper(wrapper, func)
    for name in ("__defaults__", "__kwdefaults__"):
        value = getattr(func, name, None)
        if value is not None:
            setattr(wrapper, name, value)
    try:
        wrapper.__signature__ = inspect.signature(func)
    except (TypeError, ValueError):  # a builtin that doesn't say
        pass
    return wrapper
