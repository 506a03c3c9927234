"""OpenTelemetry's current context, put and put back without a word.

`opentelemetry.context.detach` logs an error with a stack when the context to leave isn't the one that was entered,
which is nobody's mistake where a generator or a coroutine is closed somewhere else: there nothing is to be put back.
"""

from contextvars import ContextVar
from typing import Any

import opentelemetry.context
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

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
