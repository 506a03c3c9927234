"""Jobs in processes of their own that exit, are interrupted, terminated and killed: what the backend has seen, and the
exit status, which is the one that the process would have had."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.jobs.host import Job

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork as POSIX has them")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.jsonl"


def test_a_short_process_delivers_before_it_ends(path: Path) -> None:
    """JOB.2: nothing was asked for, and the SDK's exit handlers deliver what a process of a moment recorded."""
    job = Job(
        """
        with telemetry.batch_job("nightly").run(run_id="7") as run:
            for row in run.track([1, 2, 3]): pass
        """,
        path,
    )

    assert job.status() == 0
    assert (job.last("job.failed"), job.last("job.records"), job.last("job.duration", job__result="success")) == (
        0,
        3,
        1,
    )
    assert (job.last("job.success.timestamp") or 0) > time.time() - 60
    assert [span["job.run.id"] for span in job.spans("nightly")] == ["7"]


def test_an_sdk_set_up_after_the_job_ran(path: Path) -> None:
    """PRC.4: observed numbers reach an SDK that the process installs at last."""
    preamble = (
        'from telemetry_kit import Telemetry\nfrom tests.jobs.host import install\ntelemetry = Telemetry("tests")\n'
    )
    job = Job(
        "with telemetry.batch_job('nightly').run() as run: run.processed(5)\ninstall()\n", path, preamble=preamble
    )

    assert (job.status(), job.last("job.records"), job.last("job.failed")) == (0, 5, 0)


@pytest.mark.parametrize(
    ("ending", "status", "error_type"),
    [
        ("sys.exit(1)", 1, "SystemExit"),
        ("sys.exit(3)", 3, "SystemExit"),
        ("sys.exit('no disk')", 1, "SystemExit"),
        ("raise ValueError('row 7')", 1, "ValueError"),
    ],
)
def test_an_exit_code_is_kept_and_a_failure_recorded(path: Path, ending: str, status: int, error_type: str) -> None:
    """JOB.1: exit codes and exceptions end the process as they would, and the run as a failure."""
    job = Job(f"with telemetry.batch_job('nightly').run() as run:\n    run.processed(2)\n    {ending}\n", path)

    assert job.status() == status
    assert job.last("job.duration", job__result="failure", error__type=error_type) == 1
    assert (job.last("job.failed"), job.last("job.success.timestamp"), job.last("job.records")) == (1, 0, 2)


def test_exit_zero_is_success(path: Path) -> None:
    """JOB.1: `sys.exit(0)` is success."""
    job = Job("with telemetry.batch_job('nightly').run():\n    sys.exit(0)\n", path)

    assert (job.status(), job.last("job.failed"), job.last("job.state", job__state="succeeded")) == (0, 0, 1)


def test_ctrl_c(path: Path) -> None:
    """JOB.1: Ctrl-C is a failure, and the process dies of SIGINT as Python does."""
    job = Job(
        """
        with telemetry.batch_job("nightly").run():
            ready()
            threading.Event().wait(60)
        """,
        path,
    )

    assert job.when_ready().send(signal.SIGINT).status() == -signal.SIGINT
    assert job.last("job.duration", job__result="failure", error__type="KeyboardInterrupt") == 1


SIGTERM_WAYS = {
    "with": """
        with telemetry.batch_job("nightly", handle_sigterm=True).run():
            ready()
            threading.Event().wait(60)
        """,
    "decorator": """
        @telemetry.batch_job("nightly", handle_sigterm=True)
        def main():
            ready()
            threading.Event().wait(60)
        main()
        """,
    "async, waiting": """
        @telemetry.batch_job("nightly", handle_sigterm=True)
        async def main():
            asyncio.get_running_loop().call_soon(ready)
            await asyncio.sleep(60)
        asyncio.run(main())
        """,
    "async, in another task": """
        @telemetry.batch_job("nightly", handle_sigterm=True)
        async def main():
            await asyncio.sleep(60)
        async def busy():
            await asyncio.sleep(0)
            ready()
            while True: threading.Event().wait(0.05)
        async def both():
            await asyncio.gather(main(), busy())
        asyncio.run(both())
        """,
    "async, nobody cleans up": """
        @telemetry.batch_job("nightly", handle_sigterm=True)
        async def main():
            asyncio.get_running_loop().call_soon(ready)
            await asyncio.sleep(60)
        loop = asyncio.new_event_loop()
        task = loop.create_task(main())
        try:
            loop.run_forever()
        finally:
            task._log_destroy_pending = False
            loop.close()
        """,
    "step": """
        with telemetry.batch_job("nightly", handle_sigterm=True).run() as run, run.step("load"):
            ready()
            threading.Event().wait(60)
        """,
    "flush": """
        with telemetry.batch_job("nightly", handle_sigterm=True, flush_timeout=5.0, flush_at_start=True).run():
            ready()
            threading.Event().wait(60)
        """,
}


@pytest.mark.parametrize("way", SIGTERM_WAYS)
def test_sigterm_where_it_is_asked_for(path: Path, way: str) -> None:
    """JOB.1: the run ends as a failure, the status is the signal's, and the SDK's exit handlers deliver it."""
    job = Job(SIGTERM_WAYS[way], path)

    assert job.when_ready().send(signal.SIGTERM).status() == 128 + signal.SIGTERM, job.errors
    assert job.last("job.duration", job__result="failure", error__type="SIGTERM") == 1, job.errors
    assert (job.last("job.failed"), job.last("job.active"), job.last("job.success.timestamp")) == (1, 0, 0)
    assert [span["error.type"] for span in job.spans("nightly")] == ["SIGTERM"]


def test_sigterm_where_it_is_not_asked_for(path: Path) -> None:
    """Without `handle_sigterm` the kit leaves the signal alone: the process vanishes, as it would."""
    job = Job("with telemetry.batch_job('nightly').run():\n    ready()\n    threading.Event().wait(60)\n", path)

    assert (job.when_ready().send(signal.SIGTERM).status(), job.lines()) == (-signal.SIGTERM, [])


def test_a_killed_process_leaves_its_start(path: Path) -> None:
    """JOB.2: with `flush_at_start` SIGKILL can't take the start record away: started, not succeeded, active."""
    job = Job(
        """
        with telemetry.batch_job("nightly", flush_at_start=True, expected_interval=60).run():
            ready()
            threading.Event().wait(60)
        """,
        path,
    )

    assert job.when_ready().send(signal.SIGKILL).status() == -signal.SIGKILL
    assert (job.last("job.start.timestamp") or 0) > time.time() - 60
    assert (job.last("job.success.timestamp"), job.last("job.active"), job.last("job.expected_interval")) == (0, 1, 60)


def test_a_process_that_leaves_without_exit_handlers(path: Path) -> None:
    """JOB.2: `flush_timeout` delivers what `os._exit` would have lost."""
    job = Job(
        """
        with telemetry.batch_job("nightly", flush_timeout=5.0).run() as run:
            run.processed(4)
        os._exit(7)
        """,
        path,
    )

    assert (job.status(), job.last("job.records"), job.last("job.failed"), len(job.spans("nightly"))) == (7, 4, 0, 1)


def test_a_hanging_exporter_costs_the_timeout_and_no_more(path: Path) -> None:
    """JOB.2: two flushes of half a second each; the exporter would take a minute."""
    job = Job(
        """
        import time
        start = time.monotonic()
        with telemetry.batch_job("nightly", flush_timeout=0.5, flush_at_start=True).run():
            pass
        print(time.monotonic() - start, flush=True)
        os._exit(0)
        """,
        path,
        preamble=Job.PREAMBLE.replace("install()", "install(Hanging)"),
    )

    assert job.status() == 0
    assert 0.9 < float(job.output) < 30
    assert len(job.spans("nightly")) == 1, "a hanging exporter of metrics doesn't keep the spans back"


def test_a_forked_child_starts_at_nothing(path: Path) -> None:
    """PRC.1: the child has nothing active, doesn't end the parent's run, and has runs of its own."""
    job = Job(
        """
        job = telemetry.batch_job("nightly")
        read, write = os.pipe()
        with job.run(run_id="parent") as run:
            run.processed(3)
            child = os.fork()
            if child == 0:
                from telemetry_kit._jobs.state import _active, jobs_of
                jobs = jobs_of(job._definition.scope.instruments)
                records = job._definition.scope.instruments.account("job.records")
                seen = [number for _, number in _active(jobs)], [*records.read().values()]
                run._end(None)
                with job.run() as own:
                    own.processed()
                    seen += ([number for _, number in _active(jobs)],)
                seen += (run.state, own.state, [*records.read().values()])
                os.write(write, repr(seen).encode())
                os._exit(0)
            os.waitpid(child, 0)
            print(os.read(read, 1000).decode())
        """,
        path,
    )

    assert job.status() == 0, job.errors
    assert job.output.strip() == "([0], [], [1], None, 'succeeded', [1])"
    assert (job.last("job.records"), job.last("job.duration", job__result="success")) == (3, 1)
    assert [span["job.run.id"] for span in job.spans("nightly")] == ["parent"]


def test_a_forked_child_dies_of_sigterm_as_ever(path: Path) -> None:
    """PRC.1: the handler of the parent's run isn't the child's: a pool that terminates its workers goes on working."""
    job = Job(
        """
        with telemetry.batch_job("nightly", handle_sigterm=True).run():
            child = os.fork()
            if child == 0:
                os.kill(os.getpid(), signal.SIGTERM)
                os._exit(3)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """,
        path,
    )

    assert job.status() == 0
    assert (int(job.output), job.last("job.failed")) == (-signal.SIGTERM, 0)


def test_forked_under_load(path: Path) -> None:
    """PRC.1: children forked while threads start, count and end runs don't hang, and work."""
    job = Job(
        """
        import time
        job, done = telemetry.batch_job("nightly"), threading.Event()
        def work():
            while not done.is_set():
                with job.run(metric_attributes={"n": 1}) as run, run.step("s"):
                    run.failed(1, "bad")
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        statuses = []
        for _ in range(15):
            child = os.fork()
            if child == 0:
                with job.run() as run: run.processed()
                os._exit(0 if run.state == "succeeded" else 9)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        done.set()
        for thread in threads: thread.join()
        print(statuses)
        """,
        path,
        preamble='import os, threading\nfrom telemetry_kit import Telemetry\ntelemetry = Telemetry("tests")\n',
    )

    assert job.status() == 0, job.errors
    assert job.output.strip() == repr([0] * 15)


@pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="multiprocessing's fork")
def test_a_worker_process_of_a_pool(path: Path) -> None:
    """A forked worker that runs a job flushes it itself, since nobody runs its exit handlers."""
    job = Job(
        """
        import multiprocessing
        def work(_):
            install()
            with Telemetry("tests.worker").batch_job("part", flush_timeout=5.0).run() as run:
                run.processed(2)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            pool.map(work, [1])
        """,
        path,
        preamble=Job.PREAMBLE.replace("\n    install()", ""),
    )

    assert job.status() == 0, job.errors
    assert job.last("job.records", job__name="part") == 2
