"""Whatever breaks in telemetry, the business result is what it would have been, and the fault is counted.

`tests/faults` finds every place at which the kit keeps a fault from the host, and breaks each of them in turn on a tour through
everything that the kit does: a new one that the tour doesn't reach fails here. The other tests break what is around the kit
(providers, spans, instruments, callbacks) and look at more than the result.
"""

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import INVALID_SPAN, SpanKind

from telemetry_kit import ErrorPolicy, Telemetry, current_measurement
from telemetry_kit._core import context, faults, reentrancy
from telemetry_kit._core.instruments import series
from tests.faults.places import places, places_of, write_copy
from tests.support import Sdk

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "telemetry_kit"


class Broken(Exception):
    """What everything raises here."""


def broken(*_: Any, **__: Any) -> Any:
    raise Broken


class BrokenBy:
    """Something whose named methods raise, and which is otherwise the thing."""

    def __init__(self, thing: Any, *methods: str) -> None:
        self._thing = thing
        for method in methods:
            setattr(self, method, broken)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)


class Torn(dict[str, Any]):
    def items(self) -> Any:
        raise Broken


class Text(str):  # noqa: SLOT000
    def __str__(self) -> str:
        raise Broken


class BrokenText(str):  # noqa: SLOT000
    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise Broken


class Tracing:
    """A tracer provider whose spans or tracers break at the named methods."""

    def __init__(self, sdk: Sdk, *, tracer: str = "", span: str = "") -> None:
        self._sdk, self._tracer, self._span = sdk, tracer, span

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        if self._tracer == "get_tracer":
            raise Broken
        real = self._sdk.tracer_provider.get_tracer(*args, **kwargs)
        made = BrokenBy(real, *filter(None, [self._tracer]))
        if self._span:
            made.start_span = lambda *a, **k: BrokenBy(real.start_span(*a, **k), self._span)
        return made


class Metering:
    """A meter provider that breaks where it makes meters or instruments, or records."""

    def __init__(self, sdk: Sdk, where: str) -> None:
        self._sdk, self._where = sdk, where

    def get_meter(self, *args: Any, **kwargs: Any) -> Any:
        if self._where == "get_meter":
            raise Broken
        real = self._sdk.meter_provider.get_meter(*args, **kwargs)
        made = BrokenBy(real)
        if self._where == "create":
            made.create_histogram = made.create_observable_up_down_counter = broken
        else:
            made.create_histogram = lambda *a, **k: BrokenBy(real.create_histogram(*a, **k), "record")
        return made


class Processor(SpanProcessor):
    def __init__(self, method: str) -> None:
        setattr(self, method, broken)


class Sampler(type(ALWAYS_ON)):  # type: ignore[misc]
    def __init__(self) -> None: ...

    should_sample = broken


def with_processor(sdk: Sdk, method: str) -> Telemetry:
    sdk.tracer_provider.add_span_processor(Processor(method))
    return sdk.telemetry()


def with_sampler(_sdk: Sdk) -> Telemetry:
    return Sdk(sampler=Sampler()).telemetry()


def tracing(**where: str) -> Callable[[Sdk], Telemetry]:
    return lambda sdk: sdk.telemetry(tracer_provider=Tracing(sdk, **where))


def metering(where: str) -> Callable[[Sdk], Telemetry]:
    return lambda sdk: sdk.telemetry(meter_provider=Metering(sdk, where))


SDK_FAULTS: dict[str, tuple[Callable[[Sdk], Telemetry], str | None]] = {
    "get_tracer": (tracing(tracer="get_tracer"), "trace.get_tracer"),
    "start_span": (tracing(tracer="start_span"), "trace.start_span"),
    "sampler": (with_sampler, "trace.start_span"),
    "on_start": (lambda sdk: with_processor(sdk, "on_start"), "trace.start_span"),
    "on_end": (lambda sdk: with_processor(sdk, "on_end"), "trace.end"),
    "end": (tracing(span="end"), "trace.end"),
    "is_recording": (tracing(span="is_recording"), None),
    "set_attribute": (tracing(span="set_attribute"), None),
    "set_attributes": (tracing(span="set_attributes"), None),
    "set_status": (tracing(span="set_status"), None),
    "add_event": (tracing(span="add_event"), None),
    "get_meter": (metering("get_meter"), "metrics.create"),
    "create": (metering("create"), "metrics.create"),
    "record": (metering("record"), "metrics.record"),
}
"""What breaks in API and SDK, and the site at which it is counted in a plain successful call."""


async def answer() -> int:
    return 42


def numbers() -> Iterator[int]:
    yield 42


def lean(operation: Any) -> Any:
    return operation(lambda: 42)()


def spoken(operation: Any) -> Any:
    def speak() -> int:
        current_measurement().set_attribute("a", 1)
        current_measurement().set_metric_attribute("b", 1)
        current_measurement().add_event("c")
        return 42

    return operation(speak)()


def block(operation: Any) -> Any:
    with operation.measure():
        return 42


WAYS: dict[str, Callable[[Any], Any]] = {
    "def": lean,
    "def that speaks": spoken,
    "async def": lambda operation: asyncio.run(operation(answer)()),
    "generator": lambda operation: next(iter(list(operation(numbers)()))),
    "with": block,
}
OPTIONS: dict[str, dict[str, Any]] = {"lean": {}, "full": {"error_if": lambda _: None}, "errors": {"span": "errors"}}


@contextmanager
def counted(site: str | None) -> Iterator[None]:
    """The site has more faults afterwards."""
    before = faults.counts()
    yield
    if site is not None:
        assert faults.counts().get(site, 0) > before.get(site, 0), faults.counts()


def clean() -> bool:
    """Nothing of the call has stayed: no span, no measurement, no mark of a busy thread."""
    return (
        trace.get_current_span() is INVALID_SPAN
        and current_measurement().span is INVALID_SPAN
        and not reentrancy.unsafe()
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("fault", SDK_FAULTS)
def test_a_result_in_spite_of_a_broken_sdk(
    sdk: Sdk, fault: str, way: Callable[[Any], Any], options: dict[str, Any]
) -> None:
    """Whatever raises in API or SDK, the result comes out and nothing stays behind (FLT 1)."""
    make, site = SDK_FAULTS[fault]
    plain = way is lean and not options

    with counted(site if plain else None):
        assert way(make(sdk).operation("work", **options)) == 42
    assert clean()


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("fault", SDK_FAULTS)
def test_an_exception_in_spite_of_a_broken_sdk(sdk: Sdk, fault: str, options: dict[str, Any]) -> None:
    """Whatever raises in API or SDK, the exception of the function comes out as it is (FLT 1)."""
    problem = ValueError("no")

    @SDK_FAULTS[fault][0](sdk).operation("work", **options)
    def work() -> None:
        raise problem

    with pytest.raises(ValueError) as caught:
        work()

    assert caught.value is problem
    assert problem.__context__ is None
    assert clean()


@pytest.mark.parametrize("fault", ["start_span", "sampler", "on_start", "on_end", "end", "set_status", "add_event"])
def test_the_count_is_kept_where_the_span_breaks(sdk: Sdk, fault: str) -> None:
    """A broken span costs no count: duration and active calls are right (FLT 1)."""
    telemetry = SDK_FAULTS[fault][0](sdk)
    if fault == "sampler":
        telemetry = sdk.telemetry(tracer_provider=telemetry._scope.tracer_provider)

    @telemetry.operation("work")
    def work() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        work()

    assert sdk.point("operation.duration", {"error.type": "ValueError"}).count == 1
    assert sdk.value("operation.active") == 0


# Every site of the core


def call(telemetry: Telemetry, exc: BaseException | None = None, **options: Any) -> None:
    """A decorated call that raises `exc` or gives 42, which must come out."""

    @telemetry.operation("work", **options)
    def work() -> int:
        if exc is not None:
            raise exc
        return 42

    if exc is None:
        assert work() == 42
    else:
        with pytest.raises(type(exc)) as caught:
            work()
        assert caught.value is exc


def attributes_case(sdk: Sdk) -> None:
    with sdk.telemetry().operation("work").measure() as m:
        m.set_attributes(Torn(a=1))


def reuse(sdk: Sdk) -> None:
    measurement = sdk.telemetry().operation("work").measure()
    with measurement, measurement:
        pass


def unnamed(sdk: Sdk) -> None:
    with sdk.telemetry().operation().measure():
        pass


def later(sdk: Sdk) -> None:
    reentrancy.later(broken)
    lean(sdk.telemetry().operation("work"))


def observed(sdk: Sdk) -> None:
    class Owner: ...

    owner, good = Owner(), Owner()
    instruments = sdk.telemetry()._scope.instruments
    instruments.observe("pool.usage", owner, broken)
    instruments.observe("pool.usage", good, lambda _: [(series({"pool.name": "good"}), 1)])
    assert sdk.value("pool.usage") == 1


def failing(sdk: Sdk, method: str) -> Telemetry:
    """Whose recorder of errors fails at one of its methods."""
    telemetry = sdk.telemetry(errors=ErrorPolicy())
    telemetry._scope.errors = BrokenBy(telemetry._scope.errors, method)  # type: ignore[assignment]
    return telemetry


def add_event(sdk: Sdk) -> None:
    with failing(sdk, "emit_event").operation("work").measure() as m:
        m.add_event("e")


def end_of_a_sampled_call(sdk: Sdk) -> None:
    operation = sdk.telemetry().operation("work", error_if=lambda _: None, sample_durations=0.5)
    operation._definition.state.add = broken  # type: ignore[method-assign]


def attaching(sdk: Sdk) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "attach", broken)
        with sdk.telemetry().operation("work").measure():
            pass


CASES: dict[str, Callable[[Sdk], None]] = {
    "attributes": attributes_case,
    "context.attach": attaching,
    "metrics.create": lambda sdk: call(metering("create")(sdk)),
    "metrics.record": lambda sdk: call(metering("record")(sdk)),
    "observe.*": observed,
    "operation.carrier": lambda sdk: call(sdk.telemetry(), kind=SpanKind.SERVER, carrier=broken),
    "span.error": lambda sdk: call(failing(sdk, "record"), ValueError()),
    "operation.error_if": lambda sdk: call(sdk.telemetry(), error_if=broken),
    "operation.expected": lambda sdk: call(sdk.telemetry(), ValueError(), expected=broken),
    "operation.links": lambda sdk: call(sdk.telemetry(), links=broken),
    "operation.measure": reuse,
    "operation.metric_attributes": lambda sdk: call(sdk.telemetry(), metric_attributes=broken),
    "operation.name": unnamed,
    "operation.span_attributes": lambda sdk: call(sdk.telemetry(), span_attributes=broken),
    "safe_points": later,
    "span.add_event": add_event,
    "span.is_recording": lambda sdk: call(tracing(span="is_recording")(sdk), ValueError()),
    "span.set_attribute": lambda sdk: spoken(tracing(span="set_attribute")(sdk).operation("work")),
    "trace.end": lambda sdk: call(tracing(span="end")(sdk)),
    "trace.get_tracer": lambda sdk: call(tracing(tracer="get_tracer")(sdk)),
    "trace.start_span": lambda sdk: call(tracing(tracer="start_span")(sdk)),
}
"""For each site of the core something that breaks there. It asserts what must come out in spite of it."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_place_is_broken_in_turn(tmp_path: Path) -> None:
    """At each place at which the kit keeps a fault from the host, one is injected: results stay, it is counted (FLT 1)."""
    shutil.copy(ROOT / "tests" / "faults" / "broken_places.py", tmp_path)
    write_copy(PACKAGE, tmp_path)
    command = [sys.executable, "-m", "tests.faults", str(tmp_path)]
    here = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
    }  # it's a copy that runs
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=600, env=here)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert report["places"] == len(places(PACKAGE)) > 100


NARROW = """
def read(obj):
    try:
        return obj.size
    except (AttributeError, TypeError) as fault:
        faults.record("read", fault)
    with faults.guard(f"guard.{obj}"):
        obj()
    faults.record("misuse", ValueError("once"))
"""


def test_places_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """A handler that records, a guard, and a report of misuse are places, with the sites that they name."""
    assert [(place.where, place.site, place.breakable) for place in places_of(NARROW, "a.py")] == [
        ("a.py:6", "read", True),
        ("a.py:7", "guard.*", True),
        ("a.py:9", "misuse", False),
    ]


def test_what_is_broken_raises_what_the_place_is_there_for(tmp_path: Path) -> None:
    """The copy raises at an armed place, before and after what is guarded, what its handler catches."""
    package = tmp_path / "source" / "sample"
    package.mkdir(parents=True)
    (package / "a.py").write_text(NARROW, "utf-8")
    write_copy(package, tmp_path)
    text = (tmp_path / "sample" / "a.py").read_text("utf-8")

    assert "broken_places.at('a.py:6<', AttributeError)" in text
    assert "return broken_places.after('a.py:6>', obj.size, AttributeError)" in text
    assert "broken_places.at('a.py:7>', Exception)" in text
    assert "faults.record(broken_places.after('a.py:9=', 'misuse')" in text


@pytest.mark.parametrize("site", CASES)
def test_a_fault_is_counted_and_said_once(sdk: Sdk, site: str, caplog: pytest.LogCaptureFixture) -> None:
    """A fault at any site is counted each time, and logged the first time (FLT 1)."""
    named = site.replace("*", "pool.usage")
    faults._said.pop(named, None)
    with counted(named):
        CASES[site](sdk)
    with counted(named):
        CASES[site](Sdk())

    said = [record for record in caplog.records if f"telemetry at {named} failed" in record.getMessage()]
    assert [record.name for record in said] == ["telemetry_kit"]
    assert clean()


def test_faults_are_a_metric(sdk: Sdk) -> None:
    """`telemetry_kit.faults` counts them by site (FLT 1)."""
    before = sdk.telemetry() and sdk.value("telemetry_kit.faults", {"fault.site": "operation.error_if"})
    call(sdk.telemetry(), error_if=broken)

    assert sdk.value("telemetry_kit.faults", {"fault.site": "operation.error_if"}) == before + 1


def test_a_propagator_that_raises(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's propagator that raises costs no call its result (FLT 1)."""
    monkeypatch.setattr(propagate, "get_global_textmap", lambda: BrokenBy(None, "extract", "inject"))
    for name in ("extract", "inject"):
        monkeypatch.setattr(propagate, name, broken)
    call(sdk.telemetry(), kind=SpanKind.SERVER, carrier={"traceparent": "x"})
    call(sdk.telemetry(), kind=SpanKind.CLIENT, carrier={})

    assert sdk.value("operation.duration") == 2


def test_an_exporter_that_raises(sdk: Sdk) -> None:
    """A broken exporter costs no call its result (FLT 1)."""
    sdk.span_exporter.export = broken  # type: ignore[method-assign]
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    try:
        call(sdk.telemetry())
    finally:
        logging.getLogger("opentelemetry").setLevel(logging.NOTSET)

    assert sdk.point("operation.duration").count == 1


# FLT 3


def test_a_logging_handler_that_is_instrumented_itself(sdk: Sdk) -> None:
    """A handler that runs instrumented code which breaks in the same way doesn't go round in circles (FLT 3)."""
    entered = []
    telemetry = sdk.telemetry()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            entered.append(record)
            assert len(entered) < 10
            call(telemetry, error_if=broken)

    handler = Handler()
    faults._said.pop("operation.error_if", None)
    faults.LOGGER.addHandler(handler)
    try:
        with counted("operation.error_if"):
            call(telemetry, error_if=broken)
    finally:
        faults.LOGGER.removeHandler(handler)

    assert len(entered) == 1


def test_a_logging_handler_that_raises(sdk: Sdk) -> None:
    """A handler or filter of the host's that raises costs no call its result (FLT 1)."""
    faults._said.pop("operation.error_if", None)
    faults.LOGGER.addFilter(broken)
    try:
        call(sdk.telemetry(), error_if=broken)
    finally:
        faults.LOGGER.removeFilter(broken)
