"""The places of a text at which a secret may stand: whether one does, and how far it reaches.

A text is gone through a few times, each time for one plain pattern that finds where to look. What a look costs is counted,
and where a text has used up what a text of its length may, it ends: so its time grows with its length, and with nothing
else, whoever wrote it.
"""

import re
from collections.abc import Callable

from telemetry_kit._redaction.marks import LETTERS, REDACTED, any_of, is_card
from telemetry_kit._redaction.named import BETWEEN, Span, named, value_at, whole, word_before
from telemetry_kit._redaction.names import denied
from telemetry_kit._redaction.shapes import ADDRESS, SHAPE
from telemetry_kit._redaction.values import MIXED, MOTLEY, NEVER, PLAIN, RANDOM, SCRAMBLED, by_lot, looks

LOOK, FEWEST, CHARACTERS = 2, 14, 10
"""What a look costs, and what a text may: so much, and one for so many characters."""
LONGEST = 4_096
"""Characters in which the end of a statement's values is looked for."""

Match = re.Match[str]
Judge = Callable[[str, Match], Span | int]

_COLUMN = re.compile(r"passw|secret|token|credential|api_?key")
_DRAWN = re.compile(r"(?<![:/+,])(?=[^g-zG-Z]*[g-zG-Z])(?=(?:\D*\d){3})[A-Za-z0-9]{32,}(?![A-Za-z0-9+/=])")


def _login(text: str, match: Match) -> Span | int:
    """What stands before the `@` of a URL, or an address that is a secret itself."""
    begin, end = match.span(1)
    if begin < 0:
        found = ADDRESS.match(text, match.end())
        return 4 if found is None else found.span()
    user, colon, password = text[begin:end].partition(":")
    if looks(user, RANDOM):
        return begin, end
    return (begin + len(user) + 1, end) if colon and looks(password, PLAIN) else 0


def _pair(text: str, match: Match) -> Span | int:
    """`user:password@host` or `user/password@host` without a scheme."""
    begin = match.end()
    end = text.index("@", begin)
    user, password = word_before(text, begin - 1, LETTERS + ".+").lower(), text[begin:end]
    least = PLAIN if text[begin - 1] == ":" else NEVER if "." in user else MOTLEY
    if user in ("mailto", "sip", "cc", "to", "from") or password.isdigit():
        return 0
    return (begin, end) if looks(password, least) else 0


def _pem(text: str, match: Match) -> Span | int:
    """All of a private key, with an end or without."""
    end = text.find("-----END ", match.end())
    return match.end(), len(text) if end < 0 else end


def _placed(text: str, match: Match) -> Span | int:
    """What stands after `Bearer` and its like, as a login's second argument, or after a client's `-p`, `-u`."""
    begin, end = match.span(str(match.lastgroup))
    known = text.startswith("==", end - 2)  # base64
    return (begin, end) if known or looks(text[begin:end], SCRAMBLED if match.lastgroup == "flag" else MIXED) else 0


def _identified(text: str, match: Match) -> Span | int:
    """SQL's `IDENTIFIED BY '...'`."""
    at, word = match.end(), match.pos
    if not (text[word - 1].isupper() or "user " in match.string[max(0, word - 90) : word]):
        return 0
    return whole(text, at) if looks(value_at(text, at)[0], PLAIN) else 0


def _row(text: str, match: Match) -> Span | int:
    """The values of a statement with a secret's column."""
    begin = match.end()
    if _COLUMN.search(match.string, max(0, match.pos - 300), match.pos) is None:
        return 0
    end = text.find(")", begin, begin + LONGEST)
    values = text[begin : end if end >= 0 else None]
    return (begin, begin + len(values)) if "'" in values or '"' in values else 0


def _input(text: str, match: Match) -> Span | int:
    """What a validator was given for a field that is a secret's: the line before names it, or what stands before."""
    before = match.string[max(0, match.pos - 300) : match.pos]
    if match.lastgroup == "line":
        before = "".join(before.rsplit("\n", 2)[-2:-1])
    if _COLUMN.search(before) is None or not denied(before):
        return 0
    return whole(text, match.end()) if looks(value_at(text, match.end())[0], PLAIN) else 0


def _card(_: str, match: Match) -> Span | int:
    """The number of a card, in one or in groups with one sign between."""
    return match.span() if is_card(match[0].replace(" ", "").replace("-", "")) else 0


def _token(text: str, match: Match) -> Span | int:
    """A token in an issuer's shape, or 32 letters and digits drawn by lot."""
    at, end = match.span()
    if not by_lot(text[at:end]):
        return 2
    found = SHAPE.match(text, at) or _DRAWN.match(text, at, end + 1)
    return 1 if found is None else found.span()


_NAMES = (
    "pass", "pwd", "pw", "pin", "otp", "sess", "sid", "sig", "ssn", "secret", "cred", "cookie", "code(?<!status.code)(?<!error.code)(?<!exit.code)(?<!country.code)", "cvv", "cvc", "auth(?!enti)",
    "key(?!err)", "token(?!_id|_type|_count|s=\\d)", "jwt", "csrf", "xsrf", "hmac", "mnemonic", "psk", "phrase", "crumb", "verifier", "saml", "dockerconfig",
)  # fmt: skip
"""Where a name is looked at: `names.read` decides on the whole of it."""
_ANNOUNCED: dict[str, tuple[re.Pattern[str], Judge]] = {
    word: (re.compile(then), judge)
    for words, then, judge in (
        ("bearer basic ssws negotiate geniekey", r",?(?:\s|%20){1,3}(?P<said>[\w+/.~\-]{8,}={0,2})(?![=\w])", _placed),
        ("login httpbasicauth plaincredentials basic_auth pw_set simple_bind_s", r"""(?:\sfailed:)?[=\s]?\(?["'][^\s"']{1,40}["'],?\s?["'](?P<said>[^\s"']{6,64})""", _placed),
        ("identified", r"\s(?:with\s\S{1,40}\s)?by\s(?:password\s)?(?=\S)", _identified),
        ("input_value", r"""(?P<line>=)(?=["'])""", _input),
        ("input", r"""["']:\s(?=["'])""", _input),
        ("values parameters", r":?\s?\((?!\[redacted)", _row),
    )
    for word in words.split()
}  # fmt: skip
"""Words after which a value is known without a name: what stands after them, and what judges it."""
_WORDS = re.compile(rf"(?:{any_of((*_ANNOUNCED, *_NAMES))})[a-z0-9_\-]{{0,24}}")
_NAMED: tuple[re.Pattern[str], Judge] = (BETWEEN, named)

_PLACES: tuple[tuple[re.Pattern[str], int, Judge | None], ...] = (
    (re.compile(r"(?:-----begin\s[a-z0-9\s]{0,40}private\skey-{0,5}|private-lines:)(?!-|\[redacted)"), 1, _pem),
    (re.compile(r"""://(?:([^\s/"'<>]{1,512})@)?"""), 4, _login),
    (re.compile(r"""[:/](?!\[redacted)(?=[^\s:/@"'<>]{3,256}@[\w\[.(/])"""), 4, _pair),
    (_WORDS, 10, None),
    (re.compile(r"""-(?<![^\s'"\[(]-)(?:[pakuw]|-user)[\s'"=,]{0,4}(?P<flag>[^\s\-"',][^\s"']{5,})"""), 4, _placed),
    (re.compile(r"[a-z0-9_\-]{16,}"), 3, _token),
    (re.compile(r"[2-6](?<![\w./].)\d{3}(?:([ \-])\d{4,6}\1\d{4,5}(?:\1\d{1,4}(?:\1\d{3})?)?(?!\d)|\d{9,15}(?!\d))"), 2, _card),
)  # fmt: skip
"""What is looked for, in lower case, what it costs to judge it, and what does; a word has its own."""


def without_secrets(text: str) -> str:
    """`text` with `[REDACTED]` in the place of each secret that is found in it."""
    left = FEWEST + len(text) // CHARACTERS
    # Of ASCII are all of the patterns, and some other letters become two in lower case.
    plain = text if text.isascii() else text.encode("ascii", "replace").decode("ascii")
    for pattern, price, judge in _PLACES:
        taken: list[Span] = []
        done = at = 0
        low = plain.lower()
        while (match := pattern.search(low, at)) is not None:
            at = match.end()
            near: Match | None = match
            after, judged = _ANNOUNCED.get(match[0], _NAMED) if judge is None else (None, judge)
            if after is not None:
                near = after.match(low, at)
            left -= LOOK if near is None else LOOK + price
            if left < 0:
                found: Span | int = max(done, match.start()), len(plain)
            else:
                found = 0 if near is None else judged(plain, near)
            if isinstance(found, int):
                left += found
            elif done <= found[0] < found[1] and not plain.startswith(REDACTED, found[0]):
                taken.append(found)
                at = done = max(at, found[1])
        if taken:
            ascii_only, text = text is plain, _without(text, taken)
            plain = text if ascii_only else _without(plain, taken)
    return text


def _without(text: str, spans: list[Span]) -> str:
    kept, done = [text[:0]], 0
    for begin, end in spans:
        kept += text[done:begin], REDACTED
        done = end
    return "".join(kept) + text[done:]
