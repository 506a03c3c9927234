"""`python -m shop.storm limited|unlimited SECONDS`: recommendations, asked for without a pause, until the ranker's circuit opens.

A process of its own, so that nothing but its errors' detail is different between the two. Only failures have a span: as
long as all is well it exports metrics and nothing else. What it saw itself goes to standard output, as JSON.
"""

import contextlib
import hashlib
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any

import requests
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from shop.suppliers import RankerDown
from telemetry_kit import ErrorPolicy, Telemetry

POLICIES = {
    "limited": ErrorPolicy(),
    "unlimited": ErrorPolicy(rate=1e9, burst=10**9, total_rate=1e9, total_burst=10**9),
}
CLOSED = 1 / 3
"""The share of the time before the circuit opens."""
STEPS = 30
"""Points of the lines over time."""
ROUNDS = 120
"""Of the hash that is a request's work: some hundred microseconds in all, failed or not."""


@dataclass
class Told:
    """What this process saw of itself. Times are seconds."""

    opened: float = 0.0
    requests: int = 0
    failed: int = 0
    before: dict[str, float] = field(default_factory=dict)
    """Requests a second, p50, p99 and CPU time per request, while the circuit was closed."""
    during: dict[str, float] = field(default_factory=dict)
    rates: list[tuple[float, float]] = field(default_factory=list)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    """The 99th percentile over time."""
    spans: int = 0
    events: int = 0
    bytes: int = 0
    """Of all spans, in OTLP as it went over the wire."""


class Counting(requests.Session):
    """Counts the bytes that it sends."""

    sent = 0

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if isinstance(request.body, bytes):
            self.sent += len(request.body)
        return super().send(request, **kwargs)


class Exporter(OTLPSpanExporter):
    """Counts what it exports."""

    def __init__(self) -> None:
        self.session = Counting()
        super().__init__(session=self.session)
        self.spans = self.events = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += len(spans)
        self.events += sum(len(span.events) for span in spans)
        return super().export(spans)


class Recommendations:
    """A handler, the circuit breaker below it, and the client that the breaker keeps from asking."""

    def __init__(self, policy: ErrorPolicy) -> None:
        self.open = False
        telemetry = Telemetry("shop.recommendations", errors=policy)
        self.recommend = telemetry.operation("recommend", span="errors", arguments=["customer"])(self._recommend)

    def _recommend(self, customer: str) -> str:
        signature = hashlib.pbkdf2_hmac("sha256", customer.encode(), b"shop", ROUNDS).hex()
        return self._ask(signature)

    def _ask(self, signature: str) -> str:
        try:
            return self._connect(signature)
        except ConnectionRefusedError as refused:
            raise RankerDown("the circuit to ranker.internal:8443 is open") from refused

    def _connect(self, signature: str) -> str:
        if self.open:
            raise ConnectionRefusedError("ranker.internal:8443: connection refused")
        return signature


def storm(service: Recommendations, duration: float) -> Told:
    """Ask without a pause, and open the circuit after a third of the time."""
    told = Told()
    took: list[list[float]] = [[]]
    parts: list[tuple[int, float, float]] = []
    step = duration / STEPS
    began = due = time.perf_counter()
    cpu = time.process_time()
    while (start := time.perf_counter()) - began < duration or not service.open:
        opening = not service.open and start - began >= duration * CLOSED
        if took[-1] and (opening or start - due >= step):
            middle = (start + due) / 2 - began
            told.rates.append((middle, len(took[-1]) / (start - due)))
            told.latencies.append((middle, quantile(took[-1], 99)))
            took.append([])
            due = start
        if opening:
            parts.append((len(took) - 1, start - began, time.process_time() - cpu))
            service.open, told.opened = True, start - began
        try:
            service.recommend(f"customer-{told.requests}")
        except RankerDown:
            told.failed += 1
        told.requests += 1
        took[-1].append(time.perf_counter() - start)
    [(steps, length, spent)] = parts
    before, during = list(chain.from_iterable(took[:steps])), list(chain.from_iterable(took[steps:]))
    told.before = summary(before, length, spent)
    told.during = summary(during, time.perf_counter() - began - length, time.process_time() - cpu - spent)
    return told


def summary(took: list[float], length: float, spent: float) -> dict[str, float]:
    return {
        "rate": len(took) / length,
        "p50": quantile(took, 50),
        "p99": quantile(took, 99),
        "cpu": spent / len(took),
    }


def quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else values[0]


def main(variant: str, duration: float) -> None:
    resource = Resource.create({"process.pid": os.getpid()})
    exporter = Exporter()
    tracer_provider = TracerProvider(resource=resource)
    tracer_provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    meter_provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(), 500)], resource=resource)
    trace.set_tracer_provider(tracer_provider)
    metrics.set_meter_provider(meter_provider)
    try:
        told = storm(Recommendations(POLICIES[variant]), duration)
    finally:
        tracer_provider.shutdown()
        meter_provider.shutdown()
    told.spans, told.events, told.bytes = exporter.spans, exporter.events, exporter.session.sent
    print(json.dumps(asdict(told)))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1], float(sys.argv[2]))
