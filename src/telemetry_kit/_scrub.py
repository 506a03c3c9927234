"""Takes secrets out of text before it leaves the process: by the name beside them, and by their own shape.

Text is searched for the literals below with `str.find`, which is fast, and only where one stands a pattern is tried.
Each pattern looks at a bounded piece, or takes what it has looked at away, so that the time grows with the length of
the text and with nothing else, whoever wrote it.

It prefers to take too much. It can't be complete: a secret without a name and without a shape looks like any word.
"""

import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

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
    "secret", "sessionid", "ssn_", "token",
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


# What may stand between a name and its value: `: `, `=`, `' => '`, `', b'`, or nothing but blanks before a quote.
_BETWEEN = (
    r"""[\w.\-\]]{0,40}(?:\\?["'])?"""
    r"""(?:\s{0,5}(?:=>|[:=])\s{0,5}|(?<=["'])\s{0,5},\s{0,5}(?=[bBuU]?\\?["'])|\s{1,3}(?:is\s{1,3})?(?=\\?["'])|\s{1,3}is\s{1,3})"""
)
_QUOTED = (
    r"""[bBrRuUfF]{0,2}(?:\\"(?P<a>(?:[^"\\\n]|\\[^\n"])*)|\\'(?P<b>(?:[^'\\\n]|\\[^\n'])*)"""
    r"""|"(?P<c>(?:[^"\\\n]|\\[^\n])*)|'(?P<d>(?:[^'\\\n]|\\[^\n])*))"""
)
_NAMED = re.compile(_BETWEEN + rf"""(?:{_QUOTED}|(?P<e>[^\s"'&,;)}}\]<>]+))""")
_HEADER = re.compile(_BETWEEN + rf"""(?:{_QUOTED}|(?P<e>[^\r\n"'][^\r\n]*))""")
_FLAG = re.compile(r"(?<=-)[A-Za-z][\w\-]{2,40}\s{1,3}(?P<a>[^\s\-]\S*)")
_KEY = re.compile(_BETWEEN + r"""[bBuU]?\\?["']?(?P<a>[A-Za-z0-9+/_.\-]{16,}={0,2})""")
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
        ("pass", "pwd", "secret", "token", "credential", "signature", "sessionid", "session_id", "session-id",
         "apikey", "api_key", "api-key", "api key", "accesskey", "access_key", "access-key", "accountkey",
         "account_key", "privatekey", "private_key", "private-key", "sharedaccesskey", "x-auth", "cvv", "cvc", "ssn",
         "otp", "pin_code"),
        (Rule(_NAMED, after=True), Rule(_FLAG)),
    ),
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
    found = _look(_lower(text), _ANY_CASE) + _look(text, _AS_WRITTEN)
    if found:
        text = _replace(text, found)
    if "@" in text and ":" in text:
        text = _BARE_LOGIN.sub(_without_login, text)
    if _CARD.search(text):
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


def _look(text: str, rules: dict[str, tuple[Rule, ...]]) -> list[tuple[int, int, tuple[Rule, ...]]]:
    found: list[tuple[int, int, tuple[Rule, ...]]] = []
    for literal, tried in rules.items():
        if literal in text:
            length = len(literal)
            at = text.find(literal)
            while at >= 0:
                found.append((at, at + length, tried))
                at = text.find(literal, at + length)
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
    if len(text) < _SHORTEST_CARD:
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
        if len(digits) > _LONGEST_CARD:
            break
        if is_card(digits):
            end = at + 1
    return end


_SHORTEST_CARD, _LONGEST_CARD = 13, 19
_LENGTHS = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"3(?:0[0-5]|[689])"), (14, 16, 19)),
    (re.compile(r"5[0-9]|2[2-7]|35|6"), (16, 17, 18, 19)),
)
"""Beginnings of the issuers' numbers and how long they are."""


def is_card(digits: str) -> bool:
    """Whether a string of digits is the number of a payment card: an issuer's beginning and length, and Luhn's check.

    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    if not _SHORTEST_CARD <= len(digits) <= _LONGEST_CARD:
        return False
    if not any(begins.match(digits) and len(digits) in lengths for begins, lengths in _LENGTHS):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0
