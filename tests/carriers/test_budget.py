"""What is written never makes a transport refuse the message: fields, members and what goes first."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, propagate
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator

from telemetry_kit.carriers import (
    AmqpHeaders,
    AsgiHeaders,
    Carrier,
    GrpcMetadata,
    HttpHeaders,
    KafkaHeaders,
    MessageAttributes,
    PubSubAttributes,
    WsgiEnviron,
)
from telemetry_kit.carriers._budget import budgeted, fitted
from telemetry_kit.propagation import extract, inject
from telemetry_kit.w3c import StrictBaggagePropagator, StrictTraceContextPropagator

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LONG = [f"v{number:02}{'a' * 200}={'x' * 240}" for number in range(30)]
"""Members of which each is long, 13 KB in all, within the W3C's counts."""
SHORT = [f"k{number:02}={'v' * 90}" for number in range(30)]
HTTP = [HttpHeaders, lambda: HttpHeaders([]), AsgiHeaders, WsgiEnviron]


def received(*members: str, **entries: str) -> Context:
    """A context with these tracestate members and baggage entries."""
    context = extract({"traceparent": PARENT, "tracestate": ",".join(members)}, Context())
    for key, value in entries.items():
        context = baggage.set_baggage(key, value, context)
    return context


def size(metadata: Any) -> int:
    """As gRPC counts it."""
    return sum(len(name) + len(value) + 32 for name, value in metadata)


@pytest.mark.parametrize("make", HTTP)
def test_a_field_has_at_most_8180_characters_over_http(make: Any) -> None:
    """SEC 2: aiohttp answers 400 to more, gunicorn likewise; members stay whole."""
    carrier: Carrier = inject(make(), received(*LONG, big="b" * 9_000, small="1"))
    [state], [sent] = carrier.get("tracestate"), carrier.get("baggage")

    assert [PARENT] == carrier.get("traceparent")
    assert LONG[:18] == state.split(",")
    assert "small=1" == sent


def test_a_plain_mapping_is_held_to_it_too() -> None:
    """SEC 2: so are headers without a carrier, be they empty or not."""
    for headers in ({}, {"accept": "*/*"}, {"Tracestate": "stale=1"}):
        assert 8_000 < len(inject(headers, received(*LONG))["tracestate"]) <= 8_180


def test_what_other_transports_bear_is_sent_whole() -> None:
    """A broker takes what arrived."""
    for carrier in (KafkaHeaders(), AmqpHeaders()):
        assert [",".join(LONG)] == inject(carrier, received(*LONG)).get("tracestate")


def test_all_that_is_added_to_a_grpc_call_has_7000_bytes() -> None:
    """SEC 2: traceparent whole, at least 512 characters of tracestate, then as much baggage as there is room for."""
    entries = {f"key{number}": "b" * 90 for number in range(80)}
    metadata = inject(GrpcMetadata(), received(*LONG, **entries)).data
    sent = dict(metadata)

    assert 6_850 < size(metadata) <= 7_000
    assert PARENT == sent["traceparent"]
    assert LONG[:2] == sent["tracestate"].split(",")
    assert 50 < len(sent["baggage"].split(",")) < 80


def test_tracestate_has_what_baggage_leaves() -> None:
    """Its 512 characters are what it has in any case, not at most."""
    metadata = inject(GrpcMetadata(), received(*LONG, user="alice")).data

    assert LONG[:15] == dict(metadata)["tracestate"].split(",")
    assert "user=alice" == dict(metadata)["baggage"]


def test_the_metadata_of_a_call_counts() -> None:
    """A call with much metadata of its own gets less, and its traceparent always."""
    for own, most in ((500, 7_000), (3_000, 4_600), (9_000, 128)):
        given = [("token", "t" * own)]
        added = inject(GrpcMetadata(given), received(*LONG)).data[1:]

        assert size(added) <= most
        assert PARENT == dict(added)["traceparent"]


def test_metadata_that_is_written_field_by_field_is_counted() -> None:
    """The API's own inject sets one field after the other."""
    carrier = GrpcMetadata()
    carrier.set("tracestate", ",".join(LONG))
    carrier.set("baggage", ",".join(f"key{number}={'b' * 90}" for number in range(80)))
    carrier.set("traceparent", PARENT)
    carrier.set("tracestate", "a=1")

    assert size(carrier.data) <= 7_000
    assert ["a=1"] == carrier.get("tracestate")


class Vendor(TextMapPropagator):
    """Writes fields of its own, one of any size."""

    def __init__(self, length: int) -> None:
        self.length = length

    fields = {"vendor-id", "vendor-data"}  # type: ignore[assignment]

    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None:
        setter.set(carrier, "Vendor-Data", "d" * self.length)
        setter.set(carrier, "Vendor-Id", "7")

    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Context:
        return context or Context()


@pytest.fixture
def vendor(request: pytest.FixtureRequest) -> Any:
    before = propagate.get_global_textmap()
    parts = [StrictBaggagePropagator(), Vendor(request.param), StrictTraceContextPropagator()]
    propagate.set_global_textmap(CompositePropagator(parts))
    yield
    propagate.set_global_textmap(before)


@pytest.mark.parametrize(("vendor", "kept"), [(5_000, True), (6_990, False)], indirect=["vendor"])
def test_fields_of_other_propagators_count(vendor: None, kept: bool) -> None:
    """SEC 2: what can't be cut is left out where it doesn't fit; traceparent comes first whatever the order of parts."""
    entries = {f"key{number}": "b" * 90 for number in range(80)}
    metadata = inject(GrpcMetadata(), received(*LONG, **entries)).data
    sent = dict(metadata)

    assert size(metadata) <= 7_000
    assert (PARENT, "7", kept) == (sent["traceparent"], sent["vendor-id"], "vendor-data" in sent)
    assert len(sent["tracestate"]) >= 512
    assert ["traceparent", "tracestate"] == [name for name, _ in metadata][:2]


@pytest.mark.parametrize("vendor", [8_181], indirect=True)
def test_a_field_that_no_server_takes_is_left_out(vendor: None) -> None:
    """SEC 2: it can't be cut, and with it the request would be refused."""
    sent = inject({}, received())

    assert {"traceparent", "vendor-id"} == set(sent)


def test_long_members_of_a_tracestate_go_first_and_from_the_right() -> None:
    """W3C Trace Context 3.3.1.5: entries over 128 characters first, then from the end; as many as need be."""
    members = [LONG[0], *SHORT[:2], LONG[1], *SHORT[2:4]]
    one_goes, all_go = fitted("tracestate", ",".join(members), 1_000), fitted("tracestate", ",".join(members), 450)

    assert [LONG[0], *SHORT[:4]] == one_goes.split(",")
    assert SHORT[:4] == all_go.split(",")
    assert SHORT[:2] == fitted("tracestate", ",".join(members), 200).split(",")


def test_a_tracestate_of_long_members_only_keeps_what_fits() -> None:
    """SEC 2: it isn't lost whole."""
    assert LONG[:1] == fitted("tracestate", ",".join(LONG), 512).split(",")


def test_baggage_members_that_do_not_fit_go_alone() -> None:
    """Those after them are kept."""
    assert "a=1,c=3" == fitted("baggage", f"a=1,b={'2' * 100},c=3", 20)


def test_what_is_no_list_is_whole_or_not_there() -> None:
    """Half an identifier is another one."""
    assert {"b3": "1"} == budgeted({"uber-trace-id": "x" * 11, "b3": "1"}, 10, None)


def test_writing_is_linear() -> None:
    """SEC 1: a list of a hundred thousand members is cut at once."""
    assert len(fitted("baggage", "a=1," * 100_000, 8_180)) <= 8_180
    assert len(fitted("tracestate", "a=1," * 100_000, 512)) <= 512


class Several(TextMapPropagator):
    """Three fields that say nothing without each other, as B3's."""

    fields = {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled"}

    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Context:
        return context or Context()

    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None:
        for field in sorted(self.fields):
            setter.set(carrier, field, "1" * 40)


class Prefixed(TextMapPropagator):
    """A field for each entry of the baggage, as Jaeger's."""

    fields = {"uber-id"}

    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Context:
        return context or Context()

    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None:
        for key in baggage.get_all(context):
            setter.set(carrier, f"uberctx-{key}", "1")
        setter.set(carrier, "uber-id", "7")


@pytest.mark.parametrize("make", [*HTTP, dict])
def test_a_request_gets_at_most_32_fields(make: Any) -> None:
    """SEC 2: aiohttp, gunicorn and `http.client` refuse too many headers: those that name the trace are kept."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([Prefixed(), Several(), StrictTraceContextPropagator()]))
    try:
        sent = inject(make(), received("a=1", **{f"k{number}": "v" for number in range(180)}))
    finally:
        propagate.set_global_textmap(before)

    names = sent.keys()
    assert 32 == len(names)
    assert {"traceparent", "tracestate", "uber-id", *Several.fields} <= {name.lower() for name in names}


@pytest.fixture
def several() -> Iterator[None]:
    """The W3C's propagator and one with several fields, as a host configures them."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([Several(), StrictTraceContextPropagator()]))
    yield
    propagate.set_global_textmap(before)


@pytest.mark.parametrize("there", range(11))
@pytest.mark.parametrize("carrier", [MessageAttributes, PubSubAttributes])
def test_fields_of_one_propagator_are_written_all_or_none_where_attributes_are_counted(
    several: None, carrier: Any, there: int
) -> None:
    """SEC 2: SQS refuses an eleventh attribute, Pub/Sub a hundred and first: what belongs together isn't torn."""
    most = carrier.max_attributes
    data = {f"own{number}": "x" for number in range(most - 10 + there)}
    sent = inject(carrier(data), received("a=1")).data
    fields = {field for field in sent if not field.startswith("own")}

    assert len(sent) <= most
    assert fields & Several.fields in (set(), Several.fields)
    assert "traceparent" in fields or there == 10


@pytest.mark.parametrize("own", range(6_900, 7_600, 25))
def test_fields_of_one_propagator_are_written_all_or_none_where_bytes_are_counted(several: None, own: int) -> None:
    """SEC 2: The same where all fields share a budget, as in gRPC's metadata."""
    fields = {field for field, _ in inject(GrpcMetadata([("own", "x" * own)]), received("a=1")).data}

    assert fields & Several.fields in (set(), Several.fields)
    assert "traceparent" in fields
