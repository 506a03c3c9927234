"""Values with a name beside them: `password=...`, `"token": "..."`, `X-Api-Key: ...`, `the secret is ...`.

A value is taken if what stands around it says that it is the secret, and not something about the secret.
"""

import re
import string

from telemetry_kit._redaction.marks import LEAVING, NAMING, PIECE
from telemetry_kit._redaction.names import LETTERS, read
from telemetry_kit._redaction.values import MIXED, MOTLEY, NEVER, PLAIN, RANDOM, SCRAMBLED, by_lot, is_prose, level

JUDGED, LONGEST = 40, 4_096
"""Characters of a value that are judged, and in which its end is looked for once it is known to be a secret."""
NAME = 24
"""Characters of a name that are read, the last ones."""

Span = tuple[int, int]

QUOTE = r"""\\{0,4}["'`]"""
_GIVES = r"(?:(?<!%)[=:>]?|(?<=%)3[ad])[^\S\n]{0,8}(?:(?:!\w{1,9}\s)?(?:[|>][+\-]?)?\n[^\S\n]{1,8})?(?![=:>]?\s{0,9}\[redacted)"
_FILLS = r"""(?:is|was|has|been|plain|login|default|provided|passed|given|got|generated|changed|re-?set|set|to|now|value):?\s|(?:for|of)\s[^\s"':]{1,24}:?\s(?:[^\s"':]{1,24}:?\s)?"""
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
      (?: (?:\d{{1,2}}\s?)?[=:](?P<assigned3>{_GIVES})
        | value(?P<valued3>\s?[:=]\s?)
        | (?P<quoted>(?:(?:is|was|for|of)\s(?:[^\s"']{{1,40}}\s(?:is|was)\s|)|))(?=[bnru]?{QUOTE}[^\s"'\[])
        | (?P<xml3>[\w:]{{1,20}}=["'][^"'<>\n]{{0,40}}["']>)(?=[^\s<>\[])
        | (?P<prose>(?:{_FILLS}){{0,3}}(?:[a-z]{{1,12}}:\s|))(?=[^\s"'=()]) )
    """,
    re.VERBOSE,
)
"""What may stand between a name and its value, in lower case; each group is a way of giving one."""
_KINDS = {index: name.rstrip(string.digits) for name, index in _BETWEEN.groupindex.items()}
_DIRECTLY = _BETWEEN.groupindex["assigned1"]


def _value(inside: str, often: str) -> "re.Pattern[str]":
    return re.compile(
        rf"""(?:Secret(?:Str|Bytes)\()?[bfnruBFNRU]{{0,2}}[\[(]?\s{{0,8}}[bnruBNRU]{{0,2}}(?P<quote>{QUOTE})(?P<quoted>{inside}{often})
           | (?<==)\{{(?P<braced>(?!\w{{0,40}}\}}(?!;))[^\s"'{{}}]{often})\}}
           | (?P<bare>(?![\[{{(])[^\s"'`&;<>,]{often}(?:,(?![\s"']|[\w.]{{1,40}}=)[^\s"'`&;<>,]{{1,64}}){{0,4}})""",
        re.VERBOSE,
    )


_JUDGED = _value(r"""[^\\"'`\n]""", f"{{1,{JUDGED}}}")
"""So much of a value as is judged; """
_WHOLE = _value(r"""(?:[^\\"'`\n]+|(?!(?P=quote))(?:\\.|["'`\\]))""", "+")
"""and all of it: to its closing quote, or the end of the line."""
_ENDS = {"bare": ").,]}:!?\\", "quoted": "", "braced": ""}
"""What belongs to the sentence at its end."""
_PARENTHESIS, _REST_OF_LINE, _LINE = re.compile(r"[^)]*"), re.compile(r".*"), re.compile(r"""[^\r\n"'`]*""")
_NUMBER = re.compile(r"[\d\-]+")
_IS_NAME = re.compile(r"[A-Za-z_\-]+").fullmatch
_TO_DIGIT = re.compile(r"""[^\d\s"'=()]{0,60}""")
_PROSE_GOES_ON = re.compile(r"""[:,.]? [("']?[A-Za-z]{2,}(?:[ ,.]|$)""")
_SCHEME = re.compile(r"""[A-Za-z][\w\-]{2,20}(?:\s|%20)+([^\s"',;]{8,})""")


def word_before(text: str, at: int, letters: str = LETTERS) -> str:
    """The word that ends at a place, or its last 48 characters."""
    before = text[at - 48 if at > 48 else 0 : at]
    return before[len(before.rstrip(letters)) :]


def value_at(text: str, at: int) -> tuple[str, int, bool]:
    """What is judged of the value that begins at a place, where that begins, and whether it is quoted."""
    found = _JUDGED.match(text, at)
    if found is None:
        return "", at, False
    kind = str(found.lastgroup)
    return found[kind].rstrip(_ENDS[kind]), found.start(kind), kind != "bare"


def whole(text: str, at: int) -> Span:
    """All of the value that begins at a place."""
    found = _WHOLE.match(text, at)
    if found is None:
        return at, at
    kind = str(found.lastgroup)
    return found.start(kind), found.start(kind) + len(found[kind].rstrip(_ENDS[kind]))


def _through(rest: "re.Pattern[str]", text: str, at: int) -> Span:
    found = rest.match(text, at)
    return (at, at) if found is None else found.span()


def named(text: str, match: "re.Match[str]") -> Span | int:
    """A value with a name before it, in which `match` was found in lower case, or how many looks it cost to leave it."""
    low, (start, end) = match.string, match.span()
    between = _BETWEEN.match(low, end)
    if between is None:
        return NAMING if low[end : end + 1].isspace() else 0
    index: int = between.lastindex  # type: ignore[assignment]
    kind, at = _KINDS[index], between.end(index)
    if kind == "prose" and not text[(run := _through(_TO_DIGIT, text, at)[1]) : run + 1].isdigit():
        return NAMING
    start -= len(word_before(text, start))
    name, before = text[start:end], text[start - 1 : start]
    earlier = word_before(text, start - 1) if before == " " else ""
    name = f"{earlier}_{name}" if earlier else name
    given, said = read(name[-NAME:])
    if given == NEVER or before == ":" == text[at - 1 : at]:
        return NAMING  # another name, or a part of a path with colons, such as an ARN
    judged, begin, quoted = value_at(text, at)
    if quoted:
        closes = index == _DIRECTLY and before == text[at : at + 1]  # the name's own text
        after = begin + len(judged) + 1
        if closes or (kind == "listed" and text[after : after + 1] == ":"):  # or this is the next name
            return NAMING
    lower = name.lower()
    if kind in ("assigned", "listed", "valued"):
        scheme = _SCHEME.match(text, begin) if "authoriz" in lower else None
        if scheme is not None and level(scheme[1], PLAIN) >= PLAIN:
            parameters = text[scheme.end() : scheme.end() + 1] == '"'
            return _through(_REST_OF_LINE, text, begin) if parameters else scheme.span()
        if not quoted and "=" in judged and ("cookie" in lower or "signature" in lower):
            return _through(_LINE, text, begin)
        if before in ("?", "&") and given == RANDOM:
            given = SCRAMBLED
        if quoted and text[at : at + 1] == "(":
            return _through(_PARENTHESIS, text, at + 1)
    spoken = kind == "prose" or (kind in ("quoted", "called") and said != MIXED)
    least = said if spoken else given
    if _NUMBER.fullmatch(judged) is not None:
        brief = said in (MIXED, MOTLEY) and (6 if least == MIXED else 3) <= len(judged) <= 11
        return whole(text, at) if brief else NAMING
    if ("phrase" in lower or "mnemonic" in lower) and level(judged, PLAIN) >= PLAIN:
        return _through(_LINE, text, begin)
    if not _is_secret(text, judged, begin, quoted, least):
        return LEAVING + len(name) // PIECE
    end = begin + len(judged)
    return whole(text, at) if quoted or text[end : end + 1] not in " \n;&" else (begin, end)


def _is_secret(text: str, judged: str, begin: int, quoted: bool, least: int) -> bool:
    """Whether a value is what is named, and doesn't say something about it."""
    if level(judged, least, quoted) < least:
        return False
    if quoted and " " in judged:
        return not is_prose(judged)
    if least > PLAIN or (len(judged) >= 6 and by_lot(judged)):
        return True
    if _IS_NAME(judged) is not None and read(judged)[0] < NEVER:
        return False
    return quoted or text[begin - 1] not in " :" or _PROSE_GOES_ON.match(text, begin + len(judged)) is None
