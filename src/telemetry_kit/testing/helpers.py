"""What names a helper on a point, and what the catalogue says of an instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetry_kit._recording.metrics import series_key
from telemetry_kit.catalogue import METRICS, keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetry_kit._core.observed import Series
    from telemetry_kit._recording.metrics import Instrument, Reading

KIT = "telemetry_kit"
"""The scope of the kit's own meter."""
_NAMES = frozenset(
    {
        keys.CACHE_NAME,
        keys.DB_CLIENT_CONNECTION_POOL_NAME,
        keys.EVENT_LOOP_NAME,
        keys.EXECUTOR_NAME,
        keys.HEALTH_CHECK_NAME,
        keys.JOB_NAME,
        keys.OPERATION_NAME,
        keys.POOL_NAME,
        keys.QUEUE_NAME,
        keys.SCOPE_NAME,
    }
)
"""The attributes that together name a helper."""


def helper_of(attributes: Mapping[str, Any]) -> frozenset[Any]:
    """What names the helper that a series belongs to; of one that has no name, all of its attributes."""
    named = {key: value for key, value in attributes.items() if key in _NAMES}
    return series_key(named if named.keys() - {keys.SCOPE_NAME} else attributes)


def helper_of_series(of: Series) -> frozenset[Any]:
    """The same of a series, which keeps it."""
    of.helper = found = helper_of(of.attributes)
    return found


_known: dict[frozenset[Any], frozenset[Any]] = {}
"""Of series that were read before: those of earlier tests are read again in each."""
KNOWN_AT_MOST = 10_000


def helper_of_reading(reading: Reading) -> frozenset[Any]:
    """The same of a series that was read."""
    found = _known.get(reading.key)
    if found is None:
        if len(_known) >= KNOWN_AT_MOST:
            _known.clear()
        found = _known[reading.key] = helper_of(reading.attributes)
    return found


def uncatalogued(instrument: Instrument) -> str:
    """What the catalogue has against an instrument of the kit's meter; empty if nothing."""
    spec = METRICS.get(instrument.name)
    if spec is None:
        return "not in the catalogue"
    if spec.instrument != instrument.kind:
        return f"{_an(instrument.kind)}, and {_an(spec.instrument)} in the catalogue"
    return "" if spec.unit == instrument.unit else f"in {instrument.unit!r}, and in {spec.unit!r} in the catalogue"


def _an(kind: str) -> str:
    return f"{'an' if kind.startswith('o') else 'a'} {kind}"
