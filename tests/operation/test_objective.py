"""Objectives: what was promised of an operation, counted exactly."""

import asyncio
import itertools
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from telemetry_kit import Objective, Telemetry
from telemetry_kit.conventions import HTTP_CLIENT, HTTP_SERVER
from telemetry_kit.testing import Captured, FakeClock
from tests.support import Sdk


def repr_of(options: dict[str, Any]) -> str:
    return "-".join(
        f"{key}:{getattr(value, 'name', value)!s:.20}" for key, value in options.items() if not callable(value)
    )


WITHIN = Objective(99.0, within=0.3)


@pytest.fixture
def telemetry(request: pytest.FixtureRequest) -> Telemetry:
    """A library for each test: what was promised of a name stays as long as anything of that name lives."""
    if "sdk" in request.fixturenames:
        sdk: Sdk = request.getfixturevalue("sdk")
        return sdk.telemetry()
    request.getfixturevalue("telemetry_capture")
    return Telemetry(f"shop.{next(numbers)}")


numbers = itertools.count()


def counted(captured: Captured, objective: str = "latency") -> tuple[float, float]:
    """How many calls met it, and how many missed it."""
    met, missed = (
        captured.value("operation.objective.calls", {"objective.name": objective, "objective.result": result})
        for result in ("met", "missed")
    )
    return met, missed


def taking(clock: FakeClock) -> Callable[[float], None]:
    """A call that takes so long."""

    def call(seconds: float) -> None:
        clock.advance(seconds)
        if seconds > 100:
            raise ValueError

    return call


@pytest.mark.parametrize(
    "options",
    [{}, {"span": False}, {"span": "errors"}, {"sample_durations": 0.0}, {"span": False, "sample_durations": 0.0}]
    + [{"convention": HTTP_SERVER}, {"metric_attributes": lambda seconds: {"slow": seconds > 1}}],
    ids=repr_of,
)
@pytest.mark.parametrize("kind", ["sync", "async", "generator"])
def test_each_call_is_counted_whatever_way_it_goes(
    captured: Captured, telemetry: Telemetry, clock: FakeClock, options: Any, kind: str
) -> None:
    """A success in time meets it; a late one and a failure miss it."""
    call = taking(clock)
    operation = telemetry.operation("checkout", objective=[WITHIN, Objective(99.9)], **options)
    run: Callable[[float], Any]
    if kind == "sync":
        run = operation(call)
    elif kind == "async":

        async def coroutine(seconds: float) -> None:
            call(seconds)

        decorated = operation(coroutine)
        run = lambda seconds: asyncio.run(decorated(seconds))  # noqa: E731
    else:

        def generator(seconds: float) -> Any:
            call(seconds)
            yield

        steps = operation(generator)
        run = lambda seconds: list(steps(seconds))  # noqa: E731

    for seconds in (0.1, 0.3, 0.4, 7.0):
        run(seconds)
    with pytest.raises(ValueError):
        run(101)

    assert counted(captured) == (2, 3)
    assert counted(captured, "availability") == (4, 1)


def test_a_block_is_counted_and_what_it_says_of_itself(
    captured: Captured, telemetry: Telemetry, clock: FakeClock
) -> None:
    """`fail()` misses an objective."""
    operation = telemetry.operation("checkout", objective=WITHIN)
    with operation.measure():
        pass
    with operation.measure() as measurement:
        measurement.fail("declined")

    assert counted(captured) == (1, 1)


def test_the_points(captured: Captured, telemetry: Telemetry) -> None:
    """Without the declared attributes, with both results from the start; the target is a share."""
    telemetry.operation("checkout", objective=Objective(99.9), metric_attributes={"payment.provider": "stripe"})
    own = {"operation.name": "checkout", "scope.name": telemetry.name, "objective.name": "availability"}

    assert {
        (dict(point.attributes)["objective.result"], point.value)
        for point in captured.points("operation.objective.calls")
    } == {
        ("met", 0),
        ("missed", 0),
    }
    target = captured.point("operation.objective.target")
    assert (dict(target.attributes), target.value) == (own, pytest.approx(0.999))


@pytest.mark.parametrize("options", [{}, {"convention": HTTP_CLIENT}], ids=repr_of)
def test_a_cancelled_call_is_in_neither_count(captured: Captured, telemetry: Telemetry, options: Any) -> None:
    """Also where a convention says that it is no error."""

    @telemetry.operation("fetch", objective=WITHIN, **options)
    async def fetch() -> None:
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.create_task(fetch())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancel())
    assert counted(captured) == (0, 0)


def test_an_expected_exception_meets_it(captured: Captured, telemetry: Telemetry) -> None:
    """It is no error, here as elsewhere."""
    with pytest.raises(KeyError), telemetry.operation("find", objective=WITHIN, expected=KeyError).measure():
        raise KeyError

    assert counted(captured) == (1, 0)


def test_operations_of_one_name_are_one(captured: Captured, telemetry: Telemetry) -> None:
    """The same promise again counts on; it outlives the `Telemetry`."""
    for _ in range(2):
        again = Telemetry(telemetry.name)
        with again.operation("checkout", objective=WITHIN).measure():
            pass
        del again

    assert counted(captured) == (2, 0)


def test_an_objective_that_comes_late(captured: Captured, telemetry: Telemetry) -> None:
    """Operations of one name share what they count in, also where it was made before there was an objective."""

    def checkout() -> None:
        pass

    telemetry.operation("checkout")(checkout)()
    promised = [Objective(99.9), WITHIN]
    for number in range(2):
        telemetry.operation("checkout", objective=promised[: number + 1])(checkout)()

    assert counted(captured, "availability") == (2, 0)
    assert counted(captured, "latency") == (1, 0)


@pytest.mark.parametrize("options", [{}, {"span": False}, {"span": False, "sample_durations": 0.5}], ids=repr_of)
def test_threads_that_come_and_go_are_counted(captured: Captured, telemetry: Telemetry, options: Any) -> None:
    """Each call once, however many threads there were."""

    @telemetry.operation("checkout", objective=Objective(99.9), **options)
    def call() -> None:
        pass

    for _ in range(10):
        threads = [threading.Thread(target=lambda: [call() for _ in range(50)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert counted(captured, "availability") == (4_000, 0)


def test_calls_before_the_sdk_are_counted() -> None:
    """PRC 4: on every path, and a bare name too."""
    program = """
import asyncio
from telemetry_kit import Objective, Telemetry
telemetry = Telemetry("shop")
@telemetry.operation(objective=Objective(99.9))
def sync(): pass
@telemetry.operation("async", objective=iter([Objective(99.9)]))
async def coroutine(): pass
sync(), asyncio.run(coroutine())
with telemetry.operation("block", objective=Objective(99.9)).measure(): pass
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
[scope] = reader.get_metrics_data().resource_metrics[0].scope_metrics
[metric] = [metric for metric in scope.metrics if metric.name == "operation.objective.calls"]
print(sorted((p.attributes["operation.name"], p.value) for p in metric.data.data_points if p.value))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[('async', 1), ('block', 1), ('sync', 1)]"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((100,), ValueError, "target of an objective must be percent of the calls, from 50 to below 100, got 100"),
        ((0.999,), ValueError, "from 50 to below 100, got 0.999"),
        ((float("nan"),), ValueError, "got nan"),
        (("99.9",), TypeError, "target of an objective must be a number"),
        ((True,), TypeError, "target of an objective must be a number"),
        ((99, 0), ValueError, "within of an objective must be above 0 seconds"),
        ((99, float("inf")), ValueError, "within of an objective must be above 0 seconds"),
        ((99, "1"), TypeError, "within of an objective must be a number"),
        ((99, 1, ""), ValueError, "name of an objective"),
        ((99, 1, 3), TypeError, "name of an objective"),
    ],
)
def test_what_cant_be_promised(arguments: Any, error: type[Exception], words: str) -> None:
    """The error names the option, the rule and the value."""
    with pytest.raises(error, match=words):
        Objective(*arguments)


def test_what_is_no_objective(telemetry: Telemetry) -> None:
    """At definition, also of an operation that has no name yet."""
    for wrong in (99.9, "availability", [99.9]):
        with pytest.raises(TypeError, match="must be an Objective or several"):
            telemetry.operation(objective=wrong)  # type: ignore[arg-type]


def test_two_targets_under_one_name(telemetry: Telemetry) -> None:
    """Of one operation, or of two of one name, which share the series."""
    with pytest.raises(ValueError, match="two called 'availability': give name="):
        telemetry.operation("checkout", objective=[Objective(99.0), Objective(99.9)])

    telemetry.operation("checkout", objective=Objective(99.0))
    with pytest.raises(ValueError, match="must be what it is already.*99.0.*99.9.*give it another name"):
        telemetry.operation("checkout", objective=Objective(99.9))
    telemetry.operation("checkout", objective=Objective(99.9, name="gold"))
