"""What a value must be so that it can't hurt the host. How it comes out: `operation/test_attributes.py`."""

import json
import sys
import time
from array import array
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from ipaddress import ip_address, ip_network
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from telemetry_kit._core import attributes, faults
from telemetry_kit._core.cardinality import ValueGuard

KEPT: list[Any] = ["text", True, False, 0, -1, 2**63 - 1, -(2**63), 1.5, 0.0]


class Tier(Enum):
    GOLD = 1


class Level(IntEnum):
    HIGH = 3


class Mood(str, Enum):
    GOOD = "good"


WRITTEN: dict[str, tuple[Any, Any]] = {
    "UUID": (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    "decimal": (Decimal("9.90"), "9.90"),
    "fraction": (Fraction(1, 3), "1/3"),
    "datetime": (datetime(2026, 1, 2, 3, tzinfo=timezone.utc), "2026-01-02T03:00:00+00:00"),
    "date": (date(2026, 1, 2), "2026-01-02"),
    "time": (time_of_day(3, 4), "03:04:00"),
    "timedelta": (timedelta(minutes=1.5), 90.0),
    "path": (PurePosixPath("spool/in"), "spool/in"),
    "address": (ip_address("10.0.0.1"), "10.0.0.1"),
    "network": (ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    "enum": (Tier.GOLD, "GOLD"),
    "int enum": (Level.HIGH, 3),
    "str enum": (Mood.GOOD, "good"),
    "bytes": ("Größe".encode(), "Größe"),
    "huge int": (2**64, "18446744073709551616"),
    "of UUIDs": ([UUID(int=1)] * 2, ["00000000-0000-0000-0000-000000000001"] * 2),
    "of dates": ((date(2026, 1, 2), None), ["2026-01-02"]),
    "range": (range(3), [0, 1, 2]),
}


@pytest.mark.parametrize("value", KEPT, ids=repr)
def test_plain_values_are_kept(value: Any) -> None:
    """Texts, booleans, 64-bit integers and finite floats stay what they are."""
    for kept in (attributes.span_value(value), attributes.metric_value(value)):
        assert kept == value
        assert type(kept) is type(value)


@pytest.mark.parametrize("name", WRITTEN)
def test_values_with_an_obvious_text_or_number_become_it(name: str) -> None:
    """FLT 2: what has one obvious text or number is that, on spans, metrics and events alike."""
    value, right = WRITTEN[name]
    on_metric: Any = attributes.metric_value(value)

    assert attributes.span_value(value) == right
    assert (list(on_metric) if isinstance(right, list) else on_metric) == right
    assert attributes.event_value(value) == right


def test_pandas_missing_time_is_no_time_in_the_year_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pandas.NaT` is a datetime by its class, of 1 January of the year 1."""

    class NaTType(datetime):
        def isoformat(self, *_args: Any, **_kwargs: Any) -> str:
            return "NaT"

    module: Any = ModuleType("pandas._libs.tslibs.nattype")
    module.NaTType = NaTType
    monkeypatch.setitem(sys.modules, module.__name__, module)

    assert attributes.span_value(NaTType(1, 1, 1)) == "NaT"


@pytest.mark.parametrize("value", [{1}, object(), 1j, b"\xff", 10**10_000, Ellipsis], ids=lambda v: type(v).__name__)
def test_other_values_are_dropped(value: Any) -> None:
    """What OpenTelemetry can't take and has no obvious text is dropped: a counted fault each (FLT 2)."""
    before = faults.counts().get("attributes.value", 0)

    assert attributes.span_value(value) is None
    assert attributes.metric_value(value) is None
    assert faults.counts()["attributes.value"] - before == 2


def test_none_is_left_out_without_a_word() -> None:
    """None means that there is nothing to say."""
    before = faults.counts().get("attributes.value", 0)

    assert attributes.span_attributes({"a": None, "b": 1}) == {"b": 1}
    assert faults.counts().get("attributes.value", 0) == before


def test_a_dropped_value_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The fault names the attribute and the type, once for each (FLT 2)."""
    for _ in range(3):
        attributes.span_value(object(), "basket.content")

    (record,) = [record for record in caplog.records if "basket.content" in record.getMessage()]
    assert "object" in record.getMessage()


NESTED: dict[str, tuple[Any, str]] = {
    "mapping": ({"sku": "A1", 2: None, "at": date(2026, 1, 2)}, '{"sku": "A1", "at": "2026-01-02"}'),
    "mixed": ([1, "a", Tier.GOLD], '[1, "a", "GOLD"]'),
    "numbers of two types": ([1, 1.5], "[1, 1.5]"),
    "nested": ([[1], {"a": ["b"]}], '[[1], {"a": ["b"]}]'),
}


@pytest.mark.parametrize("name", NESTED)
def test_what_is_nested_is_json_on_spans_itself_on_events_and_on_no_metric(name: str) -> None:
    """Mappings and mixed sequences: JSON on spans, never on a metric (FLT 2)."""
    value, right = NESTED[name]

    assert attributes.span_value(value) == right
    assert json.loads(json.dumps(attributes.event_value(value))) == json.loads(right)
    assert attributes.metric_value(value) is None


def test_an_item_that_cannot_be_kept_costs_itself_only() -> None:
    """FLT 2: the others of its sequence or mapping stay."""
    assert attributes.span_value(["a", object(), "b"]) == ["a", "b"]
    assert attributes.span_value({"a": object(), "b": [object(), 1]}) == '{"b": [1]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, float("inf")]], ids=repr)
def test_what_is_not_finite_stays_on_spans(value: Any) -> None:
    """A histogram's label can't be NaN; a span may say so."""
    assert repr(attributes.span_value(value)) == repr(value)
    assert attributes.metric_value(value) is None


def test_what_nests_without_end_is_bounded() -> None:
    """FLT 2: recursive, deep and wide values end, and in bounded time."""
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    wide = {str(number): {str(inner): list(range(100)) for inner in range(100)} for number in range(100)}
    round_: list[Any] = [1]
    round_.append(round_)
    began = time.thread_time()
    kept: list[Any] = [attributes.span_value(value) for value in (deep, wide, round_)]

    assert all(len(text) <= 4_096 for text in kept)
    assert time.thread_time() - began < 0.5


class Hostile(str):  # noqa: SLOT000 - as users write them
    """A text that can't be hashed, compared or asked whether it is empty."""

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equality")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Shy:
    """An object that wakes up when it is asked for its class, as lazy proxies do."""

    woken = False

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        type(self).woken = True
        return str


def test_a_hostile_text_is_its_text() -> None:
    """FLT 2: no method of a subclass is called, neither of a value's nor of a key's."""
    assert attributes.span_attributes(_Pairs()) == {"key": "value"}
    assert attributes.metric_value(Hostile("value")) == "value"
    assert ValueGuard().attributes(_Pairs()) == {"key": "value"}
    assert ValueGuard().error_type(Hostile("declined")) == "declined"


class _Pairs(Mapping[str, object]):
    """A mapping whose key can't be hashed."""

    def __getitem__(self, key: str) -> object:
        raise KeyError(key)

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 1

    def items(self) -> Any:
        return [(Hostile("key"), Hostile("value"))]


def test_a_proxy_is_not_woken() -> None:
    """Types are told by `type()`, never by `__class__`."""
    assert attributes.span_value(Shy()) is None
    assert not Shy.woken


@pytest.mark.parametrize("value", [["a", "b"], ("a", "b"), [1, 2], [True], [1.5]], ids=repr)
def test_sequences_of_one_kind_are_kept(value: Any) -> None:
    """A list or tuple of one kind stays, on metrics as a tuple, which can be hashed."""
    assert list(attributes.span_value(value)) == list(value)  # type: ignore[arg-type]
    assert attributes.metric_value(value) == tuple(value)


def test_numbers_in_a_memoryview_are_a_sequence_and_bytes_a_text() -> None:
    """Drivers give bytes in one, arrays numbers; a long text is cut in it."""
    assert attributes.metric_value(memoryview(array("i", [1, 2]))) == (1, 2)
    assert attributes.span_value(memoryview("é".encode())) == "é"
    assert attributes.span_value(memoryview(b"x" * 100_000)) == "x" * 4_096
    assert attributes.span_value(memoryview(b"\xff")) is None


def test_a_long_sequence_is_cut() -> None:
    """A sequence keeps its first 128 items (FLT 2)."""
    assert len(attributes.span_value(list(range(1_000_000)))) == 128  # type: ignore[arg-type]


def test_strings_in_sequences_are_cut() -> None:
    """Strings in sequences are cut like others (FLT 2)."""
    assert attributes.metric_value(["x" * 1_000]) == ("x" * 256,)


def test_lone_surrogates_are_replaced() -> None:
    """A text that can't be encoded would cost the exporter its batch: what can't be is replaced (FLT 2)."""
    assert attributes.span_value("a\ud800b") == "a?b"


def test_other_text_stays() -> None:
    """Text of any script stays as it is."""
    assert attributes.span_value("Größe 日本 🙂") == "Größe 日本 🙂"


def test_a_mapping_keeps_as_many_as_the_sdk() -> None:
    """A mapping of very many attributes is cut to 128 (FLT 2)."""
    assert len(attributes.span_attributes({f"k{number}": 1 for number in range(1_000)})) == 128


def test_a_huge_string_is_cut_fast() -> None:
    """A string of a hundred megabytes takes no time worth telling (FLT 2)."""
    huge = "x" * 100_000_000
    began = time.thread_time()
    attributes.span_value(huge)

    assert time.thread_time() - began < 0.5


def test_a_long_key_is_cut() -> None:
    """A key has at most 256 characters (FLT 2)."""
    assert len(attributes.attribute_key("k" * 1_000) or "") == 256


@pytest.mark.parametrize("value", [[500], {"a": 1}, 10**30, "abc", float("nan")])
@pytest.mark.parametrize("place", [attributes.span_value, attributes.metric_value], ids=["span", "metric"])
def test_a_conventions_key_has_its_type_or_nothing(place: Any, value: object) -> None:
    """FLT 2: what can't be of the type that the convention says is a counted fault, and not another type."""
    before = faults.counts().get("attributes.value", 0)

    assert place(value, "http.response.status_code") is None
    assert faults.counts()["attributes.value"] - before == 1
