"""SIGTERM where it was asked for: the host decides what becomes of the run (JOB 6)."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._jobs.job import BatchJob
from telemetry_kit.testing import Captured

ROOT = Path(__file__).parents[2]


class Terminated(Exception):
    """What a task runner raises into its task."""


@pytest.fixture
def job(telemetry: Telemetry) -> BatchJob:
    return telemetry.batch_job("nightly", handle_sigterm=True)


@pytest.fixture
def handler() -> Iterator[Any]:
    """Installs a handler for the test and puts back what was there."""
    before = signal.getsignal(signal.SIGTERM)
    yield lambda handler: signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGTERM, before)


def raiser(raised: BaseException) -> Any:
    def on_sigterm(_number: int, _frame: Any) -> None:
        raise raised

    return on_sigterm


@pytest.mark.parametrize(
    ("raised", "error_type"),
    [
        (Terminated("clean up"), f"{__name__}.Terminated"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(3), "SIGTERM"),
        (SystemExit(0), "SIGTERM"),
    ],
)
def test_what_the_host_s_handler_raises_ends_the_run(
    captured: Captured, job: BatchJob, handler: Any, raised: BaseException, error_type: str
) -> None:
    """JOB 6: it is called, what it raises comes out as it is, and the run has failed, also by an exit with status 0."""
    theirs = raiser(raised)
    handler(theirs)
    with pytest.raises(type(raised)) as caught, job.run() as run:
        signal.raise_signal(signal.SIGTERM)

    assert caught.value is raised
    assert run.state == "failed"
    assert captured.point("job.duration").attributes["error.type"] == error_type
    assert signal.getsignal(signal.SIGTERM) is theirs


def test_a_handler_that_raises_nothing_lets_the_run_finish(captured: Captured, job: BatchJob, handler: Any) -> None:
    """JOB 6: a server that only notes that it is to stop finishes its work, and that is a success."""
    came: list[Any] = []
    handler(lambda number, frame: came.append((number, frame is not None)))
    with job.run() as run:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        run.processed()

    assert came == [(signal.SIGTERM, True)] * 2
    assert (run.state, captured.value("job.duration", {"job.result": "success"})) == ("succeeded", 1)


def test_a_job_that_deals_with_it_finishes(captured: Captured, job: BatchJob, handler: Any) -> None:
    """JOB 6: what the handler raises and the job catches ended nothing; what fails afterwards has its own name."""
    handler(raiser(Terminated()))
    with job.run() as finished, pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(ValueError, match="later"), job.run() as failed:
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
        raise ValueError("later")

    assert (finished.state, failed.state) == ("succeeded", "failed")
    assert captured.value("job.duration", {"error.type": "ValueError"}) == 1


def test_an_ignored_signal_stays_ignored(job: BatchJob, handler: Any) -> None:
    """JOB 6: a host that ignores SIGTERM goes on ignoring it, during the run and after it."""
    handler(signal.SIG_IGN)
    with job.run() as run:
        during = signal.getsignal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    assert (run.state, during, signal.getsignal(signal.SIGTERM)) == ("succeeded", signal.SIG_IGN, signal.SIG_IGN)


def test_a_second_signal_meets_what_was_there_before(job: BatchJob, handler: Any) -> None:
    """JOB 6: while a terminated run cleans up, the next SIGTERM is the host's: by default it ends the process."""
    handler(signal.SIG_DFL)
    seen: list[Any] = []
    with pytest.raises(SystemExit), job.run():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            seen.append(signal.getsignal(signal.SIGTERM))

    assert seen == [signal.SIG_DFL]


def test_a_host_s_handler_waits_for_the_end_of_a_record(
    captured: Captured, job: BatchJob, handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRC 2: where the signal comes while the end is being recorded, the host's handler is called right after it."""
    handler(raiser(Terminated()))
    record = job._definition.scope.instruments.histogram("job.duration").recorder()
    assert record is not None

    def interrupted(*args: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        record(*args)

    class Interrupted:
        def recorder(self) -> Any:
            return interrupted

    monkeypatch.setitem(job._definition.scope.instruments._histograms, "job.duration", Interrupted())
    with pytest.raises(Terminated), job.run() as run:
        pass

    assert (run.state, captured.value("job.duration", {"job.result": "success"})) == ("succeeded", 1)


def test_runs_that_compare_as_equal_are_each_their_own(job: BatchJob, handler: Any) -> None:
    """The handler is put back after the last of several runs, whichever ends first."""
    handler(signal.SIG_DFL)
    first, second = job.run(), job.run()

    def overlap() -> Any:
        first._begin_run()
        second._begin_run()
        first._end(None)
        during = signal.getsignal(signal.SIGTERM)
        second._end(None)
        return during

    assert copy_context().run(overlap) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.skipif(sys.platform == "win32", reason="asyncio has no signal handlers there")
def test_a_loop_s_graceful_stop_lets_the_job_finish(captured: Captured, job: BatchJob, handler: Any) -> None:
    """JOB 6: `loop.add_signal_handler`, which servers use, is called, and what the job finishes then is a success."""
    handler(signal.SIG_DFL)

    async def main() -> str:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

        @job
        async def work() -> str:
            os.kill(os.getpid(), signal.SIGTERM)
            await stop.wait()
            return "finished"

        return await work()

    assert asyncio.run(main()) == "finished"
    assert captured.value("job.duration", {"job.result": "success"}) == 1


def test_an_exit_that_a_loop_makes_a_cancellation_is_a_failure(captured: Captured, job: BatchJob, handler: Any) -> None:
    """JOB 6: a handler that raises inside of a running loop cancels the tasks: the run was terminated, not cancelled."""
    handler(raiser(Terminated()))

    @job
    async def work() -> None:
        await asyncio.sleep(60)

    async def kill() -> None:
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGTERM)

    async def main() -> None:
        await asyncio.gather(work(), kill())

    with pytest.raises(Terminated):
        asyncio.run(main())

    assert captured.value("job.state", {"job.state": "failed"}) == 1


def test_a_second_signal_ends_the_process() -> None:
    """JOB 6: a clean-up that hangs after the first SIGTERM is ended by the second, as it is without the kit."""
    program = """
        import signal
        from telemetry_kit import Telemetry
        with Telemetry("shop").batch_job("nightly", handle_sigterm=True).run():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                print("still here")
        """
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)

    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
