"""What mypy and pyright must see of context functions and carriers."""

from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.trace import Link
from typing_extensions import assert_type

from telemetry_kit import attached, bind, child_environment, extract, inject, link_to, links_to
from telemetry_kit.carriers import Carrier, HttpHeaders, KafkaHeaders


def length(text: str, *, times: int = 1) -> int:
    return len(text) * times


async def later(text: str) -> bytes:
    return text.encode()


headers: dict[str, str] = {}
assert_type(extract(headers), Context)
assert_type(extract(KafkaHeaders(None), Context()), Context)
assert_type(inject(headers), dict[str, str])
assert_type(inject(KafkaHeaders(), baggage=["tenant"]), KafkaHeaders)
assert_type(bind(length)("text", times=2), int)
assert_type(link_to(headers), Link | None)
assert_type(links_to([headers, Context()], limit=3), list[Link])
assert_type(child_environment(), dict[str, str])
assert_type(HttpHeaders(headers).get("traceparent"), list[str])

with attached(extract(headers)) as context:
    assert_type(context, Context)


async def bound() -> None:
    assert_type(await bind(later)("text"), bytes)


def written(carrier: Carrier) -> Callable[[], Carrier]:
    return bind(lambda: inject(carrier))


bind(length)(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
extract(headers, "no context")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
