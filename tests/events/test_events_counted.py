"""`telemetry_kit.events`: for annotations where no log backend is."""

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, point


@pytest.mark.telemetry_capture(allow=("fault",))
def test_events_are_counted_by_name(captured: Captured, telemetry: Telemetry) -> None:
    """Each `event` counts once, whoever takes it."""
    for _ in range(2):
        telemetry.event("config.changed", {"config.file": "app.toml"})
    telemetry.event("")  # a fault, and no event

    counted = {"event.name": "config.changed", "scope.name": "shop.orders"}
    assert captured.points("telemetry_kit.events") == [point(value=2, attributes=counted)]


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_names_of_events_are_bounded(captured: Captured, telemetry: Telemetry) -> None:
    """STM 3: the first 1,000, then `_OTHER`."""
    for number in range(1_010):
        telemetry.event(f"order.{number}")

    assert len(captured.points("telemetry_kit.events")) == 1_001
    assert captured.value("telemetry_kit.events", {"event.name": "_OTHER"}) == 10
    assert captured.value("telemetry_kit.attribute.overflow", {"attribute.key": "event.name"}) == 10
