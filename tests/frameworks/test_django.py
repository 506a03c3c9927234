"""Django asks whether a view is a coroutine function, and reads attributes that decorators put on it."""

# ruff: noqa: E402 - imported where it is there

import asyncio
from typing import Any

import pytest

pytest.importorskip("django", reason="needs django from PyPI")
import django
import django.core.exceptions
import django.http
from django.conf import settings

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import Decorator, RaisedAnswers, bare

pytestmark = pytest.mark.integration


class TestDjango:
    """Django asks whether a view is a coroutine function, and reads attributes that decorators put on it."""

    @pytest.fixture(autouse=True)
    def configured(self) -> None:
        if not settings.configured:
            settings.configure(SECRET_KEY="x", USE_TZ=True)
            django.setup()

    def get(self, view: Any, url: str, method: str = "get") -> Any:
        from django.test import AsyncClient, Client, override_settings
        from django.urls import path

        with override_settings(ROOT_URLCONF=(path("items/<int:item>/", view),), ALLOWED_HOSTS=["*"], MIDDLEWARE=[]):
            if asyncio.iscoroutinefunction(view):
                return asyncio.run(getattr(AsyncClient(), method)(url))
            return getattr(Client(), method)(url)

    def view(self, decorate: Decorator, asynchronous: bool) -> Any:
        if asynchronous:

            @decorate
            async def show(request: django.http.HttpRequest, item: int) -> django.http.JsonResponse:
                return django.http.JsonResponse({"item": item, "limit": request.GET["limit"]})
        else:

            @decorate
            def show(request: django.http.HttpRequest, item: int) -> django.http.JsonResponse:
                return django.http.JsonResponse({"item": item, "limit": request.GET["limit"]})

        return show

    def test_parameters(self, telemetry: Telemetry, captured: Captured, asynchronous: bool) -> None:
        """WRP 6: path and query parameters arrive, in views of both kinds."""
        response = self.get(self.view(telemetry.operation, asynchronous), "/items/7/?limit=3")

        assert (response.json(), captured.span().name) == ({"item": 7, "limit": "3"}, "TestDjango.view.show")

    def test_attributes_of_other_decorators(self, telemetry: Telemetry) -> None:
        """WRP 6: what `csrf_exempt` puts on a view is there on the decorated one."""
        from django.views.decorators.csrf import csrf_exempt

        assert telemetry.operation(csrf_exempt(self.view(bare, False))).csrf_exempt is True

    def test_class_based_views(self, telemetry: Telemetry, captured: Captured) -> None:
        """WRP 6: a decorated method of a class-based view is found and asked."""
        from django.views import View

        class Items(View):
            @telemetry.operation("items")
            def get(self, request: django.http.HttpRequest, item: int) -> django.http.HttpResponse:
                return django.http.HttpResponse(str(item))

        assert (self.get(Items.as_view(), "/items/7/").content, captured.span().name) == (b"7", "items")

    def test_asynchronous_class_based_views(self, telemetry: Telemetry) -> None:
        """WRP 6: a class-based view whose decorated methods are coroutine functions is asynchronous."""
        from django.views import View

        class Items(View):
            @telemetry.operation
            async def get(self, request: django.http.HttpRequest) -> django.http.HttpResponse: ...

        assert Items.view_is_async is True


class TestAnswers(RaisedAnswers):
    ANSWERS = {
        "404": (lambda: django.http.Http404(), 404),
        "403": (lambda: django.core.exceptions.PermissionDenied(), 403),
        "400": (lambda: django.core.exceptions.SuspiciousOperation(), 400),
        "a form": (lambda: django.core.exceptions.BadRequest(), 400),
    }
