"""Departments of the shop, each a process of its own with a page of metrics, and each with a fault that it can have.

`python -m shop.departments till` prints the port of its page; at the first line on standard input its fault begins.
`python -m shop.departments job NAME well|fails|dies SECONDS ADDRESS` is a nightly job that pushes to a Pushgateway.
"""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import DropAggregation, View
from prometheus_client import CollectorRegistry, push_to_gateway, start_http_server

from telemetry_kit import Telemetry

telemetry = Telemetry("shop.departments", version="1.0.0")


class RankerDown(ConnectionError):
    """Nobody answers where recommendations come from."""


class _Department:
    """Works ten times a second, well until `fault` is set."""

    def __init__(self) -> None:
        self.fault = threading.Event()

    def work(self) -> None:
        """What it does all day."""

    def forever(self) -> None:
        while True:
            self.work()
            time.sleep(0.1)


class _Calm(_Department):
    """Has a failure now and then, as everybody has, and cancelled orders."""

    def __init__(self) -> None:
        super().__init__()
        self.served = 0
        self.operation = telemetry.operation("serve", span=False)

    def work(self) -> None:
        self.served += 1
        with self.operation.measure() as measurement:
            if self.served % 40 == 0:
                measurement.fail("out_of_stock")


class _Recommendations(_Department):
    """Asks a ranker; its fault is that nobody answers there: two operations, one inside the other, fail."""

    def __init__(self) -> None:
        super().__init__()
        self.recommend = telemetry.operation("recommend", span=False)(self.rank)
        self.ask = telemetry.operation("ask-ranker", span=False)

    def rank(self) -> None:
        with self.ask.measure():
            if self.fault.is_set():
                raise RankerDown("ranker.internal:8443: connection refused")

    def work(self) -> None:
        try:
            self.recommend()
        except RankerDown:
            pass


class _Till(_Department):
    """Has two card readers; its fault is that they aren't given back, so that customers wait and then give up."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = telemetry.pool("card-readers", limit=2)
        self.free = threading.Semaphore(2)
        self.pay = telemetry.operation("pay", span=False)

    def customer(self) -> None:
        with self.pay.measure(), self.readers.wait():
            if not self.free.acquire(timeout=1.0):
                raise TimeoutError("no card reader")
        with self.readers.use():
            while self.fault.is_set():
                time.sleep(0.1)
            self.free.release()

    def work(self) -> None:
        def customer() -> None:
            try:
                self.customer()
            except TimeoutError:
                pass

        threading.Thread(target=customer, daemon=True).start()


class _Packing(_Department):
    """Packs parcels in two threads; its fault is that both are stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.packers = telemetry.wrap_executor(ThreadPoolExecutor(2), name="packers")

    def work(self) -> None:
        self.packers.submit(self.pack)

    def pack(self) -> None:
        while self.fault.is_set():
            time.sleep(0.1)


class _Mail(_Department):
    """Sends mails from a queue; its fault is that nobody takes them out."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: queue.Queue[int] = queue.Queue(maxsize=20)
        telemetry.observe_queue(self.mails, name="mails")

    def work(self) -> None:
        if not self.mails.full():
            self.mails.put(1)
        if not self.fault.is_set():
            self.mails.get()


class _Payments(_Department):
    """Has a provider whose health it checks; its fault is that the provider is down."""

    def __init__(self) -> None:
        super().__init__()
        self.health = telemetry.health("provider", lambda: not self.fault.is_set(), max_age=0.5)


DEPARTMENTS: dict[str, Callable[[], _Department]] = {
    "office": _Calm,
    "recommendations": _Recommendations,
    "till": _Till,
    "packing": _Packing,
    "mail": _Mail,
    "payments": _Payments,
}


def job(name: str, how: str, interval: float, gateway: str) -> None:
    """A job that pushes what it knows when it begins and when it ends, in a group of its own: a push replaces, within its
    group, whatever has the same name."""
    registry = CollectorRegistry()  # without the process's own metrics, which belong to whoever lives on
    age = View(instrument_name="job.last_success.age", aggregation=DropAggregation())  # it would stand still there
    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader(registry=registry)], views=[age]))
    nightly = telemetry.batch_job(name, expected_interval=interval)
    try:
        with nightly.run():
            push_to_gateway(gateway, job=name, registry=registry)
            if how == "dies":
                os._exit(137)
            if how == "fails":
                raise ValueError("the price list can't be read")
    finally:
        push_to_gateway(gateway, job=name, registry=registry)


def main(name: str) -> None:
    """Work, and wait for the word."""
    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))
    department = DEPARTMENTS[name]()
    server, _ = start_http_server(0, "127.0.0.1")
    threading.Thread(target=department.forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    for line in sys.stdin:
        (department.fault.set if line.strip() == "fault" else department.fault.clear)()
    os._exit(0)  # its threads are stuck, as they are meant to be


if __name__ == "__main__":
    if sys.argv[1] == "job":
        job(sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5])
    else:
        main(sys.argv[1])
