"""Takes secrets out of text before it leaves the process: by the name beside them, and by their own shape.

A text is gone through twice, for what has a shape and for what has a name: `password is required` stays, `password is Tr0ub4dor-33`
doesn't. What was taken out is not looked at again, and a text that has more to look at than a harmless one ends where that is used
up: its time grows with its length and with nothing else, whoever wrote it.

It can't be complete: a secret without a name and without a shape looks like any word.
"""

import string
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

_TOKEN = string.ascii_letters + string.digits + "_-.~+/=%$"
_LONGEST_TOKEN, _LONGEST_CARD = 1_024, 24

_SHORT, _KEPT = 128, 512

late_import: Callable[[], AbstractContextManager[None]] = nullcontext
"""Around an import: `_core.late`'s, which stands above this layer and is here from when it is loaded."""
_search: Callable[[str], str] | None = None
_scrubbed: dict[int, str] = {}
"""What became of short texts, so many of them, by their hash, which tells no secret: a service that fails says the same few
things again and again."""


def default_scrub(text: str) -> str:
    """`text` with secrets of common shapes replaced by `[REDACTED]`.

    It knows authorization headers and cookies, values named as passwords, tokens, secrets and keys, in prose, mappings,
    URLs and connection strings, card numbers that pass their check, private keys, and the key shapes of AWS, GitHub,
    GitLab, Google, Slack, Stripe, JWT and others. Its time is linear in the length of the text.

    >>> default_scrub("connect to postgres://shop:s3cr3t@db/orders failed")
    'connect to postgres://shop:[REDACTED]@db/orders failed'
    >>> default_scrub("Authorization: Bearer abcdef0123456789")
    'Authorization: [REDACTED]'
    >>> default_scrub("card 4111 1111 1111 1111 was declined, password is required")
    'card [REDACTED] was declined, password is required'
    """
    global _search
    text = str.__str__(text)  # of a subclass nothing runs
    if (known := _scrubbed.get(hash(text))) is not None:
        return known
    search = _search
    if search is None:
        with late_import():
            from telemetry_kit._redaction.places import without_secrets

        search = _search = without_secrets
    scrubbed = search(text)
    if len(text) <= _SHORT:
        if len(_scrubbed) >= _KEPT:
            _scrubbed.clear()
        _scrubbed[hash(text)] = scrubbed
    return scrubbed


def cut(text: str, length: int) -> str:
    """The beginning of `text`, at most `length` characters, that ends at a token's edge: half a secret has no shape.

    >>> cut("card 4111 1111 1111 1111", 18), cut("token ghp_0123456789", 12)
    ('card', 'token ')
    """
    if len(text) <= length:
        return text
    kept = text[:length].rstrip(_TOKEN)
    if length - len(kept) > _LONGEST_TOKEN:
        return text[:length]
    if text[len(kept) : length + 1].isdigit():  # within groups of digits, which may be a card's
        return kept[:-_LONGEST_CARD] + kept[-_LONGEST_CARD:].rstrip(string.digits + " -")
    return kept


default_scrub.__module__ = "telemetry_kit"  # as `_core.face.public` would say, which stands above this layer
