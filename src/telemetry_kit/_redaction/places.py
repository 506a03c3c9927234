"""The places of a text at which a secret may stand: whether one does, and how far it reaches.

A text is gone through a few times, each time for one plain pattern that finds where to look. What a look costs is counted,
and where a text has used up what a text of its length may, it ends: so its time grows with its length, and with nothing
else, whoever wrote it.
"""

import re
from collections.abc import Callable

from telemetry_kit._redaction.marks import JUDGING, LEAVING, NAMING, PIECE, REDACTED, is_card
from telemetry_kit._redaction.named import JUDGED, LONGEST, Span, named, value_at, whole, word_before
from telemetry_kit._redaction.names import LETTERS, any_of, denied
from telemetry_kit._redaction.shapes import ADDRESS, SHAPE
from telemetry_kit._redaction.values import MIXED, MOTLEY, NEVER, PLAIN, RANDOM, SCRAMBLED, by_lot, level

FEWEST, CHARACTERS = 15, 24
"""What a text may cost: at least so many looks, or one for so many characters."""

Match = re.Match[str]

_CREDENTIALS = re.compile(r",?(?:\s|%20){1,3}([\w+/.~\-]{8,}={0,2})(?![=\w])")
_BY = re.compile(r"\s(?:with\s\S+\s)?by\s(?:password\s)?", re.IGNORECASE)
_COLUMN = re.compile(r"passw|secret|token|credential|api_?key")
_SECOND = re.compile(r"""[( ]["'][^\s"']{1,40}["'],? ["']([^\s"']{6,64})""")
_ISSUED = re.compile(r"(?<!sha\d\d\d)[_\-]([A-Za-z0-9]{26,}[\w\-]*)")
_HEX, _LEADS = re.compile(r"[0-9A-Fa-f\-]*\Z"), tuple(".$/:~")


def _login(text: str, match: Match) -> Span | int:
    """What stands before the `@` of a URL, or an address that is a secret itself."""
    begin, end = match.span(1)
    if begin < 0:
        found = ADDRESS.match(text, match.end())
        return 0 if found is None else found.span()
    user, colon, password = text[begin:end].partition(":")
    if level(user[:JUDGED]) == RANDOM:
        return begin, end
    return (begin + len(user) + 1, end) if colon and level(password[:JUDGED], PLAIN) >= PLAIN else LEAVING


def _pair(text: str, match: Match) -> Span | int:
    """`user:password@host` or `user/password@host` without a scheme."""
    begin = match.end()
    end = text.index("@", begin)
    user, password = word_before(text, begin - 1, LETTERS + ".+").lower(), text[begin:end]
    least = PLAIN if text[begin - 1] == ":" else NEVER if "." in user else MOTLEY
    if user in ("mailto", "sip", "cc", "to", "from") or password.isdigit():
        return LEAVING
    return (begin, end) if level(password[:JUDGED], least) >= least else LEAVING


def _pem(text: str, match: Match) -> Span | int:
    """All of a private key, with an end or without."""
    end = text.find("-----END ", match.end())
    return match.end(), len(text) if end < 0 else end


def _flag(text: str, match: Match) -> Span | int:
    """`-p secret`, `-psecret` and `-u user:secret`, as clients take them."""
    begin, end = match.span(2)
    return (begin, end) if level(text[begin:end][:JUDGED], SCRAMBLED) >= SCRAMBLED else LEAVING


def _word(text: str, match: Match) -> Span | int:
    """What stands after a name or a word that announces a secret."""
    if match[1]:
        return -1  # a marker counts as taken, and costs nothing
    return _SPECIAL.get(match[0], named)(text, match)


def _scheme(text: str, match: Match) -> Span | int:
    """What stands after `Bearer` and its like."""
    found = _CREDENTIALS.match(text, match.end())
    if found is None:
        return 0
    credentials = found[1].replace("/", "+")  # base64 has no paths
    return found.span(1) if credentials.endswith("==") or level(credentials[:JUDGED], MIXED) >= MIXED else LEAVING


def _identified(text: str, match: Match) -> Span | int:
    """SQL's `IDENTIFIED BY '...'`."""
    by = _BY.match(text, match.end())
    at = match.start()
    if by is None or not (text[at].isupper() or "user " in match.string[max(0, at - 80) : at]):
        return 0
    return whole(text, by.end()) if level(value_at(text, by.end())[0], PLAIN) >= PLAIN else LEAVING


def _second(text: str, match: Match) -> Span | int:
    """The second argument of a login."""
    found = _SECOND.match(text, match.end())
    return 0 if found is None else found.span(1) if level(found[1][:JUDGED], MIXED) >= MIXED else LEAVING


def _given(text: str, match: Match) -> Span | int:
    """What a validator or a statement was given, where a field or column of it that stands before is a secret's."""
    at, row, low = match.end(), match[0] in ("values", "parameters"), match.string
    if not text.startswith(("(", " (", ": (") if row else ("='", '="', "': ", '": '), at):
        return 0
    before = low[max(0, match.start() - 300) : match.start()]
    if match[0] == "input_value":
        before = "".join(before.rsplit("\n", 2)[-2:-1])
    if _COLUMN.search(before) is None or not (row or denied(before)):
        return JUDGING
    if row:
        begin = text.index("(", at) + 1
        end = text.find(")", begin, begin + LONGEST)
        values = text[begin : end if end >= 0 else None]
        return (begin, begin + len(values)) if "'" in values or '"' in values else LEAVING
    at += 1 if text[at] == "=" else 3
    judged, _, quoted = value_at(text, at)
    return whole(text, at) if quoted and level(judged, PLAIN) >= PLAIN else LEAVING


def _card(_: str, match: Match) -> Span | int:
    """The number of a card, in one or in groups with one sign between."""
    return match.span() if is_card(match[0].replace(" ", "").replace("-", "")) else NAMING


def _token(text: str, match: Match) -> Span | int:
    """A token in an issuer's shape, or one with a beginning of its own and drawn by lot."""
    at, end = match.span()
    word = text[at:end]
    if not by_lot(word) or (text[at - 1 : at] not in _LEADS and _HEX.match(word) is not None):
        return 0
    found = SHAPE.match(text, at)
    if found is not None:
        return found.span()
    issued = _ISSUED.search(text, at, end)
    if issued is None or issued[1].islower() or level(issued[1]) < RANDOM:
        return NAMING
    return issued.start(1), end


_SPECIAL: dict[str, Callable[[str, Match], Span | int]] = {
    "bearer": _scheme, "basic": _scheme, "ssws": _scheme, "negotiate": _scheme, "geniekey": _scheme, "identified": _identified,
    "login": _second, "httpbasicauth": _second, "plaincredentials": _second, "basic_auth": _second, "input_value": _given, "input": _given, "values": _given, "parameters": _given,
    "private-lines": _pem,
}  # fmt: skip
_NAMES = (
    "pass", "pwd", "pw", "pin", "otp", "sess", "sid", "sig", "ssn", "secret", "cred", "cookie", "code", "cvv", "cvc", "auth(?!enti)",
    "key", "token", "jwt", "csrf", "xsrf", "hmac", "mnemonic", "psk", "phrase", "crumb", "verifier", "saml", "dockerconfig",
)  # fmt: skip
"""Where a name is looked at: `names.read` decides on the whole of it."""


_PLACES = (
    (re.compile(r"-----begin\s[a-z0-9\s]{0,40}private\skey-{0,5}(?!-|\[redacted)"), _pem),
    (re.compile(r"""://(?:([^\s/"'<>]{1,512})@)?"""), _login),
    (re.compile(r"""[:/](?=[^\s:/@"'<>]{3,256}@[\w\[.(/])"""), _pair),
    (re.compile(rf"(?:{any_of((*_SPECIAL, *_NAMES))})[a-z0-9_\-]{{0,24}}(\W{{1,4}}redacted\])?"), _word),
    (re.compile(r"""-(?<![^\s'"\[(]-)([pakuw]|-user)[\s'"=,]{0,4}([^\s\-"',][^\s"']{5,})"""), _flag),
    (re.compile(r"[a-z0-9_\-]{16,}"), _token),
    (re.compile(r"[2-6](?<![\w./].)\d{3}(?:([ \-])\d{4,6}\1\d{4,5}(?:\1\d{1,4}(?:\1\d{3})?)?(?!\d)|\d{9,15}(?!\d))"), _card),
)  # fmt: skip
"""What is looked for, in lower case, what judges what is found: what to take, or how many looks it cost to leave it."""


def without_secrets(text: str) -> str:
    """`text` with `[REDACTED]` in the place of each secret that is found in it."""
    left = max(FEWEST, len(text) // CHARACTERS)
    # Of ASCII are all of the patterns, and some other letters become two in lower case.
    plain = text if text.isascii() else text.encode("ascii", "replace").decode("ascii")
    for pattern, judge in _PLACES:
        taken: list[Span] = []
        done = at = 0
        low = plain.lower()
        while (match := pattern.search(low, at)) is not None:
            at = match.end()
            left -= 1
            found = judge(plain, match) if left >= 0 else (max(done, match.start()), len(plain))
            if isinstance(found, int):
                left -= found
                continue
            begin, end = found
            left -= JUDGING + (min(end, at + JUDGED) - match.start()) // PIECE
            if done <= begin < end and not plain.startswith(REDACTED, begin):
                taken.append(found)
                at = done = max(at, end)
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
