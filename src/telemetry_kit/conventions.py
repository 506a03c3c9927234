"""Which names, kinds and error rules a protocol has, after OpenTelemetry's semantic conventions.

Given as `convention=` they take the place of the generic `operation.*` (or `pool.*`) names, so that a hand-written
client or server reports what every dashboard for its protocol expects. Don't put one on a handler that an
instrumentation measures already: there `span="current"` and the generic names serve.

>>> HTTP_SERVER.error(503)
'503'
>>> HTTP_SERVER.error(404) is None
True
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from opentelemetry.semconv.attributes import http_attributes
from opentelemetry.semconv.metrics import db_metrics, http_metrics
from opentelemetry.trace import SpanKind

_GRPC_SERVER_FAULTS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
"""The status codes that are the server's fault; the others are the caller's."""


KEY_TYPES: Mapping[str, type[int] | type[str]] = {
    **dict.fromkeys(
        (
            "http.response.status_code",
            "http.request.resend_count",
            "server.port",
            "client.port",
            "network.local.port",
            "network.peer.port",
            "db.operation.batch.size",
            "messaging.batch.message_count",
        ),
        int,
    ),
    **dict.fromkeys(
        (
            "db.response.status_code",
            "error.type",
            "http.route",
            "messaging.destination.partition.id",
            "messaging.message.id",
            "network.protocol.version",
            "rpc.method",
            "rpc.response.status_code",
            "server.address",
        ),
        str,
    ),
}
"""Attributes of the conventions that people give as number or as text: the type that they have on metrics and spans."""


def _never(_status: object) -> str | None:
    return None


@dataclass(frozen=True)
class Convention:
    """How operations of a protocol are named and judged."""

    name: str
    duration: str
    """The histogram that takes the place of `operation.duration`."""
    kind: SpanKind
    active: str | None = None
    """The metric that takes the place of `operation.active`, if the convention has one."""
    active_attributes: tuple[str, ...] = ()
    """Which of the declared attributes it has."""
    status: str | None = None
    """The attribute that says how the call ended."""
    error: Callable[[object], str | None] = _never
    """The `error.type` of such a status, None where it is no error."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Attributes that are on metric and span unless given."""


@dataclass(frozen=True)
class PoolConvention:
    """How pools of a protocol are named."""

    name: str
    prefix: str


def _http(lowest: int) -> Callable[[object], str | None]:
    def error(status: object) -> str | None:
        try:
            code = int(status)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            return None
        return str(code) if code >= lowest else None

    return error


def _rpc_server(status: object) -> str | None:
    return status if isinstance(status, str) and status in _GRPC_SERVER_FAULTS else None


def _rpc_client(status: object) -> str | None:
    return status if isinstance(status, str) and status not in ("OK", "") else None


HTTP_SERVER = Convention(
    "HTTP_SERVER",
    http_metrics.HTTP_SERVER_REQUEST_DURATION,
    SpanKind.SERVER,
    active="http.server.active_requests",
    active_attributes=("http.request.method", "url.scheme"),
    status=http_attributes.HTTP_RESPONSE_STATUS_CODE,
    error=_http(500),
)
"""A server of HTTP: a status of 500 or more is an error, 400 to 499 is the client's."""

HTTP_CLIENT = Convention(
    "HTTP_CLIENT",
    http_metrics.HTTP_CLIENT_REQUEST_DURATION,
    SpanKind.CLIENT,
    status=http_attributes.HTTP_RESPONSE_STATUS_CODE,
    error=_http(400),
)
"""A client of HTTP: a status of 400 or more is an error."""

RPC_SERVER = Convention(
    "RPC_SERVER",
    "rpc.server.call.duration",
    SpanKind.SERVER,
    status="rpc.response.status_code",
    error=_rpc_server,
)
"""A server of remote calls: gRPC's codes that are the server's fault are errors."""

RPC_CLIENT = Convention(
    "RPC_CLIENT",
    "rpc.client.call.duration",
    SpanKind.CLIENT,
    status="rpc.response.status_code",
    error=_rpc_client,
)
"""A client of remote calls: every status but OK is an error."""

DB_CLIENT = Convention("DB_CLIENT", db_metrics.DB_CLIENT_OPERATION_DURATION, SpanKind.CLIENT)
"""A client of a database."""

MESSAGING_SEND = Convention(
    "MESSAGING_SEND",
    "messaging.client.operation.duration",
    SpanKind.PRODUCER,
    defaults={"messaging.operation.name": "send", "messaging.operation.type": "send"},
)
"""A producer that sends messages."""

MESSAGING_PROCESS = Convention(
    "MESSAGING_PROCESS",
    "messaging.process.duration",
    SpanKind.CONSUMER,
    defaults={"messaging.operation.name": "process", "messaging.operation.type": "process"},
)
"""A consumer that processes a message or a batch of them."""

DB_CONNECTIONS = PoolConvention("DB_CONNECTIONS", "db.client.connection")
"""A pool of database connections: `db.client.connection.*` instead of `pool.*`."""

CONVENTIONS = (HTTP_SERVER, HTTP_CLIENT, RPC_SERVER, RPC_CLIENT, DB_CLIENT, MESSAGING_SEND, MESSAGING_PROCESS)
