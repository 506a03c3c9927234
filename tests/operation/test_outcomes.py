"""What became of a call: one vocabulary on span, metric and event."""

import asyncio
import concurrent.futures
import decimal
import sys
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from telemetry_kit import ErrorPolicy, Telemetry, current_measurement
from telemetry_kit._core import faults
from telemetry_kit._core.outcome import type_name
from telemetry_kit.testing import Captured

if sys.version_info >= (3, 11):
    Group, BaseGroup = ExceptionGroup, BaseExceptionGroup  # noqa: F821
else:
    from exceptiongroup import BaseExceptionGroup as BaseGroup
    from exceptiongroup import ExceptionGroup as Group


class Exit(SystemExit):
    """A SystemExit of the user's."""


class Stopped(StopIteration):
    """A StopIteration of the user's."""


class OutOfStock(Exception):
    class Deeper(Exception): ...


SUCCESSES: dict[str, Callable[[], BaseException]] = {
    "SystemExit()": SystemExit,
    "SystemExit(None)": lambda: SystemExit(None),
    "SystemExit(0)": lambda: SystemExit(0),
    "SystemExit(False)": lambda: SystemExit(False),
    "subclass of SystemExit, 0": lambda: Exit(0),
    "GeneratorExit": GeneratorExit,
    "StopIteration": StopIteration,
    "StopAsyncIteration": StopAsyncIteration,
    "subclass of StopIteration": Stopped,
}
ERRORS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "builtin": (ValueError, "ValueError"),
    "of a module": (decimal.InvalidOperation, "decimal.InvalidOperation"),
    "of the user": (OutOfStock, f"{__name__}.OutOfStock"),
    "nested class": (OutOfStock.Deeper, f"{__name__}.OutOfStock.Deeper"),
    "SystemExit(1)": (lambda: SystemExit(1), "SystemExit"),
    "SystemExit(text)": (lambda: SystemExit("no"), "SystemExit"),
    "SystemExit(0.0), which exits with 1": (lambda: SystemExit(0.0), "SystemExit"),
    "subclass of SystemExit, 2": (lambda: Exit(2), f"{__name__}.Exit"),
    "KeyboardInterrupt": (KeyboardInterrupt, "KeyboardInterrupt"),
    "group of one type": (lambda: Group("g", [ValueError(), ValueError()]), "ValueError"),
    "group of groups of one type": (lambda: Group("g", [Group("h", [KeyError()]), KeyError()]), "KeyError"),
    "group of two types": (lambda: Group("g", [ValueError(), KeyError()]), type_name(Group)),
    "base group of two types": (
        lambda: BaseGroup("g", [ValueError(), KeyboardInterrupt()]),
        type_name(BaseGroup),
    ),
}
CANCELLATIONS: dict[str, Callable[[], BaseException]] = {
    "asyncio": asyncio.CancelledError,
    "concurrent.futures": concurrent.futures.CancelledError,
    "group": lambda: BaseGroup("g", [asyncio.CancelledError(), asyncio.CancelledError()]),
}
OPTIONS = pytest.mark.parametrize("options", [{}, {"span_attributes": lambda *_, **__: {}}], ids=["lean", "full"])


def outcome(telemetry: Telemetry, make: Callable[[], BaseException], **options: Any) -> BaseException:
    """Run an operation that raises; the exception must come out as it is."""
    exc = make()

    @telemetry.operation("work", **options)
    def work() -> None:
        raise exc

    with pytest.raises(type(exc)) as caught:
        work()
    assert caught.value is exc
    return exc


@OPTIONS
@pytest.mark.parametrize("make", SUCCESSES.values(), ids=SUCCESSES)
def test_a_success(telemetry: Telemetry, captured: Captured, make: Any, options: dict[str, Any]) -> None:
    """These exceptions are ways to end well: no `error.type`, status unset, no event (ASY 2)."""
    outcome(telemetry, make, **options)

    assert "error.type" not in captured.point("operation.duration").attributes
    assert "error.type" not in captured.span().attributes
    assert captured.span().status.status_code is StatusCode.UNSET
    assert captured.span().events == []


@OPTIONS
@pytest.mark.parametrize(("make", "name"), ERRORS.values(), ids=ERRORS)
def test_an_error(telemetry: Telemetry, captured: Captured, make: Any, name: str, options: dict[str, Any]) -> None:
    """An exception has its type's name, on the metric, the span and its event (ASY 2)."""
    outcome(telemetry, make, **options)

    assert captured.point("operation.duration").attributes["error.type"] == name
    assert captured.span().attributes["error.type"] == name
    assert captured.span().status.status_code is StatusCode.ERROR
    assert [event.attributes["error.type"] for event in captured.span().events] == [name]


@OPTIONS
@pytest.mark.parametrize("make", CANCELLATIONS.values(), ids=CANCELLATIONS)
def test_a_cancellation(telemetry: Telemetry, captured: Captured, make: Any, options: dict[str, Any]) -> None:
    """A cancellation has `error.type="cancelled"`, span status unset, and no event (ASY 1)."""
    outcome(telemetry, make, **options)

    assert captured.point("operation.duration").attributes["error.type"] == "cancelled"
    assert captured.span().attributes["error.type"] == "cancelled"
    assert captured.span().status.status_code is StatusCode.UNSET
    assert captured.span().events == []


def test_a_local_exception_class_has_no_locals_in_its_name(telemetry: Telemetry, captured: Captured) -> None:
    """The name of a local class has no `<locals>`."""

    class Local(Exception): ...

    outcome(telemetry, Local)

    assert "<locals>" not in captured.span().attributes["error.type"]
    assert captured.span().attributes["error.type"].endswith("Local")


def test_the_status_description_is_the_scrubbed_message(telemetry: Telemetry, captured: Captured) -> None:
    """The span's status says the exception's message, without its secrets (SEC 4)."""
    outcome(telemetry, lambda: ValueError("can't log in, password=hunter2"))

    description = captured.span().status.description
    assert "can't log in" in description
    assert "hunter2" not in description


# expected


@pytest.mark.parametrize(
    "expected",
    [(KeyError, ValueError), [ValueError], ValueError, (Exception,), lambda exc: isinstance(exc, ValueError)],
    ids=["tuple", "list", "class", "base class", "callable"],
)
def test_an_expected_exception_is_a_success(telemetry: Telemetry, captured: Captured, expected: Any) -> None:
    """An expected exception is a success with the status unset, and comes out (ASY 2)."""
    outcome(telemetry, ValueError, expected=expected)

    assert "error.type" not in captured.point("operation.duration").attributes
    assert captured.span().status.status_code is StatusCode.UNSET
    assert captured.span().events == []


def test_an_unexpected_exception_is_an_error(telemetry: Telemetry, captured: Captured) -> None:
    """What isn't expected is an error."""
    outcome(telemetry, ValueError, expected=(KeyError,))

    assert captured.span().attributes["error.type"] == "ValueError"


def test_a_group_of_expected_exceptions_is_expected(telemetry: Telemetry, captured: Captured) -> None:
    """A group all of whose leaves are expected, as a task group makes it, is expected."""
    outcome(telemetry, lambda: Group("g", [ValueError(), Group("h", [KeyError()])]), expected=(ValueError, KeyError))

    assert "error.type" not in captured.span().attributes


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_expected_that_raises(telemetry: Telemetry, captured: Captured) -> None:
    """An `expected` that raises is a counted fault, and the exception an error (FLT 1)."""
    before = faults.counts().get("operation.expected", 0)
    outcome(telemetry, ValueError, expected=lambda exc: 1 / 0)

    assert captured.span().attributes["error.type"] == "ValueError"
    assert faults.counts()["operation.expected"] == before + 1


# error_if


@pytest.mark.parametrize(
    ("verdict", "name"), [(True, "_OTHER"), ("out_of_stock", "out_of_stock"), (1, "_OTHER"), ([1], "_OTHER")], ids=str
)
def test_a_result_that_is_an_error(telemetry: Telemetry, captured: Captured, verdict: Any, name: str) -> None:
    """`error_if` names the error, or says that it is one; the result comes out."""
    assert telemetry.operation("work", error_if=lambda result: verdict)(lambda: 42)() == 42

    assert captured.point("operation.duration").attributes["error.type"] == name
    assert captured.span().attributes["error.type"] == name
    assert captured.span().status.status_code is StatusCode.ERROR


class Untouchable(str):
    """A text of which nothing may be asked."""

    __slots__ = ()

    def _refuse(self, *_: Any) -> Any:
        raise RuntimeError("asked")

    __hash__ = __eq__ = __bool__ = __len__ = __str__ = __repr__ = _refuse  # type: ignore[assignment]


def test_a_text_without_a_truth_names_the_error(telemetry: Telemetry, captured: Captured) -> None:
    """FLT 2: a text that `error_if` gives is the error's name, whatever its class makes of a text."""
    telemetry.operation("work", error_if=lambda result: Untouchable("declined"))(lambda: 42)()

    assert captured.point("operation.duration").attributes["error.type"] == "declined"


@pytest.mark.parametrize("verdict", [False, None, "", 0], ids=repr)
def test_a_result_that_is_none(telemetry: Telemetry, captured: Captured, verdict: Any) -> None:
    """`error_if` that says nothing leaves a success."""
    telemetry.operation("work", error_if=lambda result: verdict)(lambda: 42)()

    assert "error.type" not in captured.point("operation.duration").attributes


@pytest.mark.parametrize("kind", ["async", "generator", "awaitable"])
def test_the_result_of_other_kinds_is_judged(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """`error_if` is given what is returned: by a coroutine, a generator, a returned awaitable."""

    async def coroutine() -> int:
        return 42

    def generator():  # noqa: ANN202
        yield 1
        return 42

    operation = telemetry.operation("work", error_if=lambda result: f"got {result}")
    if kind == "generator":
        list(operation(generator)())
    else:
        made = operation(coroutine if kind == "async" else lambda: coroutine())()

        async def main() -> Any:
            return await made

        asyncio.run(main())

    assert captured.point("operation.duration").attributes["error.type"] == "got 42"


def test_an_exception_has_no_result_to_judge(telemetry: Telemetry) -> None:
    """`error_if` isn't asked where nothing was returned."""
    asked: list[Any] = []
    outcome(telemetry, ValueError, error_if=asked.append)
    with telemetry.operation("block", error_if=asked.append).measure():
        pass

    assert asked == []


@pytest.mark.parametrize("verdict", [None, True, "odd"])
def test_error_if_is_asked_once(telemetry: Telemetry, verdict: bool | str | None) -> None:
    """`error_if` is asked once a call, whatever it says."""
    asked: list[int] = []

    def judge(result: int) -> bool | str | None:
        asked.append(result)
        return verdict

    telemetry.operation("work", error_if=judge)(lambda: 42)()

    assert asked == [42]


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_error_if_that_raises(telemetry: Telemetry, captured: Captured) -> None:
    """An `error_if` that raises is a counted fault, and the call a success (FLT 1)."""
    before = faults.counts().get("operation.error_if", 0)

    assert telemetry.operation("work", error_if=lambda result: 1 / 0)(lambda: 42)() == 42  # type: ignore[arg-type,return-value]
    assert "error.type" not in captured.point("operation.duration").attributes
    assert faults.counts()["operation.error_if"] == before + 1


# fail


def test_a_failure_has_its_description(telemetry: Telemetry, captured: Captured) -> None:
    """`fail` with a description has it as the span's status, scrubbed."""
    with telemetry.operation("work").measure() as m:
        m.fail("card_declined", "insufficient funds, password=hunter2")

    assert captured.span().attributes["error.type"] == "card_declined"
    assert captured.span().status.status_code is StatusCode.ERROR
    assert "insufficient funds" in captured.span().status.description
    assert "hunter2" not in captured.span().status.description


def test_a_failure_has_no_exception_event(telemetry: Telemetry, captured: Captured) -> None:
    """`fail` is an error without an exception: there is none to record."""
    with telemetry.operation("work").measure() as m:
        m.fail("card_declined")

    assert captured.span().events == []


def test_the_last_failure_counts(telemetry: Telemetry, captured: Captured) -> None:
    """`fail` twice: the last word counts."""
    with telemetry.operation("work").measure() as m:
        m.fail("first")
        m.fail("second")

    assert captured.point("operation.duration").attributes["error.type"] == "second"


def test_fail_then_exception_keeps_the_name_and_the_detail(telemetry: Telemetry, captured: Captured) -> None:
    """What the user named is the `error.type`; the exception that leaves is recorded in detail all the same."""

    def make() -> BaseException:
        return ValueError("no")

    @telemetry.operation("work")
    def work() -> None:
        current_measurement().fail("card_declined")
        raise make()

    with pytest.raises(ValueError):
        work()

    assert captured.point("operation.duration").attributes["error.type"] == "card_declined"
    assert [event.attributes["exception.type"] for event in captured.span().events] == ["ValueError"]


def test_error_if_does_not_overrule_fail(telemetry: Telemetry, captured: Captured) -> None:
    """`fail` inside of a call counts more than what `error_if` thinks of its result."""

    @telemetry.operation("work", error_if=lambda _: "by result")
    def work() -> None:
        current_measurement().fail("by name")

    work()

    assert captured.point("operation.duration").attributes["error.type"] == "by name"


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_cancellation_stays_itself_beyond_the_limit_of_error_types(telemetry: Telemetry, captured: Captured) -> None:
    """A cancellation is never `_OTHER`, which would make it an error (STM 3)."""
    operation = telemetry.operation("work", span=False)
    for number in range(120):
        with operation.measure() as m:
            m.fail(f"error {number}")
    with pytest.raises(asyncio.CancelledError), operation.measure():
        raise asyncio.CancelledError

    assert captured.point("operation.duration", {"error.type": "cancelled"}).count == 1


def test_no_detail_where_the_policy_says_none(captured: Captured) -> None:
    """`ErrorPolicy(rate=0, burst=0)`: counted, status and type on the span, and no event (STM 1)."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(rate=0, burst=0))
    outcome(telemetry, ValueError)

    assert captured.point("operation.duration").attributes["error.type"] == "ValueError"
    assert captured.span().status.status_code is StatusCode.ERROR
    assert captured.span().events == []


def test_the_same_exception_through_two_operations_is_two_errors(telemetry: Telemetry, captured: Captured) -> None:
    """The same exception object is an error in each operation, and recorded in detail once (ASY 6)."""
    problem = ValueError("no")
    inner = telemetry.operation("inner").measure
    with pytest.raises(ValueError), telemetry.operation("outer").measure(), inner():
        raise problem

    assert {span.name: len(span.events) for span in captured.spans} == {"inner": 1, "outer": 0}
    assert {span.status.status_code for span in captured.spans} == {StatusCode.ERROR}
