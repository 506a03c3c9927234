"""The places of a text at which a secret may stand: whether one does, and how far it reaches."""

import binascii
import re
import string
from typing import NamedTuple

from telemetry_kit._redaction.marks import REDACTED, is_card
from telemetry_kit._redaction.names import ALWAYS, NEVER, OTHER_KINDS, PERHAPS, Name, read
from telemetry_kit._redaction.patterns import APART, NAMED, QUOTE, SHAPE
from telemetry_kit._redaction.values import is_code, is_mixed, is_motley, is_prose, is_random, is_scrambled, is_word

PLACES, CHARACTERS = 16, 160
"""Places that are judged in any text, and characters for each further one."""
_JUDGED, _LONGEST = 128, 4_096
"""Characters of a value that are judged, and in which its end is looked for before it is known to be a secret."""

Span = tuple[int, int]
Match = re.Match[str]
_NAME = string.ascii_letters + string.digits + "_-"

_OPENING = re.compile(rf"(?:Secret(?:Str|Bytes)\()?[bfnruBFNRU]{{0,2}}[\[(]?\s{{0,8}}[bnruBNRU]{{0,2}}({QUOTE})")
_BARE = re.compile(rf"""[^\s"'`&;<>,]{{1,{_JUDGED}}}(?:,(?![\s"']|[\w.]{{1,40}}=)[^\s"'`&;<>,]{{1,64}}){{0,4}}""")
_REST, _REST_OF_LINE, _LINE = re.compile(r"\S*"), re.compile(r".*"), re.compile(r"""[^\r\n"'`]+""")
_CODE_GOES_ON = re.compile(r"\s{0,3}(?:=[^=]|\||\)?:\s*$)")
_ASSIGNED = re.compile(r"([A-Za-z][\w.\-]{0,40})=")
_PROSE_GOES_ON = re.compile(r"""[:,.]? [("']?[A-Za-z]{2,}(?:[ ,.]|$)""")
_SCHEME = re.compile(r"""[A-Za-z][\w\-]{2,20}(?:\s|%20)+([^\s"',;]{8,})""")
_CREDENTIALS = re.compile(r"(?:\s|%20){1,3}([\w+/=.~\-]+)")
_USERINFO = re.compile(r"""[^\s/"'<>]{1,512}(?=@)""")
_FLAG = re.compile(r"""(-user|.)[\s='",]{0,4}([^\s"',]+)""", re.DOTALL)
_BY = re.compile(r"\s(?:with\s\S+\s)?by\s(?:password\s)?", re.IGNORECASE)
_COLUMN = re.compile(r"passw|secret|token|credential|api_?key")
_FIELD = re.compile(r"""["']([\w\-]{1,60})["'],?[)\]]""")
_CARD = re.compile(r"\d{4}(?:([ \-])\d{4,6}\1\d{4,5}(?:\1\d{1,4}(?:\1\d{3})?)?(?!\d)|\d{9,15}(?!\d))")
_ISSUED = re.compile(r"[_\-][A-Za-z0-9]{26,}[\w\-]*")


def without_secrets(text: str) -> str:
    """`text` with `[REDACTED]` in the place of each secret that is found in it."""
    # Letter by letter: some letters become two in lower case, and would shift what is found.
    low = text.lower() if text.isascii() else text.encode("ascii", "replace").decode("ascii").lower()
    left = PLACES + len(text) // CHARACTERS
    parts: list[str] = []
    done = 0
    named, apart = NAMED.search(low), APART.search(low)
    while True:
        if named is not None and (apart is None or named.start() <= apart.start()):
            match, span = named, _named(text, named)
        elif apart is not None:
            match, span = apart, _APART[_group(apart)](text, apart)
        else:
            break
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
    return "".join([*parts, text[done:]]) if parts else text


def _group(match: Match) -> str:
    return match.lastgroup.rstrip(string.digits)  # type: ignore[union-attr]


def _word_before(text: str, at: int, letters: str = _NAME) -> str:
    before = text[max(0, at - 48) : at]
    return before[len(before.rstrip(letters)) :]


class _Value(NamedTuple):
    """What stands after a name."""

    judged: str
    begin: int
    end: int
    """-1 where it is longer than what is judged."""
    quoted: bool

    def span(self, text: str) -> Span:
        """All of it, which is now known to be a secret."""
        if self.end >= 0:
            return self.begin, self.end
        rest = (_REST_OF_LINE if self.quoted else _REST).match(text, self.begin)
        return self.begin, self.begin if rest is None else rest.end()


def _value(text: str, at: int) -> _Value:
    opening = _OPENING.match(text, at)
    if opening is not None:
        quote, begin = opening[1], opening.end()
        end = text.find(quote, begin, begin + _LONGEST)
        while end > 0 and text[end - 1] == "\\" and len(quote) == 1:
            end = text.find(quote, end + 1, begin + _LONGEST)
        return _Value(text[begin : begin + _JUDGED][: end - begin if end >= 0 else None], begin, end, True)
    if text[at : at + 1] == "{" and text[at - 1 : at] == "=":  # as ODBC quotes
        end = text.find("}", at, at + _JUDGED)
        if end > 0 and not text[at + 1 : end].isidentifier():
            return _Value(text[at + 1 : end], at + 1, end, True)
    bare = _BARE.match(text, at)
    if bare is None or bare[0][0] == "{":
        return _Value("", at, at, False)
    if bare.end() - at >= _JUDGED:
        return _Value(bare[0], at, -1, False)
    value = bare[0].rstrip(").,]}:!?\\")
    return _Value(value, at, at + len(value), False)


def _named(text: str, match: Match) -> Span | None:
    """A value with a name before it."""
    group: str = match.lastgroup  # type: ignore[assignment]
    start, at = match.start(), match.end(group)
    start -= len(_word_before(text, start))
    written = text[start : match.end("tail")]
    name = read(written)
    if text[start - 1 : start] == " ":
        before = _word_before(text, start - 1)
        if before.lower() in OTHER_KINDS:
            return None
        if name.weighs == PERHAPS:
            further = read(f"{before}_{written}")
            name = further if further.weighs == ALWAYS else name
    if name.weighs == NEVER or text[start - 1 : start] == ":" == text[at - 1 : at]:
        return None  # another name, or a part of a path with colons, such as an ARN
    value = _value(text, at)
    begin = value.begin
    closed = group == "assigned1" and begin == at + 1 and text[start - 1 : start] == text[at : at + 1]
    if not value.judged or (value.quoted and closed):  # nothing, or the quote that ends the name's own text
        return None
    if value.quoted and text[value.end + 1 : value.end + 2] == ":" and group == "listed":
        return None  # the key of the next pair
    kind, lower = group.rstrip(string.digits), written.lower().strip("-")
    if kind == "xml" and text[start - 1 : start] not in ("<", ":", '"', "'"):
        return None
    if kind in ("assigned", "listed", "valued"):
        scheme = _SCHEME.match(text, begin) if "authoriz" in lower else None
        if scheme is not None and not is_word(scheme[1]):
            if value.quoted:
                return value.span(text)
            parameters = "=" in scheme[1].rstrip("=") or text[scheme.end() : scheme.end() + 1] == '"'
            return _line(text, begin, _REST_OF_LINE) if parameters else scheme.span()
        if not value.quoted and "=" in value.judged and ("cookie" in lower or "signature" in lower):
            return _line(text, begin)
        if value.quoted and text[at : at + 1] == "(" and lower.endswith(("auth", "credentials")):
            close = text.find(")", at, at + _LONGEST)
            return (at + 1, close) if close > 0 else None
    if _harmless(text, value, kind, lower, name):
        return None
    of_words = kind == "assigned" and not value.quoted and ("phrase" in lower or "mnemonic" in lower)
    return _line(text, begin) if of_words else value.span(text)


def _line(text: str, begin: int, of: "re.Pattern[str]" = _LINE) -> Span:
    line = of.match(text, begin)
    return begin, begin if line is None else line.end()


def _harmless(text: str, value: _Value, kind: str, written: str, name: Name) -> bool:
    """Whether a value says something about what is named instead of being it."""
    judged, begin, _, quoted = value
    after = begin + len(judged)
    if is_word(judged) or "://" in judged or (judged.replace("_", "").isalpha() and read(judged).weighs > NEVER):
        return True
    pair = _ASSIGNED.match(judged)
    if pair is not None and read(pair[1]).weighs > NEVER:
        return True  # which is looked at next
    if not quoted and (is_code(judged) or _CODE_GOES_ON.match(text, after) is not None):
        return True
    if written in ("pin", "pins") and judged.isdigit():
        beside = text[begin - 1 - len(written) : begin - 1].lower() == written or kind != "prose"
        return not (beside and 4 <= len(judged) <= 8)
    if name.weighs == ALWAYS and judged.replace("-", "").isdigit():
        if name.chosen:
            return kind == "prose" and len(judged) < 6
        return not (name.brief and 3 <= len(judged) <= 11)
    if kind == "prose" or (kind in ("quoted", "called") and not name.chosen):
        if is_random(judged) or (name.issued and is_scrambled(judged)):
            return False
        if name.chosen:
            return not is_mixed(judged)
        short = kind == "prose" and (written.endswith(("pass", "auth", "code")) or "cred" in written)
        return not (short and is_motley(judged))
    if name.weighs == PERHAPS:
        if is_random(judged) or (written.endswith("pass") and is_mixed(judged)):
            return False
        in_url = len(judged) >= 10 and text[begin - len(written) - 2 : begin - len(written) - 1] in ("?", "&")
        signed = any(part in written for part in ("sig", "auth", "sess", "sid"))
        return not (kind == "assigned" and (in_url or signed) and is_scrambled(judged))
    if quoted and " " in judged:
        return "phrase" not in written and is_prose(judged)
    if not quoted and kind == "assigned" and text[begin - 1] in " :" and not is_mixed(judged):
        return _PROSE_GOES_ON.match(text, after) is not None
    return False


def _login(text: str, match: Match) -> Span | None:
    """What stands before the `@` of a URL."""
    begin = match.end() + 2
    end = _USERINFO.match(text, begin).end()  # type: ignore[union-attr]
    user, colon, password = text[begin:end].partition(":")
    if not colon:
        return (begin, end) if is_random(user) else None
    if not password or is_word(password):
        return None
    return (begin if is_random(user) else begin + len(user) + 1), end


def _pair(text: str, match: Match) -> Span | None:
    """`user:password@host` or `user/password@host` without a scheme."""
    begin = match.end()
    end = text.index("@", begin)
    user, password = _word_before(text, begin - 1, _NAME + ".+"), text[begin:end]
    if not user or user.lower() in ("mailto", "cc", "to", "from") or text.startswith(("sha256:", "sha512:"), end + 1):
        return None
    if text[begin - 1] == "/" and (not is_motley(password) or "." in user):
        return None
    return None if password.isdigit() or is_word(password) else (begin, end)


def _pem(text: str, match: Match) -> Span | None:
    """All of a private key, with an end or without."""
    begin = text.find("-----", match.end() + 5, match.end() + 80) + 5
    if begin < 5:
        begin = match.end()
    if text.startswith(REDACTED, begin):
        return None
    end = text.find("-----END ", begin)
    return begin, len(text) if end < 0 else end


def _flag(text: str, match: Match) -> Span | None:
    """`-p secret`, `-psecret` and `-u user:secret`, as clients take them."""
    found = _FLAG.match(text, match.end())
    if found is None:
        return None
    begin, end = found.span(2)
    if found[1] in ("u", "-user"):
        user, _, password = found[2].partition(":")
        return (begin + len(user) + 1, end) if user.isalpha() and password and not password.isdigit() else None
    return (begin, end) if is_scrambled(found[2]) and is_motley(found[2]) and not is_code(found[2]) else None


def _scheme(text: str, match: Match) -> Span | None:
    """What stands after `Bearer` and its like."""
    found = _CREDENTIALS.match(text, match.end())
    if found is None:
        return None
    value = found[1]
    return found.span(1) if (is_mixed(value) and "=" not in value.rstrip("=")) or _is_login(value) else None


def _is_login(value: str) -> bool:
    try:
        return b":" in binascii.a2b_base64(value[:_JUDGED] + "==")
    except (binascii.Error, ValueError):
        return False


def _identified(text: str, match: Match) -> Span | None:
    """SQL's `IDENTIFIED BY '...'`."""
    by = _BY.match(text, match.end())
    value = None if by is None else _value(text, by.end())
    if value is None or is_word(value.judged) or not (value.quoted or is_mixed(value.judged)):
        return None
    return value.span(text)


def _input(text: str, match: Match) -> Span | None:
    """What pydantic was given for a field, which it names on the line before."""
    lines = text[max(0, match.start() - 400) : match.start()].rsplit("\n", 2)
    if len(lines) < 3 or read(lines[1].rsplit(".", 1)[-1].strip()[:100]).weighs == NEVER:
        return None
    return _value(text, match.end()).span(text)


def _located(text: str, match: Match) -> Span | None:
    """What a validator was given for a field, which its `loc` names before."""
    at = text.rfind("loc", max(0, match.start() - 400), match.start())
    field = None if at < 0 else _FIELD.search(text, at, at + 200)
    if field is None or read(field[1]).weighs == NEVER:
        return None
    space = text[match.end() : match.end() + 1] == " "
    value = _value(text, match.end() + space)
    return value.span(text) if value.quoted and not is_word(value.judged) else None


def _row(text: str, match: Match) -> Span | None:
    """The values of a statement, where one of its columns is a secret's."""
    begin = text.index("(", match.end()) + 1
    end = text.find(")", begin, begin + _LONGEST)
    end = len(text) if end < 0 else end
    before, row = text[max(0, match.start() - 400) : match.start()], text[begin:end]
    return (begin, end) if _COLUMN.search(before.lower()) and ("'" in row or '"' in row) else None


def _card(text: str, match: Match) -> Span | None:
    """The number of a card, in one or in groups with one sign between."""
    number = _CARD.match(text, match.start())
    return number.span() if number is not None and is_card("".join(filter(str.isdigit, number[0]))) else None


def _token(text: str, match: Match) -> Span | None:
    """A token in an issuer's shape, or one with a beginning of its own and drawn by lot."""
    at = match.start()
    stem = _word_before(text, at, _NAME + ".")[-24:]
    start = at - len(stem)
    for place in (start, *(start + number + 1 for number, sign in enumerate(stem) if sign in "_-."), at):
        found = SHAPE.match(text, place)
        if found is not None and found.end() > at and not (text[place].isalnum() and text[place - 1 : place].isalnum()):
            return found.span()
    issued = _ISSUED.match(text, at)
    if issued is None or len(stem) < 2 or not stem[-2:].isalpha() or "sha" in stem.lower():
        return None
    value = issued[0][1:]
    return (at + 1, issued.end()) if is_random(value) and not value.islower() and not value.isupper() else None


_APART = {
    "login": _login, "pair": _pair, "pem": _pem, "flag": _flag, "scheme": _scheme, "identified": _identified,
    "input": _input, "located": _located, "row": _row, "card": _card, "token": _token,
}  # fmt: skip
"""What is looked at for what `APART` finds."""
