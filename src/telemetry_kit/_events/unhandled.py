"""Exceptions that nobody handled, as events: those of the main thread, of threads, of asyncio, the unraisable ones, and
those that end a cell of a notebook.

Each hook records, and then calls the one that was there before, whatever happens. Unraisable exceptions come from
finalisers, and asyncio reports what was never retrieved from one: there the record is made, and sent at the next safe
point.
"""

import atexit
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_MESSAGE, EXCEPTION_TYPE

from telemetry_kit._core import clock, faults, observer, outcome, reentrancy
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.rate_limit import Limiter, Site, TokenBucket
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._errors import deduplication, signals
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

_chain = threading.local()
"""Whether a watch has the exception that is being handed on in this thread."""
_of_cells: "list[UnhandledWatch]" = []
"""The watches of cells: IPython calls each of them, and the one that came last records."""


class _Hook:
    """One hook of a watch: it records, and calls the one that was there before, whatever happens."""

    __slots__ = ("before", "name", "see", "watch")

    def __init__(self, watch: "UnhandledWatch", name: str, see: Callable[..., None], before: Any) -> None:
        self.watch, self.name, self.see, self.before = watch, name, see, before

    def __call__(self, *args: Any) -> None:
        first = self.watch._is_first()
        try:
            if first:
                self.see(*args)
        except Exception as fault:
            faults.record(f"unhandled.{self.name}", fault)
        finally:
            try:
                self.before(*args)
            finally:
                if first:
                    _chain.seen = False


def _standing(hook: Any) -> Any:
    """What stands where `hook` stood, once all watches that have stopped are out of the chain."""
    while type(hook) is _Hook and not hook.watch._active:
        hook = hook.before
    return hook


def _as_the_loop(loop: Any, context: dict[str, Any]) -> None:
    """What stands where a loop has no handler of its own."""
    loop.default_exception_handler(context)


class UnhandledWatch(StaysHere):
    """What `Telemetry.watch_unhandled` gives: `.stop()` puts the hooks back that were there; a context manager, too."""

    def __init__(self, scope: "Scope") -> None:
        self._scope = scope
        self._active = not scope.disabled
        self._again = Site(TokenBucket(scope.errors.policy.rate, scope.errors.policy.burst))
        self._limiter = Limiter()
        self._hooks: list[tuple[Any, _Hook]] = []
        self._loop: Callable[[], Any] = lambda: None
        self._loop_hook: _Hook | None = None
        self._cells: Any = None
        self._cell_hook: Any = self._on_cell
        if self._active:
            self._hook(sys, "excepthook", self._on_main)
            self._hook(threading, "excepthook", self._on_thread)
            self._hook(sys, "unraisablehook", self._on_unraisable)
            self._hook_loop()
            self._hook_cells()
            observer.current.kept(self.stop)

    def __enter__(self) -> "UnhandledWatch":  # noqa: PYI034 - final, and Self needs 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Put the hooks back. Where somebody else has hooked in since, ours stays in the chain and does nothing."""
        self._active = False
        while self._hooks:
            module, hook = self._hooks.pop()
            if getattr(module, hook.name) is hook:
                setattr(module, hook.name, _standing(hook))
        loop = self._loop()
        if loop is not None and loop.get_exception_handler() is self._loop_hook:
            standing = _standing(self._loop_hook)
            loop.set_exception_handler(None if standing is _as_the_loop else standing)
        self._loop = lambda: None
        if self._cells is not None:
            _of_cells.remove(self)
            with faults.guard("unhandled.ipython"):
                self._cells.unregister("post_run_cell", self._cell_hook)
            self._cells = None
        reentrancy.drain()

    def _hook(self, module: Any, name: str, see: Callable[..., None]) -> None:
        hook = _Hook(self, name, see, getattr(module, name))
        self._hooks.append((module, hook))
        setattr(module, name, hook)

    def _hook_loop(self) -> None:
        asyncio = sys.modules.get("asyncio")  # who hasn't imported it has no running loop
        if asyncio is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        try:
            self._loop = weakref.ref(loop)
        except TypeError:
            self._loop = lambda: loop
        self._loop_hook = _Hook(self, "asyncio", self._on_loop, loop.get_exception_handler() or _as_the_loop)
        loop.set_exception_handler(self._loop_hook)

    def _hook_cells(self) -> None:
        """IPython, and so Jupyter, shows the exception that ends a cell itself: no hook of Python's sees it."""
        with faults.guard("unhandled.ipython"):
            shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
            if shell is not None:
                shell.events.register("post_run_cell", self._cell_hook)
                self._cells = shell.events
                _of_cells.append(self)

    # The hooks

    def _on_main(self, kind: type[BaseException], exc: BaseException | None, traceback: TracebackType | None) -> None:
        if exc is not None:
            self._tell(exc, "sys.excepthook", severity="FATAL")

    def _on_thread(self, args: Any) -> None:
        exc = args.exc_value
        if exc is None or isinstance(exc, SystemExit):  # which ends a thread and is no error there
            return
        name = getattr(args.thread, "name", None)
        self._tell(exc, "threading.excepthook", {keys.THREAD_NAME: name} if isinstance(name, str) else {})

    def _on_cell(self, result: Any) -> None:
        with faults.guard("unhandled.ipython"):
            exc = result.error_in_exec or result.error_before_exec
            if self._active and self is _of_cells[-1] and isinstance(exc, BaseException):
                self._tell(exc, "ipython")

    def _on_unraisable(self, unraisable: Any) -> None:
        exc = unraisable.exc_value
        if exc is not None:
            self._tell(exc, "sys.unraisablehook", body=unraisable.err_msg or "Exception ignored", finaliser=True)

    def _on_loop(self, loop: Any, context: dict[str, Any]) -> None:
        exc = context.get("exception")
        message = context.get("message")
        body = message if isinstance(message, str) else None
        if isinstance(exc, BaseException):
            self._tell(exc, "asyncio", body=body, finaliser=True)
        elif body and self._limiter.admit(self._again) is not None:
            clean = self._scope.errors.clean(body)
            self._send(
                {
                    EXCEPTION_MESSAGE: clean,
                    keys.ERROR_TYPE: outcome.OTHER,
                    keys.TELEMETRY_KIT_EXCEPTION_HOOK: "asyncio",
                },
                "ERROR",
                clean,
                True,
            )
        if not loop.is_closed():
            loop.call_soon_threadsafe(reentrancy.drain)

    def _is_first(self) -> bool:
        """Whether no other watch has this one: of several the one that came last records it, the rest hand it on."""
        if not self._active or getattr(_chain, "seen", False):
            return False
        _chain.seen = True
        return True

    def _tell(
        self,
        exc: BaseException,
        hook: str,
        attributes: Mapping[str, AttributeValue] = MappingProxyType({}),
        *,
        severity: str = "ERROR",
        body: str | None = None,
        finaliser: bool = False,
    ) -> None:
        error_type = outcome.error_type(exc)
        if error_type is None:
            return
        policy = self._scope.errors
        if (
            not (finaliser or reentrancy.unsafe())
            and signals.listener(self._scope, signals.EXCEPTION, severity) is None
        ):
            return
        found: dict[str, AttributeValue]
        if deduplication.known(exc):
            # An operation has recorded it: that nobody handled it is news, its stack isn't.
            if self._limiter.admit(self._again) is None:
                return
            found = {EXCEPTION_TYPE: outcome.type_name(type(exc)), keys.ERROR_TYPE: error_type}
        else:
            suppressed = policy.admit(exc, scope=self._scope, operation=None, error_type=error_type, wanted=True)
            if suppressed is None:
                return
            found = policy.describe(exc, error_type, suppressed)
        found.update(attributes)
        found[keys.TELEMETRY_KIT_EXCEPTION_HOOK] = hook
        self._send(found, severity, None if body is None else policy.clean(body), finaliser)

    def _send(self, attributes: dict[str, AttributeValue], severity: str, body: str | None, finaliser: bool) -> None:
        scope, when = self._scope, clock.time_ns()
        if finaliser:
            reentrancy.later(lambda: signals.emit_log(scope, signals.EXCEPTION, attributes, when, severity, None, body))
        else:
            signals.log(scope, signals.EXCEPTION, attributes, when, severity, body=body)


atexit.register(reentrancy.drain)
