"""Propagators of others that a host may configure: B3 and Jaeger, of the OpenTelemetry project."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, propagate
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator

from telemetry_kit.carriers import AsgiHeaders, Environ, HttpHeaders, KafkaHeaders, WsgiEnviron
from telemetry_kit.propagation import extract, inject, link_to

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = baggage.set_baggage("user", "alice", extract({"traceparent": PARENT}, Context()))

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """Whatever is configured by a test is put back."""
    before = propagate.get_global_textmap()
    yield
    propagate.set_global_textmap(before)


def b3() -> Any:
    """The package, or a skip that says what to install."""
    return pytest.importorskip(
        "opentelemetry.propagators.b3", reason="B3 is missing: `pip install opentelemetry-propagator-b3`"
    )


def jaeger() -> Any:
    """The package, or a skip that says what to install."""
    return pytest.importorskip(
        "opentelemetry.propagators.jaeger", reason="Jaeger is missing: `pip install opentelemetry-propagator-jaeger`"
    )


CARRIERS = [
    lambda: HttpHeaders(),
    lambda: AsgiHeaders(),
    lambda: WsgiEnviron(),
    lambda: KafkaHeaders(),
    lambda: Environ({}),
]


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("kind", ["B3MultiFormat", "B3SingleFormat"])
def test_b3_through_carriers(kind: str, carrier: Any) -> None:
    """There and back, and a stale one is replaced."""
    propagate.set_global_textmap(getattr(b3(), kind)())
    sent = inject(inject(carrier(), CONTEXT), CONTEXT)

    assert link_to(CONTEXT).context == link_to(sent).context  # type: ignore[union-attr]


def test_b3_reads_either_format() -> None:
    """The multi-header propagator reads the single header too, which isn't among its fields."""
    propagate.set_global_textmap(b3().B3MultiFormat())

    assert link_to({"B3": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"}) is not None


@pytest.mark.parametrize("carrier", CARRIERS[:4])
def test_jaeger_through_carriers(carrier: Any) -> None:
    """Its baggage has a header for each entry, whose names nobody knows before."""
    propagate.set_global_textmap(jaeger().JaegerPropagator())
    context = extract(inject(carrier(), CONTEXT), Context())

    assert link_to(CONTEXT).context == link_to(context).context  # type: ignore[union-attr]
    assert "alice" == baggage.get_baggage("user", context)


def test_several_formats_at_once() -> None:
    """A fleet that is on its way from one to another."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parts = [b3().B3MultiFormat(), jaeger().JaegerPropagator(), TraceContextTextMapPropagator()]
    propagate.set_global_textmap(CompositePropagator(parts))
    sent = inject({}, CONTEXT)

    assert {"x-b3-traceid", "uber-trace-id", "traceparent"} <= set(sent)
    assert link_to(CONTEXT).context == link_to({"traceparent": sent["traceparent"]}).context  # type: ignore[union-attr]
    assert link_to({"uber-trace-id": "\x00" * 9000, "x-b3-traceid": "\r\n"}) is None


def test_the_trace_that_lambda_hands_over_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's propagator reads a dictionary of its own, made of the environment, with the getter that it is given."""
    aws = pytest.importorskip(
        "opentelemetry.propagators.aws.aws_xray_propagator",
        reason="AWS X-Ray is missing: `pip install opentelemetry-propagator-aws-xray`",
    )
    root = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", root)
    propagate.set_global_textmap(aws.AwsXRayLambdaPropagator())
    link = link_to({"host": "example"})

    assert link is not None
    assert f"{link.context.trace_id:032x}" == "5759e988bd862e3fe1be46a994272793"


@pytest.mark.parametrize("spell", [str.title, str.upper])
def test_jaeger_baggage_in_any_case(spell: Any) -> None:
    """Go's clients and nginx send it in title case."""
    propagate.set_global_textmap(jaeger().JaegerPropagator())
    sent = {"Uber-Trace-Id": "0af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1", spell("uberctx-tenant"): "acme"}

    assert {"tenant": "acme"} == baggage.get_all(extract(sent, Context()))
