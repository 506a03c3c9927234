"""How handles travel: copied they are themselves, pickled they are the recipe by which they were made.

An object of a user's that holds an operation or a pool can so be deep-copied, and sent to another process: there it is
made anew, on the providers of that process, and where it lives already (in this process, or fetched before) it is that one.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from telemetry_kit._core.face import public

Made = TypeVar("Made", bound="ByRecipe")
_living: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
_tokens: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


class ByRecipe:
    """Something that travels by what it was made with."""

    __slots__ = ("_made_with",)
    _made_with: tuple[tuple[Any, ...], dict[str, Any] | None]

    def __new__(cls: type[Made], *args: Any, **kwargs: Any) -> Made:  # noqa: PYI019 - Self needs 3.11
        made = object.__new__(cls)
        if cls._recipe is ByRecipe._recipe:
            made._made_with = args, kwargs or None
        return made

    def _recipe(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """What makes it again. Raises TypeError where nothing can."""
        args, kwargs = self._made_with
        return type(self), args, kwargs or {}

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: Any) -> Any:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        recipe = self._recipe()
        token = _tokens.get(self)
        if token is None:
            token = _tokens.setdefault(self, uuid.uuid4().hex)
            _living[token] = self
        return _again, (token, *recipe)


class StaysHere:
    """Something that is bound to its process, and says so where somebody sends or copies it."""

    __slots__ = ()
    _instead = "make one where it is needed"
    """The way out."""

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        name = next(kind.__name__ for kind in type(self).__mro__ if not kind.__name__.startswith("_"))
        msg = f"what is copied or pickled must not belong to this process, got a {name}: {self._instead}"
        raise TypeError(msg)


@public
def _again(token: str, make: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The one that lives here already, or a new one."""
    living = _living.get(token)
    if living is None:
        living = _living.setdefault(token, make(*args, **kwargs))
        _tokens[living] = token
    return living
