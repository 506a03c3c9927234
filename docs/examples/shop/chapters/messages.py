"""One order, three more processes: its trace goes through HTTP, Kafka and an environment, and stays one."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
from confluent_kafka import Producer
from opentelemetry.trace import SpanKind

from shop import children
from shop.dispatch import QUIET, Orders
from shop.figures import bars, facts, seconds, table
from shop.frame import Demo, Section
from shop.traces import Span
from shop.waterfall import waterfall
from telemetry_kit import Telemetry

ORDER = 70
SHARE = 1.0

MOST = 6
"""Orders at most: each has a process of its own print its label, which takes most of a second."""
WAIT = 30.0
"""Seconds in which an order has to be dispatched, on a machine that is busy with something else."""

telemetry = Telemetry("shop.customer")
buying = telemetry.operation("buy", kind=SpanKind.CLIENT)


def run(demo: Demo) -> Section:
    """A customer buys, and each order is followed to its label."""
    with kafka() as brokers, dispatching(demo, brokers) as dispatch:
        orders = Orders(brokers)
        demo.shop.dispatch = orders.send
        try:
            headers, printed = buy(demo, dispatch)
        finally:
            demo.shop.dispatch = None
            orders.close()
        if dispatch.wait(WAIT):
            raise RuntimeError(f"the dispatch ended with {dispatch.returncode}")
    demo.settle()
    trace = longest(demo)
    services = sorted({span.service for span in trace})
    waits = waits_in_queue(demo)
    hops = [
        ["HTTP", "a header of the request", headers.get("traceparent", "")],
        ["Kafka", "a header of the message, bytes", dict(orders.last_headers).get("traceparent", b"").decode()],
        ["a child process", "an environment variable", printed[-1]["TRACEPARENT"] if printed else ""],
    ]
    return Section(
        "One order, one trace",
        f"**{len(trace)} spans of {len(services)} processes are one trace: {', '.join(services)}.** A customer's request goes to the shop "
        "over HTTP, the order from the shop to the dispatch through Kafka, and for each order the dispatch starts a process that "
        "prints the label.\n\n"
        "Nothing knows the next hop's tracing. Each side says which carrier it has: `carrier=headers` for the request, "
        "`KafkaHeaders(...)` for the message, `child_environment()` for the process; the operation's kind says whether the context goes "
        "out or comes in. Between sending and processing an order lay in the queue for "
        f"{seconds(max(waits, default=0.0))} at most.",
        [
            facts(
                {
                    f"order{'s' * (len(printed) != 1)}": str(len(printed)),
                    "processes in the trace": str(len(services)),
                    "spans in the trace": str(len(trace)),
                    "longest in the queue": seconds(max(waits, default=0.0)),
                }
            ),
            waterfall("From the customer to the label", trace, note="bars of one colour are one process"),
            table("What carried the last order's context", ["hop", "where it stands", "traceparent"], hops),
            bars("Where the time of that order went", own_times(trace), unit="s"),
        ],
    )


def buy(demo: Demo, dispatch: "subprocess.Popen[str]") -> tuple[dict[str, str], list[dict[str, str]]]:
    """Buy one thing after the other, waiting for each label; the headers of the last request, and what the labels say."""
    headers: dict[str, str] = {}
    printed = []
    ends = time.monotonic() + demo.seconds
    with httpx.Client(base_url=demo.url, timeout=WAIT) as client, demo.progress("orders", MOST) as reached:
        for number in range(MOST):
            headers = {}
            order = {"sku": f"sku-{number:03}", "quantity": 1, "customer": "customer-7", "method": "invoice"}
            with buying.measure(carrier=headers):
                answer = client.post("/orders", json=order, headers=headers)
            if answer.status_code == 201:
                printed.append(json.loads(line(dispatch)))
            reached(number + 1)
            if printed and time.monotonic() > ends:
                break
    return headers, printed


def longest(demo: Demo) -> list[Span]:
    """The trace that got furthest: with a label, and of these the one that took longest."""
    labels = {span.trace_id for span in demo.traces.spans("draw label", since=demo.since)}
    bought = [span for span in demo.traces.spans("buy", since=demo.since) if span.trace_id in labels]
    return demo.traces.trace(max(bought, key=lambda span: span.seconds).trace_id) if bought else []


def waits_in_queue(demo: Demo) -> list[float]:
    """Seconds from the end of sending to the start of processing, of each order."""
    sent = {span.span_id: span for span in demo.traces.spans("send order", since=demo.since)}
    processed = demo.traces.spans("process order", since=demo.since)
    return [max(0.0, (p.start - sent[p.parent_id].end) / 1e9) for p in processed if p.parent_id in sent]


def own_times(trace: list[Span]) -> dict[str, float]:
    """Seconds of each span that none of its children accounts for, as far as they lie within it."""
    parents = {span.span_id: span for span in trace}
    own = {span.span_id: span.end - span.start for span in trace}
    for span in trace:
        if span.parent_id in parents:
            own[span.parent_id] -= max(0, min(span.end, parents[span.parent_id].end) - span.start)
    return {span.name: max(0.0, own[span.span_id] / 1e9) for span in trace}


@contextlib.contextmanager
def kafka() -> Iterator[str]:
    """A Kafka cluster of one broker on loopback, which confluent-kafka brings along; its address."""
    cluster = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, **QUIET})
    brokers = cluster.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    cluster.flush(1)


@contextlib.contextmanager
def dispatching(demo: Demo, brokers: str) -> Iterator["subprocess.Popen[str]"]:
    """The consumer's process, ready to take orders."""
    program = "import sys; from shop.dispatch import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", program, "consume", brokers]
    with children.started(
        command, demo.environment("dispatch"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with demo.progress("the dispatch opens"):
            line(process)
        yield process


def line(process: "subprocess.Popen[str]") -> str:
    """The next line that it says; where it ended instead, why."""
    said = process.stdout.readline() if process.stdout else ""
    if not said:
        raise RuntimeError(f"the dispatch ended: {process.stderr.read()[-2_000:] if process.stderr else ''}")
    return said
