"""Requests: HTTP headers of clients and servers, ASGI, WSGI, and gRPC's metadata.

HTTP lets a header stand several times, and every name in any case.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from telemetry_kit.carriers._base import Fields, Names, Variables, is_mapping, texts
from telemetry_kit.carriers._budget import OVERHEAD, budgeted
from telemetry_kit.carriers._pairs import Pairs, picked

MAX_FIELD = 8_180
"""Characters of a value: aiohttp and gunicorn refuse a field from 8,191 on, others from about as much, name included."""
MAX_FIELDS = 32
"""Fields that are added: gunicorn, Apache and `http.client` refuse a hundred headers, and the caller and proxies have theirs."""
MAX_METADATA = 7_000
"""Bytes that are added to a call: gRPC's servers refuse by chance from 8,192 in all, and the call has its own."""
MAX_ALL_METADATA = 7_600
"""Of what is added and the caller's metadata together: the rest is for the path, the user agent and the like."""
PARENT_METADATA = 128
"""Bytes that a `traceparent` needs, which goes with every call."""

Reader = Callable[[Any, str], Iterable[object] | None]

GETTERS = ("getall", "getlist", "get_list", "get_all")
"""How multi-value headers hand out all values: aiohttp and multidict; Starlette, Werkzeug, urllib3; httpx and Tornado;
the standard library's messages."""
MAX_READERS = 256

_readers: dict[int, tuple[type, Reader | None]] = {}
"""By the address of a class, which may have no hash."""


def _reader_of(kind: type) -> Reader | None:
    """How headers of this class hand out all values of a name, None where they have no way of their own."""
    known = _readers.get(id(kind))
    if known is not None and known[0] is kind:
        return known[1]
    if len(_readers) >= MAX_READERS:
        _readers.clear()
    reader = _reader(kind)
    _readers[id(kind)] = kind, reader
    return reader


def _reader(kind: type) -> Reader | None:
    for name in GETTERS:
        method: Reader | None = getattr(kind, name, None)
        if method is not None:
            # multidict raises where there is nothing, unless it is given what to say
            return (lambda data, field: data.getall(field, ())) if name == "getall" else method
    return _pairs if any(base is Sequence for base in kind.__mro__) else None


def _pairs(data: Any, field: str) -> list[str]:
    """How a sequence of pairs that is no list, such as h11's headers, hands out all values of a name."""
    return picked(data, Names([field])).get(field.lower(), [])


def _odd(name: str) -> str:
    """`name` in a case in which nobody spells it."""
    return "".join([letter.upper() if place % 2 else letter.lower() for place, letter in enumerate(name)])


class HttpHeaders(Pairs):
    """The headers of an HTTP request: a mapping, a list of pairs, or the headers object of a client or server.

    Known by what they can do: httpx, requests, aiohttp, Starlette, Werkzeug, Django, urllib3, Tornado, `http.client`.
    A field that stands several times has several values.

    >>> HttpHeaders({"TraceParent": "00-...", "accept": "*/*"}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    max_value: ClassVar[int | None] = MAX_FIELD
    max_fields: ClassVar[int | None] = MAX_FIELDS

    _empty = dict

    def pick(self, names: Names) -> dict[str, list[str]]:
        data = self.data
        if data.__class__ is dict:
            return Fields.pick(self, names)
        if isinstance(data, (list, tuple)):
            return picked(data, names)
        reader = _reader_of(type(data))
        if reader is None or reader is _pairs:
            return super().pick(names)
        spellings: dict[str, dict[str, None]] = {}
        for name in self._names():
            if name.__class__ is str and name in names.foreign:
                continue
            field = names.field(name)
            if field is not None:
                spellings.setdefault(field, {})[name] = None
        return {field: _read_all(reader, data, field, list(spelled)) for field, spelled in spellings.items()}

    def _pairs(self) -> Any:
        data = self.data
        return data if isinstance(data, (list, tuple)) or _reader_of(type(data)) is _pairs else None

    def _names(self) -> Iterable[Any]:
        # Werkzeug's headers iterate over pairs
        return list(self.data.keys()) if self._pairs() is None and hasattr(self.data, "keys") else super()._names()

    def _written(self, fields: Mapping[str, str]) -> Iterable[tuple[Any, Any]]:
        in_bytes = any(isinstance(name, bytes) for name in self._names())
        return _as_bytes(fields) if in_bytes else fields.items()


def _read_all(reader: Reader, data: Any, field: str, spelled: list[str]) -> list[str]:
    """All values of a field that stands there in these spellings, which headers that mind case keep apart."""
    if len(spelled) > 1 and reader(data, _odd(field)):
        spelled = spelled[:1]
    return [value for name in spelled for value in texts(list(reader(data, name) or ()))]


def _as_bytes(fields: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(field.encode(), value.encode()) for field, value in fields.items()]


class AsgiHeaders(Pairs):
    """ASGI's list of (name, value) byte pairs, or the scope (or message) that has it under `"headers"`.

    >>> AsgiHeaders({"type": "http", "headers": [(b"baggage", b"a=1"), (b"baggage", b"b=2")]}).get("baggage")
    ['a=1', 'b=2']
    """

    __slots__ = ()

    max_value: ClassVar[int | None] = MAX_FIELD
    max_fields: ClassVar[int | None] = MAX_FIELDS

    def _pairs(self) -> Any:
        data = self.data
        if data.__class__ is list:
            return data
        return (data.get("headers") or ()) if is_mapping(data) else data

    def pick(self, names: Names) -> dict[str, list[str]]:
        data = self.data
        headers = data["headers"] if data.__class__ is dict and "headers" in data else self._pairs()
        foreign = names.foreign_bytes
        try:
            for name, _ in headers:
                if name not in foreign and names.field(name) is not None:
                    break
            else:
                return {}
        except (TypeError, ValueError):  # one of them isn't a pair
            pass
        return picked(headers, names)

    def _keep(self, pairs: Any) -> None:
        if not is_mapping(self.data):
            self.data = pairs
        elif self.data.get("headers") is not pairs:
            self.data["headers"] = list(pairs)

    def _written(self, fields: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        return _as_bytes(fields)


@functools.lru_cache(maxsize=256)
def _variable(field: str) -> str:
    return "HTTP_" + field.upper().replace("-", "_")


class WsgiEnviron(Variables):
    """A WSGI environment, in which a header is `HTTP_` and its name; the server has joined what stood several times.

    >>> WsgiEnviron({"HTTP_TRACEPARENT": "00-..."}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    max_value: ClassVar[int | None] = MAX_FIELD
    max_fields: ClassVar[int | None] = MAX_FIELDS

    _variable = staticmethod(_variable)

    def _names(self) -> Iterable[Any]:
        headers = [name for name in self.data if isinstance(name, str) and name.startswith("HTTP_")]
        return [name[5:].replace("_", "-").lower() for name in headers]


class GrpcMetadata(Pairs):
    """gRPC metadata: a list or tuple of (key, value), or `grpc.aio.Metadata`. A key may stand several times.

    What is added takes 7,000 bytes at most, by gRPC's own way of counting, less where the call has much metadata of its
    own: `traceparent`, 512 characters of `tracestate`, then what else fits.

    >>> GrpcMetadata((("traceparent", "00-..."),)).get("traceparent")
    ['00-...']
    """

    __slots__ = ("_added",)

    max_together: ClassVar[int | None] = MAX_METADATA

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self._added: dict[str, str] = {}

    def drop(self, names: Names) -> None:
        for field in names.fields:
            self._added.pop(field, None)
        if hasattr(self.data, "delete_all"):
            for key in {key for key in self._names() if names.field(key) is not None}:
                self.data.delete_all(key)
        else:
            super().drop(names)

    def write(self, fields: Mapping[str, str]) -> None:
        """The same, in what the call's own metadata and the fields that were written before have left.

        >>> GrpcMetadata([("user-agent", "shop")]).write({"baggage": "user=carol"})
        """
        added = sum(_size(pair) for pair in self._added.items())
        theirs = sum(_size(pair) for pair in self.data) - added
        room = max(min(MAX_METADATA, MAX_ALL_METADATA - theirs), PARENT_METADATA) - added
        fitting = budgeted(fields, None, room)
        self._added.update(fitting)
        if hasattr(self.data, "delete_all"):
            for field, value in fitting.items():
                self.data.add(field, value)
        else:
            self._add(fitting)


def _size(pair: Any) -> int:
    """What gRPC counts for a key and its value; nothing for what is no such pair."""
    try:
        return len(pair[0]) + len(pair[1]) + OVERHEAD
    except Exception:
        return 0
