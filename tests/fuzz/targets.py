"""What must hold for any input, asked by hypothesis in the suite and by atheris for as long as one likes."""

import logging
import time
from collections.abc import Callable
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry_kit import carriers
from telemetry_kit.propagation import extract, inject, link_to
from telemetry_kit.w3c import StrictBaggagePropagator, StrictTraceContextPropagator

FIELDS = ("traceparent", "tracestate", "baggage")
PROPAGATORS = {
    "api": CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()]),
    "strict": CompositePropagator([StrictTraceContextPropagator(), StrictBaggagePropagator()]),
}
MAKERS: list[Callable[[list[tuple[Any, Any]]], Any]] = [
    dict,
    list,
    lambda pairs: carriers.HttpHeaders(pairs),
    lambda pairs: carriers.AsgiHeaders(pairs),
    lambda pairs: carriers.AsgiHeaders({"headers": pairs}),
    lambda pairs: carriers.WsgiEnviron({f"HTTP_{_name(name).upper()}": value for name, value in pairs}),
    lambda pairs: carriers.KafkaHeaders(pairs),
    lambda pairs: carriers.KafkaHeaders(tuple(pairs)),
    lambda pairs: carriers.AmqpHeaders(dict(pairs)),
    lambda pairs: carriers.GrpcMetadata(tuple(pairs)),
    lambda pairs: carriers.MessageAttributes({name: {"stringValue": value} for name, value in pairs}),
    lambda pairs: carriers.MessageAttributes(
        {name: {"BinaryValue": value, "DataType": "Binary"} for name, value in pairs}
    ),
    lambda pairs: carriers.PubSubAttributes(dict(pairs)),
    lambda pairs: carriers.RedisFields(dict(pairs)),
    lambda pairs: carriers.MqttProperties(pairs),
    lambda pairs: carriers.NatsHeaders({name: [value, value] for name, value in pairs}),
    lambda pairs: carriers.CloudEventAttributes(dict(pairs)),
    lambda pairs: carriers.Environ({_name(name).upper(): value for name, value in pairs}),
]
"""Each carrier, made of pairs of whatever."""

SECONDS_A_MEGABYTE = 5.0
"""Far above what is measured (`tests/bench`), far below what anything quadratic takes."""


class Listener(logging.Handler):
    """Hears everything that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def harmless(make: Callable[[list[tuple[Any, Any]]], Any], pairs: list[tuple[Any, Any]], size: int) -> None:
    """Extract and inject: no exception, a context, no long or many lines, nothing in the output that breaks a header."""
    listener = Listener()
    root = logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        began = time.perf_counter()
        context = extract(make(pairs), Context({"kept": 1}))
        sent = inject({}, context)
        carrier = inject(make(pairs), context)
        took = time.perf_counter() - began
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
    assert 1 == context["kept"]
    assert len(listener.lines) <= 1, listener.lines
    assert all(len(line) < 300 for line in listener.lines)
    assert took < SECONDS_A_MEGABYTE * (1 + size / 1_000_000)
    for value in sent.values():
        assert value.isascii()
        assert value.isprintable()
    assert set(sent) <= set(FIELDS)
    assert ("tracestate" in sent) <= ("traceparent" in sent)
    if not isinstance(carrier, (list, dict)):
        for field in FIELDS:
            assert len(carrier.get(field)) <= 1


def stable(pairs: list[tuple[Any, Any]]) -> None:
    """What was sent on is read as what it was, and sent on as it is."""
    context = extract(list(pairs), Context())
    sent = inject({}, context)
    again = extract(sent, Context())

    assert sent == inject({}, again)
    first, second = link_to(context), link_to(again)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert first.context == second.context
    # The API's propagator reads `+=` as a member without a key, which nobody can send.
    assert {key: value for key, value in baggage.get_all(context).items() if key} == dict(baggage.get_all(again))
    assert trace.get_current_span(again).get_span_context().is_valid == ("traceparent" in sent)


def _name(name: Any) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)
