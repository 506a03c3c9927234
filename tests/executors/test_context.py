"""What travels with a task into a thread: OpenTelemetry's context, all context variables, or nothing; and its span."""

import asyncio
import contextvars
import decimal
import functools
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from telemetry_kit import ErrorPolicy, Telemetry, bind
from telemetry_kit.testing import Captured, span
from tests.executors import work
from tests.executors.support import PATIENCE, Gate, fail
from tests.support import Sdk

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")


def span_id() -> int:
    return get_current_span().get_span_context().span_id


def pool_of(telemetry: Telemetry, **options):
    return telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize", **options)


# propagate="otel"


def test_the_submitters_span_is_current_in_the_task(captured: Captured, telemetry: Telemetry) -> None:
    """The default."""
    with pool_of(telemetry) as pool, telemetry.tracer.start_as_current_span("parent") as parent:
        assert pool.submit(span_id).result(PATIENCE) == parent.get_span_context().span_id


def test_baggage_travels(captured: Captured, telemetry: Telemetry) -> None:
    """All of OpenTelemetry's context does."""
    with pool_of(telemetry) as pool:
        token = otel_context.attach(baggage.set_baggage("tenant", "a"))
        future = pool.submit(baggage.get_baggage, "tenant")
        otel_context.detach(token)
        assert future.result(PATIENCE) == "a"


def test_each_task_has_the_context_of_its_own_submission(captured: Captured, telemetry: Telemetry) -> None:
    """Not of the thread's first task, and nothing stays behind in the worker."""
    with pool_of(telemetry) as pool:
        with telemetry.tracer.start_as_current_span("parent"):
            pool.submit(span_id).result(PATIENCE)
        assert pool.submit(span_id).result(PATIENCE) == 0
        assert pool.__wrapped__.submit(span_id).result(PATIENCE) == 0


def test_nothing_stays_behind_after_a_failure(captured: Captured, telemetry: Telemetry) -> None:
    """Not even of a BaseException."""
    with pool_of(telemetry) as pool:
        with telemetry.tracer.start_as_current_span("parent"):
            pool.submit(fail, KeyboardInterrupt()).exception(PATIENCE)
        assert pool.__wrapped__.submit(span_id).result(PATIENCE) == 0


def test_a_context_that_a_task_leaves_attached_is_gone_with_it(telemetry: Telemetry) -> None:
    """A task that attaches and forgets to detach doesn't become the parent of all later ones."""
    with pool_of(telemetry) as pool:
        pool.submit(otel_context.attach, otel_context.set_value("left", "behind")).result(PATIENCE)
        assert pool.submit(otel_context.get_value, "left").result(PATIENCE) is None


def test_other_variables_stay(telemetry: Telemetry) -> None:
    """`"otel"` is OpenTelemetry's context only."""
    with pool_of(telemetry) as pool:
        assert contextvars.copy_context().run(
            lambda: (variable.set("mine"), pool.submit(variable.get).result())[1]
        ) == ("default")


def test_map_carries_it_too(captured: Captured, telemetry: Telemetry) -> None:
    """For each call, from where `map` was called."""
    with pool_of(telemetry) as pool, telemetry.tracer.start_as_current_span("parent") as parent:
        ids = pool.map(lambda _: span_id(), range(3))
    assert list(ids) == [parent.get_span_context().span_id] * 3


@pytest.mark.parametrize("propagate", ["otel", "contextvars", None])
def test_without_an_sdk_the_context_travels_all_the_same(propagate) -> None:
    """Other libraries' spans need it, or a service that only passes it on."""
    telemetry = Telemetry("shop.nobody")
    with pool_of(telemetry, propagate=propagate) as pool:
        token = otel_context.attach(otel_context.set_value("key", "value"))
        future = pool.submit(otel_context.get_value, "key")
        otel_context.detach(token)
        assert future.result(PATIENCE) == (None if propagate is None else "value")


# propagate="contextvars" and None


@pytest.mark.parametrize("options", [{}, {"sample_durations": 0.0}, {"span": True}])
def test_all_context_variables_travel_where_asked_for(captured: Captured, telemetry: Telemetry, options) -> None:
    """The caller's decimal precision, say."""
    with pool_of(telemetry, propagate="contextvars", **options) as pool, decimal.localcontext() as context:
        context.prec = 5
        with telemetry.tracer.start_as_current_span("parent"):
            assert pool.submit(lambda: str(decimal.Decimal(1) / 3)).result(PATIENCE) == "0.33333"


def test_a_tasks_own_changes_stay_with_it(telemetry: Telemetry) -> None:
    """It runs in a copy."""

    def task():
        variable.set("the task's")
        return variable.get()

    with pool_of(telemetry, propagate="contextvars") as pool:
        assert pool.submit(task).result(PATIENCE) == "the task's"
        assert variable.get() == "default"
        assert pool.submit(variable.get).result(PATIENCE) == "default"


def test_one_context_can_be_in_several_tasks_at_once(telemetry: Telemetry) -> None:
    """Each has a copy of its own."""
    gates = [Gate(variable.get) for _ in range(3)]
    with telemetry.wrap_executor(ThreadPoolExecutor(3), name="resize", propagate="contextvars") as pool:
        futures = [pool.submit(gate) for gate in gates]
        for gate in gates:
            gate.until_started()
        for gate in gates:
            gate.opened.set()
        assert [future.result(PATIENCE) for future in futures] == ["default"] * 3


def test_nothing_travels_where_nothing_shall(captured: Captured, telemetry: Telemetry) -> None:
    """`propagate=None`."""
    with pool_of(telemetry, propagate=None) as pool, telemetry.tracer.start_as_current_span("parent"):
        assert pool.submit(span_id).result(PATIENCE) == 0


# span=True


def test_a_task_has_a_span_whose_parent_is_the_submitters(captured: Captured, telemetry: Telemetry) -> None:
    """It is current in the task, and named as the function."""
    with pool_of(telemetry, span=True) as pool, telemetry.span("parent"):
        inner = pool.submit(span_id).result(PATIENCE)
    assert captured.spans == [
        span("parent"),
        span("span_id", parent="parent", kind=SpanKind.INTERNAL, status=StatusCode.UNSET),
    ]
    assert captured.span("span_id").span_id == inner
    assert captured.span("span_id").scope == "shop.orders"


def test_a_tasks_span_lasts_as_long_as_it_runs(captured: Captured, telemetry: Telemetry) -> None:
    """The wait before is an attribute of it."""
    first, second = Gate(), Gate()
    with pool_of(telemetry, span=True, metric_attributes={"tenant": "a"}) as pool:
        pool.submit(first)
        first.until_started()
        pool.submit(second)
        captured.clock.advance(3)
        first.opened.set()
        second.until_started()
        second.opened.set()
    assert dict(captured.spans[1].attributes) == {
        "code.function.name": "tests.executors.support.Gate",
        "executor.name": "resize",
        "executor.queue.wait_time": 3.0,
        "executor.task.outcome": "succeeded",
        "executor.type": "thread",
        "tenant": "a",
    }


def test_a_failed_tasks_span_says_so(captured: Captured, telemetry: Telemetry) -> None:
    """Type, status, and the exception in detail."""
    with pool_of(telemetry, span=True) as pool:
        pool.submit(int, "x").exception(PATIENCE)
    span = captured.span("int")
    assert (span.attributes["error.type"], span.attributes["executor.task.outcome"]) == ("ValueError", "failed")
    assert span.status.status_code is StatusCode.ERROR
    assert "invalid literal" in span.status.description
    assert [event.name for event in span.events] == ["exception"]


def test_the_error_policy_bounds_the_detail(captured: Captured) -> None:
    """Two detailed records, and a status on each span (STM.1)."""
    telemetry = Telemetry("shop.orders", errors=ErrorPolicy(rate=0, burst=2))
    with pool_of(telemetry, span=True) as pool:
        for _ in range(5):
            pool.submit(int, "x")
    assert sum(len(span.events) for span in captured.spans) == 2
    assert {span.status.status_code for span in captured.spans} == {StatusCode.ERROR}


def test_a_cancellation_is_no_error_on_the_span(captured: Captured, telemetry: Telemetry) -> None:
    """`error.type="cancelled"`, status unset."""
    with pool_of(telemetry, span=True) as pool:
        pool.submit(fail, asyncio.CancelledError()).exception(PATIENCE)
    assert captured.span().attributes["error.type"] == "cancelled"
    assert captured.span().status.status_code is StatusCode.UNSET


def test_a_task_that_never_runs_has_no_span(captured: Captured, telemetry: Telemetry) -> None:
    """Cancelled in the queue, or rejected."""
    gate = Gate()
    pool = pool_of(telemetry, span=True)
    pool.submit(gate)
    gate.until_started()
    pool.submit(abs, 1).cancel()
    gate.opened.set()
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(abs, 1)
    assert [span.name for span in captured.spans] == ["Gate"]


def test_durations_have_the_tasks_span_as_exemplar(sdk: Sdk, telemetry: Telemetry) -> None:
    """The measurement is made while the span is current."""
    with pool_of(telemetry, span=True) as pool, sdk.tracer.start_as_current_span("parent") as parent:
        pool.submit(abs, 1).result(PATIENCE)
        trace_id = parent.get_span_context().trace_id
    metrics = sdk.metrics()  # one collection: it takes the exemplars with it
    (duration,) = metrics["executor.task.duration"].data.data_points[0].exemplars
    (wait,) = metrics["executor.queue.wait_time"].data.data_points[0].exemplars
    assert (duration.trace_id, duration.span_id) == (trace_id, sdk.span("abs").context.span_id)
    assert (wait.trace_id, wait.span_id) == (trace_id, parent.get_span_context().span_id)


def test_with_a_span_and_nothing_else_the_parent_is_still_the_submitters(
    captured: Captured, telemetry: Telemetry
) -> None:
    """`propagate=None` leaves baggage behind; the span has its place in the trace."""
    with (
        pool_of(telemetry, span=True, propagate=None) as pool,
        telemetry.span("parent"),
    ):
        token = otel_context.attach(baggage.set_baggage("tenant", "a"))
        future = pool.submit(lambda: (span_id(), baggage.get_baggage("tenant")))
        otel_context.detach(token)
        inner, tenant = future.result(PATIENCE)
    assert captured.spans == [span("parent"), span("<lambda>", parent="parent")]
    assert (inner, tenant) == (captured.span("<lambda>").span_id, None)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (functools.partial(work.square, 2), "square"),
        (functools.partial(functools.partial(int), "3"), "int"),
        (functools.update_wrapper(functools.partial(int, "3"), work.square), "square"),
        (bind(functools.partial(work.square, 2)), "square"),
        (work.Image(4).half, "Image.half"),
        (work.Image.make, "Image.make"),
        (lambda *_: 1, "<lambda>"),
        (Gate, "Gate"),
    ],
)
def test_a_span_is_named_as_the_function(captured: Captured, telemetry: Telemetry, function, name) -> None:
    """Through partials that were given no name of their own, without `<locals>`."""
    with pool_of(telemetry, span=True) as pool:
        pool.submit(function, *([1] if name == "Image.make" else [])).result(PATIENCE)
    assert [span.name for span in captured.spans] == [name]


def test_to_thread_has_the_functions_name_and_the_tasks_span_inside(captured: Captured, telemetry: Telemetry) -> None:
    """asyncio runs the function in a context of its own: the task's span must be current there."""
    pool = pool_of(telemetry, span=True)

    async def main():
        asyncio.get_running_loop().set_default_executor(pool)
        with telemetry.tracer.start_as_current_span("parent"):
            variable.set("the coroutine's")
            return await asyncio.to_thread(lambda: (span_id(), variable.get()))

    inner, value = asyncio.run(main())
    span = captured.span("<lambda>")
    assert (inner, value) == (span.span_id, "the coroutine's")
    assert span.parent is captured.span("parent")


def test_an_executor_of_the_users_own_gets_the_real_context(captured: Captured, telemetry: Telemetry) -> None:
    """Where the task stays in the process, the submitter's context does, not a copy by headers."""

    class Inline(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.set_result(contextvars.Context().run(fn, *args, **kwargs))
            return future

    pool = telemetry.wrap_executor(Inline(), name="resize", span=True)
    with telemetry.tracer.start_as_current_span("parent") as parent:
        recording = pool.submit(lambda: get_current_span().is_recording()).result()
    assert recording
    assert captured.span("<lambda>").parent.span_id == parent.get_span_context().span_id
    assert not captured.span("<lambda>").parent.is_remote
