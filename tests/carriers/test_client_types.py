"""The real types of the clients and servers that carriers are for."""

import asyncio
import email.message
import http.client
import io
import urllib.request
from typing import Any

import pytest
from opentelemetry.context import Context

from telemetry_kit.carriers import (
    AmqpHeaders,
    AsgiHeaders,
    CloudEventAttributes,
    GrpcMetadata,
    HttpHeaders,
    KafkaHeaders,
    MessageAttributes,
    PubSubAttributes,
    WsgiEnviron,
)
from telemetry_kit.propagation import extract, inject, link_to

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STALE = PARENT.replace("0a", "0b")
CONTEXT = extract({"traceparent": PARENT, "baggage": "user=alice"}, Context())

pytestmark = pytest.mark.integration


def need(name: str, package: str) -> Any:
    """Import a client, or skip and say what to install."""
    return pytest.importorskip(name, reason=f"{name} is missing: `pip install {package}`")


def reads(headers: Any) -> None:
    """Headers with `TraceParent`, and `Baggage` twice, bring a span and both entries."""
    context = extract(HttpHeaders(headers), Context())

    assert (link_to(CONTEXT).context, "a=1,b=2") == (link_to(context).context, inject({}, context)["baggage"])  # type: ignore[union-attr]
    assert link_to(context).context == link_to(headers).context  # type: ignore[union-attr]


def writes(headers: Any, read: str = "traceparent") -> None:
    """Stale headers are replaced in place; nothing to send removes them."""
    assert headers is inject(headers, CONTEXT)
    assert (PARENT, "user=alice") == (headers[read], headers["baggage"])
    assert 1 == len([name for name in HttpHeaders(headers) if name.lower() == "traceparent"])
    inject(headers, Context())
    assert ["accept"] == [name.lower() for name in HttpHeaders(headers)]


PAIRS = [("Accept", "*/*"), ("TraceParent", PARENT), ("Baggage", "a=1"), ("Baggage", "b=2")]
TWICE = [("TraceParent", PARENT), ("TraceParent", PARENT)]
OLD = [("Accept", "*/*"), ("TraceParent", STALE), ("Baggage", "stale=1")]


def test_h11() -> None:
    """The headers of an event are a sequence of byte pairs that can't be changed."""
    headers = need("h11", "h11").Request(method="GET", target="/", headers=[("host", "shop"), *PAIRS]).headers
    reads(headers)

    sent = dict(inject(headers, CONTEXT))
    assert (b"shop", PARENT.encode(), b"user=alice") == (sent[b"host"], sent[b"traceparent"], sent[b"baggage"])


def test_httpx() -> None:
    """Multi-value, case-insensitive, raw bytes inside."""
    httpx = need("httpx", "httpx")
    reads(httpx.Headers(PAIRS))
    writes(httpx.Headers(OLD))
    assert link_to(httpx.Headers(TWICE)) is None
    request = httpx.Request("GET", "http://shop/", headers=OLD)
    assert PARENT == inject(request.headers, CONTEXT)["traceparent"]


def test_requests() -> None:
    """Case-insensitive, one value a name, which the client has joined."""
    structures = need("requests.structures", "requests")
    reads(structures.CaseInsensitiveDict({"TraceParent": PARENT, "Baggage": "a=1, b=2"}))
    writes(structures.CaseInsensitiveDict(OLD))
    assert link_to(structures.CaseInsensitiveDict({"TraceParent": f"{PARENT}, {PARENT}"})) is None


def test_aiohttp() -> None:
    """multidict's, and the read-only proxy of a request."""
    multidict = need("multidict", "aiohttp")
    reads(multidict.CIMultiDict(PAIRS))
    reads(multidict.CIMultiDictProxy(multidict.CIMultiDict(PAIRS)))
    writes(multidict.CIMultiDict([*OLD, ("traceparent", STALE)]))
    assert link_to(multidict.CIMultiDictProxy(multidict.CIMultiDict(TWICE))) is None
    changed = inject(HttpHeaders(multidict.CIMultiDictProxy(multidict.CIMultiDict(OLD))), CONTEXT)
    assert [PARENT] == changed.get("traceparent")


def test_headers_that_mind_case() -> None:
    """Multi-value mappings of multidict and Werkzeug find a name only as it stands there; the carrier, in any case."""
    multidict = need("multidict", "aiohttp")
    structures = need("werkzeug.datastructures", "werkzeug")
    for made in (multidict.MultiDict(PAIRS), multidict.MultiDictProxy(multidict.MultiDict(PAIRS))):
        reads(made)
    reads(structures.MultiDict(PAIRS))
    mixed = [("TraceParent", PARENT), ("TraceState", "a=1"), ("tracestate", "b=2"), ("Tracestate", "c=3")]
    for kind in (multidict.MultiDict, multidict.CIMultiDict, structures.MultiDict, structures.Headers):
        assert ["a=1", "b=2", "c=3"] == HttpHeaders(kind(mixed)).get("tracestate"), kind
        assert link_to(kind([("Traceparent", PARENT), ("traceparent", PARENT)])) is None, kind


def test_aiohttp_requests() -> None:
    """A request as a handler gets it."""
    utils = need("aiohttp.test_utils", "aiohttp")

    async def main() -> None:
        request = utils.make_mocked_request("GET", "/", headers=PAIRS)
        reads(request.headers)

    asyncio.run(main())


def test_starlette() -> None:
    """Headers of a request, and the mutable ones of a response."""
    structures = need("starlette.datastructures", "starlette")
    raw = [(name.lower().encode(), value.encode()) for name, value in PAIRS]
    reads(structures.Headers(raw=raw))
    reads(raw)
    writes(structures.MutableHeaders(raw=[(name.lower().encode(), value.encode()) for name, value in OLD]))
    assert link_to(structures.Headers(raw=[(b"traceparent", PARENT.encode())] * 2)) is None
    assert [PARENT] == inject(HttpHeaders(structures.Headers({"traceparent": STALE})), CONTEXT).get("traceparent")


def test_a_starlette_scope() -> None:
    """What its test client, and any server, hands the application."""
    need("httpx", "httpx")
    testclient = need("starlette.testclient", "starlette")
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(link_to(AsgiHeaders(scope)))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    testclient.TestClient(app).get("/", headers={"TraceParent": PARENT})
    assert link_to(CONTEXT).context == seen[0].context  # type: ignore[union-attr]


def test_werkzeug() -> None:
    """Its headers iterate over pairs; those of a request are a view of the WSGI environment."""
    structures = need("werkzeug.datastructures", "werkzeug")
    werkzeug_test = need("werkzeug.test", "werkzeug")
    reads(structures.Headers(PAIRS))
    writes(structures.Headers([*OLD, ("traceparent", STALE)]))
    assert link_to(structures.Headers(TWICE)) is None
    environ = werkzeug_test.EnvironBuilder(headers=PAIRS).get_environ()
    reads(structures.EnvironHeaders(environ))
    assert link_to(WsgiEnviron(environ)).context == link_to(CONTEXT).context  # type: ignore[union-attr]
    assert [PARENT] == inject(HttpHeaders(structures.EnvironHeaders(environ)), CONTEXT).get("traceparent")


def test_django() -> None:
    """A request's headers, and its META, which is a WSGI environment."""
    django = need("django", "django")
    conf = need("django.conf", "django")
    if not conf.settings.configured:
        conf.settings.configure(SECRET_KEY="x", USE_TZ=True)
        django.setup()
    from django.test import RequestFactory

    request = RequestFactory().get("/", headers={"TraceParent": PARENT, "Baggage": "a=1,b=2"})
    reads(request.headers)
    assert link_to(WsgiEnviron(request.META)).context == link_to(CONTEXT).context  # type: ignore[union-attr]
    assert [PARENT] == inject(HttpHeaders(request.headers), CONTEXT).get("traceparent")


def test_urllib3_and_the_standard_library() -> None:
    """HTTPHeaderDict, messages, http.client's answers, urllib's requests."""
    urllib3 = need("urllib3", "urllib3")
    reads(urllib3.HTTPHeaderDict(PAIRS))
    writes(urllib3.HTTPHeaderDict(OLD))
    assert link_to(urllib3.HTTPHeaderDict(TWICE)) is None
    message = email.message.Message()
    for name, value in PAIRS:
        message[name] = value
    reads(message)
    old = email.message.Message()
    for name, value in [*OLD, ("traceparent", STALE)]:
        old[name] = value
    writes(old)
    raw = b"TraceParent: " + PARENT.encode() + b"\r\nBaggage: a=1\r\nBaggage: b=2\r\n\r\n"
    reads(http.client.parse_headers(io.BytesIO(raw)))
    request = urllib.request.Request("http://shop/", headers=inject({}, CONTEXT))
    assert PARENT == request.get_header("Traceparent")


def test_tornado() -> None:
    """Names in a case of its own."""
    httputil = need("tornado.httputil", "tornado")
    headers = httputil.HTTPHeaders()
    for name, value in PAIRS:
        headers.add(name, value)
    reads(headers)
    old = httputil.HTTPHeaders()
    for name, value in OLD:
        old.add(name, value)
    writes(old)


def test_kafka_python() -> None:
    """Records have lists or tuples of pairs, or an empty list."""
    need("kafka", "kafka-python")
    from kafka.consumer.fetcher import ConsumerRecord

    fields = dict.fromkeys(ConsumerRecord._fields)
    record = ConsumerRecord(**{**fields, "headers": [("traceparent", PARENT.encode())]})
    assert link_to(CONTEXT).context == link_to(KafkaHeaders(record.headers)).context  # type: ignore[union-attr]
    assert link_to(KafkaHeaders(ConsumerRecord(**{**fields, "headers": []}).headers)) is None


def test_aiokafka() -> None:
    """Records have a tuple of pairs; its producer takes a list."""
    structs = need("aiokafka.structs", "aiokafka")
    headers = inject(KafkaHeaders(()), CONTEXT).data
    record = structs.ConsumerRecord("topic", 0, 0, 0, 0, None, b"", None, 0, 0, tuple(headers))
    assert isinstance(headers, list)
    assert link_to(CONTEXT).context == link_to(KafkaHeaders(record.headers)).context  # type: ignore[union-attr]


def test_pika() -> None:
    """`BasicProperties.headers`, through the wire format and back."""
    spec = need("pika.spec", "pika")
    headers = inject(AmqpHeaders({"x-delay": 5}), CONTEXT).data
    wire = b"".join(spec.BasicProperties(headers=headers).encode())
    received = spec.BasicProperties()
    received.decode(wire)
    assert link_to(CONTEXT).context == link_to(AmqpHeaders(received.headers)).context  # type: ignore[union-attr]
    assert link_to(AmqpHeaders(spec.BasicProperties().headers)) is None


def test_aio_pika() -> None:
    """`Message.headers`."""
    aio_pika = need("aio_pika", "aio-pika")
    message = aio_pika.Message(b"", headers=inject(AmqpHeaders({}), CONTEXT).data)
    assert link_to(CONTEXT).context == link_to(AmqpHeaders(message.headers)).context  # type: ignore[union-attr]
    inject(AmqpHeaders(message.headers), Context())
    assert link_to(AmqpHeaders(aio_pika.Message(b"").headers)) is None


def test_grpc() -> None:
    """Metadata through a real server on loopback, and grpc.aio's own type."""
    grpc = need("grpc", "grpcio")
    from concurrent.futures import ThreadPoolExecutor

    seen = []

    def handle(_request: bytes, context: Any) -> bytes:
        seen.append(GrpcMetadata(context.invocation_metadata()))
        return b""

    handler = grpc.method_handlers_generic_handler("shop", {"order": grpc.unary_unary_rpc_method_handler(handle)})
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/shop/order")
            call(b"", metadata=inject(GrpcMetadata(), CONTEXT).data, timeout=20)
            call(b"", metadata=[("baggage", "a=1"), ("baggage", "b=2")], timeout=20)
        server.stop(None).wait()

    assert link_to(CONTEXT).context == link_to(seen[0]).context  # type: ignore[union-attr]
    assert "a=1,b=2" == inject({}, extract(seen[1], Context()))["baggage"]
    assert link_to(GrpcMetadata((("traceparent", PARENT), ("traceparent", PARENT)))) is None
    metadata = grpc.aio.Metadata(("accept", "*/*"), ("traceparent", STALE), ("traceparent", STALE))
    assert metadata is inject(GrpcMetadata(metadata), CONTEXT).data
    assert [PARENT] == metadata.get_all("traceparent") == GrpcMetadata(metadata).get("traceparent")
    inject(GrpcMetadata(metadata), Context())
    assert [("accept", "*/*")] == list(metadata)


def test_boto3_accepts_what_is_sent() -> None:
    """The SQS client's own validation, without a network."""
    botocore = need("botocore.session", "boto3")
    from botocore.validate import ParamValidator

    shape = botocore.get_session().get_service_model("sqs").operation_model("SendMessage").input_shape
    attributes = inject(MessageAttributes(), CONTEXT).data
    message = {"QueueUrl": "q", "MessageBody": "b", "MessageAttributes": attributes}

    assert "" == ParamValidator().validate(message, shape).generate_report()


def test_pubsub() -> None:
    """A received message's attributes: a protobuf map."""
    types = need("google.pubsub_v1.types", "google-cloud-pubsub")
    message = types.PubsubMessage(attributes={"kind": "order", "googclient_traceparent": STALE})
    assert link_to(PubSubAttributes(message.attributes)) is not None
    inject(PubSubAttributes(message.attributes), CONTEXT)
    assert {"kind": "order", "traceparent": PARENT, "baggage": "user=alice"} == dict(message.attributes)


def test_cloudevents() -> None:
    """The SDK's events, old and new."""
    need("cloudevents", "cloudevents")
    http_events = need("cloudevents.v1.http", "'cloudevents>=2'")
    from cloudevents.core.v1.event import CloudEvent

    required = {"source": "shop", "type": "order"}
    old = http_events.CloudEvent(required, {})
    new = CloudEvent({**required, "id": "1", "specversion": "1.0"}, {})
    for event in (old, new):
        inject(CloudEventAttributes(event), CONTEXT)
        assert link_to(CONTEXT).context == link_to(CloudEventAttributes(event)).context  # type: ignore[union-attr]
    assert (PARENT, PARENT) == (old["traceparent"], new.get_extension("traceparent"))
