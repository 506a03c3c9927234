"""Operations that take context in and send it on: servers, clients, producers, consumers, public endpoints, batches."""

import asyncio
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import Link, SpanKind

from telemetry_kit import Telemetry, attached, conventions, current_measurement, extract, inject, link_to
from telemetry_kit._core import faults
from telemetry_kit.carriers import AsgiHeaders, KafkaHeaders
from telemetry_kit.testing import Captured

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID = 0xB7AD6B7169203331
PARENT = f"00-{TRACE_ID:032x}-{SPAN_ID:016x}-01"

INCOMING = [SpanKind.SERVER, SpanKind.CONSUMER]
OUTGOING = [SpanKind.CLIENT, SpanKind.PRODUCER]


def traceparent(span: Any) -> str:
    """What the calls of a span carry."""
    context = span.get_span_context() if hasattr(span, "get_span_context") else span.context
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


# in


@pytest.mark.parametrize("kind", INCOMING)
def test_servers_and_consumers_continue_what_the_carrier_brings(
    telemetry: Telemetry, captured: Captured, kind: SpanKind
) -> None:
    """The remote span is the parent."""
    with telemetry.operation("serve", kind=kind).measure(carrier={"TraceParent": PARENT}):
        pass

    span = captured.span("serve")
    assert span.parent is not None
    assert (TRACE_ID, SPAN_ID, True, kind) == (
        span.parent.trace_id,
        span.parent.span_id,
        span.parent.is_remote,
        span.kind,
    )


def test_a_carrier_is_given_by_the_call(telemetry: Telemetry, captured: Captured) -> None:
    """A callable is given what the function is given."""

    @telemetry.operation("handle", kind=SpanKind.CONSUMER, carrier=lambda message: KafkaHeaders(message["headers"]))
    def handle(message: dict[str, Any]) -> str:
        return traceparent(trace.get_current_span())

    sent_on = handle({"headers": [("traceparent", PARENT.encode())]})

    assert TRACE_ID == captured.span("handle").context.trace_id
    assert traceparent(captured.span("handle")) == sent_on


def test_methods_give_their_carrier_with_self(telemetry: Telemetry, captured: Captured) -> None:
    """`self` included, sync or async."""

    class App:
        @telemetry.operation("app", kind=SpanKind.SERVER, carrier=lambda self, scope: AsgiHeaders(scope))
        async def __call__(self, scope: Any) -> None:
            await asyncio.sleep(0)

    asyncio.run(App()({"type": "http", "headers": [(b"traceparent", PARENT.encode())]}))

    assert TRACE_ID == captured.span("app").context.trace_id


@pytest.mark.parametrize("span", [True, False, "errors"])
@pytest.mark.parametrize("kind", INCOMING)
def test_incoming_baggage_is_current_inside(telemetry: Telemetry, kind: SpanKind, span: Any) -> None:
    """And gone afterwards, whether the operation has a span or not."""
    operation = telemetry.operation("serve", kind=kind, span=span)
    before = get_current()
    with operation.measure(carrier={"traceparent": PARENT, "baggage": "user=alice"}):
        assert "alice" == baggage.get_baggage("user")

    assert before is get_current()


def test_without_an_sdk_the_context_is_passed_on() -> None:
    """What came in goes out, the remote span as it is."""
    operation = Telemetry("shop.bare").operation("serve", kind=SpanKind.SERVER)
    with operation.measure(carrier={"traceparent": PARENT, "baggage": "user=alice"}):
        sent = inject({})

    assert {"traceparent": PARENT, "baggage": "user=alice"} == sent


def test_a_carrier_that_brings_nothing_leaves_the_ambient_parent(telemetry: Telemetry, captured: Captured) -> None:
    """extract starts from the current context."""
    with (
        attached(extract({"traceparent": PARENT}, Context())),
        telemetry.operation("serve", kind=SpanKind.SERVER).measure(carrier={"traceparent": "bad"}),
    ):
        pass

    assert TRACE_ID == captured.span("serve").context.trace_id


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("carrier", [lambda: 1 / 0, lambda: 7, 7, "text", lambda: "text", None, [1, 2]])
def test_a_broken_carrier_costs_the_call_nothing(telemetry: Telemetry, captured: Captured, carrier: Any) -> None:
    """FLT.1: one that raises or is no carrier is a fault, and the trace starts here."""

    @telemetry.operation("serve", kind=SpanKind.SERVER, carrier=carrier)
    def serve() -> int:
        return 42

    assert 42 == serve()
    assert captured.span("serve").parent is None


def test_a_server_is_a_child_of_the_last_hop_only(telemetry: Telemetry, captured: Captured) -> None:
    """A carrier that brings a span goes before the ambient one."""
    other = f"00-{TRACE_ID + 1:032x}-{SPAN_ID:016x}-01"
    with (
        attached(extract({"traceparent": other}, Context())),
        telemetry.operation("serve", kind=SpanKind.SERVER).measure(carrier={"traceparent": PARENT}),
    ):
        pass

    assert TRACE_ID == captured.span("serve").context.trace_id


def test_tracestate_and_flags_go_through(telemetry: Telemetry) -> None:
    """From the carrier, through the span, into the next one."""
    headers = {"traceparent": PARENT, "tracestate": "1st@x=a,rojo=b"}
    with telemetry.operation("serve", kind=SpanKind.SERVER).measure(carrier=headers) as serve:
        sent = serve.inject({"tracestate": "stale=1"})

    assert "1st@x=a,rojo=b" == sent["tracestate"]
    assert sent["traceparent"].startswith(PARENT[:36])


# out


@pytest.mark.parametrize("kind", OUTGOING)
def test_clients_and_producers_inject_the_new_span(telemetry: Telemetry, captured: Captured, kind: SpanKind) -> None:
    """Not its parent; what stood in the carrier is replaced."""
    headers: dict[str, str] = {"TraceParent": "stale", "accept": "*/*"}
    with telemetry.operation("call", kind=kind).measure(carrier=headers):
        sent = dict(headers)

    assert {"accept": "*/*", "traceparent": traceparent(captured.span("call"))} == sent


def test_a_client_gives_its_carrier_by_the_call(telemetry: Telemetry, captured: Captured) -> None:
    """The call's own argument is written into, before the body runs."""

    @telemetry.operation("send", kind=SpanKind.PRODUCER, carrier=lambda message: KafkaHeaders(message["headers"]))
    def send(message: dict[str, Any]) -> list[tuple[str, bytes]]:
        return list(message["headers"])

    message: dict[str, Any] = {"headers": []}
    seen = send(message)

    assert [("traceparent", traceparent(captured.span("send")).encode())] == seen == message["headers"]


def test_client_and_server_are_one_trace(telemetry: Telemetry, captured: Captured) -> None:
    """There and back through one carrier: server under client under whoever called."""
    headers: dict[str, str] = {}
    with (
        telemetry.operation("checkout").measure(),
        telemetry.operation("call", kind=SpanKind.CLIENT).measure(carrier=headers),
    ):
        pass
    with telemetry.operation("serve", kind=SpanKind.SERVER).measure(carrier=headers):
        pass

    spans = {name: captured.span(name) for name in ("checkout", "call", "serve")}
    assert 1 == len({span.context.trace_id for span in spans.values()})
    assert spans["call"].context.span_id == spans["serve"].parent.span_id  # type: ignore[union-attr]
    assert spans["checkout"].context.span_id == spans["call"].parent.span_id  # type: ignore[union-attr]


def test_without_an_sdk_a_client_passes_on_what_came_in() -> None:
    """No span of its own: the current one goes out."""
    headers: dict[str, str] = {}
    with (
        attached(extract({"traceparent": PARENT}, Context())),
        Telemetry("shop.bare").operation("call", kind=SpanKind.CLIENT).measure(carrier=headers),
    ):
        pass

    assert {"traceparent": PARENT} == headers


def test_an_outgoing_carrier_is_not_read(telemetry: Telemetry, captured: Captured) -> None:
    """What stands in it is somebody else's call."""
    with telemetry.operation("call", kind=SpanKind.CLIENT).measure(carrier={"traceparent": PARENT}):
        pass

    assert captured.span("call").parent is None


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_carrier_that_can_not_be_written_costs_the_call_nothing(telemetry: Telemetry, captured: Captured) -> None:
    """FLT.1: a fault, counted."""
    before = sum(faults.counts().values())
    with telemetry.operation("call", kind=SpanKind.CLIENT).measure(carrier=object()):
        pass

    assert captured.span("call")
    assert before < sum(faults.counts().values())


def test_the_current_measurement_injects(telemetry: Telemetry, captured: Captured) -> None:
    """A handler several calls down sends the context of its operation."""
    with telemetry.operation("serve").measure():
        sent = current_measurement().inject(KafkaHeaders())

    assert traceparent(captured.span("serve")).encode() == sent.data[0][1]


def test_an_internal_operation_takes_no_carrier(telemetry: Telemetry) -> None:
    """Whether it comes in or goes out nobody could say: a ValueError that names the way out."""
    with pytest.raises(ValueError, match="SERVER"):
        telemetry.operation("work", carrier={})


# links


def test_a_batch_is_linked_to_its_messages(telemetry: Telemetry, captured: Captured) -> None:
    """Valid and distinct ones, in their order."""
    batch = [KafkaHeaders([("traceparent", f"00-{TRACE_ID + n:032x}-{SPAN_ID:016x}-01".encode())]) for n in (0, 1, 1)]
    with telemetry.operation("batch", kind=SpanKind.CONSUMER).measure(links=[*batch, KafkaHeaders(None)]):
        pass

    span = captured.span("batch")
    assert [TRACE_ID, TRACE_ID + 1] == [link.context.trace_id for link in span.links]
    assert span.parent is None


def test_links_are_given_by_the_call(telemetry: Telemetry, captured: Captured) -> None:
    """A callable is given what the function is given."""

    @telemetry.operation("batch", kind=SpanKind.CONSUMER, links=lambda messages: [{"traceparent": m} for m in messages])
    def handle(messages: list[str]) -> None:
        pass

    handle([PARENT, "bad"])

    assert [TRACE_ID] == [link.context.trace_id for link in captured.span("batch").links]


def test_a_span_has_128_links_at_most(telemetry: Telemetry, captured: Captured) -> None:
    """A batch of a thousand messages isn't a thousand links."""
    batch = [{"traceparent": f"00-{TRACE_ID + n:032x}-{SPAN_ID:016x}-01"} for n in range(1000)]
    with telemetry.operation("batch", kind=SpanKind.CONSUMER).measure(links=batch):
        pass

    assert 128 == len(captured.span("batch").links)


def test_links_need_no_kind_and_keep_their_attributes(telemetry: Telemetry, captured: Captured) -> None:
    """Links, contexts and carriers, also of an internal operation."""
    link = Link(link_to({"traceparent": PARENT}).context, {"why": "retry"})  # type: ignore[union-attr]
    with telemetry.operation("retry").measure(links=[link, extract({"traceparent": PARENT}, Context())]):
        pass

    assert [{"why": "retry"}] == [dict(one.attributes or {}) for one in captured.span("retry").links]


# a public endpoint


def test_at_a_public_endpoint_the_trace_starts_anew(telemetry: Telemetry, captured: Captured) -> None:
    """SEC.3: what came in is linked, its baggage dropped."""
    operation = telemetry.operation("edge", kind=SpanKind.SERVER, public_endpoint=True)
    with operation.measure(carrier={"traceparent": PARENT, "baggage": "admin=true"}):
        assert {} == dict(baggage.get_all())

    span = captured.span("edge")
    assert (None, [TRACE_ID]) == (span.parent, [link.context.trace_id for link in span.links])
    assert TRACE_ID != span.context.trace_id


def test_a_public_endpoint_starts_anew_under_an_ambient_span(telemetry: Telemetry, captured: Captured) -> None:
    """SEC.3: an instrumentation has continued the stranger's trace before."""
    operation = telemetry.operation("edge", kind=SpanKind.SERVER, public_endpoint=True)
    headers = {"traceparent": PARENT, "baggage": "admin=true"}
    with (
        attached(extract(headers, Context())),
        captured.tracer_provider.get_tracer("tests").start_as_current_span("auto"),
        operation.measure(carrier=headers),
    ):
        assert {} == dict(baggage.get_all())

    assert captured.span("edge").parent is None
    assert captured.span("auto").context.trace_id != captured.span("edge").context.trace_id


def test_a_public_endpoint_has_its_links_once(telemetry: Telemetry, captured: Captured) -> None:
    """What came in, and what the call names besides."""
    other = f"00-{TRACE_ID + 1:032x}-{SPAN_ID:016x}-01"
    operation = telemetry.operation("edge", kind=SpanKind.SERVER, public_endpoint=True)
    with operation.measure(carrier={"traceparent": PARENT}, links=[{"traceparent": PARENT}, {"traceparent": other}]):
        pass

    assert [TRACE_ID, TRACE_ID + 1] == [link.context.trace_id for link in captured.span("edge").links]


def test_without_an_sdk_a_public_endpoint_passes_nothing_on() -> None:
    """SEC.3: the stranger's context ends here."""
    operation = Telemetry("shop.bare").operation("edge", kind=SpanKind.SERVER, public_endpoint=True)
    with operation.measure(carrier={"traceparent": PARENT, "baggage": "admin=true"}):
        assert {} == inject({})


# messaging


@pytest.mark.parametrize(
    ("convention", "metric", "kind", "name"),
    [
        (conventions.MESSAGING_SEND, "messaging.client.operation.duration", SpanKind.PRODUCER, "send"),
        (conventions.MESSAGING_PROCESS, "messaging.process.duration", SpanKind.CONSUMER, "process"),
    ],
)
def test_messaging_operations_have_the_conventions_defaults(
    telemetry: Telemetry, captured: Captured, convention: Any, metric: str, kind: SpanKind, name: str
) -> None:
    """Kind, metric, operation name and type, the system as declared."""
    operation = telemetry.operation("orders", convention=convention, metric_attributes={"messaging.system": "kafka"})
    with operation.measure(carrier=KafkaHeaders([("traceparent", PARENT.encode())])):
        pass

    [point] = captured.points(metric)
    assert ("kafka", name) == (point.attributes["messaging.system"], point.attributes["messaging.operation.name"])
    span = captured.span("orders")
    assert (kind, name) == (span.kind, span.attributes["messaging.operation.name"])  # type: ignore[index]
    assert (kind is SpanKind.CONSUMER) == (span.context.trace_id == TRACE_ID)


def test_a_batch_is_processed_under_the_same_convention(telemetry: Telemetry, captured: Captured) -> None:
    """One span of kind CONSUMER for the batch, linked to each message; each message's context is whole for its own work."""
    operation = telemetry.operation("orders", convention=conventions.MESSAGING_PROCESS)
    batch = [KafkaHeaders([("traceparent", f"00-{TRACE_ID + n:032x}-{SPAN_ID:016x}-01")]) for n in range(3)]
    with operation.measure(links=batch):
        for headers in batch:
            with attached(extract(headers)):
                assert TRACE_ID <= trace.get_current_span().get_span_context().trace_id <= TRACE_ID + 2

    assert 3 == len(captured.span("orders").links)
