"""The pytest plugin: what it loads, when it judges, and what a failing test shows."""

import importlib.util
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

SELL = """
    import pytest
    from telemetry_kit import Telemetry, current_measurement
    from telemetry_kit.testing import point

    telemetry = Telemetry("shop.orders")

    @telemetry.operation("sell", metric_attributes=lambda order: {"size": order["size"]})
    def sell(order):
        return 1
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Runs a test module, in this process unless told otherwise."""
    monkeypatch.delenv("CI", raising=False)  # there a summary isn't cut

    def run(source: str, *arguments: str, prelude: str = SELL, subprocess: bool = False) -> pytest.RunResult:
        pytester.makepyfile(prelude + source)
        start = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        plugins = ("-p", "pytest_telemetry_kit", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
        scope = ("-o", "asyncio_default_fixture_loop_scope=function")
        return start(*plugins, *scope, "--strict-markers", *arguments)

    return run


def loaded_by(program: str) -> set[str]:
    """The modules that a fresh interpreter has after a program."""
    command = [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split())


def test_the_plugins_module_imports_pytest_only() -> None:
    """Loading the plugin brings in neither the kit nor OpenTelemetry: nothing that `import pytest` doesn't."""
    [point] = [point for point in entry_points(group="pytest11") if point.value == "pytest_telemetry_kit"]

    assert loaded_by(f"import {point.value}") - loaded_by("import pytest") == {"pytest_telemetry_kit"}


def test_what_was_captured_goes_with_its_test(run) -> None:
    """Pytest keeps every test to the end of the run; what it captured isn't kept."""
    result = run("""
    import weakref

    seen = []

    @pytest.mark.parametrize("number", [1, 2])
    def test_one(telemetry_capture, number):
        assert [one() for one in seen] == [None] * len(seen)
        seen.append(weakref.ref(telemetry_capture))
    """)

    result.assert_outcomes(passed=2)


def test_collecting_imports_no_kit(pytester: pytest.Pytester) -> None:
    """In a project that doesn't use the kit, a whole run with the plugin installed imports none of it."""
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            assert [name for name in sys.modules if name.startswith(("telemetry_kit", "opentelemetry"))] == []
        """
    )
    result = pytester.runpytest_subprocess(
        "-p", "pytest_telemetry_kit", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"
    )

    result.assert_outcomes(passed=1)


def test_the_fixture_captures_one_test(run) -> None:
    """Each test has a capture of its own, of everything that the test makes happen."""
    result = run(
        """
    @pytest.mark.parametrize("times", [1, 2])
    def test_it(telemetry_capture, times):
        for _ in range(times):
            sell({"size": 1})
        assert telemetry_capture.value("operation.duration") == times
        telemetry_capture.assert_catalogued()
    """
    )

    result.assert_outcomes(passed=2)


def test_what_is_wrong_fails_the_test(run) -> None:
    """A test that passes with something wrong in its telemetry fails, with the word and the line of its code."""
    result = run(
        """
    def test_it(telemetry_capture):
        sell({})
    """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "fault: at operation.metric_attributes: KeyError: 'size'",
            "    at test_what_is_wrong_fails_the_test.py:7",
            "This telemetry isn't right. What is meant to be so is allowed by allow=('fault',).",
        ]
    )


@pytest.mark.parametrize("where", ["function", "class", "module"])
def test_the_mark_allows(run, where) -> None:
    """`@pytest.mark.telemetry_capture(allow=...)`, on the test, its class or its module, allows what is meant to be."""
    mark = 'pytest.mark.telemetry_capture(allow=("fault",))'
    sources = {
        "function": f"""
    @{mark}
    def test_it(telemetry_capture):
        sell({{}})
    """,
        "class": f"""
    @{mark}
    class TestIt:
        def test_it(self, telemetry_capture):
            sell({{}})
    """,
        "module": f"""
    pytestmark = {mark}
    def test_it(telemetry_capture):
        sell({{}})
    """,
    }
    result = run(sources[where])

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('(allow=("faults",))', "*ValueError: allow must be words out of never_ended, *, got 'faults'"),
        ('("fault")', "*the mark telemetry_capture must have allow=(...) and nothing else, got *"),
        ('(alow=("fault",))', "*the mark telemetry_capture must have allow=(...) and nothing else, got *"),
    ],
)
def test_a_wrong_mark_is_an_error(run, mark, message) -> None:
    """A word that doesn't exist, or another argument, is an error that says what there is."""
    result = run(f"""
    @pytest.mark.telemetry_capture{mark}
    def test_it(telemetry_capture):
        pass
    """)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_what_a_fixture_ends_later_is_left_alone(run) -> None:
    """A span that began in the test and that a fixture ends when it is torn down is no finding; one that nobody ends is."""
    result = run(
        """
    @pytest.fixture
    def spans(telemetry_capture):
        spans = []
        yield spans
        for span in spans:
            span.end()

    def test_ended_late(spans):
        spans.append(telemetry.tracer.start_span("late"))

    kept = []
    def test_never_ended(spans):
        kept.append(telemetry.tracer.start_span("lost"))
    """
    )

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_never_ended*", "never_ended: the span 'lost' was never ended*"]
    )


def test_fixtures_of_a_wider_scope_put_nothing_off(run) -> None:
    """Such as plugins have: what only the end shows fails the test itself, since they are torn down after it is judged."""
    result = run(
        """
    @pytest.fixture(scope="session", autouse=True)
    def loop_policy():
        yield

    kept = []
    def test_never_ended(telemetry_capture):
        kept.append(telemetry.tracer.start_span("lost"))
    """,
        "-p",
        "no:inline_snapshot",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["never_ended: the span 'lost' was never ended*"])


def test_a_failing_test_is_not_judged(run) -> None:
    """A test that fails by itself shows its own failure and what was captured, and nothing is said on top."""
    result = run(
        """
    def test_it(telemetry_capture):
        sell({})
        assert telemetry_capture.value("operation.duration") == 2
    """
    )

    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*isn't right*")
    result.stdout.fnmatch_lines(
        [
            "*- Captured telemetry -*",
            "span sell",
            "  code.function.name = '*sell'",
            "operation.duration{operation.name='sell', scope.name='shop.orders'} count=1",
        ]
    )


def test_a_skipped_test_is_not_judged(run) -> None:
    """A test that skips itself has nothing to answer for."""
    result = run(
        """
    def test_it(telemetry_capture):
        sell({})
        pytest.skip("not today")
    """
    )

    result.assert_outcomes(skipped=1)


def test_a_failing_comparison_shows_the_nearest(run) -> None:
    """Where points aren't the expected ones, the nearest one comes first, with the attribute that differs."""
    result = run(
        """
    def test_it(telemetry_capture):
        sell({"size": 1})
        sell({"size": 2})
        expected = {"operation.name": "sell", "scope.name": "shop.orders"}
        assert [
            point(count=1, attributes={**expected, "size": 1}),
            point(count=1, attributes={**expected, "size": 3}),
        ] == telemetry_capture.points("operation.duration")
    """
    )

    result.assert_outcomes(failed=1)
    lines = [line.removeprefix("E       ") for line in result.outlines if line.startswith("E ")]
    assert lines[0] == "AssertionError: assert what was recorded isn't what was expected:"
    assert lines[1].startswith("    missing: point(count=1, attributes={") and "'size': 3" in lines[1]
    assert lines[2].startswith("      nearest: point(count=1, sum=0.0, attributes={") and "'size': 2" in lines[2]
    assert lines[3:] == ["        attribute 'size': expected 3, is 2"]


def test_a_failing_membership_shows_the_nearest(run) -> None:
    """`in` is explained as `==` is."""
    result = run(
        """
    def test_it(telemetry_capture):
        sell({"size": 1})
        assert point(count=2) in telemetry_capture.points("operation.duration")
    """
    )

    result.stdout.fnmatch_lines(["*missing: point(count=2)", "*nearest: point(count=1, *", "*count: expected 2, is 1"])


def test_a_question_without_an_answer_shows_the_tests_line(run) -> None:
    """Where nothing is as asked, pytest shows the test's own line and what was captured, once, and no line of the kit's."""
    result = run(
        """
    def test_it(telemetry_capture):
        sell({"size": 1})
        telemetry_capture.point("operation.duration", {"size": 2})
    """
    )

    lines = [line.removeprefix("E       ") for line in result.outlines if line.startswith("E ")]
    assert lines[:3] == [
        "AssertionError: there is no point of 'operation.duration' with {'size': 2}",
        "  nearest: point(count=1, sum=0.0, attributes={'size': 1, 'operation.name': 'sell', 'scope.name': 'shop.orders'})",
        "    attribute 'size': expected 2, is 1",
    ]
    assert str(result.stdout).count("span sell") == 1
    result.stdout.fnmatch_lines([">       telemetry_capture.point(*", "test_*.py:13: AssertionError"])
    result.stdout.no_fnmatch_line("*captured.py*")


def test_under_unittest(run) -> None:
    """A `unittest.TestCase` has the fixture by `usefixtures`, and is judged like everybody."""
    result = run(
        """
    import unittest

    class TestShop(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def telemetry(self, telemetry_capture):
            self.captured = telemetry_capture

        def test_right(self):
            sell({"size": 1})
            self.assertEqual(1, self.captured.value("operation.duration"))

        def test_wrong(self):
            sell({})
    """
    )

    result.assert_outcomes(passed=1, failed=1)


def test_under_doctest(run) -> None:
    """A docstring's examples have it by `getfixture`, and are judged too."""
    result = run(
        '''
    def right():
        """
        >>> captured = getfixture("telemetry_capture")
        >>> sell({"size": 1})
        1
        >>> print(captured)
        span sell
          code.function.name = '...sell'
          size = 1
        operation.duration{operation.name='sell', scope.name='shop.orders', size=1} count=1
        """

    def wrong():
        """
        >>> captured = getfixture("telemetry_capture")
        >>> sell({})
        1
        """
    ''',
        "--doctest-modules",
        "-o",
        "doctest_optionflags=ELLIPSIS",
    )

    result.assert_outcomes(passed=1, failed=1)


def test_under_asyncio(run) -> None:
    """Coroutine tests of pytest-asyncio and anyio have what their tasks record."""
    result = run(
        """
    import asyncio
    import importlib.util

    import anyio

    BACKENDS = ["asyncio", *(["trio"] if importlib.util.find_spec("trio") else [])]

    @telemetry.operation("fetch")
    async def fetch():
        await anyio.sleep(0)

    @pytest.mark.asyncio
    async def test_asyncio(telemetry_capture):
        await asyncio.gather(fetch(), fetch())
        later = asyncio.create_task(fetch())
        await asyncio.to_thread(telemetry_capture.wait_for, "operation.duration", count=3)
        assert telemetry_capture.value("operation.duration") == 3

    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", BACKENDS)
    async def test_anyio(telemetry_capture):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fetch)
            tasks.start_soon(fetch)
        await anyio.to_thread.run_sync(lambda: telemetry_capture.wait_for("operation.duration", count=2))
        assert all(span.end is not None for span in telemetry_capture.spans)

    @pytest.mark.asyncio
    async def test_waiting_in_a_coroutine_says_what_to_do(telemetry_capture):
        later = asyncio.create_task(fetch())
        with pytest.raises(AssertionError, match="await asyncio.to_thread"):
            telemetry_capture.wait_for("fetch", timeout=0)
        await later
    """
    )

    result.assert_outcomes(passed=4 if importlib.util.find_spec("trio") else 3)


@pytest.mark.slow
def test_under_xdist(run) -> None:
    """Workers of pytest-xdist each have their own captures; their failures read the same."""
    result = run(
        """
    @pytest.mark.parametrize("times", range(4))
    def test_right(telemetry_capture, times):
        for _ in range(times):
            sell({"size": 1})
        assert telemetry_capture.value("operation.duration") == times

    def test_wrong(telemetry_capture):
        sell({})
    """,
        "-n",
        "2",
        subprocess=True,
    )

    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["fault: at operation.metric_attributes: KeyError: 'size'"])
