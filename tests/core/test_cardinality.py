"""Limits on distinct values, sets and names. How they come out: `operation/test_attributes.py`."""

import sys
import threading

import pytest

from telemetry_kit._core.cardinality import Distinct, ValueGuard


def test_the_first_names_pass() -> None:
    """The first `limit` names pass, later ones are `_OTHER`, known ones stay (STM 3)."""
    names = Distinct(2)

    assert [names(name) for name in "abcab"] == ["a", "b", "_OTHER", "a", "b"]
    assert names.full


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
    assert ValueGuard.collapse({"a": 1, "b": 2}) == {"a": "_OTHER", "b": "_OTHER"}


def test_error_types_are_limited_and_cut() -> None:
    """A hundred error types of at most 256 characters, then `_OTHER`; cancellation always passes (STM 3)."""
    guard = ValueGuard()
    kept = [guard.error_type(f"{number} " + "x" * 300) for number in range(101)]

    assert {len(name) for name in kept[:100]} == {256}
    assert kept[100] == "_OTHER"
    assert guard.error_type("cancelled") == "cancelled"


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
