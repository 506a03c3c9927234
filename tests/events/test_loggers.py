"""The host's loggers are asked before anything is built for them, and before a limit is spent on it."""

from typing import Any

import pytest
from opentelemetry import _logs
from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import NoOpTracerProvider

from telemetry_kit import ErrorPolicy, Telemetry
from telemetry_kit.testing import Captured, event


class Switched(_logs.Logger):
    """A logger that the host can switch."""

    def __init__(self) -> None:
        super().__init__("switched")
        self.on: Any = False
        self.asked: list[Any] = []
        self.got: list[Any] = []

    def enabled(self, *, context: Any = None, severity_number: Any = None, event_name: Any = None) -> bool:
        self.asked.append((severity_number, event_name))
        if isinstance(self.on, Exception):
            raise self.on
        return bool(self.on)

    def emit(self, record: Any = None, **_: Any) -> None:
        self.got.append(record)


class Old:
    """A logger of the time before `enabled`."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    def emit(self, record: Any) -> None:
        self.got.append(record)


class Provider(_logs.LoggerProvider):
    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def get_logger(self, *_: Any, **__: Any) -> Any:
        return self.logger


class Broken(ValueError):
    """Costs whoever asks for its text."""

    asked = 0

    def __str__(self) -> str:
        Broken.asked += 1
        return "broken"


@pytest.fixture
def logger() -> Switched:
    return Switched()


def failing(telemetry: Telemetry, exc: Exception) -> None:
    with pytest.raises(type(exc)), telemetry.operation("call").measure():
        raise exc


WAYS: dict[str, Any] = {
    "event": lambda telemetry, exc: telemetry.event("broken", {"a": 1}, exception=exc),
    "record_exception": lambda telemetry, exc: telemetry.record_exception(exc),
    "operation": failing,
}


@pytest.mark.parametrize("signal", ["log", "both"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_built_for_a_logger_that_is_off(captured: Captured, logger: Switched, way: str, signal: Any) -> None:
    """No text is made or scrubbed, no token taken, and nothing counts as suppressed."""
    scrubbed: list[str] = []
    policy = ErrorPolicy(rate=0, burst=1, signal=signal, scrub=lambda text: scrubbed.append(text) or text)
    without_spans = NoOpTracerProvider()
    telemetry = Telemetry("lib", tracer_provider=without_spans, logger_provider=Provider(logger), errors=policy)
    Broken.asked = 0
    for _ in range(3):
        WAYS[way](telemetry, Broken())

    assert (Broken.asked, scrubbed, logger.got) == (0, [], [])
    assert logger.asked
    assert captured.value("telemetry_kit.exception.suppressed") == 0

    logger.on = True
    WAYS[way](telemetry, Broken())

    [record] = logger.got
    assert record.attributes["exception.message"] == "broken"


def test_it_is_asked_by_severity_and_name(captured: Captured, logger: Switched) -> None:
    """So that a host can keep what it wants of a library."""
    telemetry = Telemetry("shop.orders", logger_provider=Provider(logger))
    telemetry.event("config.changed", severity="DEBUG")

    assert set(logger.asked) == {(SeverityNumber.DEBUG, "config.changed")}


def test_what_a_disabled_logger_leaves_is_recorded_by_an_outer_call(captured: Captured, logger: Switched) -> None:
    """An exception that nobody took inside isn't one that was here before."""
    inner = Telemetry("lib", logger_provider=Provider(logger), errors=ErrorPolicy(signal="log"))
    outer = Telemetry("app", errors=ErrorPolicy(signal="log"))
    with pytest.raises(Broken), outer.operation("request").measure(), inner.operation("call").measure():
        raise Broken

    assert captured.events == [event("exception")]


def test_unhandled_exceptions_ask_too(captured: Captured, logger: Switched) -> None:
    """A hook builds nothing for a logger that is off."""
    import sys

    Broken.asked = 0
    telemetry = Telemetry("shop.orders", logger_provider=Provider(logger))
    hook, sys.excepthook = sys.excepthook, lambda *_: None
    try:
        with telemetry.watch_unhandled():
            sys.excepthook(Broken, Broken(), None)
            assert (Broken.asked, logger.got) == (0, [])
            logger.on = True
            sys.excepthook(Broken, Broken(), None)
    finally:
        sys.excepthook = hook

    assert len(logger.got) == 1


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_logger_that_raises_when_asked_gets_the_record(captured: Captured, logger: Switched) -> None:
    """FLT 1: a counted fault, and the event isn't lost for it."""
    logger.on = RuntimeError("ask me later")
    Telemetry("shop.orders", logger_provider=Provider(logger)).event("config.changed")

    assert [record.event_name for record in logger.got] == ["config.changed"]
    assert captured.value("telemetry_kit.faults", {"fault.site": "logs.enabled"}) >= 1


def test_a_logger_that_can_not_be_asked_gets_the_record(captured: Captured) -> None:
    """As all were before the API had `enabled`."""
    old = Old()
    Telemetry("shop.orders", logger_provider=Provider(old)).event("config.changed")

    assert len(old.got) == 1
