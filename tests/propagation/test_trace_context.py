"""`traceparent` and `tracestate` by the letter of W3C Trace Context level 2."""

import logging
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.span import TraceState

from telemetry_kit._propagation import traceparent
from telemetry_kit.w3c import StrictTraceContextPropagator, StrictTraceState

TRACE_ID = "12345678901234567890123456789012"
SPAN_ID = "1234567890123456"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"

propagator = StrictTraceContextPropagator()


def read(**headers: Any) -> SpanContext:
    """The span that these headers name, the invalid one if they name none."""
    return trace.get_current_span(propagator.extract(headers)).get_span_context()


def state(*headers: str) -> dict[str, str]:
    """The entries of these `tracestate` headers."""
    return dict(read(traceparent=PARENT, tracestate=list(headers)).trace_state)


def test_a_valid_traceparent_names_the_remote_span() -> None:
    """Version, trace id, parent id and flags are read from their places."""
    span = read(traceparent=PARENT)

    assert (int(TRACE_ID, 16), int(SPAN_ID, 16), 1, True) == (
        span.trace_id,
        span.span_id,
        span.trace_flags,
        span.is_remote,
    )


@pytest.mark.parametrize(
    "parent",
    [
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f".0-{TRACE_ID}-{SPAN_ID}-01",
        f"0.-{TRACE_ID}-{SPAN_ID}-01",
        f"000-{TRACE_ID}-{SPAN_ID}-01",
        f"0-{TRACE_ID}-{SPAN_ID}-01",
        f"{TRACE_ID}-{SPAN_ID}-01",
    ],
)
def test_a_version_that_cannot_be_parsed_restarts_the_trace(parent: str) -> None:
    """Versioning: not two hexadecimal digits and a dash, or the forbidden ff."""
    assert not read(traceparent=parent).is_valid


@pytest.mark.parametrize("rest", [".", "-what-the-future-will-be-like", "0", "-", "\n", " x"])
def test_version_00_has_nothing_after_the_flags(rest: str) -> None:
    """version-format: version 00 ends with the flags."""
    assert not read(traceparent=PARENT + rest).is_valid


@pytest.mark.parametrize("rest", ["", "-", "-what-the-future-will-be-like", "-01-02"])
def test_a_later_version_may_have_more_after_a_dash(rest: str) -> None:
    """Versioning: flags stand at the end, or are followed by a dash; what comes then isn't looked at."""
    assert int(TRACE_ID, 16) == read(traceparent=f"cc-{TRACE_ID}-{SPAN_ID}-01{rest}").trace_id


@pytest.mark.parametrize("rest", [".what", "0", "01-x", " more"])
def test_a_later_version_with_anything_but_a_dash_restarts_the_trace(rest: str) -> None:
    """Versioning: what follows the flags must be a dash."""
    assert not read(traceparent=f"cc-{TRACE_ID}-{SPAN_ID}-01{rest}").is_valid


def test_a_later_version_is_sent_on_as_version_00() -> None:
    """Versioning: the new traceparent is of the highest version known here."""
    sent: dict[str, str] = {}
    propagator.inject(sent, propagator.extract({"traceparent": f"cc-{TRACE_ID}-{SPAN_ID}-01-more"}))

    assert {"traceparent": PARENT} == sent


@pytest.mark.parametrize(
    "trace_id",
    ["0" * 32, "." + TRACE_ID[1:], TRACE_ID[:-1] + ".", TRACE_ID + "3", TRACE_ID[:-1], "A" * 32, "g" * 32, ""],
)
def test_an_invalid_trace_id_is_ignored_with_its_traceparent(trace_id: str) -> None:
    """trace-id: MUST ignore the traceparent: all zeroes, characters that aren't allowed, a wrong length."""
    assert not read(traceparent=f"00-{trace_id}-{SPAN_ID}-01").is_valid


@pytest.mark.parametrize(
    "span_id", ["0" * 16, "." + SPAN_ID[1:], SPAN_ID[:-1] + ".", SPAN_ID + "7", SPAN_ID[:-1], "F" * 16, ""]
)
def test_an_invalid_parent_id_is_ignored_with_its_traceparent(span_id: str) -> None:
    """parent-id: MUST ignore the traceparent: all zeroes, characters that aren't lower-case hexadecimal, a wrong length."""
    assert not read(traceparent=f"00-{TRACE_ID}-{span_id}-01").is_valid


@pytest.mark.parametrize("flags", [".0", "0.", "001", "1", "", "0A", "FF"])
def test_flags_are_two_lower_case_hexadecimal_digits(flags: str) -> None:
    """trace-flags: 2HEXDIGLC."""
    assert not read(traceparent=f"00-{TRACE_ID}-{SPAN_ID}-{flags}").is_valid


@pytest.mark.parametrize("number", range(0, 256, 7))
def test_undefined_flags_are_zero(number: int) -> None:
    """trace-flags: sampled and random-trace-id are kept, the behaviour of other flags is undefined and they are sent as zero."""
    sent: dict[str, str] = {}
    propagator.inject(sent, propagator.extract({"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-{number:02x}"}))

    assert f"00-{TRACE_ID}-{SPAN_ID}-{number & 3:02x}" == sent["traceparent"]


def test_the_random_flag_goes_on() -> None:
    """random-trace-id flag: set on the way in, it MUST be set on the way out."""
    assert 2 == read(traceparent=f"00-{TRACE_ID}-{SPAN_ID}-02").trace_flags


def test_a_span_with_undefined_flags_sends_none() -> None:
    """A span context that somebody made with other bits doesn't send them."""
    span = SpanContext(1, 2, False, TraceFlags(0xFF))
    sent: dict[str, str] = {}
    propagator.inject(sent, trace.set_span_in_context(NonRecordingSpan(span), Context()))

    assert sent["traceparent"].endswith("-03")


@pytest.mark.parametrize("before", ["", " ", "\t", "\t \t"])
@pytest.mark.parametrize("after", ["", " ", "\t", " \t "])
def test_blanks_around_a_traceparent_are_ignored(before: str, after: str) -> None:
    """HTTP lets blanks stand around a value."""
    assert read(traceparent=before + PARENT + after).is_valid


def test_two_traceparents_are_none() -> None:
    """The format has one traceparent: which of two is meant nobody can say."""
    assert not read(traceparent=[PARENT, PARENT]).is_valid


@pytest.mark.parametrize("name", ["TraceParent", "TRACEPARENT", "tRaCePaReNt"])
def test_the_header_name_may_come_in_any_case(name: str) -> None:
    """Header name: MUST expect the name in any case, also from the API's own getter."""
    assert trace.get_current_span(propagator.extract({name: PARENT})).get_span_context().is_valid


@pytest.mark.parametrize("name", ["trace-parent", "trace.parent", "trace_parent"])
def test_another_name_is_not_it(name: str) -> None:
    """Header name: a single word without any delimiter."""
    assert Context() == propagator.extract({name: PARENT})


def test_names_are_sent_in_lower_case() -> None:
    """Header name: SHOULD send in lower case."""
    sent: dict[str, str] = {}
    propagator.inject(sent, propagator.extract({"TraceParent": PARENT, "TraceState": "a=b"}))

    assert {"traceparent", "tracestate"} == set(sent)


def test_tracestate_without_traceparent_is_not_read() -> None:
    """If the traceparent can't be parsed, MUST NOT attempt to parse tracestate."""
    assert Context() == propagator.extract({"tracestate": "foo=1"})
    assert not read(traceparent="bad", tracestate="foo=1").trace_state


@pytest.mark.parametrize(
    "bad", ["foo", "foo=", "=1", "foo =1", "FOO=1", "foo.bar=1", "foo=bar=baz", "foo=1,b", "foo=a\tb"]
)
def test_a_bad_member_takes_the_whole_tracestate_and_not_the_traceparent(bad: str) -> None:
    """Failure to parse tracestate MUST NOT affect the parsing of traceparent; SEC.2: it is dropped whole."""
    span = read(traceparent=PARENT, tracestate=f"good=1,{bad}")

    assert span.is_valid
    assert not span.trace_state


def test_several_headers_are_one() -> None:
    """Multiple tracestate headers MUST be combined, in their order."""
    assert {"foo": "1", "bar": "2", "rojo": "1", "baz": "3"} == state("foo=1,bar=2", "rojo=1", "baz=3")
    assert ["foo", "bar", "rojo", "baz"] == list(state("foo=1,bar=2", "rojo=1", "baz=3"))


@pytest.mark.parametrize("headers", [("foo=1", ""), ("", "foo=1"), ("foo=1,,",), (",foo=1",), (" , foo=1, \t,",)])
def test_empty_members_are_allowed(headers: tuple[str, ...]) -> None:
    """list: empty and blank members are allowed."""
    assert {"foo": "1"} == state(*headers)


def test_an_empty_tracestate_is_accepted_and_not_sent_on() -> None:
    """Vendors MUST accept empty tracestate headers but SHOULD avoid sending them."""
    sent: dict[str, str] = {}
    propagator.inject(sent, propagator.extract({"traceparent": PARENT, "tracestate": ""}))

    assert {"traceparent": PARENT} == sent


def test_blanks_around_members_are_ignored() -> None:
    """list: spaces and tabs surrounding members are ignored."""
    assert {"foo": "1", "bar": "2", "baz": "3"} == state("\t foo=1 \t , \t bar=2,\tbaz=3 ")


def test_leading_blanks_of_a_value_belong_to_it() -> None:
    """Value: leading spaces MUST be preserved, trailing ones are not part of the value."""
    assert {"foo": "  1"} == state("foo=  1  ")


@pytest.mark.parametrize(
    "key", ["1foo", "foo@", "foo@@bar", "foo@bar@baz", "0", "a" * 256, "t" * 242 + "@v", "a_-*/@9"]
)
def test_keys_are_those_of_level_2(key: str) -> None:
    """Key: begins with a lower-case letter or digit, up to 256 of a-z 0-9 _ - * / @."""
    assert {key: "1", "bar": "2"} == state(f"{key}=1,bar=2")


@pytest.mark.parametrize("key", ["@foo", "_foo", "-foo", "*", "/a", "a" * 257, "föö", "a b", "A"])
def test_other_keys_are_malformed(key: str) -> None:
    """Key: MUST begin with a lower-case letter or a digit, and has no other characters."""
    assert {} == state(f"{key}=1,bar=2")


def test_all_characters_of_a_value() -> None:
    """Value: printable ASCII but comma and equals sign."""
    value = "".join(chr(number) for number in range(0x20, 0x7F) if chr(number) not in ",=")
    assert {"foo": value} == state(f"foo={value}")


def test_values_have_at_most_256_characters() -> None:
    """Value: up to 256 characters."""
    assert {"foo": "x" * 256} == state("foo=" + "x" * 256)
    assert {} == state("foo=" + "x" * 257)


def test_there_are_at_most_32_members() -> None:
    """list: a maximum of 32 members, over all headers."""
    members = [f"bar{number:02}={number}" for number in range(33)]
    assert 32 == len(state(",".join(members[:20]), ",".join(members[20:32])))
    assert {} == state(",".join(members[:20]), ",".join(members[20:]))


def test_32_of_the_largest_members_survive() -> None:
    """SEC.2: sizes that the W3C allows survive."""
    members = {f"{number:02}".ljust(256, "k"): "v" * 256 for number in range(32)}
    assert members == state(",".join(f"{key}={value}" for key, value in members.items()))


def test_of_two_members_of_one_key_the_first_counts() -> None:
    """One repeated key doesn't lose what all other vendors said; the newer entry stands on the left."""
    assert {"foo": "1", "bar": "2"} == state("foo=1,bar=2,foo=3")
    assert {"foo": "1"} == state("foo=1", "foo=1")


def test_order_is_kept_and_a_changed_key_moves_to_the_left() -> None:
    """Mutating: the order of unmodified pairs MUST be preserved; modified keys move to the beginning."""
    entries = StrictTraceState.from_header(["a=1,b=2,c=3"])

    assert "c=4,a=1,b=2" == entries.update("c", "4").to_header()
    assert "d=5,a=1,b=2,c=3" == entries.add("d", "5").to_header()
    assert "a=1,c=3" == entries.delete("b").to_header()


@pytest.mark.parametrize(
    ("key", "value"), [("A", "1"), ("a", ""), ("a", "b=c"), ("a", "b\n"), ("a", "x" * 257), ("", "1")]
)
def test_a_change_that_is_not_allowed_changes_nothing(key: str, value: str) -> None:
    """An invalid pair leaves the state as it was."""
    entries = StrictTraceState({"a": "1"})

    assert entries is entries.update(key, value)
    assert entries is entries.delete("nothing")
    assert entries is entries.add("a", "2")


def test_a_33rd_entry_is_refused() -> None:
    """The limit holds for what is added here as well."""
    entries = StrictTraceState({f"k{number}": "v" for number in range(32)})

    assert entries is entries.add("more", "1")
    assert "v2" == entries.update("k3", "v2")["k3"]


def test_a_strict_state_is_a_trace_state() -> None:
    """Equal to the API's of the same entries, a mapping like it, and readable."""
    ours, theirs = StrictTraceState({"a": "1", "b": "2"}), TraceState([("a", "1"), ("b", "2")])

    assert theirs == ours
    assert isinstance(ours, TraceState)
    assert (["a", "b"], ["1", "2"], 2, True) == (list(ours), list(ours.values()), len(ours), "a" in ours)
    assert "StrictTraceState({'a': '1', 'b': '2'})" == repr(ours)


def test_without_a_span_nothing_is_sent() -> None:
    """There is nothing to say."""
    sent: dict[str, str] = {}
    propagator.inject(sent, Context())

    assert {} == sent


def test_a_foreign_trace_state_is_held_to_the_same_grammar() -> None:
    """SEC.2: no CR, LF or NUL in anything sent, also where somebody's TraceState has them."""

    class Wild(TraceState):
        def __len__(self) -> int:
            return 1

        def to_header(self) -> str:
            return "foo=1\r\nset-cookie: a=b"

    span = SpanContext(1, 2, False, TraceFlags(1), Wild())
    sent: dict[str, str] = {}
    propagator.inject(sent, trace.set_span_in_context(NonRecordingSpan(span), Context()))

    assert ["traceparent"] == list(sent)


def test_the_apis_own_state_is_sent() -> None:
    """What was read by another propagator goes on through this one."""
    span = SpanContext(1, 2, False, TraceFlags(1), TraceState([("a", "1"), ("b", "2")]))
    sent: dict[str, str] = {}
    propagator.inject(sent, trace.set_span_in_context(NonRecordingSpan(span), Context()))

    assert sent["tracestate"] == "a=1,b=2"


@pytest.mark.parametrize(("length", "is_valid"), [(512, True), (513, False)])
def test_a_later_version_may_be_so_long(length: int, is_valid: bool) -> None:
    """Versioning: later versions may have more after the flags; within reason."""
    parent = f"01-{TRACE_ID}-{SPAN_ID}-01-".ljust(length, "x")

    assert read(traceparent=parent).is_valid is is_valid


@pytest.mark.parametrize(("length", "entries"), [(32_768, {"a": "1"}), (32_769, {})])
def test_a_state_may_be_so_long(length: int, entries: dict[str, str]) -> None:
    """All headers joined, blanks included."""
    assert state("a=1".ljust(length)) == entries


def test_a_state_ends_in_blanks_and_nothing_else() -> None:
    """OWS: blanks and tabs, no line's end."""
    assert [state("a=1 \t"), state("a=1\n")] == [{"a": "1"}, {}]


@pytest.mark.parametrize("parent", [f"00-{'0' * 32}-{SPAN_ID}-01", f"00-{TRACE_ID}-{'0' * 16}-01"])
def test_ids_of_zeros_are_no_traceparent(parent: str) -> None:
    """Whoever asks whether a header is one, for a propagator of the host's, hears no."""
    assert not traceparent.is_valid([parent])


def test_extraction_keeps_what_the_context_had() -> None:
    """A bad header leaves the context as it was, the same object."""
    context = Context({"kept": 1})

    assert context is propagator.extract({"traceparent": "bad"}, context)
    assert 1 == propagator.extract({"traceparent": PARENT}, context)["kept"]


@pytest.mark.parametrize(
    "headers",
    [None, 7, [("traceparent", PARENT)], {"traceparent": None}, {"traceparent": PARENT.encode()}, {"traceparent": [1]}],
)
def test_a_carrier_of_the_wrong_type_brings_nothing(headers: Any) -> None:
    """SEC.1: the API's default getter raises on some of these; the propagator doesn't."""
    assert Context() == propagator.extract(headers)


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """SEC.1: strangers don't write to the log."""
    with caplog.at_level(logging.DEBUG):
        read(traceparent=PARENT, tracestate="A=1," * 4000)
        read(traceparent="0" * 10_000)

    assert [] == caplog.records


def test_its_fields_are_what_it_writes() -> None:
    """So that whoever reuses a carrier can clear it."""
    assert {"traceparent", "tracestate"} == propagator.fields
