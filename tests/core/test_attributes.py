"""What a value must be so that it can't hurt the host. How it comes out: `operation/test_attributes.py`."""

import time
from typing import Any

import pytest

from telemetry_kit._core import attributes

KEPT: list[Any] = ["text", "", True, False, 0, -1, 2**63 - 1, -(2**63), 1.5, 0.0]


@pytest.mark.parametrize("value", KEPT, ids=repr)
def test_plain_values_are_kept(value: Any) -> None:
    """Texts, booleans, 64-bit integers and finite floats stay what they are."""
    for kept in (attributes.span_value(value), attributes.metric_value(value)):
        assert kept == value
        assert type(kept) is type(value)


@pytest.mark.parametrize(
    "value", [None, b"bytes", 2**63, float("nan"), float("inf"), {}, {1}, object(), 1j], ids=lambda v: type(v).__name__
)
def test_other_values_are_dropped(value: Any) -> None:
    """What OpenTelemetry can't take or export is dropped (FLT 2)."""
    assert attributes.span_value(value) is None
    assert attributes.metric_value(value) is None


@pytest.mark.parametrize("value", [["a", "b"], ("a", "b"), [1, 2], [True], [1.5], []], ids=repr)
def test_sequences_of_one_kind_are_kept(value: Any) -> None:
    """A list or tuple of one kind stays, on metrics as a tuple, which can be hashed."""
    assert list(attributes.span_value(value)) == list(value)  # type: ignore[arg-type]
    assert attributes.metric_value(value) == tuple(value)


@pytest.mark.parametrize("value", [[1, "a"], [1, True], [1, 1.5], [None], [[1]], [b"a"]], ids=repr)
def test_mixed_sequences_are_dropped(value: Any) -> None:
    """A mixture isn't taken by the exporters: it is dropped (FLT 2)."""
    assert attributes.span_value(value) is None


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
    began = time.perf_counter()
    attributes.span_value(huge)

    assert time.perf_counter() - began < 0.5


def test_a_long_key_is_cut() -> None:
    """A key has at most 256 characters (FLT 2)."""
    assert len(attributes.attribute_key("k" * 1_000) or "") == 256
