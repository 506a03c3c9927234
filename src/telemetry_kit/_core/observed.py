"""One observable instrument: accounts and sources behind its one callback.

A number that the kit keeps itself is observed, not pushed. A count is kept in an account, which outlives whoever
counted; a level is read from a source, whose series ends with its owner.
"""

import itertools
import math
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from opentelemetry.metrics import CallbackOptions, Observation

from telemetry_kit._core import faults, forks, observer, reentrancy
from telemetry_kit._core.attributes import AttributeValue
from telemetry_kit._core.counters import Tally
from telemetry_kit.catalogue import METRICS

Owner = TypeVar("Owner")


class Series:
    """A set of attributes as one object: equal sets are the same object, so that sums by series are cheap.

    >>> series({"pool.name": "gpu"}) is series({"pool.name": "gpu"})
    True
    """

    __slots__ = ("__weakref__", "attributes", "declared", "helper", "key")

    def __init__(self, attributes: dict[str, AttributeValue]) -> None:
        self.attributes: dict[str, AttributeValue] = attributes
        self.key: frozenset[Any] | None = None
        """What a capture knows it by, made when one first reads it."""
        self.helper: frozenset[Any] | None = None
        """What a capture knows the helper by that it belongs to."""
        self.declared: bool = False
        """Whether it is reported also while nothing is counted."""

    def declare(self) -> "Series":
        """Say that it is."""
        self.declared = True
        observer.current.declared(self.attributes)
        return self


_series: "weakref.WeakValueDictionary[frozenset[Any], Series]" = weakref.WeakValueDictionary()
_lock = forks.Lock()
_keys = itertools.count()


def series(attributes: Mapping[str, AttributeValue]) -> Series:
    """The one `Series` of these attributes, which must be hashable (see `attributes.metric_value`)."""
    mark = frozenset((key, value.__class__, value) for key, value in attributes.items())
    with _lock:
        found = _series.get(mark)
        if found is None:
            found = _series[mark] = Series(dict(attributes))
        return found


def living_series() -> list[Series]:
    """Every set of attributes that is kept now: for a diagnosis."""
    with _lock:
        return list(_series.values())


Number = int | float
_LARGEST = 2**63
Reading = Iterable[tuple[Series, Any]]
"""What a source says: pairs of series and number, or of series and (used, limit) for a ratio."""


def _ratio(pairs: list[tuple[Number, Number]]) -> Number | None:
    limit = sum(pair[1] for pair in pairs)
    return sum(pair[0] for pair in pairs) / limit if limit else None


def _check(number: Any, *, ratio: bool) -> None:
    """Raise for what is no number: here it costs its own source, where all are merged it would cost everybody's."""
    used, limit = number if ratio else (number, 0)
    if math.isnan(used) or math.isnan(limit):
        raise ValueError(f"what a source gives must be a number, got {number!r:.100}: every sum with it would be NaN")


def _reported(number: Number) -> Number:
    """`number` as exporters can send it: of one integer beyond 64 bits they lose the whole collection."""
    if not isinstance(number, int) or -_LARGEST <= number < _LARGEST:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.copysign(sys.float_info.max, number)


Merge = Callable[[list[Any]], Number | None]
_MERGES: dict[str, Merge | None] = {
    "sum": None,  # which is made without lists
    "larger": max,
    "smaller": min,
    "ratio": _ratio,
}


def merge_of(metric: str) -> Merge | None:
    """What several numbers of one series of this metric make; None for their sum."""
    return _MERGES[METRICS[metric].merge]


class Account(Tally[Series]):
    """A counter's sums by series. Nothing is ever taken away, except in a forked child, which begins with zeros."""

    __slots__ = ("_declared",)

    def __init__(self) -> None:
        self._declared: dict[Series, float] = {}
        super().__init__()
        accounts.add(self)

    def declare(self, *of: Series) -> None:
        """Report these from now on, also while nothing is counted: an alert on an increase needs the zero before."""
        for one in of:
            self._declared[one] = 0
            one.declare()

    @property
    def declared(self) -> Iterable[Series]:
        """What is reported also while nothing is counted."""
        return self._declared

    def read(self) -> dict[Series, float]:
        return {**self._declared, **super().read()}


accounts: "weakref.WeakSet[Account]" = weakref.WeakSet()
"""Those that there are, of all providers."""


class SinceThen(CallbackOptions):
    """What a capture asks with (`testing/since.py`): it wants the counts since it began, whatever was counted before, and
    of what has done nothing since then, neither zeros nor levels: there are as many of them as the process ever made."""

    helper_of: Callable[[Series], frozenset[Any]]
    """Finds the helper that a series belongs to, which it is told of from then on."""
    active: set[frozenset[Any]]
    """The helpers that have done something."""

    def new(self, source: object, counted: Iterable[tuple[Series, Number]]) -> Reading:
        """Of what a source has counted itself: what came since the beginning, with the zeros of what did something."""
        raise NotImplementedError

    def counted(self, account: Account) -> dict[Series, float]:
        """What was added to it."""
        raise NotImplementedError


Since = Callable[[Any, SinceThen], Reading]
"""What reads of an owner what a capture asks for, where that is less than all."""


class _OwnerReference(weakref.ref[Any]):
    """A weak reference that knows whose it is. What it calls at the end is a C function: no bytecode runs there, in
    which a signal handler could run and what that raises be lost."""

    __slots__ = ("key",)
    key: int


@dataclass(eq=False, slots=True)
class Source:
    """A registered source, and the handle to end it."""

    _observed: "Observed"
    _key: int
    owner: Callable[[], Any]
    read: Callable[[Any], Reading]
    since: Since | None

    def stop(self) -> None:
        """End its series."""
        self._observed.sources.pop(self._key, None)


class Observed:
    """One observable instrument: what its one callback reads."""

    __slots__ = ("_began", "_beside", "_gone", "_merge", "account", "name", "sources")

    def __init__(
        self,
        name: str,
        began: Callable[[str], object],
        merge: Merge | None,
        beside: "Callable[[str], Observed | None] | None" = None,
    ) -> None:
        self.name: str = name
        self._beside = beside
        """Another one of this name whose callback the SDK doesn't ask, since it asks this one's."""
        self.account: Account | None = None
        self.sources: dict[int, Source] = {}
        self._began = began
        self._gone: deque[_OwnerReference] = deque()
        """Sources whose owners were collected: noted there and then, forgotten when next somebody comes by, since a
        finaliser must not change what is being read."""
        self._merge = merge

    def add(self, owner: Owner, read: Callable[[Owner], Reading], since: Since | None = None) -> Source:
        """Have `read(owner)` asked as long as `owner` lives."""
        self._forget()
        key = next(_keys)
        held: Callable[[], Owner | None]
        try:
            held = _OwnerReference(owner, self._gone.append)
            held.key = key
        except TypeError:
            held = lambda: owner  # noqa: E731
        source = self.sources[key] = Source(self, key, held, read, since)
        return source

    def newest_source(self) -> int:
        """Which of the sources whose owners are there came last."""
        self._forget()
        return max(list(self.sources), default=-1)

    def __call__(self, options: CallbackOptions | None = None) -> list[Observation]:
        return [Observation(number, of.attributes) for of, number in self.numbers(options)]

    def numbers(self, options: CallbackOptions | None) -> list[tuple[Series, Number]]:
        """What is reported: a number of each series."""
        if reentrancy.waiting:
            reentrancy.drain()
        self._began(self.name)
        if self._merge is None:
            return [(of, _reported(number)) for of, number in self._sums(options).items()]
        lists: dict[Series, list[Any]] = {}
        for of, number in self._read(options):
            lists.setdefault(of, []).append(number)
        merged = ((of, self._merge(numbers)) for of, numbers in lists.items())
        return [(of, _reported(number)) for of, number in merged if number is not None]

    def _sums(self, options: CallbackOptions | None) -> dict[Series, Number]:
        # Sources first: of what somebody else counts they add to the account what is new.
        read = list(self._read(options))
        counted = options.counted if isinstance(options, SinceThen) else Account.read
        sums: dict[Series, Number] = {} if self.account is None else counted(self.account)
        other = None if self._beside is None else self._beside(self.name)
        if other is not None and other.account is not None:
            read += counted(other.account).items()
        for of, number in read:
            sums[of] = sums.get(of, 0) + number
        return sums

    def _read(self, options: CallbackOptions | None) -> Iterable[tuple[Series, Any]]:
        self._forget()
        then = options if isinstance(options, SinceThen) else None
        for key, source in self.sources.copy().items():
            owner = source.owner()
            if owner is None:
                self.sources.pop(key, None)
                continue
            try:
                since = None if then is None else source.since
                for of, number in source.read(owner) if since is None or then is None else since(owner, then):
                    _check(number, ratio=self._merge is _ratio)
                    yield of, number
            except Exception as fault:
                faults.record(f"observe.{self.name}", fault)
        other = None if self._beside is None else self._beside(self.name)
        if other is not None:
            yield from other._read(options)

    def _forget(self) -> None:
        """Let go of the sources whose owners are gone: without an SDK nobody else would."""
        while self._gone:
            try:
                self.sources.pop(self._gone.popleft().key, None)
            except IndexError:  # another thread was faster
                return
