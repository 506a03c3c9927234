"""OpenTelemetry's current context, put and put back without a word.

`opentelemetry.context.detach` logs an error with a stack when the context to leave isn't the one that was entered,
which is nobody's mistake where a generator or a coroutine is closed somewhere else: there nothing is to be put back.
"""

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


if _runtime is not None:
    attach = _runtime.attach
    """Make a context current; gives what `detach` takes."""
    detach = _runtime.detach
    """Put back what was current before; raises ValueError where that was in another `contextvars` context."""
    get_current = _runtime.get_current
else:  # an API without that name: the public way, which can only compare
    attach = _attach_and_remember
    detach = _put_back
    get_current = opentelemetry.context.get_current
