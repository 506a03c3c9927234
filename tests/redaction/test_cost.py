"""What a stranger's text costs against a harmless one of its length, counted in calls: no clock, and the same result everywhere."""

import time

import pytest

from telemetry_kit._redaction.places import without_secrets
from telemetry_kit._redaction.values import WORDS
from tests.redaction.cost import HARMLESS, HOSTILE, KB, calls, dearest, repeated, times

LENGTHS = (KB, 4 * KB, 16 * KB)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_hostile_text_costs_at_most_three_times_a_harmless_one(length: int) -> None:
    """SEC 4: Whatever a text is made of, so much is judged of it as its length allows, and no more."""
    cost = {unit: times(repeated(unit, length)) for unit in HOSTILE}

    assert max(cost.values()) > 1.2
    assert {unit: one for unit, one in cost.items() if one > 3} == {}


@pytest.mark.parametrize(("length", "most"), [(16, 5.5), (64, 4.5), (256, 4)])
def test_a_few_words_cost_a_little_more(length: int, most: float) -> None:
    """SEC 4: A short text has two names judged, whatever it is made of: else one with a login would lose its end."""
    assert max(times(repeated(unit, length)) for unit in HOSTILE) <= most


@pytest.mark.parametrize(("length", "tries", "most"), [(KB, 300, 3.3), (16 * KB, 20, 3)])
def test_no_mixture_that_a_search_finds_costs_more(length: int, tries: int, most: float) -> None:
    """SEC 4: Nor does what changing the dearest texts a little, again and again, comes upon, but for a little in short ones."""
    cost, mixture = dearest(length, tries)

    assert cost <= most, mixture


@pytest.mark.parametrize("unit", HOSTILE)
def test_its_cost_is_linear(unit: str) -> None:
    """SEC 4: Sixteen times the text makes at most some sixteen times the calls."""
    assert calls(repeated(unit, 32 * KB)) <= 18 * calls(repeated(unit, 2 * KB))


@pytest.mark.parametrize("secret", ["password=hunter2x1 ", "postgres://u:Pa55w0rdd@db/ "])
def test_secrets_spread_through_a_long_text_cost_no_more_each(secret: str) -> None:
    """SEC 4: What is left and what is taken are put together once: by the clock, since copies of a text are no calls."""

    def seconds(unit: str) -> float:
        text = repeated(unit, 2_048 * KB)
        began = time.thread_time()
        without_secrets(text)
        return time.thread_time() - began

    assert seconds(HARMLESS * 4 + secret) <= 4 * seconds(HARMLESS)


@pytest.mark.parametrize(
    "unit",
    [
        "token " + "a" * 16 * KB + "A",
        "token " * 26 + "input_value='" + "is the " * 140 + "' ",
        "cookie: a=the " * 150 + " ".join(word for word in WORDS if word.isalpha()) + "\n",
    ],
)
def test_what_is_read_for_one_name_is_not_read_for_many(unit: str) -> None:
    """SEC 4: Nor is it read from each of its letters on: by the clock, since what a pattern goes through is no call."""

    def seconds(text: str) -> float:
        times = []
        for _ in range(3):
            began = time.thread_time()
            without_secrets(text)
            times.append(time.thread_time() - began)
        return min(times)

    assert seconds(repeated(unit, 16 * KB + 7)) <= 8 * seconds(repeated(HARMLESS, 16 * KB))


def test_a_harmless_text_is_gone_through_and_not_judged() -> None:
    """What a harmless text costs in calls doesn't grow with it."""
    assert calls(repeated(HARMLESS, KB)) == calls(repeated(HARMLESS, 64 * KB)) < 30
