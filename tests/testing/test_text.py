"""`str(captured)`: the same in every run, for people and for snapshots."""

import contextlib
import threading
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind

from telemetry_kit import Telemetry, attached, extract
from telemetry_kit.testing import capture

pytest_plugins = ["pytester"]

telemetry = Telemetry("shop.texts")
gpu = telemetry.pool("gpu", limit=4)

WHOLE = """\
span checkout [SERVER] ERROR 'no stock'
  error.type = 'LookupError'
  order.items = [1, 2]
  event retried
  event exception
    error.type = 'LookupError'
    exception.message = 'no stock'
    exception.stacktrace = ...
    exception.type = 'LookupError'
  log order.refused [WARN]
    body: 'Nothing left'
    order.id = 'A1'
  span price
    link to span checkout
      attempt = 1
span receive (child of a span elsewhere)
log config.changed [INFO]
  config.file = 'app.toml'
gpu.seconds{} some seconds
operation.duration{error.type='LookupError', operation.name='checkout', scope.name='shop.texts'} count=1
pool.errors{error.type='LookupError', pool.name='gpu', scope.name='shop.texts'} 1
pool.limit{pool.name='gpu', scope.name='shop.texts'} 4
pool.use_time{error.type='LookupError', pool.name='gpu', scope.name='shop.texts'} count=1
pool.utilization{pool.name='gpu', scope.name='shop.texts'} 0
telemetry_kit.events{event.name='config.changed', scope.name='shop.texts'} 1
telemetry_kit.events{event.name='order.refused', scope.name='shop.texts'} 1"""


def shop() -> None:
    """Something of everything."""
    operation = telemetry.operation(
        "checkout", kind=SpanKind.SERVER, span_attributes={"code.function.name": "checkout"}
    )
    with pytest.raises(LookupError), operation.measure(span_attributes={"order.items": [1, 2]}) as measurement:
        with telemetry.span("price") as span:
            span.add_link(measurement.span.get_span_context(), {"attempt": 1})
        measurement.add_event("retried")
        telemetry.event("order.refused", {"order.id": "A1"}, severity="WARN", body="Nothing left")
        with gpu.use():
            raise LookupError("no stock")
    with attached(extract({"traceparent": f"00-{9:032x}-{9:016x}-01"})), telemetry.span("receive"):
        pass
    telemetry.event("config.changed", {"config.file": "app.toml"})
    telemetry.meter.create_counter("gpu.seconds", unit="s").add(3.5)


def test_the_whole() -> None:
    """A tree of spans with their events and links, then events without a span, then points; no ids, no times."""
    with capture() as captured:
        shop()

    assert str(captured) == WHOLE


def test_it_is_the_same_every_time() -> None:
    """Two captures of the same program read the same, whatever the clock says and whatever went before."""
    texts = []
    for seconds in (0.5, 1e6):
        with capture() as captured:
            captured.clock.advance(seconds)
            shop()
            texts.append(str(captured))

    assert texts == [WHOLE, WHOLE]


def test_threads_that_compete_are_sorted() -> None:
    """What several threads began is sorted by what it says, so that no race shows."""
    texts = []
    for names in ("abc", "cab"):
        with capture() as captured:
            for name in names:
                thread = threading.Thread(
                    target=lambda name=name: telemetry.operation(name, span_attributes={"n": 1})(lambda: None)()
                )
                thread.start()
                thread.join()
            texts.append(str(captured))

    assert texts[0] == texts[1]
    assert texts[0].splitlines()[:9:3] == ["span a", "span b", "span c"]


def test_what_still_runs_says_so() -> None:
    """A span that hasn't ended is there, and says that it runs."""
    with capture() as captured, telemetry.span("long"):
        assert str(captured) == "span long (running)"


@pytest.mark.slow
def test_inline_snapshots_take_it(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """inline-snapshot writes it into the test, and finds it unchanged in the next run."""
    pytest.importorskip("inline_snapshot")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # it writes nothing in a worker
    monkeypatch.delenv("PYTEST_XDIST_TESTRUNUID", raising=False)
    module = pytester.makepyfile(
        """
        from inline_snapshot import snapshot
        from telemetry_kit import Telemetry

        telemetry = Telemetry("shop.texts")

        def test_sell(telemetry_capture):
            with telemetry.operation("sell").measure(metric_attributes={"payment.method": "card"}):
                pass
            assert str(telemetry_capture) == snapshot()
        """
    )
    arguments = ("-p", "pytest_telemetry_kit", "-p", "no:cacheprovider", "-p", "no:xdist")
    pytester.runpytest_subprocess(*arguments, "--inline-snapshot=create")

    assert "span sell\n  payment.method = 'card'\noperation.duration{" in module.read_text(encoding="utf-8")
    pytester.runpytest_subprocess(*arguments, "--inline-snapshot=disable").assert_outcomes(passed=1)


@pytest.mark.slow
def test_syrupy_takes_it(pytester: pytest.Pytester) -> None:
    """syrupy keeps it in its file, and finds it unchanged in the next run and another process."""
    pytest.importorskip("syrupy")
    pytester.makepyfile(
        """
        from telemetry_kit import Telemetry

        telemetry = Telemetry("shop.texts")

        def test_sell(telemetry_capture, snapshot):
            with telemetry.operation("sell").measure():
                pass
            assert str(telemetry_capture) == snapshot
        """
    )
    arguments = ("-p", "pytest_telemetry_kit", "-p", "no:cacheprovider", "-p", "no:xdist")
    pytester.runpytest_subprocess(*arguments, "--snapshot-update").assert_outcomes(passed=1)
    [kept] = Path(pytester.path).rglob("*.ambr")

    assert "operation.duration{operation.name='sell', scope.name='shop.texts'} count=1" in kept.read_text(
        encoding="utf-8"
    )
    pytester.runpytest_subprocess(*arguments).assert_outcomes(passed=1)


def test_values_that_are_not_finite() -> None:
    """An infinity and NaN are written as Python writes them."""
    with capture() as captured, telemetry.span("odd", attributes={"a": float("inf"), "b": float("nan"), "c": -1e300}):
        pass

    assert str(captured) == "span odd\n  a = inf\n  b = nan\n  c = -1e+300"


def test_a_thousand_spans_in_one_another() -> None:
    """However deep spans are in one another, the text has them all; a failing test shows the first lines."""
    with capture() as captured, contextlib.ExitStack() as stack:
        for number in range(1_000):
            stack.enter_context(telemetry.span(f"s{number}"))

    lines = str(captured).splitlines()
    assert [line.strip() for line in lines] == [f"span s{number}" for number in range(1_000)]
    with pytest.raises(AssertionError) as error:
        captured.span("s1000")
    assert str(error.value).splitlines()[-1] == "  ... and 900 more lines"
