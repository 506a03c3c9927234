"""Numbers that many threads add to: exact, without a lock, zero in a forked child."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest

from telemetry_kit._core import cells, counters


@pytest.fixture
def busy_switching() -> Iterator[None]:
    """Threads that switch as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[], None], number: int = 8) -> None:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_tally_sums_by_key() -> None:
    """Additions of a key are summed, negative ones too."""
    tally: counters.Tally[str] = counters.Tally()
    tally.add("a")
    tally.add("a", 2)
    tally.add("b", -1)

    assert tally.read() == {"a": 3, "b": -1}
    assert (tally.of("a"), tally.of("nothing"), sum(tally.read().values())) == (3, 0, 2)


def test_a_tally_is_exact_over_threads(busy_switching: None) -> None:
    """Eight threads lose no addition, also once they have ended (PRC 3)."""
    tally: counters.Tally[int] = counters.Tally()

    def work() -> None:
        for number in range(3_000):
            tally.add(number % 3)

    in_threads(work)

    assert tally.read() == {0: 8_000, 1: 8_000, 2: 8_000}


def test_cells_of_ended_threads_are_folded() -> None:
    """A hundred threads one after the other leave few cells and the whole sum."""
    tally: counters.Tally[str] = counters.Tally()
    for _ in range(100):
        in_threads(lambda: tally.add("a"), 1)

    assert tally.of("a") == 100
    assert len(tally.cells()) <= cells.FOLD_FROM
    assert tally.of("a") == 100


def test_running_goes_up_and_down() -> None:
    """What entered and hasn't left is running."""
    running = cells.Running()
    first, second = running.enter(), running.enter()
    running.leave(first)

    assert running.total() == 1
    running.leave(second)
    assert running.total() == 0


def test_running_may_leave_in_another_thread() -> None:
    """What leaves in another thread than it entered is gone all the same (GEN 3)."""
    running = cells.Running()
    cell = running.enter()
    in_threads(lambda: running.leave(cell), 1)

    assert running.total() == 0


def test_running_is_exact_over_threads(busy_switching: None) -> None:
    """Eight threads that enter and leave are at zero afterwards (PRC 3)."""
    running = cells.Running()

    def work() -> None:
        for _ in range(3_000):
            running.leave(running.enter())

    in_threads(work)

    assert running.total() == 0


def test_a_count_can_be_collected() -> None:
    """A count that nobody holds is freed."""
    tally: counters.Tally[str] = counters.Tally()
    tally.add("a")
    reference = weakref.ref(tally)
    del tally
    gc.collect()

    assert reference() is None


def test_a_count_forgets() -> None:
    """A forked child starts at zero (PRC 1)."""
    tally: counters.Tally[str] = counters.Tally()
    tally.add("a")
    tally.forget()

    assert tally.read() == {}
    tally.add("a")
    assert tally.read() == {"a": 1}


def test_reading_while_others_add(busy_switching: None) -> None:
    """Reading while threads add new keys neither raises nor goes back (PRC 3)."""
    tally: counters.Tally[int] = counters.Tally()
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            tally.add(number)
            number += 1

    thread = threading.Thread(target=work)
    thread.start()

    def total() -> float:
        with cells.exclusive:
            return sum(sum(list(cell.values())) for cell in tally.cells())

    totals = [total() for _ in range(200)]
    stop.set()
    thread.join()

    assert totals == sorted(totals)
