"""dramatiq: a message carries the context in its options, and a retry is expected."""

import dramatiq
from dramatiq.brokers.stub import StubBroker
from host import set_up, trace_id
from opentelemetry.trace import SpanKind

from telemetry_kit import Telemetry, inject

telemetry = Telemetry("shop.mail")
broker = StubBroker()  # RabbitmqBroker or RedisBroker in a real program
dramatiq.set_broker(broker)
sent: list[str] = []


class Carry(dramatiq.Middleware):
    """Puts the sender's context into each message."""

    def before_enqueue(
        self, broker: dramatiq.Broker, message: dramatiq.Message, delay: int | None
    ) -> None:
        inject(message.options.setdefault("context", {}))


def context_of_message(*_: object) -> dict[str, str]:
    message = dramatiq.middleware.CurrentMessage.get_current_message()
    return {} if message is None else message.options.get("context", {})


broker.add_middleware(dramatiq.middleware.CurrentMessage())
broker.add_middleware(Carry())


@dramatiq.actor(max_retries=0)
@telemetry.operation(
    "send mail",
    kind=SpanKind.CONSUMER,
    carrier=context_of_message,
    expected=dramatiq.errors.Retry,
)
def send_mail(address: str) -> None:
    sent.append(f"{address} {trace_id()}")


if __name__ == "__main__":
    set_up("mail")
    worker = dramatiq.Worker(broker, worker_timeout=10)
    worker.start()
    with telemetry.span("order"):
        print(trace_id())
        send_mail.send("ann@example.com")
    broker.join(send_mail.queue_name)
    worker.join()
    worker.stop()
    print(*sent)
