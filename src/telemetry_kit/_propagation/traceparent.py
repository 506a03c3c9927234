"""The two headers of W3C Trace Context level 2, `traceparent` and `tracestate`: read, checked, written.

Everything here is linear in what it is given and says nothing to the log: headers are written by strangers.
A bad `traceparent` takes its `tracestate` with it, a bad `tracestate` goes alone but whole, and of two entries of one
key the first counts, which is the newer one. https://www.w3.org/TR/trace-context-2/
"""

import re
from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from opentelemetry.trace.span import TraceState

FIELD = "traceparent"
STATE_FIELD = "tracestate"

BLANKS = " \t"
MAX_LENGTH = 512
"""Of a `traceparent`: version 00 has 55 characters, later ones may have more, within reason."""
MAX_STATE_MEMBERS = 32
MAX_STATE_LENGTH = 32_768
"""Of all `tracestate` headers joined: 32 members of the longest key and value, and as much again in blanks."""
KNOWN_FLAGS = 0x03
"""Sampled and random-trace-id. The other bits aren't defined, and what isn't defined is sent as zero."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL).fullmatch
_KEY = r"[a-z0-9][a-z0-9_*/@-]{0,255}"
_VALUE = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_MEMBERS = re.compile(rf"[^,{BLANKS}][^,]*").finditer
_MEMBER = re.compile(rf"({_KEY})=({_VALUE})").fullmatch
_FLAGS = {f"{number:02x}": TraceFlags(number & KNOWN_FLAGS) for number in range(256)}


class StrictTraceState(TraceState):
    """A `tracestate` by the grammar of level 2, which the API's own `TraceState` refuses in part.

    Keys may begin with a digit and have any number of `@`. What changes it gives a new one, or itself where the
    change isn't allowed; a changed entry moves to the front, as the specification asks.

    >>> StrictTraceState({"1st@vendor": "a", "rojo": "b"}).update("rojo", "c").to_header()
    'rojo=c,1st@vendor=a'
    """

    def __init__(self, entries: Mapping[str, str] | Sequence[tuple[str, str]] | None = None) -> None:
        super().__init__()
        pairs = entries.items() if isinstance(entries, Mapping) else entries or ()
        self._members: dict[str, str] = {}
        for key, value in pairs:
            if isinstance(key, str) and isinstance(value, str) and _MEMBER(f"{key}={value}"):
                self._members.setdefault(key, value)
        if len(self._members) > MAX_STATE_MEMBERS:
            self._members = {}

    @classmethod
    def of(cls, members: dict[str, str]) -> "StrictTraceState":
        """A state of members that are valid, as they are.

        >>> StrictTraceState.of({"congo": "t61rcWkgMzE"}).to_header()
        'congo=t61rcWkgMzE'
        """
        state = cls()
        state._members = members
        return state

    @classmethod
    def from_header(cls, header_list: list[str]) -> "StrictTraceState":
        return cls.of(state_members(header_list) or {})

    def to_header(self) -> str:
        return ",".join([f"{key}={value}" for key, value in self._members.items()])

    def add(self, key: str, value: str) -> "StrictTraceState":
        return self if key in self._members else self.update(key, value)

    def update(self, key: str, value: str) -> "StrictTraceState":
        others = {other: kept for other, kept in self._members.items() if other != key}
        changed = type(self)({key: value, **others})
        return changed if key in changed else self

    def delete(self, key: str) -> "StrictTraceState":
        if key not in self._members:
            return self
        return self.of({other: kept for other, kept in self._members.items() if other != key})

    def __getitem__(self, key: str) -> str:
        return self._members[key]

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._members!r})"

    def keys(self) -> KeysView[str]:
        return self._members.keys()

    def items(self) -> ItemsView[str, str]:
        return self._members.items()

    def values(self) -> ValuesView[str]:
        return self._members.values()


def state_members(headers: list[str]) -> dict[str, str] | None:
    """The members of all `tracestate` headers together, in their order; None if one is malformed or there are too many.

    >>> state_members(["congo=t61, ,rojo=00f", "congo=old"])
    {'congo': 't61', 'rojo': '00f'}
    """
    header = headers[0] if len(headers) == 1 else ",".join(headers)
    if len(header) > MAX_STATE_LENGTH:
        return None
    members: dict[str, str] = {}
    for count, found in enumerate(_MEMBERS(header), 1):
        member = _MEMBER(found.group().rstrip(BLANKS))
        if member is None or count > MAX_STATE_MEMBERS:
            return None
        key, value = member.groups()
        members.setdefault(key, value)
    return members


def is_valid(headers: list[str]) -> bool:
    """Whether there is exactly one `traceparent`, and a usable one."""
    return span_context(headers, None) is not None


def span_context(headers: list[str], states: list[str] | None) -> SpanContext | None:
    """The remote span that these `traceparent` and `tracestate` headers name; None if they name none."""
    if len(headers) != 1 or len(headers[0]) > MAX_LENGTH:
        return None
    match = _PARENT(headers[0]) or _PARENT(headers[0].strip(BLANKS))
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (rest is not None and version == "00"):
        return None
    members = state_members(states) if states else None
    context = SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        True,
        _FLAGS[flags],
        StrictTraceState.of(members) if members else None,
    )
    return context if context.is_valid else None


def into(context: Context, headers: list[str], states: list[str] | None) -> Context:
    """`context` with the span that the headers name, or `context` itself."""
    remote = span_context(headers, states)
    return context if remote is None else set_span_in_context(NonRecordingSpan(remote), context)


def headers(span: SpanContext) -> tuple[str, str]:
    """The `traceparent` and `tracestate` for what `span` calls, "" for what there is none of or what can't be sent."""
    trace_id, span_id, _, flags, state, is_valid = span  # the tuple that it is: a property costs a call
    if not is_valid:
        return "", ""
    return "00-%032x-%016x-%02x" % (trace_id, span_id, flags & KNOWN_FLAGS), _state_header(state)  # noqa: UP031 - faster


def _state_header(state: TraceState) -> str:
    if type(state) is not StrictTraceState:
        if not state:
            return ""
        state = StrictTraceState.of(state_members([state.to_header()]) or {})
    return state.to_header()
