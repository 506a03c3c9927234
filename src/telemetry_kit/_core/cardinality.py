"""Limits that keep telemetry small however the host is used: distinct values, and names.

They are also what keeps a series one series: two values or keys that a backend shows alike are recorded as the first.
"""

import re
import weakref
from collections.abc import Callable, Collection, Mapping

from telemetry_kit._core import faults, observer
from telemetry_kit._core.attributes import OWN_KEYS, AttributeValue, attribute_key, metric_value, plain_text, span_value
from telemetry_kit._core.late import late_import
from telemetry_kit._core.outcome import CANCELLED, OTHER
from telemetry_kit.catalogue import keys

VALUES_PER_KEY = 100
"""Distinct values that a key of a helper keeps; those that come later are `_OTHER`."""
SETS_PER_HELPER = 200
"""Distinct attribute sets of a helper, so that the SDK's 2,000 of an instrument serve many helpers."""
ERROR_TYPES = 100
"""Distinct values of `error.type` of a helper."""
NAMES = 1_000
"""Distinct names of a kind of helper in one `Telemetry`, and of `Telemetry` itself."""

_NOT_IN_A_LABEL = re.compile(r"[^a-zA-Z0-9]+")
_RESERVED = re.compile(r"le|quantile|otel_scope_.*")
"""Labels that Prometheus and its exporter give to every series: another of that name breaks the page."""
_INTERNAL = re.compile(r"[^a-zA-Z0-9]{2}")
"""How keys begin whose labels Prometheus keeps for itself: `__`."""

_keeping: dict[int, "weakref.ref[Distinct | ValueGuard]"] = {}
"""Those that have kept anything since a capture began: a capture has nothing to do with all that ever were."""


def _keeps(limit: "Distinct | ValueGuard") -> None:
    key = id(limit)
    _keeping[key] = weakref.ref(limit, lambda _: _keeping.pop(key, None))


def _forget_all() -> None:
    while _keeping:
        limit = _keeping.popitem()[1]()
        if limit is not None:
            limit.forget()


observer.at_capture(_forget_all)


class Distinct:
    """Lets the first `limit` distinct strings through, and says `_OTHER` for all later ones.

    >>> names = Distinct(2)
    >>> [names(name) for name in ("a", "b", "c", "a")]
    ['a', 'b', '_OTHER', 'a']
    """

    __slots__ = ("__weakref__", "limit", "seen")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen: set[str] = set()

    def forget(self) -> None:
        """There was nothing yet."""
        self.seen.clear()

    def __call__(self, value: str) -> str:
        seen = self.seen
        if value in seen:
            return value
        if len(seen) < self.limit:
            if not seen:
                _keeps(self)
            seen.add(value)
            return value
        return OTHER


def _label(name: str) -> str:
    """How Prometheus' exporters spell a key: other characters in a row are one `_`, and so is a digit at its beginning."""
    label = _NOT_IN_A_LABEL.sub("_", name)
    return f"_{label[1:]}" if label[:1].isdigit() else label


class ValueGuard:
    """Keeps the metric attributes of one helper few: each key its first values, the helper its first sets.

    Several threads may each add the last value at the same moment, so that a limit can be passed by as many values as
    there are threads: that costs nothing, and a lock would.
    """

    __slots__ = (
        "__weakref__",
        "_error_types",
        "_keys",
        "_labels",
        "_names",
        "_overflowed",
        "_own",
        "_sets",
        "sets",
        "values",
    )

    def __init__(
        self,
        values: int = VALUES_PER_KEY,
        sets: int = SETS_PER_HELPER,
        own: Collection[str] = OWN_KEYS,
        overflowed: Callable[[str], object] = observer.NOBODY.overflowed,
    ) -> None:
        """`overflowed` is called with the key of each value that becomes `_OTHER`, and with `_OTHER` for each key that is
        one too many."""
        self._overflowed = overflowed
        self.values: int = values
        self.sets: int = sets
        self._own = own
        self._names: dict[str, str | None] = {}
        """What each key that was given is called on the metric, None where it can't be there."""
        self._labels: dict[str, str] = {}
        """Who has each label, as Prometheus spells it."""
        self._keys: dict[str, dict[str, AttributeValue]] = {}
        """By key, each value that is kept by its text."""
        self._sets: set[object] = set()
        self._error_types = Distinct(ERROR_TYPES)

    def forget(self) -> None:
        """There was no value yet."""
        for kept in (self._names, self._labels, self._keys, self._sets):
            kept.clear()

    @property
    def kept(self) -> int:
        """How many sets of attributes there have been."""
        return len(self._sets)

    def error_type(self, name: str) -> str:
        """`name`, or `_OTHER` once there are too many. Cancellation is always told from errors."""
        text = name if type(name) is str else plain_text(name) or OTHER
        if text in self._error_types.seen or text == CANCELLED:
            return text
        kept = self._error_types(str(metric_value(text, keys.ERROR_TYPE) or OTHER))
        if kept == OTHER != text:
            self._overflowed(keys.ERROR_TYPE)
        return kept

    def key(self, key: object) -> str | None:
        """What `key` is called on a metric: itself, but never what a backend takes for its own label or for another
        key. None where it can't be there: it is the kit's own, none at all, or there are too many."""
        if type(key) is str:
            try:
                return self._names[key]
            except KeyError:
                pass
        name = attribute_key(key)
        if name is None:
            return None
        if len(self._names) >= 2 * self.values and name not in self._names:
            self._overflowed(OTHER)
            return None
        if not self._names:
            _keeps(self)
        return self._names.setdefault(name, self._named(name))

    def _named(self, name: str) -> str | None:
        spelling = f"{name}_" if _RESERVED.fullmatch(_label(name)) or _INTERNAL.match(name) else name
        if not self._labels:
            self._labels.update((_label(own), own) for own in self._own)
        first = self._labels.setdefault(_label(spelling), spelling)
        if first != name:
            msg = (
                f"a metric attribute must have a label of its own, got {name!r:.100}: it is recorded as {first!r:.100}"
            )
            faults.record("attributes.key", ValueError(msg), about=name)
        return None if first in self._own else first

    def value(self, key: str, value: object) -> AttributeValue | None:
        """`value` made harmless and few: as it is, cut, `_OTHER`, or None where it can't be a metric's attribute. One
        whose text is that of an earlier one is that one."""
        try:
            seen = self._keys[key]
        except KeyError:
            if len(self._keys) >= self.values:
                self._overflowed(OTHER)
                return None
            if not self._keys:
                _keeps(self)
            seen = self._keys.setdefault(key, {})
        if type(value) is str:
            try:
                return seen[value]
            except KeyError:
                pass
        harmless = metric_value(value, key)
        if harmless is None:
            observer.current.left_out(key)
            return None
        text = harmless if type(harmless) is str else _text(harmless)
        try:
            return seen[text]
        except KeyError:
            if len(seen) >= self.values:
                self._overflowed(key)
                return OTHER
            return seen.setdefault(text, harmless)

    def attributes(self, given: Mapping[str, object]) -> dict[str, AttributeValue]:
        """The guarded attributes of a call; what can't be one is left out."""
        guarded: dict[str, AttributeValue] = {}
        for key, value in given.items():
            name = self.key(key)
            harmless = None if name is None else self.value(name, value)
            if name is not None and harmless is not None:
                guarded.setdefault(name, harmless)
        return guarded

    def both(self, given: Mapping[str, object]) -> tuple[dict[str, AttributeValue], dict[str, AttributeValue]]:
        """The attributes of a call for the metric, guarded, and for its span, as they were given."""
        on_metric: dict[str, AttributeValue] = {}
        on_span: dict[str, AttributeValue] = {}
        for key, value in given.items():
            name = attribute_key(key)
            harmless = None if name is None else span_value(value, name)
            if name is None:
                continue
            if harmless is not None and name not in self._own:
                on_span[name] = harmless
            metric_name = self.key(name)
            guarded = None if metric_name is None else self.value(metric_name, None if harmless is None else value)
            if metric_name is not None and guarded is not None:
                on_metric.setdefault(metric_name, guarded)
        return on_metric, on_span

    def admit(self, guarded: dict[str, AttributeValue], error_type: str | None) -> bool:
        """Whether this set of attributes is among the first; if not, `collapse` it."""
        mark = (error_type, *guarded.items()) if len(guarded) < 2 else (error_type, frozenset(guarded.items()))
        if mark in self._sets:
            return True
        if len(self._sets) < self.sets:
            if not self._sets:
                _keeps(self)
            self._sets.add(mark)
            return True
        return False

    def collapse(self, guarded: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
        """The one set that stands for all that came too late."""
        for key, value in guarded.items():
            if value != OTHER:
                self._overflowed(key)
        return dict.fromkeys(guarded, OTHER)


def _text(value: AttributeValue) -> str:
    """How exporters write a value that is no text: as JSON does."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is tuple:
        with late_import():
            import json

        return json.dumps(value)
    return str(value)
