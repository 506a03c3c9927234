"""Questions whose answers may take long, asked in a thread of their own: whoever collects never stands still for one.

A question that hangs costs one thread and delays nobody twice: only one that has no answer yet is waited for, all of
them together for at most a second in a collection.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from telemetry_kit._core import clock, faults, forks
from telemetry_kit._core.registry import Registry
from telemetry_kit._core.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_AT_MOST = 1.0
"""Seconds that a collection waits for all questions together."""


class Run:
    """One run of a question in its thread."""

    __slots__ = ("_real", "began", "ended", "unsettled")

    def __init__(self) -> None:
        self.began = clock.perf_counter()
        self._real = time.monotonic()
        self.ended = threading.Event()
        self.unsettled = Turn()
        """Taken by whoever settles it first: the thread, or the collection that waited in vain."""

    def elapsed(self) -> float:
        """Seconds since it began. A thread hangs in real time, also where a test has stopped the clock."""
        return max(time.monotonic() - self._real, clock.perf_counter() - self.began)


class Question:
    """A callable, or a coroutine function, that is asked in a thread, one run at a time."""

    __slots__ = ("_ask", "_free", "_generation", "_loop", "_name", "_settled", "_site", "_timeout", "running")

    def __init__(
        self,
        ask: Callable[[], Any],
        *,
        name: str,
        site: str,
        timeout: float,
        settled: Callable[[Run, Any, BaseException | None], None],
    ) -> None:
        """`settled(run, answer, exc)` is called in the thread when a run has ended."""
        self._ask = ask
        self._name = name
        self._site = site
        self._timeout = timeout
        self._settled = settled
        self._loop = _running_loop()
        """The loop in which coroutines belong: the one that ran where the question was put."""
        self.running: Run | None = None
        self._free = Turn()
        self._generation: object = forks.fork.generation

    def is_ours(self) -> bool:
        """Whether what is known is this process's; in a forked child, whose parent has the thread, no more."""
        if self._generation is forks.fork.generation:
            return True
        self._generation = forks.fork.generation
        self._free = Turn()
        self.running = None
        return False

    def start(self) -> None:
        """Ask, unless that is going on."""
        if not self._free.take():
            return
        run = self.running = Run()
        thread = threading.Thread(target=self._run, args=(run,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as fault:  # no threads here, or none left
            if "shutdown" not in str(fault):  # the last collection of a process: what is known is reported
                faults.record(self._site, fault)
            self.running = None
            self._free.give_back()

    def _run(self, run: Run) -> None:
        answer: Any = None
        error: BaseException | None = None
        try:
            answer = self._ask()
            if inspect.isawaitable(answer):
                answer = self._await(answer)
        except BaseException as exc:  # the end of a thread of ours: there is nobody to raise to
            error = exc
        try:
            self._settled(run, answer, error)
        except Exception as fault:
            faults.record(self._site, fault)
        self.running = None
        self._free.give_back()
        run.ended.set()

    def _await(self, answer: Any) -> Any:
        loop = self._loop
        if loop is None or not loop.is_running():
            return asyncio.run(_awaited(answer))
        future = asyncio.run_coroutine_threadsafe(_awaited(answer), loop)
        try:
            return future.result(self._timeout)
        finally:
            future.cancel()


async def _awaited(answer: Any) -> Any:
    return await answer


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Patience:
    """The time that one collection has for all questions.

    Real time, also where a test has put another clock in place: it is the collector that waits.
    """

    __slots__ = ("_collection", "_left")

    def __init__(self) -> None:
        self._collection: object = None
        self._left = 0.0

    def wait(self, run: Run, collection: object, at_most: float = math.inf) -> bool:
        """Wait for a run to end, `at_most` so many seconds; whether it has."""
        if collection is not self._collection:
            self._collection, self._left = collection, WAIT_AT_MOST
        began = time.monotonic()
        ended = run.ended.wait(max(min(self._left, at_most), 0.0))
        self._left -= time.monotonic() - began
        return ended


PATIENCE: Registry[Patience] = Registry(Patience)
"""Of each set of instruments, which are collected together."""
