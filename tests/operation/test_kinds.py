"""One decorator for every kind of callable: each is one span, one measurement, under the right name."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, FakeClock, point
from tests.support import Sdk


class Subject:
    """Methods of each kind, which take a second by the test's clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock

    def sync(self) -> int:
        self.clock.advance(1.0)
        return 42

    async def coroutine(self) -> int:
        await asyncio.sleep(0)
        self.clock.advance(1.0)
        return 42

    def generator(self):  # noqa: ANN202
        self.clock.advance(1.0)
        yield 42

    async def async_generator(self):  # noqa: ANN202
        await asyncio.sleep(0)
        self.clock.advance(1.0)
        yield 42

    def __call__(self) -> int:
        return self.sync()


class AsyncSubject(Subject):
    async def __call__(self) -> int:
        return await self.coroutine()


async def last(generator: Any) -> Any:
    return [item async for item in generator][-1]


KINDS: dict[str, tuple[Callable[[FakeClock], Any], Callable[[Any], Any]]] = {
    "def": (lambda clock: lambda: Subject(clock).sync(), lambda made: made),
    "async def": (lambda clock: Subject(clock).coroutine, asyncio.run),
    "generator": (lambda clock: Subject(clock).generator, lambda made: list(made)[-1]),
    "async generator": (lambda clock: Subject(clock).async_generator, lambda made: asyncio.run(last(made))),
    "bound method": (lambda clock: Subject(clock).sync, lambda made: made),
    "partial": (lambda clock: functools.partial(Subject.sync, Subject(clock)), lambda made: made),
    "partial of a coroutine function": (
        lambda clock: functools.partial(Subject.coroutine, Subject(clock)),
        asyncio.run,
    ),
    "callable object": (Subject, lambda made: made),
    "callable object, async": (AsyncSubject, asyncio.run),
}


@pytest.mark.parametrize(
    "options", [{}, {"span_attributes": lambda *_, **__: {}}, {"span": False}, {"sample_durations": 0.5}]
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_result_is_the_functions(
    telemetry: Telemetry, clock: FakeClock, kind: str, options: dict[str, Any]
) -> None:
    """Whatever is decorated, and with whatever options, gives what it gave before."""
    make, run = KINDS[kind]

    assert run(telemetry.operation("work", **options)(make(clock))()) == 42


@pytest.mark.parametrize("options", [{}, {"span_attributes": lambda *_, **__: {}}], ids=["lean", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_span(
    telemetry: Telemetry, captured: Captured, clock: FakeClock, kind: str, options: dict[str, Any]
) -> None:
    """A call of any kind is one span of the operation's name, of the scope's tracer, internal by default."""
    make, run = KINDS[kind]

    run(telemetry.operation("work", **options)(make(clock))())

    span = captured.span()
    assert (span.name, span.kind, span.scope) == ("work", SpanKind.INTERNAL, "shop.orders")


@pytest.mark.parametrize(
    "options", [{}, {"span_attributes": lambda *_, **__: {}}, {"span": False}], ids=["lean", "full", "no span"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_one_duration(
    telemetry: Telemetry, captured: Captured, clock: FakeClock, kind: str, options: dict[str, Any]
) -> None:
    """A call of any kind is one point of `operation.duration` in seconds, with name and scope and nothing else."""
    make, run = KINDS[kind]

    run(telemetry.operation("work", **options)(make(clock))())

    point = captured.point("operation.duration")
    assert (point.count, point.sum) == (1, 1.0)
    assert dict(point.attributes) == {"operation.name": "work", "scope.name": "shop.orders"}


@pytest.mark.parametrize(
    "options", [{}, {"span_attributes": lambda *_, **__: {}}, {"span": False}], ids=["lean", "full", "no span"]
)
def test_active_while_it_runs(telemetry: Telemetry, captured: Captured, options: dict[str, Any]) -> None:
    """`operation.active` is 1 inside of a call and 0 after it."""
    seen: list[float] = []

    @telemetry.operation("work", **options)
    def work() -> None:
        seen.append(captured.value("operation.active", {"operation.name": "work"}))

    work()

    assert [*seen, captured.value("operation.active", {"operation.name": "work"})] == [1, 0]


@pytest.mark.parametrize("kind", ["async def", "generator", "async generator"])
def test_active_while_it_is_suspended(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """A coroutine that waits, and a generator that has yielded, are active."""

    async def coroutine() -> None:
        await asyncio.sleep(0)

    def generator():  # noqa: ANN202
        yield

    async def async_generator():  # noqa: ANN202
        yield

    async def main() -> list[float]:
        operation = telemetry.operation("work")
        if kind == "async def":
            task = asyncio.create_task(operation(coroutine)())
            await asyncio.sleep(0)
            return [captured.value("operation.active"), await task or captured.value("operation.active")]
        if kind == "generator":
            rows = operation(generator)()
            next(rows)
            return [captured.value("operation.active"), rows.close() or captured.value("operation.active")]
        pages = operation(async_generator)()
        await pages.__anext__()
        return [captured.value("operation.active"), await pages.aclose() or captured.value("operation.active")]

    assert asyncio.run(main()) == [1, 0]


def test_active_has_only_name_and_scope(telemetry: Telemetry, captured: Captured) -> None:
    """`operation.active` has the two attributes that are known before a call, whatever is declared."""
    telemetry.operation("work", metric_attributes={"tenant": "a"})(lambda: None)()

    assert captured.points("operation.active") == [
        point(attributes={"operation.name": "work", "scope.name": "shop.orders"})
    ]


def module_level() -> int:
    return 1


class Outer:
    class Inner:
        def method(self) -> int:
            return 1


def test_bare_names_a_function_by_its_qualified_name(telemetry: Telemetry, captured: Captured) -> None:
    """Bare, the name is `__qualname__`."""
    telemetry.operation(module_level)()
    telemetry.operation(Outer.Inner.method)(None)  # type: ignore[type-var]

    assert [span.name for span in captured.spans] == ["module_level", "Outer.Inner.method"]


def test_bare_leaves_locals_out(telemetry: Telemetry, captured: Captured) -> None:
    """Bare, the name of a local function has no `<locals>`."""

    @telemetry.operation
    def local() -> None: ...

    local()

    assert "<locals>" not in captured.span().name
    assert captured.span().name.endswith("local")


@pytest.mark.parametrize("decorate", [lambda t: t.operation(), lambda t: t.operation(None)], ids=["()", "(None)"])
def test_without_a_name_it_is_named_after_what_it_decorates(
    telemetry: Telemetry, captured: Captured, decorate: Any
) -> None:
    """An operation without a name takes that of each function that it decorates."""
    operation = decorate(telemetry)
    operation(module_level)()
    operation(Outer.Inner.method)(None)

    assert [span.name for span in captured.spans] == ["module_level", "Outer.Inner.method"]


def test_one_operation_on_many_functions(telemetry: Telemetry, captured: Captured) -> None:
    """An operation can be shared: all of its functions count under its name."""
    operation = telemetry.operation("shared")

    operation(lambda: 1)()
    operation(module_level)()
    with operation.measure():
        pass

    assert captured.point("operation.duration", {"operation.name": "shared"}).count == 3


def test_the_name_can_be_read(telemetry: Telemetry) -> None:
    """`Operation.name` is the given name."""
    assert telemetry.operation("checkout").name == "checkout"


def test_a_decorated_functions_span_has_its_code_name(telemetry: Telemetry, captured: Captured) -> None:
    """A span made by decorating a function has `code.function.name`, module included."""
    telemetry.operation("work")(module_level)()

    assert captured.span().attributes["code.function.name"] == f"{__name__}.module_level"


def test_a_measured_block_has_no_code_name(telemetry: Telemetry, captured: Captured) -> None:
    """A measured block isn't a function, and says so by saying nothing."""
    with telemetry.operation("work").measure():
        pass

    assert "code.function.name" not in captured.span().attributes


def test_spans_nest(telemetry: Telemetry, captured: Captured) -> None:
    """The span of an operation inside another is its child."""
    inner = telemetry.operation("inner")(lambda: None)

    telemetry.operation("outer")(lambda: inner())()

    assert captured.span("inner").parent is captured.span("outer")


@pytest.mark.parametrize("kind", [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER])
def test_the_kind_of_the_span(telemetry: Telemetry, captured: Captured, kind: SpanKind) -> None:
    """`kind` is the span's kind."""
    telemetry.operation("work", kind=kind)(lambda: None)()

    assert captured.span().kind is kind


def test_the_scope_has_version_and_schema(sdk: Sdk) -> None:
    """Spans carry the version of the `Telemetry` and the schema URL of the semantic conventions."""
    telemetry = sdk.telemetry("shop.orders", "1.4.0")
    telemetry.operation("work")(lambda: None)()

    scope = sdk.span().instrumentation_scope
    assert (scope.name, scope.version) == ("shop.orders", "1.4.0")
    assert scope.schema_url.startswith("https://opentelemetry.io/schemas/1.")


def test_metrics_are_on_the_kits_meter(telemetry: Telemetry, captured: Captured) -> None:
    """All metrics are on one meter, `telemetry_kit`: the owner is an attribute."""
    telemetry.operation("work")(lambda: None)()

    assert {found.scope for found in captured.points()} == {"telemetry_kit"}
