"""What a value looks like: a secret, a word of a message about one, a mask, code, or one of the forms of harmless things."""

import re

WORDS = frozenset((
    "about", "absent", "access", "already", "an", "and", "any", "anonymous", "are", "argument", "as", "at", "authentication",
    "authorized", "bad", "bearer", "be", "been", "blank", "bool", "boolean", "bytes", "cannot", "changed", "closed", "default",
    "denied", "dict", "digest", "disabled", "does", "empty", "enabled", "error", "exist", "expected", "expired", "failed",
    "false", "field", "for", "found", "from", "given", "had", "has", "header", "help", "hidden", "in", "incorrect", "int",
    "invalid", "is", "it", "kwarg", "length", "less", "list", "local", "locked", "malformed", "may", "missing", "mismatch",
    "more", "must", "na", "never", "nil", "no", "none", "not", "null", "object", "of", "off", "ok", "on", "one", "only",
    "optional", "or", "parameter", "password", "passwords", "please", "present", "protected", "provided", "refused", "rejected",
    "required", "reset", "revoked", "schema", "set", "short", "should", "string", "str", "strong", "supported", "text", "than",
    "that", "the", "this", "to", "token", "too", "true", "type", "undefined", "unknown", "unset", "unsupported", "unused",
    "use", "used", "user", "value", "wrong", "was", "weak", "were", "will", "with", "without", "word", "yes", "you", "your",
    "basic", "secret", "secretstr", "negotiate", "oauth", "oauth2", "public", "private",
))  # fmt: skip
"""What stands after a secret's name in a message about it, instead of a value."""

_MASK = re.compile(
    r"[*.•x\-_#?]+$|[<\[(]*(?:redacted|masked|hidden|filtered|removed|secret)\b|<|\[.*\]$|\.\.\."
    r"|\{\{|\$(?:[({]|(?-i:[A-Z_][A-Z0-9_]*$))|%[s(r]|:\w+$",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"""\{\w[\w.\[\]"' ]{0,40}\}""")
_CODE = re.compile(
    r"[A-Za-z_][A-Za-z_.]*(?:[(\[]|\.[A-Za-z_]+$)|[A-Za-z_]\w*[(\[]|@|/[\w.\-]+/|\.{1,2}/|\w+://|-----|[&|]"
)
_HARMLESS = re.compile(
    r"v?\d+(?:[.,:]\d+)*[a-z%]{0,3}$|\d{4}-\d\d(?:-\d\d.*)?$|\d{8}T\d{6}Z?$|0x[0-9a-f]{1,16}>?$|/?(?:[a-z_]{3,}/|(?:[a-z]+/){2,})"
    r"|.*\.(?:py|js|json|ya?ml|toml|txt|cfg|conf|ini|pem|log|csv|md)$",
    re.IGNORECASE,
)
_WORD_AND_NUMBER = re.compile(r"(?:[a-z]{3,}|[A-Z]{3,}|(?:[A-Z][a-z]+){1,3})\d{1,6}$|\d+[A-Za-z]{1,3}$")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_SIGNS = re.compile(r"[*|~#$%^&!@]")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")


def is_word(value: str) -> bool:
    """Whether it is a word about a secret, or a mask or template in the place of one.

    >>> [is_word(value) for value in ("required", "None", "***", "${TOKEN}", "hunter2")]
    [True, True, True, True, False]
    """
    if _MASK.match(value) is not None or value.lower().strip(" .,:;!?<>") in WORDS:
        return True
    return "{" in value and _TEMPLATE.search(value) is not None


def is_code(value: str) -> bool:
    """Whether it is a call, a look-up or a path, if it isn't quoted.

    >>> [is_code(value) for value in ('config["token"]', "self.next()", "/run/secrets/x", "hunter2")]
    [True, True, True, False]
    """
    return _CODE.match(value) is not None


def is_prose(text: str) -> bool:
    """Whether a quoted text with blanks is about a secret: a quarter of it are words that messages have, and no word of
    it is a password.

    >>> is_prose("This field is required."), is_prose("correct horse battery staple")
    (True, False)
    """
    words = text.lower().replace(".", " ").split()
    return sum(word in WORDS for word in words) * 4 >= len(words) and not any(map(is_motley, text.split()))


def is_mixed(value: str) -> bool:
    """Whether it has letters and digits, as a password has and a word hasn't, and is none of the forms that have too.

    >>> [is_mixed(value) for value in ("hunter2", "required", "v1.2.3", "2026-11-29", "app2.log")]
    [True, False, False, False, False]
    """
    return (
        len(value) >= 6
        and _DIGIT.search(value) is not None
        and value.upper() != value.lower()
        and _HARMLESS.match(value) is None
    )


def is_motley(value: str) -> bool:
    """Whether it is mixed of at least three of small and capital letters, digits and signs.

    >>> is_motley("Tr0ub4dor&3"), is_motley("order17")
    (True, False)
    """
    kinds = (value != value.upper()) + (value != value.lower()) + (not value.isalnum())
    return kinds >= 2 and is_mixed(value)


def is_scrambled(value: str) -> bool:
    """Whether it is more than a word and a number: short for one drawn by lot, but nothing that people write.

    >>> is_scrambled("l5500b2e2dc5"), is_scrambled("order2026")
    (True, False)
    """
    if len(value) < 8 or not is_mixed(value):
        return False
    if _UUID.match(value) is not None:
        return True
    if value.isalnum():
        return _WORD_AND_NUMBER.match(value) is None
    return _SIGNS.search(value) is not None or (not value.islower() and not value.isupper() and "/" not in value)


def is_random(value: str) -> bool:
    """Whether it looks drawn by lot: a long run of letters and digits, or of everything there is.

    >>> is_random("9f86d081884c7d659a2feaa0"), is_random("product_page_v2_12345")
    (True, False)
    """
    if len(value) < 16 or not is_mixed(value):
        return False
    if "/" not in value and not value.isalnum() and not value.islower() and not value.isupper():
        return True
    longest = max(_SEPARATORS.split(value), key=len)
    if len(longest) >= 16:
        return is_mixed(longest)
    return len(value) >= 20 and len(longest) >= 8 and is_motley(longest)
