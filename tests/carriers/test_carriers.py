"""What every carrier promises, and the spelling of each transport."""

import base64
import json
import os
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.context import Context

from telemetry_kit import carriers
from telemetry_kit.carriers import (
    AmqpHeaders,
    AsgiHeaders,
    Carrier,
    CloudEventAttributes,
    Environ,
    GrpcMetadata,
    HttpHeaders,
    KafkaHeaders,
    MessageAttributes,
    MqttProperties,
    NatsHeaders,
    PubSubAttributes,
    RedisFields,
    WsgiEnviron,
)
from telemetry_kit.propagation import extract, inject, link_to

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = extract({"traceparent": PARENT, "tracestate": "a=1", "baggage": "user=alice"}, Context())

ALL = [
    AmqpHeaders,
    AsgiHeaders,
    CloudEventAttributes,
    Environ,
    GrpcMetadata,
    HttpHeaders,
    KafkaHeaders,
    MessageAttributes,
    MqttProperties,
    NatsHeaders,
    PubSubAttributes,
    RedisFields,
    WsgiEnviron,
]

FOREIGN: list[tuple[type[Carrier], Any]] = [
    (AmqpHeaders, {"x-delay": 5}),
    (AsgiHeaders, [(b"host", b"a")]),
    (AsgiHeaders, {"type": "http", "headers": [(b"host", b"a")]}),
    (CloudEventAttributes, {"id": "1", "source": "shop"}),
    (Environ, {"PATH": "/bin"}),
    (GrpcMetadata, [("x-a", "b"), ("x-bin", b"\x00")]),
    (HttpHeaders, {"Accept": "*/*"}),
    (HttpHeaders, [("Accept", "*/*")]),
    (KafkaHeaders, [("schema", b"\x00\x01")]),
    (KafkaHeaders, {"schema": b"\x00\x01"}),
    (MessageAttributes, {"kind": {"DataType": "String", "StringValue": "a"}}),
    (MqttProperties, [("schema", "7")]),
    (MqttProperties, {"user_property": [("schema", "7")]}),
    (NatsHeaders, {"Nats-Msg-Id": "7"}),
    (PubSubAttributes, {"kind": "order"}),
    (RedisFields, {"order": "7"}),
    (WsgiEnviron, {"PATH_INFO": "/", "wsgi.input": None}),
]


def test_the_face_names_them_all() -> None:
    """Sorted, and nothing but what is there."""
    assert sorted(carriers.__all__) == carriers.__all__
    assert {kind.__name__ for kind in ALL} <= set(carriers.__all__)


@pytest.mark.parametrize("kind", ALL)
def test_there_and_back(kind: type[Carrier]) -> None:
    """What was injected is extracted, all three fields."""
    carrier = inject(kind({}) if kind is Environ else kind(), CONTEXT)

    assert CONTEXT == extract(carrier, Context()) or (
        link_to(CONTEXT).context == link_to(carrier).context  # type: ignore[union-attr]
    )
    assert [["a=1"], ["user=alice"]] == [carrier.get("tracestate"), carrier.get("baggage")]


@pytest.mark.parametrize("kind", ALL)
def test_nothing_given_is_empty(kind: type[Carrier]) -> None:
    """A message without headers; the environment is a copy of the process's."""
    if kind is Environ:
        assert dict(os.environ) == kind().data
        assert kind().data is not os.environ
    else:
        assert 0 == len(kind()) == len(kind().data)
        assert kind().data == kind(None).data


@pytest.mark.parametrize(("kind", "data"), FOREIGN)
def test_what_can_be_changed_in_place_is(kind: type[Carrier], data: Any) -> None:
    """`.data` is the object given, and what isn't ours stays in it."""
    before = json.dumps(data, default=str)
    size = len(data)
    carrier = kind(data)
    inject(carrier, CONTEXT)

    assert carrier.data is data
    assert [PARENT] == carrier.get("traceparent")
    inject(carrier, Context())
    assert (size, []) == (len(data), carrier.get("traceparent"))
    assert before == json.dumps(data, default=str)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (GrpcMetadata, (("a", "1"), ("traceparent", "stale"))),
        (AsgiHeaders, ((b"a", b"1"), (b"traceparent", b"stale"))),
        (HttpHeaders, (("a", "1"), ("TRACEPARENT", "stale"))),
        (HttpHeaders, MappingProxyType({"a": "1", "TRACEPARENT": "stale"})),
        (NatsHeaders, MappingProxyType({"a": "1", "traceparent": "stale"})),
    ],
)
def test_what_can_not_be_changed_becomes_a_new_one(kind: type[Carrier], data: Any) -> None:
    """A tuple becomes another tuple, a read-only mapping a dict; the stale value is gone."""
    before = repr(data)
    carrier = inject(kind(data), CONTEXT)

    assert before == repr(data)
    assert [PARENT] == carrier.get("traceparent")
    assert 4 == len(carrier.data)
    assert isinstance(carrier.data, tuple if isinstance(data, tuple) else dict)


@pytest.mark.parametrize("headers", [(), (("a", b"1"),), (("a", b"1"), ("Traceparent", b"stale"))])
@pytest.mark.parametrize("context", [CONTEXT, Context()])
def test_a_tuple_of_kafka_headers_becomes_a_list(headers: Any, context: Context) -> None:
    """Producers take nothing else, whether there is something to send or not; the tuple stays as it is."""
    before = repr(headers)
    carrier = inject(KafkaHeaders(headers), context)

    assert before == repr(headers)
    assert isinstance(carrier.data, list)
    assert [PARENT] * (context is CONTEXT) == carrier.get("traceparent")


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in (Environ, WsgiEnviron, CloudEventAttributes)])
def test_names_are_read_in_any_case_and_written_in_lower_case(kind: type[Carrier]) -> None:
    """And the stale spelling is replaced."""
    carrier = kind()
    carrier.put("traceparent", "x")
    spelled = json.loads(json.dumps(carrier.data, default=lambda b: b.decode()).replace("traceparent", "TraceParent"))
    other = kind([tuple(pair) for pair in spelled] if isinstance(spelled, list) else spelled)

    assert ["x"] == other.get("traceparent")
    inject(other, CONTEXT)
    assert ["baggage", "traceparent", "tracestate"] == sorted(other.keys())


@pytest.mark.parametrize("kind", ALL)
def test_a_carrier_is_a_mapping_of_texts(kind: type[Carrier]) -> None:
    """str -> list[str] on reading, one value in its place on writing."""
    carrier = kind({}) if kind is Environ else kind()
    carrier["traceparent"] = "1"
    carrier["traceparent"] = "2"

    assert (["2"], True, False) == (carrier["traceparent"], "traceparent" in carrier, "other" in carrier)
    assert ([], ["x"]) == (carrier.get("other"), carrier.get("other", ["x"]))
    assert len(carrier) == len(list(carrier)) == 1
    assert kind.__name__ in repr(carrier)
    del carrier["traceparent"]
    assert [] == carrier.get("traceparent")
    with pytest.raises(KeyError):
        carrier["traceparent"]


@pytest.mark.parametrize("kind", ALL)
def test_the_apis_own_functions_take_carriers(kind: type[Carrier]) -> None:
    """Whoever calls the API's inject and extract gets the right spelling as well."""
    carrier = kind({}) if kind is Environ else kind()
    propagate.inject(carrier, CONTEXT)
    context = propagate.extract(carrier)

    assert trace.get_current_span(context).get_span_context().is_valid


@pytest.mark.parametrize("value", [None, 7, 1.5, object(), [None, 7], {"a": "b"}, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda value: AmqpHeaders({"traceparent": value}),
        lambda value: AsgiHeaders([(b"traceparent", value)]),
        lambda value: GrpcMetadata([("traceparent", value)]),
        lambda value: KafkaHeaders([("traceparent", value)]),
        lambda value: NatsHeaders({"traceparent": value}),
        lambda value: WsgiEnviron({"HTTP_TRACEPARENT": value}),
    ],
)
def test_values_of_types_that_no_header_has_are_none(make: Callable[[Any], Carrier], value: Any) -> None:
    """SEC.1: wrong types bring nothing."""
    assert [] == make(value).get("traceparent")


@pytest.mark.parametrize("kind", [AsgiHeaders, GrpcMetadata, KafkaHeaders, HttpHeaders])
def test_what_is_no_pair_is_passed_over(kind: type[Carrier]) -> None:
    """SEC.1: one malformed entry doesn't hide the others, and stays where it is."""
    data: list[Any] = [("a",), None, 7, (["x"], b"1"), (b"traceparent", PARENT.encode()), ("a", "b", "c"), ()]
    carrier = kind(data)

    assert [PARENT] == carrier.get("traceparent")
    inject(carrier, Context())
    assert 6 == len(data)


# HTTP


def test_repeated_headers_are_several_values() -> None:
    """In their order; what that means for a field is the propagator's matter."""
    assert ["a=1", "b=2"] == HttpHeaders([("baggage", "a=1"), ("Baggage", "b=2")]).get("baggage")
    assert ["a=1", "b=2"] == HttpHeaders({"baggage": ["a=1", b"b=2"]}).get("baggage")


def test_byte_pairs_stay_byte_pairs() -> None:
    """What raw header lists have."""
    carrier = HttpHeaders([(b"host", b"a")])
    carrier.set("baggage", "a=1")

    assert [(b"host", b"a"), (b"baggage", b"a=1")] == carrier.data


def test_an_asgi_scope_without_headers() -> None:
    """A lifespan scope has none; tuples of headers and other containers are read as well."""
    assert [] == AsgiHeaders({"type": "lifespan"}).get("traceparent")
    assert [PARENT] == AsgiHeaders({"headers": ((b"traceparent", PARENT.encode()),)}).get("traceparent")
    scope: dict[str, Any] = {"type": "http", "headers": ((b"host", b"a"),)}
    inject(AsgiHeaders(scope), CONTEXT)
    assert 4 == len(scope["headers"])


def test_wsgi_variables() -> None:
    """HTTP_ and the name in upper case, dashes as underscores."""
    environ: dict[str, Any] = {}
    carrier = WsgiEnviron(environ)
    carrier.set("x-b3-traceid", "1")

    assert {"HTTP_X_B3_TRACEID": "1"} == environ
    assert ["x-b3-traceid"] == carrier.keys()


def test_wsgi_servers_join_what_is_repeated() -> None:
    """Two traceparents in one value are no traceparent, two lists are one."""
    environ = {"HTTP_TRACEPARENT": f"{PARENT},{PARENT}", "HTTP_BAGGAGE": "a=1,b=2"}
    assert link_to(WsgiEnviron(environ)) is None
    assert "a=1,b=2" == inject({}, extract(WsgiEnviron(environ), Context()))["baggage"]


# Messages


def test_of_a_repeated_kafka_header_the_last_counts() -> None:
    """A forwarded message has the older ones in front."""
    assert [PARENT] == KafkaHeaders([("traceparent", b"old"), ("traceparent", PARENT.encode())]).get("traceparent")


def test_kafka_values_are_bytes() -> None:
    """As producers take them; in a dict as well."""
    assert [("baggage", b"user=alice")] == inject(KafkaHeaders(None), CONTEXT).data[2:]
    assert b"user=alice" == inject(KafkaHeaders({}), CONTEXT).data["baggage"]


@pytest.mark.parametrize(
    "attribute",
    [
        {"DataType": "String", "StringValue": PARENT},
        {"dataType": "String", "stringValue": PARENT, "stringListValues": [], "binaryListValues": []},
        {"Type": "String", "Value": PARENT},
        {"DataType": "Binary", "BinaryValue": PARENT.encode()},
        {"dataType": "Binary", "binaryValue": base64.b64encode(PARENT.encode()).decode()},
        {"Type": "Binary", "Value": base64.b64encode(PARENT.encode()).decode()},
        {"DataType": "String.custom", "StringValue": PARENT},
        {"stringValue": PARENT, "binaryValue": None},
        PARENT,
    ],
)
def test_message_attributes_in_every_spelling(attribute: Any) -> None:
    """boto3's, a Lambda event's, SNS's; text and binary."""
    assert [PARENT] == MessageAttributes({"traceparent": attribute}).get("traceparent")


@pytest.mark.parametrize(
    "attribute",
    [
        {},
        {"DataType": "Binary", "BinaryValue": "not base64!"},
        {"StringValue": None},
        {"stringValue": ""},
        {"Value": 7},
        [],
    ],
)
def test_message_attributes_without_a_value(attribute: Any) -> None:
    """SEC.1: nothing, without a word."""
    assert [] == MessageAttributes({"traceparent": attribute}).get("traceparent")


def test_message_attributes_are_written_as_boto3_sends_them() -> None:
    """DataType and StringValue."""
    assert {"DataType": "String", "StringValue": PARENT} == inject(MessageAttributes(), CONTEXT).data["traceparent"]


@pytest.mark.parametrize(("taken", "fields"), [(7, 3), (8, 2), (9, 1), (10, 0)])
def test_a_message_has_ten_attributes(taken: int, fields: int) -> None:
    """SQS refuses a message with more; traceparent gets the last place."""
    attributes = {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(taken)}
    carrier = inject(MessageAttributes(attributes), CONTEXT)

    assert taken + fields == len(attributes)
    assert (fields > 0) == ("traceparent" in carrier)


def test_an_empty_value_is_never_written() -> None:
    """SQS refuses it, and elsewhere it says nothing."""
    carrier = MessageAttributes()
    carrier.set("tracestate", "")

    assert {} == carrier.data


def test_googles_own_prefix_is_read_and_removed() -> None:
    """The plain name goes first; neither is left stale."""
    assert [PARENT] == PubSubAttributes({"googclient_traceparent": PARENT}).get("traceparent")
    both = PubSubAttributes({"googclient_traceparent": "older", "traceparent": PARENT})
    assert [PARENT] == both.get("traceparent")
    assert {} == inject(both, Context()).data


def test_pubsub_values_have_1024_bytes() -> None:
    """Lists are cut between members; a tracestate loses its longest entries first."""
    state = ",".join(["big=" + "x" * 200, *(f"k{number:02}={'v' * 50}" for number in range(20))])
    carrier = PubSubAttributes()
    carrier.set("baggage", ",".join(f"k{number}={'v' * 90}" for number in range(20)))
    carrier.set("tracestate", state)
    carrier.set("x-other", "x" * 1025)

    assert [True, True] == [900 < len(carrier.get(field)[0]) <= 1024 for field in ("baggage", "tracestate")]
    assert "big" not in carrier.data["tracestate"]
    assert "x-other" not in carrier


def test_pubsub_messages_have_100_attributes() -> None:
    """One more is refused by the service."""
    attributes = {f"a{number}": "x" for number in range(99)}
    assert 100 == len(inject(PubSubAttributes(attributes), CONTEXT).data)
    assert PARENT == attributes["traceparent"]


def test_redis_fields_decoded_or_not() -> None:
    """With and without decode_responses."""
    assert [PARENT] == RedisFields({b"traceparent": PARENT.encode()}).get("traceparent")
    assert [PARENT] == RedisFields({"traceparent": PARENT}).get("traceparent")


class Properties:
    """As paho's: what is set is appended to what stands there."""

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, getattr(self, name, []) + value)


def test_mqtt_properties_of_paho() -> None:
    """An object whose attribute may not be there yet, and on which setting appends: a stale context is replaced."""
    properties = Properties()
    assert [] == MqttProperties(properties).get("traceparent")
    for _ in range(2):
        assert properties is inject(MqttProperties(properties), CONTEXT).data
    properties.UserProperty = [("schema", "7")]  # type: ignore[attr-defined]

    assert ["traceparent", "tracestate", "baggage", "schema"] == MqttProperties(properties).keys()
    assert [("schema", "7")] == inject(MqttProperties(properties), Context()).data.UserProperty


def test_mqtt_properties_of_gmqtt() -> None:
    """Keyword arguments of its `publish`, the user's properties among others."""
    sent = inject(MqttProperties({"content_type": "json"}), CONTEXT).data

    assert (["content_type", "user_property"], ("traceparent", PARENT)) == (list(sent), sent["user_property"][0])
    assert {"content_type": "json"} == inject(MqttProperties({"content_type": "json"}), Context()).data


def test_of_a_repeated_mqtt_property_the_last_counts() -> None:
    """Clients append: a message that was forwarded has the older one in front."""
    assert [PARENT] == MqttProperties([("traceparent", "old"), ("traceparent", PARENT)]).get("traceparent")


def test_nats_values_or_lists() -> None:
    """What different clients make of a header."""
    assert ["a=1", "b=2"] == NatsHeaders({"Baggage": ["a=1", "b=2"]}).get("baggage")
    assert ["a=1"] == NatsHeaders({"baggage": "a=1"}).get("baggage")


def test_cloud_event_names_are_letters_and_digits() -> None:
    """What has others in its name can't be an attribute."""
    carrier = CloudEventAttributes()
    carrier.set("x-b3-traceid", "1")
    carrier.set("traceparent", PARENT)

    assert {"traceparent": PARENT} == carrier.data


# Processes


def test_variables_are_in_upper_case_only() -> None:
    """Lower-case ones are somebody else's."""
    assert [] == Environ({"traceparent": PARENT}).get("traceparent")
    assert {"TRACEPARENT", "TRACESTATE", "BAGGAGE"} == set(inject(Environ({}), CONTEXT).data)


def test_a_given_environment_is_changed_in_place() -> None:
    """Whoever wraps `os.environ` means it."""
    env: dict[str, str] = {}
    inject(Environ(env), CONTEXT)

    assert PARENT == env["TRACEPARENT"]


def test_other_characters_become_underscores() -> None:
    """What may stand in a variable's name."""
    carrier = Environ({})
    carrier.set("x-b3-traceid", "1")

    assert {"X_B3_TRACEID": "1"} == carrier.data
