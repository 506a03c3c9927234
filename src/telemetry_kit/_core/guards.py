"""The guard of each helper's metric attributes: one for all helpers of a kind and a name in a scope, whoever makes them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TYPE_CHECKING

from telemetry_kit._core.attributes import OWN_KEYS, AttributeValue
from telemetry_kit._core.cardinality import ValueGuard
from telemetry_kit._core.overflow import Overflow
from telemetry_kit._core.registry import Registry

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

_GUARDS: Registry[dict[Hashable, ValueGuard]] = Registry(dict)


def guard_of(
    scope: Scope, kind: str, name: str, own: Collection[str] = OWN_KEYS, *, also: Hashable = None
) -> ValueGuard:
    """The guard of this name, and of what else tells helpers apart."""
    guards, key = _GUARDS.of(scope), (kind, name, also)
    found = guards.get(key)
    if found is None:
        overflow = Overflow(scope.instruments, scope.label, kind, name)
        found = guards.setdefault(key, ValueGuard(own=own, overflowed=overflow))
    return found


def few(guard: ValueGuard, given: Mapping[str, object]) -> dict[str, AttributeValue]:
    """The attributes that were given, guarded; beyond the first sets, the one that stands for all later ones."""
    guarded = guard.attributes(given)
    return guarded if guard.admit(guarded, None) else guard.collapse(guarded)
