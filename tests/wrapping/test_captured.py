"""What becomes of captured values: secrets in every shape in which APIs give them, and nothing of the host's code run."""

import collections
import dataclasses
import datetime as dt
import enum
import pathlib
import uuid
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlparse, urlsplit

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._wrapping import captured
from telemetry_kit.testing import Captured

SECRET = "wrongdoer"


def text_of(value: Any) -> str:
    """What becomes of it under `"*"`."""
    return str(captured.attribute(value, True))


Header = collections.namedtuple("Header", "name value")


class Field(enum.Enum):
    PASSWORD = 1


@dataclasses.dataclass
class Login:
    user: str
    password: str


@pytest.mark.parametrize(
    "value",
    [
        ["password", SECRET],
        ("password", SECRET),
        [["password", SECRET], ["user", "ann"]],
        [("Authorization", SECRET)],
        {"form": [["password", SECRET]]},
        {"headers": [(b"authorization", SECRET)]},
        [{"name": "password", "value": SECRET}],
        [{"Key": "Authorization", "Value": SECRET}],
        [{"key": "api_key", "value": [SECRET]}],
        {"environment": [{"name": "DB_PASSWORD", "value": SECRET}]},
        {"login": {"password": SECRET}},
        {"PASSWORD": {"old": SECRET}},
        {b"cookie": SECRET},
        Login("ann", SECRET),
        [Login("ann", SECRET)],
        {"login": Login("ann", SECRET)},
        Header("password", SECRET),
        urlparse(f"postgres://shop:{SECRET}@db/orders"),
        urlsplit(f"https://api.corp/v1?page=2&token={SECRET}"),
        {"url": urlparse(f"https://ann:{SECRET}@api.corp/v1")},
        f"password={SECRET}",
        [f"password={SECRET}", "user=ann"],
        {"note": f"the password is '{SECRET}'"},
        {"ParameterKey": "DBPassword", "ParameterValue": SECRET},
        {"header_name": "Authorization", "header_value": SECRET},
        {"type": "password", "value": SECRET},
        {**dict.fromkeys("abcdefghijkl", 1), "name": "password", "value": SECRET},
        {"fields": ["user", "password"], "values": ["ann", SECRET]},
        {"columns": ("id", "password"), "rows": [[1, SECRET]]},
        {("auth", "password"): SECRET},
        {Field.PASSWORD: SECRET},
        {"name": Field.PASSWORD, "value": SECRET},
        {"x" * 150 + "_password": SECRET},
        ("password", "=", SECRET),
        collections.OrderedDict(token=SECRET),
        collections.defaultdict(str, secret=SECRET),
    ],
    ids=str,
)  # fmt: skip
def test_a_secret_is_known_by_the_name_beside_it(value: Any) -> None:
    """SEC 4: Pairs in lists and tuples, names beside values, mappings, dataclasses and URLs taken apart hide what is named."""
    assert SECRET not in text_of(value)
    assert "[REDACTED]" in text_of(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([["user", "ann"], ["sku", "A1"]], '[["user", "ann"], ["sku", "A1"]]'),
        ({"name": "ann", "value": 7}, '{"name": "ann", "value": 7}'),
        ({"max_tokens": 4096, "token_count": 12}, '{"max_tokens": 4096, "token_count": 12}'),
        (("a", "b"), "['a', 'b']"),
        (["id", "password", "email"], "['id', 'password', 'email']"),
        ([["user", "token_type", "Bearer"], 1], '[["user", "token_type", "Bearer"], 1]'),
        ({"column": "user", "rows": [["ann"]]}, '{"column": "user", "rows": [["ann"]]}'),
        ({"n": [1, 2.5, None, True]}, '{"n": [1, 2.5, null, true]}'),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_secret_stays(value: Any, text: str) -> None:
    """Names that only look alike, and pairs of anything else, come out as they are."""
    assert text_of(value) == text


class Ran:
    """The host's code that ran."""

    code: ClassVar[list[str]] = []


class Lazy:
    """A descriptor that would query a database."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        Ran.code.append(self.name)
        return "loaded"

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.name] = value


@dataclasses.dataclass
class User:
    """As an ORM maps one: what is loaded stands in the instance, and the class has descriptors."""

    name: str
    orders: list[str] = dataclasses.field(default_factory=list)

    def __getattribute__(self, name: str) -> Any:
        if name != "__dict__":
            Ran.code.append(name)
        return object.__getattribute__(self, name)


User.orders = Lazy()  # type: ignore[assignment]
User.orders.__set_name__(User, "orders")  # type: ignore[attr-defined]


class Proxy:
    """Wakes when its class is asked for, as those of Django, werkzeug and lazy imports do."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        Ran.code.append("__class__")
        return dict

    def __getattr__(self, name: str) -> Any:
        Ran.code.append(name)
        raise AttributeError(name)

    def __iter__(self) -> Iterator[Any]:
        Ran.code.append("__iter__")
        return iter(())

    def __len__(self) -> int:
        Ran.code.append("__len__")
        return 0

    def __repr__(self) -> str:
        Ran.code.append("__repr__")
        return ""


class Rows(Mapping[str, Any]):
    """A mapping that fetches its items."""

    def __getitem__(self, key: str) -> Any:
        Ran.code.append("__getitem__")
        return key

    def __iter__(self) -> Iterator[str]:
        Ran.code.append("__iter__")
        return iter(("a",))

    def __len__(self) -> int:
        Ran.code.append("__len__")
        return 1


def overridden(base: type) -> type:
    """A subclass of a built-in type all of whose methods are the host's."""

    def method(name: str) -> Any:
        def run(self: Any, *args: Any) -> Any:
            Ran.code.append(f"{base.__name__}.{name}")
            return getattr(base, name)(self, *args)

        return run

    names = (
        "__iter__",
        "__len__",
        "__getitem__",
        "__repr__",
        "__str__",
        "__eq__",
        "__hash__",
        "__bool__",
        "items",
        "keys",
    )
    return type(f"Own{base.__name__}", (base,), {name: method(name) for name in names if hasattr(base, name)})


class Identity(uuid.UUID):
    """Whose number is fetched."""

    int = Lazy()  # type: ignore[assignment]


class Folder(type(pathlib.Path())):  # type: ignore[misc]
    """Whose text is the host's."""

    def __str__(self) -> str:
        Ran.code.append("__str__")
        return "a"


class Zone(dt.tzinfo):
    """Which looks its offset up."""

    def utcoffset(self, moment: Any) -> dt.timedelta:
        Ran.code.append("utcoffset")
        return dt.timedelta(0)


class Level(enum.Enum):
    """Whose attributes are watched."""

    HIGH = 1.5

    def __getattribute__(self, name: str) -> Any:
        Ran.code.append(name)
        return object.__getattribute__(self, name)


class Own(collections.UserString):
    """Whose text is fetched."""

    data = Lazy()  # type: ignore[assignment]


class Slots:
    __slots__ = ("password", "user")
    __dataclass_fields__: ClassVar[Any] = dataclasses.make_dataclass("Slots", ["user", "password"]).__dataclass_fields__


def loaded() -> User:
    user = User.__new__(User)
    object.__getattribute__(user, "__dict__")["name"] = "ann"
    return user


def with_slots() -> Slots:
    slots = Slots()
    slots.user = "ann"
    return slots


Hidden: Any = type("Hidden", (User,), {"__dict__": property(lambda self: Ran.code.append("__dict__"))})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (loaded(), '{"name": "ann"}'),
        (with_slots(), '{"user": "ann"}'),
        (Proxy(), f"<{__name__}.Proxy>"),
        (Rows(), f"<{__name__}.Rows>"),
        (overridden(dict)({"a": 1}), '{"a": 1}'),
        (overridden(list)([1, "a"]), '[1, "a"]'),
        (overridden(tuple)((1, "a")), '[1, "a"]'),
        (overridden(set)({1}), "[1]"),
        (overridden(frozenset)({"a"}), '["a"]'),
        (overridden(str)("a"), "a"),
        (overridden(bytes)(b"a"), ""),
        (overridden(bytearray)(b"a"), ""),
        (overridden(int)(7), "7"),
        (overridden(float)(7.5), "7.5"),
        (overridden(collections.OrderedDict)(a=1), '{"a": 1}'),
        (type("Descriptor", (), {"__dataclass_fields__": Lazy()})(), f"<{__name__}.Descriptor>"),
        (Hidden.__new__(Hidden), "{}"),
        (Identity.__new__(Identity), f"<{__name__}.Identity>"),
        (Folder("a"), f"<{__name__}.Folder>"),
        (dt.datetime(2026, 11, 30, tzinfo=Zone()), "<datetime.datetime>"),
        (dt.time(12, tzinfo=Zone()), "<datetime.time>"),
        (Own.__new__(Own), f"<{__name__}.Own>"),
        (Level.HIGH, "HIGH"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
@pytest.mark.parametrize(
    "wrap",
    [lambda value: value, lambda value: [value, 1], lambda value: {"inner": value}],
    ids=["bare", "list", "dict"],
)
def test_nothing_of_the_hosts_code_runs(value: Any, text: str, wrap: Any) -> None:
    """SEC 4: No descriptor, no lazy attribute, no proxy's class, no override of a built-in's method, no foreign mapping."""
    Ran.code.clear()
    for everything in (True, False):
        found = str(captured.attribute(wrap(value), everything))
        assert text in found or f'"{text}"' in found
    assert Ran.code == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (pathlib.PurePosixPath("/srv"), "/srv"),
        (dt.datetime(2026, 11, 30, tzinfo=dt.timezone.utc), "2026-11-30T00:00:00+00:00"),
        (dt.datetime(2026, 11, 30, tzinfo=zoneinfo.ZoneInfo("UTC")), "2026-11-30T00:00:00+00:00"),
        (dt.timedelta(seconds=90), "90.0"),
    ],
    ids=str,
)  # fmt: skip
def test_what_the_standard_library_tells(value: Any, text: str) -> None:
    """Its own dates, paths and identifiers have their text."""
    assert text_of(value) == text


def test_what_is_in_a_secret_is_not_looked_at() -> None:
    """A value of a secret's name isn't even walked."""
    Ran.code.clear()

    assert text_of({"password": Rows(), "tokens": [Proxy()]}) == '{"password": "[REDACTED]", "tokens": "[REDACTED]"}'
    assert Ran.code == []


class Watched(type):
    """A metaclass whose comparisons say yes, and all of whose attributes are the host's code."""

    asked: ClassVar[list[str]] = []

    def __getattribute__(cls, name: str) -> Any:
        Watched.asked.append(name)
        return type.__getattribute__(cls, name)

    def __eq__(cls, other: object) -> bool:
        Watched.asked.append("==")
        return True

    def __hash__(cls) -> int:
        Watched.asked.append("hash")
        return 1


class OfWatched(metaclass=Watched):
    """An object whose class compares equal to every class."""


class Mapped(dict[str, int], metaclass=Watched):
    """A dict of such a class."""


def test_a_metaclass_is_not_asked(telemetry: Telemetry, captured: Captured) -> None:
    """SEC 4: Classes are told apart by identity and named by what they are: of a metaclass neither `==` nor an attribute runs,
    be it an object's or a dict's."""

    @telemetry.operation("take", arguments="*")
    def take(value: object) -> None: ...

    values = [OfWatched(), [OfWatched()], [Mapped(a=1), 1]]
    Watched.asked.clear()
    for value in values:
        take(value)

    assert Watched.asked == []
    assert "OfWatched>" in str(captured.spans[0].attributes)


@pytest.mark.parametrize("nested", [False, True])
def test_what_an_option_of_a_command_is_given(telemetry: Telemetry, captured: Captured, nested: bool) -> None:
    """SEC 4: `["--password", "..."]` isn't kept, the other options and their values are."""

    @telemetry.operation("run", arguments="*")
    def run(command: object) -> None: ...

    command = ["mysql", "--user", "ann", "--password", "Hunter-22", "--token", "--verbose", "--key-file", "a.pem"]
    run([command, 1] if nested else command)
    kept = captured.span("run").attributes["command"]

    assert "Hunter-22" not in str(kept)
    assert all(word in str(kept) for word in ("ann", "--password", "--verbose", "a.pem"))


@pytest.mark.parametrize("pair", [("label", "value"), ("field", "value"), ("k", "v"), ("name", "default")])
def test_a_name_beside_its_value(telemetry: Telemetry, captured: Captured, pair: tuple[str, str]) -> None:
    """SEC 4: APIs give a secret's name and its value under keys of many names."""

    @telemetry.operation("take", arguments="*")
    def take(value: object) -> None: ...

    take({pair[0]: "password", pair[1]: "Hunter-22"})

    assert "Hunter-22" not in str(captured.spans[0].attributes)
