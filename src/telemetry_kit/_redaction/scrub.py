"""Takes secrets out of text before it leaves the process: by the name beside them, and by their own shape.

Text is searched for the literals below with `str.find`, which is fast, and only where one stands a pattern is tried.
Each pattern looks at a bounded piece, or takes what it has looked at away, so that the time grows with the length of
the text and with nothing else, whoever wrote it.

It prefers to take too much. It can't be complete: a secret without a name and without a shape looks like any word.
"""

import re
from collections.abc import Callable

REDACTED = "[REDACTED]"
"""What stands where a secret was."""

_WORDS = frozenset((
    "auth", "authorization", "card", "cookie", "cookies", "credential", "credentials", "cvc", "cvv", "dsn",
    "jwt", "key", "keys", "otp", "pan", "pass", "passcode", "passwd", "passphrase", "passphrases", "password",
    "passwords", "pin", "pins", "pw", "pwd", "secret", "secrets", "sid", "sig", "signature", "ssn", "token",
    "tokens",
))  # fmt: skip
"""As a word of a name: `api_key`, `X-Auth-Token`, `cardNumber`."""
_PARTS = (
    "apikey", "authoriz", "bearer", "cardnum", "cookie", "creditcard", "credential", "passphrase", "passwd", "password",
    "secret", "sessionid", "token",
)  # fmt: skip
"""Anywhere in a name without separators: `apikey`, `dbpassword`, `sessionId`."""
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST_NAME = 200


def denied(name: str) -> bool:
    """Whether a value of this name is a secret by its name.

    >>> [denied(name) for name in ("password", "X-Api-Key", "cardNumber", "monkey", "sku")]
    [True, True, True, False, False]
    """
    name = name[:_LONGEST_NAME]
    squeezed = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    if any(part in squeezed for part in _PARTS):
        return True
    return any(word.lower() in _WORDS for word in _SPLIT.findall(name))


_search: Callable[[str], str] | None = None


def default_scrub(text: str) -> str:
    """`text` with secrets of common shapes replaced by `[REDACTED]`.

    It knows authorization headers and cookies, values named as passwords, tokens, secrets and keys, in prose, mappings,
    URLs and connection strings, card numbers that pass their check, private keys, and the key shapes of AWS, GitHub,
    GitLab, Google, Slack, Stripe, JWT and others. Its time is linear in the length of the text.

    >>> default_scrub("connect to postgres://shop:s3cr3t@db/orders failed")
    'connect to postgres://shop:[REDACTED]@db/orders failed'
    >>> default_scrub("Authorization: Bearer abcdef0123456789")
    'Authorization: [REDACTED]'
    >>> default_scrub("card 4111 1111 1111 1111 was declined")
    'card [REDACTED] was declined'
    """
    global _search
    search = _search
    if search is None:
        from telemetry_kit._redaction.patterns import without_secrets

        search = _search = without_secrets
    return search(text)


SHORTEST_CARD, LONGEST_CARD = 13, 19
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
    if not SHORTEST_CARD <= len(digits) <= LONGEST_CARD:
        return False
    if not any(digits.startswith(begins) and len(digits) in lengths for begins, lengths in _CARDS):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


default_scrub.__module__ = "telemetry_kit"  # as `_core.face.public` would say, which stands above this layer
