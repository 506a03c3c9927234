"""What names a helper on a point, and what the catalogue says of an instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetry_kit._recording.metrics import series_key
from telemetry_kit.catalogue import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetry_kit._recording.metrics import Instrument

KIT = "telemetry_kit"
"""The scope of the kit's own meter."""
_NAMES = frozenset(
    {
        "cache.name",
        "db.client.connection.pool.name",
        "event_loop.name",
        "executor.name",
        "health.check.name",
        "job.name",
        "operation.name",
        "pool.name",
        "queue.name",
        "scope.name",
    }
)
"""The attributes that together name a helper."""


def helper_of(attributes: Mapping[str, Any]) -> frozenset[Any]:
    """What names the helper that a series belongs to; of one that has no name, all of its attributes."""
    named = {key: value for key, value in attributes.items() if key in _NAMES}
    return series_key(named if named.keys() - {"scope.name"} else attributes)


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
