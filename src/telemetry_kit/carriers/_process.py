"""Processes: environment variables, by OpenTelemetry's convention for carrying context in them."""

import functools
import os
import re
from collections.abc import Iterable
from typing import Any

from telemetry_kit.carriers._base import Fields, Names, texts


@functools.lru_cache(maxsize=256)
def variable(field: str) -> str:
    """The name of the variable: upper case, and `_` for what no variable's name may have.

    >>> variable("x-b3-traceid")
    'X_B3_TRACEID'
    """
    return re.sub(r"[^A-Z0-9_]", "_", field.upper())


class Environ(Fields):
    """Environment variables: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE`, in upper case only.

    Nothing given, it is a copy of this process's; `child_environment` makes one for a child.

    >>> Environ({"TRACEPARENT": "00-...", "traceparent": "not this"}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    data: Any

    def __init__(self, data: Any = None) -> None:
        self.data = dict(os.environ) if data is None else data

    def pick(self, names: Names) -> dict[str, list[str]]:
        data = self.data
        read = {field: data.get(variable(field)) for field in names.fields}
        return {field: texts(value) for field, value in read.items() if value is not None}

    def drop(self, names: Names) -> None:
        for field in names.fields:
            self.data.pop(variable(field), None)

    def _add(self, field: str, value: str) -> None:
        self.data[variable(field)] = value

    def _names(self) -> Iterable[Any]:
        return list(self.data)
