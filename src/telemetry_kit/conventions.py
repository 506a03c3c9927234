"""Which names, kinds and error rules a protocol has, after OpenTelemetry's semantic conventions.

Given as `convention=` they take the place of the generic `operation.*` (or `pool.*`) names, so that a hand-written
client or server reports what every dashboard for its protocol expects. Don't put one on a handler that an
instrumentation measures already: there `span="current"` and the generic names serve.

>>> HTTP_SERVER.error(503)
'503'
>>> HTTP_SERVER.error(404) is None
True
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.semconv.attributes import http_attributes
from opentelemetry.semconv.metrics import db_metrics, http_metrics
from opentelemetry.trace import SpanKind

from telemetry_kit.catalogue import keys

_RPC_SERVER_FAULTS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
    | {"SERVER_ERROR", "SERVER_THREADPOOL_EXHAUSTED_ERROR", "SERVER_TIMEOUT", "SERVICE_ERROR"}
)
"""The codes that are the server's fault, of gRPC, Connect RPC (in lower case) and Dubbo; the others are the caller's."""

_ANSWERS: tuple[tuple[str, str, int | tuple[str, ...]], ...] = (
    ("starlette.exceptions", "HTTPException", ("status_code",)),
    ("werkzeug.exceptions", "HTTPException", ("code", "response.status_code")),
    ("aiohttp.web_exceptions", "HTTPException", ("status",)),
    ("rest_framework.exceptions", "APIException", ("status_code",)),
    ("falcon.http_error", "HTTPError", ("status_code",)),
    ("falcon.http_status", "HTTPStatus", ("status_code",)),
    ("litestar.exceptions", "HTTPException", ("status_code",)),
    ("tornado.web", "HTTPError", ("status_code",)),
    ("sanic.exceptions", "SanicException", ("status_code",)),
    ("bottle", "HTTPResponse", ("status_code",)),
    ("fastapi.exceptions", "RequestValidationError", 422),
    ("django.http", "Http404", 404),
    ("django.core.exceptions", "PermissionDenied", 403),
    ("django.core.exceptions", "SuspiciousOperation", 400),
    ("django.core.exceptions", "BadRequest", 400),
    ("django.http.multipartparser", "MultiPartParserError", 400),
)
"""What web frameworks have for raising an answer, and where its status is. FastAPI's and Flask's are among them."""


def _never(_status: object) -> str | None:
    return None


def _no_answer(_exc: BaseException) -> int | None:
    return None


@dataclass(frozen=True)
class Convention:
    """How operations of a protocol are named and judged.

    >>> HTTP_CLIENT.kind.name, HTTP_CLIENT.duration, HTTP_CLIENT.error(404)
    ('CLIENT', 'http.client.request.duration', '404')
    """

    name: str
    """What it is called here, by which it is pickled."""
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
    decides: bool = False
    """Whether the status decides where an exception left the call, too."""
    answers: Callable[[BaseException], int | None] = _no_answer
    """The status of what a web framework has for raising an answer (a redirect, a 404)."""
    cancellation: bool = True
    """Whether a cancelled call has `error.type="cancelled"`."""
    exception: str = "exception"
    """The name of an exception's log record; as a span event it is always `exception`."""
    exception_severity: str = "ERROR"
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Attributes that are on metric and span unless given."""

    def __reduce__(self) -> str:
        return self.name


@dataclass(frozen=True)
class PoolConvention:
    """How pools of a protocol are named.

    >>> DB_CONNECTIONS.prefix
    'db.client.connection'
    """

    name: str
    prefix: str

    def __reduce__(self) -> str:
        return self.name


def _http(lowest: int) -> Callable[[object], str | None]:
    def error(status: object) -> str | None:
        try:
            code = int(status)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            return None
        return str(code) if code >= lowest else None

    return error


def _rpc_server(status: object) -> str | None:
    if not isinstance(status, str):
        return None
    of_json_rpc = status.removeprefix("-").isdecimal() and status != "0"
    return status if of_json_rpc or status.upper() in _RPC_SERVER_FAULTS else None


def _rpc_client(status: object) -> str | None:
    return status if isinstance(status, str) and status not in ("OK", "") else None


def _answer_status(exc: BaseException) -> int | None:
    """The HTTP status of a raised answer, told by the framework's own class: what isn't imported wasn't raised. None for
    anything else, also where it has a status: a client's 404 that escapes from a server is a 500 of the server's."""
    for module, name, where in _ANSWERS:
        kind = getattr(sys.modules.get(module), name, None)
        if not (isinstance(kind, type) and isinstance(exc, kind)):
            continue
        if isinstance(where, int):
            return where
        for path in where:
            found: Any = exc
            for part in path.split("."):
                found = getattr(found, part, None)
            if _is_status(found):
                return int(found)
    return None


def _is_status(found: object) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 100 <= found < 600


def not_server_error(exc: BaseException) -> bool:
    """For `expected=`: whether an exception carries an HTTP status below 500, as a redirect or a 404 does, so that it is
    no error of the server. A group is one where all of its exceptions are.

    The status is `status_code`, `status` or `code` of the exception or of its `response`.

    >>> class NotFound(Exception):
    ...     status_code = 404
    >>> not_server_error(NotFound()), not_server_error(ValueError())
    (True, False)
    """
    parts = getattr(exc, "exceptions", None)
    if isinstance(parts, tuple) and parts and hasattr(exc, "derive"):
        return all(not_server_error(part) for part in parts)
    answer = _answer_status(exc)
    if answer is not None:
        return answer < 500
    for of in (exc, getattr(exc, "response", None)):
        for name in ("status_code", "status", "code"):
            status: Any = getattr(of, name, None)
            if _is_status(status):
                return bool(status < 500)
    return False


HTTP_SERVER = Convention(
    "HTTP_SERVER",
    http_metrics.HTTP_SERVER_REQUEST_DURATION,
    SpanKind.SERVER,
    active="http.server.active_requests",
    active_attributes=(keys.HTTP_REQUEST_METHOD, keys.URL_SCHEME),
    status=http_attributes.HTTP_RESPONSE_STATUS_CODE,
    error=_http(500),
    decides=True,
    answers=_answer_status,
    exception="http.server.request.exception",
)
"""A server of HTTP: a status of 500 or more is an error, 400 to 499 is the client's."""

HTTP_CLIENT = Convention(
    "HTTP_CLIENT",
    http_metrics.HTTP_CLIENT_REQUEST_DURATION,
    SpanKind.CLIENT,
    status=http_attributes.HTTP_RESPONSE_STATUS_CODE,
    error=_http(400),
    decides=True,
    cancellation=False,
    exception="http.client.request.exception",
    exception_severity="WARN",
)
"""A client of HTTP: a status of 400 or more is an error."""

RPC_SERVER = Convention(
    "RPC_SERVER",
    "rpc.server.call.duration",
    SpanKind.SERVER,
    status=keys.RPC_RESPONSE_STATUS_CODE,
    error=_rpc_server,
    exception="rpc.server.call.exception",
)
"""A server of remote calls: a status that is the server's fault is an error, by the words of gRPC, Connect RPC and Dubbo;
every code of JSON-RPC is one."""

RPC_CLIENT = Convention(
    "RPC_CLIENT",
    "rpc.client.call.duration",
    SpanKind.CLIENT,
    status=keys.RPC_RESPONSE_STATUS_CODE,
    error=_rpc_client,
    exception="rpc.client.call.exception",
    exception_severity="WARN",
)
"""A client of remote calls: every status but OK is an error."""

DB_CLIENT = Convention(
    "DB_CLIENT",
    db_metrics.DB_CLIENT_OPERATION_DURATION,
    SpanKind.CLIENT,
    exception="db.client.operation.exception",
    exception_severity="WARN",
)
"""A client of a database."""

MESSAGING_SEND = Convention(
    "MESSAGING_SEND",
    "messaging.client.operation.duration",
    SpanKind.PRODUCER,
    defaults={keys.MESSAGING_OPERATION_NAME: "send", keys.MESSAGING_OPERATION_TYPE: "send"},
    exception="messaging.send.exception",
    exception_severity="WARN",
)
"""A producer that sends messages."""

MESSAGING_PROCESS = Convention(
    "MESSAGING_PROCESS",
    "messaging.process.duration",
    SpanKind.CONSUMER,
    defaults={keys.MESSAGING_OPERATION_NAME: "process", keys.MESSAGING_OPERATION_TYPE: "process"},
    exception="messaging.process.exception",
)
"""A consumer that processes a message or a batch of them."""

DB_CONNECTIONS = PoolConvention("DB_CONNECTIONS", "db.client.connection")
"""A pool of database connections: `db.client.connection.*` instead of `pool.*`."""

CONVENTIONS = (HTTP_SERVER, HTTP_CLIENT, RPC_SERVER, RPC_CLIENT, DB_CLIENT, MESSAGING_SEND, MESSAGING_PROCESS)
