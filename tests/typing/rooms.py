"""What mypy and pyright must see of the other rooms."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span
from typing_extensions import assert_type

from telemetry_kit import (
    PoolStats,
    Telemetry,
    attached,
    bind,
    child_environment,
    current_run,
    enrich_span,
    extract,
    inject,
    link_to,
    links_to,
)
from telemetry_kit.carriers import KafkaHeaders

telemetry = Telemetry("typed")

threads = telemetry.wrap_executor(ThreadPoolExecutor(2), name="threads")
assert_type(threads, ThreadPoolExecutor)
assert_type(threads.submit(len, "abc"), Future[int])
assert_type(telemetry.wrap_executor(ProcessPoolExecutor(2), name="processes"), ProcessPoolExecutor)

job = telemetry.batch_job("nightly", run_id=lambda day: day)


@job
def main(day: str) -> int:
    return sum(current_run().track([1, 2, 3]))


@job
async def amain(day: str) -> int:
    return len(day)


assert_type(main("monday"), int)
with job.run(run_id="1") as run:
    assert_type(list(run.track(["a", "b"])), list[str])
    assert_type(run.processed(), None)

pool = telemetry.pool("gpu", limit=4)
assert_type(pool.stats(), PoolStats)


@pool.use()
def render(frame: int) -> bytes:
    return bytes(frame)


assert_type(render(1), bytes)


@telemetry.span("price", arguments={"sku": "product.sku"})
def price(sku: str) -> int:
    return len(sku)


@enrich_span(arguments=["sku"])
def load(sku: str) -> Iterator[int]:
    yield len(sku)


assert_type(price("A1"), int)
assert_type(load("A1"), Iterator[int])
with telemetry.span("block") as span:
    assert_type(span, Span)

headers: dict[str, str] = {}
assert_type(inject(headers), dict[str, str])
assert_type(inject(KafkaHeaders(None)), KafkaHeaders)
assert_type(extract(headers), Context)
assert_type(link_to(headers), Link | None)
assert_type(links_to([headers]), list[Link])
assert_type(child_environment(), dict[str, str])
assert_type(bind(price)("A1"), int)
held: contextlib.AbstractContextManager[Any] = attached(extract(headers))
