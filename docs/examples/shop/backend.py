"""What a telemetry backend would be: an OTLP receiver over HTTP, the Prometheus page, and the report's folder.

It binds loopback only. `Served` runs any ASGI application on a thread of its own.
"""

import socket
import threading
from pathlib import Path
from types import TracebackType

import uvicorn
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from prometheus_client import make_asgi_app
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from shop.logs import Logs
from shop.metrics import Metrics
from shop.traces import Traces

HOST = "127.0.0.1"


class PortTaken(OSError):
    """Somebody listens there already, or may not."""


class Served:
    """An ASGI application on loopback while the `with` lasts; port 0 takes any free one."""

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except OSError as problem:
            self._socket.close()
            raise PortTaken(
                f"port {port} on {HOST} can't be used: {problem.strerror}; --port 0 takes a free one"
            ) from None
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name=f"serve {self.url}", daemon=True
        )

    def __enter__(self) -> "Served":
        self._socket.listen(512)  # from here on a connection waits for the server rather than being refused
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10.0)
        self._socket.close()


def application(traces: Traces, metrics: Metrics, logs: Logs, folder: Path) -> Starlette:
    """OTLP in (`/v1/traces`, `/v1/metrics`, `/v1/logs`); the Prometheus page and the report's folder out."""

    async def take_traces(request: Request) -> Response:
        traces.add(ExportTraceServiceRequest.FromString(await request.body()))
        return _answer(ExportTraceServiceResponse().SerializeToString())

    async def take_metrics(request: Request) -> Response:
        metrics.add(ExportMetricsServiceRequest.FromString(await request.body()))
        return _answer(ExportMetricsServiceResponse().SerializeToString())

    async def take_logs(request: Request) -> Response:
        logs.add(ExportLogsServiceRequest.FromString(await request.body()))
        return _answer(ExportLogsServiceResponse().SerializeToString())

    return Starlette(
        routes=[
            Route("/v1/traces", take_traces, methods=["POST"]),
            Route("/v1/metrics", take_metrics, methods=["POST"]),
            Route("/v1/logs", take_logs, methods=["POST"]),
            Mount("/metrics", make_asgi_app()),
            Mount("/", StaticFiles(directory=folder, html=True)),
        ]
    )


def _answer(body: bytes) -> Response:
    return Response(body, media_type="application/x-protobuf")
