"""What stands where a secret was, what names are written with, and the check that tells a card's number from other digits."""

import re
import string
from collections.abc import Iterable

REDACTED = "[REDACTED]"
"""What stands where a secret was."""
LETTERS = string.ascii_letters + string.digits + "_-"
"""What names and tokens are written with."""
_ISSUERS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|3[47]\d{13}|3(?:0[0-5]|[689]\d)(?:\d{11}|\d{13}|\d{16})|(?:5\d|2[2-7]|35|6\d)\d{14,17}"
)
"""Beginnings of the issuers' numbers and how long they are."""
_DOUBLED = str.maketrans("0123456789", "0246813579")
"""Each digit doubled, and the digits of that added up."""


def any_of(parts: Iterable[str]) -> str:
    """One pattern for `parts`: at a place `re` tries those that begin alike."""
    alike: dict[str, list[str]] = {}
    for part in parts:
        first = part[: part[0] in LETTERS]
        alike.setdefault(first, []).append(part[len(first) :])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in alike.items())


def is_card(digits: str) -> bool:
    """Whether a string of digits is the number of a payment card: an issuer's beginning and length, and Luhn's check.

    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    if _ISSUERS.fullmatch(digits) is None:
        return False
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0
