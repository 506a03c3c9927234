"""What stands where a secret was, patterns for many words at once, and the check that tells a card's number from other digits."""

import re
from collections.abc import Iterable

REDACTED = "[REDACTED]"
"""What stands where a secret was."""
_ISSUERS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|3[47]\d{13}|3(?:0[0-5]|[689]\d)(?:\d{11}|\d{13}|\d{16})|(?:5\d|2[2-7]|35|6\d)\d{14,17}"
)
"""Beginnings of the issuers' numbers and how long they are."""
_DOUBLED = str.maketrans("0123456789", "0246813579")
"""Each digit doubled, and the digits of that added up."""


def any_of(parts: Iterable[str]) -> str:
    """One pattern for `parts`, each of which begins with a character that stands for itself: `re` tries those that begin alike."""
    alike: dict[str, list[str]] = {}
    for part in parts:
        first = part[: 2 if part[0] == "\\" else 1]
        alike.setdefault(first, []).append(part[len(first) :])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in alike.items())


def is_card(digits: str) -> bool:
    """Whether a string of digits is the number of a payment card: an issuer's beginning and length, and Luhn's check.

    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    if _ISSUERS.fullmatch(digits) is None:
        return False
    summed = digits[-1::-2] + digits[-2::-2].translate(_DOUBLED)
    return (sum(summed.encode()) - ord("0") * len(summed)) % 10 == 0
