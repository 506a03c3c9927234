"""What a value looks like: a secret, a word of a message about one, a mask, code, or one of the forms of harmless things."""

import re
from typing import NamedTuple

WORDS = frozenset((
    "about", "absent", "access", "already", "an", "and", "any", "anonymous", "are", "argument", "as", "at", "authentication",
    "authorized", "bad", "bearer", "be", "been", "blank", "bool", "boolean", "bytes", "cannot", "changed", "closed", "default",
    "denied", "dict", "digest", "disabled", "does", "empty", "enabled", "error", "exist", "expected", "expired", "failed", "false",
    "field", "for", "found", "from", "given", "had", "has", "header", "help", "hidden", "in", "incorrect", "int", "invalid", "is",
    "it", "kwarg", "length", "less", "list", "local", "locked", "malformed", "may", "missing", "mismatch", "more", "must", "na",
    "never", "nil", "no", "none", "not", "null", "object", "of", "off", "ok", "on", "one", "only", "optional", "or", "parameter",
    "password", "passwords", "please", "present", "protected", "provided", "refused", "rejected", "required", "reset", "revoked",
    "schema", "set", "short", "should", "string", "str", "strong", "supported", "text", "than", "that", "the", "this", "to", "token",
    "too", "true", "type", "undefined", "unknown", "unset", "unsupported", "unused", "use", "used", "user", "value", "wrong", "was",
    "weak", "were", "will", "with", "without", "word", "yes", "you", "your", "basic", "secret", "secretstr", "negotiate", "oauth",
    "oauth2", "public", "private",
))  # fmt: skip
"""What stands after a secret's name in a message about it, instead of a value."""

_MASK = re.compile(
    r"[*.x\-_#?]+$|[<\[(]*(?:redacted|masked|hidden|filtered|removed|secret)\b|<|\[.*\]$|\.\.\.|\{\{|\$[({]|%[s(r]|[:!][a-z]+$"
)
_VARIABLE = re.compile(r"\$[A-Z_][A-Z0-9_]*$")
_TEMPLATE = re.compile(r"""\{\w[\w.\[\]"' ]{0,40}\}""")
_CODE = re.compile(r"[A-Za-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){0,9}[(\[]|@|/[\w.\-]+/|\.{1,2}/|\w{1,20}://|-----|[&|]")
_ATTRIBUTE = re.compile(r"[A-Za-z_]+\.[A-Za-z_.]*[A-Za-z_]$")
_HARMLESS = re.compile(
    r"v?\d+(?:[.,:]\d+)*[a-z%]{0,3}$|\d{4}-\d\d(?:-\d\d.*)?$|\d{8}t\d{6}z?$|0x[0-9a-f]{1,16}>?$|/?(?:[a-z_]{3,60}/|[a-z]{1,60}/[a-z]{1,60}/)"
)
_FILES = (
    ".py",
    ".js",
    ".json",
    ".yml",
    ".yaml",
    ".toml",
    ".txt",
    ".cfg",
    ".conf",
    ".ini",
    ".pem",
    ".log",
    ".csv",
    ".md",
)
_WORD_AND_NUMBER = re.compile(r"(?:[a-z]{3,}|[A-Z]{3,}|(?:[A-Z][a-z]+){1,3})\d{1,6}$|\d+[A-Za-z]{1,3}$")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_DIGIT, _WITH_DIGITS = re.compile(r"\d"), re.compile(r"\S*\d\S*")
_SIGNS = re.compile(r"[*|~#$%^&!@]")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")


def is_word(value: str) -> bool:
    """Whether it is a word about a secret, or a mask or template in the place of one.

    >>> [is_word(value) for value in ("required", "None", "***", "${TOKEN}", "hunter2")]
    [True, True, True, True, False]
    """
    low = value.lower()
    if low.strip(" .,:;!?<>") in WORDS or _MASK.match(low) is not None:
        return True
    return _VARIABLE.match(value) is not None or ("{" in value and _TEMPLATE.search(value) is not None)


def is_code(value: str) -> bool:
    """Whether it is a call, a look-up or a path, if it isn't quoted.

    >>> [is_code(value) for value in ('config["token"]', "self.next()", "/run/secrets/x", "hunter2")]
    [True, True, True, False]
    """
    return not value.isalnum() and (_CODE.match(value) is not None or _ATTRIBUTE.match(value) is not None)


def is_prose(text: str) -> bool:
    """Whether a quoted text with blanks is about a secret: a quarter of it are words that messages have, and no word of
    it is a password.

    >>> is_prose("This field is required."), is_prose("correct horse battery staple")
    (True, False)
    """
    words = text.lower().replace(".", " ").split()
    return sum(word in WORDS for word in words) * 4 >= len(words) and not any(
        looks(word).motley for word in text.split()
    )


class Looks(NamedTuple):
    """What a value is made of; nothing of it for what has no letters and digits, as a password has and a word hasn't."""

    mixed: bool = False
    """Letters and digits, and none of the forms of harmless things that have both."""
    motley: bool = False
    """At least three of small and capital letters, digits and signs."""
    scrambled: bool = False
    """More than a word and a number: short for one drawn by lot, but nothing that people write."""
    random: bool = False
    """Drawn by lot: a long run of letters and digits, or of everything there is."""


def looks(value: str) -> Looks:
    """What a value looks like.

    >>> [looks(value).mixed for value in ("hunter2", "required", "v1.2.3", "2026-11-29", "app2.log")]
    [True, False, False, False, False]
    >>> looks("Tr0ub4dor&3").motley, looks("order17").motley
    (True, False)
    >>> looks("l5500b2e2dc5").scrambled, looks("order2026").scrambled
    (True, False)
    >>> looks("9f86d081884c7d659a2feaa0").random, looks("product_page_v2_12345").random
    (True, False)
    """
    low = value.lower()
    if (
        len(value) < 6
        or _DIGIT.search(value) is None
        or low == value.upper()
        or low.endswith(_FILES)
        or _HARMLESS.match(low)
    ):
        return _PLAIN
    alnum, cased = value.isalnum(), not value.islower() and not value.isupper()
    if len(value) < 8:
        scrambled = False
    elif alnum:
        scrambled = _WORD_AND_NUMBER.match(value) is None
    else:
        scrambled = (cased and "/" not in value) or _SIGNS.search(value) is not None or _UUID.match(low) is not None
    return Looks(True, cased or not alnum, scrambled, len(value) >= 16 and _is_random(value, alnum, cased))


def _is_random(value: str, alnum: bool, cased: bool) -> bool:
    if cased and not alnum and "/" not in value and ":" not in value:
        return True
    longest = value if alnum else max(_SEPARATORS.split(value), key=len)
    if _DIGIT.search(longest) is None or _HARMLESS.match(longest.lower()) is not None:
        return False
    return len(longest) >= 16 or (
        len(value) >= 20 and len(longest) >= 8 and not longest.islower() and not longest.isupper()
    )


_PLAIN = Looks()
