"""What mypy and pyright must see of every member of the face that the other modules here don't come across."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Literal

from opentelemetry.context import Context
from opentelemetry.trace import TraceFlags
from typing_extensions import assert_type

from telemetry_kit import (
    BatchJob,
    Cache,
    Counter,
    Database,
    Diagnosis,
    ErrorPolicy,
    Finding,
    JobRun,
    LogCorrelation,
    LogSampling,
    Measurement,
    Objective,
    Operation,
    Pool,
    PoolStats,
    Query,
    QueueStats,
    Telemetry,
    attached,
    bind,
    context_attributes,
    current_measurement,
    current_run,
    diagnose,
    enrich_span,
)
from telemetry_kit.carriers import (
    AmqpHeaders,
    AsgiHeaders,
    Carrier,
    CloudEventAttributes,
    Environ,
    GrpcMetadata,
    HttpHeaders,
    KafkaHeaders,
    MessageAttributes,
    MqttProperties,
    NatsHeaders,
    PubSubAttributes,
    RedisFields,
    WsgiEnviron,
)
from telemetry_kit.w3c import StrictBaggagePropagator, StrictTraceContextPropagator

telemetry = Telemetry("typed", "1.0")
assert_type(telemetry, Telemetry)
assert_type(telemetry.name, str)
assert_type(telemetry.version, str | None)
assert_type(telemetry.event("sold", {"a": 1}, severity="WARN", body="text", exception=KeyError()), None)
assert_type(telemetry.watch_unhandled().stop(), None)


def length(text: str, *, times: int = 1) -> int:
    return len(text) * times


async def later(text: str) -> bytes:
    return text.encode()


def each(text: str) -> Iterator[str]:
    yield from text


async def each_later(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


class Shop:
    """A callable object."""

    def __call__(self, text: str) -> int:
        return len(text)


Sync = Callable[[str], int]
Async = Callable[[str], Awaitable[bytes]]

# Whatever decorates gives back what it was given.
operation = telemetry.operation("price")
assert_type(telemetry.operation("price", objective=[Objective(99.9)]), Operation)
assert_type(operation.name, str)
assert_type(operation.measure(), Measurement)
assert_type(operation(length)("text", times=2), int)
assert_type(telemetry.operation(length)("text", times=2), int)
assert_type(operation(Shop()), Shop)
assert_type(telemetry.span("price")(length)("text", times=2), int)
assert_type(telemetry.span(length)("text", times=2), int)
assert_type(telemetry.span("price")(each)("text"), Iterator[str])
assert_type(enrich_span(result=lambda found: {"length": found})(length)("text", times=2), int)
assert_type(enrich_span(arguments="*")(each_later)("text"), AsyncIterator[str])
assert_type(context_attributes({"tenant": "a"})(length)("text", times=2), int)
assert_type(telemetry.pool("gpu").use()(length)("text", times=2), int)
assert_type(telemetry.pool("gpu").wait()(each)("text"), Iterator[str])
assert_type(telemetry.pool("gpu").create()(length)("text", times=2), int)
assert_type(telemetry.cache("prices").load()(length)("text", times=2), int)
assert_type(telemetry.batch_job("nightly")(length)("text", times=2), int)
assert_type(bind(length)("text", times=2), int)
assert_type(bind(each)("text"), Iterator[str])
assert_type(bind(each_later)("text"), AsyncIterator[str])
sync: Sync = operation(length)
coroutine: Async = operation(later)


async def use_coroutines() -> None:
    assert_type(await telemetry.span("price")(later)("text"), bytes)
    assert_type(await enrich_span(arguments=["text"])(later)("text"), bytes)
    assert_type(await telemetry.pool("gpu").use()(later)("text"), bytes)
    assert_type(await telemetry.cache("prices").load()(later)("text"), bytes)
    assert_type(await telemetry.batch_job("nightly")(later)("text"), bytes)
    async with operation.measure() as measurement, telemetry.batch_job("nightly").run() as run:
        assert_type(measurement, Measurement)
        assert_type(run, JobRun)


measurement = current_measurement()
assert_type(measurement.inject({"a": "b"}), Any)
assert_type(measurement.fail("declined"), None)
assert_type(measurement.add_event("sold"), None)

pool = telemetry.pool("gpu", limit=4)
assert_type(pool, Pool)
assert_type(pool.timeout(), None)
assert_type(pool.error("broken"), None)
assert_type(pool.resize(8), None)
stats = PoolStats(used=1, limit=2, idle=3, pending=4, timeouts=5, errors=6)
assert_type(stats.used, int | None)
assert_type(stats.idle, int | None)
assert_type(stats.pending, int | None)
assert_type(stats.timeouts, int)
assert_type(stats.errors, int)
assert_type(stats.idle_min, int | None)
assert_type(stats.idle_max, int | None)
assert_type(QueueStats(size=3).oldest_age, float | None)
assert_type(QueueStats(size=3).size, int | None)

cache = telemetry.cache("prices")
assert_type(cache, Cache)
assert_type(cache.hit(), None)
assert_type(cache.miss(), None)
assert_type(cache.evicted(2), None)

counter = telemetry.counter("sold", unit="{lamp}", description="Lamps that were sold")
assert_type(counter, Counter)
assert_type(counter.add(2, {"kind": "desk"}), None)

database = telemetry.database("postgresql")
assert_type(database, Database)
assert_type(database.query("SELECT"), Query)
with database.query("SELECT") as query:
    assert_type(query.returned_rows(3), None)
    assert_type(query.fail("23505"), None)

job = telemetry.batch_job("nightly")
assert_type(job, BatchJob)
assert_type(job.name, str)
assert_type(job.run(run_id="7", carrier={}, links=[]), JobRun)
run = current_run()
assert_type(current_run(), JobRun)
assert_type(run.state, Literal["running", "succeeded", "failed", "skipped", "cancelled"] | None)
assert_type(run.mark_skipped("nothing to do"), None)
assert_type(run.mark_failed("partial"), None)
assert_type(run.set_attribute("rows", 3), None)
with run.step("load") as step:
    assert_type(step.set_attribute("rows", 3), None)

objective = Objective(99.9, within=0.3)
assert_type(objective, Objective)
assert_type(objective.target, float)
assert_type(objective.within, float | None)
assert_type(objective.name, str | None)

policy = ErrorPolicy()
assert_type(policy, ErrorPolicy)
assert_type(policy.rate, float)
assert_type(policy.burst, float)
assert_type(policy.total_rate, float)
assert_type(policy.total_burst, float)
assert_type(policy.stacktrace, bool)
assert_type(policy.messages, bool)
assert_type(policy.signal, Literal["span", "log", "both"] | None)
assert_type(policy.scrub("text"), str)

record = logging.makeLogRecord({})
assert_type(LogCorrelation().filter(record), bool)
assert_type(LogSampling(1.0, 10).filter(record), bool)

diagnosis = diagnose()
assert_type(diagnose(), Diagnosis)
assert_type(diagnosis.findings, tuple[Finding, ...])
assert_type(diagnosis.stops, bool)
assert_type(diagnosis.as_dict(), dict[str, Any])
finding = diagnosis.findings[0]
assert_type(finding.code, str)
assert_type(finding.seen, str)
assert_type(finding.next, str)

assert_type(attached(Context()), attached)
with attached(Context()) as context:
    assert_type(context, Context)

carriers: list[Carrier] = [
    AmqpHeaders(), AsgiHeaders(), CloudEventAttributes(), Environ(), GrpcMetadata(), HttpHeaders(), KafkaHeaders(),
    MessageAttributes(), MqttProperties(), NatsHeaders(), PubSubAttributes(), RedisFields(), WsgiEnviron(),
]  # fmt: skip
assert_type(carriers[0].get("traceparent"), list[str])
assert_type(carriers[0].set("traceparent", "00"), None)
assert_type(carriers[0].remove("traceparent"), None)
assert_type(carriers[0].keys(), list[str])

assert_type(StrictTraceContextPropagator().extract({}), Context)
assert_type(StrictBaggagePropagator().inject({}), None)
assert_type(StrictBaggagePropagator().fields, set[str])
flags: TraceFlags = TraceFlags(1)
