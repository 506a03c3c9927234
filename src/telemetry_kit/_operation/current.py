"""The measurement of the call that runs here, and what stands for it where there is none."""

from __future__ import annotations

from typing import Any

from telemetry_kit._core import reentrancy
from telemetry_kit._core.context import CURRENT_CALL, Current
from telemetry_kit._core.face import public
from telemetry_kit._operation.measurement import Measurement


class _NoMeasurement(Measurement):
    """Where nothing is measured: every method does nothing."""

    def __init__(self) -> None:
        self._state = 3
        self._current: Any = Current()

    def __enter__(self) -> Measurement:
        return self

    def _nothing(self, *_given: object, **_options: object) -> Any: ...

    set_attribute = set_metric_attribute = fail = add_event = __exit__ = _called = _nothing


NO_MEASUREMENT: Measurement = _NoMeasurement()


@public
def current_measurement() -> Measurement:
    """The innermost running measurement, so that a decorated handler can add to it or fail without being passed it.

    Where nothing is measured it is one that does nothing, never None.

    >>> from telemetry_kit import current_measurement
    >>> current_measurement().fail("card_declined")
    """
    current = CURRENT_CALL.get()
    if current.__class__ is reentrancy.Watch:
        current = current()
    if current is None:
        return NO_MEASUREMENT
    return current if isinstance(current, Measurement) else current.measurement()


def current_name() -> str | None:
    """The name of the operation that runs here."""
    return current_measurement()._called()
