"""EXE.3: accounting that raises never fails a task, and is said once. All places where the kit calls out."""

import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import Sampler

from telemetry_kit import Telemetry
from telemetry_kit._core import faults, reentrancy
from telemetry_kit.testing import Captured
from tests.executors.support import PATIENCE, Recorded, fail, outcomes, submitted
from tests.support import Sdk, use_clock


class Broken(Exception):
    """What telemetry raises here."""


def broken(*_args, **_kwargs):
    raise Broken


def check(telemetry: Telemetry, recorded: Recorded, executor: Executor | None = None, **options) -> set[str]:
    """Run a succeeding, a failing and an interrupted task, see them decided; the sites at which faults were counted."""
    before = faults.counts()
    with telemetry.wrap_executor(executor or ThreadPoolExecutor(1), name="resize", **options) as pool:
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        with pytest.raises(ValueError, match="no"):
            pool.submit(fail, ValueError("no")).result(PATIENCE)
        with pytest.raises(KeyboardInterrupt):
            pool.submit(fail, KeyboardInterrupt()).result(PATIENCE)
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
    assert outcomes(recorded) == {"succeeded": 3, "failed": 2}
    return {site for site, number in faults.counts().items() if number > before.get(site, 0)}


def test_a_histogram_that_raises(sdk: Sdk, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXE.3: the SDK's record()."""
    monkeypatch.setattr("opentelemetry.sdk.metrics._internal.instrument.Histogram.record", broken)
    monkeypatch.setattr("opentelemetry.sdk.metrics.Histogram.record", broken)
    assert check(telemetry, sdk) == {"metrics.record"}


def test_a_tracer_that_raises(sdk: Sdk, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXE.3: start_span(): the tasks run without a span."""
    monkeypatch.setattr("opentelemetry.sdk.trace.Tracer.start_span", broken)
    assert check(telemetry, sdk, span=True) == {"trace.start_span"}


def test_a_sampler_that_raises() -> None:
    """EXE.3: behind start_span()."""

    class BrokenSampler(Sampler):
        should_sample = broken

        def get_description(self):
            return "broken"

    sdk = Sdk(sampler=BrokenSampler())
    assert check(sdk.telemetry(), sdk, span=True) == {"trace.start_span"}
    sdk.shutdown()


@pytest.mark.parametrize("method", ["on_start", "on_end"])
def test_a_span_processor_that_raises(sdk: Sdk, telemetry: Telemetry, method: str) -> None:
    """EXE.3: the host's."""

    class BrokenProcessor(SpanProcessor):
        pass

    setattr(BrokenProcessor, method, broken)
    sdk.tracer_provider.add_span_processor(BrokenProcessor())
    assert check(telemetry, sdk, span=True) <= {"trace.start_span", "trace.end", "metrics.record"}


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_clock_that_raises(captured: Captured, telemetry: Telemetry) -> None:
    """EXE.3: nobody's clock does, but the guard holds: the task is submitted unseen."""

    class BrokenClock:
        perf_counter = time = time_ns = staticmethod(broken)

    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    with use_clock(BrokenClock()):
        assert pool.submit(abs, -1).result(PATIENCE) == 1
    pool.shutdown()
    assert submitted(captured) == 0


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("site", ["get_current", "attach", "detach"])
@pytest.mark.parametrize("options", [{}, {"sample_durations": 0.0}])
def test_a_context_that_raises(captured, telemetry, monkeypatch: pytest.MonkeyPatch, site, options) -> None:
    """EXE.3: a context runtime of the host's own."""
    where = "_executors.wrap" if site == "get_current" else "_executors.tasks"
    before = faults.counts()
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", **options) as pool, monkeypatch.context() as m:
        pool.submit(abs, 1).result(PATIENCE)
        monkeypatch_target = f"telemetry_kit.{where}.{site}"
        m.setattr(monkeypatch_target, broken)
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        with pytest.raises(ValueError, match="no"):
            pool.submit(fail, ValueError("no")).result(PATIENCE)
    assert {s for s, n in faults.counts().items() if n > before.get(s, 0)} <= {"executor.submit", "executor.context"}


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_error_type_that_raises(captured: Captured, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXE.3: an exception that can't be judged is `_OTHER`, and failed."""
    monkeypatch.setattr("telemetry_kit._core.outcome.error_type", broken)
    assert check(telemetry, captured) == {"executor.error_type"}
    assert captured.value("executor.task.duration", {"error.type": "_OTHER"}) == 2


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_error_policy_that_raises(captured: Captured, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXE.3: recording the exception on the span."""
    monkeypatch.setattr("telemetry_kit._errors.recorder.ErrorRecorder.admit", broken)
    assert check(telemetry, captured, span=True) == {"span.error"}


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_exception_whose_str_raises(captured: Captured, telemetry: Telemetry) -> None:
    """ASY.7: it comes out as it is."""

    class Mute(Exception):
        def __str__(self):
            raise Broken

    exc = Mute()
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", span=True) as pool:
        assert pool.submit(fail, exc).exception(PATIENCE) is exc
    assert outcomes(captured) == {"failed": 1}


@pytest.mark.telemetry_capture(allow=("fault",))
def test_an_executor_that_gives_no_future(captured: Captured, telemetry: Telemetry) -> None:
    """What it gives is handed on, whatever it is."""

    class Odd(Executor):
        def submit(self, fn, /, *args, **kwargs):
            return fn(*args, **kwargs)

    pool = telemetry.wrap_executor(Odd(), name="resize")
    assert pool.submit(abs, -1) == 1
    assert outcomes(captured) == {"succeeded": 1}


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_limit_that_raises_does_not_lose_the_others(captured: Captured, telemetry: Telemetry) -> None:
    """PRC.5: one bad source in a callback."""

    class Odd(Executor):
        @property
        def _max_workers(self):
            raise Broken

        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.set_result(fn(*args, **kwargs))
            return future

    odd = telemetry.wrap_executor(Odd(), name="odd")
    odd.submit(abs, 1)
    with telemetry.wrap_executor(ThreadPoolExecutor(3), name="resize"):
        assert outcomes(captured, "odd") == {"succeeded": 1}
        assert captured.value("executor.worker.limit") == 3


def test_a_submission_from_a_finaliser_in_the_middle_of_a_record(captured: Captured, telemetry: Telemetry) -> None:
    """PRC.2: no deadlock, and exact; the times of a task that runs there wait for a safe point."""

    class Inline(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.set_result(fn(*args, **kwargs))
            return future

    pool = telemetry.wrap_executor(Inline(), name="resize", span=True)

    class Last:
        def __del__(self):
            pool.submit(abs, 1)

    last = [Last()]
    reentrancy.inside(last.clear)
    assert outcomes(captured) == {"succeeded": 1}
    assert captured.value("executor.task.duration") in (0, 1)
    assert captured.value("executor.task.duration") == 1  # the collection was a safe point
    assert captured.span("abs").attributes["executor.task.outcome"] == "succeeded"


def test_a_provider_that_was_shut_down(sdk: Sdk, telemetry: Telemetry) -> None:
    """PRC.4: tasks go on, and the counts too."""
    sdk.tracer_provider.shutdown()
    with telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", span=True) as pool:
        sdk.meter_provider.shutdown()
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        assert pool._self_accounting.counts.totals()[0] == 1


def test_a_log_handler_that_submits(sdk: Sdk, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLT.3: the failure path doesn't recurse through a handler that uses the pool."""
    import logging

    pool = telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
    done = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record):
            pool.submit(done.set)

    monkeypatch.setattr(faults, "_said", {})
    monkeypatch.setattr("opentelemetry.sdk.metrics.Histogram.record", broken)
    monkeypatch.setattr("opentelemetry.sdk.metrics._internal.instrument.Histogram.record", broken)
    handler = Handler()
    faults.LOGGER.addHandler(handler)
    try:
        pool.submit(abs, 1).result(PATIENCE)
        assert done.wait(PATIENCE)
    finally:
        faults.LOGGER.removeHandler(handler)
        pool.shutdown()
    assert outcomes(sdk) == {"succeeded": 2}
