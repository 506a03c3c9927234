"""Fixtures: a real SDK, a `Telemetry` that records into it, a clock that the test moves."""

from collections.abc import Iterator

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._core import clock as _clock
from tests.support import FakeClock, Sdk


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    """A real SDK that keeps everything in memory, of this test alone."""
    sdk = Sdk()
    yield sdk
    sdk.shutdown()


@pytest.fixture
def telemetry(sdk: Sdk) -> Telemetry:
    """`Telemetry("shop.orders")`, recording into `sdk`."""
    return sdk.telemetry()


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    """A clock that the whole kit reads and only the test moves."""
    clock = FakeClock()
    with _clock.use(clock):
        yield clock


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give integration and soak tests the time they need."""
    for item in items:
        for marker, seconds in (("integration", 180), ("soak", 1_800)):
            if item.get_closest_marker(marker) and not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(seconds))


def pytest_report_header() -> list[str]:
    """Say against what this run tests: a green run without its versions proves little."""
    from importlib.metadata import PackageNotFoundError, version

    names = ("opentelemetry-api", "opentelemetry-semantic-conventions", "opentelemetry-sdk", "wrapt")
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} not installed")
    return ["against: " + ", ".join(versions)]
