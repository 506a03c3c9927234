"""The pytest plugin of telemetry_kit: the fixture `telemetry_capture`, and the mark of the same name.

It is a module of its own beside the package, and imports pytest only: pytest loads it at every start, before a coverage
measurement has begun and in projects that have the kit merely installed. The kit is imported when a test asks for the
fixture.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetry_kit.testing import Captured

_MARK = "telemetry_capture"
_CAPTURED: pytest.StashKey[Captured] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, also under `--strict-markers`."""
    config.addinivalue_line(
        "markers",
        f"{_MARK}(allow=()): what the fixture {_MARK} finds wrong and this test means to cause, in its words: "
        "never_ended, ended_twice, attached, keys, uncatalogued, fault, dropped, overflow",
    )


@pytest.fixture
def telemetry_capture(request: pytest.FixtureRequest) -> Iterator[Captured]:
    """What `telemetry_kit` records while this test runs: spans, events, points, and a clock that the test moves."""
    from telemetry_kit.testing import capture

    with capture() as captured:
        request.node.stash[_CAPTURED] = captured
        yield captured


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what a failing test has captured."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    captured = item.stash.get(_CAPTURED, None)
    if captured is not None and call.when == "call" and report.failed:
        report.sections.append(("Captured telemetry", str(captured)))
    return report  # type: ignore[return-value]


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:  # noqa: ARG001
    """Explain how points and spans differ, if the kit's are what is compared."""
    kit: Any = sys.modules.get("telemetry_kit.testing")
    return None if kit is None or op != "==" else kit.explain(left, right)
