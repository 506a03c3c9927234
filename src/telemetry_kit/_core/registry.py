"""What a capability keeps for each scope, or for each set of instruments: typed, and nobody else's.

The registry itself is the key, so that no name that a user chooses can be taken for another capability's.
"""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, cast

T = TypeVar("T")


class Owner(Protocol):
    """Whatever has room for what registries keep."""

    kept: dict[object, Any]


class Registry(Generic[T]):
    """One `T` for each owner, made when it is first asked for; it lives as long as the owner.

    >>> class Scope:
    ...     def __init__(self):
    ...         self.kept = {}
    >>> names: Registry[set[str]] = Registry(set)
    >>> scope = Scope()
    >>> names.of(scope).add("checkout")
    >>> names.of(scope), names.of(Scope())
    ({'checkout'}, set())
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    def of(self, owner: Owner) -> T:
        """What `owner` has of this kind. Safe from any thread: of two that make it at once, one counts."""
        try:
            return cast("T", owner.kept[self])
        except KeyError:
            return cast("T", owner.kept.setdefault(self, self._make()))
