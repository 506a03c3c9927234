"""Handles copy as themselves and travel by recipe: to a process pool, in a pickle, in an object that holds one (WRP 8)."""

import copy
import logging
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from telemetry_kit import (
    ErrorPolicy,
    LogCorrelation,
    LogSampling,
    Objective,
    PoolStats,
    QueueStats,
    Telemetry,
    attached,
    context_attributes,
    current_measurement,
    current_run,
    diagnose,
    enrich_span,
    extract,
    link_to,
)  # fmt: skip
from telemetry_kit.carriers import HttpHeaders, KafkaHeaders
from telemetry_kit.conventions import CONVENTIONS, DB_CONNECTIONS, HTTP_SERVER
from telemetry_kit.testing import Captured, FakeClock, capture, point
from telemetry_kit.w3c import StrictTraceContextPropagator
from tests.support import Sdk

HANDLES: dict[str, Callable[[Telemetry], Any]] = {
    "Telemetry": lambda telemetry: telemetry,
    "Operation": lambda telemetry: telemetry.operation(
        "price", metric_attributes={"shop": "a"}, convention=HTTP_SERVER
    ),
    "BatchJob": lambda telemetry: telemetry.batch_job("nightly", expected=KeyError),
    "Pool": lambda telemetry: telemetry.pool("gpu", limit=4, convention=DB_CONNECTIONS),
    "Cache": lambda telemetry: telemetry.cache("prices"),
    "Database": lambda telemetry: telemetry.database("postgresql", namespace="shop"),
    "Counter": lambda telemetry: telemetry.counter("sold", unit="{lamp}", description="Lamps that were sold"),
}


def of_capture(what: str) -> Callable[[Telemetry], Any]:
    """What a capture holds of a span with an event, or the capture."""

    def made(telemetry: Telemetry) -> Any:
        with capture() as captured, telemetry.span("price") as span:
            telemetry.event("priced")
        return {"capture": captured, "span": captured.span(), "event": captured.event(), "its span": span}[what]

    return made


def opened(block: Any) -> Any:
    """A block that is open."""
    block.__enter__()
    return block


def stopped(handle: Any) -> Any:
    """A handle whose observation other tests must not see."""
    handle.stop()
    return handle


HELD_HERE: dict[str, tuple[Callable[[Telemetry], Any], str]] = {
    "Measurement": (lambda telemetry: telemetry.operation("price").measure(), "make one where it is needed"),
    "no measurement": (lambda _: current_measurement(), "make one where it is needed"),
    "JobRun": (lambda telemetry: telemetry.batch_job("nightly").run(), "make one where it is needed"),
    "no run": (lambda _: current_run(), "make one where it is needed"),
    "Step": (lambda telemetry: telemetry.batch_job("nightly").run().step("load"), "make one where it is needed"),
    "Query": (lambda telemetry: telemetry.database("postgresql").query("SELECT"), "make one where it is needed"),
    "observer": (
        lambda telemetry: stopped(
            telemetry.observe_gauge("shop.size", lambda: 1, unit="{thing}", description="Things.")
        ),
        "make one where it is needed",
    ),
    "watch": (lambda telemetry: stopped(telemetry.watch_unhandled()), "make one where it is needed"),
    "executor": (
        lambda telemetry: telemetry.wrap_executor(ThreadPoolExecutor(1), name="pool"),
        "make one where it is needed",
    ),
    "attached": (lambda _: attached(extract({})), r"inject\(\) the context into a carrier"),
    "open use()": (lambda telemetry: opened(telemetry.pool("gpu").use()), "make one where it is needed"),
    "open load()": (lambda telemetry: opened(telemetry.cache("prices").load()), "make one where it is needed"),
    "open attributes": (lambda _: opened(context_attributes({"tenant": "a"})), "make one where it is needed"),
    **{what: (of_capture(what), r"send captured\.points\(\)") for what in ("capture", "span", "event", "its span")},
}
"""What belongs to its process, with the way out that the error names. Of what is open, a shallow copy heads the same blocks."""

ANEW: dict[str, Callable[[Telemetry], Any]] = {
    "span": lambda telemetry: telemetry.span("price"),
    "use()": lambda telemetry: telemetry.pool("gpu").use(),
    "wait()": lambda telemetry: telemetry.pool("gpu").wait(),
    "load()": lambda telemetry: telemetry.cache("prices").load(),
    "context_attributes": lambda _: context_attributes({"tenant": "a"}),
}
"""What heads blocks: a copy, or what arrives elsewhere, heads its own, and records the same."""

VALUES: dict[str, Any] = {
    "ErrorPolicy": ErrorPolicy(rate=3.0),
    "LogCorrelation": LogCorrelation(),
    "LogSampling": LogSampling(rate=0.0, burst=1),
    "Objective": Objective(99.9, within=0.3),
    "PoolStats": PoolStats(used=1),
    "QueueStats": QueueStats(size=1),
    "HttpHeaders": HttpHeaders({"a": "b"}),
    "KafkaHeaders": KafkaHeaders([("a", b"b")]),
    "propagator": StrictTraceContextPropagator(),
    "diagnosis": diagnose(),
    "link": link_to({"traceparent": f"00-{1:032x}-{2:016x}-01"}),
    "clock": FakeClock(),
    "point": point(count=1),
    "enrich_span": enrich_span(arguments=["sku"], attributes={"shop": "a"}, result=dict),
}


def sent(thing: Any) -> Any:
    """Through a pickle."""
    return pickle.loads(pickle.dumps(thing))


class Service:
    """As people write them: an object that holds a handle."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
@pytest.mark.parametrize("kind", HANDLES)
def test_a_copy_is_the_handle_itself(telemetry: Telemetry, kind: str, how: Callable[[Any], Any]) -> None:
    """WRP 8: also where its providers are its own."""
    handle = HANDLES[kind](telemetry)

    assert how(handle) is handle
    assert how(Service(handle)).handle is handle


@pytest.mark.parametrize("kind", HANDLES)
def test_a_pickle_that_comes_back_is_the_handle_itself(kind: str) -> None:
    """WRP 8: where the same one lives already it is that one."""
    handle = HANDLES[kind](Telemetry("shop"))

    assert pickle.loads(pickle.dumps(Service(handle))).handle is handle


@pytest.mark.parametrize("kind", HANDLES)
def test_providers_of_its_own_cannot_travel(telemetry: Telemetry, sdk: Sdk, kind: str) -> None:
    """WRP 8: a TypeError says why, and what to do."""
    with pytest.raises(TypeError, match="must have the global providers, got its own.*make it where it is needed"):
        pickle.dumps(HANDLES[kind](telemetry))


@pytest.mark.parametrize("how", [copy.deepcopy, pickle.dumps], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("kind", HELD_HERE)
def test_what_is_bound_to_its_process_says_so(kind: str, how: Callable[[Any], Any]) -> None:
    """WRP 8: a TypeError that names the way out, whichever is tried."""
    make, way_out = HELD_HERE[kind]
    held = make(Telemetry("shop"))
    try:
        with pytest.raises(TypeError, match=f"must not belong to this process, got an? .*{way_out}"):
            how(Service(held))
    finally:
        if kind.startswith("open"):
            held.__exit__(None, None, None)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, sent], ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("kind", ANEW)
def test_a_block_that_arrives_records_the_same(captured: Captured, kind: str, how: Callable[[Any], Any]) -> None:
    """WRP 8: it begins and ends its own."""
    there = how(Service(ANEW[kind](Telemetry("shop")))).handle
    with there, there:
        pass
    with pytest.raises(KeyError), ANEW[kind](Telemetry("shop")), there:
        raise KeyError
    assert captured.findings() == []


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, sent], ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("kind", VALUES)
def test_a_value_arrives_whole(kind: str, how: Callable[[Any], Any]) -> None:
    """WRP 8: policies, filters, numbers and carriers say there what they said here."""
    there = how(VALUES[kind])

    assert type(there) is type(VALUES[kind])
    assert getattr(there, "data", None) == getattr(VALUES[kind], "data", None)
    assert getattr(there, "rate", None) == getattr(VALUES[kind], "rate", None)


def test_a_filter_that_arrives_has_let_nothing_through_yet() -> None:
    """WRP 8: sampling is of one process and one handler."""
    record = logging.makeLogRecord({"name": "shop"})
    here = LogSampling(rate=0.0, burst=1)
    assert (here.filter(record), here.filter(record)) == (True, False)

    there = sent(here)
    assert (there.filter(record), there.filter(record)) == (True, False)


@pytest.mark.parametrize("convention", [*CONVENTIONS, DB_CONNECTIONS], ids=lambda convention: convention.name)
def test_conventions_are_themselves(convention: Any) -> None:
    """WRP 8: they travel by name."""
    assert pickle.loads(pickle.dumps(convention)) is convention


def work(service: Service, again: Service) -> tuple[bool, list[Any], str]:
    """Runs in another process, with the handles that arrive there."""
    operation = service.handle
    with capture() as captured:
        with operation.measure():
            pass
        policy = operation._definition.scope.errors.policy
        return (
            operation is again.handle,
            [dict(point.attributes) for point in captured.points("operation.duration")],
            f"{policy.rate} {policy.burst}",
        )


def test_a_handle_is_made_anew_in_another_process() -> None:
    """WRP 8: by its name and options, once, on the providers that are there."""
    telemetry = Telemetry("shop", errors=ErrorPolicy(rate=3.0, burst=7))
    operation = telemetry.operation("price", metric_attributes={"shop": "a"})
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        same, points, limits = pool.submit(work, Service(operation), Service(operation)).result(60)

    assert same
    assert points == [{"shop": "a", "operation.name": "price", "scope.name": "shop"}]
    assert limits == "3.0 7"
