"""The propagator that the host configured, and the filter between it and what strangers send.

What a propagator gets to see is text, of a bounded size, without control characters: one `traceparent` at most, one
tidy `tracestate` and `baggage`. What it writes is held to the same. Each part of a composite is asked by itself, so
that one that raises or gives nothing takes nothing from the others.

`traceparent` and `tracestate` are read and written by the kit where the host has the API's own propagator for them,
which would lose the whole `tracestate` to one repeated key or one key of level 2. Baggage means what it means to the
API's own propagator where the host has that (a `+` is a blank, properties are part of a value), only that it is read
from all headers, and that what is sent can be read by everybody.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

import opentelemetry.baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, Setter, TextMapPropagator, default_getter, default_setter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry_kit._core import faults
from telemetry_kit._core.context import SPAN_KEY
from telemetry_kit._propagation import baggage, traceparent
from telemetry_kit.carriers import Carrier, Names

API_MAX_BAGGAGE_MEMBER = 4096
"""The API's own baggage propagator logs a line for each longer member that it reads, and leaves it out."""
MAX_VALUE = 8192
"""Of a field that isn't the W3C's, in characters."""
MAX_VALUES = 8
"""Of such a field, where it stands several times."""
MAX_NAME, MAX_NAMES = 256, 1_024
"""Characters of a name, and names, that a propagator of others which looks for prefixes is shown."""

_IS_NAME = re.compile(r"[!#-'*+\-.0-9A-Z^_`a-z|~]+").fullmatch

Found = dict[str, list[str]]
Read = Callable[[Context, Found, Carrier], Context]
Write = Callable[[Context, dict[str, str]], None]


class Host:
    """A propagator as the kit uses it."""

    __slots__ = ("closed", "names", "propagator", "readers", "writers")

    def __init__(self, propagator: TextMapPropagator) -> None:
        self.propagator = propagator
        parts = _parts(propagator)
        known = [_known(part) for part in parts]
        ways = [way or (_any_reader(part), _any_writer(part)) for way, part in zip(known, parts, strict=True)]
        self.readers = [read for read, _ in ways]
        self.writers = [write for _, write in ways]
        self.names = Names(field for part in parts for field in _fields(part))
        self.closed = all(known)
        """Whether a carrier without these names has nothing for any part."""

    def read(self, context: Context, found: Found, carrier: Carrier) -> Context:
        """`context` with everything that any part understands."""
        for read in self.readers:
            try:
                after = read(context, found, carrier)
                if isinstance(after, dict):
                    context = after
            except Exception as fault:
                faults.record("propagation.extract", fault)
        return context

    def written(self, context: Context) -> dict[str, str]:
        """What is to be sent of `context`: all that a part wrote, or nothing of it."""
        sent: dict[str, str] = {}
        for write in self.writers:
            try:
                write(context, sent)
            except Exception as fault:
                faults.record("propagation.inject", fault)
        if traceparent.STATE_FIELD in sent and traceparent.FIELD not in sent:
            del sent[traceparent.STATE_FIELD]
        return sent


def _parts(propagator: TextMapPropagator) -> list[TextMapPropagator]:
    """The parts of the API's composite. A composite that doesn't show them, or another one, is one part."""
    if type(propagator) is CompositePropagator:
        parts = getattr(propagator, "_propagators", None)
        if isinstance(parts, (list, tuple)):
            return [one for part in parts for one in _parts(part)]
    return [propagator]


def _fields(part: TextMapPropagator) -> list[str]:
    try:
        return [field for field in part.fields if isinstance(field, str)]
    except Exception as fault:
        faults.record("propagation.fields", fault)
        return []


def _known(part: TextMapPropagator) -> tuple[Read, Write] | None:
    """How to read and to write the fields of a propagator of which all is known; its subclasses are somebody else's."""
    kind = type(part)
    strict = kind.__dict__.get("_kit_field")
    if kind is TraceContextTextMapPropagator or strict == traceparent.FIELD:
        return _read_trace, _write_trace
    if strict == baggage.FIELD:
        return _baggage_reader(baggage.into), _baggage_writer(baggage.header)
    if kind is W3CBaggagePropagator:
        return _api_baggage_reader(part), _baggage_writer(baggage.header_for_the_api)
    return None


def _read_trace(context: Context, found: Found, _: Carrier) -> Context:
    parents = found.get(traceparent.FIELD)
    return context if parents is None else traceparent.into(context, parents, found.get(traceparent.STATE_FIELD))


def _baggage_reader(into: Callable[[Context, list[str]], Context]) -> Read:
    def read(context: Context, found: Found, _: Carrier) -> Context:
        headers = found.get(baggage.FIELD)
        return into(context, headers) if headers else context

    return read


def _api_baggage_reader(part: TextMapPropagator) -> Read:
    """In one step where the API reads as it did when this was written, else by the API from one tidy header."""
    if dict(opentelemetry.baggage.get_all(part.extract({baggage.FIELD: "a=b+c;d=1"}, Context()))) == {"a": "b c;d=1"}:
        return _baggage_reader(baggage.into_as_the_api)

    def into(context: Context, headers: list[str]) -> Context:
        tidy = baggage.tidied(headers, API_MAX_BAGGAGE_MEMBER)
        return part.extract({baggage.FIELD: tidy}, context) if tidy else context

    return _baggage_reader(into)


def _any_reader(part: TextMapPropagator) -> Read:
    def read(context: Context, found: Found, carrier: Carrier) -> Context:
        return part.extract(_Received(found, carrier), context, _GETTER)

    return read


class _Received:
    """What came in, as somebody else's propagator is shown it."""

    __slots__ = ("carrier", "found")

    def __init__(self, found: Found, carrier: Carrier) -> None:
        self.found = found
        self.carrier = carrier

    def get(self, field: str) -> list[str] | None:
        if field not in self.found:
            self.found[field] = self.carrier.get(field)
        values = self.found[field]
        if field == traceparent.FIELD:
            values = [values[0].strip(traceparent.BLANKS)] if traceparent.is_valid(values) else []
        elif field == traceparent.STATE_FIELD:
            members = traceparent.state_members(values) if self.get(traceparent.FIELD) else None
            values = [",".join([f"{key}={value}" for key, value in members.items()])] if members else []
        elif field == baggage.FIELD:
            tidy = baggage.tidied(values, baggage.MAX_LENGTH)
            values = [tidy] if tidy else []
        else:
            values = [value for value in values[:MAX_VALUES] if len(value) <= MAX_VALUE and value.isprintable()]
        return values or None

    def keys(self) -> list[str]:
        """The names in lower case, as they are written, so that a prefix is found however it came. Who asks for them
        goes on to ask for values: they are all read in one look."""
        spelled = (name for name in self.carrier if len(name) <= MAX_NAME and name.isprintable())
        names = list(itertools.islice(dict.fromkeys(name.lower() for name in spelled), MAX_NAMES))
        asked = Names(name for name in names if name not in self.found)
        read = self.carrier.pick(asked)
        self.found.update({name: read.get(name, []) for name in asked.fields})
        return names


class _Getter(Getter[Any]):
    """Reads what came in; a mapping of a propagator's own, such as the environment's, as the API's getter does."""

    def get(self, carrier: Any, key: str) -> list[str] | None:
        return carrier.get(key.lower()) if type(carrier) is _Received else default_getter.get(carrier, key)

    def keys(self, carrier: Any) -> list[str]:
        return carrier.keys() if type(carrier) is _Received else default_getter.keys(carrier)


class _Sent(dict[str, str]):
    """What a propagator writes, names in lower case."""

    __slots__ = ()


class _Setter(Setter[Any]):
    """Writes what is to be sent; into a mapping of a propagator's own as the API's setter does."""

    def set(self, carrier: Any, key: str, value: str) -> None:
        if type(carrier) is _Sent:
            carrier[key.lower()] = value
        else:
            default_setter.set(carrier, key, value)


_GETTER = _Getter()
_SETTER = _Setter()


def _any_writer(part: TextMapPropagator) -> Write:
    def write(context: Context, sent: dict[str, str]) -> None:
        written = _Sent()
        part.inject(written, context, _SETTER)
        bad = [field for field, value in written.items() if not (_IS_NAME(field) and _is_sendable(value))]
        if bad == [traceparent.STATE_FIELD]:
            del written[traceparent.STATE_FIELD]
        elif bad:
            raise ValueError(
                f"what a propagator sends must be able to stand in a header, got what can't as {bad[0][:80]!r}"
            )
        sent.update(written)

    return write


def _write_trace(context: Context, sent: dict[str, str]) -> None:
    span: Any = context.get(SPAN_KEY)
    if span is None:
        return
    parent, state = traceparent.headers(span.get_span_context())
    if parent:
        sent[traceparent.FIELD] = parent
        if state:
            sent[traceparent.STATE_FIELD] = state


def _baggage_writer(header_of: Callable[[Mapping[str, object]], str]) -> Write:
    def write(context: Context, sent: dict[str, str]) -> None:
        entries = baggage.entries(context)
        header = header_of(entries) if entries else ""
        if header:
            sent[baggage.FIELD] = header

    return write


def _is_sendable(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()
