"""EXE.1 by search: hypothesis drives a real thread pool through any mix of what can happen to it and its tasks, and
compares the books with a model after every step."""

import concurrent.futures
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from tests.executors.support import PATIENCE, Gate, active, fail, outcomes, queued
from tests.support import Sdk

ENDS: dict[str, Any] = {
    "succeeded": lambda: None,
    "failed": lambda: fail(ValueError("no")),
    "interrupted": lambda: fail(KeyboardInterrupt()),
    "exit": lambda: fail(SystemExit(3)),
}


class Pool(RuleBasedStateMachine):
    """A pool of `workers`, whose tasks run until a rule opens their gate.

    The model: tasks leave the queue first in, first out; a cancelled one is never started.
    """

    tasks = Bundle("tasks")

    @initialize(
        workers=st.integers(1, 3),
        span=st.booleans(),
        share=st.sampled_from([0.0, 0.5, 1.0]),
        propagate=st.sampled_from(["otel", "contextvars", None]),
    )
    def begin(self, workers: int, span: bool, share: float, propagate: Any) -> None:
        self.sdk = Sdk()
        self.workers = workers
        self.pool = self.sdk.telemetry().wrap_executor(
            ThreadPoolExecutor(workers), name="resize", span=span, sample_durations=share, propagate=propagate
        )
        self.waiting: list[tuple[Gate, Future[Any], str]] = []
        self.running: list[tuple[Gate, Future[Any], str]] = []
        self.expected = dict.fromkeys(("succeeded", "failed", "cancelled", "rejected"), 0)
        self.open = True

    def settle(self) -> None:
        """Let the workers take what they can, in the model and in truth."""
        while self.waiting and len(self.running) < self.workers:
            task = self.waiting.pop(0)
            task[0].until_started()
            self.running.append(task)

    @rule(target=tasks, end=st.sampled_from(sorted(ENDS)))
    def submit(self, end: str) -> Any:
        gate = Gate(ENDS[end])
        if not self.open:
            with pytest.raises(RuntimeError):
                self.pool.submit(gate)
            self.expected["rejected"] += 1
            return None
        task = (gate, self.pool.submit(gate), end)
        self.waiting.append(task)
        self.settle()
        return task

    @rule(task=tasks)
    def cancel(self, task: Any) -> None:
        if task is None:
            return
        done = task[1].done()
        assert task[1].cancel() == (task in self.waiting or task[1].cancelled())
        if task in self.waiting:
            assert not done
            self.waiting.remove(task)
            self.expected["cancelled"] += 1

    @rule(task=consumes(tasks))
    def end(self, task: Any) -> None:
        if task is None or task not in self.running:
            return
        gate, future, end = task
        gate.opened.set()
        assert isinstance(future.exception(PATIENCE), BaseException) == (end != "succeeded")
        self.running.remove(task)
        self.expected["succeeded" if end == "succeeded" else "failed"] += 1
        self.settle()

    @precondition(lambda self: self.open and len(self.running) == self.workers)
    @rule(numbers=st.integers(1, 4))
    def map_until_timeout(self, numbers: int) -> None:
        """Behind busy workers none of it starts, and all of it is cancelled."""
        with pytest.raises(concurrent.futures.TimeoutError):
            next(self.pool.map(abs, range(numbers), timeout=0))
        self.expected["cancelled"] += numbers

    @precondition(lambda self: self.open)
    @rule(cancel=st.booleans())
    def shutdown(self, cancel: bool) -> None:
        self.pool.shutdown(wait=False, cancel_futures=cancel)
        self.open = False
        if cancel:
            self.expected["cancelled"] += len(self.waiting)
            self.waiting.clear()

    @invariant()
    def books_are_right(self) -> None:
        if not hasattr(self, "pool"):
            return
        assert outcomes(self.sdk) == {outcome: number for outcome, number in self.expected.items() if number}
        assert (active(self.sdk), queued(self.sdk)) == (len(self.running), len(self.waiting))

    def teardown(self) -> None:
        if not hasattr(self, "pool"):
            return
        for gate, _, _ in self.waiting + self.running:
            gate.opened.set()
        self.pool.shutdown()
        ended = [end for _, _, end in self.waiting + self.running]
        self.expected["succeeded"] += ended.count("succeeded")
        self.expected["failed"] += len(ended) - ended.count("succeeded")
        assert outcomes(self.sdk) == {outcome: number for outcome, number in self.expected.items() if number}
        assert (active(self.sdk), queued(self.sdk)) == (0, 0)
        assert len(self.sdk.spans()) in (0, self.expected["succeeded"] + self.expected["failed"])
        self.sdk.shutdown()


TestPool = pytest.mark.timeout(900)(pytest.mark.slow(Pool.TestCase))
TestPool.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@pytest.mark.soak
class TestPoolForLong(Pool.TestCase):  # type: ignore[misc,valid-type]
    settings = settings(max_examples=3_000, stateful_step_count=100, deadline=None)
