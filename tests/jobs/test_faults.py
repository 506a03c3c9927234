"""Whatever breaks in telemetry, a job's result, exception and exit code are what they would have been."""

import asyncio
import contextvars
import functools
import gc
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from telemetry_kit import BatchJob, Telemetry, current_run
from telemetry_kit._jobs import sigterm
from telemetry_kit.testing import Captured, span
from tests.support import Sdk


class Broken(SpanProcessor):
    """Raises where it is told to."""

    def __init__(self, where: str) -> None:
        self.where = where

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self.where == "start":
            raise RuntimeError("broken at the start")

    def on_end(self, span: ReadableSpan) -> None:
        if self.where == "end":
            raise RuntimeError("broken at the end")


@pytest.mark.parametrize("where", ["start", "end"])
def test_a_span_processor_that_raises(sdk: Sdk, telemetry: Telemetry, where: str) -> None:
    """FLT.1: the run and its steps are told by their metrics, and the job's own exception comes out."""
    sdk.tracer_provider.add_span_processor(Broken(where))
    job = telemetry.batch_job("nightly")
    with job.run() as run, run.step("load"):
        pass
    with pytest.raises(ValueError, match="row 7"), job.run():
        raise ValueError("row 7")

    results = {point.attributes["job.result"]: point.count for point in sdk.points("job.duration")}
    assert (results, sdk.value("job.step.duration"), sdk.value("job.active")) == ({"success": 1, "failure": 1}, 1, 0)
    assert sdk.value("telemetry_kit.faults", {"fault.site": "trace.end" if where == "end" else "trace.start_span"}) >= 1


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("metric", ["job.duration", "job.step.duration"])
def test_a_histogram_that_raises(
    captured: Captured, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    """FLT.1: what can't be recorded costs itself; the state of the job is known, its span ends."""

    def broken(*_: Any) -> None:
        raise RuntimeError("no numbers today")

    class Raising:
        def recorder(self) -> Any:
            return broken

    job = telemetry.batch_job("nightly")
    monkeypatch.setitem(job._definition.scope.instruments._histograms, metric, Raising())
    with job.run() as run, run.step("load"):
        run.processed()

    assert (run.state, captured.value("job.active"), captured.point("job.failed").value) == ("succeeded", 0, 0)
    assert captured.value("job.records") == 1
    assert captured.spans == [span("nightly"), span("load", parent="nightly")]


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_error_policy_that_raises(captured: Captured, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLT.1: the exception's detail is lost, the exception isn't, and the span ends."""
    job = telemetry.batch_job("nightly")

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no details today")

    monkeypatch.setattr(type(job._definition.scope.errors), "describe", broken)
    with pytest.raises(ValueError, match="row 7"), job.run():
        raise ValueError("row 7")

    assert captured.span("nightly").attributes["error.type"] == "ValueError"
    assert captured.span("nightly").end is not None


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_exception_that_cannot_be_judged(
    captured: Captured, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FLT.1: it is a failure of type `_OTHER`, never a success."""
    from telemetry_kit._core import outcome

    def broken(_: BaseException) -> str:
        raise RuntimeError("what is this?")

    monkeypatch.setattr(outcome, "error_type", broken)
    with pytest.raises(ValueError), telemetry.batch_job("nightly").run() as run:
        raise ValueError

    assert (run.state, captured.point("job.duration").attributes["error.type"]) == ("failed", "_OTHER")


def test_a_thread_that_cannot_be_started(telemetry: Telemetry, sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLT.1: at the interpreter's shutdown there are no new threads: the flush is left to the exit handlers."""

    def broken(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    job = telemetry.batch_job("nightly", flush_timeout=30.0)
    with monkeypatch.context() as patched, job.run() as run:
        patched.setattr(threading.Thread, "start", broken)
        run._end(None)

    assert run.state == "succeeded"
    assert sdk.value("telemetry_kit.faults", {"fault.site": "job.flush"}) >= 1


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_provider_whose_attributes_raise(captured: Captured) -> None:
    """FLT.1: asking whether it can be flushed is guarded too."""

    class Odd:
        def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
            return captured.tracer_provider.get_tracer("odd")

        @property
        def force_flush(self) -> Any:
            raise RuntimeError("don't look")

    job = Telemetry("shop.orders", tracer_provider=Odd()).batch_job("nightly", flush_timeout=1.0)
    with job.run() as run:
        pass

    assert run.state == "succeeded"


@pytest.mark.telemetry_capture(allow=("never_ended",))
def test_a_job_that_nobody_awaits(captured: Captured, telemetry: Telemetry) -> None:
    """ASY.3: a decorated function that returns a coroutine which is dropped is active no longer, and was no success."""

    async def work() -> None: ...

    lost: Any = lambda: work()
    job = telemetry.batch_job("nightly", handle_sigterm=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        job(lost)()
        gc.collect()

    assert (captured.value("job.active"), captured.points("job.failed"), captured.points("job.duration")) == (0, [], [])
    assert sigterm._runs == []


@pytest.mark.asyncio
@pytest.mark.parametrize("make", [lambda work: functools.partial(work), lambda work: lambda: work()])
async def test_a_job_that_returns_an_awaitable(
    captured: Captured, telemetry: Telemetry, make: Callable[[Any], Callable[[], Any]]
) -> None:
    """ASY.4: partials of coroutine functions and functions that return coroutines run to the end of the await."""

    async def work() -> str | None:
        await asyncio.sleep(0)
        return current_run().state

    job = telemetry.batch_job("nightly")

    assert (await job(make(work))(), captured.value("job.duration", {"job.result": "success"})) == ("running", 1)


def test_a_generator_job_closed_in_another_thread(
    captured: Captured, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    """GEN.3: one ended span, no complaint about contexts, and the consumer's context as it was."""

    @telemetry.batch_job("nightly")
    def batches() -> Iterator[int]:
        yield 1
        yield 2

    generator: Any = batches()
    next(generator)
    thread = threading.Thread(target=generator.close)
    thread.start()
    thread.join()

    assert captured.spans == [span("nightly")]
    assert (caplog.records, current_run().state) == ([], None)


def test_a_run_entered_here_and_ended_in_another_thread(
    captured: Captured, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that is handed over ends where it is ended; nothing complains, and nothing stays current but what has ended."""
    run = telemetry.batch_job("nightly").run()

    def begin_here() -> str | None:
        run._begin_run()
        thread = threading.Thread(target=run._end, args=(None,))
        thread.start()
        thread.join()
        return current_run().state

    current = contextvars.copy_context().run(begin_here)

    assert (run.state, captured.value("job.active"), caplog.records, current) == ("succeeded", 0, [], None)


def test_classes_say_what_they_are(telemetry: Telemetry) -> None:
    """Their representations name the job."""
    job: BatchJob = telemetry.batch_job("nightly")
    run = job.run()

    assert repr(job) == "<BatchJob 'nightly' of 'shop.orders'>"
    assert (repr(run), repr(current_run())) == ("<JobRun of 'nightly', not started>", "<JobRun of no job>")
