"""Whether this very exception was here before."""

import copy
import gc
import pickle
import threading
import weakref

import pytest

from telemetry_kit._errors import deduplication
from telemetry_kit._errors.deduplication import known, seen


class Own(Exception):
    """An exception of a class in Python: it can be referenced weakly."""


class Slotted(Exception):
    """One that can't."""

    __slots__ = ()


class Guarded(Exception):
    """One that lets nobody set anything."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


KINDS = [
    ValueError,
    KeyError,
    OSError,
    StopIteration,
    SystemExit,
    KeyboardInterrupt,
    RecursionError,
    Own,
    Slotted,
    Guarded,
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_object_is_seen_once(kind: type[BaseException]) -> None:
    """The first question is no, all later ones are yes (ASY 6)."""
    problem = kind("no")

    assert [known(problem), seen(problem), known(problem), seen(problem)] == [False, False, True, True]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_one_at_an_old_address_is_new(kind: type[BaseException]) -> None:
    """Exceptions are freed and made again at the same address: each of 10,000 is new."""
    addresses = set()
    for _ in range(10_000):
        problem = kind("no")
        addresses.add(id(problem))
        assert not seen(problem)
        del problem

    assert len(addresses) < 10_000, "no address came twice: nothing was tested"


@pytest.mark.parametrize("kind", [ValueError, Own, Slotted])
def test_nothing_is_there_to_be_seen(kind: type[BaseException]) -> None:
    """Attributes, notes, arguments, text: as before, also what is set on it afterwards (ASY 5)."""
    problem, other = kind("no", 1), kind("no", 1)
    seen(problem)

    assert vars(problem) == vars(other) == {}
    assert dir(problem) == dir(other)
    assert (repr(problem), str(problem), problem.args) == (repr(other), str(other), other.args)
    problem.sku = "A1"  # type: ignore[attr-defined]
    assert vars(problem) == {"sku": "A1"}


@pytest.mark.parametrize("kind", [ValueError, Own, Slotted])
def test_attributes_stay(kind: type[BaseException]) -> None:
    """What was on the exception before is on it afterwards."""
    problem = kind("no")
    problem.sku = "A1"  # type: ignore[attr-defined]
    seen(problem)

    assert vars(problem) == {"sku": "A1"}
    assert problem.sku == "A1"  # type: ignore[attr-defined]
    assert seen(problem)


@pytest.mark.parametrize("kind", [ValueError, Own, Slotted])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_pickles_as_if_nothing_had_been(kind: type[BaseException], protocol: int) -> None:
    """An exception goes to another process, which may not have this library, without a trace of it."""
    problem = kind("no")
    problem.sku = "A1"  # type: ignore[attr-defined]
    seen(problem)

    pickled = pickle.dumps(problem, protocol)

    assert b"telemetry_kit" not in pickled
    back = pickle.loads(pickled)
    assert (type(back), back.args, vars(back)) == (kind, ("no",), {"sku": "A1"})
    assert type(vars(back)) is dict
    assert not seen(back)


def test_copies_are_other_exceptions() -> None:
    """A copy is another object: it is new."""
    problem = ValueError("no")
    seen(problem)

    assert not seen(copy.copy(problem))
    assert not seen(copy.deepcopy(problem))


@pytest.mark.parametrize("kind", [ValueError, Own])
def test_nothing_keeps_the_frames_alive(kind: type[BaseException]) -> None:
    """Once the exception is gone, so is all that its frames held, without a collection (ASY 5)."""

    class Big:
        pass

    def fail() -> "weakref.ref[Big]":
        big = Big()
        reference = weakref.ref(big)
        try:
            raise kind("no")
        except BaseException as problem:
            seen(problem)
        return reference

    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


def test_one_of_many_threads_is_first() -> None:
    """The same exception in eight threads at once is new in one of them (PRC 3)."""
    for kind in (ValueError, Own):
        for _ in range(200):
            problem = kind("no")
            answers: list[bool] = []
            start = threading.Barrier(4)

            def ask(
                problem: BaseException = problem, answers: list[bool] = answers, start: threading.Barrier = start
            ) -> None:
                start.wait()
                answers.append(seen(problem))

            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(answers) == [False, True, True, True]


def test_the_table_is_bounded() -> None:
    """References to exceptions that are gone are dropped, and those that somebody collects don't fill it."""
    kept = [Own(number) for number in range(5_000)]
    for problem in kept:
        seen(problem)

    assert len(deduplication._by_address) <= deduplication.KEPT + 1
    assert seen(kept[-1])
