"""Values with a name beside them: `password=...`, `"token": "..."`, `X-Api-Key: ...`, `the secret is ...`.

A value is taken if what stands around it says that it is the secret, and not something about the secret.
"""

import re
import string
from typing import NamedTuple

from telemetry_kit._redaction.names import NEVER, OTHER_KINDS, PERHAPS, Name, read
from telemetry_kit._redaction.values import is_code, is_prose, is_word, looks

JUDGED, LONGEST = 40, 4_096
"""Characters of a value that are judged, and in which its end is looked for before it is known to be a secret."""
JUDGING, PIECE = 4, 12
"""Looks that it costs to judge a value, and characters of name and value that cost one more."""
NAME = 40
"""Characters of a name that are read, the last ones."""
WORD = string.ascii_letters + string.digits + "_-"

Span = tuple[int, int]

QUOTE = r"""\\{0,4}["'`]"""
_GIVES = r"(?:(?<!%)[=:>]?|(?<=%)3[ad])[^\S\n]{0,8}(?:(?:!\w{1,9}\s)?(?:[|>][+\-]?)?\n[^\S\n]{1,8})?(?!\[redacted)"
_FILLS = r"(?:(?:is|was|has|been|plain|login|default|provided|passed|given|got|value):?\s|)"
_BETWEEN = re.compile(
    rf"""
      [=:%](?P<assigned1>{_GIVES})
    | >(?P<xml1>)(?=[^\s<>\[])
    | \((?P<called>)(?=n?{QUOTE})
    | ,\s(?:value:\s)(?P<valued1>)
    | [\\"'`\])}}][\\"'`\])}}]{{0,6}}
      (?: [\s,]{{1,12}}(?:["']type["']:\s?["']\w{{1,20}}["'],\s?)?(?P<valued2>(?:{QUOTE})?value(?:{QUOTE})?\s?[:=]\s?)
        | (?P<listed>(?<=["'`])\s?,\s?)(?=[bru]?{QUOTE})
        | \s{{0,8}}[=:](?P<assigned2>{_GIVES})
        | >(?P<xml2>)(?=[^\s<>\[]) )
    | \s{{1,12}}(?=\S)(?![a-z\s]{{30}})
      (?: [=:](?P<assigned3>{_GIVES})
        | value(?P<valued3>\s?[:=]\s?)
        | (?P<quoted>(?:(?:is|was|for|of)\s(?:[^\s"']{{1,40}}\s(?:is|was)\s|)|))(?=[bnru]?{QUOTE}[^\s"'\[])
        | (?P<prose>(?:(?:for|of)\s[^\s"':]{{1,40}}:?\s(?:[^\s"':]{{1,40}}:?\s|)|){_FILLS}{_FILLS}(?:[a-z]{{1,12}}:\s|))
          (?![^\d\s"'=()]{{0,60}}(?:[\s"'=()]|\Z))
        | (?P<xml3>[\w:]{{1,20}}=["'][^"'<>\n]{{0,40}}["']>)(?=[^\s<>\[]) )
    """,
    re.VERBOSE,
)
"""What may stand between a name and its value, in lower case; each group is a way of giving one."""
_KINDS = {index: name.rstrip(string.digits) for name, index in _BETWEEN.groupindex.items()}
_DIRECTLY = _BETWEEN.groupindex["assigned1"]

_OPENING = re.compile(rf"(?:Secret(?:Str|Bytes)\()?[bfnruBFNRU]{{0,2}}[\[(]?\s{{0,8}}[bnruBNRU]{{0,2}}({QUOTE})")
_BARE = re.compile(rf"""[^\s"'`&;<>,]{{1,{JUDGED}}}(?:,(?![\s"']|[\w.]{{1,40}}=)[^\s"'`&;<>,]{{1,64}}){{0,4}}""")
_BRACED = re.compile(rf"""(?<==)\{{([^\s"'{{}}]{{1,{JUDGED}}})\}}""")
"""As ODBC quotes."""
_IS_NAME = re.compile(r"[A-Za-z_\-]+").fullmatch
_REST, _REST_OF_LINE, _LINE = re.compile(r"\S*"), re.compile(r".*"), re.compile(r"""[^\r\n"'`]+""")
_PROSE_GOES_ON = re.compile(r"""[:,.]? [("']?[A-Za-z]{2,}(?:[ ,.]|$)""")
_SCHEME = re.compile(r"""[A-Za-z][\w\-]{2,20}(?:\s|%20)+([^\s"',;]{8,})""")


def word_before(text: str, at: int, letters: str = WORD) -> str:
    """The word that ends at a place, or its last 48 characters."""
    before = text[max(0, at - 48) : at]
    return before[len(before.rstrip(letters)) :]


class Value(NamedTuple):
    """What stands after a name."""

    judged: str
    begin: int
    end: int
    """-1 where it is longer than what is judged."""
    quoted: bool

    def span(self, text: str) -> Span:
        """All of it, which is now known to be a secret."""
        return (
            (self.begin, self.end)
            if self.end >= 0
            else _through(text, self.begin, _REST_OF_LINE if self.quoted else _REST)
        )


def value_at(text: str, at: int) -> Value:
    """The value that begins at a place."""
    opening = _OPENING.match(text, at)
    if opening is not None:
        quote, begin = opening[1], opening.end()
        end = text.find(quote, begin, begin + LONGEST)
        while end > 0 and text[end - 1] == "\\":
            end = text.find(quote, end + 1, begin + LONGEST)
        return Value(text[begin : begin + JUDGED][: end - begin if end >= 0 else None], begin, end, True)
    braced = _BRACED.match(text, at)
    if braced is not None and (text[braced.end() : braced.end() + 1] == ";" or not braced[1].isidentifier()):
        return Value(braced[1], *braced.span(1), True)
    bare = _BARE.match(text, at)
    if bare is None or bare[0][0] in "{[(":
        return Value("", at, at, False)
    if bare.end() - at >= JUDGED:
        return Value(bare[0], at, -1, False)
    value = bare[0].rstrip(").,]}:!?\\")
    return Value(value, at, at + len(value), False)


def _through(text: str, begin: int, of: "re.Pattern[str]" = _LINE) -> Span:
    rest = of.match(text, begin)
    return begin, begin if rest is None else rest.end()


def named(text: str, match: "re.Match[str]") -> Span | int:
    """A value with a name before it, in which `match` was found in lower case, or how many looks it cost to leave it."""
    low, (start, end) = match.string, match.span()
    between = _BETWEEN.match(low, end)
    if between is None:
        return int(low[end : end + 1].isspace())
    index: int = between.lastindex  # type: ignore[assignment]
    kind, at = _KINDS[index], between.end(index)
    start -= len(word_before(text, start))
    written, before = text[start:end][-NAME:], text[start - 1 : start]
    name = read(written)
    if before == " ":
        earlier = word_before(text, start - 1)
        if earlier.lower() in OTHER_KINDS:
            return 1
        name = max(name, read(f"{earlier}_{written}"[-NAME:])) if name.weighs == PERHAPS else name
    if name.weighs == NEVER or before == ":" == text[at - 1 : at]:
        return 2  # another name, or a part of a path with colons, such as an ARN
    value = value_at(text, at)
    judged, begin, _, quoted = value
    if judged.isdigit() and not (name.brief or name.chosen):
        return 2
    if quoted:
        closes = index == _DIRECTLY and before == text[at : at + 1]  # the name's own text
        if closes or (kind == "listed" and text[value.end + 1 : value.end + 2] == ":"):  # or this is the next name
            return 3
    if kind == "xml" and before not in ("<", ":", '"', "'", "."):
        return 3
    lower = low[start:end].strip("-")
    if kind in ("assigned", "listed", "valued"):
        scheme = _SCHEME.match(text, begin) if "authoriz" in lower else None
        if scheme is not None and not is_word(scheme[1]):
            parameters = text[scheme.end() : scheme.end() + 1] == '"'
            return _through(text, begin, _REST_OF_LINE) if parameters else scheme.span()
        if not quoted and "=" in judged and ("cookie" in lower or "signature" in lower):
            return _through(text, begin)
        if quoted and text[at : at + 1] == "(":
            close = text.find(")", at, at + LONGEST)
            return (at + 1, close) if close > 0 else JUDGING
    if _harmless(text, value, kind, lower, name):
        return JUDGING + len(judged) // PIECE
    return _through(text, begin) if name.of_words else value.span(text)


def _harmless(text: str, value: Value, kind: str, written: str, name: Name) -> bool:
    """Whether a value says something about what is named instead of being it."""
    judged, begin, _, quoted = value
    after = begin + len(judged)
    named_again = _IS_NAME(judged) is not None and read(judged).weighs > NEVER
    if named_again or is_word(judged) or "://" in judged:
        return True
    if not quoted and is_code(judged):
        return True
    if judged.replace("-", "").isdigit():
        if name.chosen:
            return kind == "prose" and len(judged) < 6
        return not 3 <= len(judged) <= 11
    seems = looks(judged)
    if kind == "prose" or (kind in ("quoted", "called") and not name.chosen):
        if seems.random or (name.issued and seems.scrambled):
            return False
        if name.chosen:
            return not seems.mixed
        short = written.endswith(("pass", "auth", "code", "secret")) or "cred" in written
        return not (short and seems.motley and (seems.scrambled or "secret" not in written))
    if name.weighs == PERHAPS:
        if seems.random or (written.endswith("pass") and seems.mixed):
            return False
        in_url = text[begin - len(written) - 2 : begin - len(written) - 1] in ("?", "&")
        signed = any(part in written for part in ("sig", "auth", "sess", "sid"))
        return not (kind == "assigned" and (in_url or signed) and seems.scrambled)
    if quoted and " " in judged:
        return is_prose(judged)
    if not (quoted or name.of_words or seems.mixed) and text[begin - 1] in " :":
        return _PROSE_GOES_ON.match(text, after) is not None
    return False
