"""aiohttp warns of a handler that is no coroutine function, and warnings are errors here."""

# ruff: noqa: E402 - imported where it is there

import asyncio
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="needs aiohttp from PyPI")
import aiohttp.web
from aiohttp.test_utils import make_mocked_request

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import RaisedAnswers

pytestmark = pytest.mark.integration


class TestAiohttp:
    """aiohttp warns of a handler that is no coroutine function, and warnings are errors here."""

    def ask(self, telemetry: Telemetry, url: str) -> Any:
        @telemetry.operation
        async def show(request: aiohttp.web.Request) -> aiohttp.web.Response:
            return aiohttp.web.json_response({**request.match_info, **request.query})

        async def ask() -> Any:
            app = aiohttp.web.Application()
            app.router.add_get("/items/{item}", show)
            match = await app.router.resolve(make_mocked_request("GET", url, app=app))
            return await match.handler(make_mocked_request("GET", url, app=app, match_info=dict(match)))

        return asyncio.run(ask())

    def test_parameters(self, telemetry: Telemetry, captured: Captured) -> None:
        """WRP 6: path and query parameters arrive."""
        response = self.ask(telemetry, "/items/7?limit=3")

        assert (response.text, captured.span().name) == ('{"item": "7", "limit": "3"}', "TestAiohttp.ask.show")

    def test_methods_of_class_based_views(self, telemetry: Telemetry, captured: Captured) -> None:
        """WRP 6: a decorated method of a `View` is the method of that name."""

        class Items(aiohttp.web.View):
            @telemetry.operation("items")
            async def get(self) -> aiohttp.web.Response:
                return aiohttp.web.Response(text="7")

        async def ask() -> Any:
            return await Items(make_mocked_request("GET", "/"))

        assert (asyncio.run(ask()).text, captured.span().name) == ("7", "items")


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "redirect": (lambda: aiohttp.web.HTTPFound("/there"), 302),
        "not found": (lambda: aiohttp.web.HTTPNotFound(), 404),
        "bad gateway": (lambda: aiohttp.web.HTTPBadGateway(), 502),
    }
