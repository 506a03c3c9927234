"""How many secrets leak, and how many harmless texts are changed, by family, of texts with generated parts."""

import random

import pytest

from telemetry_kit import default_scrub
from tests.redaction.families import ROUNDS, figures, leaks, made, share, table, texts

SEEDS = range(3)


@pytest.mark.any_python
@pytest.mark.parametrize("of", ROUNDS)
def test_few_secrets_leak(of: str) -> None:
    """SEC 4: Of a round's texts with secrets at most 6 % let 6 characters of one be read."""
    found = figures("secrets", of, SEEDS)
    print(*table("secrets", SEEDS, [of]), sep="\n")

    assert share(found) <= 6.0, [figure for figure in found if figure.wrong]


@pytest.mark.any_python
@pytest.mark.parametrize("of", ROUNDS)
def test_few_harmless_texts_are_changed(of: str) -> None:
    """SEC 4: Of a round's harmless texts with suspicious words at most 2 % are changed."""
    found = figures("harmless", of, SEEDS)
    print(*table("harmless", SEEDS, [of]), sep="\n")

    assert share(found) <= 2.0, [figure for figure in found if figure.wrong]


@pytest.mark.any_python
@pytest.mark.parametrize("of", ROUNDS)
def test_what_was_scrubbed_is_not_changed_again(of: str) -> None:
    """A marker counts as taken: scrubbing twice is scrubbing once."""
    for kind in ("secrets", "harmless"):
        for text in texts(kind, of, 7):
            once = default_scrub(text.text)
            assert default_scrub(once) == once


def test_the_texts_are_what_they_say() -> None:
    """Each round has more than a hundred texts of a kind: those with secrets have one, harmless ones have none."""
    for of in ROUNDS:
        secrets, harmless = list(texts("secrets", of, 1)), list(texts("harmless", of, 1))
        assert len(secrets) > 100
        assert len(harmless) > 100
        assert all(text.secrets and all(secret in text.text for secret in text.secrets) for text in secrets)
        assert not any(text.secrets for text in harmless)


def test_a_measure_that_can_fail() -> None:
    """A scrubber that takes nothing leaks everything, and one that takes everything changes everything."""
    assert share(figures("secrets", "first", range(1), lambda text: text)) == 100
    assert share(figures("harmless", "first", range(1), lambda text: "")) == 100


def test_what_counts_as_a_leak() -> None:
    """Six characters in a row of a secret are one, five are none."""
    text, secrets = made("token <hex:32> of <~hex:8>", random.Random(1))
    leak = next(texts("secrets", "first", 1))._replace(text=text, secrets=secrets)

    assert leaks(leak, f"token {secrets[0][3:9]}")
    assert not leaks(leak, f"token {secrets[0][3:8]}")
    assert not leaks(leak, text.replace(secrets[0], ""))
