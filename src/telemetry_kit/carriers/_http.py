"""Requests: HTTP headers of clients and servers, ASGI, WSGI, and gRPC's metadata.

HTTP lets a header stand several times, and every name in any case.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from telemetry_kit.carriers._base import (
    Carrier,
    Fields,
    Names,
    pairs_add,
    pairs_drop,
    pairs_names,
    pairs_pick,
    texts,
)

Reader = Callable[[Any, str], Iterable[object] | None]

GETTERS = ("getall", "getlist", "get_list", "get_all")
"""How multi-value headers hand out all values: aiohttp and multidict; Starlette, Werkzeug, urllib3; httpx and Tornado;
the standard library's messages."""

_readers: dict[type, Reader | None] = {dict: None}


def _reader(kind: type) -> Reader | None:
    for name in GETTERS:
        method: Reader | None = getattr(kind, name, None)
        if method is not None:
            # multidict raises where there is nothing, unless it is given what to say
            return (lambda data, field: data.getall(field, ())) if name == "getall" else method
    return None


class HttpHeaders(Fields):
    """The headers of an HTTP request: a mapping, a list of pairs, or the headers object of a client or server.

    Known by what they can do: httpx, requests, aiohttp, Starlette, Werkzeug, Django, urllib3, Tornado, `http.client`.
    A field that stands several times has several values.

    >>> HttpHeaders({"TraceParent": "00-...", "accept": "*/*"}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    data: Any

    def pick(self, names: Names) -> dict[str, list[str]]:
        data = self.data
        kind = type(data)
        try:
            reader = _readers[kind]
        except KeyError:
            reader = _readers[kind] = _reader(kind)
        if reader is not None:
            read = {field: reader(data, field) for field in names.fields}
            return {field: texts(list(values)) for field, values in read.items() if values}
        if isinstance(data, (list, tuple)):
            return pairs_pick(data, names)
        return super().pick(names)

    def drop(self, names: Names) -> None:
        if isinstance(self.data, (list, tuple)):
            self.data = pairs_drop(self.data, names)
        else:
            super().drop(names)

    def _add(self, field: str, value: str) -> None:
        if not isinstance(self.data, (list, tuple)):
            super()._add(field, value)
        elif any(isinstance(name, bytes) for name in pairs_names(self.data)):
            self.data = pairs_add(self.data, field.encode(), value.encode())
        else:
            self.data = pairs_add(self.data, field, value)

    def _names(self) -> Iterable[Any]:
        if isinstance(self.data, (list, tuple)):
            return pairs_names(self.data)
        # Werkzeug's headers iterate over pairs
        return list(self.data.keys()) if hasattr(self.data, "keys") else list(self.data)


class AsgiHeaders(Carrier):
    """ASGI's list of (name, value) byte pairs, or the scope (or message) that has it under `"headers"`.

    >>> AsgiHeaders({"type": "http", "headers": [(b"baggage", b"a=1"), (b"baggage", b"b=2")]}).get("baggage")
    ['a=1', 'b=2']
    """

    __slots__ = ()

    data: Any

    def __init__(self, data: Any = None) -> None:
        self.data = [] if data is None else data

    def _headers(self) -> Any:
        data = self.data
        if data.__class__ is list:
            return data
        return (data.get("headers") or ()) if isinstance(data, Mapping) else data

    def pick(self, names: Names) -> dict[str, list[str]]:
        data = self.data
        headers = data["headers"] if data.__class__ is dict and "headers" in data else self._headers()
        foreign = names.foreign_bytes
        try:
            for name, _ in headers:
                if name not in foreign and names.field(name) is not None:
                    break
            else:
                return {}
        except (TypeError, ValueError):  # one of them isn't a pair
            pass
        return pairs_pick(headers, names)

    def drop(self, names: Names) -> None:
        self._keep(pairs_drop(self._headers(), names))

    def _add(self, field: str, value: str) -> None:
        self._keep(pairs_add(self._headers(), field.encode(), value.encode()))

    def _keep(self, headers: Any) -> None:
        if not isinstance(self.data, Mapping):
            self.data = headers
        elif self.data.get("headers") is not headers:
            self.data["headers"] = list(headers)  # type: ignore[index]

    def _names(self) -> Iterable[Any]:
        return pairs_names(self._headers())


@functools.lru_cache(maxsize=256)
def _variable(field: str) -> str:
    return "HTTP_" + field.upper().replace("-", "_")


class WsgiEnviron(Fields):
    """A WSGI environment, in which a header is `HTTP_` and its name; the server has joined what stood several times.

    >>> WsgiEnviron({"HTTP_TRACEPARENT": "00-..."}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    def pick(self, names: Names) -> dict[str, list[str]]:
        data = self.data
        read = {field: data.get(_variable(field)) for field in names.fields}
        return {field: texts(value) for field, value in read.items() if value is not None}

    def drop(self, names: Names) -> None:
        for field in names.fields:
            self.data.pop(_variable(field), None)

    def _add(self, field: str, value: str) -> None:
        self.data[_variable(field)] = value

    def _names(self) -> Iterable[Any]:
        headers = [name for name in self.data if isinstance(name, str) and name.startswith("HTTP_")]
        return [name[5:].replace("_", "-").lower() for name in headers]


class GrpcMetadata(Carrier):
    """gRPC metadata: a list or tuple of (key, value), or `grpc.aio.Metadata`. A key may stand several times.

    >>> GrpcMetadata((("traceparent", "00-..."),)).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    data: Any

    def __init__(self, data: Any = None) -> None:
        self.data = [] if data is None else data

    def pick(self, names: Names) -> dict[str, list[str]]:
        return pairs_pick(self.data, names)

    def drop(self, names: Names) -> None:
        if hasattr(self.data, "delete_all"):
            for key in {key for key in self._names() if names.field(key) is not None}:
                self.data.delete_all(key)
        else:
            self.data = pairs_drop(self.data, names)

    def _add(self, field: str, value: str) -> None:
        if hasattr(self.data, "delete_all"):
            self.data.add(field, value)
        else:
            self.data = pairs_add(self.data, field, value)

    def _names(self) -> Iterable[Any]:
        return pairs_names(self.data)
