"""Messages: Kafka, AMQP, SQS and SNS, Pub/Sub, Redis streams, NATS, CloudEvents. Names are read in any case."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from telemetry_kit.carriers._base import Fields, Names, is_mapping, text
from telemetry_kit.carriers._pairs import Pairs


class KafkaHeaders(Pairs):
    """The headers of a Kafka message: pairs of a name and bytes, or confluent-kafka's dict. The last of a name counts.

    What is written into is a list, which is what all clients send: aiokafka's records bring a tuple, and those without
    headers None in confluent-kafka.

    >>> KafkaHeaders([("traceparent", b"old"), ("traceparent", b"new")]).get("traceparent")
    ['new']
    """

    __slots__ = ()

    def pick(self, names: Names) -> dict[str, list[str]]:
        return {field: values[-1:] for field, values in super().pick(names).items() if values}

    def _pairs(self) -> Any:
        return None if is_mapping(self.data) else self.data

    def _keep(self, pairs: Any) -> None:
        self.data: Any = pairs if isinstance(pairs, list) else list(pairs)

    def _written(self, fields: Mapping[str, str]) -> list[tuple[str, bytes]]:
        return [(field, value.encode()) for field, value in fields.items()]

    def _write(self, value: str) -> bytes:
        return value.encode()


class AmqpHeaders(Fields):
    """The headers table of an AMQP message: `properties.headers` of pika, `message.headers` of aio-pika; Celery's.

    >>> AmqpHeaders({"traceparent": b"00-..."}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()


class MessageAttributes(Fields):
    """Message attributes of SQS and SNS, in the spelling of any of their interfaces; written as boto3 sends them.

    A message has at most ten: what has no room is left out, `traceparent` last. Empty values are never written.

    >>> MessageAttributes({"traceparent": {"dataType": "String", "stringValue": "00-..."}}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    max_attributes: ClassVar[int | None] = 10

    def _read(self, value: Any) -> list[str]:
        if not is_mapping(value):
            return super()._read(value)
        # boto3: StringValue, BinaryValue, DataType; a Lambda event the same in lower case; SNS: Value, Type
        for name in ("StringValue", "stringValue", "Value", "BinaryValue", "binaryValue"):
            found = value.get(name)
            if found is not None and found != "":
                kind = value.get("Type") or value.get("DataType") or value.get("dataType")
                is_binary = isinstance(kind, str) and kind.startswith("Binary")
                return _from_base64(found) if is_binary and isinstance(found, str) else super()._read(found)
        return []

    def _write(self, value: str) -> Any:
        return {"DataType": "String", "StringValue": value}


def _from_base64(value: str) -> list[str]:
    try:
        return [text(base64.b64decode(value, validate=True))]
    except (binascii.Error, ValueError):
        return []


class PubSubAttributes(Fields):
    """The attributes of a Google Pub/Sub message. Google's own client writes `googclient_traceparent`, which is read too.

    A value has at most 1,024 bytes, a message 100 attributes.

    >>> PubSubAttributes({"googclient_traceparent": "00-..."}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    max_value: ClassVar[int | None] = 1024
    max_attributes: ClassVar[int | None] = 100
    prefix: ClassVar[str] = "googclient_"

    def pick(self, names: Names) -> dict[str, list[str]]:
        found = super().pick(names)
        prefixed = super().pick(self._prefixed(names))
        return {**{field.removeprefix(self.prefix): values for field, values in prefixed.items()}, **found}

    def drop(self, names: Names) -> None:
        super().drop(names)
        super().drop(self._prefixed(names))

    def _prefixed(self, names: Names) -> Names:
        return Names(self.prefix + field for field in names.fields)


class RedisFields(Fields):
    """The fields of a Redis stream entry, as `xadd` takes and `xread` gives them, decoded or not.

    >>> RedisFields({b"order": b"7", b"traceparent": b"00-..."}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()


class NatsHeaders(Fields):
    """The headers of a NATS message: values or lists of values, `None` where there are none.

    >>> NatsHeaders({"Traceparent": ["00-..."]}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()


class CloudEventAttributes(Fields):
    """The attributes of a CloudEvent, where W3C context is the distributed tracing extension: a dict or the SDK's event.

    Names are lower-case letters and digits; a field that has others in its name isn't written.

    >>> CloudEventAttributes({"id": "1", "traceparent": "00-..."}).get("traceparent")
    ['00-...']
    """

    __slots__ = ()

    max_value: ClassVar[int | None] = 8_180
    """Over HTTP an attribute is a header."""

    def __init__(self, data: Any = None) -> None:
        # The SDK's events from 2.0 on aren't mappings, but give away the dict that they keep
        try:
            is_event = hasattr(data, "get_attributes") and not hasattr(data, "__getitem__")
            data = data.get_attributes() if is_event else data
        except Exception:  # who reads it or writes to it says that it is no event
            pass
        super().__init__(data)

    def _add(self, fields: Mapping[str, str]) -> None:
        super()._add({field: value for field, value in fields.items() if re.fullmatch(r"[a-z0-9]+", field)})
