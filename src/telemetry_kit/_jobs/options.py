"""The options of a batch job, once: their defaults, and what is said where one can't be right. A new one is a line here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from telemetry_kit._core import declared
from telemetry_kit._core.face import public
from telemetry_kit._core.outcome import Expected

Seconds = float | timedelta
"""An interval: a number of seconds, or a `timedelta`."""


@public
@dataclass(frozen=True, kw_only=True, slots=True)
class JobOptions:
    """What a user says of a batch job, apart from its name; `Telemetry.batch_job` says what each one means."""

    metric_attributes: Mapping[str, object] | None = None
    run_id: Callable[..., object] | None = None
    expected_interval: Seconds | None = None
    span: bool = True
    expected: Expected = ()
    flush_timeout: Seconds | None = None
    flush_at_start: bool = False
    handle_sigterm: bool = False

    def check(self, what: str) -> None:
        """Raise the TypeError that says what can't be right. What has to be read for that is checked as it is read."""
        declared.check_mapping("metric_attributes", what, self.metric_attributes)
        if self.run_id is not None and not callable(self.run_id):
            msg = f"run_id of {what} must be a callable given the decorated call's arguments, got {self.run_id!r:.100}"
            raise TypeError(f"{msg}: give the id of a single run to .run(run_id=...)")
        for option in ("span", "flush_at_start", "handle_sigterm"):
            declared.check_flag(option, what, getattr(self, option))


def seconds(what: str, option: str, value: object) -> float | None:
    """An interval as a number, or the TypeError or ValueError that says what can't be right."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"{option} of {what} must be a number of seconds, a timedelta or None, got {value!r:.100}"
        raise TypeError(msg)
    if not 0 < value <= sys.float_info.max:
        msg = f"{option} of {what} must be above zero seconds, got {value!r}: leave it out for none"
        raise ValueError(msg)
    return value
