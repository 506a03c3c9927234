"""Processes that the demo starts: each ends with the block that it was started for, and Ctrl-C leaves none behind.

An interrupt that arrives within `subprocess.Popen`, or between it and the block that ends the process, would leave the
process running with nobody who knows of it. It waits until both are there.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO


class _Interrupts:
    waits = False
    """Whether an interrupt has to wait, and ..."""
    came = False
    """... whether one did."""


def interrupted(_number: int, _frame: object) -> None:
    """The handler of Ctrl-C: from now on everything ends, in some order, and what exporters say of receivers that are gone
    is of no use."""
    logging.disable(logging.CRITICAL)
    if _Interrupts.waits:
        _Interrupts.came = True
    else:
        raise KeyboardInterrupt


@contextlib.contextmanager
def started(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    stdin: int | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    folder: Path | None = None,
) -> Iterator["subprocess.Popen[str]"]:
    """A process, in a session of its own so that a terminal's Ctrl-C isn't sent to it, until the block ends."""
    with contextlib.ExitStack() as stack:
        with _uninterrupted():
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                text=True,
                bufsize=1,
                start_new_session=True,
            )
            stack.callback(_end, process)
        yield process


def run(command: Sequence[str], environment: Mapping[str, str], *, timeout: float, stderr: int | None = None) -> str:
    """What a process printed, once it has ended; subprocess.CalledProcessError if it failed."""
    with started(command, environment, stdout=subprocess.PIPE, stderr=stderr) as process:
        printed, _ = process.communicate(timeout=timeout)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, printed)
        return printed


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # interrupts arrive in the main thread alone
        yield
        return
    _Interrupts.waits = True
    try:
        yield
    finally:
        _Interrupts.waits = False
    if _Interrupts.came:
        raise KeyboardInterrupt


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)  # those too that it started itself
    for stream in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError):  # what was still to be written has no reader
            if stream is not None:
                stream.close()
    process.wait()
