"""`inject`, `extract` and what hands a context on, with whatever propagator the host configured."""

import asyncio
import contextvars
import itertools
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current, set_value
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, Setter, TextMapPropagator, default_getter, default_setter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry_kit import bind
from telemetry_kit._core import faults
from telemetry_kit._propagation import host_propagator
from telemetry_kit.carriers import AsgiHeaders, Environ, HttpHeaders, KafkaHeaders
from telemetry_kit.propagation import (
    attached,
    child_environment,
    extract,
    extract_public,
    inject,
    link_to,
    links_to,
)
from telemetry_kit.w3c import StrictBaggagePropagator, StrictTraceContextPropagator

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID = 0xB7AD6B7169203331
PARENT = f"00-{TRACE_ID:032x}-{SPAN_ID:016x}-01"
OTHER = f"00-{TRACE_ID + 1:032x}-{SPAN_ID:016x}-01"

Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def configure() -> Iterator[Configure]:
    """Configure these parts as the host's propagator; the one that was there is put back."""
    before = propagate.get_global_textmap()
    yield lambda *parts: propagate.set_global_textmap(CompositePropagator(list(parts)))
    propagate.set_global_textmap(before)


def remote(context: Context) -> SpanContext:
    """The span of a context."""
    return trace.get_current_span(context).get_span_context()


def sending(traceparent: str = PARENT, **headers: str) -> Context:
    """A context with a span, and what else headers bring."""
    return extract({"traceparent": traceparent, **headers}, Context())


class Part(TextMapPropagator):
    """A propagator of the host's own: one field, read and written as it is."""

    def __init__(self, field: str = "x-tenant", read: Any = None, write: Any = None) -> None:
        self.field, self.read, self.write = field, read, write
        self.seen: list[Any] = []

    def extract(self, carrier: Any, context: Context | None = None, getter: Getter[Any] = default_getter) -> Context:
        if isinstance(self.read, Exception):
            raise self.read
        self.seen.append(getter.get(carrier, self.field))
        return set_value("tenant", self.seen[-1], context) if self.read is None else self.read()

    def inject(self, carrier: Any, context: Context | None = None, setter: Setter[Any] = default_setter) -> None:
        for field, value in (self.write or {self.field: "acme"}).items():
            if isinstance(value, Exception):
                raise value
            setter.set(carrier, field, value)

    @property
    def fields(self) -> set[str]:
        return {self.field}


# extract


def test_extract_starts_from_the_current_context() -> None:
    """Unless told otherwise; the API starts from an empty one."""
    with attached(set_value("kept", 1, Context())):
        assert 1 == extract({"traceparent": PARENT})["kept"]
        assert "kept" not in extract({"traceparent": PARENT}, Context())


def test_extract_of_nothing_is_the_context_itself() -> None:
    """Nothing came in, nothing is made."""
    context = Context({"kept": 1})

    assert context is extract({}, context)
    assert context is extract({"accept": "*/*", "host": "a"}, context)
    assert context is extract(AsgiHeaders([(b"host", b"a")]), context)
    assert get_current() is extract({})


def test_a_plain_mapping_is_http_headers_in_any_case() -> None:
    """Also once the same names have been seen and remembered."""
    for _ in range(2):
        assert TRACE_ID == remote(extract({"Accept": "*/*", "TRACEparent": PARENT}, Context())).trace_id
        assert not remote(extract({"Accept": "*/*"}, Context())).is_valid


@pytest.mark.parametrize("strict", [False, True])
def test_a_repeated_traceparent_is_invalid_and_lists_are_joined(configure: Configure, strict: bool) -> None:
    """For HTTP: nobody can say which of two is meant; tracestate and baggage may stand several times."""
    if strict:
        configure(StrictTraceContextPropagator(), StrictBaggagePropagator())
    twice = [("traceparent", PARENT), ("traceparent", PARENT), ("baggage", "a=1")]
    lists = [
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("Tracestate", "b=2"),
        ("baggage", "a=1"),
        ("baggage", "b=2"),
    ]

    assert not remote(extract(twice, Context())).is_valid
    assert {"a": "1"} == dict(baggage.get_all(extract(twice, Context())))
    assert {"a": "1", "b": "2"} == dict(remote(extract(lists, Context())).trace_state)
    assert {"a": "1", "b": "2"} == dict(baggage.get_all(extract(lists, Context())))


def test_two_spellings_of_traceparent_are_two() -> None:
    """A plain dict can hold both."""
    assert not remote(extract({"traceparent": PARENT, "Traceparent": PARENT}, Context())).is_valid


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("state", ["1key=1,b=2", "a=1,b=2,a=3"])
def test_no_vendor_is_lost_to_another(configure: Configure, strict: bool, state: str) -> None:
    """With the API's own propagator a key of level 2, or a repeated one, would lose the whole tracestate."""
    if strict:
        configure(StrictTraceContextPropagator())
    context = sending(tracestate=state)

    assert "2" == remote(context).trace_state["b"]
    assert "b=2" in inject({}, context)["tracestate"]


@pytest.mark.parametrize(
    "bad", ["", "x", b"\xff\xfe", None, 7, ["a", "b"], [], [b"x"], "\ud800", "\x00", PARENT + "\r\n", "é" * 9000]
)
def test_a_bad_traceparent_costs_the_baggage_nothing(bad: Any) -> None:
    """SEC.1, SEC.2: it takes its tracestate with it, and nothing else."""
    context = extract({"traceparent": bad, "tracestate": "a=1", "baggage": "b=2"}, Context())

    assert not remote(context).is_valid
    assert {"b": "2"} == dict(baggage.get_all(context))


@pytest.mark.parametrize("bad", ["", "x", b"\xff\xfe", None, 7, [None], "\ud800=1", "\x00", "a=1\r\n", "é", "=" * 9000])
@pytest.mark.parametrize("field", ["baggage", "tracestate"])
def test_a_bad_header_costs_the_trace_nothing(field: str, bad: Any) -> None:
    """SEC.1: a good signal is kept when another is bad."""
    assert TRACE_ID == remote(extract({"traceparent": PARENT, field: bad}, Context())).trace_id


@pytest.mark.parametrize(
    "carrier", [None, 7, "x", b"x", object(), [1, 2], [("a",)], [None], (), {1: 2, None: 3}, {"traceparent": object()}]
)
def test_a_carrier_of_the_wrong_type_brings_nothing(carrier: Any) -> None:
    """SEC.1: extract never raises and never returns None."""
    assert Context() == extract(carrier, Context())
    assert isinstance(extract(carrier), Context)


def test_bytes_are_read_as_text() -> None:
    """Names and values, in mappings and pairs."""
    assert remote(extract({b"TraceParent": PARENT.encode()}, Context())).is_valid
    assert remote(extract([(b"traceparent", bytearray(PARENT.encode()))], Context())).is_valid


def test_a_mapping_that_raises_still_brings_the_other_fields() -> None:
    """SEC.1: one value that can't be had is one value."""

    class Broken(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            if name == "baggage":
                raise RuntimeError("no")
            return super().__getitem__(name)

    before = faults.counts().get("propagation.carrier", 0)
    assert remote(extract(Broken(baggage="a=1", traceparent=PARENT), Context())).is_valid
    assert before < faults.counts()["propagation.carrier"]


def test_without_propagators_the_context_is_kept(configure: Configure) -> None:
    """OTEL_PROPAGATORS=none: the API's extract returns None."""
    configure()
    context = Context({"kept": 1})

    assert context is extract({"traceparent": PARENT}, context)
    assert {"a": "b"} == inject({"a": "b"}, sending())


@pytest.mark.parametrize(
    "propagator", [None, object(), Part(read=ValueError("broken")), Part(read=lambda: None), Part(read=lambda: 7)]
)
def test_a_broken_propagator_is_a_fault(propagator: Any) -> None:
    """FLT.1: one that raises, is None or gives something else is counted; the context goes on."""
    propagate.set_global_textmap(propagator)
    context = Context({"kept": 1})

    assert context is extract({"traceparent": PARENT, "x-tenant": "a"}, context)


@pytest.mark.parametrize("broken", [ValueError("broken"), lambda: None])
def test_a_broken_part_takes_nothing_from_the_others(configure: Configure, broken: Any) -> None:
    """FLT.1: the parts of a composite are asked one by one."""
    configure(TraceContextTextMapPropagator(), Part(read=broken), W3CBaggagePropagator())
    context = extract({"traceparent": PARENT, "baggage": "a=1", "x-tenant": "b"}, Context({"kept": 1}))

    assert (TRACE_ID, {"a": "1"}, 1) == (remote(context).trace_id, dict(baggage.get_all(context)), context["kept"])


def test_a_propagator_of_the_hosts_own_is_shown_tidy_headers(configure: Configure) -> None:
    """SEC.1: text without control characters, one traceparent, one tracestate, one baggage; or nothing."""
    seen = {}
    for field in ("x-tenant", "traceparent", "tracestate", "baggage", "x-other"):
        part = Part(field)
        configure(part)
        extract(
            {
                "X-Tenant": ["acme", "a\r\nb", "x" * 10_000, b"bytes"],
                "traceparent": " " + PARENT,
                "tracestate": " a=1 ,, 1b=2,a=3",
                "baggage": ["x = 1 , bad ", "y=2;p"],
            }
        )
        seen[field] = part.seen

    assert {
        "x-tenant": [["acme", "bytes"]],
        "traceparent": [[PARENT]],
        "tracestate": [["a=1,1b=2"]],
        "baggage": [["x=1,y=2;p"]],
        "x-other": [None],
    } == seen


def test_a_propagator_may_ask_for_what_stands_elsewhere(configure: Configure) -> None:
    """What it is given to read and write headers with serves dictionaries of its own, too."""

    class Copying(Part):
        def extract(
            self, carrier: Any, context: Context | None = None, getter: Getter[Any] = default_getter
        ) -> Context:
            own = {"x-own": getter.get(carrier, "x-own")}
            return set_value("found", (getter.get(own, "x-own"), list(getter.keys(own))), context)

        def inject(self, carrier: Any, context: Context | None = None, setter: Setter[Any] = default_setter) -> None:
            own: dict[str, str] = {}
            setter.set(own, "x-own", "1")
            for key, value in own.items():
                setter.set(carrier, key, value)

    configure(Copying("x-own"))

    assert extract({"X-Own": "1"}, Context())["found"] == (["1"], ["x-own"])
    assert inject({}, Context()) == {"x-own": "1"}


def test_a_propagator_that_reads_more_than_it_writes_finds_it(configure: Configure) -> None:
    """B3 and Jaeger read headers that aren't among their fields."""

    class Prefixed(Part):
        def extract(
            self, carrier: Any, context: Context | None = None, getter: Getter[Any] = default_getter
        ) -> Context:
            names = [name for name in getter.keys(carrier) if name.startswith("uberctx-")]
            return set_value("found", {name: getter.get(carrier, name) for name in names}, context)

    configure(Prefixed())
    assert {"uberctx-a": ["1"]} == extract({"uberctx-a": "1", "host": "b", "bad\n": "c"}, Context())["found"]


def test_a_composite_that_does_not_show_its_parts_is_used_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API's private list of parts is a help, not a need."""
    composite = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])

    class Closed(CompositePropagator):
        pass

    for host in (host_propagator.Host(composite), host_propagator.Host(Closed(composite._propagators))):
        carrier = HttpHeaders({"traceparent": PARENT, "baggage": "a=1"})
        context = host.read(Context(), carrier.pick(host.names), carrier)
        assert (TRACE_ID, {"a": "1"}) == (remote(context).trace_id, dict(baggage.get_all(context)))
        assert {"traceparent": PARENT, "baggage": "a=1"} == host.written(context)


def test_what_the_api_understands_is_understood_alike() -> None:
    """With the API's propagators good headers mean the same as through the API: its blank is a plus."""
    headers = {"traceparent": PARENT, "tracestate": "a=1,b=2", "baggage": "a=x+y,b=%20z;p=1,c+d=e,f%67=h,i=j;k=+l;m"}
    ours, theirs = extract(headers, Context()), propagate.extract(headers, Context())

    assert remote(theirs) == remote(ours)
    assert dict(baggage.get_all(theirs)) == dict(baggage.get_all(ours))


HOSTILE = [
    " " * 8192,
    "\t" * 8192,
    "," * 8192,
    "a," * 4096,
    "=," * 4096,
    "a=" + ";" * 8190,
    "a=1" + ";p" * 4094 + "!!(",
    "a=%" + "%" * 8000,
    "a=" + " " * 8000 + "(",
    ("a" + " " * 30 + "=") * 250,
    " a" * 4096,
    "a=b," * 10_000,
    "k=" + "v" * 8_000_000,
    "x" * 8_000_000,
    "é=1," * 2000,
    "\ud800" * 8192,
    "a\r\nb=\x00" * 1000,
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("field", ["traceparent", "tracestate", "baggage"])
def test_no_header_writes_more_than_a_short_line(
    configure: Configure, caplog: pytest.LogCaptureFixture, field: str, strict: bool
) -> None:
    """SEC.1: the API's own parsers log a line per bad member, and whole headers."""
    if strict:
        configure(StrictTraceContextPropagator(), StrictBaggagePropagator())
    for value in HOSTILE:
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            context = extract({"traceparent": PARENT, field: value}, Context())
            context = extract({"traceparent": PARENT, field: [value] * 3}, context)
            inject({}, context)
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) <= 1
        assert all(len(line) < 300 for line in lines)


# inject


def test_inject_writes_and_returns_the_carrier() -> None:
    """Plain or wrapped."""
    headers: dict[str, str] = {}
    kafka = KafkaHeaders()

    assert headers is inject(headers, sending())
    assert {"traceparent": PARENT} == headers
    assert kafka is inject(kafka, sending())
    assert [("traceparent", PARENT.encode())] == kafka.data


def test_inject_sends_the_current_context() -> None:
    """Unless told otherwise."""
    with attached(sending()):
        assert {"traceparent": PARENT} == inject({})


def test_inject_replaces_any_spelling() -> None:
    """Never appends, never leaves a stale value beside the new one."""
    headers = {"TraceParent": "stale", "TRACESTATE": "stale=1", "Baggage": "stale=1", "Accept": "*/*"}

    assert {"Accept": "*/*", "traceparent": PARENT} == inject(headers, sending())


def test_inject_with_nothing_to_send_removes_what_stood_there() -> None:
    """Neither a stale nor half a context stays behind."""
    assert {"accept": "*/*"} == inject({"accept": "*/*", "traceparent": PARENT, "baggage": "a=1"}, Context())


def test_inject_again_replaces() -> None:
    """A message that is sent again carries the context of then."""
    headers = inject({}, sending(tracestate="a=1", baggage="a=1"))

    assert {"traceparent": OTHER} == inject(headers, sending(OTHER))


@pytest.mark.parametrize(
    ("allowed", "sent"),
    [
        (None, "user=alice,tenant=acme"),
        ((), None),
        (["tenant"], "tenant=acme"),
        ("user", "user=alice"),
        (["other"], None),
        (7, None),
    ],
)
def test_baggage_leaves_only_as_allowed(allowed: Any, sent: str | None) -> None:
    """SEC.3: None is all, empty is none, keys are these; what isn't keys is none."""
    context = sending(baggage="user=alice,tenant=acme")

    assert sent == inject({"baggage": "stale=1"}, context, baggage=allowed).get("baggage")


def test_a_part_that_writes_half_a_context_writes_none(configure: Configure) -> None:
    """One that raises in the middle, or writes what can't stand in a header."""
    for bad in (ValueError("broken"), "a\r\nb", "a\x00", "", "é", 7, None):
        configure(Part(write={"x-first": "1", "x-tenant": bad}), W3CBaggagePropagator())
        assert {"baggage": "a=1"} == inject({}, baggage.set_baggage("a", "1", Context()))


@pytest.mark.parametrize("name", ["a\r\nb", "", "a b", "a:b", "\x00"])
def test_no_field_name_can_break_out(configure: Configure, name: str) -> None:
    """SEC.2: no CR, LF or NUL in anything injected, names included."""
    configure(Part(write={name: "1"}))

    assert {} == inject({}, Context())


def test_a_traceparent_that_can_not_be_sent_takes_its_tracestate_with_it(configure: Configure) -> None:
    """Half a context is worse than none."""
    configure(Part(write={"traceparent": "a\nb"}), Part(write={"tracestate": "a=1"}))

    assert {} == inject({}, Context())


def test_a_carrier_that_can_not_be_written_is_a_fault() -> None:
    """FLT.1: inject never raises."""

    class Closed(dict[str, str]):
        def __setitem__(self, name: str, value: str) -> None:
            raise RuntimeError("closed")

    for carrier in (Closed(traceparent="stale"), 7, object()):
        assert carrier is inject(carrier, sending())


def test_plain_headers_that_can_not_be_changed_give_new_ones() -> None:
    """A tuple, a read-only mapping, None."""
    assert (("a", "b"), ("traceparent", PARENT)) == inject((("a", "b"),), sending())
    assert {"a": "b", "traceparent": PARENT} == inject(MappingProxyType({"a": "b", "TraceParent": "x"}), sending())  # type: ignore[comparison-overlap]
    assert {"traceparent": PARENT} == inject(None, sending())


def test_no_control_character_leaves(configure: Configure) -> None:
    """SEC.2: whatever the baggage of a context holds."""
    for parts in ([W3CBaggagePropagator()], [StrictBaggagePropagator()]):
        configure(*parts)
        context = baggage.set_baggage("a\r\n", "b\r\nc\x00", baggage.set_baggage("k", "v\r\n\x00", Context()))
        value = inject({}, context)["baggage"]
        assert not set(value) & set("\r\n\x00")


def test_too_much_baggage_is_left_out_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """SEC.1: the API's own propagator logs a line for each entry that it leaves out."""
    context = Context()
    for number in range(300):
        context = baggage.set_baggage(f"k{number}", "(" * (2000 if number < 5 else 1), context)
    with caplog.at_level(logging.DEBUG):
        sent = inject({}, context)["baggage"]

    assert [] == caplog.records
    assert 1 <= len(sent.split(",")) <= 180
    assert 8192 >= len(sent)


def test_one_baggage_entry_that_has_no_text_goes_alone() -> None:
    """FLT.1: the API's propagator would lose all."""

    class Raises:
        def __str__(self) -> str:
            raise ValueError("no text")

    context = baggage.set_baggage(
        "a", "1", baggage.set_baggage("b", Raises(), baggage.set_baggage("c", "\ud800", Context()))
    )
    assert ["a=1", "c=%3F"] == sorted(inject({}, context)["baggage"].split(","))


def test_a_blank_and_a_plus_arrive_as_such_wherever_they_go() -> None:
    """The API's own propagator writes a blank as a plus, which nobody else reads as one."""
    context = baggage.set_baggage("a b", "1 + 1;x", Context())
    sent = inject({}, context)

    assert "a%20b=1%20%2B%201%3Bx" == sent["baggage"]
    assert {"a b": "1 + 1;x"} == dict(baggage.get_all(propagate.extract(sent)))
    assert {"a b": "1 + 1;x"} == dict(baggage.get_all(extract(sent, Context())))


def test_an_api_that_reads_baggage_in_another_way_reads_it_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """From one tidy header; how it reads is found out once."""

    def other(self: Any, carrier: Any, context: Any = None, getter: Any = default_getter) -> Context:
        return set_value("header", getter.get(carrier, "baggage"), context)

    monkeypatch.setattr(W3CBaggagePropagator, "extract", other)
    propagate.set_global_textmap(W3CBaggagePropagator())

    assert ["a=1,b=2;p"] == extract([("baggage", " a = 1 "), ("baggage", "b=2;p, bad")], Context())["header"]


# attached


def test_attached_makes_a_context_current_for_a_block() -> None:
    """And puts back what was there, also after an exception."""
    context, before = Context({"kept": 1}), get_current()
    with pytest.raises(KeyError), attached(context) as given:
        assert context is given is get_current()
        raise KeyError

    assert before is get_current()


def test_attached_can_be_nested_and_used_again() -> None:
    """One object, several blocks."""
    context, before = Context({"kept": 1}), get_current()
    block = attached(context)
    with block, block:
        assert context is get_current()
    with block:
        pass

    assert before is get_current()


def test_attached_left_elsewhere_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """GEN.3: closed in another context there is nothing to be put back, and nothing to be logged."""

    def steps() -> Iterator[int]:
        with attached(Context({"kept": 1})):
            yield 1

    generator = steps()
    contextvars.copy_context().run(next, generator)
    generator.close()  # type: ignore[attr-defined]

    assert [] == caplog.records


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_attached_left_in_any_order(order: tuple[int, ...], same: bool) -> None:
    """GEN 3: what has been left doesn't become current again, and what was before them all is current in the end."""
    before, one = get_current(), Context({"kept": "one"})
    blocks = [attached(one if same else Context({"kept": number})) for number in range(4)]
    for block in blocks:
        block.__enter__()
    left = []
    for number in order:
        blocks[number].__exit__(None, None, None)
        left.append(number)
        assert get_current().get("kept") not in left

    assert before is get_current()
    with attached(one):
        assert get_current() == {"kept": "one"}
    assert before is get_current()


def test_attached_in_two_contexts_is_left_in_each_on_its_own() -> None:
    """GEN 3: out of order in one, which the other doesn't notice."""
    one, inner = Context({"kept": "one"}), Context({"kept": "inner"})
    elsewhere = contextvars.copy_context()
    there = attached(one)
    elsewhere.run(there.__enter__)
    outer, within = attached(one), attached(inner)
    outer.__enter__()
    within.__enter__()
    outer.__exit__(None, None, None)

    with_inner = attached(inner)
    elsewhere.run(with_inner.__enter__)
    elsewhere.run(with_inner.__exit__, None, None, None)
    assert elsewhere.run(get_current) == {"kept": "one"}
    within.__exit__(None, None, None)
    assert get_current() == {}


def test_attached_nothing_changes_nothing() -> None:
    """Telemetry doesn't raise where somebody's extract gave None."""
    before = get_current()
    with attached(None) as context:  # type: ignore[arg-type]
        assert before is context


# bind


def test_bind_carries_todays_context_into_a_thread() -> None:
    """Whoever runs it."""
    seen = []
    with attached(sending()):
        thread = threading.Thread(target=bind(lambda: seen.append(remote(get_current()).trace_id)))
    thread.start()
    thread.join()

    assert [TRACE_ID] == seen


def test_bind_carries_all_context_variables() -> None:
    """Not OpenTelemetry's alone."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("mine")
    bound = bind(variable.get)
    variable.set("later")

    assert "mine" == contextvars.Context().run(bound)


def test_a_bound_function_can_run_in_several_threads_at_once() -> None:
    """Each call has a copy of its own; one context can't be entered twice."""
    barrier = threading.Barrier(4)
    bound = bind(lambda: (barrier.wait(10), get_current())[1])
    with ThreadPoolExecutor(4) as pool:
        assert 4 == len([future.result() for future in [pool.submit(bound) for _ in range(4)]])


def test_what_a_call_changes_stays_in_it() -> None:
    """Copied for each call."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    def work() -> int:
        variable.set(variable.get() + 1)
        return variable.get()

    bound = bind(work)
    assert (1, 1, 0) == (bound(), bound(), variable.get())


def test_bind_with_a_context_given() -> None:
    """It takes the place of today's; the caller's own stays."""
    before = get_current()
    bound = bind(lambda: remote(get_current()).trace_id, sending())

    assert TRACE_ID == bound()
    assert before is get_current()


def test_bind_passes_arguments_results_and_exceptions_and_keeps_the_name() -> None:
    """As the bare function."""

    def divide(a: int, *, by: int) -> float:
        """Divide."""
        return a / by

    bound = bind(divide)
    assert (2.0, "divide", "Divide.") == (bound(4, by=2), bound.__name__, bound.__doc__)
    with pytest.raises(ZeroDivisionError):
        bound(1, by=0)


def test_a_bound_coroutine_function_runs_in_its_context() -> None:
    """Each of its steps, also after an await, with cancellation and exceptions going through."""

    async def work(fail: bool = False) -> int:
        await asyncio.sleep(0)
        if fail:
            raise KeyError
        return remote(get_current()).trace_id

    bound = bind(work, sending())
    assert asyncio.iscoroutinefunction(bound) if sys.version_info < (3, 12) else True
    assert TRACE_ID == asyncio.run(bound())
    with pytest.raises(KeyError):
        asyncio.run(bound(True))


def test_a_bound_coroutine_can_be_cancelled() -> None:
    """The body sees the CancelledError and may clean up."""
    cleaned = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(remote(get_current()).trace_id)

    async def main() -> None:
        task = asyncio.ensure_future(bind(work, sending())())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [TRACE_ID] == cleaned


def test_a_bound_generator_runs_in_its_context() -> None:
    """send, throw, close and the return value reach the body."""
    log = []

    def steps() -> Any:
        try:
            log.append((yield remote(get_current()).trace_id))
            try:
                yield 2
            except KeyError:
                log.append("thrown")
            return "end"
        finally:
            log.append(remote(get_current()).trace_id)

    generator = bind(steps, sending())()
    assert TRACE_ID == next(generator)
    assert 2 == generator.send("sent")
    with pytest.raises(StopIteration) as stop:
        generator.throw(KeyError())
    assert ("end", ["sent", "thrown", TRACE_ID]) == (stop.value.value, log)
    other = bind(steps, sending())()
    next(other)
    other.close()
    assert 4 == len(log)


def test_what_can_not_be_called_can_not_be_bound() -> None:
    """A programmer's mistake, told at once."""
    with pytest.raises(TypeError, match="func of bind must be callable"):
        bind(7)  # type: ignore[arg-type]


# links


@pytest.mark.parametrize(
    "given",
    [
        {"traceparent": PARENT},
        KafkaHeaders([("traceparent", PARENT.encode())]),
        sending(),
        trace.get_current_span(sending()),
        remote(sending()),
        Link(remote(sending())),
    ],
)
def test_a_link_is_made_of_what_names_a_span(given: Any) -> None:
    """A carrier, a context, a span, a span context, a link."""
    link = link_to(given)

    assert link is not None
    assert (TRACE_ID, SPAN_ID) == (link.context.trace_id, link.context.span_id)


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {"traceparent": "bad"},
        Context(),
        KafkaHeaders(None),
        trace.INVALID_SPAN,
        trace.INVALID_SPAN_CONTEXT,
        Link(trace.INVALID_SPAN_CONTEXT),
        7,
        "x",
    ],
)
def test_what_names_none_gives_none_under_whatever_is_current(given: Any) -> None:
    """Links read only what they are given, never the current context."""
    with attached(sending()):
        assert link_to(given) is None
        assert [] == links_to([given])


def test_links_are_distinct_valid_and_in_order() -> None:
    """Of a batch of messages."""
    batch = [{"traceparent": PARENT}, {}, {"traceparent": OTHER}, {"traceparent": PARENT}, None]

    assert [TRACE_ID, TRACE_ID + 1] == [link.context.trace_id for link in links_to(batch)]


def test_attributes_of_a_link_are_made_harmless() -> None:
    """FLT 2: by the rule of all values; one that can't be kept costs itself only, not the link or its span."""
    before = faults.counts().get("attributes.value", 0)
    kept = link_to(Link(remote(sending()), {"at": date(2026, 1, 2), "what": object(), "n": 1}))  # type: ignore[dict-item]

    assert kept is not None and kept.attributes == {"at": "2026-01-02", "n": 1}
    assert faults.counts()["attributes.value"] - before == 1


def test_a_given_link_keeps_its_attributes() -> None:
    """Whether it or another of the same span comes first."""
    link = Link(remote(sending()), {"messaging.message.id": "7"})

    assert [link] == links_to([link, {"traceparent": PARENT}])
    assert [link] == links_to([{"traceparent": PARENT}, link])


def test_links_have_a_limit() -> None:
    """128 unless told otherwise; an endless iterable ends there."""

    def endless() -> Iterator[SpanContext]:
        number = 0
        while True:
            number += 1
            yield SpanContext(number, 1, True)

    assert 128 == len(links_to(endless()))
    assert 3 == len(links_to(endless(), limit=3))
    assert [] == links_to(endless(), limit=0)


@pytest.mark.parametrize("items", [None, 7, object()])
def test_links_to_what_is_no_list_are_none(items: Any) -> None:
    """FLT.1: it doesn't raise."""
    assert [] == links_to(items)


def test_one_carrier_is_a_list_of_one() -> None:
    """Easily forgotten, and what is meant is clear."""
    assert 1 == len(links_to({"traceparent": PARENT}))
    assert 1 == len(links_to(KafkaHeaders([("traceparent", PARENT)])))


def test_links_before_an_iterable_breaks_are_kept() -> None:
    """FLT.1: what came before counts."""

    def broken() -> Iterator[Any]:
        yield {"traceparent": PARENT}
        raise RuntimeError("broken")

    assert 1 == len(links_to(broken()))


# a public endpoint


def test_at_a_public_endpoint_the_trace_starts_anew() -> None:
    """SEC.3: also under an ambient span; what came in is a link."""
    with attached(set_value("kept", 1, sending(OTHER))):
        context, links = extract_public({"traceparent": PARENT, "baggage": "a=1"})

    assert not remote(context).is_valid
    assert [TRACE_ID] == [link.context.trace_id for link in links]
    assert (1, {}) == (context["kept"], dict(baggage.get_all(context)))


def test_incoming_baggage_is_dropped_wherever_it_stands() -> None:
    """SEC.3: also where an instrumentation has taken it in before; the service's own stays."""
    with attached(baggage.set_baggage("ours", "1", extract({"baggage": "a=1"}, Context()))):
        context, links = extract_public({"baggage": "a=1,ours=2"})

    assert ({"ours": "1"}, []) == (dict(baggage.get_all(context)), links)


# processes


def test_a_child_environment_is_a_copy_with_the_context() -> None:
    """Upper-case names; what stood there is replaced; the given one isn't touched."""
    env = {"PATH": "/bin", "TRACEPARENT": "stale", "BAGGAGE": "stale=1"}

    assert {"PATH": "/bin", "TRACEPARENT": PARENT, "TRACESTATE": "a=1"} == child_environment(
        env, sending(tracestate="a=1")
    )
    assert "stale" == env["TRACEPARENT"]


def test_a_child_process_reads_it() -> None:
    """There and back through a real process."""
    code = (
        "from opentelemetry import trace; from telemetry_kit.propagation import extract; from telemetry_kit.carriers import Environ;"
        "print(trace.get_current_span(extract(Environ())).get_span_context().trace_id)"
    )
    with attached(sending()):
        env = child_environment({**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)

    assert str(TRACE_ID) == done.stdout.strip()
    assert "TRACEPARENT" not in os.environ


def test_the_names_of_other_headers_are_remembered_within_bounds() -> None:
    """A client that makes up names fills nothing."""
    for number in range(3000):
        extract({f"x-{number}": "1", "y" * 1000: "2"}, Context())
    names = host_propagator.Host(propagate.get_global_textmap()).names
    for number in range(3000):
        names.field(f"x-{number}")
        names.field(f"x-{number}".encode())

    assert 1024 >= len(names.foreign)
    assert 1024 >= len(names.foreign_bytes)


def test_undefined_flags_do_not_go_on() -> None:
    """With the API's own propagator too."""
    span = SpanContext(TRACE_ID, SPAN_ID, False, TraceFlags(0xFF))
    sent = inject({}, trace.set_span_in_context(NonRecordingSpan(span), Context()))

    assert sent["traceparent"].endswith("-03")


def test_an_environment_carrier_reads_upper_case_only() -> None:
    """So does extract."""
    assert not remote(extract(Environ({"traceparent": PARENT}), Context())).is_valid
