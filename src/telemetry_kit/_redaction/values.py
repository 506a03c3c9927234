"""What a value looks like, from a word of a message to what is drawn by lot: one scale, by which every place is judged."""

import re

from telemetry_kit._redaction.marks import any_of

JUDGED = 40
"""Characters of a value that are judged."""
WORD, PLAIN, MIXED, MOTLEY, SCRAMBLED, RANDOM, NEVER = range(7)
"""A word about a secret or a mask; any other text; letters and digits; of three kinds, as passwords are; more than a word and
a number; drawn by lot; and what no value looks like."""

_SHORTEST = (0, 0, 6, 6, 8, 17, 1 << 30)
"""How long a value of each is at least."""

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
    r"|\$[a-z_]+$|[^{]*\{\w[\w.\[\]\"' ]{0,40}\}"
)
"""A mask or a template in the place of a secret."""
_CODE = re.compile(
    r"[A-Za-z_][\w.]{0,60}[(\[]|@|/[\w.\-]+/|\.{1,2}/|\w{1,20}://|-----|[&|]|[A-Za-z_]+\.[A-Za-z_.]*[A-Za-z_]$"
)
"""A call, a look-up or a path."""
_FORMS = re.compile(
    r"v?\d+(?:[.,:]\d+)*[a-z%]{0,3}$|\d{4}-\d\d(?:-\d\d.*)?$|\d{8}t\d{6}z?$|0x[0-9a-f]{1,16}>?$|/?(?:[a-z_]{3,60}/|[a-z]{1,60}/[a-z]{1,60}/)"
)
"""Numbers, versions, times and paths, which have letters and digits too."""
_FILES = frozenset(["py", "js", "json", "yml", "yaml", "toml", "txt", "cfg", "conf", "ini", "pem", "log", "csv", "md"])
_DIGIT, _LETTERS_BY_LOT = re.compile(r"\d"), re.compile(r"[A-Z](?:[a-z]{1,3}[A-Z]+){3}")
_WORD_AND_NUMBER = re.compile(r"(?:[a-z]{3,}|[A-Z]{3,}|(?:[A-Z][a-z]+){1,3})\d{1,6}$|\d+[A-Za-z]{1,3}$")
_SIGNS = re.compile(r"[*|~#$%^&!@]|^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-|^(?:[A-Z\d]{4,6}-){2}")
"""Signs of which passwords are made, a UUID, or a product key."""
_RUNS = re.compile(r"[A-Za-z0-9]{8,}")


_SCHEMES = {"basic", "bearer", "digest", "negotiate", "oauth", "token"}
_WORD = rf"(?:{any_of(sorted(WORDS - _SCHEMES))}|[*.x\-_#?]+|[$:!][a-z_]+|\d\d?)[.:!?)\]}}>`]{{0,3}}"
NO_WORD = rf"""(?![\s=]|[a-z_\-]{{2,40}}:(?:\s[\w"']|\Z)|\[\{{|\{{["'\s]|\{{\w{{1,40}}\}}(?!;)|["'](?:["')]|{_WORD}["']|\w{{1,40}}["']@)|{_WORD}(?:[\s"',;&<]|\Z)|["']?(?:<|\[(?:redacted|[a-z]{{1,12}}\])|\{{\{{|\$[({{]|%[sr(]|\.\.\.|\*\*)
    |[a-z_][\w.]{{0,30}}[(\[]|[a-z_]{{1,16}}\s=\s|@|/[\w.\-]+/|\.\.?/|["']?\w{{1,20}}://|-----|[&|]|[a-z_]+\.[a-z_.]*[a-z_](?:[\s"',;)]|\Z)|arn:)"""
"""In lower case before a value: it is no word or mask, no code, no number of two digits, and no other name."""


def by_lot(value: str) -> bool:
    """Whether it has what no word has: a digit, or small and capital letters at random.

    >>> by_lot("hunter2"), by_lot("nbMjAdTdlzCTuU"), by_lot("SSLCertVerificationError")
    (True, True, False)
    """
    return _DIGIT.search(value) is not None or _LETTERS_BY_LOT.search(value) is not None


def looks(value: str, least: int, quoted: bool = True) -> bool:
    """Whether a value looks like so much at least; without quotes it may be code, which is as good as a word.

    >>> [looks(value, PLAIN) for value in ("required", "***", "${TOKEN}")] == [False] * 3
    True
    >>> looks("self.next()", PLAIN, quoted=False), looks("correct horse", PLAIN), looks("2026-11-29", MIXED)
    (False, True, False)
    >>> looks("hunter2", MIXED), looks("l5500b2e2dc5", SCRAMBLED), looks("9f86d081884c7d659a2feaa0", RANDOM)
    (True, True, True)
    """
    value = value[:JUDGED]
    if len(value) < _SHORTEST[least] or (least > PLAIN and not by_lot(value)):
        return False
    low = value.lower()
    if low.strip(" .,:;!?<>") in WORDS or "://" in value or _MASK.match(low) is not None:
        return False
    if not (quoted or value.isalnum()) and _CODE.match(value) is not None:
        return False
    if least == PLAIN:
        return True
    if low.split(".")[-1] in _FILES or _FORMS.match(low) is not None:
        return False
    alnum, cased = value.isalnum(), low != value and not value.isupper()
    if least == MIXED or (least == MOTLEY and (cased or not alnum)):
        return True
    scrambled = _WORD_AND_NUMBER.match(value) is None if alnum else (cased and "/" not in value) or _SIGNS.search(value)
    if least <= SCRAMBLED and len(value) >= _SHORTEST[SCRAMBLED] and scrambled:
        return True
    run = max(_RUNS.findall(value), key=len, default="") if len(value) >= _SHORTEST[RANDOM] else ""
    return by_lot(run) and not run.isdigit() and (len(run) >= 16 or not (run.islower() or run.isupper()))


def is_prose(text: str) -> bool:
    """Whether a quoted text with blanks is about a secret: a quarter of it are words that messages have, and no word of
    it is a password.

    >>> is_prose("This field is required."), is_prose("correct horse battery staple")
    (True, False)
    """
    words = text.lower().replace(".", " ").split()
    return len(WORDS.intersection(words)) * 4 >= len(words) and not any(
        len(word) >= 6 and by_lot(word) for word in words
    )
