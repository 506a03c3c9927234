"""Requests: HTTP headers of clients and servers, ASGI, WSGI, and gRPC's metadata.

HTTP lets a header stand several times, and every name in any case.
"""

from collections.abc import Callable, Iterable
from typing import Any

from telemetry_kit.carriers._base import Carrier, Fields, Names, Pairs, is_pairs, pairs_pick, text, texts

_GETTERS = ("getall", "getlist", "get_list", "get_all")
"""How multi-value headers hand out all values: aiohttp and multidict; Starlette, Werkzeug, urllib3; httpx and Tornado;
the standard library's messages and grpc.aio."""

_readers: dict[type, Callable[[Any, str], Iterable[object]] | None] = {dict: None}


def _reader(kind: type) -> Callable[[Any, str], Iterable[object]] | None:
    for name in _GETTERS:
        method = getattr(kind, name, None)
        if method is not None:
            # multidict alone raises where there is nothing, and alone takes a default there
            return (lambda data, field: data.getall(field, ())) if name == "getall" else method
    return None


class HttpHeaders(Fields):
    """The headers of an HTTP request: a mapping, a list of pairs, or the headers object of a client or server.

    Known by what they can do: httpx, requests, aiohttp, Starlette, Werkzeug, Django, urllib3, Tornado, `http.client`.

    >>> HttpHeaders({"TraceParent": "00-...", "accept": "*/*"}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    def pick(self, names: Names) -> dict[str, list[str]]:
        data = self.data
        kind = type(data)
        try:
            reader = _readers[kind]
        except KeyError:
            reader = _readers[kind] = _reader(kind)
        if reader is not None:
            return {field: values for field in names.fields if (values := texts(list(reader(data, field) or ())))}
        if is_pairs(data):
            return pairs_pick(data, names)
        return super().pick(names)

    def drop(self, names: Names) -> None:
        if is_pairs(self.data):
            return Pairs.drop(self, names)  # type: ignore[arg-type]
        found = {name: None for name in self._names() if names.field(name) is not None}
        for name in found:
            self._delete(name)
        return None

    def _replace(self, kept: list[Any]) -> None:
        Pairs._replace(self, kept)  # type: ignore[arg-type]

    def _add(self, field: str, value: str) -> None:
        if is_pairs(self.data):
            pair = (field.encode(), value.encode("latin-1")) if _has_bytes(self.data) else (field, value)
            self.data = [*self.data, pair] if isinstance(self.data, list) else (*self.data, pair)
        else:
            super()._add(field, value)

    def _names(self) -> Iterable[object]:
        if is_pairs(self.data):
            return [pair[0] for pair in self.data]
        return list(self.data.keys()) if hasattr(self.data, "keys") else list(self.data)
