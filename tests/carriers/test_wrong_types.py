"""Carriers and propagators that are handed something of a type that no header has."""

import time
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context

from telemetry_kit.carriers import (
    AmqpHeaders,
    AsgiHeaders,
    CloudEventAttributes,
    GrpcMetadata,
    HttpHeaders,
    KafkaHeaders,
    PubSubAttributes,
)
from telemetry_kit.propagation import extract, links_to
from telemetry_kit.w3c import StrictBaggagePropagator, StrictTraceContextPropagator


@pytest.mark.parametrize(
    "carrier", [HttpHeaders, KafkaHeaders, GrpcMetadata, AsgiHeaders, PubSubAttributes, AmqpHeaders]
)
@pytest.mark.parametrize("given", ["a", b"a"])
def test_a_text_in_the_place_of_headers_is_looked_at_as_one(carrier: Any, given: Any) -> None:
    """SEC 1: 8 MB of text where headers were expected cost no more than its type does."""
    text = given * 8_000_000
    started = time.thread_time()

    assert extract(carrier(text)) == Context()
    assert links_to(text) == []
    assert time.thread_time() - started < 0.3


def test_an_event_that_raises_is_read_as_no_event() -> None:
    """SEC 1: What the attributes of an object raise stays inside, as for every other carrier."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    assert extract(CloudEventAttributes(Broken())) == Context()


def test_a_texts_class_has_no_say() -> None:
    """SEC 1: The strict propagators read a subclass of str as the text that it is, also without the kit around them."""

    class Hostile(str):
        __slots__ = ()

        def __len__(self) -> int:
            raise RuntimeError("len")

        def split(self, *args: Any) -> Any:
            raise RuntimeError("split")

    headers = {
        "traceparent": Hostile("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        "baggage": Hostile("a=1"),
    }

    assert trace.get_current_span(StrictTraceContextPropagator().extract(headers)).get_span_context().is_remote
    assert baggage.get_baggage("a", StrictBaggagePropagator().extract(headers)) == "1"
