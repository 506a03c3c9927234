"""The places of a text at which a secret may stand: whether one does, and how far it reaches.

A text is gone through twice: for what has a shape of its own, and for what has a name beside it. What a name gives is the value
right after it. Where there is none, it is the first of the next words that looks like a secret and has no name of its own.
"""

import re
import string
from collections.abc import Callable
from functools import lru_cache

from telemetry_kit._redaction import names, shapes
from telemetry_kit._redaction.marks import REDACTED, any_of, is_card
from telemetry_kit._redaction.names import ARGUMENTS, NAMED, NAMES, ROWS
from telemetry_kit._redaction.values import (
    CHOSEN,
    CODE,
    LOOKS,
    MIXED,
    NO_CODE,
    NO_PROSE,
    SIGN,
    TEXT,
    WORDS,
    ahead,
    is_prose,
    looks,
)

LOOK, WORD, TAKEN, READ, FEWEST, CHARACTERS = 2, 1, 1, 32, 6, 13
"""What it costs to look at a place, at a word near it, to take a secret out, and at how many characters of a value that may be looked at
again, for another name; and what a text may: so much, and one for so many characters. Where that is used up it ends, so that its
time grows with its length, and with nothing else, whoever wrote it."""
NEAR, BESIDE = 160, 4
"""Characters after a name in which its value is looked for, and in which a marker is it;"""
WORDS_NEAR = 4
"""and words with digits that are looked at; """
SHORTEST = 6
"""so long, or a code's."""

Match = re.Match[str]
Span = tuple[int, int, int]
"""Where a secret begins, where it ends, and where one goes on to look, behind what was found by at least."""

_QUOTE = r"""\\{0,4}["'`]"""
_GIVEN = rf"""(?:
      (?:{_QUOTE})?[\])}}]{{0,2}}\s{{0,8}}(?::\s?[\w.\[\]|]{{1,24}}\s?=(?=\s?[bfr]?["'])|:?={{1,2}}>?|:{{1,2}}|%3[aAdD]|->
          |,(?<=["'],)(?=\s?[bru]?{_QUOTE}(?![vV]alue)))\s{{0,8}}
    | {_QUOTE}?>(?=[^\s<>\[])
    | ["'`\])}},]*[\s,]{{1,12}}(?:["']?[tT]ype["']?[:=]\s?["']\w{{1,20}}["'],\s?)?["']?-{{0,2}}[vV]alues?["']?\s?[:=]\s?
    )"""
"""What stands between a name and the value that it is given."""
_OPEN = rf"""(?:(?!\(["'][^\s"']{{1,40}}["'],\s?["'])[\[({{]{{0,2}}\s{{0,8}}(?=[bfnru]?{_QUOTE})|(?<==)\((?=\w))?"""
_FIRST = r"(?![\[({=:]|[bfnruBFNRU]{1,2}[\"'`])(?:(?<==)|(?<!=)(?![A-Za-z_]\w{0,30}=[^\s=&;]))"
"""Without quotes it begins with no bracket, and isn't another name and value."""


@lru_cache(None)
def _named(row: int) -> "re.Pattern[str]":
    """A name of this line, and the value that it is given: in quotes or without, and looking like so much at least.

    Such a pattern takes some milliseconds to compile, so this is put off until a text has such a name.
    """
    _, given, said, own = NAMES[row]
    quoted = rf"|\s(?:is\s|was\s)?(?={_QUOTE})" if given == CHOSEN and said == MIXED else ""
    return re.compile(
        rf"""{NAMED[row]}(?:{own or "(?!)"}
        | (?=(?P<given>(?:{_GIVEN}{quoted}){_OPEN}))(?P=given)(?:(?<==)\{{([^\s"'{{}}]+)\}}(?=;)
            | [bfnruBFNRU]{{0,2}}(?P<quote>{_QUOTE}){ahead(given)}
              (?=(?P<inside>(?:[^\\\n"'`]+|(?!(?P=quote))(?:\\.|[^\n]))+))(?P=inside)(?!{_QUOTE}\s?:)
            | {_FIRST}{ahead(given, NO_CODE + NO_PROSE * (given <= CHOSEN))}(?P<bare>))
        | (?P<said>))""",
        re.VERBOSE | re.ASCII,
    )


_SIGNS = string.ascii_letters + string.digits + "_@#$%^*!?|+/.~-"
_WORD = re.compile(rf"{SIGN}+").match
_CLOSING = ").,]}:!?\\»”"
_DIGIT = re.compile(r"\d", re.ASCII).search
_ITS_VALUE = re.compile(r"""[ivV](?<!\w.)(?:nput(?:_value)?|alue)["']?(?:\s?[=:]\s?|\s)[bnru]?(?=["'])""").search
_QUOTED = re.compile(r"""(["'])((?:[^"'\\\n]+|(?!\1)[^\\\n]|\\.)+)""").match
"""What a validator was given for the field of this name."""
_OWN = re.compile(
    r"""(?<![\w.\-@])([A-Za-z_][A-Za-z_\-]*)["'`\])]{0,2}(?:\s?=[^\S\n]{0,8}|\s?:[^\S\n]{1,8}|(?<=["'`]):|[^\S\n]|\()["'`(\[]{0,2}\Z"""
).search
"""Another name that a word has, or whose argument it is."""
_NEXT = re.compile(r"\s([A-Za-z]+)(?![A-Za-z=])").match
_CHOSEN = re.compile(r"[!@#$^&*~]|%(?![0-9A-F]{2})").search
"""Signs that passwords have, and identifiers haven't."""
_DRAWN = re.compile(
    r"\b(?=[A-Za-z\d]{32})(?<![:/+,\-])(?!AAAA[BCE]\d)(?=[0-9a-fA-F]{0,40}[g-zG-Z])(?=(?:[A-Za-z]{0,30}\d){3})[A-Za-z\d]+(?![\w+/=])",
    re.ASCII,
).sub


def _shaped(text: str, place: Match) -> Span | int:
    """What has a shape of its own."""
    found = shapes.SHAPE.match(text, place.start())
    if found is None or (found.lastgroup == "card" and not is_card(found[0].replace(" ", "").replace("-", ""))):
        return 0
    begin, end = found.span(found.lastindex or 0)
    return begin, end, end


def _beside_name(text: str, place: Match) -> Span | int:
    """The value of a name."""
    row = ROWS.get(place[0])
    found = None if row is None else _named(row).match(text, place.start())
    if row is None or found is None or names.tells(found["rest"]):
        return WORD - LOOK
    if found.lastgroup == "said":
        return _said(text, found.end(), *NAMES[row][1:3], row == ARGUMENTS)
    begin, end = found.span(found.lastindex or 0)
    if found.lastgroup == "bare" and (word := _WORD(text, begin)) is not None:
        end = word.end()  # not before it is known that it is the secret: a match goes to the end of a word
    value = _within(text[begin:end])
    if found.lastgroup != "login" and is_prose(value):
        return WORD + len(value) // READ
    return begin, begin + len(value), end


def _within(word: str) -> str:
    """A word without the signs that close what stands around it; a marker at its end is whole."""
    value = word.rstrip(_CLOSING)
    return value + "]" * value.endswith(REDACTED[:-1])


def _said(text: str, first: int, given: int, least: int, announced: bool) -> Span | int:
    """The first of the next words that looks like the secret and has no other name; or what it cost to find none."""
    last = text.find(REDACTED, first, first + NEAR)  # a marker is the value
    if 0 <= last <= first + BESIDE:
        return WORD - LOOK
    if (following := _NEXT(text, first)) is not None and names.tells(following[1]):
        return 0
    last = first + NEAR if last < 0 else last
    its = _ITS_VALUE(text, first, first + NEAR) if given in (TEXT, CHOSEN) else None
    value = None if its is None else _QUOTED(text, its.end())
    at, end, seen = first, last if value is None else min(last, value.start()), 0
    while seen < WORDS_NEAR and (digit := _DIGIT(text, at, end)) is not None:
        seen += 1
        begin = first + len(text[first : digit.start()].rstrip(_SIGNS))
        word = _WORD(text, begin, last)
        at = digit.end() if word is None else word.end()
        long_enough = at - begin >= SHORTEST or least == CODE
        if word is not None and long_enough and word[0][0] not in "@/" and LOOKS[least](text, begin, at):
            own = None if announced or _CHOSEN(word[0]) else _OWN(text, max(first, begin - 32), begin)
            if own is None or own[1].lower() in WORDS:
                if at == first + NEAR:
                    word = _WORD(text, begin) or word
                return begin, begin + len(_within(word[0])), 0
    if value is not None and looks(value[2], given):
        return value.start(2), value.end(2), 0
    return seen * WORD + (0 if value is None else len(value[0]) // READ)


_PASSES: tuple[tuple[Callable[[str, int], Match | None], Callable[[str, Match], Span | int]], ...] = (
    (re.compile(any_of(shapes.BEGINNINGS)).search, _shaped),
    (re.compile(any_of(names.BEGINNINGS)).search, _beside_name),
)
"""What is looked for, in lower case, and what judges it."""


def without_secrets(text: str) -> str:
    """`text` with `[REDACTED]` in the place of each secret that is found in it."""
    left = FEWEST + len(text) // CHARACTERS
    for search, judged in _PASSES:
        low = (text if text.isascii() else text.encode("ascii", "replace").decode("ascii")).lower()
        spans: list[Span] = []
        at = 0
        while (place := search(low, at)) is not None:
            at = place.end()
            left -= LOOK
            found = (
                judged(text, place) if left >= 0 else (len(text[: place.start()].rstrip(_SIGNS)), len(text), len(text))
            )
            if isinstance(found, int):
                left -= found
            elif not text.startswith(REDACTED, found[0]):
                left -= TAKEN + (found[1] > found[2]) * (found[1] - found[0]) // READ
                spans.append(found)
                at = max(at, found[2])
        text = _without(text, spans)
    return _DRAWN(REDACTED, text)


def _without(text: str, spans: list[Span]) -> str:
    parts, done = [text[:0]], 0
    for begin, end, _ in sorted(spans):
        if begin >= done:
            parts += text[done:begin], REDACTED
        done = max(done, end)
    return "".join(parts) + text[done:]
