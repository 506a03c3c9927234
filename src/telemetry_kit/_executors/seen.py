"""Tasks that look like their functions, for executors whose own `submit` looks at what it is given.

It reads a name or a signature, asks whether it is a coroutine function, finds it in a table of priorities: that works as
with the bare function, but for `is`. The standard library's executors don't look, and get no more than what is to call.
"""

from __future__ import annotations

import inspect
from operator import attrgetter
from typing import Any

from telemetry_kit._executors.tasks import Task


class SeenTask(Task):
    """A task of an executor whose own `submit` may look at the function: it has the function's name, signature and
    attributes, and the function as `__wrapped__`."""

    __slots__ = ()
    __call__ = Task.run

    @property
    def run(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What the executor gets. A coroutine function is not for workers to call: it goes as it is, and the future
        alone says what became of it."""
        return self.__wrapped__ if inspect.iscoroutinefunction(self.__wrapped__) else self

    @property
    def __wrapped__(self) -> Any:
        fn: Any = self.fn
        accounting: Any = self.accounting  # which a task that failed has let go of
        return fn.args[0] if accounting is not None and accounting.copies else fn

    def __init_subclass__(cls) -> None:
        for name in ("__doc__", "__module__"):  # of which each class has its own
            setattr(cls, name, property(attrgetter(f"__wrapped__.{name}")))

    def __getattr__(self, name: str) -> Any:
        if name in dir(type(self)):  # a slot that isn't set
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)


class EqualTask(SeenTask):
    """One that stands in the function's place also in a set or a dictionary: in a thread pool, where nobody keeps it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other or self.__wrapped__ == other

    def __hash__(self) -> int:
        return hash(self.__wrapped__)
