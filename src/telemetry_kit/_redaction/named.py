"""Values with a name beside them: `password=...`, `"token": "..."`, `X-Api-Key: ...`, `the secret is ...`.

A value is taken if what stands around it says that it is the secret, and not something about the secret.
"""

import re

from telemetry_kit._redaction.marks import LETTERS
from telemetry_kit._redaction.names import read
from telemetry_kit._redaction.values import JUDGED, MIXED, NEVER, NO_WORD, PLAIN, RANDOM, SCRAMBLED, is_prose, looks

NAME = 24
"""Characters of a name that are read, the last ones."""

UNREAD, UNTAKEN = 6, 2
"""What of the price of a judgement is left where the name is another's, and where the value stays."""

Span = tuple[int, int]

QUOTE = r"""\\{0,4}["'`]"""
_GIVES = r"(?:(?<!%)[=:>]?|(?<=%)3[ad])[^\S\n]{0,8}(?:!\w{1,9}[^\S\n])?(?:(?:[|>][+\-]?)?\n[^\S\n]{1,8})?(?:(?<=[=:])\[(?=\w)|\((?<=\)=\())?"
_FILLS = r"(?:(?:is|was|has|been|plain|login|default|provided|passed|given|got|generated|changed|re-?set|set|to|now|value):?\s)"
BETWEEN = re.compile(
    rf"""(?<!--)(?!\W{{1,6}}redacted\])
    (?:
      :\s?&?[\w.\[\]|]{{1,24}}\s?=\s?(?P<typed1>)(?=[bfr]?["'])
    | [=:%](?P<assigned1>{_GIVES})
    | >(?P<xml1>)(?=[^\s<>\[])
    | \((?P<called1>)(?=n?{QUOTE})
    | ,\s(?:value:\s)(?P<valued1>)
    | [\\"'`\])}}][\\"'`\])}}]{{0,6}}
      (?: [\s,]{{1,12}}(?:["']type["']:\s?["']\w{{1,20}}["'],\s?)?(?P<valued2>(?:(?:{QUOTE})?value(?:{QUOTE})?|\{{\sdefault)\s?[:=]\s?)
        | (?P<listed1>(?<=["'`])\s?,\s?)(?=[bru]?{QUOTE})
        | \s{{0,8}}[=:](?P<assigned2>{_GIVES})
        | >(?:\s{{0,9}}<value>)?(?P<xml2>)(?=[^\s<>\[]) )
    | \s{{1,12}}(?=\S)
      (?: (?:\d{{1,2}}\s?|for\s["'][^\s=]{{1,40}}\s)?[=:](?P<assigned3>{_GIVES})
        | (?:value\s?[:=]\s?|--value[\s=])(?P<valued3>)
        | (?P<quoted1>(?:(?:must|should)\s[^"'\n]{{1,50}}got\s|(?:is|was|for|of|to)\s(?:(?:[^\s"']{{1,24}}\s){{1,2}}(?:is|was)\s|)|))(?=[bnru]?{QUOTE}[^\s"'\[])
        | (?P<xml3>[\w:]{{1,20}}=["'][^"'<>\n]{{0,40}}["']>)(?=[^\s<>\[])
        | (?P<prose1>{_FILLS}{{0,4}}(?:(?:for|of)\s(?:(?=(?P<word>[^\s"':]{{1,24}}:?\s))(?P=word)){{1,2}}{_FILLS}{{0,2}})?(?:[a-z]{{1,12}}:\s|))(?![^\d\s"'=()]{{0,60}}(?:[\s"'=()]|\Z)) )
    ){NO_WORD}""",
    re.VERBOSE,
)
"""What may stand between a name and its value, in lower case; each group is a way of giving one."""


def _value(inside: str, often: str) -> "re.Pattern[str]":
    return re.compile(
        rf"""[bfnruBFNRU]{{0,2}}[\[(]?\s{{0,8}}[bnruBNRU]{{0,2}}(?P<quote>{QUOTE})(?P<quoted>{inside}{often})
           | (?<==)\{{(?P<braced>(?!\w{{0,40}}\}}(?!;))[^\s"'{{}}]{often})\}}
           | (?P<bare>(?![\[{{(])[^\s"'`&;<>,]{often}(?:,(?![\s"']|[\w.]{{1,40}}=)[^\s"'`&;<>,]{{1,64}}){{0,4}})""",
        re.VERBOSE,
    )


_JUDGED = _value(r"""[^\\"'`\n]""", f"{{1,{JUDGED}}}")
"""So much of a value as is judged; """
_WHOLE = _value(r"""(?:[^\\"'`\n]+|(?!(?P=quote))(?:\\.|["'`\\]))""", "+")
"""and all of it: to its closing quote, or the end of the line."""
_BARE, _ENDS = _JUDGED.groupindex["bare"], ").,]}:!?\\"
"""What belongs to the sentence at the end of a value without quotes."""
_PARENTHESIS, _REST_OF_LINE, _LINE = re.compile(r"[^)]*"), re.compile(r".*"), re.compile(r"""[^\r\n"'`]*""")
_NUMBER = re.compile(r"[\d\-]+").fullmatch
_IS_NAME = re.compile(r"[A-Za-z_\-]+").fullmatch
_PROSE_GOES_ON = re.compile(r"""[:,.]? [("'/\[]?[A-Za-z]{2,}(?:[ ,."'/)\]]|$)""")
_SCHEME = re.compile(r"""[A-Za-z][\w\-]{2,20}(?:\s|%20)+([^\s"',;]{8,})""")


def word_before(text: str, at: int, letters: str = LETTERS) -> str:
    """The word that ends at a place, or its last 48 characters."""
    before = text[at - 48 if at > 48 else 0 : at]
    return before[len(before.rstrip(letters)) :]


def value_at(text: str, at: int, pattern: "re.Pattern[str]" = _JUDGED) -> tuple[str, int, bool]:
    """What is judged of the value that begins at a place, where that begins, and whether it is quoted."""
    found = pattern.match(text, at)
    if found is None:
        return "", at, False
    kind: int = found.lastindex  # type: ignore[assignment]
    return (
        (found[kind], found.start(kind), True)
        if kind < _BARE
        else (found[kind].rstrip(_ENDS), found.start(kind), False)
    )


def whole(text: str, at: int) -> Span:
    """All of the value that begins at a place."""
    value, begin, _ = value_at(text, at, _WHOLE)
    return begin, begin + len(value)


def _through(rest: "re.Pattern[str]", text: str, at: int) -> Span:
    found = rest.match(text, at)
    return (at, at) if found is None else found.span()


def named(text: str, between: "re.Match[str]") -> Span | int:
    """A value after a name, where what stands between them was found in lower case; or what it cost less to leave it."""
    end, at, way = between.pos, between.end(), str(between.lastgroup)
    name = word_before(text, end)
    before = text[end - len(name) - 1 : end - len(name)]
    if before == " " and (earlier := word_before(text, end - len(name) - 1)):
        name = f"{earlier}_{name}"
    given, said = read(name[-NAME:])
    if given == NEVER or before == ":" == text[at - 1 : at]:
        return UNREAD  # another name, or a part of a path with colons, such as an ARN
    judged, begin, quoted = value_at(text, at)
    after = begin + len(judged) + 1
    if quoted and way == "listed1" and text[after : after + 1] == ":":
        return UNTAKEN  # the next name
    lower, least = name.lower(), given
    if way == "prose1" or (said != MIXED and way in ("quoted1", "called1")):
        least = said
    elif "authoriz" in lower and (scheme := _SCHEME.match(text, begin)) is not None and looks(scheme[1], PLAIN):
        parameters = text[scheme.end() : scheme.end() + 1] == '"'
        return _through(_REST_OF_LINE, text, begin) if parameters else scheme.span()
    elif "=" in judged and not quoted and ("cookie" in lower or "signature" in lower):
        return _through(_LINE, text, begin)
    elif before in ("?", "&") and given == RANDOM:
        least = SCRAMBLED
    elif quoted and text[at : at + 1] == "(":
        return _through(_PARENTHESIS, text, at + 1)
    if _NUMBER(judged) is not None:
        brief = said < SCRAMBLED and (6 if least == MIXED else 3) <= len(judged) <= 11
        return whole(text, at) if brief else UNTAKEN
    if ("phrase" in lower or "mnemonic" in lower) and looks(judged, PLAIN):
        return _through(_LINE, text, begin)
    if not looks(judged, least, quoted) or not _is_secret(text, judged, begin, quoted, least):
        return UNTAKEN
    end = begin + len(judged)
    return (begin, end) if text[end : end + 1] in text[begin - 1] + " \n;&" else whole(text, at)


def _is_secret(text: str, judged: str, begin: int, quoted: bool, least: int) -> bool:
    """Whether a value is what is named, and doesn't say something about it."""
    if quoted and " " in judged:
        return not is_prose(judged)
    if least > PLAIN or looks(judged, MIXED):
        return True
    if _IS_NAME(judged) is not None and read(judged)[0] < NEVER:
        return False
    return quoted or text[begin - 1] not in " :" or _PROSE_GOES_ON.match(text, begin + len(judged)) is None
