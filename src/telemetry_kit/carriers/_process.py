"""Processes: environment variables, by OpenTelemetry's convention for carrying context in them."""

import functools
import os
import re
from typing import Any

from telemetry_kit.carriers._base import Variables


@functools.lru_cache(maxsize=256)
def variable(field: str) -> str:
    """The name of the variable: upper case, and `_` for what no variable's name may have.

    >>> variable("x-b3-traceid")
    'X_B3_TRACEID'
    """
    return re.sub(r"[^A-Z0-9_]", "_", field.upper())


class Environ(Variables):
    """Environment variables: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE`, in upper case only.

    Nothing given, it is a copy of this process's; `child_environment` makes one for a child.

    >>> Environ({"TRACEPARENT": "00-...", "traceparent": "not this"}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    _variable = staticmethod(variable)

    def __init__(self, data: Any = None) -> None:
        self.data: Any = dict(os.environ) if data is None else data
