"""Limits on distinct values, sets and names. How they come out: `operation/test_attributes.py`."""

import sys
import threading
from typing import Any

import pytest

from telemetry_kit._core import cardinality, faults
from telemetry_kit._core.cardinality import Distinct, ValueGuard
from telemetry_kit.testing import capture


def test_the_first_names_pass() -> None:
    """The first `limit` names pass, later ones are `_OTHER`, known ones stay (STM 3)."""
    names = Distinct(2)

    assert [names(name) for name in "abcab"] == ["a", "b", "_OTHER", "a", "b"]


def test_a_value_is_kept_per_key() -> None:
    """Each key has its own hundred values (STM 3)."""
    guard = ValueGuard()
    for number in range(100):
        guard.value("a", number)

    assert guard.value("a", 100) == "_OTHER"
    assert guard.value("b", 100) == 100


def test_values_that_are_equal_keep_their_types() -> None:
    """1, 1.0 and True are three values."""
    guard = ValueGuard()

    assert [type(guard.value("a", value)) for value in (1, 1.0, True, 1)] == [int, float, bool, int]


def test_a_value_that_cannot_be_one() -> None:
    """A value that no metric takes is None, and takes no place (FLT 2)."""
    guard = ValueGuard(values=1)

    assert guard.value("a", object()) is None
    assert guard.value("a", "first") == "first"


def test_so_many_keys_and_no_more() -> None:
    """Keys are limited as well: a key made of a user's id is no way around (STM 3)."""
    guard = ValueGuard()

    assert [guard.value(f"key {number}", 1) for number in range(101)].count(1) == 100


def test_the_first_sets_are_admitted() -> None:
    """So many attribute sets are admitted, and those stay it (STM 3)."""
    guard = ValueGuard(sets=2)

    assert [guard.admit({"a": number}, None) for number in (1, 2, 3, 1)] == [True, True, False, True]


def test_a_set_with_an_error_is_another() -> None:
    """The same attributes with an `error.type` are a set of their own, since they are a series of their own."""
    guard = ValueGuard(sets=1)

    assert [guard.admit({}, None), guard.admit({}, "ValueError")] == [True, False]


def test_what_came_too_late_is_one_set() -> None:
    """All later sets are one: each guarded value is `_OTHER` (STM 3)."""
    assert ValueGuard().collapse({"a": 1, "b": 2}) == {"a": "_OTHER", "b": "_OTHER"}


def test_error_types_are_limited_and_cut() -> None:
    """A hundred error types of at most 256 characters, then `_OTHER`; cancellation always passes (STM 3)."""
    guard = ValueGuard()
    kept = [guard.error_type(f"{number} " + "x" * 300) for number in range(101)]

    assert {len(name) for name in kept[:100]} == {256}
    assert kept[100] == "_OTHER"
    assert guard.error_type("cancelled") == "cancelled"


def test_a_number_and_its_text_are_one_value() -> None:
    """What exporters write alike is recorded as the first of them: no two series of the same labels."""
    guard = ValueGuard()

    assert [guard.value("a", value) for value in (503, "503", "true", True, 1.5, "1.5")] == [
        503, 503, "true", "true", 1.5, 1.5,
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), [("false", False), ("true", True), ('["a", "b"]', ["a", "b"])])
def test_other_values_and_their_texts_are_one_value_too(text: str, value: Any) -> None:
    """A bool and a sequence are told from a text as exporters write them: as JSON."""
    guard = ValueGuard()

    assert [guard.value("a", text), guard.value("a", value)] == [text, text]


def test_whoever_is_told_of_overflows_gets_the_key() -> None:
    """Each value that becomes `_OTHER` is told of with its key; one that was `_OTHER` already isn't."""
    keys: list[str] = []
    guard = ValueGuard(values=1, overflowed=keys.append)
    for number in range(101):
        guard.error_type(f"E{number}")
    guard.attributes({"a": 1})
    guard.attributes({"a": 2})
    guard.collapse({"b": 1, "c": "_OTHER"})

    assert keys == ["error.type", "a", "b"]


def test_a_key_that_cannot_be_one_costs_itself_only() -> None:
    """What stands behind a bad key, or a bad value, is still recorded on metric and span (FLT 2)."""
    given: Any = {"": 1, "b": object(), "c": 3}
    guard = ValueGuard()

    assert (guard.attributes(given), guard.both(given)) == ({"c": 3}, ({"c": 3}, {"c": 3}))


def test_a_value_that_is_lost_is_told_of_with_its_key(caplog: pytest.LogCaptureFixture) -> None:
    """Whichever way it comes in, the line in the log names the key (FLT 2)."""
    guard = ValueGuard()
    guard.attributes({"shelf.of.one": object()})
    guard.both({"shelf.of.both": object()})

    assert ("shelf.of.one" in caplog.text, "shelf.of.both" in caplog.text) == (True, True)


def test_a_capture_begins_with_nothing_known() -> None:
    """All limits that live forget their values when a test begins to capture, which has a list of those that kept any;
    those that have gone aren't in it."""
    names, guard, gone, idle = Distinct(1), ValueGuard(values=1), Distinct(1), Distinct(1)
    with capture():
        assert cardinality._keeping == {}
    assert (names("a"), gone("a"), guard.value("key", 1)) == ("a", "a", 1)
    del gone
    assert len(cardinality._keeping) == 2
    with capture():
        assert (names("b"), guard.value("key", 2), idle("c")) == ("b", 2, "c")


def test_an_empty_text_is_no_value() -> None:
    """A Prometheus can't tell it from a label that isn't there."""
    assert ValueGuard().value("coupon", "") is None


def test_a_sequence_is_bounded_as_a_whole() -> None:
    """The items of a metric's sequence have 256 characters together, so that a key costs what a text would (STM 3)."""
    kept: Any = ValueGuard().value("tags", ["x" * 100] * 100)

    assert kept == ("x" * 100, "x" * 100)


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("le", "le_"),
        ("quantile", "quantile_"),
        ("__name__", "__name___"),
        ("otel_scope_name", "otel_scope_name_"),
        ("otel.scope.version", "otel.scope.version_"),
        ("lead", "lead"),
    ],
)
def test_reserved_labels_get_an_underscore(key: str, label: str) -> None:
    """Labels that Prometheus or its exporter gives to each series are never a user's."""
    assert ValueGuard().attributes({key: "mine"}) == {label: "mine"}


def test_keys_of_one_label_are_the_first_of_them() -> None:
    """Keys that are equal once every other character is `_` would be one label with two values."""
    guard = ValueGuard()

    assert guard.attributes({"user.tier": "gold"}) == {"user.tier": "gold"}
    assert guard.attributes({"user_tier": "free"}) == {"user.tier": "free"}
    assert guard.attributes({"user-tier": "a", "user.tier": "b"}) == {"user.tier": "a"}


@pytest.mark.parametrize(
    ("first", "then"), [("a.b", "a__b"), ("a_b", "a..b"), ("1a", "2a"), ("scope", "scope")], ids=repr
)
def test_exporters_write_characters_in_a_row_as_one(first: str, then: str) -> None:
    """So do Prometheus' exporters with everything that is neither a letter nor a digit, and with a digit at the beginning."""
    guard = ValueGuard()

    assert [guard.attributes({key: "x"}) for key in (first, then)] == [{first: "x"}] * 2


@pytest.mark.parametrize(
    "key", ["otel..scope.name", "otel_scope__version", "._hidden", "operation__name", "error..type"]
)
def test_however_they_are_spelled_labels_that_are_not_free_are_not_taken(key: str) -> None:
    """What an exporter would write as a label of its own, of Prometheus or of the kit is renamed or left out."""
    assert key not in ValueGuard().attributes({key: "mine"})


def test_a_key_of_the_label_of_our_own_is_left_out() -> None:
    """The kit's own keys win, however a user spells them."""
    assert ValueGuard().attributes({"operation_name": "mine", "error.type": "mine", "a": 1}) == {"a": 1}


def test_what_became_of_a_key_is_said_once() -> None:
    """A key that is renamed or left out is a counted fault, said once for each key."""
    before = faults.counts().get("attributes.key", 0)
    guard = ValueGuard()
    for _ in range(3):
        guard.attributes({"le": 1, "quantile": 2})

    assert faults.counts()["attributes.key"] - before == 2


@pytest.mark.parametrize(
    ("given", "right"),
    [("503", 503), (503, 503), (503.0, 503)],
)
def test_a_conventions_attribute_has_the_conventions_type(given: Any, right: Any) -> None:
    """A status code is an int, whatever came first."""
    kept = ValueGuard().value("http.response.status_code", given)

    assert (kept, type(kept)) == (right, int)


@pytest.mark.parametrize("rounds", [500])
def test_threads_pass_the_limit_by_their_number_at_most(rounds: int) -> None:
    """Eight threads at the limit pass it by eight values at most (PRC 3, STM 3)."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    guard = ValueGuard()
    seen: set[object] = set()

    def work(thread: int) -> None:
        for number in range(rounds):
            seen.add(guard.value("a", f"{thread} {number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(before)

    assert len(seen) <= 109
