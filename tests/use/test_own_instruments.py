"""Gauges and counters of a library's own, with what the kit promises of its own numbers."""

import copy
import gc
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit._core import faults
from telemetry_kit.testing import Captured
from tests.support import Sdk


def gauge(telemetry: Telemetry, read: Any, name: str = "database.size", unit: str = "By") -> Any:
    return telemetry.observe_gauge(name, read, unit=unit, description="Size of the database")


def counter(telemetry: Telemetry, name: str = "mail.sent", unit: str = "{mail}") -> Any:
    return telemetry.counter(name, unit=unit, description="Mails that were sent")


def test_they_are_on_the_librarys_own_scope(captured: Captured, telemetry: Telemetry) -> None:
    """With the unit and the description that were given, as a gauge and a monotonic sum."""
    gauge(telemetry, lambda: 8_192)
    counter(telemetry).add(2)

    assert [(found.metric, found.kind, found.unit, found.scope, found.value) for found in captured.points()] == [
        ("database.size", "observable_gauge", "By", "shop.orders", 8_192),
        ("mail.sent", "observable_counter", "{mail}", "shop.orders", 2),
    ]
    described = {made.name: made.description for made in captured.meter_provider.instruments}
    assert (described["database.size"], described["mail.sent"]) == ("Size of the database", "Mails that were sent")


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_gauge_of_several_series(captured: Captured, telemetry: Telemetry) -> None:
    """Pairs of a number and its attributes; a bad one costs itself alone."""
    gauge(telemetry, lambda: [(1, {"table": "a"}), ("many", {"table": "b"}), (float("nan"), None), (3, {"table": "c"})])
    before = faults.counts().get("observe.database.size", 0)

    assert {point.attributes["table"]: point.value for point in captured.points("database.size")} == {"a": 1, "c": 3}
    assert faults.counts()["observe.database.size"] == before + 2


def test_of_two_gauges_in_one_series_the_larger_counts(captured: Captured, telemetry: Telemetry) -> None:
    """And a stopped one ends its series."""
    with gauge(telemetry, lambda: 1), gauge(telemetry, lambda: 2):
        assert [point.value for point in captured.points("database.size")] == [2]
    assert not captured.points("database.size")


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_gauge_that_fails_is_a_fault_and_loses_no_other(captured: Captured, telemetry: Telemetry) -> None:
    """PRC 5."""
    gauge(telemetry, lambda: 1 / 0)
    gauge(telemetry, lambda: 1, name="other")
    before = faults.counts().get("observe.database.size", 0)

    assert (captured.points("database.size"), captured.value("other")) == ([], 1)
    assert faults.counts()["observe.database.size"] > before


def test_a_counter_is_exact_over_threads(captured: Captured, telemetry: Telemetry) -> None:
    """PRC 3: also where each thread asks for a counter of its own."""

    def work() -> None:
        mine = counter(telemetry)
        for _ in range(1_000):
            mine.add(1, {"mail.kind": "receipt"})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert captured.value("mail.sent", {"mail.kind": "receipt"}) == 8_000


def test_a_counter_outlives_its_telemetry(captured: Captured) -> None:
    """And goes on where another one of the name comes."""
    for _ in range(2):
        counter(Telemetry("shop.orders")).add(3)
        gc.collect()

    assert [point.value for point in captured.points("mail.sent")] == [6]


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), "many", None])
def test_what_cant_be_added_is_a_fault(captured: Captured, telemetry: Telemetry, amount: Any) -> None:
    """FLT 1: and changes nothing."""
    sent, before = counter(telemetry), faults.counts().get("counter.add", 0)
    sent.add(1)
    sent.add(amount)

    assert captured.value("mail.sent") == 1
    assert faults.counts()["counter.add"] == before + 1


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_attributes_are_guarded_and_overflow_speaks(
    captured: Captured, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    """STM 3: the first 100 values of a key, then `_OTHER`, counted, and logged once."""
    sent = counter(telemetry, name="guarded.sent")
    for number in range(150):
        sent.add(1, {"customer.id": f"c{number}"})

    assert len(captured.points("guarded.sent")) == 101
    assert captured.value("guarded.sent") == 150
    assert captured.value("telemetry_kit.attribute.overflow", {"attribute.key": "customer.id"}) == 50
    assert len([record for record in caplog.records if "customer.id" in record.getMessage()]) == 1


def test_what_was_added_before_the_sdk_is_right_after_it() -> None:
    """PRC 4."""
    program = """
from telemetry_kit import Telemetry
telemetry = Telemetry("shop")
telemetry.counter("mail.sent", unit="{mail}", description="Mails").add(2)
telemetry.observe_gauge("database.size", lambda: 7, unit="By", description="Size")
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
data = reader.get_metrics_data()
print(sorted((m.name, p.value) for s in data.resource_metrics[0].scope_metrics for m in s.metrics for p in m.data.data_points))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[('database.size', 7), ('mail.sent', 2)]"


@pytest.mark.parametrize(
    ("name", "unit", "error", "words"),
    [
        (3, "By", TypeError, "name of a gauge must be a str"),
        ("", "By", ValueError, "must not be empty"),
        ("1size", "By", ValueError, "must begin with a letter"),
        ("size of it", "By", ValueError, "letters, digits"),
        ("x" * 256, "By", ValueError, "at most 255"),
        ("size", 3, TypeError, "unit of gauge 'size' must be a str"),
        ("size", "é", ValueError, "ASCII"),
        ("size", "x" * 64, ValueError, "at most 63"),
    ],
)
def test_names_and_units_are_checked_at_definition(
    telemetry: Telemetry, name: Any, unit: Any, error: type[Exception], words: str
) -> None:
    """One that OpenTelemetry doesn't take would make a host's `set_meter_provider()` raise."""
    with pytest.raises(error, match=words):
        gauge(telemetry, lambda: 1, name=name, unit=unit)


def test_one_name_has_one_unit_and_is_one_instrument(telemetry: Telemetry) -> None:
    """Anything else would be lost on the way."""
    counter(telemetry)
    with pytest.raises(ValueError, match="must be what it is already, a counter in '{mail}'"):
        counter(telemetry, unit="By")
    with pytest.raises(ValueError, match="must be what it is already"):
        gauge(telemetry, lambda: 1, name="mail.sent", unit="{mail}")


def test_what_cant_be_read(telemetry: Telemetry) -> None:
    """No function, or a coroutine function, whose result nobody awaits."""

    async def read() -> int:
        return 1

    for wrong in (3, read):
        with pytest.raises(TypeError, match="must be a function that gives a number"):
            gauge(telemetry, wrong)


def test_a_disabled_library_reports_nothing(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """TELEMETRY_KIT_DISABLED."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "shop.orders")
    telemetry = Telemetry("shop.orders")
    with gauge(telemetry, lambda: 1):
        counter(telemetry).add()
        assert captured.metrics == []


def test_a_counter_travels_as_its_recipe(sdk: Sdk) -> None:
    """What holds one can be copied, and is the same one; pickled it is made anew where it isn't."""
    sent = counter(Telemetry("shop.orders"))

    assert copy.copy(sent) is copy.deepcopy([sent])[0] is pickle.loads(pickle.dumps(sent)) is sent
    with pytest.raises(TypeError, match="must have the global providers, got its own"):
        pickle.dumps(counter(sdk.telemetry()))
