"""What stands where a secret was, and the check that tells a card's number from other digits."""

REDACTED = "[REDACTED]"
"""What stands where a secret was."""
_CARDS = (
    (("4",), (13, 16, 19)),
    (("34", "37"), (15,)),
    (("300", "301", "302", "303", "304", "305", "36", "38", "39"), (14, 16, 19)),
    (("5", "22", "23", "24", "25", "26", "27", "35", "6"), (16, 17, 18, 19)),
)
"""Beginnings of the issuers' numbers and how long they are."""


def is_card(digits: str) -> bool:
    """Whether a string of digits is the number of a payment card: an issuer's beginning and length, and Luhn's check.

    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    if not any(digits.startswith(begins) and len(digits) in lengths for begins, lengths in _CARDS):
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0
