"""The public face: what the package exports says that it belongs to the package.

So tracebacks, `repr()` and pickles name `telemetry_kit.Pool` and no private file, which may be called something else in
the next release.
"""

from typing import ClassVar, NoReturn, TypeVar

T = TypeVar("T")


def public(thing: T) -> T:
    """Mark a class or a function as part of the face, or as a name in pickles, which the package finds: its `__module__` is
    `telemetry_kit`."""
    thing.__module__ = "telemetry_kit"
    return thing


class HasBlocks:
    """Something of which a method gives the `with` block: put at the head of one itself, it says which."""

    __slots__ = ()
    _gives_block: ClassVar[str]

    def __enter__(self) -> NoReturn:
        msg = f"what heads a `with` block must be one call of it, got {self!r}: make each block by {self._gives_block}"
        raise TypeError(msg)

    def __exit__(self, *_: object) -> None:
        """Never reached: nothing was entered."""

    async def __aenter__(self) -> NoReturn:
        self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        """Never reached either."""
