"""What can't be right raises where it is written: with the thing, the rule, the value and the way out."""

import inspect
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from telemetry_kit import ErrorPolicy, LogSampling, Telemetry, conventions
from telemetry_kit.testing import capture

WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "kind": ({"kind": "server"}, TypeError, "kind of operation 'work'.*SpanKind.*'server'"),
    "span": ({"span": "maybe"}, ValueError, "span of operation 'work'.*\"current\".*'maybe'"),
    "span, a number": ({"span": 2}, ValueError, "span of operation 'work'.*got 2"),
    "metric_attributes": ({"metric_attributes": ["a"]}, TypeError, "metric_attributes of operation 'work'.*mapping"),
    "span_attributes": ({"span_attributes": 7}, TypeError, "span_attributes of operation 'work'.*mapping.*7"),
    "public_endpoint, a number": (
        {"public_endpoint": 1, "kind": SpanKind.SERVER},
        TypeError,
        "public_endpoint of operation 'work' must be True or False, got 1",
    ),
    "expected, an empty text": ({"expected": ""}, TypeError, "expected of operation 'work'.*''"),
    "objective, an empty text": ({"objective": ""}, TypeError, "objective of operation 'work'.*''"),
    "error_if": ({"error_if": "no"}, TypeError, "error_if of operation 'work'.*callable.*'no'"),
    "expected": ({"expected": ("ValueError",)}, TypeError, "expected of operation 'work'.*exception types"),
    "expected, a number": ({"expected": 7}, TypeError, "expected of operation 'work'.*7"),
    "carrier": ({"carrier": {}}, ValueError, "kind of operation 'work' must not be INTERNAL beside a carrier.*SERVER"),
    "public_endpoint": (
        {"public_endpoint": True},
        ValueError,
        "kind of operation 'work' must be SERVER or CONSUMER.*got INTERNAL",
    ),
    "sample_durations below": ({"sample_durations": -0.1}, ValueError, "sample_durations of operation 'work'.*-0.1"),
    "sample_durations above": ({"sample_durations": 1.5}, ValueError, "0.0 to 1.0.*1.5"),
    "sample_durations, not a number": ({"sample_durations": float("nan")}, ValueError, "0.0 to 1.0.*nan"),
    "sample_durations, a text": ({"sample_durations": "1"}, TypeError, "a number from 0.0 to 1.0.*'1'"),
    "sample_durations, a bool": ({"sample_durations": True}, TypeError, "a number from 0.0 to 1.0.*True"),
    "convention": ({"convention": "HTTP"}, TypeError, "convention of operation 'work'.*telemetry_kit.conventions"),
    "convention of pools": ({"convention": conventions.DB_CONNECTIONS}, TypeError, "convention of operation 'work'"),
    "kind against convention": (
        {"kind": SpanKind.CLIENT, "convention": conventions.HTTP_SERVER},
        ValueError,
        "kind of operation 'work' must be SERVER by HTTP_SERVER, got CLIENT: leave kind out",
    ),
    "sampling with a convention": (
        {"sample_durations": 0.5, "convention": conventions.HTTP_SERVER},
        ValueError,
        "sample_durations of operation 'work' must be 1.0 beside a convention.*got 0.5: leave it out",
    ),
}


@pytest.mark.parametrize(("options", "kind", "message"), WRONG.values(), ids=WRONG)
def test_an_option_that_cannot_be_right(
    telemetry: Telemetry, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """A wrong option raises when the operation is defined, and names thing, rule and value."""
    with pytest.raises(kind, match=message):
        telemetry.operation("work", **options)


@pytest.mark.parametrize(("name", "kind"), [(7, TypeError), (b"work", TypeError), ("", ValueError)], ids=repr)
def test_a_name_that_is_none(telemetry: Telemetry, name: Any, kind: type[Exception]) -> None:
    """An operation's name is a text that isn't empty."""
    with pytest.raises(kind, match="the name of an operation must"):
        telemetry.operation(name)


def test_options_are_keyword_only(telemetry: Telemetry) -> None:
    """Options can't be given by position."""
    with pytest.raises(TypeError):
        telemetry.operation("work", SpanKind.SERVER)  # type: ignore[call-overload]


def work(sku: str, count: int = 1, *, express: bool = False) -> None: ...


@pytest.mark.parametrize("arguments", [["price"], {"price": "product.price"}], ids=str)
def test_an_unknown_parameter(telemetry: Telemetry, arguments: Any) -> None:
    """`arguments` that names a parameter the function doesn't have is a TypeError that names both."""
    with pytest.raises(TypeError, match="price"):
        telemetry.operation("work", arguments=arguments)(work)


@pytest.mark.parametrize("option", ["metric_attributes", "span_attributes", "carrier", "links"])
@pytest.mark.parametrize(
    "extractor",
    [lambda: {"a": 1}, lambda a, b, c, d: {}, lambda *, other: {}],
    ids=["0", "4", "keyword"],
)
def test_a_callable_that_cannot_take_the_arguments(telemetry: Telemetry, option: str, extractor: Any) -> None:
    """A callable that can't be given what the function is given is a TypeError at decoration."""
    operation = telemetry.operation("work", kind=SpanKind.SERVER, **{option: extractor})

    with pytest.raises(TypeError, match=f"{option} of operation 'work' must take what .*work"):
        operation(work)


TAKES: list[Any] = [
    lambda *args, **kwargs: {},
    lambda sku, *args, **kwargs: {},
    lambda sku, count=1, express=False: {},
    lambda a, b=2, **rest: {},
]


@pytest.mark.parametrize("extractor", TAKES, ids=range(len(TAKES)))
def test_a_callable_that_can_take_them(telemetry: Telemetry, extractor: Any) -> None:
    """A callable that can be given the arguments in some way of calling is accepted."""
    decorated = telemetry.operation("work", metric_attributes=extractor)(work)

    assert inspect.unwrap(decorated) is work


def test_a_disabled_library_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A programmer's mistake raises also where the host has switched the telemetry off."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "lib")

    with pytest.raises(TypeError):
        Telemetry("lib").operation("work")(7)  # type: ignore[type-var]


HUGE = 10**400
"""An int with more digits than a float can have: `math.isfinite` raises OverflowError for it."""
HUGE_WHERE: dict[str, tuple[Callable[[Telemetry], object], str]] = {
    "sample_durations of an executor": (
        lambda telemetry: telemetry.wrap_executor(ThreadPoolExecutor(1), name="work", sample_durations=HUGE),
        "sample_durations of executor 'work' must be from 0.0 to 1.0",
    ),
    "expected_interval of a job": (
        lambda telemetry: telemetry.batch_job("work", expected_interval=HUGE),
        "expected_interval of batch job 'work' must be above zero seconds",
    ),
    "flush_timeout of a job": (
        lambda telemetry: telemetry.batch_job("work", flush_timeout=HUGE),
        "flush_timeout of batch job 'work' must be above zero seconds",
    ),
}


@pytest.mark.parametrize("name", HUGE_WHERE)
def test_a_number_too_large_for_a_float_is_named_as_any_other(telemetry: Telemetry, name: str) -> None:
    """It isn't Python's "int too large to convert to float", which names nothing."""
    make, message = HUGE_WHERE[name]
    with pytest.raises(ValueError, match=message):
        make(telemetry)


def test_a_limit_too_large_for_a_float_is_no_limit(telemetry: Telemetry) -> None:
    """As `math.inf` is: of what an error policy, a filter of records and a health check may take."""
    policy = ErrorPolicy(rate=HUGE, burst=HUGE, total_rate=HUGE, total_burst=HUGE)
    sampled, record = LogSampling(rate=0, burst=HUGE), logging.makeLogRecord({})
    with capture() as captured:
        with suppress(ValueError), Telemetry("huge", errors=policy).operation("work").measure():
            raise ValueError
        telemetry.health("work", lambda: True, timeout=HUGE, max_age=HUGE)

        assert captured.value("health.status") == 1
        assert captured.value("telemetry_kit.faults") == 0
    assert sampled.filter(record)
