"""What mypy and pyright must see of decorated callables: the same as without the decorator."""

from collections.abc import AsyncIterator, Callable, Iterator

from typing_extensions import assert_type

from telemetry_kit import Measurement, Operation, Telemetry, current_measurement

telemetry = Telemetry("typed")
operation = telemetry.operation("named", metric_attributes={"tenant": "a"})


@telemetry.operation
def bare(sku: str, *, count: int = 1) -> float:
    return count * len(sku) / 2


@operation
def named(sku: str, *, count: int = 1) -> float:
    return count * len(sku) / 2


@telemetry.operation("with options", arguments=["sku"], expected=(KeyError, ValueError))
async def awaited(sku: str) -> int:
    return len(sku)


@telemetry.operation("generator", span_attributes=lambda count: {"count": count})
def generated(count: int) -> Iterator[int]:
    yield from range(count)


@telemetry.operation("async generator", error_if=lambda result: result is None)
async def agenerated(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


class Shop:
    @operation
    def method(self, sku: str) -> int:
        return len(sku)

    @telemetry.operation
    def bare_method(self, sku: str) -> int:
        return len(sku)

    @classmethod
    @operation
    def class_method(cls, sku: str) -> int:
        return len(sku)

    @staticmethod
    @operation
    def static_method(sku: str) -> int:
        return len(sku)


async def use_coroutine_function() -> None:
    assert_type(await awaited("A1"), int)


assert_type(operation, Operation)
assert_type(bare("A1", count=2), float)
assert_type(named("A1", count=2), float)
assert_type(generated(2), Iterator[int])
assert_type(agenerated(2), AsyncIterator[int])
assert_type(Shop().method("A1"), int)
assert_type(Shop().bare_method("A1"), int)
assert_type(Shop.class_method("A1"), int)
assert_type(Shop.static_method("A1"), int)

with operation.measure(metric_attributes={"payment.method": "card"}, span_attributes={"user.id": 7}) as m:
    assert_type(m, Measurement)
    assert_type(m.duration, float | None)
    assert_type(m.set_attribute("user.id", 7), None)

assert_type(current_measurement(), Measurement)

plain: Callable[[str], float] = named
