"""Health checks: what is well and what isn't, and that nobody ever waits for one that hangs."""

import asyncio
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._use import health
from telemetry_kit.testing import Captured, FakeClock, point
from tests.support import until

SERIES = {"health.check.name": "db", "scope.name": "shop.orders"}


@pytest.fixture
def hanging() -> Iterator[Callable[[], bool]]:
    """A check that hangs until the test is over."""
    over = threading.Event()
    yield lambda: over.wait(60)
    over.set()


def _raise(exc: BaseException) -> bool:
    raise exc


@pytest.mark.parametrize(("answer", "status"), [(True, 1), (None, 1), (False, 0), (1, 1), (0, 0)])
def test_a_check_says_whether_something_is_well(
    captured: Captured, telemetry: Telemetry, answer: Any, status: int
) -> None:
    """True and None are healthy, False is not."""
    telemetry.health("db", lambda: answer)

    point = captured.point("health.status")
    assert (dict(point.attributes), point.value) == (SERIES, status)


@pytest.mark.parametrize(
    ("exc", "error_type"),
    [(ValueError(), "ValueError"), (SystemExit(0), "SystemExit"), (KeyboardInterrupt(), "KeyboardInterrupt")],
)
def test_a_check_that_raises_is_unhealthy(
    captured: Captured, telemetry: Telemetry, exc: BaseException, error_type: str
) -> None:
    """Whatever it raises: its thread ends without a word."""
    telemetry.health("db", lambda: _raise(exc))

    assert captured.value("health.status") == 0
    assert captured.point("health.status").value == 0
    until(lambda: captured.points("health.check.duration") == [point(attributes={**SERIES, "error.type": error_type})])


def test_a_check_that_hangs_is_unhealthy(captured: Captured, telemetry: Telemetry, hanging: Any) -> None:
    """Its collection waits for the check's timeout and no longer, and says so in the duration's `error.type`."""
    telemetry.health("db", hanging, timeout=0.05)

    assert captured.point("health.status").value == 0
    assert captured.points("health.check.duration") == [point(attributes={**SERIES, "error.type": "timeout"})]
    assert captured.point("health.check.duration").sum >= 0.05


def test_a_collection_waits_a_second_at_most_for_all_checks(
    captured: Captured, telemetry: Telemetry, hanging: Any
) -> None:
    """PRC.5: twenty that hang for ever delay a collection by one second in total, and those that answer are reported."""
    for number in range(20):
        telemetry.health(f"hanging-{number}", hanging, timeout=0.5)
    telemetry.health("quick", lambda: True)
    telemetry.health("patient", hanging, timeout=30.0)
    before = time.monotonic()

    status = {point.attributes["health.check.name"]: point.value for point in captured.points("health.status")}

    assert 0.9 < time.monotonic() - before < 9.0, "ten seconds would be half a second each"
    assert status == {**{f"hanging-{number}": 0 for number in range(20)}, "quick": 1}


def test_a_check_that_hangs_has_one_thread(captured: Captured, telemetry: Telemetry, hanging: Any) -> None:
    """However often it is collected; the thread is a daemon, so that the process can end."""
    telemetry.health("db", hanging, timeout=0.01, max_age=0.0)
    for _ in range(5):
        captured.metrics

    threads = [thread for thread in threading.enumerate() if thread.name == "health-db"]
    assert [thread.daemon for thread in threads] == [True]


def test_an_answer_is_kept_for_its_age(captured: Captured, telemetry: Telemetry, clock: FakeClock) -> None:
    """Within `max_age` the check isn't run again, after it it is."""
    asked = []
    telemetry.health("db", lambda: asked.append(1), max_age=5.0)
    captured.metrics
    clock.advance(4.9)
    captured.metrics
    assert len(asked) == 1

    clock.advance(0.2)
    captured.metrics
    assert len(asked) == 2


def test_what_was_ill_gets_well(captured: Captured, telemetry: Telemetry, clock: FakeClock) -> None:
    """Also what has hung: once its call ends and its age is over, it is asked again."""
    over = threading.Event()
    answers: Iterator[Callable[[], bool]] = iter([lambda: over.wait(60), lambda: True])
    telemetry.health("db", lambda: next(answers)(), timeout=0.05)
    assert captured.value("health.status") == 0

    over.set()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "health-db"])
    assert captured.value("health.status") == 0
    clock.advance(6.0)
    captured.value("health.status")  # asked again, in a thread that a busy machine may start late

    until(lambda: captured.value("health.status") == 1)


def test_of_two_checks_of_one_name_the_worse_counts(captured: Captured, telemetry: Telemetry) -> None:
    """Something is well if all of it is."""
    telemetry.health("db", lambda: True)
    telemetry.health("db", lambda: False)

    assert captured.point("health.status").value == 0


def test_nothing_runs_before_somebody_looks(telemetry: Telemetry) -> None:
    """A check is evaluated at collection."""
    telemetry.health("db", lambda: pytest.fail("nobody asked"))


def test_a_check_runs_elsewhere(captured: Captured, telemetry: Telemetry) -> None:
    """Not in the thread that collects."""
    where = []
    telemetry.health("db", lambda: where.append(threading.current_thread()))
    captured.metrics

    assert where
    assert where[0] is not threading.current_thread()


def test_a_handle_ends_the_series(captured: Captured, telemetry: Telemetry) -> None:
    """`.stop()`, once or twice, and a `with` block."""
    handle = telemetry.health("db", lambda: True)
    assert captured.value("health.status") == 1
    handle.stop()
    handle.stop()
    assert captured.points("health.status") == []

    with telemetry.health("db", lambda: True):
        assert captured.value("health.status") == 1
    assert captured.points("health.status") == []


@pytest.mark.parametrize("answer", [True, False])
def test_a_check_may_be_a_coroutine_function(captured: Captured, telemetry: Telemetry, answer: bool) -> None:
    """It runs in a loop of its own where none ran when it was given, also behind a plain function."""

    async def check() -> bool:
        await asyncio.sleep(0)
        return answer

    telemetry.health("db", check)
    telemetry.health("behind", lambda: check())

    assert [point.value for point in captured.points("health.status")] == [answer, answer]


def test_a_coroutine_function_runs_in_the_loop_where_it_belongs(captured: Captured, telemetry: Telemetry) -> None:
    """What it asks for, a pool's connection, say, belongs to the loop that ran where the check was given."""
    loops = []

    async def check() -> bool:
        loops.append(asyncio.get_running_loop())
        return True

    async def serve() -> Any:
        telemetry.health("db", check)
        point = await asyncio.to_thread(captured.point, "health.status")
        assert loops == [asyncio.get_running_loop()]
        return point.value

    assert asyncio.run(serve()) == 1


def test_a_check_that_has_an_answer_is_never_waited_for(
    captured: Captured, telemetry: Telemetry, clock: FakeClock
) -> None:
    """PRC 5: the collection that finds it old has the old answer, the next one has the new one."""
    opened, answered = threading.Event(), threading.Event()
    answers = iter([True, False])

    def check() -> bool:
        answer = next(answers)
        if not answer:
            assert opened.wait(60)
            answered.set()
        return answer

    telemetry.health("db", check, timeout=30.0, max_age=5.0)
    assert captured.point("health.status").value == 1
    clock.advance(6.0)

    assert captured.point("health.status").value == 1
    opened.set()
    assert answered.wait(60)
    until(lambda: captured.point("health.status").value == 0)


def test_an_answer_without_a_truth_is_unhealthy(captured: Captured, telemetry: Telemetry) -> None:
    """FLT.1: what a user's object raises stays in the thread."""

    class Odd:
        def __bool__(self) -> bool:
            raise ValueError

    telemetry.health("db", Odd)  # type: ignore[arg-type]

    assert captured.point("health.status").value == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork")
def test_a_forked_child_asks_for_itself(captured: Captured, telemetry: Telemetry, hanging: Any) -> None:
    """PRC.1: the thread that hangs is the parent's; the child has no answer until it has asked."""
    parent = os.getpid()
    telemetry.health("db", lambda: hanging() if os.getpid() == parent else True, timeout=0.05, max_age=3600.0)
    assert captured.value("health.status") == 0
    assert captured.point("health.status").value == 0
    here, there = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        checks = health._ALL.of(telemetry._scope.instruments)
        there.send([value for _, value in checks.read()])
        os._exit(0)
    assert here.poll(20)

    assert here.recv() == [1]
    os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("check", "options", "error", "words"),
    [
        (True, {}, TypeError, "health check 'db' must be a function or a coroutine function"),
        (lambda: True, {"timeout": 0}, ValueError, "timeout of health check 'db' must be above 0"),
        (lambda: True, {"timeout": "1"}, TypeError, "timeout of health check 'db' must be a number"),
        (lambda: True, {"max_age": -1}, ValueError, "max_age of health check 'db' must be at least 0"),
        (lambda: True, {"max_age": float("nan")}, ValueError, "max_age of health check 'db'"),
        (lambda: True, {"max_age": None}, TypeError, "max_age of health check 'db'"),
    ],
)
def test_what_cant_be_right_raises_at_definition(
    telemetry: Telemetry, check: Any, options: Any, error: Any, words: str
) -> None:
    """The error names the thing, the rule and the value."""
    with pytest.raises(error, match=words):
        telemetry.health("db", check, **options)


def test_a_health_check_has_a_name(telemetry: Telemetry) -> None:
    """An empty one is a ValueError."""
    with pytest.raises(ValueError, match="name of a health check"):
        telemetry.health("", lambda: True)


def test_a_disabled_library_checks_nothing(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """TELEMETRY_KIT_DISABLED: nothing is registered, and the handle is one."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.orders")
    with Telemetry("shop.orders").health("db", lambda: pytest.fail("disabled")):
        assert captured.metrics == []
