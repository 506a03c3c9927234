"""Annotations of a decorated function answer as those of the bare one, whoever asks, however, and whenever (WRP 7).

The same module is made twice, bare and decorated, since annotations belong to where a function stands: its module, its
class, whether they are strings, and on Python 3.14 also which names are there by the time somebody asks.
"""

import asyncio
import builtins
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

import pytest

from telemetry_kit import Telemetry, bind, enrich_span
from telemetry_kit._operation import fast_path, hot_path
from telemetry_kit._wrapping import drivers
from tests.support import Sdk

SOURCE = """
{future}
from typing import TYPE_CHECKING, Annotated, Optional
if TYPE_CHECKING:
    from elsewhere import Order

@decorate
def values(sku: str, count: Annotated[int, "how many"] = 1, *rest: "bytes", dear: Optional[bool] = None) -> float: ...

@decorate
async def coroutine(sku: str, later: Later) -> "Later": ...

@decorate
def generator(sku: str, later: "Later") -> "list[Later]":
    yield

@decorate
async def async_generator(sku: str, later: list[Later]):
    yield

@decorate
def checked_only(order: Order) -> Order: ...

@decorate
def no_annotations(sku, count=1, *, dear=None): ...

class Node:
    @decorate
    def method(self, count: int) -> {node}: ...

    @classmethod
    @decorate
    def class_method(cls, count: int = 1) -> "Node": ...

    @staticmethod
    @decorate
    def static_method(later: "Later", count: int = 1) -> int: ...

class Later: ...
"""
LAZY = sys.version_info >= (3, 14)
"""Annotations are evaluated when somebody asks: names may come later, or never."""
FORMS = {
    "future": SOURCE.format(future="from __future__ import annotations", node="Node"),
    "plain": SOURCE.format(future="", node="Node")
    if LAZY
    else SOURCE.format(future="", node="'Node'")
    .replace("later: Later", "later: 'Later'")
    .replace("list[Later]", "'list[Later]'", 0)
    .replace("later: list[Later]", "later: 'list[Later]'")
    .replace("order: Order) -> Order", "order: 'Order') -> 'Order'"),
}
NAMES = (
    "values", "coroutine", "generator", "async_generator", "checked_only", "no_annotations",
    "Node.method", "Node.class_method", "Node.static_method",
)  # fmt: skip
QUESTIONS: dict[str, Callable[[Any], object]] = {
    "signature": inspect.signature,
    "evaluated signature": lambda func: inspect.signature(func, eval_str=True),
    "type hints": typing.get_type_hints,
    "type hints with extras": lambda func: typing.get_type_hints(func, include_extras=True),
    "annotations": inspect.get_annotations,
    "evaluated annotations": lambda func: inspect.get_annotations(func, eval_str=True),
    "the attribute": lambda func: func.__annotations__,
    "evaluated among its globals": lambda func: [
        eval(text, func.__globals__) if isinstance(text, str) else text  # noqa: S307 - as FastAPI, the MCP SDK and Dagster do
        for text in inspect.get_annotations(func).values()
    ],
}
if LAZY:
    import annotationlib

    for _format in (annotationlib.Format.VALUE, annotationlib.Format.FORWARDREF, annotationlib.Format.STRING):
        QUESTIONS[f"annotationlib, {_format.name}"] = lambda func, f=_format: annotationlib.get_annotations(
            func, format=f
        )
        QUESTIONS[f"signature, {_format.name}"] = lambda func, f=_format: inspect.signature(func, annotation_format=f)

TELEMETRY: Telemetry = Sdk().telemetry("shop")
DECORATORS: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "operation": lambda: TELEMETRY.operation,
    "operation, full": lambda: TELEMETRY.operation("op", span_attributes=lambda *_, **__: {}),
    "operation, hot": lambda: TELEMETRY.operation("op", span=False, sample_durations=0.5),
    "operation, arguments": lambda: TELEMETRY.operation("op", arguments="*"),
    "span": lambda: TELEMETRY.span("span"),
    "batch job": lambda: TELEMETRY.batch_job("job"),
    "pool": lambda: TELEMETRY.pool("pool").use(),
    "enrich_span": lambda: enrich_span(attributes={"a": 1}),
    "twice": lambda: lambda func: TELEMETRY.operation("outer")(TELEMETRY.operation("inner")(func)),
}


def made(form: str, decorate: Callable[[Any], Any]) -> types.SimpleNamespace:
    """The module of a form, with everything in it decorated."""
    name = f"tests.annotated_{form}"
    module = types.ModuleType(name)
    sys.modules[name] = module
    module.__dict__["decorate"] = decorate
    exec(compile(FORMS[form], f"<{form}>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - ours
    return module  # type: ignore[return-value]


def found(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


def answer(question: str, func: Any) -> object:
    """What it says, in words: classes of two modules are equal if they are called the same."""
    try:
        said = QUESTIONS[question](func)
        words = str({k: repr(v) for k, v in said.items()} if isinstance(said, dict) else said)
        return re.sub(r" at 0x\w+", "", words)
    except Exception as exc:
        return type(exc), str(exc)


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize("form", FORMS)
def test_annotations_answer_as_on_the_bare_function(form: str, decorator: str) -> None:
    """WRP 7: every question has the bare function's answer, an exception included."""
    bare, decorated = made(form, lambda func: func), made(form, DECORATORS[decorator]())

    wrong = {
        (name, question): (answer(question, found(decorated, name)), answer(question, found(bare, name)))
        for name in NAMES
        for question in QUESTIONS
        if answer(question, found(decorated, name)) != answer(question, found(bare, name))
    }

    assert wrong == {}


@pytest.mark.parametrize("form", FORMS)
def test_parameters_are_the_same_for_who_ignores_wrapped(form: str) -> None:
    """WRP 6, WRP 7: names and kinds, and which can be left out, are there without following `__wrapped__`."""
    bare, decorated = made(form, lambda func: func), made(form, TELEMETRY.operation)

    for name in NAMES:
        try:
            right = inspect.getfullargspec(found(bare, name))
        except TypeError:  # on 3.14 it evaluates the annotations of the bare one, and a name isn't there
            continue
        assert inspect.getfullargspec(found(decorated, name))[:6] == right[:6], name


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize("kind", ["values", "generator", "coroutine", "async_generator"])
def test_a_module_may_shadow_whatever_it_likes(kind: str, decorator: str) -> None:
    """WRP 7: its globals are the decorated function's too, so that this one uses none of them."""
    module = made("future", DECORATORS[decorator]())
    shadows = dict.fromkeys(dir(builtins) + dir(fast_path) + dir(hot_path) + dir(drivers), None)
    module.__dict__.update({name: None for name in shadows if not name.startswith("__") and name not in NAMES})

    async def all_of(items: Any) -> list[Any]:
        return [item async for item in items]

    result = getattr(module, kind)("A1", later=None) if kind != "values" else module.values("A1")
    if kind == "generator":
        result = list(result)
    elif kind != "values":
        result = asyncio.run(result if kind == "coroutine" else all_of(result))
    assert result == ([None] if "generator" in kind else None)


def test_bind_answers_as_the_bare_function() -> None:
    """WRP 7: `bind` is a wrapper like the others."""
    bare, decorated = made("future", lambda func: func), made("future", bind)

    assert answer("evaluated signature", decorated.values) == answer("evaluated signature", bare.values)
