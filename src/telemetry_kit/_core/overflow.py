"""What is said of values and names that came too late, and are `_OTHER` on metrics."""

from telemetry_kit._core import faults, observer
from telemetry_kit._core.instruments import Instruments, Series, series
from telemetry_kit._core.outcome import OTHER
from telemetry_kit.catalogue import keys

NAME_KEYS = {
    "cache": keys.CACHE_NAME,
    "event_loop": keys.EVENT_LOOP_NAME,
    "executor": keys.EXECUTOR_NAME,
    "health": keys.HEALTH_CHECK_NAME,
    "job": keys.JOB_NAME,
    "objective": keys.OBJECTIVE_NAME,
    "operation": keys.OPERATION_NAME,
    "pool": keys.POOL_NAME,
    "queue": keys.QUEUE_NAME,
}
"""The attribute that a helper's name is, by its kind."""


class Overflow:
    """Speaks of the values of one helper that became `_OTHER`: which key of which helper, counted, and logged once."""

    __slots__ = ("_account", "_attributes", "_series")

    def __init__(self, instruments: Instruments, scope_name: str, kind: str, name: str) -> None:
        key = NAME_KEYS.get(kind)
        self._account = instruments.account("telemetry_kit.attribute.overflow")
        self._attributes = {keys.SCOPE_NAME: scope_name} if key is None else {keys.SCOPE_NAME: scope_name, key: name}
        self._series: dict[str, Series] = {}

    def __call__(self, key: str) -> None:
        observer.current.overflowed(key)
        of = self._series.get(key)
        if of is None:
            of = self._series[key] = series({**self._attributes, keys.ATTRIBUTE_KEY: key})
            whose = ", ".join(f"{name} {value}" for name, value in self._attributes.items())
            words = f"attribute {key} has too many values, and later ones are _OTHER on metrics: {whose}"
            if key == OTHER:
                words = f"there are too many attribute keys, and later ones are left out of metrics: {whose}"
            faults.say_once(words, words)
        self._account.add(of)
