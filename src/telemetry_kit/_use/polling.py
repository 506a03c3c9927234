"""Objects that know their own numbers: each is asked once a collection, under one name once, and never counted twice.

Levels are reported as they are. What an object has counted goes to the accounts of its metrics, as far as it is new:
so it stays when the object goes, and begins at zero in a forked child.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import TYPE_CHECKING, Any, cast

from telemetry_kit._core import faults, forks, observer, sdk
from telemetry_kit._core.counters import Baseline
from telemetry_kit._core.instruments import Reading
from telemetry_kit._core.names import Handle
from telemetry_kit._core.registry import Registry
from telemetry_kit._core.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetry_kit._core.instruments import Instruments, Series
    from telemetry_kit._core.observed import Account, Source

SWEEP_FROM = 64
"""Observations from which on a new one looks for those that are gone: without an SDK nobody else does."""
_polled: forks.Living[Polled] = forks.Living(methodcaller("start_again"))


class Polled:
    """What is read of one object, once a collection, whichever of its metrics is asked for first."""

    __slots__ = ("__weakref__", "_baseline", "_collection", "_counts", "_free", "_instruments", "_last", "_read",
                 "_site", "_sums", "_zeros", "read_at_fork", "series", "thing")  # fmt: skip

    def __init__(
        self,
        instruments: Instruments,
        site: str,
        of: Series,
        read: Callable[[Any], Any],
        sums: Callable[[Any], tuple[float, ...]] | None = None,
        counts: Sequence[tuple[Account, Series]] = (),
        *,
        zeros: bool = False,
        thing: Callable[[Any], object] | None = None,
        read_at_fork: Callable[[], Any] | None = None,
    ) -> None:
        """`sums` are the numbers in what `read` gives that belong to `counts`; `zeros` are reported too."""
        self._instruments = instruments
        self._site = site
        self.series = of
        self._read = read
        self._sums = sums
        self._counts = counts
        self._zeros = zeros
        self._baseline = Baseline()
        self._collection: object = None
        self._last: Any = None
        self._free = Turn()
        """Taken by whoever asks: a second collection, at the same time, has the last answer."""
        self.read_at_fork = read_at_fork
        """The object, where it may be asked in a forked child right away. Elsewhere what it says there first is where
        the child begins."""
        self.thing = thing
        """What is read, of its owner, under which name: of several owners of one thing only one tells of it."""
        if counts:
            _polled.add(self)

    def now(self, owner: Any) -> Any:
        """What `read` says in this collection, None where it fails: a fault, once a collection."""
        collection = self._instruments.collection
        if collection is self._collection:
            return self._last
        if not self._free.take():
            return self._last
        try:
            first = self.thing is None or collection.reporters.setdefault(self.thing(owner), self) is self
            found = self._read(owner) if first or self._sums is not None else None
            self._last = found if first else None
            self._collection = collection
            if self._sums is not None:
                self._absorb(self._sums(found), first)
        except Exception as fault:  # another library's object, or a callable of the user's
            self._last = None
            self._collection = collection
            faults.record(self._site, fault)
        finally:
            self._free.give_back()
        return self._last

    def count(self, owner: Any) -> Reading:
        """A reader of the counters, whose numbers stand in the accounts."""
        self.now(owner)
        return ()

    def last_words(self, owner: Any) -> None:
        """It isn't observed any more: what it has counted since it was last asked is counted now."""
        if self.read_at_fork is not None:  # a callable of the user's may take its time, or be half gone
            self._collection = None
            self.now(owner)

    def _absorb(self, sums: tuple[float, ...], first: bool) -> None:
        zeros, self._zeros = self._zeros, False
        for (account, of), number in zip(self._counts, self._baseline(*sums), strict=False):
            if number > 0 and first:
                account.add(of, number)
            if zeros:
                account.declare(of)

    def start_again(self) -> None:
        """In a forked child: what was counted so far is its parent's."""
        self._free = Turn()
        self._collection = self._last = None
        self._baseline.forget()
        owner = None if self.read_at_fork is None else self.read_at_fork()
        if owner is not None and self._sums is not None:
            try:
                self._baseline(*self._sums(self._read(owner)))
            except Exception as fault:
                faults.record(self._site, fault)


Reader = Callable[[Polled], Callable[[Any], Reading]]
"""Gives what reads the owner of a `Polled` for one metric."""


def level(name: str) -> Reader:
    """The reader of one number, where it is known."""

    def read(polled: Polled, owner: Any) -> Reading:
        found = polled.now(owner)
        number = None if found is None else getattr(found, name)
        return () if number is None else ((polled.series, number),)

    return cast("Reader", read.__get__)


class _Observation:
    """One object under one name: its sources, and how many handles want them."""

    __slots__ = ("asked", "handles", "owner", "polled", "sources", "what")

    def __init__(self, what: str, owner: Callable[[], Any], polled: Polled) -> None:
        self.what = what
        self.owner = owner
        self.polled = polled
        self.handles = 0
        self.sources: list[Source] = []
        self.asked = False


class _Observations:
    """All that is observed for one meter provider."""

    def __init__(self) -> None:
        self.all: dict[tuple[int, Series], _Observation] = {}
        self.new = Turn()
        self.sweep_from = SWEEP_FROM

    def forget(self) -> Reading:
        """Let go of what is gone. An object that nobody has ever asked was most likely a temporary one."""
        for key, one in list(self.all.items()):
            if one.owner() is None:
                self.all.pop(key, None)
                # What an earlier test has left is no fault of the capture's test.
                if one.handles and not one.asked and sdk.override is None:
                    msg = f"{one.what} was collected before it was asked once: observe what the program holds on to"
                    faults.record("observe.gone", ReferenceError(msg))
            elif one.sources:
                one.asked = True
        return ()


_OBSERVATIONS: Registry[_Observations] = Registry(_Observations)
_lock = forks.Lock()


def observe_once(
    instruments: Instruments,
    what: str,
    obj: Any,
    of: Series,
    make: Callable[[], Polled],
    readers: Mapping[str, Reader],
    *,
    weakly: bool = True,
) -> Handle:
    """Have `readers` report `obj` in the series `of`, once, however often this is asked for; a handle for each.

    What is not held `weakly` is observed until its last handle is stopped.
    """
    observations = _OBSERVATIONS.of(instruments)
    if observations.new.take():
        instruments.observe("telemetry_kit.faults", observations, _Observations.forget)
    key = (id(obj), of)
    with _lock:
        if len(observations.all) >= observations.sweep_from:
            observations.forget()
            observations.sweep_from = max(SWEEP_FROM, 2 * len(observations.all))
        one = observations.all.get(key)
        if one is None or one.owner() is not obj:
            one = observations.all[key] = _Observation(what, reference(obj) if weakly else lambda: obj, make())
        one.handles += 1
        if not one.sources:
            owner, polled = obj if weakly else (obj,), one.polled  # a tuple can't be held weakly
            one.sources = [instruments.observe(metric, owner, read(polled)) for metric, read in readers.items()]

    def stop() -> None:
        with _lock:
            one.handles -= 1
            if one.handles:
                return
            sources, one.sources = one.sources, []
        owner = one.owner()
        if owner is not None:
            one.polled.last_words(owner)
        for source in sources:
            source.stop()
        if one.owner.__class__ is not weakref.ref:
            observations.all.pop(key, None)

    handle = Handle(stop)
    if not weakly:
        observer.current.kept(handle.stop)
    return handle


def reference(obj: Any) -> Callable[[], Any]:
    """What gives the object as long as it lives; for ever, where it can't be held weakly."""
    try:
        return weakref.ref(obj)
    except TypeError:
        return lambda: obj


def thing_of_method(method: object, of: Series) -> Callable[[Any], object] | None:
    """What a method reads: it is another object each time that it is looked up."""
    if type(method) is not types.MethodType:
        return None
    thing = (id(method.__self__), method.__func__, of)
    return lambda _owner: thing


def refuse_temporary(what: str, obj: Any) -> None:
    """Raise for a class, and for what only stands for an object and is made anew at each look."""
    if isinstance(obj, type):
        msg = f"{what} must be an object, got the class {obj.__name__}: make one, and observe that"
        raise TypeError(msg)
    if type(obj) in (weakref.ProxyType, weakref.CallableProxyType):
        msg = f"{what} must be the object itself, got a weak proxy: it is held weakly anyway"
        raise TypeError(msg)
