"""What scrubbing a text costs, counted instead of timed: the same on every machine, however busy it is.

Counted are the calls that it makes, of Python and of C. A harmless text costs some 105 nanoseconds a character (Python 3.11),
nearly all of them in two searches by pattern; a hostile one has more to be judged, and of that a call stands for 100 to 270, 200 in
the dearest mixtures, measured on the texts below.
"""

import random
import sys
from types import FrameType
from typing import Any

from telemetry_kit._redaction.places import without_secrets

TEXT, CHARACTER, CALL = 1_300, 105, 200
"""Nanoseconds for a text, for a character that is gone through, and for a call where something is judged."""
KB = 1_024
HARMLESS = "could not load order 17 of the shop in /srv/shop/orders.py: no such order, "
HOSTILE = (
    "://", "key", "passw", "pass ", "ghp_", "KEY-KEY_KEY", "key=", "password=x1 ", "cookie:[REDACTED]", "?token=[REDACTED]",
    "4111 1111 ", "_a_a_a_a_a_a1", "-p ", "password is a1 ", "-----BEGIN PRIVATE KEY-----[REDACTED]",
    "parameters: (", "values (aaaaaaaaaaaaaaaa", "input_value='x", "sk_live_-ghp_--abc.", "/.$:4111111111111112", "secret is a.b/c1D ",
    "pinkeyrequiredKEY-KEY_KEY for ", "login('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "tokentokenKEY-KEY_KEYsecret is a.b/c1D Aaa1_key=",
    "token_type=", "token, input_value=", "token) VALUES (", "hooks/", "passphrase abc def ", "NoneZaaaaaaaaaaaaaaaa", "pinpasswKEY-KEY_KEYBearer '/ for $g/p_aaaaaaaaaaaaaaaa",
)  # fmt: skip
"""What a text is made of that has the scrubber look as often as it can; the last ones a search by instructions found."""
PIECES = (
    *HOSTILE, "secret", "token", "api_key", "pin", "authorization", "Bearer ", "IDENTIFIED BY ", "login('a', '", "None", "required",
    "a1b2c3d4e5f6a7b8", "Aa1_", "aaaaaaaaaaaaaaaa", "hooks.slack.com/", "/", ".", "$", "@", "=", ":", "'", '"', " ", "\n", " is ", " for ",
    "','", "'}", "{", "(", "\u0130", "&",
)  # fmt: skip
"""What texts that cost much are searched among mixtures of."""


def repeated(unit: str, length: int) -> str:
    """So many characters of `unit`."""
    return (unit * (length // len(unit) + 1))[:length]


def calls(text: str) -> int:
    """How many calls it takes to scrub a text."""
    count = 0

    def counted(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    without_secrets(text)  # compiles the patterns that it needs
    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        without_secrets(text)
    finally:
        sys.setprofile(before)
    return count


def times(text: str) -> float:
    """What a text costs, against a harmless one of its length."""
    harmless = TEXT + CHARACTER * len(text)
    return (harmless + CALL * max(0, calls(text) - calls(repeated(HARMLESS, len(text))))) / harmless


def dearest(length: int, tries: int) -> tuple[float, str]:
    """What the dearest mixture costs that a search finds, which changes the dearest ones a little, again and again; and the mixture."""
    source = random.Random(length)
    found: list[tuple[float, tuple[str, ...]]] = [(times(repeated(unit, length)), (unit,)) for unit in HOSTILE]
    for _ in range(tries):
        mixture = list(source.choice(found)[1])
        match source.randrange(4):
            case 0:
                mixture[source.randrange(len(mixture))] = source.choice(PIECES)
            case 1 if len(mixture) > 1:
                del mixture[source.randrange(len(mixture))]
            case 2:
                mixture += source.choice(found)[1]
            case _:
                mixture.insert(source.randrange(len(mixture) + 1), source.choice(PIECES))
        unit = "".join(mixture)
        if 0 < len(unit) <= length:
            found.append((times(repeated(unit, length)), tuple(mixture)))
        found = sorted(set(found), reverse=True)[:12]
    return found[0][0], "".join(found[0][1])
