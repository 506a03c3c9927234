"""`Telemetry`: its providers, its plain OpenTelemetry objects, and how a host switches it off."""

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from telemetry_kit import Telemetry, inject
from telemetry_kit.testing import Captured, point, span


def test_its_name_and_version() -> None:
    """Name and version can be read."""
    telemetry = Telemetry("shop.orders", "1.4.0")

    assert (telemetry.name, telemetry.version) == ("shop.orders", "1.4.0")


@pytest.mark.parametrize(("name", "kind"), [(7, TypeError), (None, TypeError), ("", ValueError)])
def test_a_name_that_is_none(name: Any, kind: type[Exception]) -> None:
    """A name is a text that isn't empty."""
    with pytest.raises(kind, match="name of a Telemetry"):
        Telemetry(name)


def test_a_policy_that_is_none() -> None:
    """`errors` is an ErrorPolicy."""
    with pytest.raises(TypeError, match="errors of Telemetry 'lib' must be an ErrorPolicy, got 'none'"):
        Telemetry("lib", errors="none")  # type: ignore[arg-type]


def test_a_version_is_a_text() -> None:
    """A number says how many digits it has lost."""
    with pytest.raises(TypeError, match="version of Telemetry 'lib' must be a str or None, got 1.4: give its text"):
        Telemetry("lib", version=1.4)  # type: ignore[arg-type]


def test_the_tracer_is_of_its_scope(captured: Captured) -> None:
    """`.tracer` makes spans of the scope's name and version."""
    with Telemetry("lib", "1.0").tracer.start_as_current_span("mine"):
        pass

    assert (captured.span("mine").scope, captured.span("mine").version) == ("lib", "1.0")


def test_the_meter_is_of_its_scope(captured: Captured) -> None:
    """`.meter` makes instruments of the scope's name, beside the kit's own meter."""
    Telemetry("lib").meter.create_counter("mine").add(1)

    assert captured.point("mine").scope == "lib"


def test_two_scopes_have_their_own_series(captured: Captured) -> None:
    """Two libraries with an operation of one name are told apart by `scope.name`."""
    for name in ("a", "b"):
        Telemetry(name).operation("work")(lambda: None)()

    assert captured.points("operation.duration") == [
        point(count=1, attributes={"operation.name": "work", "scope.name": name}) for name in ("a", "b")
    ]


@pytest.mark.parametrize("pattern", ["acme.orders", "acme.*", "x, acme.* ,y", "*"])
def test_switched_off(captured: Captured, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    """`TELEMETRY_KIT_DISABLED` names it: nothing is recorded, by the kit or by `.tracer` and `.meter`."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", pattern)
    telemetry = Telemetry("acme.orders")
    assert telemetry.operation("work")(lambda: 42)() == 42
    with telemetry.operation("work").measure(), telemetry.tracer.start_as_current_span("mine"):
        telemetry.meter.create_counter("mine").add(1)

    assert str(captured) == "(nothing)"


def test_a_library_that_is_switched_off_breaks_no_trace(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes in by the carrier of an operation is passed on, whether it decorates or heads a block."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", "acme.orders")
    sent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage": "tenant=acme"}
    handle = Telemetry("acme.orders").operation("handle", kind=SpanKind.SERVER, carrier=lambda headers: headers)
    with handle.measure(carrier=sent):
        below = inject({})

    assert handle(lambda headers: inject({}))(sent) == below == sent
    assert str(captured) == "(nothing)"


@pytest.mark.parametrize("pattern", ["", ",", "other", "acme", "acme.orders.more"])
def test_not_switched_off(captured: Captured, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    """A pattern that doesn't match leaves it on."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", pattern)
    Telemetry("acme.orders").operation("work")(lambda: 42)()

    assert captured.spans == [span("work")]


@pytest.mark.parametrize("value", ["*", "true", "True", "1", "ALL", "other, *"])
def test_words_that_switch_every_library_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """`*`, `true`, `1` and `all` mean every one, in any case, and `repr()` says it."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", value)

    assert repr(Telemetry("lib")) == "<Telemetry 'lib', switched off by TELEMETRY_KIT_DISABLED>"


@pytest.mark.parametrize("value", ["", "false", "FALSE", "0", " ", "false,0"])
def test_words_that_switch_none_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """`false`, `0` and nothing mean none, in any case."""
    monkeypatch.setenv("TELEMETRY_KIT_DISABLED", value)

    assert repr(Telemetry("lib")) == "<Telemetry 'lib'>"


NAMES_WITHOUT_END = """
from telemetry_kit import Objective, Telemetry
from telemetry_kit.testing import Captured, capture, point, span

with capture() as captured:
    for number in range(1_010):
        telemetry = Telemetry(f"request-{number}")
        telemetry.cache("prices").hit()
        with telemetry.operation("checkout", objective=Objective(90.0 + number / 1_000)).measure():
            pass
        telemetry.counter("sold", unit=f"{{lamp-{number}}}", description="Lamps").add()

    assert captured.value("cache.requests", {"scope.name": "_OTHER"}) == 10
    assert captured.value("cache.requests", {"scope.name": "request-999"}) == 1
    assert captured.value("operation.objective.calls", {"scope.name": "_OTHER", "objective.result": "met"}) == 10
    assert captured.value("telemetry_kit.attribute.overflow", {"attribute.key": "scope.name"}) == 10
    assert telemetry.name == "request-1009"
"""


@pytest.mark.slow
def test_names_without_end_are_bounded() -> None:
    """One made for each request: the first thousand have series of their own, and the rest share those of `_OTHER`, which
    is logged once. Spans and the object keep the name."""
    done = subprocess.run(  # in a process of its own, whose names it uses up
        [sys.executable, "-c", NAMES_WITHOUT_END], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("attribute scope.name has too many") == 1
