"""What frameworks raise that is no error: answers, exits, cancellation. Real ones, told by their own classes."""

# ruff: noqa: E402 - imported where all of them are there

from collections.abc import Callable
from typing import Any

import pytest

for _name in ("aiohttp", "anyio", "click", "django", "fastapi", "greenlet", "starlette", "trio", "typer", "werkzeug"):
    pytest.importorskip(_name, reason=f"needs {_name} from PyPI")

import aiohttp.web
import anyio
import click
import click.testing
import django.core.exceptions
import django.http
import fastapi.exceptions
import greenlet
import starlette.exceptions
import trio
import typer
import typer.testing
import werkzeug.exceptions
import werkzeug.routing
from opentelemetry.trace import SpanKind

from telemetry_kit import Telemetry
from telemetry_kit.conventions import HTTP_SERVER, not_server_error
from tests.support import Sdk

pytestmark = pytest.mark.integration

ANSWERS: dict[str, tuple[Callable[[], BaseException], int]] = {
    "Starlette's": (lambda: starlette.exceptions.HTTPException(404), 404),
    "FastAPI's": (lambda: fastapi.exceptions.HTTPException(503), 503),
    "FastAPI's validation": (lambda: fastapi.exceptions.RequestValidationError([]), 422),
    "Werkzeug's": (lambda: werkzeug.exceptions.NotFound(), 404),
    "Werkzeug's redirect": (lambda: werkzeug.routing.RequestRedirect("/there"), 308),
    "Werkzeug's response": (lambda: werkzeug.exceptions.HTTPException(response=werkzeug.Response(status=410)), 410),
    "aiohttp's redirect": (lambda: aiohttp.web.HTTPFound("/there"), 302),
    "aiohttp's": (lambda: aiohttp.web.HTTPBadGateway(), 502),
    "Django's 404": (lambda: django.http.Http404(), 404),
    "Django's 403": (lambda: django.core.exceptions.PermissionDenied(), 403),
    "Django's 400": (lambda: django.core.exceptions.SuspiciousOperation(), 400),
}


def raising(make: Callable[[], BaseException]) -> Callable[[], None]:
    def handler() -> None:
        raise make()

    return handler


@pytest.mark.parametrize("name", ANSWERS)
def test_a_raised_answer_has_its_status(telemetry: Telemetry, sdk: Sdk, name: str) -> None:
    """Under HTTP_SERVER the status of a raised answer is on metric and span, and decides what is an error."""
    make, status = ANSWERS[name]
    with pytest.raises(type(make())):
        telemetry.operation("GET /", convention=HTTP_SERVER)(raising(make))()

    error = str(status) if status >= 500 else None
    for attributes in (sdk.span().attributes, sdk.point("http.server.request.duration").attributes):
        assert (attributes["http.response.status_code"], attributes.get("error.type")) == (status, error)
    assert sdk.span().status.status_code.name == ("ERROR" if error else "UNSET")


@pytest.mark.parametrize("name", ANSWERS)
def test_a_raised_answer_on_a_frameworks_server_span(telemetry: Telemetry, sdk: Sdk, name: str) -> None:
    """The same holds for `span="current"` where that is a span of kind SERVER."""
    make, status = ANSWERS[name]
    with sdk.tracer_provider.get_tracer("framework").start_as_current_span(
        "GET", kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
    ) as span:
        with pytest.raises(type(make())):
            telemetry.operation("handler", span="current")(raising(make))()
        assert span.attributes["http.response.status_code"] == status  # type: ignore[attr-defined]

    assert sdk.point("operation.duration").attributes.get("error.type") == (str(status) if status >= 500 else None)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_raised_answer_elsewhere_is_an_error_unless_expected(telemetry: Telemetry, sdk: Sdk, name: str) -> None:
    """Where nothing says that this is a server, an exception is one; `not_server_error` says which aren't."""
    make, status = ANSWERS[name]
    for operation in (telemetry.operation("plain"), telemetry.operation("expected", expected=not_server_error)):
        with pytest.raises(type(make())):
            operation(raising(make))()

    errors = {p.attributes["operation.name"]: "error.type" in p.attributes for p in sdk.points("operation.duration")}
    assert errors == {"plain": True, "expected": status >= 500}


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("how", ["typer.Exit", "click.Context.exit", "SystemExit"])
def test_an_exit_with_zero_is_a_success(telemetry: Telemetry, sdk: Sdk, how: str, code: int) -> None:
    """ASY 2: click's and typer's exits are what SystemExit is, and `exit_code` its code."""

    def leave() -> None:
        if how == "typer.Exit":
            raise typer.Exit(code)
        if how == "SystemExit":
            raise SystemExit(code)
        click.get_current_context().exit(code)

    command = click.command("leave")(telemetry.batch_job("nightly")(leave))
    app = typer.Typer()
    app.command()(telemetry.batch_job("nightly")(leave))
    result: Any = (
        typer.testing.CliRunner().invoke(app) if how == "typer.Exit" else click.testing.CliRunner().invoke(command)
    )

    assert result.exit_code == code
    assert sdk.value("job.failed") == (1 if code else 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyios_cancellation_is_cancelled(telemetry: Telemetry, sdk: Sdk, backend: str) -> None:
    """ASY 1: on both of anyio's backends, alone and in a group."""

    @telemetry.operation("sleep")
    async def sleep() -> None:
        await anyio.sleep_forever()

    @telemetry.operation("group")
    async def group() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleep)
            await anyio.sleep_forever()

    async def main() -> None:
        with anyio.move_on_after(0.01):
            await group()

    anyio.run(main, backend=backend)

    assert {p.attributes["error.type"] for p in sdk.points("operation.duration")} == {"cancelled"}
    assert [span.status.status_code.name for span in sdk.spans()] == ["UNSET", "UNSET"]


def test_trios_cancellation_is_cancelled(telemetry: Telemetry, sdk: Sdk) -> None:
    """ASY 1."""

    @telemetry.operation("sleep")
    async def sleep() -> None:
        await trio.sleep_forever()

    async def main() -> None:
        with trio.move_on_after(0.01):
            await sleep()

    trio.run(main)

    assert sdk.point("operation.duration").attributes["error.type"] == "cancelled"


def test_a_killed_greenlet_is_cancelled(telemetry: Telemetry, sdk: Sdk) -> None:
    """ASY 1: also gevent's, which are greenlets."""

    @telemetry.operation("wait")
    def wait() -> None:
        greenlet.getcurrent().parent.switch()

    worker = greenlet.greenlet(wait)
    worker.switch()
    worker.throw()

    assert sdk.point("operation.duration").attributes["error.type"] == "cancelled"


def test_a_clients_status_error_is_none_of_ours(telemetry: Telemetry, sdk: Sdk) -> None:
    """A client's 404 that escapes from a handler is a 500 of the server's: no attribute is guessed."""
    httpx = pytest.importorskip("httpx")
    request = httpx.Request("GET", "http://there")
    error = httpx.HTTPStatusError("404", request=request, response=httpx.Response(404, request=request))
    with pytest.raises(httpx.HTTPStatusError):
        telemetry.operation("GET /", convention=HTTP_SERVER)(raising(lambda: error))()

    assert sdk.span().attributes["error.type"] == "httpx.HTTPStatusError"
