"""W3C Baggage: read, checked, written, and kept in a context with its properties.

Everything here is linear in what it is given and says nothing to the log: headers are written by strangers. A bad
member goes alone. Percent-encoding is what the specification has, so that a `+` is a plus; a percent sign that encodes
nothing leaves the value as it stands. https://www.w3.org/TR/baggage/
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

from opentelemetry import baggage
from opentelemetry.context import Context, set_value

from telemetry_kit._core.interrupts import pass_on

FIELD = "baggage"

BLANKS = " \t"
MAX_MEMBERS = 180
"""As many as the grammar has; every platform passes on at least 64."""
MAX_LENGTH = 8192
"""Of all headers joined, in bytes; every platform passes on at least as much."""

_NAME = r"[!#-'*+\-.0-9A-Z^_`a-z|~]+"
_VALUE = r"[!#-+\--:<-\[\]-~]*"
_PROPERTY = rf"{_NAME}(?:={_VALUE})?"
_MEMBERS = re.compile(rf"[^,{BLANKS}][^,]*").finditer
_PLAIN = re.compile(rf"({_NAME})=({_VALUE})").fullmatch
_SPACED = re.compile(rf"({_NAME}) ?= ?({_VALUE}) ?(?=((?:; ?{_NAME} ?(?:= ?{_VALUE} ?)?)*))\3").fullmatch
"""A member whose runs of blanks are one blank each: what two runs could share is what makes a pattern quadratic. The
properties are matched once and for all (a lookahead isn't entered again), so that a bad last one is found at once."""
_BAD_CHARACTER = re.compile(r"[^ !#-+\--\[\]-~]").search
_BAD_BLANK = re.compile(r"[^;=] [^;=]").search
_BAD_PROPERTY = re.compile(r"; ?(?:[;=]|$|[^;=]*[^!#-'*+\-.0-9A-Z^_`a-z|~;= ])").search
"""Cheap signs of a bad member, looked for first: matching thousands of properties takes several times as long."""
_LONG_RUN = " " * 64
_IS_NAME = re.compile(_NAME).fullmatch
_IS_PROPERTY = re.compile(_PROPERTY).fullmatch
_IS_TIDY = re.compile(rf"{_NAME}={_VALUE}(?:;{_PROPERTY})*(?:,{_NAME}={_VALUE}(?:;{_PROPERTY})*)*").fullmatch
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})").search
_IS_READY = re.compile(r"[!#$&-+\--:<-\[\]-~]*").fullmatch
_IS_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]*").fullmatch
"""What nobody encodes (RFC 3986, 2.3)."""
_SAFE = "!#$&'()*+-./:<=>?@[]^_`{|}~"
"""What may stand in a value as it is, beside letters and digits; the percent sign may not."""


class BaggageValue(str):  # noqa: SLOT000 - most values have no properties, and then no room for them either
    """The value of a baggage member, and its properties: `ttl=60`, `private`, whatever sender and receiver agreed on.

    >>> from opentelemetry import baggage
    >>> context = baggage.set_baggage("tenant", BaggageValue.of("acme", "ttl=60"))
    >>> member = baggage.get_baggage("tenant", context)
    >>> member, member.properties
    ('acme', ('ttl=60',))
    """

    properties: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: str, *properties: str) -> "BaggageValue":
        """A value with properties, each a token or `token=value`.

        >>> BaggageValue.of("acme", "ttl=60").properties
        ('ttl=60',)
        """
        made = cls(value)
        if properties:
            made.properties = properties
        return made


def joined(headers: list[str]) -> str:
    """All headers as one, cut between two members where there is more than may be."""
    header = headers[0] if len(headers) == 1 else ",".join(headers)
    return header if len(header) <= MAX_LENGTH else header[: MAX_LENGTH + 1].rpartition(",")[0]


def members(header: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Key, still encoded value and properties of each well-formed member.

    >>> list(members("user = alice ; private, broken, n=1"))
    [('user', 'alice', ('private',)), ('n', '1', ())]
    """
    for count, found in enumerate(_MEMBERS(header)):
        if count >= MAX_MEMBERS:
            return
        text = found.group()
        plain = _PLAIN(text)
        if plain is not None:
            key, value = plain.groups()
            yield key, value, ()
            continue
        text = _single_blanks(text)
        if _BAD_CHARACTER(text) or _BAD_PROPERTY(text) or _BAD_BLANK(text):
            continue
        spaced = _SPACED(text)
        if spaced is not None:
            key, value, rest = spaced.groups()
            yield key, value, tuple(rest.replace(" ", "").split(";")[1:])


def _single_blanks(text: str) -> str:
    """Each run of blanks as one. Halving takes no longer than reading twice."""
    text = text.replace("\t", " ").replace(_LONG_RUN, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def tidied(headers: list[str], max_member: int) -> str:
    """One header that any parser reads in linear time and without a complaint: well-formed members, no blanks.

    >>> tidied(["a = 1 ,, b", "c=3; p"], 4096)
    'a=1,c=3;p'
    """
    header = joined(headers)
    if len(header) <= max_member and header.count(",") < MAX_MEMBERS and _IS_TIDY(header):
        return header
    texts = (";".join((f"{key}={value}", *properties)) for key, value, properties in members(header))
    return ",".join([text for text in texts if len(text) <= max_member])


def decoded(value: str) -> str:
    """The text that percent-encoding hides; bytes that aren't UTF-8 become U+FFFD."""
    return value if "%" not in value or _LONE_PERCENT(value) else unquote(value)


def into(context: Context, headers: list[str]) -> Context:
    """`context` with the members of these headers added to its baggage."""
    read: dict[str, object] = {}
    for key, value, properties in members(joined(headers)):
        kept = BaggageValue(decoded(value) if "%" in value else value)
        if properties:
            kept.properties = properties
        read[key] = kept
    return keep(context, {**entries(context), **read}) if read else context


def into_as_the_api(context: Context, headers: list[str]) -> Context:
    """The same as the API's own propagator understands it: a `+` is a blank, and properties are part of the value."""
    read: dict[str, object] = {}
    for key, value, properties in members(joined(headers)):
        text = ";".join((value, *properties)) if properties else value
        if "+" in text or "%" in text:
            text = decoded(text.replace("+", " ")).strip()
        read[decoded(key.replace("+", " ")).strip() if "+" in key or "%" in key else key] = text
    return keep(context, {**entries(context), **read}) if read else context


def header(values: Mapping[str, object]) -> str:
    """The `baggage` to send: the members that can be, as far as they fit; "" where there are none."""
    return _fitting(list(filter(None, map(_text, values, values.values()))))


def header_for_the_api(values: Mapping[str, object]) -> str:
    """The same, as the API's own propagator reads it and everybody else does too: a plus is encoded, and keys are."""
    return _fitting(list(filter(None, map(_api_text, values, values.values()))))


def _fitting(members: list[str]) -> str:
    header = ",".join(members)
    if len(members) <= MAX_MEMBERS and len(header) <= MAX_LENGTH:
        return header
    kept: list[str] = []
    room = MAX_LENGTH + 1
    for member in members:
        if len(member) < room and len(kept) < MAX_MEMBERS:
            room -= len(member) + 1
            kept.append(member)
    return ",".join(kept)


def _text(key: object, value: object) -> str | None:
    if not isinstance(key, str) or not _IS_NAME(key):
        return None
    try:
        text = str(value)
        text = f"{key}={text if _IS_READY(text) else quote(text, safe=_SAFE, errors='replace')}"
        properties = [kept for kept in getattr(value, "properties", ()) if _IS_PROPERTY(kept)]
    except Exception as odd:  # a value whose __str__ raises, properties that aren't text: a bad member goes alone
        pass_on(odd)
        return None
    return ";".join([text, *properties]) if properties else text


def _api_text(key: object, value: object) -> str | None:
    try:
        name, text = str(key), str(value)
        return f"{_quoted(name)}={_quoted(text)}" if name else None
    except Exception as odd:  # its __str__ raises: it goes alone
        pass_on(odd)
        return None


def _quoted(text: str) -> str:
    if (text.isalnum() and text.isascii()) or _IS_UNRESERVED(text):
        return text
    return quote(text, "", errors="replace")


def _find_key() -> str | None:
    """The context's key for baggage, found by the API's public functions: it keeps a dictionary under one key."""
    probe = list(baggage.set_baggage("probe", "", Context()))
    if len(probe) == 1 and dict(baggage.get_all(set_value(probe[0], {"kept": "whole"}, Context()))) == {
        "kept": "whole"
    }:
        return probe[0]
    return None


_KEY = _find_key()


def entries(context: Context) -> Mapping[str, object]:
    """The baggage of `context`: what `baggage.get_all` gives, in one step where the API lets us."""
    if _KEY is None:
        return baggage.get_all(context)
    found = context.get(_KEY)
    return found if isinstance(found, dict) else {}


def keep(context: Context, values: Mapping[str, object]) -> Context:
    """`context` with exactly these baggage entries, set at once where the API lets us: one by one copies them n times."""
    if _KEY is not None:
        return set_value(_KEY, dict(values), context)
    context = baggage.clear(context)
    for key, value in values.items():
        context = baggage.set_baggage(key, value, context)
    return context
