"""What a telemetry backend would be: an OTLP receiver over HTTP, the Prometheus page, and the report's folder.

It binds loopback only. `served` runs any ASGI application on a thread of its own.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

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
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from shop.logs import Logs
from shop.metrics import Metrics
from shop.service import KEPT_OPEN
from shop.traces import Traces
from telemetry_kit import LogSampling

HOST = "127.0.0.1"

# Should a handler fail under load, uvicorn has the same traceback to tell a hundred times a second.
logging.getLogger("uvicorn.error").addFilter(LogSampling(rate=0.1, burst=2))


class PortTaken(OSError):
    """Somebody listens there already, or may not."""


@contextlib.contextmanager
def served(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Serve an ASGI application on loopback, in a thread, while the `with` lasts; port 0 takes any free one. Its URL."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen(512)  # from here on a connection waits for the server rather than being refused
        except OSError as problem:
            raise PortTaken(
                f"port {port} on {HOST} can't be used: {problem.strerror}; --port 0 takes a free one"
            ) from None
        url = f"http://{HOST}:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=KEPT_OPEN,
        )
        server = uvicorn.Server(config)
        serving = threading.Thread(target=server.run, args=([listening],), name=f"serve {url}", daemon=True)
        serving.start()
        try:
            yield url
        finally:
            server.should_exit = True
            serving.join(10.0)


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

    def prometheus_page(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/v1/traces", take_traces, methods=["POST"]),
            Route("/v1/metrics", take_metrics, methods=["POST"]),
            Route("/v1/logs", take_logs, methods=["POST"]),
            Route("/metrics", prometheus_page),
            Mount("/", StaticFiles(directory=folder, html=True)),
        ],
        exception_handlers={ClientDisconnect: _gone},
    )


def _gone(_: Request, __: Exception) -> Response:
    """A process that was killed while it exported: nobody hears this answer."""
    return Response(status_code=400)


def _answer(body: bytes) -> Response:
    return Response(body, media_type="application/x-protobuf")
