"""What mypy and pyright must see of the rest of the face: context attributes, errors, logs, diagnosis, members of handles."""

import logging
from collections.abc import AsyncIterator, Iterator

from opentelemetry._logs import Logger
from opentelemetry.metrics import Meter
from opentelemetry.trace import Tracer
from typing_extensions import assert_type

from telemetry_kit import (
    BatchJob,
    Diagnosis,
    ErrorPolicy,
    JobRun,
    LogCorrelation,
    LogSampling,
    Objective,
    Telemetry,
    context_attributes,
    default_scrub,
    diagnose,
    set_span_attributes,
)
from telemetry_kit.conventions import HTTP_SERVER, Convention, not_server_error

telemetry = Telemetry("typed", errors=ErrorPolicy(rate=1.0, burst=5, signal="log", scrub=default_scrub))
tenant = context_attributes({"tenant.id": "acme", "user.id": 7}, metric_keys=["tenant.id"])


@tenant
def plain(sku: str, *, count: int = 1) -> float:
    return len(sku) / count


@tenant
async def later(sku: str) -> int:
    return len(sku)


@tenant
def generated(count: int) -> Iterator[int]:
    yield count


@tenant
async def agenerated(count: int) -> AsyncIterator[int]:
    yield count


class Shop:
    @tenant
    def method(self, sku: str) -> int:
        return len(sku)

    @classmethod
    @tenant
    def class_method(cls, sku: str) -> int:
        return len(sku)


async def use_them() -> None:
    assert_type(await later("A1"), int)
    async with context_attributes({"tenant.id": "acme"}) as nothing:
        assert_type(nothing, None)


assert_type(plain("A1", count=2), float)
assert_type(generated(1), Iterator[int])
assert_type(agenerated(1), AsyncIterator[int])
assert_type(Shop().method("A1"), int)
assert_type(Shop.class_method("A1"), int)
with tenant as entered:
    assert_type(entered, None)

assert_type(not_server_error(ValueError()), bool)
assert_type(HTTP_SERVER, Convention)
telemetry.operation("op", expected=not_server_error, convention=HTTP_SERVER, objective=Objective(99.9, within=0.3))
telemetry.span("span", expected=not_server_error)
assert_type(set_span_attributes({"a": 1}), None)
assert_type(default_scrub("text"), str)
assert_type(telemetry.tracer, Tracer)
assert_type(telemetry.meter, Meter)
assert_type(telemetry.logger, Logger)
assert_type(telemetry.record_exception(ValueError()), None)

diagnosis = diagnose()
assert_type(diagnosis, Diagnosis)
assert_type([finding.code for finding in diagnosis.findings], list[str])
logging.getLogger().addFilter(LogCorrelation())
logging.getLogger().addFilter(LogSampling(1.0, 10))

job = telemetry.batch_job("nightly", expected=not_server_error)
assert_type(job, BatchJob)
with job.run() as run:
    assert_type(run, JobRun)
    assert_type(run.failed(1, "bad_row"), None)
    assert_type(run.skipped(1, reason="duplicate"), None)
    assert_type(run.progress(1, 2), None)
    with run.step("extract") as step:
        step.set_attribute("rows", 3)

with telemetry.operation("op").measure() as m:
    assert_type(m.set_metric_attribute("cache.result", "hit"), None)
    assert_type(m.set_attributes({"a": 1}), None)
    assert_type(m.fail("declined", "why"), None)
    assert_type(m.add_event("happened", {"a": 1}), None)
    headers: dict[str, str] = {}
    m.inject(headers)

context_attributes(["tenant.id"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
tenant(7)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
not_server_error("404")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
