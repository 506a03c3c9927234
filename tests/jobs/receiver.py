"""An OTLP receiver: takes what a real exporter sends over HTTP, and says what has arrived."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver:
    """`points` and `spans` in the order of their arrival."""

    def __init__(self, *, hangs: bool = False) -> None:
        self._arrived = threading.Condition()
        self.points: list[tuple[str, dict[str, Any], float]] = []
        self.spans: list[tuple[str, dict[str, Any]]] = []
        self.asked = threading.Event()
        """Set once anything has been sent."""
        self.released = threading.Event()
        """A receiver that hangs answers nobody before this is set."""
        if not hangs:
            self.released.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.asked.set()
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if not receiver.released.wait(60):
                    return
                receiver.take(self.path, body)
                try:
                    self.send_response(200)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:  # whoever asked is gone
                    pass

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, path: str, body: bytes) -> None:
        with self._arrived:
            if path == "/v1/metrics":
                self.points += _points(ExportMetricsServiceRequest.FromString(body))
            elif path == "/v1/traces":
                self.spans += _spans(ExportTraceServiceRequest.FromString(body))
            self._arrived.notify_all()

    def values(self, metric: str, **attributes: Any) -> list[float]:
        """All values of the metric that have arrived, dots in attribute keys written as two underscores."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [value for name, has, value in list(self.points) if name == metric and wanted.items() <= has.items()]

    def wait(self, metric: str, *, seconds: float = 20) -> list[float]:
        """The values of the metric, as soon as there is one."""
        end = time.monotonic() + seconds
        with self._arrived:
            while not (values := self.values(metric)) and (rest := end - time.monotonic()) > 0:
                self._arrived.wait(rest)
        return values


@contextmanager
def receiver(*, hangs: bool = False) -> Iterator[Receiver]:
    """A receiver that listens on a free port until the block ends."""
    made = Receiver(hangs=hangs)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        made.server.shutdown()
        made.server.server_close()
        thread.join(10)


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _points(request: Any) -> Iterator[tuple[str, dict[str, Any], float]]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    value = point.count if kind == "histogram" else getattr(point, point.WhichOneof("value"))
                    yield metric.name, _attributes(point.attributes), value


def _spans(request: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield span.name, _attributes(span.attributes)
