"""Decorated at module level, as users do: what pickles by name, and what another process imports."""

import functools
from typing import Any

from telemetry_kit import Telemetry

TELEMETRY = Telemetry("tests.decorated")
operation = TELEMETRY.operation


@operation
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


@operation(span=False, error_if=lambda result: result < 0)
def triple(number: int) -> int:
    return 3 * number


@operation
def fail(message: str) -> None:
    raise ValueError(message)


def _add(a: int, b: int) -> int:
    return a + b


add_one = operation(functools.partial(_add, 1))


size = operation(len)


@operation
@functools.lru_cache
def cached(number: int) -> int:
    return number


class Shop:
    """Has one of each kind of method."""

    rate = 2

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shop) and self.factor == other.factor

    __hash__ = None  # type: ignore[assignment]

    @operation
    def method(self, number: int) -> int:
        return self.factor * number

    @operation
    @classmethod
    def above(cls, number: int) -> int:
        return cls.rate * number

    @classmethod
    @operation
    def below(cls, number: int) -> int:
        return cls.rate * number

    @operation
    @staticmethod
    def static(number: int) -> int:
        return number


class Adder:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, number: int) -> int:
        return self.factor + number


adder = operation(Adder(1))


def call(func: Any, *args: Any) -> Any:
    """Called in another process."""
    return func(*args)
