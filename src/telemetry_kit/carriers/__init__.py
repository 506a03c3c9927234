"""How each transport spells a header: one class per transport, in front of the transport's own headers.

    inject(KafkaHeaders(headers))
    extract(AsgiHeaders(scope))

A carrier reads a field as a list of text values, in whatever case, type or nesting the client library hands it over,
and writes one value in its place, in the type that the client library sends. What it wraps is `.data`: the object
given, changed in place where it can be, a new one where it can't (a tuple, `None`). Nothing here knows OpenTelemetry;
a carrier also serves the API's own propagators as it is.
"""

from telemetry_kit.carriers._base import Carrier, Names
from telemetry_kit.carriers._http import AsgiHeaders, GrpcMetadata, HttpHeaders, WsgiEnviron
from telemetry_kit.carriers._messaging import (
    AmqpHeaders,
    CloudEventAttributes,
    KafkaHeaders,
    MessageAttributes,
    NatsHeaders,
    PubSubAttributes,
    RedisFields,
)
from telemetry_kit.carriers._mqtt import MqttProperties
from telemetry_kit.carriers._process import Environ

__all__ = [
    "AmqpHeaders",
    "AsgiHeaders",
    "Carrier",
    "CloudEventAttributes",
    "Environ",
    "GrpcMetadata",
    "HttpHeaders",
    "KafkaHeaders",
    "MessageAttributes",
    "MqttProperties",
    "Names",
    "NatsHeaders",
    "PubSubAttributes",
    "RedisFields",
    "WsgiEnviron",
]
