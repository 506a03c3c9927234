"""A call's arguments as span attributes: which, of what type and size, and what is redacted."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import pathlib
import time
import types
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._core import faults
from telemetry_kit._wrapping import captured
from telemetry_kit._wrapping.arguments import compile_arguments
from telemetry_kit.testing import Captured
from tests.support import Sdk


def order(sku: Any, amount: Any = 1, /, note: Any = "none", *rest: Any, urgent: Any = False, **more: Any) -> None: ...


def read(spec: Any, *args: Any, func: Any = order, **kwargs: Any) -> dict[str, Any]:
    return compile_arguments(func, spec)(args, kwargs)


def one(value: Any) -> Any:
    """What becomes of a value under its name."""
    return read(["sku"], value).get("sku")


def under_star(value: Any) -> Any:
    """What becomes of a value under `"*"`."""
    return read("*", value, func=lambda value: None).get("value")


# Which


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (("A1",), {}, {"sku": "A1", "amount": 1, "note": "none", "urgent": False}),
        (("A1", 2), {"note": "x"}, {"sku": "A1", "amount": 2, "note": "x", "urgent": False}),
        (("A1", 2, "x"), {"urgent": True}, {"sku": "A1", "amount": 2, "note": "x", "urgent": True}),
    ],
)
def test_by_position_keyword_and_default(
    args: tuple[Any, ...], kwargs: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Each parameter is found wherever the caller has put it, and its default where it hasn't."""
    assert read(["sku", "amount", "note", "urgent"], *args, **kwargs) == expected


def test_the_rest() -> None:
    """`*rest` and `**more` are what is left over, and nothing where nothing is."""
    assert read(["rest", "more"], "A1", 2, "x", 3, 4, n=5, urgent=True) == {"rest": [3, 4], "more": '{"n": 5}'}
    assert read(["rest", "more"], "A1") == {}


def test_a_keyword_of_a_positional_only_name_is_another() -> None:
    """`**more` can hold a name that a positional-only parameter has."""
    assert read({"sku": "sku", "more": "more"}, "A1", sku="B2") == {"sku": "A1", "more": '{"sku": "B2"}'}


def test_names_of_attributes() -> None:
    """A mapping says what the attribute is called; only declared keys become attribute keys (SEC 4)."""
    assert read({"sku": "product.sku"}, {"a": 1}) == {"product.sku": '{"a": 1}'}


def test_star_is_all_but_self() -> None:
    """`"*"` is every parameter but a first `self` or `cls`."""

    class Cart:
        def add(self, sku: str, amount: int) -> None: ...

    assert read("*", Cart(), "A1", 2, func=Cart.add) == {"sku": "A1", "amount": 2}
    assert read("*", "A1", 2, func=Cart().add) == {"sku": "A1", "amount": 2}


def test_none_is_no_attribute() -> None:
    """OpenTelemetry has no null: the attribute isn't there."""
    assert read(["sku"], None) == {}


def test_a_partial() -> None:
    """Of a partial: what is still to be given, and what it gives as keyword."""
    assert read("*", 2, func=functools.partial(lambda sku, amount, note: None, "A1", note="x")) == {
        "amount": 2,
        "note": "x",
    }


@pytest.mark.parametrize("spec", [["colour"], {"colour": "c"}, ("sku", "colour")])
def test_an_unknown_name_is_refused(spec: Any) -> None:
    """It names the function, the name and the parameters there are."""
    with pytest.raises(
        TypeError, match=r"order must be parameters of it, got 'colour': it has sku, amount, note, rest, urgent, more"
    ):
        compile_arguments(order, spec)


@pytest.mark.parametrize(("spec", "words"), [("sku", r"say arguments=\['sku'\]"), (3, "must be a mapping"), ({"sku": ""}, "must have keys that are strings"),
    ({"sku": 1}, "must have keys that are strings")])  # fmt: skip
def test_other_mistakes_are_refused(spec: Any, words: str) -> None:
    """What can't be meant says what could."""
    with pytest.raises(TypeError, match=words):
        compile_arguments(order, spec)


def test_what_has_no_signature_is_refused() -> None:
    """A builtin that doesn't say its parameters."""
    with pytest.raises(TypeError, match="must say its parameters, got min"):
        compile_arguments(min, "*")


def test_refused_at_decoration(telemetry: Telemetry) -> None:
    """The mistake is told where the function is decorated, not when it is called."""
    with pytest.raises(TypeError, match="must be parameters of it, got 'colour'"):
        telemetry.operation("price", arguments=["colour"])(lambda sku: None)


# Values


@dataclasses.dataclass
class Payment:
    user: str
    password: str = "hunter2"
    hidden: str = dataclasses.field(default="secret1", repr=False)
    _lines: list[Any] = dataclasses.field(default_factory=list)


Point = collections.namedtuple("Point", "x token")


class Colour(enum.Enum):
    RED = "r"


class Text(str, enum.Enum):
    OPEN = "open"


class Loud:
    def __repr__(self) -> str:
        raise AssertionError("repr was called")

    __str__ = __repr__
    __format__ = __repr__  # type: ignore[assignment]


@pytest.mark.parametrize("value", ["A1", 1, -1, 2.5, True, ["a", "b"], [1, 2], [True], [1.5]])
def test_what_opentelemetry_takes_is_passed_as_it_is(value: Any) -> None:
    """Text, numbers and sequences of one kind."""
    assert one(value) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": {"b": [1, 2.5, None, True]}}, '{"a": {"b": [1, 2.5, null, true]}}'),
        ([1, "a"], '[1, "a"]'),
        ({"a"}, '["a"]'),
        (frozenset(), "[]"),
        (Payment("ann"), '{"user": "ann", "password": "[REDACTED]", "_lines": []}'),
        (Point(1, "abc"), '{"x": 1, "token": "[REDACTED]"}'),
        (Colour.RED, "RED"),
        (Text.OPEN, Text.OPEN.value),
        (dt.date(2026, 11, 25), "2026-11-25"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("/srv/a"), "/srv/a"),
        (Loud(), f"<{__name__}.Loud>"),
        ([Loud()], f"[<{__name__}.Loud>]"),
        (types.MappingProxyType({1: 2}), "<mappingproxy>"),
        ({Loud(): 1}, f'{{"<{__name__}.Loud>": 1}}'),
        ({"a": 'say "x" \\'}, '{"a": "say \\"x\\" \\\\"}'),
        (ValueError("secret"), "<ValueError>"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_other_values_become_a_safe_text(value: Any, text: str) -> None:
    """Nested ones like JSON, objects by their class: nobody's `repr` is ever called (SEC 4)."""
    assert one(value) == under_star(value) == text


def test_self_is_never_asked(captured: Captured, telemetry: Telemetry) -> None:
    """`repr` of `self` is never called, under `"*"` or by name (SEC 4)."""

    class Cart(Loud):
        @telemetry.operation("add", arguments="*")
        def add(self, sku: str) -> None: ...

        @telemetry.operation("drop", arguments=["self"])
        def drop(self) -> None: ...

    cart = Cart()
    cart.add("A1")
    cart.drop()

    assert captured.span("add").attributes["sku"] == "A1"
    assert "Cart>" in str(captured.span("drop").attributes["self"])


# Secrets


@pytest.mark.parametrize(
    "name", ["password", "passphrase", "secret", "token", "api_key", "cookie", "authorization", "card_number"]
)
def test_denied_names_are_redacted_under_star(name: str) -> None:
    """Passwords, passphrases, secrets, tokens, keys, cookies, authorization, card numbers (SEC 4)."""
    func: Any = eval(f"lambda {name}: None")

    assert read("*", "x" * 20, func=func) == {name: "[REDACTED]"}
    assert read("*", **{name: ["x"]}, func=func) == {name: "[REDACTED]"}


def test_by_name_the_user_has_decided() -> None:
    """`arguments=["token"]` passes a token that has no known shape."""
    assert read(["token"], "abc", func=lambda token: None) == {"token": "abc"}


@pytest.mark.parametrize("wrap", [lambda inner: inner, lambda inner: [inner], lambda inner: {"a": (inner,)},
    lambda inner: {"a": {"b": {"c": [inner]}}}, lambda inner: Payment(inner, _lines=[inner])])  # fmt: skip
def test_redacted_at_any_depth(wrap: Any) -> None:
    """In nested mappings, sequences, dataclasses, pairs and bytes, by name and under `"*"` (SEC 4)."""
    value = wrap({"user": {"Api-Key": "s1"}, b"cookie": "s2", "headers": [("Authorization", "s3"), (b"x-token", b"s4")],
                  "payment": Payment("ann", "s5"), "point": Point(1, "s6")})  # fmt: skip

    for text in (one(value), under_star(value)):
        assert not any(secret in text for secret in ("s1", "s2", "s3", "s4", "s5", "s6", "hunter2", "secret1"))
        assert "[REDACTED]" in text


def test_deeper_than_is_looked_at_is_left_out() -> None:
    """Nothing gets through by being nested deeply."""
    value: Any = {"password": "hunter2"}
    for _ in range(50):
        value = [value]

    assert "hunter2" not in one(value)


@pytest.mark.parametrize(
    "value", [4111111111111111, [4111111111111111], "4111 1111 1111 1111", ["a", "4111111111111111"]]
)
def test_card_numbers_under_star(value: Any) -> None:
    """Numbers of cards are known by their check, as text and as numbers."""
    assert "4111" not in str(under_star(value))


def test_secrets_in_strings() -> None:
    """A connection string's password goes, whatever the parameter is called."""
    assert one("postgres://shop:hunter2@db/orders") == "postgres://shop:[REDACTED]@db/orders"
    assert under_star(["Bearer abcdef0123456789", "b"]) == ["Bearer [REDACTED]", "b"]


# Bounds


class Endless(Mapping[str, int]):
    """A mapping that never ends."""

    def __getitem__(self, key: str) -> int:
        return 1

    def __len__(self) -> int:
        return 2**40

    def __iter__(self) -> Any:
        number = 0
        while True:
            number += 1
            yield f"k{number}"


def huge() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    wide: Any = [1]
    for _ in range(6):
        wide = [wide] * 1_000
    return ["x" * 10**7, "é" * 10**6, loop, wide, list(range(10**6)), dict.fromkeys(range(10**6)), Endless(), 10**5_000, [10**5_000],
            ["x" * 10**6] * 1_000, {"a" * 10**6: 1}, -(2**70)]  # fmt: skip


@pytest.mark.parametrize("number", range(len(huge())))
def test_time_and_size_are_bounded(number: int) -> None:
    """Huge, endless, recursive values: a bounded text in bounded time (FLT 2)."""
    value = huge()[number]
    started = time.thread_time()

    text = str(under_star(value))

    assert time.thread_time() - started < 0.5
    assert len(text) <= 4_200


@pytest.mark.parametrize(("value", "right"), [(float("inf"), float("inf")), (2**70, str(2**70)), (b"text", "text")])
def test_values_follow_the_one_rule(value: Any, right: object) -> None:
    """Spans take infinities; an integer beyond 64 bits and bytes become text (FLT 2)."""
    assert one(value) == right


def test_bytes_that_nobody_asked_for_are_counted_only() -> None:
    """Under `"*"` nobody has decided that this body may leave the process (SEC 4)."""
    assert under_star(b"secret") == "<6 bytes>"


def test_a_value_that_cannot_be_read_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """FLT 1: A value at which the scrubber raises loses its attribute, and nothing else."""

    def scrub(text: str) -> str:
        if text == "A1":
            raise RuntimeError
        return text

    monkeypatch.setattr(captured, "default_scrub", scrub)
    before = faults.counts().get("arguments", 0)
    attributes = compile_arguments(order, ["sku", "note"])(("A1", 2, "x"), {})

    assert attributes == {"note": "x"}
    assert faults.counts()["arguments"] == before + 1


def test_nothing_is_read_where_nobody_records(telemetry: Telemetry) -> None:
    """Without a recorded span no argument is looked at."""
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    asked: list[int] = []

    class Watched(dict[str, int]):
        def items(self) -> Any:
            asked.append(1)
            return super().items()

    sdk = Sdk(sampler=ALWAYS_OFF)
    sdk.telemetry().operation("price", arguments=["options"])(lambda options: None)(Watched())
    sdk.telemetry().span("price", arguments=["options"])(lambda options: None)(Watched())
    sdk.shutdown()

    assert asked == []
