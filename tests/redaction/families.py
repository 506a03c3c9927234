"""Texts by family, with generated parts: `python -m tests.redaction.families` prints what the scrubber makes of them.

A text is a line of a file in `texts`, under the `[family]` it belongs to; `\\n` in it is a line break. `<hex:32>` is a secret
of 32 hexadecimal digits, made anew for each seed, and `<~hex:32>` a part that is none. So no secret stands in the
repository, and none that was seen once is known the next time.

Each round was written before what the round before had shown was mended, without a look at the patterns, but for the
twelfth to the fifteenth.
"""

import random
import re
import string
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from telemetry_kit import default_scrub

ROUNDS = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
)
READABLE = 6
"""Characters of a secret in a row that are a leak, if they can be read; of a shorter secret, all."""
_TEXTS = Path(__file__).parent / "texts"
_ALNUM = string.ascii_letters + string.digits
_ALPHABETS = {
    "alnum": _ALNUM,
    "hex": "0123456789abcdef",
    "upperhex": "0123456789ABCDEF",
    "small": string.ascii_lowercase + string.digits,
    "url": _ALNUM + "-_",
    "digits": "123456789",
    "upper": string.ascii_uppercase + "234567",
    "lower": string.ascii_lowercase,
    "letters": string.ascii_letters,
    "word": string.ascii_lowercase,
    "base64": _ALNUM + "+/",
    "signs": _ALNUM + "!@#$%^*()-_=+",
}
_PART = re.compile(r"<(~?)(\w+)(?::(\w+))?>")


class Text(NamedTuple):
    """One text, and the secrets in it."""

    family: str
    text: str
    secrets: tuple[str, ...]


def _password(source: random.Random, length: int) -> str:
    """As people choose them where a rule makes them."""
    word = "".join(source.choice(string.ascii_lowercase) for _ in range(length - 4)).capitalize()
    return word + source.choice("-_!.") + "".join(source.choice("123456789") for _ in range(3))


def _card(source: random.Random, style: str) -> str:
    digits = "4" + "".join(source.choice(string.digits) for _ in range(14))
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::2]) + sum(map(int, digits[1::2]))
    digits += str(-doubled % 10)
    return {"": "", "spaced": " ", "dashed": "-"}[style].join(digits[at : at + 4] for at in range(0, 16, 4))


def _value(source: random.Random, kind: str, size: str) -> str:
    if kind == "card":
        return _card(source, size)
    if kind == "uuid":
        return str(uuid.UUID(int=source.getrandbits(128), version=4))
    if kind == "password":
        return _password(source, int(size))
    value = "".join(source.choice(_ALPHABETS[kind]) for _ in range(int(size)))
    # One of such a length has both letters and digits, unless it is drawn from one of them.
    return value[:-2] + "7k" if kind in ("alnum", "base64", "signs", "small", "url") and len(value) > 3 else value


def made(template: str, source: random.Random) -> tuple[str, tuple[str, ...]]:
    """The text of a template, and the secrets in it."""
    secrets: list[str] = []

    def part(match: re.Match[str]) -> str:
        if match[2] != "card" and (match[3] is None or match[2] not in (*_ALPHABETS, "password", "uuid")):
            return match[0]
        value = _value(source, match[2], match[3] or "")
        if not match[1]:
            secrets.append(value)
        return value

    return _PART.sub(part, template.replace("\\n", "\n")), tuple(secrets)


def texts(kind: str, of: str, seed: int) -> Iterator[Text]:
    """All texts of a kind (`secrets`, `harmless`) of a round."""
    source, family = random.Random(seed), ""
    for line in (_TEXTS / f"{of}-{kind}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and "<" not in line and "," not in line and "'" not in line:
            family = line[1:-1]
        elif line.strip():
            yield Text(family, *made(line, source))


def leaks(text: Text, scrubbed: str) -> bool:
    """Whether so much of one of the text's secrets can still be read as is worth something."""
    return any(
        secret[at : at + READABLE] in scrubbed
        for secret in text.secrets
        for at in range(max(1, len(secret) - READABLE + 1))
    )


def changed(text: Text, scrubbed: str) -> bool:
    """Whether a harmless text is another one afterwards."""
    return scrubbed != text.text


class Figure(NamedTuple):
    """Of how many texts of a family how many went wrong, and which."""

    family: str
    total: int
    wrong: list[str]


def figures(kind: str, of: str, seeds: range, scrub: Callable[[str], str] = default_scrub) -> list[Figure]:
    """What the scrubber makes of a round, by family."""
    wrong = leaks if kind == "secrets" else changed
    found: dict[str, Figure] = {}
    for seed in seeds:
        for text in texts(kind, of, seed):
            figure = found.setdefault(text.family, Figure(text.family, 0, []))
            scrubbed = scrub(text.text)
            bad = [f"{text.text} -> {scrubbed}"] if wrong(text, scrubbed) else []
            found[text.family] = Figure(text.family, figure.total + 1, figure.wrong + bad)
    return list(found.values())


def share(of: list[Figure]) -> float:
    """Per cent of all texts that went wrong."""
    return 100 * sum(len(figure.wrong) for figure in of) / sum(figure.total for figure in of)


def table(kind: str, seeds: range, rounds: Iterable[str] = ROUNDS) -> Iterator[str]:
    """The figures of rounds, a line for each and for each of its families."""
    word = "leak" if kind == "secrets" else "are changed"
    for of in rounds:
        round_ = figures(kind, of, seeds)
        total = sum(figure.total for figure in round_)
        yield f"{of} round, {kind}: {sum(len(f.wrong) for f in round_)} of {total} {word} ({share(round_):.1f} %)"
        for figure in round_:
            yield f"    {figure.family:<24} {len(figure.wrong):>4} of {figure.total:>4}"


def main() -> None:
    """Print the figures; with `-v` also the texts that went wrong."""
    for kind in ("secrets", "harmless"):
        print("\n".join(table(kind, range(3))))
        for of in ROUNDS if "-v" in sys.argv else ():
            for figure in figures(kind, of, range(1)):
                print(*(f"  {wrong!r}" for wrong in figure.wrong), sep="\n")


if __name__ == "__main__":
    main()
