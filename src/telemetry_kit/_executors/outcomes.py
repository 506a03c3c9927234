"""What became of a task: one vocabulary with operations, and what only an executor can do to a task."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Any

from telemetry_kit._core.late import is_known
from telemetry_kit._core.outcome import CANCELLED as CANCELLED_TYPE
from telemetry_kit._core.outcome import classify

if TYPE_CHECKING:
    from concurrent.futures import Future

SUCCEEDED, FAILED, CANCELLED, REJECTED, LOST = range(5)
"""The places of a cell: the five ways in which a task is decided."""
OUTCOMES = {
    SUCCEEDED: "succeeded",
    FAILED: "failed",
    CANCELLED: "cancelled",
    REJECTED: "rejected",
    LOST: "lost",
}
_DIED = (("distributed.scheduler", "KilledWorker"),)
"""Other executors' exceptions for a worker that died, looked up where they were imported: whoever has one has their
module. Those of loky derive from `BrokenExecutor`."""


def judge(exc: BaseException) -> tuple[int, str | None]:
    """The outcome of a task that raised, and its `error.type`: one vocabulary with operations."""
    kind = classify(exc, None, "executor.error_type")
    return outcome_by(kind), kind


def outcome_by(kind: str | None) -> int:
    """The outcome of a task that ended at a worker with this `error.type`."""
    if kind is None:
        return SUCCEEDED
    return CANCELLED if kind == CANCELLED_TYPE else FAILED


def outcome_of(future: Future[Any]) -> int:
    """The outcome of a task that no worker has reported, by its future."""
    if future.cancelled():
        return CANCELLED
    exc = future.exception()
    if exc is None:
        return SUCCEEDED
    return LOST if isinstance(exc, BrokenExecutor) or is_known(exc, _DIED) else FAILED
