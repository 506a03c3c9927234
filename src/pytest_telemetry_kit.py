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

_NAME = "telemetry_capture"
_CAPTURED: pytest.StashKey[Captured] = pytest.StashKey()
_LEFT_TO_JUDGE: pytest.StashKey[tuple[str, ...]] = pytest.StashKey()
_PYTESTS_OWN = frozenset(
    {_NAME, "cache", "capfd", "capfdbinary", "caplog", "capsys", "capsysbinary", "doctest_namespace", "monkeypatch"}
    | {"pytestconfig", "pytester", "record_property", "recwarn", "request", "subtests", "tmp_path", "tmp_path_factory"}
)
"""Fixtures of which none ends a span when it is torn down."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, also under `--strict-markers`."""
    config.addinivalue_line(
        "markers",
        f"{_NAME}(allow=()): what the fixture {_NAME} finds wrong and this test means to cause, in its words: "
        "never_ended, ended_twice, attached, keys, uncatalogued, fault, dropped, overflow",
    )


@pytest.fixture
def telemetry_capture(request: pytest.FixtureRequest) -> Iterator[Captured]:
    """What `telemetry_kit` records while this test runs: spans, events, points, and a clock that the test moves.

    When the test has passed, what is wrong with its telemetry fails it all the same: spans that never end, contexts
    that stay current, keys that differ, faults and others; `@pytest.mark.telemetry_capture(allow=("fault",))` allows them.
    """
    from telemetry_kit.testing import capture_and_watch

    item: pytest.Item = request.node
    _allowed(item)
    with capture_and_watch() as captured:
        item.stash[_CAPTURED] = captured
        try:
            yield captured
            _judge(item, item.stash.get(_LEFT_TO_JUDGE, ()))
        finally:
            del item.stash[_CAPTURED]  # pytest keeps the item to its end


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Judge the telemetry of a test that has passed. What fixtures may still end is judged after they are torn down."""
    yield
    if _CAPTURED in item.stash:
        from telemetry_kit.testing import WORDS
        from telemetry_kit.testing.validator import AT_THE_END

        others = [name for name in getattr(item, "fixturenames", ()) if _may_end_a_span(item, name)]
        now = [word for word in WORDS if not others or word not in AT_THE_END]
        _judge(item, now)
        item.stash[_LEFT_TO_JUDGE] = tuple(word for word in WORDS if word not in now)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what a failing test has captured."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    captured = item.stash.get(_CAPTURED, None)
    if captured is not None and call.when == "call" and report.failed:
        from telemetry_kit.testing.missing import shortened, shown

        if call.excinfo is not None and shown(captured) in str(call.excinfo.value):
            return report  # type: ignore[return-value] # which says it already
        report.sections.append(("Captured telemetry", "\n".join(shortened(str(captured)))))
    return report  # type: ignore[return-value]


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:  # noqa: ARG001
    """Explain how points and spans differ, if the kit's are what is compared."""
    kit: Any = sys.modules.get("telemetry_kit.testing")
    return None if kit is None or op not in ("==", "in") else kit.explain(left, right, among=op == "in")


def _may_end_a_span(item: pytest.Item, name: str) -> bool:
    """Whether a fixture may do so when it is torn down before the capture is: not one of a wider scope."""
    known: Any = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return name not in _PYTESTS_OWN and not (known.get(name) and known[name][-1].scope != "function")


def _judge(item: pytest.Item, words: Any) -> None:
    from telemetry_kit.testing.validator import report

    wrong = report(item.stash[_CAPTURED].findings(_allowed(item), words=words)) if words else ""
    if wrong:
        pytest.fail(wrong, pytrace=False)


def _allowed(item: pytest.Item) -> Any:
    """The words that the test, its class or its module allows."""
    from telemetry_kit.testing.validator import check_words

    allowed: list[Any] = []
    for mark in item.iter_markers(_NAME):
        if mark.args or set(mark.kwargs) - {"allow"}:
            raise pytest.UsageError(f"the mark {_NAME} must have allow=(...) and nothing else, got {mark!r}")
        allowed += check_words(mark.kwargs.get("allow", ()))
    return allowed
