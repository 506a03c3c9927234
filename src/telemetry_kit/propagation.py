"""W3C context in and out: `extract` and `inject`, and what hands a context on: `attached`, `bind`, links, a child's environment.

The propagator is the one that the host configured. In front of it stands a carrier (`telemetry_kit.carriers`), which
reads any spelling of a header, and a filter, so that nothing a stranger sends makes it raise, loop or fill the log,
and no header is lost because another one is bad. Nothing here raises at run time.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, SpanContext, get_current_span, set_span_in_context

from telemetry_kit._core import blocks, faults, observer
from telemetry_kit._core import context as _context
from telemetry_kit._core.attributes import span_attributes
from telemetry_kit._core.blocks import AlsoAsync
from telemetry_kit._core.face import public
from telemetry_kit._core.recipe import StaysHere
from telemetry_kit._propagation import baggage as _baggage
from telemetry_kit._propagation.host_propagator import Host
from telemetry_kit.carriers import Carrier, Environ, HttpHeaders, Names
from telemetry_kit.carriers._base import TEXTS
from telemetry_kit.carriers._http import MAX_FIELD, MAX_FIELDS

C = TypeVar("C")

MAX_LINKS = 128
"""Links of a span that the SDK keeps by default."""

_host = Host(propagate.get_global_textmap())


def _renewed(propagator: Any) -> Host:
    global _host
    _host = Host(propagator)
    return _host


@public
def extract(carrier: Any, context: Context | None = None) -> Context:
    """The context that `carrier` brings, on top of `context`.

    Args:
        carrier: one of `telemetry_kit.carriers`, or plain HTTP headers: a mapping, a list of pairs, a headers object.
        context: what to start from; the current context if not given.

    Returns:
        A context, the one started from where the carrier brings nothing. It never raises.

    >>> from opentelemetry.trace import get_current_span
    >>> context = extract({"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    >>> f"{get_current_span(context).get_span_context().trace_id:x}"
    'af7651916cd43dd8448eb211c80319c'
    """
    try:
        host = _host
        propagator = propagate.get_global_textmap()
        if propagator is not host.propagator:
            host = _renewed(propagator)
        names = host.names
        if carrier.__class__ is dict:
            if host.closed and names.foreign.issuperset(carrier):
                return _context.get_current() if context is None else context
            carrier = HttpHeaders(carrier)
        elif not isinstance(carrier, Carrier):
            carrier = HttpHeaders(carrier)
        try:
            found = carrier.pick(names)
        except Exception as fault:
            faults.pass_on(fault)
            found = _pick_each(carrier, names, fault)
        base = _context.get_current() if context is None else context
        return host.read(base, found, carrier) if found or not host.closed else base
    except Exception as fault:
        faults.record("propagation.extract", fault)
        return _context.get_current() if context is None else context


def _pick_each(carrier: Carrier, names: Names, fault: Exception) -> dict[str, list[str]]:
    """Field by field, where one look at the whole broke on something that isn't ours."""
    faults.record("propagation.carrier", fault)
    found: dict[str, list[str]] = {}
    for field in names.fields:
        with faults.guard("propagation.carrier"):
            found.update(carrier.pick(Names([field])))
    return found


def extract_public(carrier: Any) -> tuple[Context, list[Link]]:
    """For an endpoint that anybody can call: a context in which the trace starts anew, and the link to what came in.

    The context is the current one without a span, and without the baggage that the carrier brought, also where an
    instrumentation has taken it in already.
    """
    context = set_span_in_context(INVALID_SPAN, _context.get_current())
    incoming = extract(carrier, Context())
    try:
        theirs = _baggage.entries(incoming)
        present = _baggage.entries(context)
        ours = {key: value for key, value in present.items() if key not in theirs or theirs[key] != value}
        if len(ours) != len(present):
            context = _baggage.keep(context, ours)
    except Exception as fault:
        faults.record("propagation.extract", fault)
        context = Context()
    return context, links_to([incoming])


def origin(carrier: Any, links: Any, *, public: bool = False) -> tuple[Context | None, list[Link] | None]:
    """Where a span goes on from: the context, None for the current one, and its links. At a public endpoint both are
    links."""
    linked = [] if links is None else links_to(links)
    if public:
        context, incoming = extract_public(carrier)
        return context, links_to([*incoming, *linked]) or None
    return None if carrier is None else extract(carrier), linked or None


@public
def inject(carrier: C, context: Context | None = None, *, baggage: Iterable[str] | None = None) -> C:
    """Write the context into `carrier`, in place of what stood there.

    The propagator's fields are removed first, in any spelling, also when there is nothing to send: neither a stale
    context nor half of one stays behind.

    Args:
        carrier: one of `telemetry_kit.carriers`, or a mutable mapping of HTTP headers.
        context: what to send; the current context if not given.
        baggage: the baggage keys that may leave; all if not given, none if empty.

    Returns:
        `carrier`. Of plain headers that can't be changed in place (a tuple, None) a new object. It never raises.

    >>> inject({"accept": "*/*", "TraceParent": "stale"})
    {'accept': '*/*'}
    """
    wrapped: Carrier | None = None
    try:
        host = _host
        propagator = propagate.get_global_textmap()
        if propagator is not host.propagator:
            host = _renewed(propagator)
        sending: Context = _context.get_current() if context is None else context
        sent = host.written(sending if baggage is None else _with_baggage(sending, baggage))
        fits = len(sent) <= MAX_FIELDS and sum(map(len, sent.values())) <= MAX_FIELD  # or is looked at by itself
        if fits and carrier.__class__ is dict and host.names.foreign.issuperset(carrier):  # type: ignore[arg-type]
            carrier.update(sent)  # type: ignore[attr-defined]
            return carrier
        wrapped = carrier if isinstance(carrier, Carrier) else HttpHeaders(carrier)
        _replace(wrapped, host.names, sent)
    except Exception as fault:
        faults.record("propagation.inject", fault)
    return carrier if wrapped is None or wrapped is carrier else cast("C", wrapped.data)


def _replace(carrier: Carrier, names: Names, sent: dict[str, str]) -> None:
    """All of `sent` in the place of the fields, or nothing."""
    try:
        carrier.drop(names)
        others = [field for field in sent if field not in names.fields]
        if others:  # one for each entry of a baggage: what a propagator says that it writes comes first
            carrier.drop(Names(others))
            sent = dict(sorted(sent.items(), key=lambda one: one[0] not in names.fields))
        carrier.write(sent)
    except Exception:
        carrier.drop(names)
        raise


def _with_baggage(context: Context, allowed: Iterable[str]) -> Context:
    present = _baggage.entries(context)
    try:
        keys = {allowed} if isinstance(allowed, str) else set(allowed)
        kept = {key: value for key, value in present.items() if key in keys}
    except Exception as fault:
        faults.record("propagation.baggage", fault)
        kept = {}
    return context if len(kept) == len(present) else _baggage.keep(context, kept)


class _Attached(_context.Current):
    """A stranger's context, current for a block: as it is, unless it is current in another block too, or once was and was
    left out of order. Each of those is to be left on its own (`go_back`)."""

    __slots__ = ("_marked",)

    def __init__(self) -> None:
        super().__init__()
        self._marked: Any = None

    def take(self, context: Context, now: Context) -> None:
        """Have it made current, where `now` is current, which it may be itself."""
        if context is not now:
            if hasattr(context, "attached") or hasattr(context, "left_for"):
                context = Context(context)
            self.context = self._marked = context
            context.attached = self  # type: ignore[attr-defined]

    def leave(self) -> None:
        super().leave()
        if self._marked is not None:
            self._marked.__dict__.pop("attached", None)


@public
class attached(AlsoAsync[Context], StaysHere):  # noqa: N801 - reads as a keyword: `with attached(context):`
    """Make a context current for a block: `with attached(extract(carrier)):`.

    >>> from opentelemetry import baggage
    >>> with attached(baggage.set_baggage("tenant", "acme")):
    ...     baggage.get_baggage("tenant")
    'acme'
    """

    __slots__ = ("_blocks", "_context")
    _instead = "inject() the context into a carrier that travels, and extract() it there"

    def __init__(self, context: Context) -> None:
        self._context = context
        if context is not None and not isinstance(context, Context):
            msg = f"context of attached() must be a Context, got {type(context).__name__}: extract() it from a carrier"
            faults.record("propagation.context", TypeError(msg))
        self._blocks: list[_Attached] = []

    def __enter__(self) -> Context:
        current = _Attached()
        try:
            now = _context.get_current()
            current.take(self._context if isinstance(self._context, Context) else now, now)
            blocks.begin(self._blocks, current)
            current.enter()
            context = now if current.context is None else current.context
            observer.current.made_current(context)
            return context
        except BaseException:
            blocks.forget(self._blocks, current)
            current.leave()
            raise

    def __exit__(self, *_: object) -> None:
        current = blocks.end(self._blocks, "attached")
        if current is not None:
            current.leave()


def _is_a(given: object, kind: type) -> bool:
    """Whether `given` is of the class `kind`. Other than `isinstance` it wakes no proxy, and needs no class that has a hash."""
    return any(base is kind for base in type(given).__mro__)


def _is_one(given: object) -> bool:
    """Whether this is one carrier, mapping, link or span rather than several."""
    kind = type(given)
    if hasattr(kind, "keys") or hasattr(kind, "get_span_context"):
        return True
    return any(_is_a(given, one) for one in (Carrier, Link, SpanContext))


@public
def link_to(carrier_or_context: Any) -> Link | None:
    """A link to the span that a carrier, a context, a span or its context names, and to nothing else; None if it names none.

    >>> link_to({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}).context.is_remote
    True
    """
    try:
        given = carrier_or_context
        if given is None:
            return None
        if _is_a(given, Link):
            if not given.context.is_valid:
                return None
            given_ones = given.attributes or {}
            kept = span_attributes(given_ones)
            as_given = [*map(id, given_ones.values())] == [*map(id, kept.values())]
            return given if as_given else Link(given.context, kept)
        if _is_a(given, SpanContext):
            target = given
        elif hasattr(type(given), "get_span_context"):
            target = given.get_span_context()
        else:
            context = given if _is_a(given, Context) else extract(given, Context())
            target = get_current_span(context).get_span_context()
        return Link(target) if target.is_valid else None
    except Exception as fault:
        faults.record("propagation.link", fault)
        return None


@public
def links_to(items: Iterable[Any], *, limit: int = MAX_LINKS) -> list[Link]:
    """Links to what several carriers or contexts name, such as a batch of messages: valid and distinct ones.

    Args:
        items: carriers, contexts, spans or links; a given link keeps its attributes.
        limit: how many links at most; the first ones count.

    >>> headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    >>> len(links_to([headers, {}, headers]))
    1
    """
    links: dict[tuple[int, int], Link] = {}
    try:
        if _is_one(items):
            items = [items]
        for item in () if isinstance(items, TEXTS) else items or ():
            if len(links) >= limit:
                break
            link = link_to(item)
            if link is None:
                continue
            target = link.context.trace_id, link.context.span_id
            if target not in links or (link.attributes and not links[target].attributes):
                links[target] = link
    except Exception as fault:
        faults.record("propagation.link", fault)
    return list(links.values())


@public
def child_environment(env: Mapping[str, str] | None = None, context: Context | None = None) -> dict[str, str]:
    """A copy of the environment with the context in it, for a child process.

    Args:
        env: the environment to copy; this process's if not given.
        context: what to hand on; the current context if not given.

    The child reads it with `extract(Environ())`.

    >>> child_environment({"PATH": "/bin", "TRACEPARENT": "stale"})
    {'PATH': '/bin'}
    """
    carrier = Environ(None if env is None else dict(env))
    return cast("dict[str, str]", inject(carrier, context).data)
