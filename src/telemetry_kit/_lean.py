"""The lean way for hot paths: operations without a span, of plain functions, where nothing is asked at run time.

A call costs a few hundred nanoseconds: no `Measurement` is made unless `current_measurement()` asks for one, or the
call fails. Where durations are sampled, calls and time are added up per thread and observed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from telemetry_kit import _calls, _clock, _counts, _faults, _safe_points
from telemetry_kit._instruments import Series
from telemetry_kit._measurement import CURRENT, Measurement

if TYPE_CHECKING:
    from telemetry_kit._operation import Decorated, Operation


class Sampled(_counts.PerThread):
    """Calls and seconds by series: a cell is `{series: [calls, seconds]}`."""

    __slots__ = ()

    def _make(self) -> dict[Series, list[float]]:
        return {}

    def _fold(self, into: Any, cell: Any) -> None:
        for key, (calls, seconds) in cell.items():
            entry = into.setdefault(key, [0, 0.0])
            entry[0] += calls
            entry[1] += seconds

    def entry(self, of: Series) -> list[float]:
        """This thread's numbers of a series."""
        try:
            cell = self.local.cell
        except AttributeError:
            cell = self.new()
        try:
            return cell[of]  # type: ignore[no-any-return]
        except KeyError:
            return cell.setdefault(of, [0, 0.0])  # type: ignore[no-any-return]

    def add(self, of: Series, seconds: float) -> None:
        """Count one call of so many seconds."""
        entry = self.entry(of)
        entry[0] += 1
        entry[1] += seconds

    def read(self) -> dict[Series, list[float]]:
        """The sums of now."""
        total: dict[Series, list[float]] = {}
        for cell in self.cells():
            for key, (calls, seconds) in list(cell.items()):  # type: ignore[attr-defined]
                entry = total.setdefault(key, [0, 0.0])
                entry[0] += calls
                entry[1] += seconds
        return total


def fits(operation: Operation, func: Any, arguments: object) -> bool:
    """Whether `func` can go the lean way."""
    return (
        operation.span_mode is False
        and operation.plain
        and not operation.judges
        and arguments is None
        and _calls.kind_of(func) == "sync"
    )


def closure(func: Callable[..., Any], operation: Operation, decorated: Decorated) -> Callable[..., Any]:
    """`func`, measured the lean way."""
    idle, running, plain = decorated.idle, operation.state.running, _calls.NEVER_AWAITABLE
    local, current, clock, here = running.local, CURRENT, _clock, _safe_points.here
    attributes, sample, recorder = operation.metric_static, operation.sample, operation.histogram.recorder
    sampled = operation.state.sampled if operation.sampled else None
    success = operation.success if sampled is not None else None

    def measurement(box: list[Any]) -> Measurement:
        made = box[1] = Measurement(operation)
        made._state = 1
        made._start = box[2]
        return made

    def slow(box: list[Any], exc: BaseException | None, result: Any = _calls.NO_RESULT) -> None:
        made = box[1] if box[1] is not None else measurement(box)
        made.end(exc, result)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            cell = local.cell
        except AttributeError:
            cell = running.new()
        if idle():
            cell[0] += 1
            try:
                result = func(*args, **kwargs)
            finally:
                cell[0] -= 1
            if result.__class__ in plain or not _calls.awaitable(result):
                return result
            return _calls.measured_awaitable(result, _calls.Counted(running))
        start = clock.perf_counter()
        box = [measurement, None, start]
        token = current.set(box)
        cell[0] += 1
        try:
            result = func(*args, **kwargs)
        except BaseException as exc:
            current.reset(token)
            cell[0] -= 1
            if cell[1] is _counts.fork.generation:
                slow(box, exc)
            raise
        current.reset(token)
        cell[0] -= 1
        if box[1] is not None or (result.__class__ not in plain and _calls.awaitable(result)):
            return rest(box, cell, result)
        duration = clock.perf_counter() - start
        if cell[1] is not _counts.fork.generation:
            return result
        if sampled is not None:
            try:
                entry = sampled.local.cell[success]
            except (AttributeError, KeyError):
                entry = sampled.entry(success)  # type: ignore[arg-type]
            entry[0] += 1
            entry[1] += duration
            if not sample():  # type: ignore[misc]
                return result
        record = recorder()
        if record is None:
            return result
        if here.busy or here.collecting:
            _safe_points.later(lambda: operation.histogram.record(duration, attributes))
            return result
        here.busy = True
        try:
            record(duration, attributes)
        except Exception as fault:  # noqa: BLE001
            _faults.record("metrics.record", fault)
        finally:
            here.busy = False
        return result

    def rest(box: list[Any], cell: list[Any], result: Any) -> Any:
        if result.__class__ in plain or not _calls.awaitable(result):
            if cell[1] is _counts.fork.generation:
                slow(box, None, result)
            return result
        call = box[1] if box[1] is not None else measurement(box)
        call.pause()
        return _calls.measured_awaitable(result, call)

    return wrapper
