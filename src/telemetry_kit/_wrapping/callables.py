"""What kind of callable something is, what it is called, and how a wrapper looks like it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from types import CodeType, FunctionType, MethodType
from typing import Any

from telemetry_kit._core import faults, late
from telemetry_kit._core.attributes import encodable

AS_WRITTEN: dict[str, Any] = {}
"""How `inspect.signature` leaves annotations unevaluated: at decoration the names in them may not be there yet."""
if sys.version_info >= (3, 14):
    from annotationlib import Format

    AS_WRITTEN["annotation_format"] = Format.STRING


def _code(func: Any) -> CodeType:
    return func.__code__  # type: ignore[no-any-return]


@contextlib.contextmanager
def _manager() -> Generator[None, None, None]:
    yield


@contextlib.asynccontextmanager
async def _async_manager() -> AsyncGenerator[None, None]:
    yield


_MAKES_MANAGERS = {_code(_manager): "context_manager", _code(_async_manager): "async_context_manager"}
"""The code that all functions have that contextlib's two decorators make: nothing else makes one of those."""


def kind_of(func: object) -> str:
    """What `func` is: `sync`, `async`, `generator`, `async_generator`, `context_manager`, `async_context_manager`, or
    `object` for what only a proxy can wrap: a builtin, which doesn't bind where it is an attribute of a class, or what
    another library's decorator has put in a function's place (wrapt's), which binds in a way of its own."""
    return _kind(func) if type(func) in (FunctionType, MethodType) else "object"


def _kind(func: object) -> str:
    if isinstance(func, (FunctionType, MethodType)):
        if inspect.iscoroutinefunction(func):
            return "async"
        if inspect.isasyncgenfunction(func):
            return "async_generator"
        if inspect.isgeneratorfunction(func):
            return "generator"
        code = getattr(func, "__code__", None)
        return "sync" if code is None else _MAKES_MANAGERS.get(code, "sync")
    return "object"


def kind_of_call(func: Any) -> str:
    """The kind of what calling it runs: of a partial its function, of an object its `__call__`."""
    bare = func
    while isinstance(bare, functools.partial):
        bare = bare.func
    kind = _kind(bare)
    if kind == "object":
        kind = _kind(getattr(type(bare), "__call__", None))  # noqa: B004
    return "sync" if kind == "object" else kind


def check(func: object, what: str) -> None:
    """Raise TypeError where `func` is nothing that can be decorated, and say what to do instead."""
    if isinstance(func, (classmethod, staticmethod)):
        return
    name = getattr(func, "__name__", None) or type(func).__name__
    if isinstance(func, type):
        msg = f"what {what} decorates must not be a class, got the class {name}: decorate its __init__ or a function that makes it"
        raise TypeError(msg)
    if not callable(func) and hasattr(type(func), "__get__"):  # a property, a singledispatchmethod
        kind = type(func).__name__
        msg = f"what {what} decorates must be a function, got a {kind}: put it below @{kind}, on the function"
        raise TypeError(msg)
    if not callable(func):
        msg = f"what {what} decorates must be callable, got {func!r:.100} of type {type(func).__name__}"
        raise TypeError(msg)


def named(func: Any) -> Any:
    """What has a name: of a partial its function, unless it was given one itself (`functools.update_wrapper`, `bind`)."""
    while isinstance(func, functools.partial) and "__qualname__" not in vars(func):
        func = vars(func).get("__wrapped__", func.func)
    return func


def name_of(func: Any) -> str:
    """The qualified name without `<locals>`: `price`, `Cart.add`, `factory.price`; of a partial, its function's."""
    func = named(func)
    name = getattr(func, "__qualname__", None) or type(func).__qualname__
    return encodable(name.replace("<locals>.", ""))


def full_name_of(func: Any) -> str:
    """What `code.function.name` says: module and qualified name."""
    func = named(func)
    name = getattr(func, "__qualname__", None) or f"{type(func).__qualname__}.__call__"
    module = getattr(func, "__module__", None) or type(func).__module__
    return encodable(f"{module}.{name}")


def found_again(wrapper: object, func: object) -> tuple[Callable[..., Any], tuple[str, str]] | None:
    """How a wrapper pickles that stands where `func` says that it stands, as decorated functions do; None for any other:
    `len` is still the bare one, whatever was decorated."""
    module, name = getattr(func, "__module__", None), getattr(func, "__qualname__", None)
    if not (isinstance(module, str) and isinstance(name, str)):
        return None
    try:
        return (_by_name, (module, name)) if _by_name(module, name) is wrapper else None
    except (AttributeError, ImportError):
        return None


def _by_name(module: str, name: str) -> Any:
    with late.late_import():
        found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def check_takes(option: Any, func: Any, what: str) -> None:
    """Raise TypeError where `option` is a callable, which is given what `func` is given, and can't take that."""
    if not callable(option):
        return
    try:
        parameters = signature_of(func).parameters.values()
        takes = signature_of(option)
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
    msg = f"{what} must take what {name_of(func)}{signature_of(func)} is given, got one that takes {takes}"
    raise TypeError(msg)


def asked(site: str, given: Any, args: tuple[Any, ...] | None, kwargs: dict[str, Any]) -> Any:
    """What is given for each call: as it is, or, of a callable, what it says of the call's arguments; a `with` block has
    none (`args` is None). One that raises is a fault of this site, and says nothing."""
    if not callable(given):
        return given
    try:
        return None if args is None else given(*args, **kwargs)
    except Exception as fault:
        faults.record(site, fault)
        return None


def signature_of(func: Any) -> inspect.Signature:
    """The signature of `func` for whoever needs its parameters: no annotation is evaluated for it.

    Raises TypeError or ValueError where it doesn't say.
    """
    return inspect.signature(func, **AS_WRITTEN)


def disguise(wrapper: Any, func: Any) -> Any:
    """A wrapper that looks like `func` to whoever inspects it, also where they ignore `__wrapped__`: those who evaluate
    its annotations among its globals (FastAPI, the MCP SDK, Dagster) find what they name. `wrapper` uses no globals."""
    theirs = getattr(func, "__globals__", None)
    if type(theirs) is dict:
        flags = _code(func).co_flags & inspect.CO_ITERABLE_COROUTINE  # `types.coroutine`: its generator can be awaited
        code = wrapper.__code__ if not flags else wrapper.__code__.replace(co_flags=wrapper.__code__.co_flags | flags)
        wrapper = FunctionType(code, theirs, wrapper.__name__, None, wrapper.__closure__)
    functools.update_wrapper(wrapper, func)
    for name in ("__defaults__", "__kwdefaults__"):
        value = getattr(func, name, None)
        if value is not None:
            setattr(wrapper, name, value)
    try:
        signature = signature_of(func)
    except (TypeError, ValueError):  # a builtin that doesn't say
        return wrapper
    if _as_evaluated(signature):
        wrapper.__signature__ = signature
    else:
        # A `__signature__` would be the answer to every question, but this one depends on the question (`eval_str`,
        # `annotation_format`) and on the time: the bare function answers, reached by `__wrapped__`. Who ignores that
        # (Celery, APScheduler) is after names and defaults, which a text can say.
        wrapper.__text_signature__ = _text(signature)
    return wrapper


def _as_evaluated(signature: inspect.Signature) -> bool:
    """Whether the annotations are the same whoever asks: there are none, or they are values already, not strings."""
    annotations = [signature.return_annotation, *(p.annotation for p in signature.parameters.values())]
    return not any(isinstance(annotation, str) for annotation in annotations)


def _text(signature: inspect.Signature) -> str:
    """Names, kinds and defaults as `__text_signature__` says them; a default that has no literal is `...`."""
    bare = [
        p.replace(annotation=p.empty, default=p.default if p.default is p.empty else _Literal(p.default))
        for p in signature.parameters.values()
    ]
    return str(inspect.Signature(bare))


class _Literal:
    """Shows a value as a literal of Python that stands for it."""

    def __init__(self, value: object) -> None:
        self._text = repr(value) if value is None or type(value) in (bool, int, float, str, bytes) else "..."

    def __repr__(self) -> str:
        return self._text
