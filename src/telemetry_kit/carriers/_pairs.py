"""Headers as pairs of a name and a value, of which several may have one name."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from telemetry_kit.carriers._base import TEXTS, Fields, Names, texts


class Pairs(Fields):
    """Headers as a list of (name, value), which is changed in place, or a tuple, in whose place a new one stands then.

    Some transports have a mapping in its place.
    """

    __slots__ = ()

    _empty: ClassVar[type[dict[Any, Any] | list[Any]]] = list

    def pick(self, names: Names) -> dict[str, list[str]]:
        pairs = self._pairs()
        return super().pick(names) if pairs is None else picked(pairs, names)

    def drop(self, names: Names) -> None:
        pairs = self._pairs()
        if pairs is None:
            super().drop(names)
            return
        kept = [pair for pair in pairs if not _spells(pair, names)]
        if not isinstance(pairs, list):
            self._keep(tuple(kept))
        elif len(kept) != len(pairs):
            pairs[:] = kept

    def _add(self, fields: Mapping[str, str]) -> None:
        pairs = self._pairs()
        if pairs is None:
            super()._add(fields)
        elif isinstance(pairs, list):
            pairs.extend(self._written(fields))
            self._keep(pairs)
        elif fields:
            self._keep((*pairs, *self._written(fields)))

    def _names(self) -> Iterable[Any]:
        pairs = self._pairs()
        if pairs is None:
            return super()._names()
        return [pair[0] for pair in pairs if isinstance(pair, (tuple, list)) and pair]

    def _pairs(self) -> Any:
        """The pairs, None where there is a mapping."""
        return self.data

    def _keep(self, pairs: Any) -> None:
        """Put the pairs where they stood: the same list, changed, or a new tuple."""
        self.data = pairs

    def _written(self, fields: Mapping[str, str]) -> Iterable[tuple[Any, Any]]:
        """How they are written."""
        return fields.items()


def picked(pairs: Iterable[Any], names: Names) -> dict[str, list[str]]:
    """What pairs of a name and a value have of the fields: all values of each, in their order."""
    found: dict[str, list[str]] = {}
    for pair in () if isinstance(pairs, TEXTS) else pairs:
        try:
            name, value = pair
            field = names.field(name)
        except Exception:  # noqa: S112 - a malformed pair says nothing; the others still count
            continue
        if field is not None:
            found.setdefault(field, []).extend(texts(value))
    return found


def _spells(pair: Any, names: Names) -> bool:
    try:
        return names.field(pair[0]) is not None
    except Exception:
        return False
