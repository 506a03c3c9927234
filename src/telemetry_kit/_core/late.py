"""Modules that are imported when they are first needed, in a function: the import of the package stays cheap.

While a thread imports, it holds the lock of that module. A process that is forked in the middle of it would wait for the
lock for ever, since the thread isn't there. So such an import stands under `late_import()`, and a fork waits for it.
"""

import threading

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
