"""Frameworks that inspect what they are given see a decorated handler as the bare one (WRP 6). All in this process.

Most follow `__wrapped__`; Celery and APScheduler don't, and check arguments by `__signature__`.
"""

# ruff: noqa: E402, FAST002 - imported where all of them are there; FastAPI's older style of dependencies is a case here

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

for _name in ("aiohttp", "apscheduler", "celery", "click", "django", "dramatiq", "fastapi", "flask", "httpx", "huey"):
    pytest.importorskip(_name, reason=f"needs {_name} from PyPI")

import aiohttp.web
import celery
import click
import click.testing
import django
import django.http
import dramatiq
import fastapi
import flask
import httpx
import huey
from aiohttp.test_utils import make_mocked_request
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.schedulers.background import BackgroundScheduler
from django.conf import settings
from dramatiq.brokers.stub import StubBroker

from telemetry_kit import Telemetry
from tests.support import Sdk

pytestmark = pytest.mark.integration

SDK = Sdk()
TELEMETRY = SDK.telemetry("shop.module")
"""For what is decorated when this module is imported: the cases of pytest and APScheduler."""

Decorator = Callable[[Any], Any]


def bare(handler: Any) -> Any:
    """The decorator that changes nothing."""
    return handler


@pytest.fixture(params=["function", "coroutine function"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    """Whether the handler is a coroutine function."""
    return request.param == "coroutine function"


class TestFastAPI:
    """Everything that FastAPI knows of a handler is from its signature and annotations."""

    def app(self, decorate: Decorator, asynchronous: bool = False) -> fastapi.FastAPI:
        app = fastapi.FastAPI()

        @decorate
        def session(token: str = "none") -> Iterator[str]:
            yield f"session of {token}"

        if asynchronous:

            @app.get("/items/{item}")
            @decorate
            async def item(item: int, limit: "int" = 10, by: str = fastapi.Depends(session)) -> dict[str, Any]:
                """One item."""
                return {"item": item, "limit": limit, "by": by}
        else:

            @app.get("/items/{item}")
            @decorate
            def item(item: int, limit: "int" = 10, by: str = fastapi.Depends(session)) -> dict[str, Any]:
                """One item."""
                return {"item": item, "limit": limit, "by": by}

        return app

    def get(self, app: fastapi.FastAPI, url: str) -> tuple[int, Any]:
        async def get() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
                return await client.get(url)

        response = asyncio.run(get())
        return response.status_code, response.json()

    def test_parameters(self, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: path and query parameters and dependencies arrive converted."""
        answer = self.get(self.app(telemetry.operation, asynchronous), "/items/7?limit=3&token=ann")

        assert answer == (200, {"item": 7, "limit": 3, "by": "session of ann"})

    def test_defaults(self, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: a parameter that isn't given has the handler's default."""
        answer = self.get(self.app(telemetry.operation, asynchronous), "/items/7")

        assert answer == (200, {"item": 7, "limit": 10, "by": "session of none"})

    @pytest.mark.parametrize("url", ["/items/seven", "/items/7?limit=many"])
    def test_validation(self, telemetry: Telemetry, asynchronous: bool, url: str) -> None:
        """WRP 6: what doesn't fit the annotations is refused with the bare handler's words."""
        answer = self.get(self.app(telemetry.operation, asynchronous), url)

        assert answer[0] == 422 and answer == self.get(self.app(bare, asynchronous), url)

    def test_schema(self, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: the OpenAPI schema is the bare handler's."""
        decorated, plain = self.app(telemetry.operation, asynchronous), self.app(bare, asynchronous)

        assert decorated.openapi() == plain.openapi()

    def test_spans(self, sdk: Sdk, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: handler and dependency are each recorded once."""
        self.get(self.app(telemetry.operation, asynchronous), "/items/7")

        assert sorted(span.name for span in sdk.spans()) == ["TestFastAPI.app.item", "TestFastAPI.app.session"]


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

    def test_parameters(self, sdk: Sdk, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: path and query parameters arrive, in views of both kinds."""
        response = self.app(telemetry.operation, asynchronous).test_client().get("/items/7?limit=3")

        assert (response.json, sdk.span().name) == ({"item": 7, "limit": 3}, "TestFlask.app.item")

    def test_endpoints(self, telemetry: Telemetry) -> None:
        """WRP 6: endpoints have the bare views' names, so that two views don't collide."""
        assert set(self.app(telemetry.operation).view_functions) == set(self.app(bare).view_functions)

    def test_url_for(self, telemetry: Telemetry) -> None:
        """WRP 6: a URL is made from the view's name."""
        assert self.app(telemetry.operation).test_client().get("/").text == "/items/7"


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

    def test_parameters(self, sdk: Sdk, telemetry: Telemetry, asynchronous: bool) -> None:
        """WRP 6: path and query parameters arrive, in views of both kinds."""
        response = self.get(self.view(telemetry.operation, asynchronous), "/items/7/?limit=3")

        assert (response.json(), sdk.span().name) == ({"item": 7, "limit": "3"}, "TestDjango.view.show")

    def test_attributes_of_other_decorators(self, telemetry: Telemetry) -> None:
        """WRP 6: what `csrf_exempt` puts on a view is there on the decorated one."""
        from django.views.decorators.csrf import csrf_exempt

        assert telemetry.operation(csrf_exempt(self.view(bare, False))).csrf_exempt is True

    def test_class_based_views(self, sdk: Sdk, telemetry: Telemetry) -> None:
        """WRP 6: a decorated method of a class-based view is found and asked."""
        from django.views import View

        class Items(View):
            @telemetry.operation("items")
            def get(self, request: django.http.HttpRequest, item: int) -> django.http.HttpResponse:
                return django.http.HttpResponse(str(item))

        assert (self.get(Items.as_view(), "/items/7/").content, sdk.span().name) == (b"7", "items")

    def test_asynchronous_class_based_views(self, telemetry: Telemetry) -> None:
        """WRP 6: a class-based view whose decorated methods are coroutine functions is asynchronous."""
        from django.views import View

        class Items(View):
            @telemetry.operation
            async def get(self, request: django.http.HttpRequest) -> django.http.HttpResponse: ...

        assert Items.view_is_async is True


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

    def test_parameters(self, sdk: Sdk, telemetry: Telemetry) -> None:
        """WRP 6: path and query parameters arrive."""
        response = self.ask(telemetry, "/items/7?limit=3")

        assert (response.text, sdk.span().name) == ('{"item": "7", "limit": "3"}', "TestAiohttp.ask.show")

    def test_methods_of_class_based_views(self, sdk: Sdk, telemetry: Telemetry) -> None:
        """WRP 6: a decorated method of a `View` is the method of that name."""

        class Items(aiohttp.web.View):
            @telemetry.operation("items")
            async def get(self) -> aiohttp.web.Response:
                return aiohttp.web.Response(text="7")

        async def ask() -> Any:
            return await Items(make_mocked_request("GET", "/"))

        assert (asyncio.run(ask()).text, sdk.span().name) == ("7", "items")


class TestCelery:
    """Celery reads the task's head without following `__wrapped__`, and checks arguments before it sends."""

    @pytest.fixture
    def app(self) -> Iterator[celery.Celery]:
        app = celery.Celery("shop", broker="memory://", set_as_current=False)
        yield app
        app.close()

    @pytest.fixture
    def add(self, app: celery.Celery, telemetry: Telemetry) -> Any:
        @app.task(name="shop.add")
        @telemetry.operation("add")
        def add(left: int, right: int, *, extra: int = 0) -> int:
            return left + right + extra

        return add

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [((1,), {}), ((1, 2, 3), {}), ((1, 2), {"other": 3}), ((1, 2), {"right": 2})],
        ids=["missing", "too many", "unknown", "twice"],
    )
    def test_wrong_arguments(self, add: Any, args: tuple[int, ...], kwargs: dict[str, int]) -> None:
        """WRP 6: arguments that the bare task refuses are refused before anything is sent."""
        with pytest.raises(TypeError):
            add.apply_async(args, kwargs)

    def test_the_message(self, app: celery.Celery, add: Any) -> None:
        """WRP 6: what is sent to the broker has the task's name and arguments."""
        add.delay(1, 2, extra=3)
        with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
            message = queue.get(timeout=10)
            message.ack()

        assert (message.headers["task"], message.payload[:2]) == ("shop.add", [[1, 2], {"extra": 3}])

    def test_running(self, sdk: Sdk, add: Any) -> None:
        """WRP 6: the task runs, gives its result, and is recorded."""
        assert (add.apply((1, 2), {"extra": 3}).get(), sdk.span().name) == (6, "add")

    def test_bound_tasks(self, app: celery.Celery, telemetry: Telemetry) -> None:
        """WRP 6: a bound task has its `self`, which doesn't count as an argument."""

        @app.task(bind=True)
        @telemetry.operation
        def which(self: Any, number: int) -> tuple[bool, int]:
            return self.request.called_directly, number

        with pytest.raises(TypeError):
            which.delay()
        assert which.apply((7,)).get() == (False, 7)

    def test_names(self, app: celery.Celery, telemetry: Telemetry) -> None:
        """WRP 6: a task without a name of its own is named after its function and module."""

        def price() -> None: ...

        assert app.task(telemetry.operation(price)).name == f"{__name__}.price"


class TestClick:
    """click reads name, help and parameters from the function."""

    def command(self, decorate: Decorator, below: bool = True) -> click.Command:
        options = [click.option("--count", default=1, help="How often."), click.argument("name")]

        def greet(name: str, count: int) -> None:
            """Greet NAME."""
            click.echo(f"Hello {name}! " * count)

        function: Any = decorate(greet) if below else greet
        for option in options:
            function = option(function)
        return click.command()(function if below else decorate(function))

    @pytest.mark.parametrize("below", [True, False], ids=["below the options", "above the options"])
    def test_parameters(self, sdk: Sdk, telemetry: Telemetry, below: bool) -> None:
        """WRP 6: options and arguments arrive, on whichever side of them the operation stands."""
        command = self.command(telemetry.operation("greet"), below)
        result = click.testing.CliRunner().invoke(command, ["Ann", "--count", "2"], catch_exceptions=False)

        assert (result.output.strip(), sdk.span().name) == ("Hello Ann! Hello Ann!", "greet")

    @pytest.mark.parametrize("below", [True, False], ids=["below the options", "above the options"])
    def test_help(self, telemetry: Telemetry, below: bool) -> None:
        """WRP 6: the help page is the bare command's."""
        pages = [
            click.testing.CliRunner().invoke(self.command(decorate, below), ["--help"]).output
            for decorate in (telemetry.operation, bare)
        ]

        assert "Greet NAME." in pages[0] and pages[0] == pages[1]

    def test_exit_codes(self, sdk: Sdk, telemetry: Telemetry) -> None:
        """WRP 6: the code with which a command exits is handed on."""

        @click.command()
        @telemetry.operation
        @click.pass_context
        def stop(context: click.Context) -> None:
            context.exit(3)

        assert click.testing.CliRunner().invoke(stop).exit_code == 3


class TestDramatiq:
    """dramatiq names an actor after its function, and asks whether it is a coroutine function."""

    @pytest.fixture
    def broker(self) -> Iterator[StubBroker]:
        broker = StubBroker()
        broker.emit_after("process_boot")
        yield broker
        broker.flush_all()
        broker.close()

    def test_running(self, sdk: Sdk, telemetry: Telemetry, broker: StubBroker) -> None:
        """WRP 6: a sent message runs the actor with its arguments."""
        ran: list[Any] = []

        @dramatiq.actor(broker=broker)
        @telemetry.operation("place")
        def place(order: int, *, rush: bool = False) -> None:
            ran.append((order, rush))

        place.send(7, rush=True)
        worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=1)
        worker.start()
        try:
            broker.join(place.queue_name, timeout=20_000)
            worker.join()
        finally:
            worker.stop()

        assert (ran, sdk.span().name) == ([(7, True)], "place")

    def test_names(self, telemetry: Telemetry, broker: StubBroker) -> None:
        """WRP 6: the actor has the bare function's name."""

        def place(order: int) -> None: ...

        assert dramatiq.actor(telemetry.operation(place), broker=broker).actor_name == "place"

    def test_asynchronous_actors(self, telemetry: Telemetry, broker: StubBroker) -> None:
        """WRP 6: a decorated coroutine function is seen as one, and wrapped for dramatiq's event loop as the bare one."""

        async def place(order: int) -> None: ...

        bare = dramatiq.actor(place, broker=broker, actor_name="bare")
        decorated = dramatiq.actor(telemetry.operation(place), broker=broker, actor_name="decorated")
        assert asyncio.iscoroutinefunction(decorated.fn) == asyncio.iscoroutinefunction(bare.fn)
        assert type(decorated.fn) is type(bare.fn)


@TELEMETRY.operation("nightly")
def nightly(shop: str, *, day: int = 1) -> str:
    return f"{shop} {day}"


class TestAPScheduler:
    """APScheduler checks a job's arguments when it is added, without following `__wrapped__`."""

    @pytest.fixture
    def scheduler(self) -> Iterator[BackgroundScheduler]:
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.start(paused=True)
        yield scheduler
        scheduler.shutdown()

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [((), {}), (("a", "b"), {}), (("a",), {"other": 1}), (("a",), {"shop": "b"})],
        ids=["missing", "too many", "unknown", "twice"],
    )
    def test_wrong_arguments(
        self, scheduler: BackgroundScheduler, args: tuple[str, ...], kwargs: dict[str, Any]
    ) -> None:
        """WRP 6: arguments that the bare job refuses are refused when it is added."""
        with pytest.raises(ValueError):
            scheduler.add_job(nightly, "date", args=args, kwargs=kwargs)

    def test_running(self, scheduler: BackgroundScheduler) -> None:
        """WRP 6: the job runs with its arguments."""
        events: list[Any] = []
        done = threading.Event()
        scheduler.add_listener(lambda event: (events.append(event), done.set()), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        scheduler.add_job(nightly, args=("north",), kwargs={"day": 2})
        scheduler.resume()

        assert done.wait(20) and [event.retval for event in events] == ["north 2"]

    def test_references(self, scheduler: BackgroundScheduler) -> None:
        """WRP 6: a stored job refers to the decorated function by its module and name."""
        job = scheduler.add_job(nightly, "date", args=("north",))

        assert (job.func_ref, job.name) == (f"{__name__}:nightly", "nightly")


class TestHuey:
    """huey names a task after its function."""

    @pytest.fixture
    def queue(self) -> huey.MemoryHuey:
        return huey.MemoryHuey("shop", immediate=False)

    def test_running(self, sdk: Sdk, telemetry: Telemetry, queue: huey.MemoryHuey) -> None:
        """WRP 6: an enqueued task runs with its arguments and gives its result."""

        @queue.task()
        @telemetry.operation("add")
        def add(left: int, right: int = 0) -> int:
            return left + right

        result = add(1, right=2)
        queue.execute(queue.dequeue())

        assert (result.get(), sdk.span().name) == (3, "add")

    def test_names(self, telemetry: Telemetry, queue: huey.MemoryHuey) -> None:
        """WRP 6: the registered task has the bare function's name."""

        def price() -> None: ...

        assert queue.task()(telemetry.operation(price)).task_class.__name__ == "price"

    def test_context(self, telemetry: Telemetry, queue: huey.MemoryHuey) -> None:
        """WRP 6: a task that asks for it is given itself."""

        @queue.task(context=True)
        @telemetry.operation
        def name(task: Any = None) -> str:
            return task.name

        result = name()
        queue.execute(queue.dequeue())

        assert result.get() == "name"


@pytest.fixture
@TELEMETRY.operation("basket")
def basket(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """A decorated fixture that asks for another and cleans up."""
    items = [request.node.name]
    yield items
    items.clear()


@pytest.fixture(params=["north", "south"])
@TELEMETRY.operation("shop")
def shop(request: pytest.FixtureRequest) -> str:
    return request.param


class TestPytest:
    """pytest hands out fixtures and parameters by the names in the signature."""

    @TELEMETRY.operation("fixture")
    def test_fixtures(self, basket: list[str]) -> None:
        """WRP 6: a decorated test is given what a decorated generator fixture yields."""
        assert basket == ["test_fixtures"]

    @pytest.mark.parametrize(("left", "right"), [(1, 2), (2, 1)])
    @TELEMETRY.operation("parametrized")
    def test_parameters(self, left: int, right: int) -> None:
        """WRP 6: a decorated test below `parametrize` is given its parameters."""
        assert left + right == 3

    @TELEMETRY.operation("parametrized")
    @pytest.mark.parametrize("number", [1, 2])
    def test_marks_below(self, number: int, request: pytest.FixtureRequest) -> None:
        """WRP 6: marks below the operation count too."""
        assert request.node.callspec.params == {"number": number}

    @TELEMETRY.operation("parametrized")
    def test_parametrized_fixtures(self, shop: str, request: pytest.FixtureRequest) -> None:
        """WRP 6: a decorated fixture has its parameters."""
        assert request.node.callspec.params == {"shop": shop}

    @pytest.mark.asyncio
    @TELEMETRY.operation("coroutine")
    async def test_coroutines(self, basket: list[str]) -> None:
        """WRP 6: a decorated coroutine function is a test that runs in a loop."""
        assert asyncio.get_running_loop().is_running()

    def test_recorded(self) -> None:
        """A decorated test and its fixtures are operations like others."""

        @TELEMETRY.operation("ends here")
        def case() -> None: ...

        case()

        assert SDK.span("ends here").status.is_ok
