"""What follows an order: it goes through Kafka to a process that dispatches it, which has a third one print the label.

The shop's side is `Orders.send`. `main("consume", brokers)` is the consumer, `main("label", number)` prints one label.
Each is a service of its own, and all that connects them is what the carriers hand on.
"""

import json
import os
import subprocess
import sys
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from shop.sdk import from_environment
from telemetry_kit import Telemetry, attached, child_environment, conventions, extract
from telemetry_kit.carriers import Environ, KafkaHeaders

TOPIC = "orders"
KAFKA = {"messaging.system": "kafka", "messaging.destination.name": TOPIC}
QUIET = {"log_level": 0}

telemetry = Telemetry("shop.dispatch", version="1.0.0")
sending = telemetry.operation("send order", convention=conventions.MESSAGING_SEND, metric_attributes=KAFKA)
processing = telemetry.operation("process order", convention=conventions.MESSAGING_PROCESS, metric_attributes=KAFKA)


class Orders:
    """The shop's end of the queue."""

    def __init__(self, brokers: str) -> None:
        self.producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, **QUIET})
        self.last_headers: list[tuple[str, bytes]] = []

    def send(self, number: int, sku: str) -> None:
        """Hand an order over; its context travels in the message's headers."""
        headers = KafkaHeaders()
        with sending.measure(carrier=headers):
            order = json.dumps({"number": number, "sku": sku}).encode()
            self.producer.produce(TOPIC, order, headers=headers.data, partition=0)
            self.producer.flush(10)
        self.last_headers = headers.data

    def close(self) -> None:
        """Tell the consumer that there are no more."""
        self.producer.produce(TOPIC, None, partition=0)
        self.producer.flush(10)


def consume(brokers: str) -> None:
    """Dispatch each order as it comes, until the shop closes; say the number of each that is done."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "dispatch", **QUIET})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    print("ready", flush=True)
    while True:
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            continue
        if message.value() is None:
            break
        print(process(message), flush=True)
    consumer.close()


@telemetry.operation("pack")
def pack(order: dict[str, Any]) -> str:
    return f"{order['sku']} in a box"


@telemetry.operation("print label")
def print_label(number: int) -> str:
    """Labels are printed by a program of their own: it finds its context in its environment."""
    command = [sys.executable, "-c", "import sys; from shop.dispatch import main; main(*sys.argv[1:])"]
    environment = child_environment({**os.environ, "OTEL_SERVICE_NAME": "label-printer"})
    done = subprocess.run(
        [*command, "label", str(number)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"no label for order {number}: {done.stderr[-500:]}")
    return done.stdout.strip()


def process(message: Any) -> str:
    """One message, in the trace that it came with."""
    with processing.measure(carrier=KafkaHeaders(message.headers())) as measurement:
        order = json.loads(message.value())
        measurement.set_attribute("order.number", order["number"])
        pack(order)
        return print_label(order["number"])


@telemetry.operation("draw label", arguments=["number"])
def draw_label(number: int) -> str:
    return f"order {number}: fragile"


def label(number: int) -> None:
    """Draw one label. Says what it found in its environment, for the demo to show."""
    with attached(extract(Environ())):
        draw_label(number)
    print(json.dumps({"number": number, "TRACEPARENT": os.environ.get("TRACEPARENT", "")}), flush=True)


def main(what: str, argument: str) -> None:
    """A process with an SDK of its own, which sends what it measured before it ends."""
    sdk = from_environment()
    try:
        consume(argument) if what == "consume" else label(int(argument))
    finally:
        sdk.stop()
