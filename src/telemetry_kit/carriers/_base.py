"""What all carriers have in common: reading any spelling of a name, replacing on writing, and headers as a mapping."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from telemetry_kit.carriers._budget import PARENT, budgeted

MAX_FOREIGN = 1024
"""Names of other headers that are remembered; a client that sends a new name each time costs a look at each."""
MAX_FOREIGN_LENGTH = 64


class Names:
    """The fields that are looked for, and the names known not to be one of them.

    Services see the same few header names again and again: remembering them makes a look through a request's headers
    a handful of set lookups, although every name may come in any case.

    >>> names = Names(["traceparent", "baggage"])
    """

    __slots__ = ("fields", "foreign", "foreign_bytes")

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields: dict[str, None] = dict.fromkeys(field.lower() for field in fields)
        self.foreign: set[str] = set()
        self.foreign_bytes: set[bytes] = set()

    def field(self, name: object) -> str | None:
        """The field that `name` spells, None where it spells none.

        >>> names.field("TraceParent"), names.field(b"baggage"), names.field("accept")
        ('traceparent', 'baggage', None)
        """
        if isinstance(name, str):
            lower = name.lower()
            if lower in self.fields:
                return lower
            if name.__class__ is str and len(name) <= MAX_FOREIGN_LENGTH and len(self.foreign) < MAX_FOREIGN:
                self.foreign.add(name)
        elif isinstance(name, bytes):
            lower = name.decode("latin-1").lower()
            if lower in self.fields:
                return lower
            if len(name) <= MAX_FOREIGN_LENGTH and len(self.foreign_bytes) < MAX_FOREIGN:
                self.foreign_bytes.add(name)
        return None


class Carrier:
    """The headers of one message or request, as `field -> list of texts` on reading and `field -> text` on writing.

    >>> from telemetry_kit.carriers import KafkaHeaders
    >>> carrier = KafkaHeaders([("TraceParent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")])
    >>> carrier.get("traceparent")
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01']
    >>> carrier.set("baggage", "user=alice")
    >>> carrier.data[1]
    ('baggage', b'user=alice')
    """

    __slots__ = ("data",)

    data: Any

    max_value: ClassVar[int | None] = None
    """Characters that the transport allows in a value."""
    max_together: ClassVar[int | None] = None
    """Bytes that all fields together may add, names and what the transport adds to each included."""

    max_attributes: ClassVar[int | None] = None
    """How many fields the transport allows, the host's own included."""
    max_fields: ClassVar[int | None] = None
    """How many fields may be added at once, where the transport allows many but not any number."""

    def get(self, field: str, default: list[str] | None = None) -> list[str]:
        """All values of `field`, in their order; `default`, or an empty list, where there is none.

        >>> carrier.get("BAGGAGE")
        ['user=alice']
        """
        return self.pick(Names([field])).get(field.lower()) or default or []

    def set(self, field: str, value: str) -> None:
        """Make `value` the only value of `field`. What the transport has no room for is left out.

        >>> carrier.set("baggage", "user=bob")
        """
        self.remove(field)
        self.put(field, value)

    def remove(self, field: str) -> None:
        """Take `field` out, in every spelling.

        >>> carrier.remove("traceparent")
        """
        self.drop(Names([field]))

    def keys(self) -> list[str]:
        """The names as they stand in the data.

        >>> carrier.keys()
        ['baggage']
        """
        return [text(name) for name in self._names() if isinstance(name, (str, bytes))]

    def pick(self, names: Names) -> dict[str, list[str]]:
        """The values of all fields among `names` that are there, in one look.

        >>> carrier.pick(Names(["traceparent", "baggage"]))
        {'baggage': ['user=bob']}
        """
        raise NotImplementedError

    def drop(self, names: Names) -> None:
        """Take out all fields among `names`, in one look.

        >>> carrier.drop(Names(["traceparent", "baggage"]))
        """
        raise NotImplementedError

    def put(self, field: str, value: str) -> None:
        """Write a field that isn't there (any more); `set` is this after `remove`.

        >>> carrier.put("baggage", "user=carol")
        """
        self.write({field: value})

    def write(self, fields: Mapping[str, str]) -> None:
        """Write fields that aren't there (any more), as far as the transport bears them.

        >>> carrier.write({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        """
        fitting = fields
        if not self._fits(fields):
            room = self.max_fields if self.max_attributes is None else self.max_attributes - len(self.keys())
            fitting = budgeted(fields, self.max_value, self.max_together, room)
        self._add({field.lower(): value for field, value in fitting.items() if value})

    def _fits(self, fields: Mapping[str, str]) -> bool:
        """Whether they can be written as they are: short enough, and in the order in which some are left out."""
        limited = self.max_together is not None or self.max_attributes is not None
        if limited or next(iter(fields), PARENT) != PARENT:
            return False
        longest, most = self.max_value, self.max_fields
        if most is not None and len(fields) > most:
            return False
        return longest is None or all(len(value) <= longest for value in fields.values())

    def _add(self, fields: Mapping[str, str]) -> None:
        raise NotImplementedError

    def _names(self) -> Iterable[Any]:
        raise NotImplementedError

    def __getitem__(self, field: str) -> list[str]:
        values = self.get(field)
        if not values:
            raise KeyError(field)
        return values

    def __setitem__(self, field: str, value: str) -> None:
        self.set(field, value)

    def __delitem__(self, field: str) -> None:
        self.remove(field)

    def __contains__(self, field: object) -> bool:
        return isinstance(field, str) and bool(self.get(field))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.keys()})"


TEXTS = (str, bytes, bytearray, memoryview)
"""What a value may be given as, and headers never: each letter of one would be looked at as a field."""


def is_mapping(data: object) -> bool:
    """Whether these headers are a mapping. `Mapping` would ask for the hash of their class."""
    return hasattr(type(data), "keys")


def text(value: str | bytes | bytearray | memoryview) -> str:
    """The text of a header value. Bytes that aren't UTF-8 are taken as Latin-1, which is never wrong about ASCII."""
    if isinstance(value, str):
        return value
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return str(value, "latin-1")


def texts(value: object) -> list[str]:
    """The texts in a value: one, several, or none where it is of a type that no header has."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return [text(value)]
    if isinstance(value, (list, tuple)):
        return [text(one) for one in value if isinstance(one, TEXTS)]
    return []


class Fields(Carrier):
    """Headers as a mapping of name to value. Where it can't be changed in place, `.data` becomes a new dict."""

    __slots__ = ()

    _empty: ClassVar[type[dict[Any, Any] | list[Any]]] = dict
    """What there is where nothing was given."""

    def __init__(self, data: Any = None) -> None:
        self.data: Any = self._empty() if data is None else data

    def pick(self, names: Names) -> dict[str, list[str]]:
        data = self.data
        foreign = names.foreign
        found: dict[str, list[str]] = {}
        for name in data if data.__class__ is dict else self._names():
            if name.__class__ is str and name in foreign:
                continue
            field = names.field(name)
            if field is not None:
                found.setdefault(field, []).extend(self._read(data[name]))
        return found

    def drop(self, names: Names) -> None:
        for name in [name for name in self._names() if names.field(name) is not None]:
            gone = True
            try:
                del self.data[name]
            except KeyError:  # a name that stood twice, or one of a mapping behind this one
                gone = name not in self.data
            except (TypeError, AttributeError, NotImplementedError):
                gone = False
            if not gone:
                self.data = self._copy(names)
                return

    def _add(self, fields: Mapping[str, str]) -> None:
        for field, value in fields.items():
            try:
                self.data[field] = self._write(value)
            except (TypeError, AttributeError, NotImplementedError):
                self.data = {**self._copy(Names([field])), field: self._write(value)}

    def _copy(self, without: Names) -> dict[Any, Any]:
        return {name: self.data[name] for name in self._names() if without.field(name) is None}

    def _read(self, value: object) -> list[str]:
        return texts(value)

    def _write(self, value: str) -> Any:
        return value

    def _names(self) -> Iterable[Any]:
        return () if isinstance(self.data, TEXTS) else list(self.data)


class Variables(Fields):
    """A mapping in which each field stands under one name, which `_variable` makes of it, and under no other."""

    __slots__ = ()

    @staticmethod
    def _variable(field: str, /) -> str:
        raise NotImplementedError

    def pick(self, names: Names) -> dict[str, list[str]]:
        data, variable = self.data, self._variable
        read = {field: data.get(variable(field)) for field in names.fields}
        return {field: texts(value) for field, value in read.items() if value is not None}

    def drop(self, names: Names) -> None:
        for field in names.fields:
            self.data.pop(self._variable(field), None)

    def _add(self, fields: Mapping[str, str]) -> None:
        self.data.update({self._variable(field): value for field, value in fields.items()})
