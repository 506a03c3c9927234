"""Fixtures: what a test records, a real SDK, a `Telemetry` that records into either, a clock that the test moves."""

import gc
from collections.abc import Iterator

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, FakeClock
from tests.support import Sdk, use_clock


def pytest_collection_finish() -> None:
    """What has been imported by now stays: the collector, whom a capture may ask, needn't go through it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    """A real SDK that keeps everything in memory, of this test alone."""
    sdk = Sdk()
    yield sdk
    sdk.shutdown()


@pytest.fixture
def captured(telemetry_capture: Captured) -> Captured:
    """What the test records, by the name that the pages give it."""
    return telemetry_capture


@pytest.fixture
def telemetry(request: pytest.FixtureRequest) -> Telemetry:
    """`Telemetry("shop.orders")`, recording into `sdk` if the test asks for one, else into what it captures."""
    if "sdk" in request.fixturenames:
        sdk: Sdk = request.getfixturevalue("sdk")
        return sdk.telemetry()
    request.getfixturevalue("telemetry_capture")
    return Telemetry("shop.orders")


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Iterator[FakeClock]:
    """A clock that the whole kit reads and only the test moves."""
    if "sdk" in request.fixturenames:
        clock = FakeClock()
        with use_clock(clock):
            yield clock
    else:
        captured: Captured = request.getfixturevalue("telemetry_capture")
        yield captured.clock


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
