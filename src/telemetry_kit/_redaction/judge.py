"""Whether what stands at a place in a text is a secret, and how far it reaches."""

import binascii
import re
import string

from telemetry_kit._redaction.names import ALWAYS, NEVER, OTHER_KINDS, PASSWORDS, PERHAPS, weight
from telemetry_kit._redaction.patterns import APART, NAMED, QUOTE, SHAPE
from telemetry_kit._redaction.scrub import LONGEST_CARD, REDACTED, SHORTEST_CARD, is_card

_PLACES, _CHARACTERS = 32, 64
"""Places that are judged in any text, and characters for each further one."""
_JUDGED, _LONGEST = 128, 4_096
"""Characters of a value that are judged, and in which its end is looked for before it is known to be a secret."""

Span = tuple[int, int]
_NAME = string.ascii_letters + string.digits + "_-"

_OPENING = re.compile(rf"(?:Secret(?:Str|Bytes)\()?[bfnruBFNRU]{{0,2}}[\[({{]?\s{{0,8}}[bnruBNRU]{{0,2}}({QUOTE})")
_BARE = re.compile(rf"""[^\s"'`&;<>,]{{1,{_JUDGED}}}(?:,(?![\s"']|[\w.]{{1,40}}=)[^\s"'`&;<>,]{{1,64}}){{0,4}}""")
_REST, _REST_OF_LINE = re.compile(r"\S*"), re.compile(r".*")
_LINE = re.compile(r"""[^\r\n"'`]+""")
_MASKED = re.compile(
    r"""[*.•x\-_#?]+$|[<\[(]*(?:redacted|masked|hidden|filtered|removed|secret)\b|\{\{|\$(?:[({]|(?-i:[A-Z_][A-Z0-9_]*$))|%[s(r]|:\w+$|<.*|\[.*\]$|\.\.\.""",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"""\{\w[\w.\[\]"' ]{0,40}\}""")
_CODE = re.compile(
    r"""[A-Za-z_][A-Za-z_.]*(?:[(\[]|\.[A-Za-z_]+$)|[A-Za-z_]\w*[(\[]|@|/[\w.\-]+/|\.{1,2}/|\w+://|-----|[&|]"""
)
_SCHEME = re.compile(r"""(?:[A-Za-z][\w\-]{2,20}(?:\s|%20)+)([^\s"',;]{8,})""")
_WORD_AND_NUMBER, _SIGNS = (
    re.compile(r"(?:[a-z]{3,}|[A-Z]{3,}|(?:[A-Z][a-z]+){1,3})\d{1,6}$|\d+[A-Za-z]{1,3}$"),
    re.compile(r"[*|~#$%^&!@]"),
)
_ISSUED, _SIGNED = re.compile(r"token|api.?key"), re.compile(r"sig|auth|sess|sid")
_CREDENTIALS = re.compile(r"(?:\s|%20){1,3}([\w+/=.~\-]+)")
_COLUMN = re.compile(r"passw|secret|token|credential|api_?key")
_FURTHER_CODE = re.compile(r"\s{0,3}(?:=[^=]|\||\)?:\s*$)")
_PROSE_FOLLOWS = re.compile(r"[:,.]?[ ][A-Za-z]{2,}(?:[ ,.]|$)")
_HARMLESS_FORM = re.compile(
    r"""v?\d+(?:[.,:]\d+)*[a-z%]{0,3}$|\d{4}-\d\d(?:-\d\d.*)?$|.*\.(?:py|js|json|ya?ml|toml|txt|cfg|conf|ini|pem|log|csv|md)$|0x[0-9a-f]{1,16}>?$|/?(?:[a-z]+/)+""",
    re.IGNORECASE,
)
_WORDS = frozenset(
    (
        "about",
        "absent",
        "access",
        "already",
        "an",
        "and",
        "any",
        "anonymous",
        "are",
        "argument",
        "as",
        "at",
        "authentication",
        "authorized",
        "bad",
        "bearer",
        "be",
        "been",
        "blank",
        "bool",
        "boolean",
        "bytes",
        "cannot",
        "changed",
        "closed",
        "default",
        "denied",
        "dict",
        "digest",
        "disabled",
        "does",
        "empty",
        "enabled",
        "error",
        "exist",
        "expected",
        "expired",
        "failed",
        "false",
        "field",
        "for",
        "found",
        "from",
        "given",
        "had",
        "has",
        "header",
        "help",
        "hidden",
        "in",
        "incorrect",
        "int",
        "invalid",
        "is",
        "it",
        "kwarg",
        "length",
        "less",
        "list",
        "local",
        "locked",
        "malformed",
        "may",
        "missing",
        "mismatch",
        "more",
        "must",
        "na",
        "never",
        "nil",
        "no",
        "none",
        "not",
        "null",
        "object",
        "of",
        "off",
        "ok",
        "on",
        "one",
        "only",
        "optional",
        "or",
        "parameter",
        "password",
        "passwords",
        "please",
        "present",
        "protected",
        "provided",
        "refused",
        "rejected",
        "required",
        "reset",
        "revoked",
        "schema",
        "set",
        "short",
        "should",
        "string",
        "str",
        "strong",
        "supported",
        "text",
        "than",
        "that",
        "the",
        "this",
        "to",
        "token",
        "too",
        "true",
        "type",
        "undefined",
        "unknown",
        "unset",
        "unsupported",
        "unused",
        "use",
        "used",
        "user",
        "value",
        "wrong",
        "was",
        "weak",
        "were",
        "will",
        "with",
        "without",
        "word",
        "yes",
        "you",
        "your",
        "basic",
        "secret",
        "secretstr",
        "negotiate",
        "oauth",
        "oauth2",
        "public",
        "private",
    )
)
"""What stands after such a name in a message about it, instead of a value."""


def without_secrets(text: str) -> str:
    """`text` with `[REDACTED]` in the place of each secret that is found in it."""
    # Letter by letter: some letters become two in lower case, and would shift what is found.
    low = text.lower() if text.isascii() else text.encode("ascii", "replace").decode("ascii").lower()
    left = _PLACES + len(text) // _CHARACTERS
    parts: list[str] = []
    done = 0
    named, apart = NAMED.search(low), APART.search(low)
    while named is not None or apart is not None:
        if apart is None or (named is not None and named.start() <= apart.start()):
            match: re.Match[str] = named  # type: ignore[assignment]
            span = _named(text, match)
        else:
            match = apart
            span = _APART[match.lastgroup.rstrip(string.digits)](text, match)  # type: ignore[union-attr]
        left -= 1
        if left < 0:
            parts += text[done : max(done, match.start())], REDACTED
            done = len(text)
            break
        at = match.end()
        if span is not None and span[0] >= done and not text.startswith(REDACTED, span[0]):
            parts += text[done : span[0]], REDACTED
            at = done = span[1]
        if named is not None and (named is match or named.start() < at):
            named = NAMED.search(low, at)
        if apart is not None and (apart is match or apart.start() < at):
            apart = APART.search(low, at)
    if not parts:
        return text
    parts.append(text[done:])
    return "".join(parts)


def _word_before(text: str, at: int, letters: str = _NAME) -> str:
    before = text[max(0, at - 48) : at]
    return before[len(before.rstrip(letters)) :]


def _named(text: str, match: "re.Match[str]") -> Span | None:
    """A value with a name before it."""
    start, kind = match.start(), match.lastgroup.rstrip(string.digits)  # type: ignore[union-attr]
    stem = _word_before(text, start)
    start -= len(stem)
    name = text[start : match.end("tail")]
    weighs = weight(name)
    before = _word_before(text, start - 1).lower() if text[start - 1 : start] == " " else ""
    if before in OTHER_KINDS:
        weighs = NEVER
    elif weighs == PERHAPS and weight(f"{before}_{name}") == ALWAYS:
        weighs, name = ALWAYS, f"{before}_{name}"
    if weighs == NEVER:
        return None
    at = match.end(match.lastgroup)  # type: ignore[arg-type]
    if kind == "xml" and text[start - 1 : start] not in ("<", ":", '"', "'"):
        return None
    if text[start - 1 : start] == ":" == text[at - 1 : at]:
        return None  # a part of a path with colons, such as an ARN
    low = name.lower()
    value, begin, end, quoted = _value(text, at, kind)
    if not value:
        return None
    if "authoriz" in low and kind in ("assigned", "listed", "valued"):
        found = _SCHEME.match(text, begin)
        if found is not None:
            line = _LINE.match(text, begin)
            return (
                _taken(text, begin, end, True)
                if quoted
                else found.span()
                if "=" not in found[1].rstrip("=") or line is None
                else line.span()
            )
    if "cookie" in low and not quoted and kind == "assigned" and "=" in value:
        line = _LINE.match(text, begin)
        return None if line is None else line.span()
    if low in ("auth", "credentials") and text[at : at + 1] == "(" and kind == "assigned":
        close = text.find(")", at, at + _LONGEST)
        return (at + 1, close) if close > 0 and text[at + 1 : at + 2] in "'\"" else None
    if _harmless(text, value, begin, weighs, kind, quoted, low):
        return None
    return _taken(text, begin, end, quoted)


def _value(text: str, at: int, kind: str) -> tuple[str, int, int, bool]:
    """The value that begins at a place: what is judged of it, where it begins and ends, and whether it is quoted."""
    opening = _OPENING.match(text, at)
    if opening is not None and kind != "xml":
        quote, begin = opening[1], opening.end()
        end = text.find(quote, begin, begin + _LONGEST)
        while end > 0 and text[end - 1] == "\\" and len(quote) == 1:
            end = text.find(quote, end + 1, begin + _LONGEST)
        return text[begin : begin + _JUDGED if end < 0 else min(end, begin + _JUDGED)], begin, end, True
    if text[at : at + 1] == "{" and text[at - 1 : at] == "=":
        end = text.find("}", at, at + 256)
        if end > 0 and not text[at + 1 : end].isidentifier():
            return text[at + 1 : end], at + 1, end, True
    bare = _BARE.match(text, at)
    if bare is None:
        return "", at, at, False
    if bare.end() - at >= _JUDGED:
        return bare[0], at, -1, False
    value = bare[0].rstrip(").,]}:!?\\")
    return value, at, at + len(value), False


def _taken(text: str, begin: int, end: int, quoted: bool) -> Span:
    """The span of a value that is a secret, up to an end that wasn't looked for before."""
    if end < 0:
        further = (_REST_OF_LINE if quoted else _REST).match(text, begin)
        end = len(text) if further is None else further.end()
    return begin, end


def _mixed(value: str) -> bool:
    """Whether it has letters and digits, as a password has and a word hasn't, and is none of the forms that have too."""
    return (
        len(value) >= 6
        and any(map(str.isdigit, value))
        and any(map(str.isalpha, value))
        and _HARMLESS_FORM.match(value) is None
    )


def _motley(value: str) -> bool:
    """Whether it has at least three of small and capital letters, digits and signs, as passwords are asked to have."""
    kinds = sum(any(map(kind, value)) for kind in (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum()))
    return kinds >= 3 and _mixed(value)


def _scrambled(value: str) -> bool:
    """Whether it is more than a word with a number: short for one drawn by lot, but nothing that people write."""
    if len(value) < 8 or not _mixed(value):
        return False
    if value.isalnum():
        return _WORD_AND_NUMBER.match(value) is None
    return _SIGNS.search(value) is not None or (not value.islower() and not value.isupper() and "/" not in value)


def _random(value: str) -> bool:
    """Whether it looks drawn by lot: a long run of letters and digits without separators."""
    if len(value) < 16 or not _mixed(value):
        return False
    if "/" not in value and all(
        any(map(kind, value)) for kind in (str.islower, str.isupper, lambda c: not c.isalnum())
    ):
        return True
    longest = max(re.split(r"[^A-Za-z0-9]+", value), key=len)
    if len(longest) >= 16:
        return _mixed(longest)
    return len(value) >= 20 and len(longest) >= 8 and _motley(longest)


def _harmless(text: str, value: str, begin: int, weighs: int, kind: str, quoted: bool, name: str) -> bool:
    """Whether a value says something about a secret instead of being one."""
    if (
        _MASKED.match(value) is not None
        or ("{" in value and _TEMPLATE.search(value) is not None)
        or value.lower().strip(" .,:;!?<>") in _WORDS
    ):
        return True
    if not quoted and (_CODE.match(value) is not None or _FURTHER_CODE.match(text, begin + len(value)) is not None):
        return True
    if value.replace("_", "").isalpha() and weight(value) > NEVER:
        return True
    about_password = any(part in name for part in PASSWORDS)
    if weighs == ALWAYS and value.isdigit() and any(part in name for part in ("otp", "code", "cvv", "cvc", "ssn")):
        return not 3 <= len(value) <= 9
    if kind == "prose":
        if "cred" in name:
            return not (_motley(value) or _random(value))
        chosen = _mixed(value) if about_password else name in ("pass", "auth") and _motley(value)
        return not (chosen or _random(value) or (_ISSUED.search(name) is not None and _scrambled(value)))
    if weighs == PERHAPS:
        digits = name in ("pin", "pins") and value.isdigit() and 4 <= len(value) <= 8
        in_url = text[begin - len(name) - 2 : begin - len(name) - 1] in ("?", "&") and len(value) >= 10
        short = (in_url or _SIGNED.search(name) is not None) and kind == "assigned" and _scrambled(value)
        return not (digits or short or _random(value) or (name.endswith("pass") and _mixed(value)))
    if kind in ("quoted", "called") and not about_password:
        return not (_random(value) or (_ISSUED.search(name) is not None and _scrambled(value)))
    if value.isdigit():
        return not about_password
    if quoted and " " in value:
        words = value.lower().replace(".", " ").split()
        if any(map(_motley, value.split())):
            return False
        return (
            "phrase" not in name and "mnemonic" not in name and sum(word in _WORDS for word in words) * 4 >= len(words)
        )
    if not quoted and not _mixed(value) and kind == "assigned" and text[begin - 1] in " :":
        return _PROSE_FOLLOWS.match(text, begin + len(value)) is not None
    return False


def _login(text: str, match: "re.Match[str]") -> Span | None:
    """What stands before the `@` of a URL."""
    begin = match.end() + 2
    end = begin + len(re.compile(r"""[^\s/"'<>]{1,512}(?=@)""").match(text, begin)[0])  # type: ignore[index]
    user, colon, password = text[begin:end].partition(":")
    if not colon:
        return (begin, end) if _random(user) else None
    if not password or _MASKED.match(password) is not None:
        return None
    return (begin if _random(user) else begin + len(user) + 1), end


def _pair(text: str, match: "re.Match[str]") -> Span | None:
    """`user:password@host` or `user/password@host` without a scheme."""
    begin = match.end()
    end = text.index("@", begin)
    user = _word_before(text, begin - 1, _NAME + ".+")
    password, host = text[begin:end], text[end + 1 : end + 8]
    if not user or user.lower() in ("mailto", "cc", "to", "from") or host.startswith(("sha256:", "sha512:")):
        return None
    if text[begin - 1] == "/" and (not _motley(password) or "." in user):
        return None
    return None if password.isdigit() or _MASKED.match(password) is not None else (begin, end)


def _pem(text: str, match: "re.Match[str]") -> Span | None:
    """All of a private key, with an end or without."""
    begin = text.find("-----", match.end() + 5, match.end() + 80) + 5
    if begin < 5:
        begin = match.end()
    if text.startswith(REDACTED, begin):
        return None
    end = text.find("-----END ", begin)
    return begin, len(text) if end < 0 else end


def _flag(text: str, match: "re.Match[str]") -> Span | None:
    """`-p secret`, `-psecret` and `-u user:secret`, as clients take them."""
    found = re.compile(r"""(-user|.)[\s='"]{0,3}([^\s"',]+)""", re.DOTALL).match(text, match.end())
    if found is None:
        return None
    begin, end = found.span(2)
    if found[1] in ("u", "-user"):
        user, colon, password = found[2].partition(":")
        return (
            (begin + len(user) + 1, end) if colon and password and not password.isdigit() and user.isalpha() else None
        )
    return (begin, end) if _motley(found[2]) and _CODE.match(found[2]) is None else None


def _scheme(text: str, match: "re.Match[str]") -> Span | None:
    found = _CREDENTIALS.match(text, match.end())
    if found is None:
        return None
    value = found[1]
    return found.span(1) if (_mixed(value) and "=" not in value.rstrip("=")) or _is_login(value) else None


def _is_login(value: str) -> bool:
    try:
        return b":" in binascii.a2b_base64(value[:_JUDGED] + "==")
    except (binascii.Error, ValueError):
        return False


def _identified(text: str, match: "re.Match[str]") -> Span | None:
    found = re.compile(r"""\s(?:with\s\S+\s)?by\s(?:password\s)?""", re.IGNORECASE).match(text, match.end())
    if found is None:
        return None
    value, begin, end, quoted = _value(text, found.end(), "assigned")
    return _taken(text, begin, end, True) if quoted and value and _MASKED.match(value) is None else None


def _input(text: str, match: "re.Match[str]") -> Span | None:
    """What pydantic was given for a field, which it names on the line before."""
    lines = text[max(0, match.start() - 400) : match.start()].rsplit("\n", 2)
    if len(lines) < 3 or weight(lines[1].rsplit(".", 1)[-1].strip()[:100]) == NEVER:
        return None
    _, begin, end, quoted = _value(text, match.end(), "assigned")
    return _taken(text, begin, end, quoted)


def _row(text: str, match: "re.Match[str]") -> Span | None:
    """The values of a statement, where one of its columns is a secret's."""
    before = text[max(0, match.start() - 400) : match.start()].lower()
    begin = text.index("(", match.end()) + 1
    end = text.find(")", begin, begin + _LONGEST)
    end = len(text) if end < 0 else end
    if _COLUMN.search(before) is None or not re.search("['\"]", text[begin:end]):
        return None
    return begin, end


def _card(text: str, match: "re.Match[str]") -> Span | None:
    """A card's number, in one or in groups with one sign between."""
    begin = match.start()
    run = re.compile(r"\d{4}(?:([ \-])\d{4,6}\1\d{4,5}(?:\1\d{1,4}(?:\1\d{3})?)?(?!\d)|\d{9,15}(?!\d))").match(
        text, begin
    )
    digits = "" if run is None else run[0].replace(" ", "").replace("-", "")
    return run.span() if run is not None and SHORTEST_CARD <= len(digits) <= LONGEST_CARD and is_card(digits) else None


def _token(text: str, match: "re.Match[str]") -> Span | None:
    """A token in an issuer's shape, or one with a beginning of its own and drawn by lot."""
    at = match.start()
    stem = _word_before(text, at, _NAME + ".")[-24:]
    start = at - len(stem)
    for place in (start, *(start + number + 1 for number, sign in enumerate(stem) if sign in "_-."), at):
        found = SHAPE.match(text, place)
        if found is not None and found.end() > at and not (text[place].isalnum() and text[place - 1 : place].isalnum()):
            return found.span()
    issued = re.compile(r"[_\-][A-Za-z0-9]{24,}[\w\-]*").match(text, at)
    if issued is None or len(stem) < 2 or not stem[-2:].isalpha() or "sha" in stem.lower():
        return None
    value = issued[0][1:]
    return (at + 1, issued.end()) if _random(value) and value.lower() != value and value.upper() != value else None


_APART = {
    "login": _login, "pair": _pair, "pem": _pem, "flag": _flag, "scheme": _scheme, "identified": _identified,
    "input": _input, "row": _row, "card": _card, "token": _token,
}  # fmt: skip
"""What is looked at for what `APART` finds."""
