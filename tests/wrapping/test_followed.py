"""What a function returns: followed to its end where it goes on, handed on as it is where it doesn't (ASY 4, ASY 8, GEN 10).

And contextlib's managers, which are measured from entering to leaving (WRP 9).
"""

import asyncio
import contextlib
import copy
import functools
import gc
import pickle
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest
from opentelemetry.trace import get_current_span

from telemetry_kit import Telemetry, current_measurement
from telemetry_kit.testing import Captured


def plain(func: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that hides what it decorates: its wrapper is a plain function."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper


def decorators(telemetry: Telemetry) -> dict[str, Callable[[Any], Any]]:
    return {
        "fast": telemetry.operation("op"),
        "full": telemetry.operation("op", span_attributes=lambda *_, **__: {}),
        "span": telemetry.span("op"),
        "pool": telemetry.pool("op").use(),
    }


class Query:
    """A lazy query, as ORMs have it: awaited for all rows, or iterated, or asked for more."""

    def __await__(self) -> Generator[Any, Any, list[str]]:
        yield from asyncio.sleep(0).__await__()
        return ["row"]

    async def __aiter__(self) -> AsyncIterator[str]:
        yield "row"

    async def __aenter__(self) -> str:
        return "entered"

    async def __aexit__(self, *_: object) -> None: ...

    def filter(self) -> "Query":
        return self


SHARED = Query()


def shared() -> Query:
    return SHARED


@pytest.mark.parametrize("name", ["fast", "full", "span", "pool"])
def test_an_object_that_can_be_awaited_is_handed_on(telemetry: Telemetry, name: str) -> None:
    """ASY 8: the very object, with its identity, protocols, copies and pickles."""
    func = decorators(telemetry)[name](shared)

    async def uses() -> list[Any]:
        async with func() as entered:
            return [await func(), [row async for row in func()], entered]

    assert func() is SHARED
    assert asyncio.run(uses()) == [["row"], ["row"], "entered"]
    assert type(copy.copy(func())) is type(pickle.loads(pickle.dumps(func()))) is Query


def test_its_call_ends_when_it_was_returned(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 8: whether anybody awaits it or not."""
    func = telemetry.operation("query")(shared)

    async def uses() -> None:
        func()
        query = func()
        captured.clock.advance(5)
        await query

    asyncio.run(uses())

    assert (captured.point("operation.duration").count, captured.point("operation.duration").sum) == (2, 0.0)
    assert captured.value("operation.active") == 0


@plain
def rows(count: int, error: type[Exception] | None = None) -> Generator[int, Any, str]:
    for number in range(count):
        sent = yield number
        if sent:
            current_measurement().set_attribute("sent", sent)
    if error:
        raise error
    return "done"


@plain
async def stream(count: int, error: type[Exception] | None = None) -> AsyncIterator[int]:
    for number in range(count):
        yield number
    if error:
        raise error


@plain
async def fetch(error: type[Exception] | None = None) -> str:
    await asyncio.sleep(0)
    if error:
        raise error
    return "fetched"


async def collected(iterator: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in iterator]


RUNS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any], Any]] = {
    "generator": (lambda *a: rows(2, *a), list, [0, 1]),
    "async generator": (lambda *a: stream(2, *a), lambda result: asyncio.run(collected(result)), [0, 1]),
    "coroutine": (lambda *a: fetch(*a), asyncio.run, "fetched"),
}


@pytest.mark.parametrize("name", ["fast", "full"])
@pytest.mark.parametrize("kind", RUNS)
def test_what_is_hidden_is_followed_to_its_end(telemetry: Telemetry, captured: Captured, kind: str, name: str) -> None:
    """GEN 10, ASY 4: its result and its exception are the call's."""
    func, run, right = RUNS[kind]
    measured = decorators(telemetry)[name](func)

    assert run(measured()) == right
    with pytest.raises(ZeroDivisionError):
        run(measured(ZeroDivisionError))
    errors = {p.attributes.get("error.type"): p.count for p in captured.points("operation.duration")}
    assert errors == {None: 1, "ZeroDivisionError": 1}
    assert captured.value("operation.active") == 0
    assert not get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("kind", RUNS)
def test_without_an_sdk_what_is_hidden_works_too(kind: str) -> None:
    """GEN 10: nothing else is different then."""
    func, run, right = RUNS[kind]

    assert run(Telemetry("shop").operation("op")(func)()) == right


def test_send_throw_and_the_returned_value_go_through(telemetry: Telemetry, captured: Captured) -> None:
    """GEN 4: a hidden generator is driven as one that isn't."""
    generator = telemetry.operation("rows")(rows)(2)

    assert next(generator) == 0
    assert generator.send("word") == 1
    with pytest.raises(StopIteration, match="done"):
        next(generator)
    assert captured.span().attributes["sent"] == "word"
    assert (generator.__name__, generator.__qualname__) == ("rows", "rows")


def test_a_hidden_generator_is_current_while_its_body_runs_only(telemetry: Telemetry) -> None:
    """GEN 1."""
    generator = telemetry.operation("rows")(rows)(2)
    next(generator)

    assert not get_current_span().get_span_context().is_valid


@pytest.mark.telemetry_capture(allow=("never_ended",))
@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_what_nobody_starts_is_never_recorded(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """GEN 6: and counts no longer as running."""
    telemetry.operation("rows")(RUNS[kind][0])()
    gc.collect()

    assert captured.points("operation.duration") == []
    assert captured.value("operation.active") == 0


def test_an_abandoned_one_ends_once_and_is_no_error(telemetry: Telemetry, captured: Captured) -> None:
    """GEN 6."""
    for _ in telemetry.operation("rows")(rows)(9):
        break
    gc.collect()

    assert [p.attributes.get("error.type") for p in captured.points("operation.duration")] == [None]


def test_a_generator_that_has_started_is_handed_on(telemetry: Telemetry, captured: Captured) -> None:
    """Somebody has it already: two callers that share it don't close it for each other."""
    generator = iter(number for number in range(9))
    next(generator)
    get = telemetry.operation("rows")(lambda: generator)

    assert get() is generator
    assert captured.point("operation.duration").count == 1


def test_a_future_stays_the_object_it_was(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 10: it is measured until it is done."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        assert telemetry.operation("wait")(lambda: future)() is future
        assert captured.points("operation.duration") == []
        future.set_result(1)
        await future

    asyncio.run(main())
    assert captured.point("operation.duration").count == 1


def test_a_futures_exception_is_not_marked_as_seen(telemetry: Telemetry) -> None:
    """ASY 10: asyncio still says that nobody retrieved it."""
    said: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: said.append(context["message"]))
        future = loop.create_future()
        telemetry.operation("wait")(lambda given: given)(future)
        future.set_exception(ValueError())
        await asyncio.sleep(0)
        del future
        gc.collect()

    asyncio.run(main())
    assert said == ["Future exception was never retrieved"]


def test_a_future_that_is_never_done_is_abandoned(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 10: when it is collected."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        alive = weakref.ref(telemetry.operation("wait")(lambda given: given)(future))
        del future
        gc.collect()
        assert alive() is None

    asyncio.run(main())
    assert captured.value("operation.active") == 0


# WRP 9


@contextlib.contextmanager
def transaction(swallows: bool = False) -> Iterator[str]:
    """A unit of work."""
    try:
        yield "connection"
    except KeyError:
        if not swallows:
            raise


@contextlib.asynccontextmanager
async def async_transaction(swallows: bool = False) -> AsyncIterator[str]:
    """A unit of work."""
    try:
        yield "connection"
    except KeyError:
        if not swallows:
            raise


async def entered(manager: Any, body: Callable[[str], None]) -> None:
    async with manager as connection:
        body(connection)


def enter(manager: Any, body: Callable[[str], None]) -> None:
    if hasattr(manager, "__aenter__"):
        asyncio.run(entered(manager, body))
        return
    with manager as connection:
        body(connection)


def failing(_: str) -> None:
    raise KeyError("row")


MANAGERS = {
    "sync": transaction,
    "async": async_transaction,
    "sync, hidden": plain(transaction),
    "async, hidden": plain(async_transaction),
}


@pytest.mark.parametrize("name", ["fast", "full"])
@pytest.mark.parametrize("kind", MANAGERS)
def test_a_manager_is_measured_from_entering_to_leaving(
    telemetry: Telemetry, captured: Captured, kind: str, name: str
) -> None:
    """WRP 9: it is current in its block, and fails with it."""
    measured = decorators(telemetry)[name](MANAGERS[kind])

    def body(connection: str) -> None:
        assert connection == "connection"
        assert get_current_span() is current_measurement().span
        captured.clock.advance(2)

    enter(measured(), body)
    with pytest.raises(KeyError):
        enter(measured(), failing)

    points = {p.attributes.get("error.type"): (p.count, p.sum) for p in captured.points("operation.duration")}
    assert points == {None: (1, 2.0), "KeyError": (1, 0.0)}
    assert captured.value("operation.active") == 0
    assert not get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("kind", MANAGERS)
def test_what_a_manager_swallows_is_no_error(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """WRP 9: nothing left it."""
    enter(telemetry.operation("unit")(MANAGERS[kind])(swallows=True), failing)

    assert "error.type" not in captured.point("operation.duration").attributes


@pytest.mark.telemetry_capture(allow=("never_ended",))
@pytest.mark.parametrize("kind", MANAGERS)
def test_never_entered_is_nothing(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """WRP 9."""
    telemetry.operation("unit")(MANAGERS[kind])()
    gc.collect()

    assert [one for one in captured.spans if one.end is not None] == []
    assert (captured.points("operation.duration"), captured.value("operation.active")) == ([], 0)


@pytest.mark.telemetry_capture(allow=("never_ended",))  # one is made that nobody enters
@pytest.mark.parametrize("kind", MANAGERS)
def test_a_manager_stays_what_it_was(telemetry: Telemetry, kind: str) -> None:
    """WRP 9: its class, its documentation, and what raises where."""
    bare, measured = MANAGERS[kind], telemetry.operation("unit")(MANAGERS[kind])

    assert type(measured()) is type(bare())
    assert measured.__doc__ == bare.__doc__
    with pytest.raises(ZeroDivisionError) as raised:
        enter(measured(), lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    assert raised.value.__context__ is None


def test_a_manager_decorates(telemetry: Telemetry, captured: Captured) -> None:
    """WRP 9: as contextlib's do, each call of the function being one."""

    @telemetry.operation("unit")(transaction)()
    def work() -> str:
        return current_measurement()._operation.name

    assert [work(), work()] == ["unit", "unit"]
    assert captured.point("operation.duration").count == 2


@pytest.mark.parametrize("kind", ["span", "pool"])
def test_spans_and_uses_above_a_manager(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """WRP 9: a span and a pool's use last as long, too."""
    enter(decorators(telemetry)[kind](transaction)(), lambda _: captured.clock.advance(2))

    if kind == "pool":
        assert captured.point("pool.use_time").sum == 2.0
    else:
        assert captured.span("op").end - captured.span("op").start >= 0  # type: ignore[operator]


def test_without_an_sdk_a_manager_works_and_counts(telemetry: Telemetry) -> None:
    """WRP 9."""
    operation = Telemetry("shop").operation("unit")
    with operation(transaction)() as connection:
        assert (connection, operation._definition.state.total()) == ("connection", 1)

    assert operation._definition.state.total() == 0


def test_below_contextmanager_the_generator_is_measured(telemetry: Telemetry, captured: Captured) -> None:
    """GEN 5, WRP 9: there it is a generator: measured as long, but not current in the block."""

    @contextlib.contextmanager
    @telemetry.operation("unit")
    def below() -> Iterator[None]:
        yield

    with below():
        assert not get_current_span().get_span_context().is_valid

    assert captured.point("operation.duration").count == 1


def test_async_with_measure(telemetry: Telemetry, captured: Captured) -> None:
    """A measurement heads an `async with` block as well."""

    async def main() -> None:
        async with telemetry.operation("unit").measure() as m:
            assert current_measurement() is m

    asyncio.run(main())
    assert captured.point("operation.duration").count == 1
