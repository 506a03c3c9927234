"""What a capture asks for: counts from its start on."""

import threading

from telemetry_kit._core.counters import Tally
from telemetry_kit.testing.since import copies, since


def in_threads(number: int, tally: Tally[str]) -> None:
    """So many at once each add to one sum, and end."""
    threads = [threading.Thread(target=tally.add, args=("a",)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_was_added_since_is_exact_over_threads_that_end() -> None:
    """Cells that are folded meanwhile, of threads that had added before, are neither lost nor counted again."""
    tally: Tally[str] = Tally()
    in_threads(40, tally)
    tally.add("c")
    before = copies(tally)
    assert since(tally, before) == {}

    for _ in range(100):
        in_threads(1, tally)
    tally.add("c", 2)
    tally.add("d", 0)

    assert since(tally, before) == {"a": 100, "c": 2, "d": 0}
