"""Exceptions that nobody handled: each hook tells, and then does what it did before."""

import asyncio
import gc
import subprocess
import sys
import threading
from typing import Any

import pytest

from telemetry_kit import ErrorPolicy, Telemetry
from telemetry_kit.testing import Captured, event, span

HOOK = "telemetry_kit.exception.hook"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Hooks that only remember, in the place of those of pytest and the interpreter."""
    called: dict[str, list[Any]] = {"main": [], "thread": [], "unraisable": [], "loop": []}
    monkeypatch.setattr(sys, "excepthook", lambda *args: called["main"].append(args[0]))
    monkeypatch.setattr(threading, "excepthook", lambda args: called["thread"].append(args.exc_type))
    monkeypatch.setattr(sys, "unraisablehook", lambda args: called["unraisable"].append(args.exc_type))
    return called


def told(captured: Captured) -> list[tuple[str, str]]:
    """Hook and type of each event."""
    return [
        (record.attributes[HOOK], record.attributes["exception.type"]) for record in captured.events_named("exception")
    ]


def boom(exc: BaseException) -> None:
    raise exc


def in_thread(exc: BaseException) -> None:
    thread = threading.Thread(target=boom, args=(exc,), name="worker")
    thread.start()
    thread.join()


class Finalised:
    def __del__(self) -> None:
        raise OSError("in __del__")


def test_the_main_thread(captured: Captured, telemetry: Telemetry, quiet: dict[str, list[Any]]) -> None:
    """`sys.excepthook`: an event of severity FATAL, and then the hook that was there."""
    with telemetry.watch_unhandled():
        try:
            boom(ValueError("token=abc"))
        except ValueError as problem:
            sys.excepthook(ValueError, problem, problem.__traceback__)

    record = captured.event("exception")
    assert record.severity == "FATAL"
    assert told(captured) == [("sys.excepthook", "ValueError")]
    assert record.attributes["exception.message"] == "token=[REDACTED]"
    assert "boom" in record.attributes["exception.stacktrace"]
    assert quiet["main"] == [ValueError]


def test_threads(captured: Captured, telemetry: Telemetry, quiet: dict[str, list[Any]]) -> None:
    """`threading.excepthook`: with the thread's name; `SystemExit` ends a thread and is nothing to tell."""
    with telemetry.watch_unhandled():
        in_thread(KeyError("sku"))
        in_thread(SystemExit(3))

    assert told(captured) == [("threading.excepthook", "KeyError")]
    assert captured.event("exception").attributes["thread.name"] == "worker"
    assert captured.event("exception").severity == "ERROR"
    assert KeyError in quiet["thread"]


def test_finalisers(captured: Captured, telemetry: Telemetry, quiet: dict[str, list[Any]]) -> None:
    """`sys.unraisablehook`: told at the next safe point, not from inside of the finaliser (PRC 2)."""
    with telemetry.watch_unhandled():
        thing: Any = Finalised()
        del thing
        gc.collect()
        assert repr(captured) == "<captured: 0 spans, 0 events>"  # to ask for them would be a safe point
        telemetry.event("next")

    assert told(captured) == [("sys.unraisablehook", "OSError")]
    assert quiet["unraisable"] == [OSError]


def test_asyncio(captured: Captured, telemetry: Telemetry) -> None:
    """Callbacks and tasks of the running loop: told, and then the loop's own handler."""
    before: list[Any] = []

    async def fail() -> None:
        raise LookupError("in a task")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: before.append(context["exception"]))
        with telemetry.watch_unhandled():
            loop.call_soon(boom, ValueError("in a callback"))
            task: Any = loop.create_task(fail())
            await asyncio.wait([task])
            del task
            gc.collect()
            await asyncio.sleep(0)
            assert repr(captured) == "<captured: 0 spans, 2 events>"  # without waiting for anything else
        assert loop.get_exception_handler() is not None
        loop.call_soon(boom, ValueError("afterwards"))
        await asyncio.sleep(0)

    asyncio.run(main())

    assert told(captured) == [("asyncio", "ValueError"), ("asyncio", "LookupError")]
    assert [type(exc) for exc in before] == [ValueError, LookupError, ValueError]


def test_asyncio_without_an_exception(captured: Captured, telemetry: Telemetry) -> None:
    """A loop that only has a message: the event has that."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: None)
        with telemetry.watch_unhandled():
            loop.call_exception_handler({"message": "Task was destroyed but it is pending! password=hunter2"})

    asyncio.run(main())

    found = captured.event("exception").attributes
    assert found["exception.message"] == "Task was destroyed but it is pending! password=[REDACTED]"
    assert found["error.type"] == "_OTHER"


def test_the_default_handler_of_asyncio_is_called(telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    """Where no handler was set, asyncio logs as it did, and has none again afterwards."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        watch = telemetry.watch_unhandled()
        loop.call_soon(boom, ValueError("in a callback"))
        await asyncio.sleep(0)
        watch.stop()
        assert loop.get_exception_handler() is None

    asyncio.run(main())

    assert "Exception in callback boom" in caplog.text


def test_stop_puts_the_hooks_back(telemetry: Telemetry) -> None:
    """`.stop()`, and the end of the block, put back what was there, also twice and nested."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook

    outer = telemetry.watch_unhandled()
    with telemetry.watch_unhandled():
        pass
    outer.stop()
    outer.stop()

    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_watches_that_stop_in_the_order_of_their_start_leave_nothing(telemetry: Telemetry) -> None:
    """`.stop()` takes out of the chain whatever has stopped meanwhile: it is no longer after any number of such rounds."""

    async def in_a_loop() -> Any:
        before = sys.excepthook, threading.excepthook, sys.unraisablehook
        for _ in range(3):
            first, second, third = (telemetry.watch_unhandled() for _ in range(3))
            first.stop()
            second.stop()
            third.stop()
        assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before
        return asyncio.get_running_loop().get_exception_handler()

    assert asyncio.run(in_a_loop()) is None


def test_three_watches_make_one_event(captured: Captured, telemetry: Telemetry, quiet: dict[str, list[Any]]) -> None:
    """An application factory that is called again doesn't multiply events; one that is left goes on alone."""
    watches = [telemetry.watch_unhandled() for _ in range(3)]
    for number in range(2):
        in_thread(ValueError(str(number)))
    assert captured.events == [event("exception")] * 2

    for watch in reversed(watches[1:]):
        watch.stop()
    in_thread(ValueError("the last"))
    assert captured.events == [event("exception")] * 3
    watches[0].stop()


def test_somebody_who_hooked_in_later_stays(
    captured: Captured, telemetry: Telemetry, quiet: dict[str, list[Any]]
) -> None:
    """A later hook isn't thrown out by `.stop()`; through it ours is still called, and silent."""
    watch = telemetry.watch_unhandled()
    ours = sys.excepthook
    calls: list[Any] = []

    def later(*args: Any) -> None:
        calls.append(args)
        ours(*args)

    sys.excepthook = later
    watch.stop()

    assert sys.excepthook is later
    later(ValueError, ValueError("no"), None)
    assert captured.events == []
    assert quiet["main"] == [ValueError]


def test_an_exception_that_an_operation_told_of(captured: Captured, telemetry: Telemetry) -> None:
    """That it was unhandled is told, with its type; its stack was told already (ASY 6)."""
    with telemetry.watch_unhandled():
        thread = threading.Thread(target=telemetry.operation("work")(boom), args=(ValueError("no"),))
        thread.start()
        thread.join()

    assert captured.spans == [span("work", events=["exception"])]
    assert captured.event("exception").attributes == {
        "exception.type": "ValueError", "error.type": "ValueError", HOOK: "threading.excepthook", "thread.name": thread.name,
    }  # fmt: skip


def test_limited(captured: Captured) -> None:
    """A storm of dying threads is limited as all else (STM 1)."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(rate=0, burst=2))
    work = telemetry.operation("work")(boom)
    with telemetry.watch_unhandled():
        for _ in range(5):
            in_thread(ValueError("no"))
        for _ in range(5):
            thread = threading.Thread(target=work, args=(ValueError("no"),))
            thread.start()
            thread.join()

    assert captured.events == [event("exception")] * 4
    assert captured.value("telemetry_kit.exception.suppressed") == 3 + 3


@pytest.mark.telemetry_capture(allow=("fault",))
def test_what_breaks_in_it_breaks_nothing(telemetry: Telemetry, quiet: dict[str, list[Any]]) -> None:
    """A hook whose telemetry fails still calls the one before (FLT 1)."""
    with telemetry.watch_unhandled():
        sys.excepthook(ValueError, object(), None)  # type: ignore[arg-type]

    assert quiet["main"] == [ValueError]


def test_switched_off(monkeypatch: pytest.MonkeyPatch, captured: Captured) -> None:
    """A library that the host has switched off hooks nothing in."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.*")
    before = sys.excepthook
    with Telemetry("shop.orders").watch_unhandled():
        assert sys.excepthook is before


PROGRAM = """
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk._logs import export
from telemetry_kit import Telemetry

exporter = getattr(export, "ConsoleLogRecordExporter", None) or export.ConsoleLogExporter
provider = LoggerProvider()
provider.add_log_record_processor(SimpleLogRecordProcessor(exporter()))
telemetry = Telemetry("dies", logger_provider=provider)
telemetry.watch_unhandled()
raise ValueError("the end")
"""


def test_a_process_that_dies() -> None:
    """The event is exported before the process ends, with its exit status and traceback as ever."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert '"exception.message": "the end"' in done.stdout
    assert done.stderr.rstrip().endswith("ValueError: the end")
