"""Limits that keep telemetry small however the host is used: distinct values, and names."""

from collections.abc import Mapping

from telemetry_kit._core import observer
from telemetry_kit._core.attributes import AttributeValue, attribute_key, metric_value
from telemetry_kit._core.outcome import CANCELLED, OTHER

VALUES_PER_KEY = 100
"""Distinct values that a key of a helper keeps; those that come later are `_OTHER`."""
SETS_PER_HELPER = 200
"""Distinct attribute sets of a helper, so that the SDK's 2,000 of an instrument serve many helpers."""
ERROR_TYPES = 100
"""Distinct values of `error.type` of a helper."""
NAMES = 1_000
"""Distinct names of a kind of helper in one `Telemetry`."""


class Distinct:
    """Lets the first `limit` distinct strings through, and says `_OTHER` for all later ones.

    >>> names = Distinct(2)
    >>> [names(name) for name in ("a", "b", "c", "a")]
    ['a', 'b', '_OTHER', 'a']
    """

    __slots__ = ("limit", "seen")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen: set[str] = set()

    def __call__(self, value: str) -> str:
        seen = self.seen
        if value in seen:
            return value
        if len(seen) < self.limit:
            seen.add(value)
            return value
        return OTHER

    @property
    def full(self) -> bool:
        """Whether a new value would not be let through."""
        return len(self.seen) >= self.limit


class ValueGuard:
    """Keeps the metric attributes of one helper few: each key its first values, the helper its first sets.

    Several threads may each add the last value at the same moment, so that a limit can be passed by as many values as
    there are threads: that costs nothing, and a lock would.
    """

    __slots__ = ("_error_types", "_keys", "_sets", "sets", "values")

    def __init__(self, values: int = VALUES_PER_KEY, sets: int = SETS_PER_HELPER) -> None:
        self.values: int = values
        self.sets: int = sets
        self._keys: dict[str, dict[object, AttributeValue]] = {}
        self._sets: set[object] = set()
        self._error_types = Distinct(ERROR_TYPES)

    def error_type(self, name: str) -> str:
        """`name`, or `_OTHER` once there are too many. Cancellation is always told from errors."""
        if name in self._error_types.seen or name == CANCELLED:
            return name
        return self._error_types(str(metric_value(name)))

    def value(self, key: str, value: object) -> AttributeValue | None:
        """`value` made harmless and few: as it is, cut, `_OTHER`, or None where it can't be a metric's attribute."""
        try:
            seen = self._keys[key]
        except KeyError:
            if len(self._keys) >= self.values:
                return None
            seen = self._keys.setdefault(key, {})
        if type(value) is str:
            try:
                return seen[value]
            except KeyError:
                pass
        return self._new(key, seen, value)

    def _new(self, key: str, seen: dict[object, AttributeValue], value: object) -> AttributeValue | None:
        harmless = metric_value(value)
        if harmless is None:
            if value is None:
                observer.left_out(key)
            return None
        # 1, 1.0 and True are equal, but three different values on a chart.
        mark: object = harmless if harmless.__class__ is str else (harmless.__class__, harmless)
        try:
            return seen[mark]
        except KeyError:
            if len(seen) >= self.values:
                observer.overflowed(key)
                return OTHER
            return seen.setdefault(mark, harmless)

    def attributes(self, given: Mapping[str, object]) -> dict[str, AttributeValue]:
        """The guarded attributes of a call; what can't be one is left out."""
        guarded: dict[str, AttributeValue] = {}
        for key, value in given.items():
            name = attribute_key(key)
            harmless = None if name is None else self.value(name, value)
            if name is not None and harmless is not None:
                guarded[name] = harmless
        return guarded

    def admit(self, guarded: dict[str, AttributeValue], error_type: str | None) -> bool:
        """Whether this set of attributes is among the first; if not, `collapse` it."""
        mark = (error_type, *guarded.items()) if len(guarded) < 2 else (error_type, frozenset(guarded.items()))
        if mark in self._sets:
            return True
        if len(self._sets) < self.sets:
            self._sets.add(mark)
            return True
        return False

    @staticmethod
    def collapse(guarded: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
        """The one set that stands for all that came too late."""
        return dict.fromkeys(guarded, OTHER)
