"""What a value looks like, from a word of a message to what is drawn by lot: one scale, by which every place is judged."""

import re

ANY, TEXT, CHOSEN, CODE, MIXED, SCRAMBLED, RANDOM = range(7)
"""Anything; a text with a letter; that or some digits; some digits, or letters and digits; letters and digits, or more digits; more
than a word and a number; and what is drawn by lot."""

_WORDS = (
    "about absent access actual after already an and anonymous any are argument as at authentication authorized "
    "bad basic be bearer been blank bool boolean by bytes cannot changed closed code default denied dict digest disabled does "
    "empty enabled entered error exist expected expired failed false field following for found from generated given got had has "
    "header help hidden identified in incorrect input input_value instance int invalid is it kwarg length less line list "
    "local locked malformed may mismatch missing more must na negotiate never new new_value nil no node none not null oauth "
    "oauth2 object of off ok old old_value on one only optional or parameter password passwords plain plaintext please present "
    "private protected provided public raw received refused rejected required reset response revoked schema secret secretstr "
    "server set short should stored str string strong submitted supplied supported temporary text than that the this to token "
    "too tried true try type undefined unknown unset unsupported unused use used user using value variable was weak were will "
    "with without word wrong yes you your"
)  # fmt: skip
WORDS = frozenset(_WORDS.split())
"""What stands in messages about secrets: after a name instead of a value, or before a value that isn't something else."""

SIGN = r"""[^\s"'`&;<>,]"""
"""What a value without quotes is made of."""
NO_VALUE = r"""(?!(?=[^A-Za-z\d])(?:[*.\-_#?]{1,60}%e|[<(]*(?i:redacted|masked|hidden|filtered|removed|secret)\b|[\[<]|-----|\.\.\.|\{\{|%[sr(]
    |[:!][a-z]{1,40}%e|\$(?:[({]|[A-Za-z_]{1,40}%e))|[xX*]{1,60}%e|[\w/:]{0,30}(?:\{\w[\w.\[\]"']{0,40}\}|://))"""
"""It is no mask, no template and no address; """
NO_CODE = r"(?![A-Za-z_][\w.]{0,40}[(\[]|@|/[\w.\-]+/|\.{1,2}/|\||[A-Za-z_]{1,24}\.[A-Za-z_.]{0,30}[A-Za-z_]%e)"
"""without quotes also no call, look-up or path;"""
NO_PROSE = r"""(?!(?=[A-Za-z_\-]{3,30}%e)[A-Za-z_\-]{0,24}?(?i:passw|token|secret|key|auth|cred|cookie|session)
    |(?<=[\s:])[A-Za-z\x80-\U0010ffff][^\s\d,;]{0,30}\x20["'(/\[]?[\w\x80-\U0010ffff])"""
"""and no other name, and no part of a sentence that goes on."""
_LETTERS = r"A-Za-z\x80-\U0010ffff"
"""Those of any alphabet, for what people choose."""
_BOTH = r"""(?=%w[\d])(?=%w[A-Za-z])(?!v?\d[\d.,:TZ\-]{0,40}[a-z%]{0,3}%e|\d{4}-\d\d-|0x[\da-fA-F]{1,16}%e
    |[A-Z]{2,8}/\d|/?(?:[a-z_\-]{3,60}/|[a-z]{1,60}/[a-z]{1,60}/))"""
"""Letters and digits that are no number, version, time or path."""
_RUN = r"(?=(?:[A-Za-z\d]{0,40}%j){0,3}?(?=[A-Za-z\d]{12})(?=[A-Za-z]{0,30}\d)\d{0,30}[A-Za-z])"
"""So many letters and digits in a row as nobody chooses."""
_SCRAMBLED = rf"""(?=%v{{8}})(?:
    (?=[A-Za-z\d]{{8,60}}%e)(?!(?:(?:[a-z]{{3,40}}|[A-Z]{{3,40}}|(?:[A-Z][a-z]{{1,20}}){{1,3}})\d{{1,6}}|\d{{1,40}}[A-Za-z]{{1,3}})%e)
    |(?=%w[a-z])(?=%w[A-Z])(?=[A-Za-z\d]{{0,40}}[^\sA-Za-z\d/])(?!%w[/])|(?=%w[*|~#$%^&!@])
    |(?=[0-9a-f]{{8}}-[0-9a-f]{{4}}-|(?:[A-Z\d]{{4,6}}-){{2}})|{_RUN})"""
_SCALE = {
    ANY: "",
    TEXT: rf"(?=%w[{_LETTERS}])",
    CHOSEN: rf"(?=\d{{3,11}}(?!\w)|%w[{_LETTERS}])",
    CODE: rf"(?:(?=\d{{3,11}}(?!\w))|(?=%v{{6}}){_BOTH})",
    MIXED: rf"(?:(?=\d{{6,11}}(?!\w))|(?=%v{{6}}){_BOTH})",
    SCRAMBLED: _BOTH + _SCRAMBLED,
    RANDOM: rf"(?=%v{{17}}){_BOTH}{_RUN}",
}


def ahead(least: int, more: str = "", sign: str = SIGN) -> str:
    """The pattern of what stands ahead where a value begins that looks like so much at least."""
    pattern = _SCALE[least] + NO_VALUE * (least > ANY) + more
    pattern = pattern.replace("%e", rf"[).\]}}:!?\\]{{0,4}}(?!{sign})")
    pattern = re.sub(r"%w(\[([^\]]+)\])", lambda found: rf"{sign[:-1]}{found[2]}]{{0,32}}{found[1]}", pattern)
    return pattern.replace("%j", rf"{sign[:-1]}A-Za-z\d]").replace("%v", sign)


LOOKS = [re.compile(ahead(least), re.ASCII | re.VERBOSE).match for least in _SCALE]


def looks(value: str, least: int) -> bool:
    """Whether a value looks like so much at least.

    >>> [looks(value, TEXT) for value in ("required", "***", "${TOKEN}")] == [False] * 3
    True
    >>> looks("correct horse", TEXT), looks("2026-11-29", MIXED), looks("hunter2", MIXED)
    (True, False, True)
    >>> looks("l5500b2e2dc5", SCRAMBLED), looks("9f86d081884c7d659a2feaa0", RANDOM)
    (True, True)
    """
    return LOOKS[least](value) is not None and not is_prose(value)


def is_prose(text: str) -> bool:
    """Whether a text is about a secret: a quarter of it are words that messages have, and no word of it is a password.

    >>> is_prose("This field is required."), is_prose("correct horse battery staple")
    (True, False)
    """
    low = text.lower()
    if " " not in low:
        return low.strip(".,:;!?") in WORDS
    words = low.replace(".", " ").split()
    return len(WORDS.intersection(words)) * 4 >= len(words) and not any(LOOKS[MIXED](word) for word in words)
