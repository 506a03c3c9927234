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
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from telemetry_kit._core import faults
from telemetry_kit.diagnosis.findings import Finding, diagnose, worst_first
from telemetry_kit.diagnosis.heard import DEAD, Listener
from telemetry_kit.diagnosis.host import SIGNALS

FLUSH_SECONDS = 12.0
"""Seconds in which the providers may deliver what the program left: so an endpoint that is dead is noticed. OpenTelemetry's
exporters wait 10 s for one that is silent."""
_GLANCE = 0.05
"""Seconds between two looks at who has delivered and who was heard of."""
_BARE = "  This looked at a bare interpreter: name your program (SCRIPT or -m MODULE) to look at its set-up.\n"
_EPILOG = """\
examples:
  python -m telemetry_kit doctor app.py --port 8000      run a script with its arguments, then diagnose
  python -m telemetry_kit doctor -m shop.main            run a module
  python -m telemetry_kit doctor --json -m shop.main     the diagnosis alone on standard output, as JSON

Ctrl-C and SIGTERM end the program, and the diagnosis follows.

exit status: the program's own if that isn't 0, else 1 where something stops telemetry, else 0
"""


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
    with _sigterm_ends_the_program():
        return _diagnosed(options)


def _diagnosed(options: argparse.Namespace) -> int:
    say = _writer()
    own = os.getpid()
    found: list[Finding] = []
    listener = Listener()
    logger = logging.getLogger("opentelemetry")  # a host that configures logging takes handlers from the root
    logger.addHandler(listener)
    try:
        with _counted_forks() as forks:
            status, failed = _run_program(options)
        found += failed
        found += _flush(listener)
    finally:
        logger.removeHandler(listener)
    diagnosis = worst_first((*found, *diagnose().findings, *listener.findings()))
    if os.getpid() != own:  # a worker that ended as a program does
        sys.stderr.write(f"process {os.getpid()}, which the program forked:\n{diagnosis}\n")
        return status
    if forks:
        diagnosis = worst_first(_of_who_forked(diagnosis.findings, len(forks)))
    if options.json:
        say(json.dumps(diagnosis.as_dict(), indent=2) + "\n")
    else:
        bare = options.module is None and not options.program
        say(f"{diagnosis}\n{_BARE if bare else ''}")
    return status or int(diagnosis.stops)


@contextlib.contextmanager
def _counted_forks() -> Generator[list[bool]]:
    """Gets one item for each process that is forked meanwhile."""
    forks: list[bool] = []
    counting = True
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_parent=lambda: forks.append(True) if counting else None)
    try:
        yield forks
    finally:
        counting = False


def _of_who_forked(findings: tuple[Finding, ...], number: int) -> Iterator[Finding]:
    """What was found in a process that forked others: it needs no SDK where only they record."""
    seen = f"the program forked {number} process{'es' * (number > 1)}, and this is about the one that it began in"
    say = "a worker that ends as a program does is diagnosed too, on standard error; in others call diagnose()"
    yield Finding("forked", "info", seen, say)
    for finding in findings:
        alone = finding.code in ("no_sdk", "exporter_not_started")
        yield replace(finding, severity="warning") if alone else finding


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


def _run_program(options: argparse.Namespace) -> tuple[int, list[Finding]]:
    """Its exit status, and what there is to say where it failed."""
    if options.module is None and not options.program:
        return 0, []
    before = sys.argv[:], sys.path[:]
    where: Any = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
    try:
        with where:
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
            return 0, []
        if isinstance(exit_.code, int):
            return exit_.code, []
        sys.stderr.write(f"{exit_.code}\n")
        return 1, []
    except KeyboardInterrupt:
        return 130, []
    except BaseException as exc:
        exc = exc.with_traceback(_of_the_program(exc.__traceback__))
        sys.excepthook(type(exc), exc, exc.__traceback__)
        words = "".join(traceback.format_exception_only(type(exc), exc)).strip().partition("\n")[0][:300]
        seen = f"the program ended with {words}"
        return 1, [
            Finding("program_failed", "stop", seen, "that comes first: the rest is of the moment at which it ended")
        ]
    finally:
        sys.argv, sys.path[:] = before
        _let_be_diagnosed()
    return 0, []


def _of_the_program(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames that ran the program."""
    while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
        trace = trace.tb_next
    return trace


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def _sigterm_ends_the_program() -> Generator[None]:
    """So that a server that is stopped as containers are is diagnosed as well; unless it has a handler of its own."""
    before = signal.getsignal(signal.SIGTERM) if _is_main_thread() else None
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _let_be_diagnosed() -> None:
    """A program that has ended has nothing to do with another SIGTERM, as gunicorn's workers get, who are told twice."""
    if _is_main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _join_threads() -> None:
    """Wait for the program's other threads, as Python does before a process ends."""
    while rest := [one for one in threading.enumerate() if not one.daemon and one is not threading.current_thread()]:
        for thread in rest:
            thread.join()


def _flush(listener: Listener) -> list[Finding]:
    """Have the providers deliver, in bounded time, and say which didn't: in threads, since an exporter may hang for as long
    as it likes. Whoever is heard of meanwhile isn't waited for."""
    deadline = time.monotonic() + FLUSH_SECONDS
    threads: dict[str, list[threading.Thread]] = {}
    for of in SIGNALS:
        for _, provider in of.all():
            thread = threading.Thread(target=_deliver, args=(provider,), name="telemetry_kit doctor", daemon=True)
            threads.setdefault(of.name, []).append(thread)
            thread.start()
    late = list(threads)
    while late and time.monotonic() < deadline:
        for name in late:
            threads[name][-1].join(_GLANCE)
        late = [name for name in late if any(one.is_alive() for one in threads[name]) and not listener.heard_of(name)]
    if not late:
        return []
    seen = f"{' and '.join(late)} were not delivered within {FLUSH_SECONDS:g} s: nobody answered, and nobody refused"
    return [Finding("export_failed", "stop", seen, DEAD)]


def _deliver(provider: object) -> None:
    with faults.guard("doctor"):
        method = getattr(provider, "force_flush", None)
        if callable(method):
            method(int(FLUSH_SECONDS * 1000))
