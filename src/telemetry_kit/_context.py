"""OpenTelemetry's current context, put and put back without a word.

`opentelemetry.context.detach` logs an error with a stack when the context to leave isn't the one that was entered,
which is nobody's mistake where a generator or a coroutine is closed somewhere else: there nothing is to be put back.
"""

from typing import Any

import opentelemetry.context
from opentelemetry.context import Context

get_current = opentelemetry.context.get_current
_runtime: Any = getattr(opentelemetry.context, "_RUNTIME_CONTEXT", None)


def _attach_and_remember(context: Context) -> Any:
    before = get_current()
    opentelemetry.context.attach(context)
    return (context, before)


def _put_back(token: Any) -> None:
    context, before = token
    if get_current() is context:
        opentelemetry.context.attach(before)


if _runtime is not None:
    attach = _runtime.attach
    """Make a context current; gives what `detach` takes."""
    detach = _runtime.detach
    """Put back what was current before; raises ValueError where that was in another `contextvars` context."""
else:  # an API without that name: the public way, which can only compare
    attach = _attach_and_remember
    detach = _put_back
