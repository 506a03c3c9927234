"""Modules that are imported when they are first needed, in a function: the import of the package stays cheap.

While a thread imports, it holds the lock of that module. A process that is forked in the middle of it would wait for the
lock for ever, since the thread isn't there. So such an import stands under `late_import()`, and a fork waits for it.

Of other people's modules nothing is imported, only to ask whether an object is of theirs: see `known`.
"""

import sys
import threading
from collections.abc import Iterable

from telemetry_kit._redaction import scrub

importing: set[tuple[int, object]] = set()
"""The threads that import something now, each with a mark of its own."""


class late_import:  # noqa: N801 - reads as a keyword: `with late_import():`
    """Around an import inside of a function: no process forks in the middle of it."""

    __slots__ = ("_mark",)

    def __enter__(self) -> None:
        self._mark = (threading.get_ident(), object())
        importing.add(self._mark)

    def __exit__(self, *_exc: object) -> None:
        importing.discard(self._mark)


scrub.late_import = late_import


def is_over() -> bool:
    """Whether the interpreter is going, and nothing can be imported any more: finalisers run then, for nobody."""
    return getattr(sys, "meta_path", None) is None


def known(module: str, name: str) -> type | None:
    """A class of a module that isn't imported to ask, None where it isn't imported: nobody has an object of it then.

    >>> known("queue", "Queue")
    <class 'queue.Queue'>
    >>> known("a.module.that.nobody.imported", "Queue")
    """
    kind = getattr(sys.modules.get(module), name, None)
    return kind if isinstance(kind, type) else None


def is_known(obj: object, classes: Iterable[tuple[str, str]]) -> bool:
    """Whether an object is of one of these classes, given by module and name, or of a subclass.

    >>> import queue
    >>> is_known(queue.LifoQueue(), [("queue", "Queue")])
    True
    """
    kind = type(obj)  # what an object itself says of its class may raise; and no metaclass is asked
    found = (known(*one) for one in classes)
    return any(one is not None and type.__subclasscheck__(one, kind) for one in found)
