"""How a run ends, and what span, metric and caller see of it."""

import asyncio
import builtins
import concurrent.futures
import signal
import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import StatusCode

from telemetry_kit import BatchJob, Telemetry
from telemetry_kit.testing import Captured, point, span
from tests.support import Sdk


@pytest.fixture
def job(telemetry: Telemetry) -> BatchJob:
    return telemetry.batch_job("nightly")


class Unhashable(str):
    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize(
    ("exc", "error_type"),
    [
        (ValueError("no"), "ValueError"),
        (SystemExit(1), "SystemExit"),
        (SystemExit("out of disk"), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (Odd(), f"{__name__}.Odd"),
    ],
)
def test_a_failure(captured: Captured, job: BatchJob, exc: BaseException, error_type: str) -> None:
    """JOB.1: exceptions, exit codes and Ctrl-C are failures under their own name, and come out as they are."""
    with pytest.raises(type(exc)) as caught, job.run() as run:
        raise exc

    assert caught.value is exc
    failed = {"job.name": "nightly", "job.result": "failure", "error.type": error_type}
    assert captured.points("job.duration") == [point(count=1, attributes={**failed, "scope.name": "shop.orders"})]
    assert captured.spans == [span("nightly", status=StatusCode.ERROR, attributes=failed)]
    assert (run.state, captured.value("job.failed")) == ("failed", 1)


def test_a_name_for_a_failure_keeps_the_exception(captured: Captured, job: BatchJob) -> None:
    """What the user called it is the `error.type`; the exception that came out as well is still told in detail."""
    with pytest.raises(ValueError), job.run() as run:
        run.mark_failed("bad_source")
        raise ValueError("row 7")

    span = captured.span("nightly")
    assert (captured.point("job.duration").attributes["error.type"], span.status.description) == ("bad_source", "row 7")
    assert [event.attributes["exception.type"] for event in span.events] == ["ValueError"]


@pytest.mark.parametrize("exc", [SystemExit(0), SystemExit(None), SystemExit()])
def test_an_exit_without_an_error_is_success(captured: Captured, job: BatchJob, exc: BaseException) -> None:
    """JOB.1: `sys.exit(0)` is success, with its timestamp and no `error.type`."""
    with pytest.raises(SystemExit), job.run() as run:
        raise exc

    assert (run.state, captured.point("job.failed").value) == ("succeeded", 0)
    assert captured.point("job.success.timestamp").value > 0
    assert captured.span().status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("kind", [asyncio.CancelledError, concurrent.futures.CancelledError])
def test_a_cancelled_run(captured: Captured, job: BatchJob, kind: type[BaseException]) -> None:
    """ASY.1: cancellation is a result of its own, no error of the span, and no success."""
    with pytest.raises(kind), job.run() as run:
        raise kind

    result = captured.point("job.duration").attributes
    assert {result["job.result"], result["error.type"], run.state} == {"cancelled"}
    assert (captured.span().status.status_code, captured.point("job.success.timestamp").value) == (StatusCode.UNSET, 0)
    assert captured.point("job.failed").value == 1


@pytest.mark.asyncio
async def test_a_cancelled_task(captured: Captured, job: BatchJob) -> None:
    """JOB.4: an async job whose task is cancelled ends as cancelled."""
    going = asyncio.Event()

    @job
    async def main() -> None:
        going.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(main())
    await going.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert captured.value("job.duration", {"job.result": "cancelled"}) == 1


@pytest.mark.asyncio
async def test_async_with(captured: Captured, job: BatchJob) -> None:
    """`async with job.run()` is the same as `with`."""
    with pytest.raises(ValueError):
        async with job.run() as run:
            run.processed()
            raise ValueError

    assert (run.state, captured.value("job.records")) == ("failed", 1)


@pytest.mark.parametrize("expected", [KeyError, (KeyError, OSError), [KeyError], lambda exc: isinstance(exc, KeyError)])
def test_an_expected_exception_is_success(captured: Captured, telemetry: Telemetry, expected: Any) -> None:
    """What the job expects is no failure: span status unset, success written, and the exception propagates."""
    job = telemetry.batch_job("nightly", expected=expected)
    with pytest.raises(KeyError), job.run() as run, run.step("load"):
        raise KeyError

    assert (run.state, captured.point("job.failed").value) == ("succeeded", 0)
    assert [span.status.status_code for span in captured.spans] == [StatusCode.UNSET] * 2


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_rule_that_raises_makes_no_success(captured: Captured, telemetry: Telemetry) -> None:
    """FLT.1: `expected` that raises is a counted fault; the exception is a failure and comes out."""

    def rule(exc: BaseException) -> bool:
        raise RuntimeError("broken rule")

    with pytest.raises(KeyError), telemetry.batch_job("nightly", expected=rule).run() as run:
        raise KeyError

    assert (run.state, captured.value("telemetry_kit.faults", {"fault.site": "job.expected"}) >= 1) == ("failed", True)


def test_the_exception_is_told_once(captured: Captured, job: BatchJob) -> None:
    """ASY.6: through a step and a run it is an error in both and recorded in detail once."""
    with pytest.raises(ValueError), job.run() as run, run.step("load"):
        raise ValueError("row 7")

    assert captured.spans == [span("nightly", events=[]), span("load", events=["exception"])]
    assert [failed.attributes["error.type"] for failed in captured.spans] == ["ValueError"] * 2


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_error_types_without_end_are_bounded(captured: Captured, job: BatchJob) -> None:
    """STM.3: `mark_failed` with names that never end keeps the first 100, then `_OTHER`."""
    for number in range(150):
        with job.run() as run:
            run.mark_failed(f"error {number}")

    assert len(captured.points("job.duration")) == 101
    assert captured.value("job.duration", {"error.type": "_OTHER"}) == 50


class Broken(Sampler):
    def should_sample(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no spans today")

    def get_description(self) -> str:
        return "broken"


def test_a_broken_sdk_changes_nothing() -> None:
    """FLT.1: an SDK that can't start a span costs the span, not the run."""
    sdk = Sdk(sampler=Broken())
    with sdk.telemetry().batch_job("nightly").run() as run, run.step("load"):
        run.processed()

    assert (run.state, sdk.value("job.duration"), sdk.value("job.records"), sdk.spans()) == ("succeeded", 1, 1, [])
    sdk.shutdown()


@pytest.mark.telemetry_capture(allow=("fault", "dropped"))
def test_odd_arguments_change_nothing(captured: Captured, job: BatchJob) -> None:
    """FLT.2: what is no number, no name and no mapping is a counted fault, and what was right is counted."""
    run = job.run(metric_attributes=7, run_id=Odd(), links=7, carrier=7)  # type: ignore[arg-type]
    with run:
        run.processed("many")  # type: ignore[arg-type]
        run.processed(-1)
        run.processed(10**30)
        run.failed(float("nan"))  # type: ignore[arg-type]
        run.failed(None, object())  # type: ignore[arg-type]
        run.failed(1, Unhashable())
        run.progress("half", None)  # type: ignore[arg-type]
        assert captured.points("job.progress") == []
        run.progress(float("inf"), 3)
        run.set_attribute("x", object())
        run.mark_skipped(object())  # type: ignore[arg-type]
        run.processed(2)
        with run.step(None):  # type: ignore[arg-type]
            pass
        assert captured.points("job.progress") == []

    assert (run.state, captured.value("job.records"), captured.value("job.duration")) == ("skipped", 3, 1)


def test_sigterm_in_the_main_thread_ends_the_run(captured: Captured, telemetry: Telemetry) -> None:
    """JOB.1: where it is asked for, SIGTERM raises SystemExit with the signal's status, and the run has failed."""
    job = telemetry.batch_job("nightly", handle_sigterm=True)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, job.run() as run:
        signal.raise_signal(signal.SIGTERM)

    assert (caught.value.code, run.state) == (128 + signal.SIGTERM, "failed")
    assert captured.point("job.duration").attributes["error.type"] == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_handler_that_was_there_is_put_back(telemetry: Telemetry) -> None:
    """JOB.1: after the last of several runs, and after a success too."""
    job = telemetry.batch_job("nightly", handle_sigterm=True)
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        with job.run():
            with job.run():
                pass
            during = signal.getsignal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    finally:
        mine = signal.signal(signal.SIGTERM, before)

    assert during is not mine
    assert came == [signal.SIGTERM]


def test_a_handler_that_somebody_else_has_set_meanwhile_stays(telemetry: Telemetry) -> None:
    """A handler that the job's own code installs is not undone by the end of the run."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with telemetry.batch_job("nightly", handle_sigterm=True).run():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        after = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert after is signal.SIG_IGN


def test_sigterm_is_left_alone_in_other_threads(telemetry: Telemetry) -> None:
    """Python's handlers belong to the main thread: a run in another one changes nothing, and runs."""
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    def work() -> None:
        with telemetry.batch_job("nightly", handle_sigterm=True).run() as run:
            seen.append(signal.getsignal(signal.SIGTERM))
        seen.append(run.state)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [before, "succeeded"]


def test_a_handler_that_could_not_be_put_back_is_left_alone(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that C code installed is none of Python's: the run changes nothing, and runs."""
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patched:
        patched.setattr(signal, "getsignal", lambda _: None)
        run = telemetry.batch_job("nightly", handle_sigterm=True).run()
        run._begin_run()
    during = signal.getsignal(signal.SIGTERM)
    run._end(None)

    assert (during, run.state) == (before, "succeeded")


def test_sigterm_while_a_run_ends_waits_for_its_end(
    captured: Captured, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRC.2: SIGTERM that arrives while the end is being recorded is raised after it, and loses nothing of it."""
    job = telemetry.batch_job("nightly", handle_sigterm=True)
    record = job._definition.scope.instruments.histogram("job.duration").recorder()
    assert record is not None

    def interrupted(*args: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        record(*args)

    class Interrupted:
        def recorder(self) -> Any:
            return interrupted

    monkeypatch.setitem(job._definition.scope.instruments._histograms, "job.duration", Interrupted())
    with pytest.raises(SystemExit), job.run() as run:
        pass

    assert (run.state, captured.value("job.duration", {"job.result": "success"})) == ("succeeded", 1)
    assert captured.span("nightly").end is not None


def test_sigterm_at_the_start_ends_what_could_not_be_entered(
    captured: Captured, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is terminated in its first flush, when `with` would not end it, is no longer active."""
    from telemetry_kit._jobs import flush

    job = telemetry.batch_job("nightly", handle_sigterm=True, flush_at_start=True)
    monkeypatch.setattr(flush, "flush", lambda *_: signal.raise_signal(signal.SIGTERM))
    run = job.run()
    with pytest.raises(SystemExit), run:
        pass

    assert (run.state, captured.value("job.active")) == ("failed", 0)


@pytest.mark.telemetry_capture(allow=("never_ended",))
def test_ctrl_c_in_the_middle_of_the_end_is_not_swallowed(
    captured: Captured, job: BatchJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASY.2: KeyboardInterrupt inside of telemetry code comes out, and the run doesn't stay active."""
    monkeypatch.setattr(job._definition, "expected", _interrupt)
    run = job.run()
    with pytest.raises(KeyboardInterrupt), run:
        raise ValueError

    assert (run.state, captured.value("job.active"), captured.point("job.failed").value) == ("failed", 0, 1)


def _interrupt(_: BaseException) -> bool:
    raise KeyboardInterrupt


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of Python 3.11")
def test_a_group_of_one_kind(captured: Captured, job: BatchJob) -> None:
    """ASY.2: a group whose leaves are of one type has that type."""
    group: Any = vars(builtins)["BaseExceptionGroup"]
    with pytest.raises(group), job.run():
        raise group("two", [OSError(1), OSError(2)])

    assert captured.point("job.duration").attributes["error.type"] == "OSError"
