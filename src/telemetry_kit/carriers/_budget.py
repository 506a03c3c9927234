"""What a transport bears: which fields, and how much of each, are written where not everything can be.

A message that is refused for its trace context is worse than one without. So a field is as long as the transport takes
it, lists are cut between members, and where all fields share a budget the ones that name the trace come first.
"""

import itertools
from collections.abc import Mapping

LONG = 128
"""Characters of a `tracestate` member beyond which it goes first, as W3C Trace Context has it."""
RESERVED = 512
"""Characters of `tracestate` that every platform should pass on: they come before everything but `traceparent`."""
OVERHEAD = 32
"""Bytes that HTTP/2, and so gRPC, counts for a field beside its name and value (RFC 9113, 6.5.2)."""

PARENT, STATE, BAGGAGE = "traceparent", "tracestate", "baggage"


def budgeted(
    fields: Mapping[str, str], each: int | None, together: int | None, room: int | None = None
) -> dict[str, str]:
    """What is to be written of `fields`, in the order in which that is done: `traceparent`, `tracestate`, the others.

    Args:
        fields: what there is to send, by name.
        each: characters that a value may have; None for any number.
        together: bytes that all fields may take, each with its name and `OVERHEAD`; None for any number.
        room: how many fields may be written; None for any number.

    Fields whose names begin with the same two words are written all or not at all.

    >>> budgeted({"baggage": "a=1,b=2", "traceparent": "00-..."}, 6, None)
    {'traceparent': '00-...', 'baggage': 'a=1'}
    """
    named = {field.lower(): value for field, value in fields.items()}
    first = {field: named[field] for field in (PARENT, STATE) if field in named}
    ordered = {**first, **named} if first else named
    if each is not None:
        ordered = {field: fitted(field, value, each) for field, value in ordered.items()}
    if together is not None and sum(_size(field, value) for field, value in ordered.items()) > together:
        ordered = _shared(ordered, together)
    left = {field: value for field, value in ordered.items() if value}
    if room is not None and len(left) > room:
        left = dict(itertools.islice(left.items(), max(0, room)))
    lost = {_kin(field) for field in named if field not in left} - {PARENT, STATE, BAGGAGE}
    return {field: value for field, value in left.items() if _kin(field) not in lost} if lost else left


def _kin(field: str) -> str:
    """What the fields of one propagator have in common: `x-b3-traceid` says nothing without `x-b3-spanid`."""
    return "-".join(field.split("-", 2)[:2])


def _shared(fields: dict[str, str], left: int) -> dict[str, str]:
    """The same in `left` bytes: first what names the trace, then the shorter fields before the longer ones."""
    shares = dict.fromkeys(fields, "")
    least = {field: _least_state(value) if field == STATE else value for field, value in fields.items()}
    for field in sorted(fields, key=lambda field: (field != PARENT, field != STATE, len(fields[field]))):
        shares[field] = fitted(field, least[field], left - _size(field, ""))
        left -= _size(field, shares[field]) if shares[field] else 0
    if shares.get(STATE):
        shares[STATE] = fitted(STATE, fields[STATE], left + len(shares[STATE]))
    return shares


def _size(field: str, value: str) -> int:
    return len(field) + len(value) + OVERHEAD


def _least_state(value: str) -> str:
    """As few members as make up the characters that are passed on in any case."""
    return next(
        (kept for room in (RESERVED, 2 * RESERVED) if len(kept := fitted(STATE, value, room)) >= RESERVED), value
    )


def fitted(field: str, value: str, room: int) -> str:
    """`value` if it fits, else what of its members does: lists are cut between members, all else is left out.

    Of a `tracestate` the members longer than 128 characters go first, from the right, then the others from the right.
    Of `baggage` go those that don't fit.

    >>> fitted("baggage", "a=1,b=2,c=3", 8)
    'a=1,b=2'
    """
    if len(value) <= room:
        return value
    if field == STATE:
        return _fitted_state(value, room)
    if field != BAGGAGE:
        return ""
    kept = []
    for member in value.split(","):
        if len(member) <= room:
            kept.append(member)
            room -= len(member) + 1
    return ",".join(kept)


def _fitted_state(value: str, room: int) -> str:
    members = value.split(",")
    excess = len(value) - room
    for place in range(len(members) - 1, -1, -1):
        size = len(members[place])
        if size > LONG and excess > 0:
            del members[place]
            excess -= size + 1
    value = ",".join(members)
    return value if len(value) <= room else value[: room + 1].rpartition(",")[0]
