"""`python -m telemetry_kit doctor`: runs a program, listens to what OpenTelemetry logs meanwhile, and says what stands in
the way of its telemetry."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import logging
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from telemetry_kit._core import faults
from telemetry_kit.diagnosis.findings import Finding, diagnose, worst_first
from telemetry_kit.diagnosis.host import SIGNALS

FLUSH_SECONDS = 5.0
"""Seconds in which the providers may deliver what the program left: so an endpoint that is dead is noticed."""
RECORDS = 20
"""Different messages of OpenTelemetry that are kept."""
_BARE = "  This looked at a bare interpreter: name your program (SCRIPT or -m MODULE) to look at its set-up.\n"
_EPILOG = """\
examples:
  python -m telemetry_kit doctor app.py --port 8000      run a script with its arguments, then diagnose
  python -m telemetry_kit doctor -m shop.main            run a module
  python -m telemetry_kit doctor --json -m shop.main     the diagnosis alone on standard output, as JSON

Ctrl-C and SIGTERM end the program, and the diagnosis follows.

exit status: the program's own if that isn't 0, else 1 where something stops telemetry, else 0
"""


class Listener(logging.Handler):
    """Keeps what OpenTelemetry logs: exporters tell only the log that nobody answers."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._records: dict[tuple[str, str], int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Count a message of one of OpenTelemetry's loggers; never raises."""
        try:
            if record.name.startswith("opentelemetry"):
                key = (record.name, record.getMessage().partition("\n")[0][:300])
                if key in self._records or len(self._records) < RECORDS:
                    self._records[key] = self._records.get(key, 0) + 1
        except Exception as fault:
            faults.record("doctor", fault)

    def findings(self) -> list[Finding]:
        """What it heard: of each exporter that can't deliver, and the rest."""
        exporters: dict[str, tuple[str, int]] = {}
        found = []
        for (name, message), times in self._records.items():
            if (
                name.startswith("opentelemetry.exporter") or "exporting" in message
            ):  # the SDK says it of others' exporters
                first, before = exporters.get(name, (message, 0))
                exporters[name] = first, before + times
            else:
                seen = f"{name} logged{_times(times)}: {message}"
                found.append(Finding("opentelemetry_logged", "warning", seen, "OpenTelemetry's documentation knows it"))
        say = "check that the endpoint is right and that somebody listens there (OTEL_EXPORTER_OTLP_ENDPOINT)"
        for name, (message, times) in exporters.items():
            found.append(Finding("export_failed", "stop", f"{name} logged{_times(times)}: {message}", say))
        return found


def _times(number: int) -> str:
    return f" {number} times, at first" if number > 1 else ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `doctor`, for the command line."""
    parser.description = "Say why no telemetry arrives: run a program and look at its set-up from within."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print the diagnosis alone, as JSON, to standard output")
    parser.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE ...", help="the module to run, its arguments"
    )
    parser.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="SCRIPT ...", help="the script to run, its arguments"
    )


def run(options: argparse.Namespace) -> int:
    """Run the program that the options name, if any, and print the diagnosis; gives the exit status."""
    if missing := _missing(options):
        sys.stderr.write(f"python -m telemetry_kit doctor: {missing}\n")
        return 2
    say = _writer()
    listener = Listener()
    logger = logging.getLogger("opentelemetry")  # a host that configures logging takes handlers from the root
    logger.addHandler(listener)
    try:
        status = _run_program(options)
        _flush()
    finally:
        logger.removeHandler(listener)
    diagnosis = worst_first((*diagnose().findings, *listener.findings()))
    if options.json:
        say(json.dumps(diagnosis.as_dict(), indent=2) + "\n")
    else:
        bare = options.module is None and not options.program
        say(f"{diagnosis}\n{_BARE if bare else ''}")
    return status or int(diagnosis.stops)


def _missing(options: argparse.Namespace) -> str:
    """What is asked for and isn't there; empty where all is."""
    if options.module is None:
        script = next(iter(options.program), None)
        return "" if script is None or Path(script).exists() else f"can't open {script!r}: there is no such file"
    name = next(iter(options.module), None)
    if name is None:
        return "-m wants the name of a module"
    before = sys.path[:]
    sys.path.insert(0, "")
    try:
        return "" if importlib.util.find_spec(name) else f"there is no module {name!r}"
    except ImportError as problem:
        return f"can't import {name!r}: {problem}"
    finally:
        sys.path[:] = before


def _writer() -> Callable[[str], object]:
    """Writes to the standard output of now, also when the program has closed it."""
    out = sys.stdout
    try:
        spare = os.dup(out.fileno())
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return lambda text: out.write(text) if out is not None else None

    def write(text: str) -> None:
        try:
            out.write(text)
            out.flush()
        except ValueError:
            os.write(spare, text.encode())

    return write


_made: dict[str, Any] = {}
"""What the program has made stays until it was diagnosed."""


def _run_program(options: argparse.Namespace) -> int:
    if options.module is None and not options.program:
        return 0
    before = sys.argv[:], sys.path[:]
    where: Any = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
    try:
        with where, _sigterm_ends_the_program():
            if options.module is not None:
                sys.argv = options.module[:]
                sys.path.insert(0, "")
                made = runpy.run_module(options.module[0], run_name="__main__", alter_sys=True)
            else:
                sys.argv = list(options.program)
                sys.path.insert(0, str(Path(options.program[0]).resolve().parent))
                made = runpy.run_path(options.program[0], run_name="__main__")
            _join_threads()
            _made.update(made)
    except SystemExit as exit_:
        if exit_.code is None:
            return 0
        if isinstance(exit_.code, int):
            return exit_.code
        sys.stderr.write(f"{exit_.code}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BaseException as exc:
        sys.excepthook(type(exc), exc, exc.__traceback__)
        return 1
    finally:
        sys.argv, sys.path[:] = before
    return 0


@contextlib.contextmanager
def _sigterm_ends_the_program() -> Generator[None]:
    """So that a server that is stopped as containers are is diagnosed as well; unless it has a handler of its own."""
    if (
        signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _join_threads() -> None:
    """Wait for the program's other threads, as Python does before a process ends."""
    while rest := [one for one in threading.enumerate() if not one.daemon and one is not threading.current_thread()]:
        for thread in rest:
            thread.join()


def _flush() -> None:
    """Have the providers deliver, in bounded time: in a thread, since an exporter may hang for as long as it likes."""

    def flush() -> None:
        for of in SIGNALS:
            with faults.guard("doctor"):
                method = getattr(of.provider(), "force_flush", None)
                if callable(method):
                    method(int(FLUSH_SECONDS * 1000))

    thread = threading.Thread(target=flush, name="telemetry_kit doctor", daemon=True)
    thread.start()
    thread.join(FLUSH_SECONDS)
