"""What is current, put and put back without a word: OpenTelemetry's context, and the kit's own context variables.

`opentelemetry.context.detach` logs an error with a stack when the context to leave isn't the one that was entered,
which is nobody's mistake where a generator or a coroutine is closed somewhere else: there nothing is to be put back.

`Current` is what one call has made current, and how that is put back. `Suspended` puts aside all that a body had made
current while it is suspended, whoever made it: the body's spans, baggage, measurements and runs.
"""

import contextvars
from collections.abc import Callable
from contextvars import ContextVar, Token, copy_context
from typing import Any

import opentelemetry.context
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from telemetry_kit._core import clock, faults

SPAN_KEY = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""The key under which a context has its span: to put a span into a context in one step instead of four calls."""

_runtime: Any = getattr(opentelemetry.context, "_RUNTIME_CONTEXT", None)


def _attach_and_remember(context: Context) -> Any:
    before = opentelemetry.context.get_current()
    opentelemetry.context.attach(context)
    return (context, before)


def _put_back(token: Any) -> None:
    context, before = token
    if opentelemetry.context.get_current() is context:
        opentelemetry.context.attach(before)


_variable: Any = getattr(_runtime, "_current_context", None)

attach: Any
"""Make a context current; gives what `detach` takes."""
detach: Any
"""Put back what was current before; raises ValueError where that was in another `contextvars` context."""
get_current: Any
"""The current context."""

if isinstance(_variable, ContextVar):  # the API's own runtime: its variable itself saves two frames a call
    attach, detach, get_current = _variable.set, _variable.reset, _variable.get
elif _runtime is not None:  # another runtime, chosen by OTEL_PYTHON_CONTEXT
    attach, detach, get_current = _runtime.attach, _runtime.detach, _runtime.get_current
else:  # an API without that name: the public way, which can only compare
    attach, detach, get_current = _attach_and_remember, _put_back, opentelemetry.context.get_current


def _replace(context: Any) -> Any:
    before = get_current()
    attach(context)
    return before


replace: Any
"""Make a context current for a while; gives what `restore` takes."""
restore: Any
"""Put back what was current before, whatever is current now."""
replace, restore = (attach, detach) if isinstance(_variable, ContextVar) else (_replace, attach)


def with_span(context: Context, span: Any) -> Context:
    """`context` with `span` in it."""
    return Context({**context, SPAN_KEY: span})


def unchanged_by(call: Callable[..., object], *args: Any) -> None:
    """Call what exports, perhaps. It does so under a key that suppresses instrumentation, which an SDK that is
    interrupted where it makes that current, or puts it back, leaves to the thread for good."""
    now = get_current()
    try:
        call(*args)
    finally:
        if get_current() is not now:
            attach(now)


def own(context: Context | None) -> Context | None:
    """`context`, to be made current in one place: it may be current in others, and each is left on its own (`go_back`)."""
    return None if context is None else Context(context)


CURRENT_CALL: ContextVar[Any] = ContextVar("telemetry_kit.measurement", default=None)
"""The innermost running measurement: itself, a reference that doesn't keep it where somebody else can end it, or the
call on the fast path that makes one if it is asked for."""
get_call, set_call, reset_call = CURRENT_CALL.get, CURRENT_CALL.set, CURRENT_CALL.reset

others: tuple[ContextVar[Any], ...] = ()
"""What else may be current."""


def travels_with_bodies(variable: ContextVar[Any]) -> None:
    """Have `variable`, whose default is None, put aside with what else a body had made current. It is said as late as when
    the variable is first set: each one is asked about at every step of every generator."""
    global others
    if variable not in others:
        others = (*others, variable)


def others_changed(since: contextvars.Context) -> bool:
    """Whether they have something else than in a copy of what was current."""
    had = since.get
    for variable in others:  # noqa: SIM110 - a generator expression would cost as much again
        if variable.get() is not had(variable):
            return True
    return False


def put_back(reset: Callable[[Any], object], token: Any) -> None:
    """Reset by a token, unless that is of another context: there nothing is to be put back."""
    try:
        reset(token)
    except Exception as fault:
        faults.pass_on(fault)


out_of_order = False
"""Whether blocks were ever left in another order than they began: until then nothing is asked about it."""
_NOWHERE: Any = object()
"""What is current hasn't been left, but will have to say so when it is."""


def go_back(mine: Any, before: Any, in_order: bool, put: Callable[[Any], object] = attach) -> None:
    """`before`, which is current again, may have been left earlier than `mine`, which began in it: `put` what was current
    before that. What is left out of order says where it has gone back to, for whoever finds it so."""
    global out_of_order
    try:
        back = before
        while (earlier := getattr(back, "left_for", _NOWHERE)) is not _NOWHERE:
            back = earlier
        if back is not before:
            put(back)
        if not in_order or hasattr(mine, "left_for"):
            out_of_order, mine.left_for = True, back
            if back is not None and not hasattr(back, "left_for"):
                back.left_for = _NOWHERE  # it says so too, then, in whatever order it is left
    except Exception as fault:
        faults.record("context.detach", fault)


class Current:
    """What a call has made current in this context: OpenTelemetry's context, and a variable of the kit's."""

    __slots__ = ("attached", "before", "context", "left_for", "mine", "token", "variable")

    def __init__(self, variable: ContextVar[Any] | None = None) -> None:
        self.context: Context | None = None
        """What to make current, which nobody else does; None leaves OpenTelemetry's context alone."""
        self.variable = variable
        self.mine: Any = None
        self.before: Any = None
        self.attached: Any = None
        self.token: Token[Any] | None = None

    def enter(self) -> None:
        """Make it current, here and now."""
        if self.context is not None:
            try:
                self.before = get_current()
                self.attached = attach(self.context)
            except Exception as fault:
                faults.record("context.attach", fault)
        if self.variable is not None:
            self.token = self.variable.set(self.mine)

    def leave(self) -> None:
        """Put back what was current before. A second time does nothing."""
        variable, token = self.variable, self.token
        attached, before = self.attached, self.before
        if token is None and before is None and self.mine is None:
            return
        if variable is None:
            pass
        elif token is not None:
            now, mine = variable.get(), self if self.mine is None else self.mine  # None: it is current itself
            in_order = now is mine or now is self
            try:
                variable.reset(token)
            except Exception as fault:  # of another context: there nothing is to be put back
                faults.pass_on(fault)
            else:
                if (out_of_order or not in_order) and variable is CURRENT_CALL:
                    go_back(mine, variable.get(), in_order, set_call)
            self.token = None
        elif self.mine is not None and variable.get() is self.mine:
            variable.set(None)  # an exception arrived before the token was kept
        if attached is not None:
            in_order = get_current() is self.context
            try:
                detach(attached)
            except Exception as fault:
                faults.pass_on(fault)
            else:
                if out_of_order or not in_order:
                    go_back(self.context, before, in_order)
            self.attached = None
        elif before is not None and get_current() is self.context:
            attach(before)
        self.before = self.mine = None

    def drop(self) -> None:
        """Put it back where it still is current: nobody will `leave`, and others may have come and gone since."""
        token, self.token = self.token, None
        if token is not None and self.variable is not None and self.variable.get() is self.mine:
            old = token.old_value
            self.variable.set(None if old is Token.MISSING else old)
        before, self.before, self.attached = self.before, None, None
        if before is not None and get_current() is self.context:
            attach(before)


_NONE: Any = object()
"""The body has made none current."""


def _kept(now: Any, outside: Any, inside: Any, first: Any) -> tuple[Any, Any]:
    """Of what is current in a body that stops: what it finds when it goes on, and what was current outside when it first
    made that current. Where that is current again, nothing of the body's is."""
    if inside is _NONE:
        return now, outside
    return (_NONE, _NONE) if now is first else (now, first)


class Suspended:
    """What a body has made current, from when it is suspended to when it goes on: put aside whole, and whole again.

    Where a body has made nothing current, it finds what is current for whoever lets it go on. The two variables that are
    asked about at every step are written out: a loop over both costs a generator of one item 2 % more.
    """

    __slots__ = (
        "_beside",
        "_call",
        "_context",
        "_first_call",
        "_first_context",
        "_others",
        "_outside_call",
        "_outside_context",
        "_since",
        "_token_of_call",
        "_token_of_context",
        "busy_time",
        "resumed",
    )

    def __init__(self, current: Current | None = None, timed: bool = False) -> None:
        """Outside of the body, which will find `current`; `timed`, what it does is measured. Give both by position: a
        keyword costs a generator 1,000 instructions."""
        self.resumed = False
        """Whether the body is going on."""
        self._context = self._call = self._first_context = self._first_call = _NONE
        self._others: dict[Any, tuple[Any, Any]] | None = None
        self._beside: contextvars.Context | None = None
        """A copy of what was current outside, for the `others`."""
        self.busy_time: float | None = 0.0 if timed else None
        """Seconds in which the body has worked."""
        if current is not None:
            if current.context is not None:
                self._context = current.context
            if current.variable is CURRENT_CALL:
                self._call = current.mine
            elif current.variable is not None:
                self._others = {current.variable: (current.mine, _NONE)}

    def resume(self) -> None:
        """The body goes on, here and now."""
        self._outside_context, self._outside_call = get_current(), get_call()
        context, call = self._context, self._call
        self._token_of_context = self._token_of_call = None
        if others:
            self._beside = copy_context()
        if self.busy_time is not None:
            self._since = clock.perf_counter()
        self.resumed = True
        if context is not _NONE:
            self._token_of_context = replace(context)
        if call is not _NONE:
            self._token_of_call = set_call(call)
        if self._others:
            for variable, (inside, _) in self._others.items():
                variable.set(inside)

    def suspend_first(self, outside: Any, call: Any, beside: contextvars.Context | None) -> None:
        """The body has stopped, and hadn't made anything current before: outside of it are this context, this call and
        what this copy has for the `others`."""
        self._outside_context, self._outside_call, self._beside = outside, call, beside
        self._token_of_context = self._token_of_call = None
        self.resumed = True
        self.suspend()

    def suspend(self) -> None:
        """The body has stopped: what was current when it went on is current again. A second time does nothing."""
        if not self.resumed:
            return
        if self.busy_time is not None:
            self.busy_time += clock.perf_counter() - self._since
        token = self._token_of_call
        if (
            token is not None and get_call() is self._call and get_current() is self._context
        ):  # what it found, and no more
            try:
                restore(self._token_of_context)
                reset_call(token)
            except Exception as fault:  # of another context: there nothing is to be put back
                faults.pass_on(fault)
        else:
            self._put_aside()
        if others:
            if self._others or self._beside is None or others_changed(self._beside):
                self._put_aside_others()
            self._beside = None
        self.resumed = False

    def _put_aside(self) -> None:
        now, outside, token = get_current(), self._outside_context, self._token_of_context
        if now is outside:
            self._context = _NONE
        else:
            if now is not self._context:
                self._context, self._first_context = _kept(now, outside, self._context, self._first_context)
            put_back(replace, outside) if token is None else put_back(restore, token)
        now, outside, token = get_call(), self._outside_call, self._token_of_call
        if now is outside:
            self._call = _NONE
        else:
            if now is not self._call:
                self._call, self._first_call = _kept(now, outside, self._call, self._first_call)
            put_back(set_call, outside) if token is None else put_back(reset_call, token)

    def _put_aside_others(self) -> None:
        aside, beside = self._others or {}, self._beside
        for variable in others:
            now = variable.get()
            outside = None if beside is None else beside.get(variable)  # None: first set within the body
            inside, first = aside.pop(variable, (_NONE, _NONE))
            if now is outside:
                continue
            kept = (inside, first) if now is inside else _kept(now, outside, inside, first)
            if kept[0] is not _NONE:
                aside[variable] = kept
            variable.set(outside)
        self._others = aside
