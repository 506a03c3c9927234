"""AWS Lambda: the handler of a queue, linked to all messages of its batch; what is
recorded leaves before the freeze."""

from host import set_up, trace_id
from opentelemetry import metrics, trace

from telemetry_kit import Telemetry
from telemetry_kit.carriers import MessageAttributes
from telemetry_kit.conventions import MESSAGING_PROCESS

set_up("orders-lambda")  # once, while the function starts
telemetry = Telemetry("shop.orders")
process = telemetry.operation(
    "process orders",
    convention=MESSAGING_PROCESS,
    metric_attributes={
        "messaging.system": "aws_sqs",
        "messaging.destination.name": "orders",
    },
)


def handler(event: dict, context: object) -> dict:
    links = [
        MessageAttributes(record["messageAttributes"]) for record in event["Records"]
    ]
    try:
        with process.measure(links=links) as m:
            m.set_attribute("messaging.batch.message_count", len(links))
            return {"handled": len(links), "trace": trace_id()}
    finally:
        for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
            # Lambda freezes the process when the handler has returned.
            provider.force_flush(1_000)
