"""The lean way: plain functions and coroutine functions of operations where nothing is asked at run time.

What a call of those needs stays in local variables. A `Measurement` is only made where `current_measurement()` asks
for one, or the call fails: until then a box stands for it, `[make, measurement, start, span, context]`. All else (the
order of things, what is guarded) is as in `_measurement`, which takes over wherever it isn't a plain success.

Where durations are sampled, calls and time are added up per thread and observed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from telemetry_kit import _calls, _clock, _context, _counts, _faults, _safe_points, _sdk
from telemetry_kit._instruments import Series
from telemetry_kit._measurement import CURRENT, Measurement

if TYPE_CHECKING:
    from telemetry_kit._operation import Decorated, Operation


class Calls(_counts.Running):
    """The running calls of an operation and, where durations are sampled, all calls that ended, with their seconds.

    A cell is `[running, fork.generation, entries]`; the entries, None until there is one, are
    `{series: [calls, seconds, calls until the next whose duration is recorded]}`.
    """

    __slots__ = ()

    def _make(self) -> list[Any]:
        return [*super()._make(), None]

    def _fold(self, into: Any, cell: Any) -> None:
        super()._fold(into, cell)
        for of, (calls, seconds, _) in (cell[2] or {}).items():
            entry = self.entry(into, of)
            entry[0] += calls
            entry[1] += seconds

    @staticmethod
    def entry(cell: list[Any], of: Series, gap: float = 0) -> list[float]:
        """A cell's numbers of a series."""
        entries = cell[2]
        if entries is None:
            entries = cell[2] = {}
        return entries.setdefault(of, [0, 0.0, gap])  # type: ignore[no-any-return]

    def add(self, of: Series, seconds: float) -> None:
        """Count one call that ended, of so many seconds."""
        try:
            cell = self.local.cell
        except AttributeError:
            cell = self.new()
        entry = self.entry(cell, of)
        entry[0] += 1
        entry[1] += seconds

    def ended(self) -> dict[Series, list[float]]:
        """Calls and seconds of now."""
        total: dict[Series, list[float]] = {}
        for cell in self.cells():
            for of, (calls, seconds, _) in list((cell[2] or {}).items()):  # type: ignore[index]
                entry = total.setdefault(of, [0, 0.0])
                entry[0] += calls
                entry[1] += seconds
        return total


class Bound:
    """What an operation has taken from the providers of now, and which those were.

    The lean way looks at the API's globals itself (see `_sdk`), and only asks whether they still are the same.
    """

    __slots__ = ("idle", "metrics", "operation", "override", "record", "start_span", "traces")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.bind()

    def bind(self) -> None:
        """Take what there is now."""
        operation = self.operation
        self.traces, self.metrics = _sdk.traces._TRACER_PROVIDER, _sdk.metrics._METER_PROVIDER
        self.override = _sdk.override
        tracer = operation.scope.tracer() if operation.span_mode is True else None
        self.start_span: Callable[..., Any] | None = None if tracer is None else tracer.start_span
        self.record: Callable[..., None] | None = operation.histogram.recorder()
        self.idle = self.start_span is None and self.record is None and not operation.sampled


def gaps(share: float, source: Random) -> Callable[[], float]:
    """How many calls to leave out before the next that is recorded, so that `share` of all are: geometric."""
    if share <= 0.0:
        return lambda: math.inf
    if share >= 1.0:
        return lambda: 0
    scale = math.log1p(-share)
    return lambda: math.floor(math.log(1.0 - source.random()) / scale)


def fits(operation: Operation, func: Any, arguments: object) -> bool:
    """Whether `func` can go the lean way."""
    return (
        operation.span_mode in (True, False)
        and operation.plain
        and not operation.judges
        and arguments is None
        and _calls.kind_of(func) in ("sync", "async")
    )


class Lean:
    """What the closures of one function share: the way in, the plain way out, and the way out of all others."""

    __slots__ = ("attributes", "gap", "operation", "running", "sampled", "span_static", "success")

    def __init__(self, operation: Operation, decorated: Decorated) -> None:
        self.operation = operation
        self.running = operation.state.running
        self.span_static = decorated.span_static
        self.attributes = operation.metric_static
        self.gap = operation.gap
        self.sampled = operation.sampled
        self.success = operation.success if operation.sampled else None

    def make(self, box: list[Any]) -> Measurement:
        """The measurement that the box stood for."""
        made = box[1] = Measurement(self.operation)
        made._state = 1
        made._start = box[2]
        if box[3] is not None:
            made.span = box[3]
            made._own_span = True
            made._context = box[4]
            made._recording = box[3].is_recording()
        elif box[4] is False:
            made._deferred = True
        return made

    def finish(
        self, box: list[Any], tokens: tuple[Any, Any, Any], exc: BaseException | None, result: Any
    ) -> None:
        """End a call that isn't a plain success."""
        measurement = box[1] if box[1] is not None else self.make(box)
        measurement._current, measurement._attached, measurement._cell = tokens
        measurement.end(exc, result)

    def pause(self, box: list[Any], tokens: tuple[Any, Any, Any]) -> Measurement:
        """The function has returned something to await: the call goes on with that."""
        measurement: Measurement = box[1] if box[1] is not None else self.make(box)
        measurement._current, measurement._attached, measurement._cell = tokens
        measurement.pause()
        return measurement


def closure(func: Callable[..., Any], operation: Operation, decorated: Decorated) -> Callable[..., Any]:
    """`func`, measured the lean way."""
    lean = Lean(operation, decorated)
    return _async(func, lean) if _calls.kind_of(func) == "async" else _sync(func, lean)


def _sync(func: Callable[..., Any], lean: Lean) -> Callable[..., Any]:
    operation, running, make, bound = lean.operation, lean.running, lean.make, lean.operation.bound
    local, set_current, reset_current, clock = running.local, CURRENT.set, CURRENT.reset, _clock
    sampled, success, gap, thread = lean.sampled, lean.success, lean.gap, _safe_points.here
    attributes, span_static, name, kind = lean.attributes, lean.span_static, operation.name, operation.kind
    attach, detach, get_context, key = _context.attach, _context.detach, _context.get_current, _context.SPAN_KEY
    waiting = _safe_points.waiting
    traces, metrics, sdk, plain = _sdk.traces, _sdk.metrics, _sdk, _calls.NEVER_AWAITABLE

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            cell = local.cell
        except AttributeError:
            cell = running.new()
        if (
            metrics._METER_PROVIDER is not bound.metrics
            or traces._TRACER_PROVIDER is not bound.traces
            or sdk.override is not bound.override
        ):
            bound.bind()
        if bound.idle:
            cell[0] += 1
            try:
                result = func(*args, **kwargs)
            finally:
                cell[0] -= 1
            if type(result) in plain or not _calls.awaitable(result):
                return result
            return _calls.measured_awaitable(result, _calls.Counted(running))
        start_span, record = bound.start_span, bound.record
        context = attached = span = None
        here = thread.state
        if start_span is not None:
            if waiting:
                _safe_points.drain()
            if here.busy:
                context = False
            else:
                here.busy = True
                try:
                    before = get_context()
                    span = start_span(name, before, kind, span_static)
                    context = Context({**before, key: span})
                    attached = attach(context)
                except Exception as fault:  # noqa: BLE001
                    _faults.record("trace.start_span", fault)
                    context = span = None
                finally:
                    here.busy = False
        box = [make, None, 0.0, span, context]
        token = set_current(box)
        cell[0] += 1
        start = box[2] = clock.perf_counter()
        if context is False:
            make(box)
        try:
            result = func(*args, **kwargs)
        except BaseException as exc:
            try:
                lean.finish(box, (token, attached, cell), exc, None)
            except RecursionError:  # the stack has no room for telling it
                if box[1] is None or box[1]._cell is not None:
                    cell[0] -= 1
            raise
        if type(result) not in plain and _calls.awaitable(result):
            return _calls.measured_awaitable(result, lean.pause(box, (token, attached, cell)))
        if box[1] is not None or here.busy:
            lean.finish(box, (token, attached, cell), None, result)
            return result
        duration = clock.perf_counter() - start
        cell[0] -= 1
        if sampled:
            try:
                entry = cell[2][success]
            except (TypeError, KeyError):
                entry = running.entry(cell, success, gap())
            entry[0] += 1
            entry[1] += duration
            left = entry[2] = entry[2] - 1
            if left < 0:
                entry[2] = gap()
            elif span is None:
                try:
                    reset_current(token)
                except ValueError:  # ended in another context than it began
                    pass
                return result
            else:
                record = None
        here.busy = True
        try:
            if record is not None:
                record(duration, attributes, context)
        except Exception as fault:  # noqa: BLE001
            _faults.record("metrics.record", fault)
        finally:
            try:
                reset_current(token)
                if attached is not None:
                    detach(attached)
            except ValueError:  # ended in another context than it began: nothing to put back there
                pass
            try:
                if span is not None:
                    span.end()
            except Exception as fault:  # noqa: BLE001
                _faults.record("trace.end", fault)
            finally:
                here.busy = False
        return result

    return wrapper


def _async(func: Callable[..., Any], lean: Lean) -> Callable[..., Any]:
    operation, running, make, bound = lean.operation, lean.running, lean.make, lean.operation.bound
    local, set_current, reset_current, clock = running.local, CURRENT.set, CURRENT.reset, _clock
    sampled, success, gap, thread = lean.sampled, lean.success, lean.gap, _safe_points.here
    attributes, span_static, name, kind = lean.attributes, lean.span_static, operation.name, operation.kind
    attach, detach, get_context, key = _context.attach, _context.detach, _context.get_current, _context.SPAN_KEY
    waiting = _safe_points.waiting
    traces, metrics, sdk, one_cell = _sdk.traces, _sdk.metrics, _sdk, _counts.GIL

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            cell = local.cell
        except AttributeError:
            cell = running.new()
        if (
            metrics._METER_PROVIDER is not bound.metrics
            or traces._TRACER_PROVIDER is not bound.traces
            or sdk.override is not bound.override
        ):
            bound.bind()
        if bound.idle:
            cell[0] += 1
            try:
                return await func(*args, **kwargs)
            finally:
                if one_cell:
                    cell[0] -= 1
                else:
                    running.leave(cell)
        start_span, record = bound.start_span, bound.record
        context = attached = span = None
        here = thread.state
        if start_span is not None:
            if waiting:
                _safe_points.drain()
            if here.busy:
                context = False
            else:
                here.busy = True
                try:
                    before = get_context()
                    span = start_span(name, before, kind, span_static)
                    context = Context({**before, key: span})
                    attached = attach(context)
                except Exception as fault:  # noqa: BLE001
                    _faults.record("trace.start_span", fault)
                    context = span = None
                finally:
                    here.busy = False
        box = [make, None, 0.0, span, context]
        token = set_current(box)
        cell[0] += 1
        start = box[2] = clock.perf_counter()
        if context is False:
            make(box)
        try:
            result = await func(*args, **kwargs)
        except BaseException as exc:
            try:
                lean.finish(box, (token, attached, cell), exc, None)
            except RecursionError:  # the stack has no room for telling it
                if box[1] is None or box[1]._cell is not None:
                    cell[0] -= 1
            raise
        if (
            box[1] is not None
            or here.busy
            or here is not thread.state  # it ends in another thread than it began
        ):
            lean.finish(box, (token, attached, cell), None, result)
            return result
        duration = clock.perf_counter() - start
        cell[0] -= 1
        if sampled:
            try:
                entry = cell[2][success]
            except (TypeError, KeyError):
                entry = running.entry(cell, success, gap())
            entry[0] += 1
            entry[1] += duration
            left = entry[2] = entry[2] - 1
            if left < 0:
                entry[2] = gap()
            elif span is None:
                try:
                    reset_current(token)
                except ValueError:  # ended in another context than it began
                    pass
                return result
            else:
                record = None
        here.busy = True
        try:
            if record is not None:
                record(duration, attributes, context)
        except Exception as fault:  # noqa: BLE001
            _faults.record("metrics.record", fault)
        finally:
            try:
                reset_current(token)
                if attached is not None:
                    detach(attached)
            except ValueError:  # ended in another context than it began: nothing to put back there
                pass
            try:
                if span is not None:
                    span.end()
            except Exception as fault:  # noqa: BLE001
                _faults.record("trace.end", fault)
            finally:
                here.busy = False
        return result

    return wrapper
