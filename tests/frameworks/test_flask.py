"""Flask names an endpoint after its view."""

# ruff: noqa: E402 - imported where it is there

from typing import Any

import pytest

pytest.importorskip("flask", reason="needs flask from PyPI")
import flask

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import Decorator, bare

pytestmark = pytest.mark.integration


class TestFlask:
    """Flask names an endpoint after its view."""

    def app(self, decorate: Decorator, asynchronous: bool = False) -> flask.Flask:
        app = flask.Flask("shop")
        if asynchronous:

            @app.route("/items/<int:item>")
            @decorate
            async def item(item: int) -> dict[str, Any]:
                return {"item": item, "limit": flask.request.args.get("limit", 10, type=int)}
        else:

            @app.route("/items/<int:item>")
            @decorate
            def item(item: int) -> dict[str, Any]:
                return {"item": item, "limit": flask.request.args.get("limit", 10, type=int)}

        @app.route("/")
        @decorate
        def index() -> str:
            return flask.url_for("item", item=7)

        return app

    def test_parameters(self, telemetry: Telemetry, captured: Captured, asynchronous: bool) -> None:
        """WRP 6: path and query parameters arrive, in views of both kinds."""
        response = self.app(telemetry.operation, asynchronous).test_client().get("/items/7?limit=3")

        assert (response.json, captured.span().name) == ({"item": 7, "limit": 3}, "TestFlask.app.item")

    def test_endpoints(self, telemetry: Telemetry) -> None:
        """WRP 6: endpoints have the bare views' names, so that two views don't collide."""
        assert set(self.app(telemetry.operation).view_functions) == set(self.app(bare).view_functions)

    def test_url_for(self, telemetry: Telemetry) -> None:
        """WRP 6: a URL is made from the view's name."""
        assert self.app(telemetry.operation).test_client().get("/").text == "/items/7"
