"""Token buckets and the limiter that shares them between threads."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_kit._core import clock as clock_module
from telemetry_kit._core import forks, rate_limit
from telemetry_kit._core.rate_limit import Limiter, Site, TokenBucket
from telemetry_kit.testing import FakeClock


def test_a_burst_at_once_and_then_the_rate(clock: FakeClock) -> None:
    """The first `burst` are let through, then one each time that a token has grown."""
    bucket = TokenBucket(rate=2.0, burst=3)

    taken = [bucket.take(now) for now in (0.0, 0.0, 0.0, 0.0, 0.4, 0.5, 0.6, 1.0, 1.1)]

    assert taken == [True, True, True, False, False, True, False, True, False]


@given(
    rate=st.floats(0.0, 1_000.0),
    burst=st.integers(0, 50),
    steps=st.lists(st.floats(0.0, 5.0), max_size=200),
)
def test_never_more_than_burst_and_rate_times_elapsed(rate: float, burst: int, steps: list[float]) -> None:
    """admitted <= burst + rate * elapsed, whatever the times are (STM 1)."""
    bucket = TokenBucket(rate, burst)
    now = started = 1_000.0
    bucket.ready(now)
    admitted = 0
    for step in steps:
        now += step
        while bucket.take(now):
            admitted += 1
            if rate == 0 and burst == 0:
                break
            assert admitted <= burst + rate * (now - started) + 1e-6


@pytest.mark.parametrize(("rate", "burst"), [(0, 0), (0.0, 0.9)])
def test_none_at_all(rate: float, burst: float) -> None:
    """Without a rate and less than one in the burst, nothing is ever let through."""
    bucket = TokenBucket(rate, burst)

    assert not any(bucket.take(now) for now in (0.0, 1.0, 1e9))


def test_without_a_burst_the_rate_alone_lets_through() -> None:
    """`burst=0` with a rate begins with nothing and lets the rate through."""
    bucket = TokenBucket(rate=1.0, burst=0)

    assert [bucket.take(now) for now in (0.0, 0.9, 1.0, 1.1, 2.0)] == [False, False, True, False, True]


@pytest.mark.parametrize("bucket", [TokenBucket(float("inf"), 0), TokenBucket(0, float("inf"))])
def test_infinity_sets_no_limit(bucket: TokenBucket) -> None:
    """An infinite rate or burst lets everything through."""
    assert all(bucket.take(1.0) for _ in range(10_000))


def test_an_empty_bucket_is_closed_until_its_next_token() -> None:
    """From the moment in which it was found empty, to the moment in which a token is there."""
    bucket = TokenBucket(rate=2.0, burst=1)
    assert not bucket.closed(10.0)
    assert bucket.take(10.0)
    assert not bucket.take(10.0)

    assert [bucket.closed(now) for now in (9.9, 10.0, 10.4, 10.5)] == [False, True, True, False]


def test_a_bucket_that_was_left_alone_has_its_burst_and_no_more() -> None:
    """However long nothing was taken, and the rate goes on from there."""
    bucket = TokenBucket(rate=1.0, burst=1)
    bucket.take(0.0)

    assert [bucket.take(now) for now in (100.0, 100.0, 101.0, 101.5, 102.0)] == [True, False, True, False, True]


def test_a_place_is_closed_where_either_bucket_is(clock: FakeClock) -> None:
    """Its own, or the one that all places share."""
    shared, own = Limiter(TokenBucket(0, 1)), Limiter()
    first, second = (Site(TokenBucket(0, burst)) for burst in (1, 5))
    for _ in range(2):
        shared.admit(second)
        own.admit(first)

    assert (shared.closed(second), own.closed(first), own.closed(second)) == (True, True, False)


def test_who_interrupts_an_answer_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked once more in the middle of an answer, by the same thread, the limiter gives no token (PRC 2)."""
    limiter, site = Limiter(), Site(TokenBucket(0, 5))
    answers: list[int | None] = []

    def now() -> float:
        if forks.is_mine(rate_limit._lock) and not answers:
            answers.append(None)  # only once: this is asked in there, too
            answers[0] = limiter.admit(site)
        return 1.0

    monkeypatch.setattr(clock_module, "perf_counter", now)

    assert (limiter.admit(site), answers, limiter.admit(site)) == (1, [None], 0)


def test_a_clock_that_goes_back_neither_gives_nor_takes() -> None:
    """Where a clock is replaced by one that is behind, what is left in the bucket stays (STM 1)."""
    bucket = TokenBucket(rate=1.0, burst=2)
    assert bucket.take(1_000.0)
    assert bucket.take(1_000.0)
    assert not bucket.take(1_000.0)

    assert [bucket.take(now) for now in (5.0, 5.5, 6.0)] == [False, False, True]


@pytest.fixture
def fast_switching() -> Iterator[None]:
    """Threads that are switched as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_share_a_bucket_exactly(clock: FakeClock, fast_switching: None) -> None:
    """Eight threads get `burst` together, not one more or less, and all others are counted (STM 1, PRC 3)."""
    limiter, site = Limiter(TokenBucket(0, 10_000)), Site(TokenBucket(0, 50))
    told: list[int | None] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(500):
            told.append(limiter.admit(site))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(answer is not None for answer in told) == 50
    assert sum(limiter.held.read().values()) == 3_950


def test_each_that_was_held_back_is_told_of_once(clock: FakeClock, fast_switching: None) -> None:
    """The numbers that the admitted ones are told add up to those held back, with time running on (STM 1)."""
    limiter, site = Limiter(), Site(TokenBucket(1_000.0, 5))
    told: list[int | None] = []

    def work() -> None:
        for _ in range(300):
            told.append(limiter.admit(site))
            clock.advance(0.0001)

    for _ in range(3):  # threads that end in between, whose counts are folded
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    clock.advance(10)
    told.append(limiter.admit(site))

    assert sum(answer for answer in told if answer is not None) == sum(limiter.held.read().values())
    assert sum(answer is None for answer in told) == sum(limiter.held.read().values())


def test_a_total_holds_all_sites(clock: FakeClock) -> None:
    """What all sites share is never exceeded, and what it denies costs a site no token (STM 1)."""
    limiter = Limiter(TokenBucket(0, 3))
    sites = [Site(TokenBucket(0, 2)) for _ in range(4)]

    admitted = [site for site in sites for _ in range(5) if limiter.admit(site) is not None]

    assert len(admitted) == 3
    assert sites[3].bucket.taken == 0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer, which this platform doesn't have")
def test_a_signal_handler_at_any_instruction() -> None:
    """A handler that asks the same limiter while it is asked: no deadlock, and each answer is counted (PRC 2)."""
    limiter, site = Limiter(), Site(TokenBucket(1e6, 1))
    answers: list[int | None] = []  # appending is atomic: handlers interrupt handlers
    handled: list[int] = []

    def handler(*_: object) -> None:
        handled.append(1)
        for _again in range(3):
            answers.append(limiter.admit(site))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            answers.append(limiter.admit(site))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert handled, "no signal came: nothing was tested"
    assert sum(answer is None for answer in answers) == sum(limiter.held.read().values())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this platform doesn't have")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_the_lock_is_held(clock: FakeClock) -> None:
    """A child forked while another thread had the lock isn't stuck, and has held nothing back itself (PRC 1)."""
    limiter, site = Limiter(), Site(TokenBucket(0, 1))
    limiter.admit(site)
    limiter.admit(site)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with rate_limit._lock:
            locked.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # a deadlock ends here
        fresh = Site(TokenBucket(0, 1))
        right = sum(limiter.held.read().values()) == 0 and limiter.admit(fresh) == 0 and limiter.admit(fresh) is None
        os._exit(0 if right else 1)
    done.set()
    thread.join()

    assert os.waitpid(child, 0)[1] == 0


def test_a_lock_of_others_is_asked_itself() -> None:
    """gevent and Temporal's sandbox put locks of their own, of which a class says nothing, in the place of the interpreter's."""

    class Restricted:
        def __getattr__(self, name: str) -> Any:
            return {"_is_owned": lambda: True}[name]

    assert forks.is_mine(Restricted())
    assert not forks.is_mine(forks.Lock())
