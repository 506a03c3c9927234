"""A batch job is checked when it is defined, and decorates any kind of callable without changing it."""

import asyncio
import gc
import inspect
import pickle
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from telemetry_kit import Telemetry, current_run
from telemetry_kit.testing import Captured

telemetry_of_module = Telemetry("tests.jobs")


@telemetry_of_module.batch_job("module-level")
def module_level(rows: int, *, dry: bool = False) -> int:
    """What it does."""
    return rows


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"expected_interval": 0}, ValueError, "expected_interval of batch job 'nightly' must be above zero seconds"),
        ({"expected_interval": -1}, ValueError, "got -1"),
        ({"expected_interval": float("nan")}, ValueError, "above zero"),
        ({"expected_interval": "daily"}, TypeError, "a number of seconds"),
        ({"flush_timeout": -5.0}, ValueError, "flush_timeout of batch job 'nightly'"),
        ({"flush_timeout": True}, TypeError, "flush_timeout"),
        ({"flush_at_start": 3}, TypeError, "flush_at_start"),
        ({"handle_sigterm": "yes"}, TypeError, "handle_sigterm"),
        ({"span": "current"}, TypeError, "span of batch job 'nightly' must be True or False"),
        ({"metric_attributes": ["region"]}, TypeError, "metric_attributes of batch job 'nightly' must be a mapping"),
        ({"run_id": "2026-11-22"}, TypeError, r"\.run\(run_id="),
        ({"expected": [3]}, TypeError, "expected of batch job 'nightly'"),
    ],
)
def test_a_wrong_option_is_refused_when_the_job_is_defined(
    telemetry: Telemetry, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    """The message names the job, the option, the rule and the value."""
    with pytest.raises(error, match=said):
        telemetry.batch_job("nightly", **options)


@pytest.mark.parametrize(("name", "error"), [("", ValueError), (None, TypeError), (7, TypeError)])
def test_a_job_needs_a_name(telemetry: Telemetry, name: Any, error: type[Exception]) -> None:
    """An empty name, or none, is refused."""
    with pytest.raises(error, match="name"):
        telemetry.batch_job(name)


@pytest.mark.parametrize("what", [int, property(lambda self: 1), 7])
def test_what_is_no_function_is_refused(telemetry: Telemetry, what: Any) -> None:
    """A class, a property and what can't be called raise TypeError at decoration, and name the job."""
    with pytest.raises(TypeError, match="batch job 'nightly'"):
        telemetry.batch_job("nightly")(what)


def test_a_run_id_that_cannot_take_the_arguments_is_refused(telemetry: Telemetry) -> None:
    """`run_id` is given what the function is given: whether it can take that is known at decoration."""
    job = telemetry.batch_job("nightly", run_id=lambda: "2026-11-22")

    with pytest.raises(TypeError, match="run_id of batch job 'nightly'"):

        @job
        def main(day: str) -> None: ...


def test_a_decorated_function_looks_as_before() -> None:
    """Signature, name and documentation are those of the function."""
    assert str(inspect.signature(module_level)) == "(rows: int, *, dry: bool = False) -> int"
    assert (module_level.__name__, module_level.__doc__) == ("module_level", "What it does.")


def test_a_decorated_function_pickles() -> None:
    """WRP.2: a module-level job can be sent to another process."""
    assert pickle.loads(pickle.dumps(module_level)) is module_level


def test_the_result_and_the_arguments_pass_through(telemetry: Telemetry) -> None:
    """What the function returns comes back, whatever its parameters are called."""

    @telemetry.batch_job("nightly")
    def main(self: int, func: int, *args: int, **kwargs: int) -> tuple[Any, ...]:
        return self, func, args, kwargs

    assert main(1, 2, 3, wrapped=4) == (1, 2, (3,), {"wrapped": 4})


def test_each_call_is_a_run(captured: Captured, telemetry: Telemetry) -> None:
    """JOB.4: a decorated job can run again and again."""

    @telemetry.batch_job("nightly")
    def main() -> None:
        current_run().processed()

    main()
    main()

    assert (captured.value("job.duration", {"job.result": "success"}), captured.value("job.records")) == (2, 2)


def test_one_job_as_decorator_and_as_context_manager(captured: Captured, telemetry: Telemetry) -> None:
    """JOB.4: both ways on one object make runs of one job."""
    job = telemetry.batch_job("nightly")

    @job
    def main() -> None: ...

    main()
    with job.run():
        pass

    assert captured.point("job.duration", {"job.name": "nightly"}).count == 2


@pytest.mark.asyncio
async def test_an_async_job_runs_until_its_await_ends(captured: Captured, telemetry: Telemetry) -> None:
    """JOB.4: a decorated coroutine function is one run, from its start to its end."""
    going, finish = asyncio.Event(), asyncio.Event()

    @telemetry.batch_job("nightly")
    async def main() -> str:
        going.set()
        await finish.wait()
        return current_run().state or "none"

    task = asyncio.create_task(main())
    await going.wait()
    active = captured.value("job.active")
    finish.set()

    assert (active, await task, captured.value("job.active")) == (1, "running", 0)


def test_a_generator_job_is_current_only_while_its_body_runs(captured: Captured, telemetry: Telemetry) -> None:
    """GEN.1 for jobs: between two items the consumer is in no run."""

    @telemetry.batch_job("nightly")
    def batches() -> Iterator[str | None]:
        yield current_run().state
        yield current_run().state

    seen = [(state, current_run().state) for state in batches()]

    assert (seen, captured.value("job.duration", {"job.result": "success"})) == ([("running", None)] * 2, 1)


@pytest.mark.asyncio
async def test_an_async_generator_job(captured: Captured, telemetry: Telemetry) -> None:
    """An async generator is one run, current while its body runs."""

    @telemetry.batch_job("nightly")
    async def batches() -> AsyncIterator[str | None]:
        yield current_run().state
        yield current_run().state

    seen = [(state, current_run().state) async for state in batches()]

    assert (seen, captured.value("job.duration", {"job.result": "success"})) == ([("running", None)] * 2, 1)


def test_methods_and_callable_objects(captured: Captured, telemetry: Telemetry) -> None:
    """Methods, class and static methods, partials and objects with `__call__` are all jobs."""
    job = telemetry.batch_job("nightly")

    class Work:
        @job
        def method(self) -> str:
            return "method"

        @classmethod
        @job
        def of_class(cls) -> str:
            return "class"

        @job
        @staticmethod
        def static() -> str:
            return "static"

        def __call__(self) -> str:
            return "called"

    assert [Work().method(), Work.of_class(), Work.static(), job(Work())()] == ["method", "class", "static", "called"]
    assert captured.value("job.duration") == 4


def test_jobs_do_not_hold_their_provider() -> None:
    """What is known of jobs goes with the meter provider that it is reported to."""
    provider = MeterProvider(shutdown_on_exit=False)
    telemetry = Telemetry("shop.orders", meter_provider=provider)
    with telemetry.batch_job("billing").run():
        pass
    instruments = weakref.ref(telemetry._scope.instruments)

    del provider, telemetry
    gc.collect()

    assert instruments() is None
