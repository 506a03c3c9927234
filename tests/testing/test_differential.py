"""The recording providers against the real SDK: the same program, generated, gives the same in both.

A program is a list of steps, nested where a step opens a block. It is run twice, once with the SDK's providers and once
in a capture, and everything that was recorded is compared: points with their buckets; spans with kinds, attributes,
parents, statuses, links and events; log records with severities. Ids are numbered in both, so that they are comparable.
"""

import asyncio
import contextlib
import gc
import itertools
import os
import queue
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from telemetry_kit import ErrorPolicy, Objective, Telemetry, attached, extract
from telemetry_kit._recording.sink import Sink
from telemetry_kit.conventions import HTTP_CLIENT
from telemetry_kit.testing import Captured, FakeClock, capture_and_watch
from tests.support import Sdk, use_clock

PROGRAMS = int(os.environ.get("TELEMETRY_KIT_PROGRAMS", "60"))
"""How many are generated; `TELEMETRY_KIT_PROGRAMS=2000` for whoever changes the providers."""
scopes = itertools.count()
_STACKTRACE = "exception.stacktrace"


def _refuses_nan() -> bool:
    sdk = Sdk()
    sdk.meter_provider.get_meter("probe").create_counter("probe").add(float("nan"))
    refused = sdk.points("probe") == []
    sdk.shutdown()
    return refused


names = st.sampled_from(["a", "b", "c"])
values = st.one_of(
    st.sampled_from(["", "x", "é", "x" * 300]),
    st.integers(-3, 3),
    st.booleans(),
    st.sampled_from([0.5, -1.0, 1e300]),
    st.lists(st.sampled_from(["p", "q"]), max_size=2),
)
attributes = st.dictionaries(st.sampled_from(["k1", "k2", "k3"]), values, max_size=3)
low = st.dictionaries(st.sampled_from(["k1", "k2"]), st.sampled_from(["u", "v"]), max_size=2)
_NOT_FINITE = [float("nan"), float("inf")] if _refuses_nan() else []
"""Older SDKs added them up."""
amounts = st.sampled_from([-1, 0, 1, 2.5, 7, 1e6, *_NOT_FINITE])


class Boom(Exception):
    """Raised by programs."""


class Numbered(IdGenerator):
    """As a capture numbers them."""

    def __init__(self) -> None:
        sink = Sink()
        self._traces, self._spans = itertools.count(sink.new_trace_id()), itertools.count(sink.new_span_id())

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)


class Run:
    """Runs a program on a `Telemetry`."""

    def __init__(self, telemetry: Telemetry, clock: FakeClock) -> None:
        self.telemetry = telemetry
        self.clock = clock
        self.queue: queue.Queue[int] | None = None
        self.seen: list[SpanContext] = []
        self.levels: dict[str, float] = {}
        self.pool = telemetry.pool("pool", limit=2)
        self.job = telemetry.batch_job("job")
        for kind in ("counter", "up_down_counter", "gauge"):
            create = getattr(telemetry.meter, f"create_observable_{kind}")
            create(f"observed.{kind}", callbacks=[self._observe], unit="1", description="Observed")

    def _observe(self, _: object) -> list[Observation]:
        return [Observation(level, {"level": name}) for name, level in self.levels.items()]

    def block(self, steps: list[Any]) -> None:
        for name, *arguments in steps:
            getattr(self, name)(*arguments)

    # Plain OpenTelemetry

    def plain_span(self, name: str, kind: SpanKind, given: Any, raises: bool, inner: list[Any]) -> None:
        links = [Link(context, {"n": number}) for number, context in enumerate(self.seen[-2:])]
        tracer = self.telemetry.tracer
        with (
            contextlib.suppress(Boom),
            tracer.start_as_current_span(name, kind=kind, attributes=given, links=links) as span,
        ):
            self.seen.append(span.get_span_context())
            self.block(inner)
            if raises:
                raise Boom("plain")

    def unsampled(self, sampled: bool, inner: list[Any]) -> None:
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        parent = NonRecordingSpan(SpanContext(7, 7, is_remote=True, trace_flags=flags))
        with trace.use_span(parent):
            self.block(inner)

    def set(self, given: Any) -> None:
        trace.get_current_span().set_attributes(given)

    def event(self, name: str, given: Any) -> None:
        trace.get_current_span().add_event(name, given, timestamp=5)

    def link(self) -> None:
        for context in self.seen[-1:]:
            trace.get_current_span().add_link(context, {"late": True})

    def status(self, code: StatusCode, words: str | None, whole: bool) -> None:
        words = words if code is StatusCode.ERROR else None
        arguments = (Status(code, words),) if whole else (code, words)
        trace.get_current_span().set_status(*arguments)

    def rename(self, name: str) -> None:
        trace.get_current_span().update_name(name)

    def end(self) -> None:
        trace.get_current_span().end()

    def record(self) -> None:
        trace.get_current_span().record_exception(Boom("recorded"), {"more": 1})

    def measure(self, kind: str, name: str, amount: float, given: Any) -> None:
        meter = self.telemetry.meter
        instrument: Any = getattr(meter, f"create_{kind}")(f"{name}.{kind}", unit="1", description="Made")
        call = {"histogram": "record", "gauge": "set"}.get(kind, "add")
        getattr(instrument, call)(amount, given)

    def level(self, name: str, amount: float) -> None:
        self.levels[name] = amount

    def log(self, name: str, severity: SeverityNumber, body: Any, given: Any) -> None:
        self.telemetry.logger.emit(
            timestamp=3,
            event_name=name,
            severity_number=severity,
            severity_text=severity.name,
            body=body,
            attributes=given,
        )

    # The kit

    def operation(self, name: str, metric: Any, given: Any, outcome: str, inner: list[Any], mode: Any) -> None:
        operation = self.telemetry.operation(name, span=mode)
        with (
            contextlib.suppress(Boom),
            operation.measure(metric_attributes=metric, span_attributes=given) as measurement,
        ):
            self.block(inner)
            if outcome == "raises":
                raise Boom(name)
            if outcome == "fails":
                measurement.fail("failed", "as told")

    def kit_span(self, name: str, given: Any, raises: bool, inner: list[Any]) -> None:
        with contextlib.suppress(Boom), self.telemetry.span(name, attributes=given):
            self.block(inner)
            if raises:
                raise Boom(name)

    def kit_event(self, name: str, given: Any, severity: str) -> None:
        self.telemetry.event(name, given, severity=severity, body=name)

    def use(self, fails: bool) -> None:
        with contextlib.suppress(Boom), self.pool.wait(), self.pool.use():
            if fails:
                raise Boom("pool")

    def work(self, raises: bool, inner: list[Any]) -> None:
        with contextlib.suppress(Boom), self.job.run() as run, run.step("step"):
            run.processed(2)
            run.skipped(1, "old")
            self.block(inner)
            if raises:
                raise Boom("job")

    def decorated(self, kind: str, name: str, raises: bool, given: Any) -> None:
        """A function, generator, coroutine or async generator: operation and span around it."""

        def end() -> int:
            self.tick(0.5)
            if raises:
                raise Boom(kind)
            return 1

        def function() -> int:
            return end()

        def generator() -> Iterator[int]:
            yield 1
            yield end()

        async def coroutine() -> int:
            await asyncio.sleep(0)
            return end()

        async def async_generator() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(0)
            yield end()

        async def drive(call: Any) -> None:
            found = call()
            if kind == "coroutine":
                task = asyncio.create_task(found)
                await task
            else:
                async for _ in found:
                    pass

        bare: Any = {
            "function": function, "generator": generator, "coroutine": coroutine, "async_generator": async_generator
        }[kind]  # fmt: skip
        inner = self.telemetry.span(f"{name} inside", attributes=given)(bare)
        call = self.telemetry.operation(name, metric_attributes={"kind": kind})(inner)
        with contextlib.suppress(Boom):
            if kind == "function":
                call()
            elif kind == "generator":
                list(call())
            else:
                asyncio.run(drive(call))

    def abandoned(self, name: str) -> None:
        """A generator that is closed before its end."""

        @self.telemetry.operation(name)
        def rows() -> Iterator[int]:
            yield 1
            yield 2

        opened = rows()
        next(opened)
        opened.close()

    def linked(self, name: str, given: Any) -> None:
        """Links by headers and contexts, and a parent by a carrier."""
        carrier = {"traceparent": f"00-{5:032x}-{5:016x}-01"}
        with self.telemetry.span(name, kind=SpanKind.CONSUMER, links=[carrier, *self.seen[-1:]], attributes=given):
            pass
        with contextlib.suppress(Boom):
            self.telemetry.operation(name, kind=SpanKind.SERVER, carrier=carrier)(self._boom)()

    def answered(self, status: int) -> None:
        """By a convention of OpenTelemetry's instead of `operation.duration`."""
        request = {"http.request.method": "GET"}
        operation = self.telemetry.operation("GET", kind=SpanKind.CLIENT, convention=HTTP_CLIENT)
        with operation.measure(metric_attributes=request) as measurement:
            self.tick(0.25)
            measurement.set_metric_attribute("http.response.status_code", status)

    def objective(self, raises: bool) -> None:
        """A promise about its calls."""
        work = self._boom if raises else lambda: 1
        with contextlib.suppress(Boom):
            self.telemetry.operation("promised", objective=Objective(99.0))(work)()

    def cached(self, found: bool, evicted: int) -> None:
        cache = self.telemetry.cache("prices")
        if not cache.lookup(found):
            with cache.load():
                self.tick(0.1)
        cache.evicted(evicted)

    def queued(self, size: int) -> None:
        if self.queue is None:
            self.queue = queue.Queue(9)
            self.telemetry.observe_queue(self.queue, name="orders")
        for number in range(min(size, 9 - self.queue.qsize())):
            self.queue.put(number)

    def submitted(self, raises: bool, given: Any) -> None:
        """A task in a thread, the span of which is the child of what is current."""
        pool = self.telemetry.wrap_executor(ThreadPoolExecutor(1), name="resize")
        with pool:
            future = pool.submit(self._inside, given, raises)
        with contextlib.suppress(Boom):
            future.result()

    def counted(self, amount: int, given: Any) -> None:
        """An instrument of the library's own."""
        self.telemetry.counter("mails.sent", unit="{mail}", description="Mails").add(amount, given)

    def handled(self, name: str) -> None:
        self.telemetry.record_exception(Boom(name))

    def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def _inside(self, given: Any, raises: bool) -> None:
        with self.telemetry.span("inside of a task", attributes=given):
            if raises:
                raise Boom("task")

    def _boom(self) -> None:
        raise Boom("always")

    def incoming(self, inner: list[Any]) -> None:
        headers = {"traceparent": f"00-{9:032x}-{9:016x}-01", "baggage": "tenant=acme"}
        with attached(extract(headers)):
            self.block(inner)


kinds = st.sampled_from(list(SpanKind))
leaf = st.one_of(
    st.tuples(st.just("set"), attributes),
    st.tuples(st.just("event"), names, attributes),
    st.tuples(st.just("link")),
    st.tuples(st.just("status"), st.sampled_from(list(StatusCode)), st.sampled_from([None, "words"]), st.booleans()),
    st.tuples(st.just("rename"), names),
    st.tuples(st.just("end")),
    st.tuples(st.just("record")),
    st.tuples(
        st.just("measure"), st.sampled_from(["counter", "up_down_counter", "histogram", "gauge"]), names, amounts, low
    ),
    st.tuples(st.just("level"), names, st.sampled_from([0, 1, 2.5])),
    st.tuples(
        st.just("log"), names, st.sampled_from([SeverityNumber.INFO, SeverityNumber.WARN2, SeverityNumber.FATAL]),
        st.sampled_from([None, "text", 7]), attributes,
    ),
    st.tuples(st.just("kit_event"), names, attributes, st.sampled_from(["INFO", "WARN", "ERROR"])),
    st.tuples(st.just("use"), st.booleans()),
    st.tuples(
        st.just("decorated"), st.sampled_from(["function", "generator", "coroutine", "async_generator"]), names,
        st.booleans(), attributes,
    ),
    st.tuples(st.just("abandoned"), names),
    st.tuples(st.just("linked"), names, attributes),
    st.tuples(st.just("answered"), st.sampled_from([200, 404, 503])),
    st.tuples(st.just("objective"), st.booleans()),
    st.tuples(st.just("cached"), st.booleans(), st.integers(0, 2)),
    st.tuples(st.just("queued"), st.integers(0, 3)),
    st.tuples(st.just("submitted"), st.booleans(), attributes),
    st.tuples(st.just("counted"), st.integers(0, 3), low),
    st.tuples(st.just("handled"), names),
    st.tuples(st.just("tick"), st.sampled_from([0.25, 1.0])),
)  # fmt: skip
modes = st.sampled_from([True, False, "current", "errors"])
steps = st.deferred(
    lambda: st.lists(
        st.one_of(
            leaf,
            st.tuples(st.just("plain_span"), names, kinds, attributes, st.booleans(), steps),
            st.tuples(st.just("unsampled"), st.booleans(), steps),
            st.tuples(
                st.just("operation"), names, low, attributes, st.sampled_from(["ok", "raises", "fails"]), steps, modes
            ),
            st.tuples(st.just("kit_span"), names, attributes, st.booleans(), steps),
            st.tuples(st.just("work"), st.booleans(), steps),
            st.tuples(st.just("incoming"), steps),
        ),
        max_size=5,
    )
)


def steady(given: Any) -> dict[str, Any]:
    """Attributes without what names files and lines."""
    return {key: value for key, value in dict(given or {}).items() if key != _STACKTRACE}


def ids(context: Any) -> Any:
    return None if context is None else (context.trace_id, context.span_id)


def spans_of(spans: list[Any], parent: Callable[[Any], Any]) -> list[Any]:
    return sorted(
        (
            (span.context.trace_id, span.context.span_id),
            parent(span),
            span.name,
            span.kind.name,
            steady(span.attributes),
            (span.status.status_code.name, span.status.description),
            [(ids(link.context), dict(link.attributes or {})) for link in span.links],
            [(event.name, steady(event.attributes)) for event in span.events],
        )
        for span in spans
    )


@contextlib.contextmanager
def numbered_sdk() -> Iterator[Sdk]:
    sdk = Sdk()
    sdk.tracer_provider = TracerProvider(id_generator=Numbered(), shutdown_on_exit=False)
    sdk.tracer_provider.add_span_processor(SimpleSpanProcessor(sdk.span_exporter))
    try:
        yield sdk
    finally:
        sdk.shutdown()


def by_the_sdk(program: list[Any], scope: str) -> dict[str, Any]:
    clock = FakeClock()
    with numbered_sdk() as sdk, use_clock(clock):
        run = Run(sdk.telemetry(scope, errors=ErrorPolicy(signal="both")), clock)
        run.block(program)
        gc.collect()  # executors that the program has let go have no levels
        points = {}
        for name, metric in sdk.metrics().items():
            if name == "telemetry_kit.faults":  # the process's, of all tests before; a capture finds those of its own
                continue
            points[name] = sorted((point_of_sdk(point) for point in metric.data.data_points), key=repr)
        return {
            "points": points,
            "spans": spans_of(sdk.spans(), lambda span: ids(span.parent)),
            "logs": [
                (log.event_name, log.severity_number, steady(log.attributes), log.body, log.trace_id, log.span_id)
                for log in sdk.logs()
            ],
        }


def point_of_sdk(point: Any) -> Any:
    given = dict(point.attributes or {})
    if hasattr(point, "bucket_counts"):
        return given, point.count, point.sum, point.min, point.max, tuple(point.bucket_counts)
    return given, point.value


def by_a_capture(program: list[Any], scope: str) -> dict[str, Any]:
    with capture_and_watch() as captured:
        run = Run(Telemetry(scope, errors=ErrorPolicy(signal="both")), captured.clock)
        run.block(program)
        gc.collect()
        assert captured.findings(words=("never_ended", "attached", "uncatalogued", "fault", "overflow")) == []
        return recorded(captured)


def recorded(captured: Captured) -> dict[str, Any]:
    points = {
        name: sorted((point_of_capture(point) for point in captured.points(name)), key=repr)
        for name in captured.metrics
    }
    return {
        "points": points,
        "spans": spans_of(
            [span for span in captured.spans if span.end is not None], lambda span: ids(span.parent_context)
        ),
        "logs": [
            (
                event.name,
                event.severity_number,
                steady(event.attributes),
                event.body,
                event.span.trace_id if event.span else 0,
                event.span.span_id if event.span else 0,
            )
            for event in captured.events
        ],
    }


SIZE: Counter[str] = Counter()
"""How many programs there were, and how often they had which construct."""


def constructs_of(program: list[Any]) -> Iterator[str]:
    for name, *arguments in program:
        yield name
        for argument in arguments:
            if isinstance(argument, list) and all(isinstance(step, tuple) for step in argument):
                yield from constructs_of(argument)


def point_of_capture(point: Any) -> Any:
    given = dict(point.attributes or {})
    if point.count is not None:
        return given, point.count, point.sum, point.min, point.max, tuple(point.buckets)
    return given, point.value


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=PROGRAMS, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(steps)
def test_the_same_program_gives_the_same(program: list[Any]) -> None:
    """Points, spans, parents, statuses, links, events and severities are those of the real SDK; and the
    validator finds nothing in programs that leave nothing open."""
    SIZE["programs"] += 1
    SIZE.update(constructs_of(program))
    scope = f"shop.{next(scopes)}"  # of no other example: what is known of jobs outlives them
    expected, got = by_the_sdk(program, scope), by_a_capture(program, scope)

    assert got["spans"] == expected["spans"]
    assert got["logs"] == expected["logs"]
    assert got["points"] == expected["points"]


@pytest.mark.slow
def test_every_construct_is_in_the_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is compared that no program has: each construct came, and the size is printed."""
    if not SIZE:
        pytest.skip("the programs ran in another process, or not at all")
    constructs = {name for name, method in vars(Run).items() if callable(method) and name[0] != "_"} - {"block"}
    steps = sum(SIZE.values()) - SIZE["programs"]
    with capsys.disabled():
        print(f"\ndifferential: {SIZE['programs']} programs, {steps} steps, {len(constructs)} constructs")

    assert constructs - SIZE.keys() == set()
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "prove-your-telemetry.md").read_text("utf-8")
    size = f"{PROGRAMS} generated programs, of {len(constructs)} constructs"
    assert size in page or "TELEMETRY_KIT_PROGRAMS" in os.environ
