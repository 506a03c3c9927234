"""The shapes of secrets, and how text is searched for them.

Compiling the patterns takes some milliseconds, which only who records an exception or an argument has to pay: `_scrub`
imports this module when the first text comes.
"""

import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

from telemetry_kit._redaction.scrub import LONGEST_CARD, REDACTED, SHORTEST_CARD, denied, is_card

# What may stand between a name and its value: `: `, `=`, `' => '`, `', b'`, or nothing but blanks before a quote.
_BETWEEN = (
    r"""[\w.\-\]]{0,40}(?:\\{0,4}["'])?"""
    r"""(?:\s{0,5}(?:=>|%3[AD]|[:=>])\s{0,5}|(?<=["'])\s{0,5},\s{0,5}(?=[bBuU]?\\{0,4}["'])|\s{1,3}(?:is\s{1,3})?(?=\\{0,4}["'])|\s{1,3}is\s{1,3})"""
)
_QUOTED = (
    r"""[bBrRuUfF]{0,2}(?:\\{1,4}"(?P<a>(?:[^"\\\n]|\\[^\n"])*)|\\{1,4}'(?P<b>(?:[^'\\\n]|\\[^\n'])*)"""
    r"""|"(?P<c>(?:[^"\\\n]|\\[^\n])*)|'(?P<d>(?:[^'\\\n]|\\[^\n])*))"""
)
_NAMED = re.compile(_BETWEEN + rf"""(?:{_QUOTED}|(?P<e>[^\s"'&,;)}}\]<>]+))""")
_SHORT = re.compile(
    r"(?<![A-Za-z])(?i:pass|pwd|cvv|cvc|ssn|otp)(?![A-Za-z])"
    + _BETWEEN
    + rf"""(?:{_QUOTED}|(?P<e>[^\s"'&,;)}}\]<>]+))"""
)
_PROSE = re.compile(r"""[\w\-]{0,20}\s{1,3}(?P<a>[^\s"'&,;)}\]<>]{6,})""")
_HEADER = re.compile(_BETWEEN + rf"""(?:{_QUOTED}|(?P<e>[^\r\n"'][^\r\n]*))""")
_FLAG = re.compile(r"(?<=-)[A-Za-z][\w\-]{2,40}\s{1,3}(?P<a>[^\s\-]\S*)")
_KEY = re.compile(_BETWEEN + r"""[bBuU]?\\{0,4}["']?(?P<a>[A-Za-z0-9+/_.\-]{16,}={0,2})""")
_USERINFO = re.compile(r"""://[^\s/:@"'<>]{0,256}:(?!\d{1,5}/)(?P<a>[^\s"'<>]{1,512})(?=@)""")
_USER_TOKEN = re.compile(r"""://(?P<a>[^\s/:@"'<>]{16,512})(?=@)""")
_QUERY = re.compile(r"""[?&](?P<name>[\w.\-\[\]%]{1,100})=""")
_QUERY_VALUE = re.compile(r"""[^&\s#"'<>]+""")
_BEARER = re.compile(r"""(?:bearer|negotiate|token)(?:\s|%20){1,3}(?P<a>[A-Za-z0-9._~+/=\-]{8,})""", re.IGNORECASE)
_BASIC = re.compile(r"""basic(?:\s|%20){1,3}(?P<a>[A-Za-z0-9+/_\-]{4,8192}={0,2})""", re.IGNORECASE)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
    r"(?P<a>.*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----|\Z)",
    re.DOTALL,
)
_BARE_LOGIN = re.compile(r"""(?<![\w/:@])(?P<user>[\w.+\-]{1,64}):(?P<a>[^\s:@/"'<>]{1,256})@[\w.\-]{1,253}(?:[:/(])""")
_DIGITS = re.compile(r"\d\d\d[\d \-]{10}")  # as long as the shortest card, and quick to rule out
_CARD = re.compile(r"(?<!\d)\d{3,19}(?:[ \-]\d{3,19})*")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=_.\-])(?P<a>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=_.\-])")


def _looks_random(value: str) -> bool:
    return len(value) >= 16 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _is_bearer(match: "re.Match[str]") -> bool:
    value = match["a"]
    return len(value) >= 20 or any(not c.isalpha() for c in value[:-1])


def _is_basic(match: "re.Match[str]") -> bool:
    value = match["a"].replace("-", "+").replace("_", "/")
    try:
        return b":" in binascii.a2b_base64(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return False


def _is_key(match: "re.Match[str]") -> bool:
    return _looks_random(match["a"])


def _is_no_word(match: "re.Match[str]") -> bool:
    value = match["a"]
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _is_long(match: "re.Match[str]") -> bool:
    return any(name in "abcde" and value is not None and len(value) >= 8 for name, value in match.groupdict().items())


def _is_denied(match: "re.Match[str]") -> bool:
    return denied(match["name"])


class Rule(NamedTuple):
    """Tried where its literal stands. The first of the groups a to e that took part is the secret, else all of it."""

    pattern: "re.Pattern[str]"
    valid: Callable[["re.Match[str]"], bool] | None = None
    after: bool = False
    """Whether the pattern begins after the literal instead of at it."""
    then: "re.Pattern[str] | None" = None
    """What the secret is like that follows a match, where it is only looked at if the match is valid."""


_ANY_CASE: dict[str, tuple[Rule, ...]] = {
    "authorization": (Rule(_HEADER, after=True),),
    "cookie": (Rule(_HEADER, after=True),),
    **dict.fromkeys(
        ("passw", "passphrase", "passcode", "secret", "token", "credential", "signature", "sessionid", "session_id", "session-id",
         "apikey", "api_key", "api-key", "api key", "accesskey", "access_key", "access-key", "accountkey",
         "account_key", "privatekey", "private_key", "private-key", "sharedaccesskey", "x-auth", "pin_code"),
        (Rule(_NAMED, after=True), Rule(_FLAG), Rule(_PROSE, _is_no_word, after=True)),
    ),
    **dict.fromkeys(("pass", "pwd", "cvv", "cvc", "ssn", "otp"), (Rule(_SHORT),)),
    "_key": (Rule(_NAMED, _is_long, after=True),),
    "-key": (Rule(_NAMED, _is_long, after=True),),
    "key": (Rule(_KEY, _is_key, after=True),),
    "bearer": (Rule(_BEARER, _is_bearer),),
    "negotiate": (Rule(_BEARER, _is_bearer),),
    "basic": (Rule(_BASIC, _is_basic),),
}  # fmt: skip
"""Literals in any case, and what is tried at each."""


def _shape(pattern: str) -> tuple[Rule, ...]:
    return (Rule(re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})")),)


_AS_WRITTEN: dict[str, tuple[Rule, ...]] = {
    "://": (Rule(_USERINFO), Rule(_USER_TOKEN)),
    "?": (Rule(_QUERY, _is_denied, then=_QUERY_VALUE),),
    "&": (Rule(_QUERY, _is_denied, then=_QUERY_VALUE),),
    "-----BEGIN ": (Rule(_PEM),),
    "eyJ": (Rule(re.compile(r"(?<![\w\-])eyJ[\w\-]{5,}(?:\.[\w\-]*){1,4}")),),
    **dict.fromkeys(("AKIA", "ASIA", "ABIA", "ACCA"), _shape(r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}")),
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _shape(r"gh[pousr]_[A-Za-z0-9]{16,}")),
    "github_pat_": _shape(r"github_pat_\w{16,}"),
    "glpat-": _shape(r"glpat-[\w\-]{16,}"),
    "xox": _shape(r"xox[a-z](?:\.xox[a-z])?-[\w\-]{8,}"),
    "xapp-": _shape(r"xapp-[\w\-]{8,}"),
    "hooks.slack.com/": _shape(r"hooks\.slack\.com/\w+/(?P<a>[\w/]+)"),
    "_live_": (Rule(re.compile(r"_live_(?P<a>\w{8,})")),),
    "_test_": (Rule(re.compile(r"(?<=[srp]k)_test_(?P<a>\w{8,})")),),
    "whsec_": _shape(r"whsec_[A-Za-z0-9+/=]{16,}"),
    "AIza": _shape(r"AIza[\w\-]{30,}"),
    "ya29.": _shape(r"ya29\.[\w\-.]{10,}"),
    "GOCSPX-": _shape(r"GOCSPX-[\w\-]{16,}"),
    "sk-": _shape(r"sk-[\w\-]{16,}"),
    "npm_": _shape(r"npm_[A-Za-z0-9]{30,}"),
    "pypi-A": _shape(r"pypi-A[\w\-]{16,}"),
    "SG.": _shape(r"SG\.[\w\-]{10,}\.[\w\-]{10,}"),
    "SK": _shape(r"SK[0-9a-f]{32}"),
    "_v1_": (Rule(re.compile(r"(?<=do[opr])_v1_(?P<a>[a-f0-9]{32,})")),),
    "hf_": _shape(r"hf_[A-Za-z0-9]{20,}"),
    "hvs.": _shape(r"hvs\.[\w\-]{20,}"),
    "dapi": _shape(r"dapi[0-9a-f]{32}"),
    "shp": _shape(r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{16,}"),
    "sq0": _shape(r"sq0[a-z]{3}-[\w\-]{16,}"),
    "AGE-SECRET-KEY-": _shape(r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    ":AA": (Rule(re.compile(r":(?P<a>AA[\w\-]{30,})")),),
}
"""Literals in the case in which their issuers write them."""

_GATES = ("pass", "key", "session", "auth", "_", "-", ".", ":", "A")
"""What several literals have in common: where it isn't, none of them is looked for."""

Gated = tuple[tuple[str, tuple[tuple[str, tuple[Rule, ...]], ...]], ...]


def _gated(rules: dict[str, tuple[Rule, ...]]) -> Gated:
    """The rules of each literal, by what must be in a text that has the literal."""
    found: dict[str, list[tuple[str, tuple[Rule, ...]]]] = {}
    for literal, tried in rules.items():
        gate = next((gate for gate in _GATES if gate in literal), literal)
        found.setdefault(gate, []).append((literal, tried))
    return tuple((gate, tuple(literals)) for gate, literals in found.items())


_GATED_ANY_CASE, _GATED_AS_WRITTEN = _gated(_ANY_CASE), _gated(_AS_WRITTEN)

_KEPT, _LONGEST_KEPT = 512, 256
_clean: set[str] = set()
"""Short texts in which nothing was found: a service that fails says the same few things again and again."""


def without_secrets(text: str) -> str:
    """`text` with `[REDACTED]` in the place of each secret that is found in it."""
    if text in _clean:
        return text
    without = _without_secrets(text)
    if without == text and len(text) <= _LONGEST_KEPT:
        if len(_clean) >= _KEPT:
            _clean.clear()
        _clean.add(text)
    return without


def _without_secrets(text: str) -> str:
    found = _look(_lower(text), _GATED_ANY_CASE) + _look(text, _GATED_AS_WRITTEN)
    if found:
        text = _replace(text, found)
    if "@" in text and ":" in text:
        text = _BARE_LOGIN.sub(_without_login, text)
    if _DIGITS.search(text):
        text = _CARD.sub(_without_cards, text)
    if "aws" in text or "AWS" in text:
        text = _AWS_SECRET.sub(_without_random, text)
    return text


def _lower(text: str) -> str:
    """Lower case, letter by letter: some letters become two, and would shift what is found."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _look(text: str, gated: Gated) -> list[tuple[int, int, tuple[Rule, ...]]]:
    found: list[tuple[int, int, tuple[Rule, ...]]] = []
    for gate, literals in gated:
        if gate in text:
            for literal, tried in literals:
                at = text.find(literal)
                while at >= 0:
                    after = at + len(literal)
                    found.append((at, after, tried))
                    at = text.find(literal, after)
    return found


def _replace(text: str, found: list[tuple[int, int, tuple[Rule, ...]]]) -> str:
    found.sort(key=lambda place: place[:2])
    parts: list[str] = []
    done = 0
    for start, after, rules in found:
        for rule in rules:
            at = after if rule.after else start
            if at < done:
                continue
            match = rule.pattern.match(text, at)
            if match is None or (rule.valid is not None and not rule.valid(match)):
                continue
            if rule.then is not None:
                match = rule.then.match(text, match.end())
                if match is None:
                    continue
            first, last = _secret(match)
            if text.startswith(REDACTED, first):
                continue
            parts += text[done:first], REDACTED
            done = last
            break
    parts.append(text[done:])
    return "".join(parts)


def _secret(match: "re.Match[str]") -> tuple[int, int]:
    groups = match.re.groupindex
    for name in "abcde":
        if name in groups and match.start(name) >= 0:
            return match.span(name)
    return match.span()


def _without_login(match: "re.Match[str]") -> str:
    if match["user"].lower() in ("mailto", "cc", "to", "from") or match["a"] == REDACTED:
        return match[0]
    return match[0].replace(f":{match['a']}@", f":{REDACTED}@", 1)


def _without_random(match: "re.Match[str]") -> str:
    value = match["a"]
    return REDACTED if _looks_random(value) and value.lower() != value and value.upper() != value else value


def _without_cards(match: "re.Match[str]") -> str:
    text = match[0]
    if len(text) < SHORTEST_CARD:
        return text
    pieces = re.split("([ -])", text)
    kept: list[str] = []
    index = 0
    while index < len(pieces):
        end = _card_end(pieces, index)
        kept.append(pieces[index] if end is None else REDACTED)
        if index + 1 < len(pieces) and end is None:
            kept.append(pieces[index + 1])
        index = index + 2 if end is None else end
        if end is not None and end < len(pieces):
            kept.append(pieces[end])
            index = end + 1
    return "".join(kept)


def _card_end(pieces: list[str], index: int) -> int | None:
    """Where a card number ends that begins with the group at `index`, None where none does."""
    digits = ""
    end = None
    for at in range(index, len(pieces), 2):
        digits += pieces[at]
        if len(digits) > LONGEST_CARD:
            break
        if is_card(digits):
            end = at + 1
    return end
