"""The lean way: plain functions and coroutine functions of operations where nothing is asked at run time.

What a call of those needs stays in local variables. A `Measurement` is only made where `current_measurement()` asks
for one, or the call fails: until then a box stands for it, `[lean, measurement, start, span, context]`. All else (the
order of things, what is guarded) is as in `_measurement`, which takes over wherever it isn't a plain success.

Where durations are sampled, calls and time are added up per thread and observed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from telemetry_kit._core import clock, counters, faults, reentrancy, sdk
from telemetry_kit._core import context as _context
from telemetry_kit._operation.measurement import CURRENT, NO_MEASUREMENT, Measurement
from telemetry_kit._wrapping import awaitables, callables

# Looked up once: closures would keep a cell for each, and every decorated function pays for its closure's.
_metrics, _traces, _threads, _waiting = sdk.metrics, sdk.traces, reentrancy.here, reentrancy.waiting
_attach, _detach, _get_context = _context.attach, _context.detach, _context.get_current
_SPAN_KEY, _PLAIN, _ONE_CELL = _context.SPAN_KEY, awaitables.NEVER_AWAITABLE, counters.GIL
_set_current, _reset_current = CURRENT.set, CURRENT.reset

if TYPE_CHECKING:
    from telemetry_kit._operation.operation import Operation
    from telemetry_kit._operation.recorder import Decorated


def gaps(share: float) -> Callable[[], float]:
    """How many calls to leave out before the next that is recorded, so that `share` of all are.

    The gaps are geometric, which is as random as drawing at each call, and cheaper.
    """
    if share <= 0.0:
        return _all_out
    if share >= 1.0:
        return _none_out
    from random import Random

    scale, source = math.log1p(-share), Random()  # noqa: S311 - our own, so that a host's seeded sequence stays as it is
    counters.after_fork(source.seed)
    return lambda: math.floor(math.log(1.0 - source.random()) / scale)


def _all_out() -> float:
    return math.inf


def _none_out() -> float:
    return 0


def fits(operation: Operation, func: Any, arguments: object) -> bool:
    """Whether `func` can go the lean way."""
    return (
        operation.span_mode in (True, False)
        and operation.plain
        and not operation.judges
        and arguments is None
        and callables.kind_of(func) in ("sync", "async")
    )


class Lean:
    """What the closure of one function knows beside its operation, and the way out of a call that isn't plain."""

    __slots__ = ("operation", "span_static")

    def __init__(self, operation: Operation, decorated: Decorated) -> None:
        self.operation = operation
        self.span_static = decorated.span_static

    def make(self, box: list[Any]) -> Measurement:
        """The measurement that the box stood for."""
        made = box[1] = Measurement(self.operation)
        made._state = 1
        made._start = box[2]
        if box[3] is not None:
            made.span = box[3]
            made._own_span = True
            made._context = box[4]
            with faults.guard("span.is_recording"):
                made._recording = box[3].is_recording()
        elif box[4] is False:
            made._deferred, made._static = True, self.span_static
        return made

    def finish(self, box: list[Any], tokens: tuple[Any, Any, Any], exc: BaseException | None, result: Any) -> None:
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
    return _async(func, lean) if callables.kind_of(func) == "async" else _sync(func, lean)


def _sync(func: Callable[..., Any], lean: Lean) -> Callable[..., Any]:
    operation = lean.operation
    local = operation.state.local

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            cell = local.cell
        except AttributeError:
            cell = operation.state.new()
        if (
            _metrics._METER_PROVIDER is not operation.seen_metrics
            or _traces._TRACER_PROVIDER is not operation.seen_traces
            or sdk.override is not operation.seen_override
        ):
            operation.bind()
        if operation.idle:
            cell[0] += 1
            try:
                result = func(*args, **kwargs)
            finally:
                cell[0] -= 1
            try:
                waits = type(result) not in _PLAIN and awaitables.awaitable(result)
            except Exception:
                waits = False
            if not waits:
                return result
            return awaitables.measured_awaitable(result, awaitables.Counted(operation.state))
        start_span, record = operation.start_span, operation.record
        context: Any = None
        attached: Any = None
        span: Any = None
        here = _threads.state
        if _waiting:
            reentrancy.drain()
        if start_span is not None:
            if here.busy:
                context = False
            else:
                here.busy = True
                try:
                    before = _get_context()
                    span = start_span(operation.name, before, operation.kind, lean.span_static)
                    context = Context({**before, _SPAN_KEY: span})
                    attached = _attach(context)
                except Exception as fault:
                    faults.record("trace.start_span", fault)
                    context = span = None
                finally:
                    here.busy = False
        box: list[Any] = [lean, None, 0.0, span, context]
        token = _set_current(box)
        cell[0] += 1
        start = box[2] = clock.perf_counter()
        if context is False:
            lean.make(box)
        try:
            result = func(*args, **kwargs)
        except BaseException as exc:
            try:
                lean.finish(box, (token, attached, cell), exc, None)
            except RecursionError:  # the stack has no room for telling it
                if box[1] is None or box[1]._cell is not None:
                    cell[0] -= 1
            raise
        try:
            waits = type(result) not in _PLAIN and awaitables.awaitable(result)
        except Exception:
            waits = False
        if waits:
            return awaitables.measured_awaitable(result, lean.pause(box, (token, attached, cell)))
        if box[1] is not None or here.busy:
            lean.finish(box, (token, attached, cell), None, result)
            return result
        duration = clock.perf_counter() - start
        cell[0] -= 1
        box[1] = NO_MEASUREMENT  # whoever copied the context may ask later
        if operation.sampled:
            success = operation.success
            try:
                entry = cell[2][success]
            except (TypeError, KeyError):
                entry = operation.state.entry(cell, success, operation.gap())
            entry[0] += 1
            entry[1] += duration
            left = entry[2] = entry[2] - 1
            if left < 0:
                entry[2] = operation.gap()
            elif span is None:
                try:
                    _reset_current(token)
                except ValueError:  # ended in another context than it began
                    pass
                return result
            else:
                record = None  # the span is there for every call
        if _waiting:
            reentrancy.drain()
        here.busy = True
        try:
            if record is not None:
                record(duration, operation.metric_static, context)
        except Exception as fault:
            faults.record("metrics.record", fault)
        finally:
            try:
                _reset_current(token)
                if attached is not None:
                    _detach(attached)
            except ValueError:  # ended in another context than it began: nothing to put back there
                pass
            try:
                if span is not None:
                    span.end()
            except Exception as fault:
                faults.record("trace.end", fault)
            finally:
                here.busy = False
        return result

    return wrapper


def _async(func: Callable[..., Any], lean: Lean) -> Callable[..., Any]:
    operation = lean.operation
    local = operation.state.local

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            cell = local.cell
        except AttributeError:
            cell = operation.state.new()
        if (
            _metrics._METER_PROVIDER is not operation.seen_metrics
            or _traces._TRACER_PROVIDER is not operation.seen_traces
            or sdk.override is not operation.seen_override
        ):
            operation.bind()
        if operation.idle:
            cell[0] += 1
            try:
                return await func(*args, **kwargs)
            finally:
                if _ONE_CELL:
                    cell[0] -= 1
                else:
                    operation.state.leave(cell)
        start_span, record = operation.start_span, operation.record
        context: Any = None
        attached: Any = None
        span: Any = None
        here = _threads.state
        if _waiting:
            reentrancy.drain()
        if start_span is not None:
            if here.busy:
                context = False
            else:
                here.busy = True
                try:
                    before = _get_context()
                    span = start_span(operation.name, before, operation.kind, lean.span_static)
                    context = Context({**before, _SPAN_KEY: span})
                    attached = _attach(context)
                except Exception as fault:
                    faults.record("trace.start_span", fault)
                    context = span = None
                finally:
                    here.busy = False
        box: list[Any] = [lean, None, 0.0, span, context]
        token = _set_current(box)
        cell[0] += 1
        start = box[2] = clock.perf_counter()
        if context is False:
            lean.make(box)
        try:
            result = await func(*args, **kwargs)
        except BaseException as exc:
            try:
                lean.finish(box, (token, attached, cell), exc, None)
            except RecursionError:  # the stack has no room for telling it
                if box[1] is None or box[1]._cell is not None:
                    cell[0] -= 1
            raise
        # A coroutine may end in another thread than it began.
        if box[1] is not None or here.busy or here is not _threads.state:
            lean.finish(box, (token, attached, cell), None, result)
            return result
        duration = clock.perf_counter() - start
        cell[0] -= 1
        box[1] = NO_MEASUREMENT  # whoever copied the context may ask later
        if operation.sampled:
            success = operation.success
            try:
                entry = cell[2][success]
            except (TypeError, KeyError):
                entry = operation.state.entry(cell, success, operation.gap())
            entry[0] += 1
            entry[1] += duration
            left = entry[2] = entry[2] - 1
            if left < 0:
                entry[2] = operation.gap()
            elif span is None:
                try:
                    _reset_current(token)
                except ValueError:  # ended in another context than it began
                    pass
                return result
            else:
                record = None  # the span is there for every call
        if _waiting:
            reentrancy.drain()
        here.busy = True
        try:
            if record is not None:
                record(duration, operation.metric_static, context)
        except Exception as fault:
            faults.record("metrics.record", fault)
        finally:
            try:
                _reset_current(token)
                if attached is not None:
                    _detach(attached)
            except ValueError:  # ended in another context than it began: nothing to put back there
                pass
            try:
                if span is not None:
                    span.end()
            except Exception as fault:
                faults.record("trace.end", fault)
            finally:
                here.busy = False
        return result

    return wrapper
