"""What breaks in telemetry is counted, said once, and kept from the host."""

import contextlib
import functools
import gc
import logging
import signal
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from telemetry_kit._core import faults
from telemetry_kit._wrapping import awaitables


def fresh(site: str) -> str:
    faults._said.pop(site, None)
    return site


def test_a_guard_swallows_an_exception() -> None:
    """An `Exception` inside of a guard is counted at its site (FLT 1)."""
    before = faults.counts().get("tests.guard", 0)
    with faults.guard("tests.guard"):
        raise ValueError

    assert faults.counts()["tests.guard"] == before + 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_guard_lets_base_exceptions_through(kind: type[BaseException]) -> None:
    """A BaseException is the host's: it goes through a guard, uncounted (ASY 2)."""
    before = faults.counts()
    with pytest.raises(kind), faults.guard("tests.base"):
        raise kind

    assert faults.counts() == before


def test_a_guard_of_nothing_costs_nothing() -> None:
    """Where nothing breaks nothing is counted."""
    before = faults.counts()
    with faults.guard("tests.nothing"):
        pass

    assert faults.counts() == before


def test_a_site_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The first fault of a site is one warning of the logger `telemetry_kit`, the others are only counted (FLT 1)."""
    site = fresh("tests.said")
    for _ in range(5):
        faults.record(site, ValueError("no"))

    assert [(record.name, record.levelno) for record in caplog.records] == [("telemetry_kit", logging.WARNING)]
    assert "tests.said" in caplog.text
    assert "ValueError: no" in caplog.text


def test_a_fault_is_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    """A fault with a huge message in many lines is one short line (SEC 1)."""
    faults.record(fresh("tests.long"), ValueError("a\nb\r\n" + "x" * 100_000))

    (record,) = caplog.records
    assert len(record.getMessage()) < 400
    assert "\n" not in record.getMessage()


def test_a_fault_without_words(caplog: pytest.LogCaptureFixture) -> None:
    """An exception whose `__str__` raises is told by its type (FLT 1)."""

    class Wordless(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    faults.record(fresh("tests.wordless"), Wordless())

    assert "Wordless" in caplog.text


class TimeLimit(Exception):
    pass


@pytest.fixture
def time_limit() -> Iterator[None]:
    """A signal handler of the host's that raises, and no collector that comes by."""

    def handler(*_: Any) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGUSR1, handler)
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGUSR1, before)


PASSED_ON: dict[str, Callable[[Exception], object]] = {
    "record": functools.partial(faults.record, "tests.limit"),
    "pass_on": faults.pass_on,
    "odd": awaitables.odd,
}


@pytest.mark.parametrize("name", PASSED_ON)
@pytest.mark.usefixtures("time_limit")
def test_what_the_host_raised_keeps_no_frame_alive(name: str) -> None:
    """ASY 5: once the host has dealt with it, it goes, and with it what the frames on its way held."""

    class Held:
        pass

    def calls_out() -> None:
        held = Held()
        gone.append(weakref.ref(held))
        try:
            signal.raise_signal(signal.SIGUSR1)
        except Exception as fault:
            PASSED_ON[name](fault)

    gone: list[weakref.ref[Any]] = []
    with contextlib.suppress(TimeLimit):
        calls_out()

    assert [held() for held in gone] == [None]
