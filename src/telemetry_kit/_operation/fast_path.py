"""The fast path: plain functions and coroutine functions of operations where nothing is asked at run time.

What a call of those needs is a `FastCall` with a few fields. A `Measurement` is only made where `current_measurement()`
asks for one, or the call isn't a plain success: it takes over then. Sync and async calls begin a span and end alike.

Only the hottest case stays written out in both, where durations are sampled and there is no span: that saves 60 ns of
about 300. There calls and time are added up per thread and observed.

What the closures refer to are modules, functions, classes and what travels by itself: cloudpickle and dill send a
decorated function of a script by value, with all that its code names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from telemetry_kit._core import active_span, cells, clock, faults, forks, reentrancy, sdk
from telemetry_kit._core import context as _context
from telemetry_kit._operation import call as _call
from telemetry_kit._operation import measurement as _measurement
from telemetry_kit._operation.call import Entered
from telemetry_kit._operation.measurement import Measurement
from telemetry_kit._wrapping import awaitables, callables, drivers

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._operation.definition import Definition
    from telemetry_kit._operation.recorder import Decorated


class FastCall:
    """One call on the fast path: what is current for it, and where it is counted."""

    # Defaults stand on the class: what a call doesn't touch costs it nothing.
    fast: Fast
    made: Measurement | None = None
    """The measurement that stands for it once somebody asked."""
    start = 0.0
    span: Any = None
    context: Context | None = None
    before: Context | None = None
    attached: Any = None
    token: Any = None
    cell: Any = None
    deferred = False
    """The span could not be started."""

    def running(self) -> bool:
        """Whether it has begun and not ended."""
        return self.made is None or self.made.running()

    def measurement(self) -> Measurement:
        """The measurement of the call, made when it is first asked for."""
        made = self.made
        if made is None:
            operation = self.fast.operation
            made = Measurement(operation)
            entered = made._current = Entered(operation.state, None)
            made._state = 1
            made._start = self.start
            made._generation = forks.fork.generation if self.cell is None else self.cell[1]
            if self.span is not None:
                made.span, made._own_span = self.span, True
                entered.context = self.context
                with faults.guard("span.is_recording"):
                    made._recording = self.span.is_recording()
            elif self.deferred:
                made._deferred = clock.time_ns() - int((clock.perf_counter() - self.start) * 1e9)
                made._name, made._kind, made._static = operation.name, operation.kind, self.fast.span_static
            self.made = made
        return made

    def hand_over(self) -> Measurement:
        """The measurement, which ends the call from now on."""
        made = self.measurement()
        entered = made._current
        entered.cell, self.cell = self.cell, None
        entered._token, self.token = self.token, None
        entered._attached, entered._before, self.attached, self.before = self.attached, self.before, None, None
        return made

    def finish(self, exc: BaseException | None, result: Any) -> None:
        """End a call that isn't a plain success. One whose body never began is left to `leave`, as is what an
        exception interrupts."""
        try:
            if self.start and self.made is not _measurement.NO_MEASUREMENT:
                self.hand_over().end(exc, result)
        except RecursionError:  # the stack has no room to record it
            return

    def leave(self) -> None:
        """Put everything back that still is the call's."""
        made = self.made
        try:
            cell, self.cell = self.cell, None
            if cell is not None:
                if cells.GIL:
                    cell[0] -= 1
                else:
                    self.fast.operation.state.leave(cell)
            token, self.token = self.token, None
            if token is not None:
                _context.put_back(_call.reset_current, token)
            attached, self.attached = self.attached, None
            if attached is not None:
                _context.put_back(_context.detach, attached)
            elif self.before is not None and _context.get_current() is self.context:
                _context.attach(self.before)
        finally:
            if made is None:
                self.made = _measurement.NO_MEASUREMENT  # whoever copied the context may ask later
            else:
                made.leave()


@reentrancy.section
def begin_span(call: FastCall, here: Any) -> None:
    """Start the call's span and make it current; where the API can't be called it is deferred."""
    if (here.busy and reentrancy.still_busy()) or (
        reentrancy.latest.told is reentrancy.begun.told and reentrancy.collecting()
    ):
        call.deferred = True
        return
    fast = call.fast
    operation = fast.operation
    try:
        here.busy = True
        before = _context.get_current()
        span = operation.start_span(operation.name, before, operation.kind, fast.span_static)  # type: ignore[misc]
        if type(span) not in active_span.sound:
            active_span.check(span)
        call.span = span
        call.context = context = Context({**before, _context.SPAN_KEY: span})
        call.before = before
        call.attached = _context.attach(context)
    except Exception as fault:
        try:
            faults.record("trace.start_span", fault)
        except RecursionError:
            return
    finally:
        here.busy = False


@reentrancy.section
def end(call: FastCall, here: Any, record: Callable[..., None] | None, duration: float) -> None:
    """A plain success: record the duration while the span is current, put back what was, end the span."""
    try:
        here.busy = True
        if record is not None:
            record(duration, call.fast.operation.metric_static, call.context)
    except Exception as fault:
        _record("metrics.record", fault)
    finally:
        call.made = _measurement.NO_MEASUREMENT  # whoever copied the context may ask later
        try:
            token, call.token = call.token, None
            _context.put_back(_call.reset_current, token)
            attached, call.attached = call.attached, None
            if attached is not None:
                _context.put_back(_context.detach, attached)
        finally:
            try:
                if call.span is not None:
                    call.span.end()
            except Exception as fault:
                _record("trace.end", fault)
            finally:
                here.busy = False


def _record(site: str, fault: Exception) -> None:
    try:
        faults.record(site, fault)
    except RecursionError:
        return


def fits(operation: Definition, func: Any, arguments: object) -> bool:
    """Whether `func` can go the fast path."""
    return (
        operation.span_mode in (True, False)
        and operation.plain
        and not operation.judges
        and not (operation.sampled and operation.objectives)  # a sampled call may end before it is counted for them
        and arguments is None
        and callables.kind_of(func) in ("sync", "async")
    )


class Fast:
    """What the closure of one function knows beside its operation."""

    __slots__ = ("ended", "operation", "span_static")

    def __init__(self, operation: Definition, span_static: dict[str, AttributeValue]) -> None:
        self.operation = operation
        self.span_static = span_static
        objectives = operation.objectives
        self.ended: Callable[..., None] = end if objectives is None else objectives.before(end)

    def __reduce__(self) -> tuple[Any, ...]:
        return Fast, (self.operation, self.span_static)


def closure(func: Callable[..., Any], operation: Definition, decorated: Decorated) -> Callable[..., Any]:
    """`func`, measured on the fast path."""
    fast = Fast(operation, decorated.span_static)
    return _async(func, fast) if callables.kind_of(func) == "async" else _sync(func, fast)


def _sync(func: Callable[..., Any], fast: Fast) -> Callable[..., Any]:
    operation = fast.operation

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            cell = operation.state.local.cell
        except AttributeError:
            cell = operation.state.new()
        if (
            sdk.metrics._METER_PROVIDER is not operation.seen_metrics
            or sdk.traces._TRACER_PROVIDER is not operation.seen_traces
            or sdk.override is not operation.seen_override
        ):
            operation.bind()
        if operation.idle:
            active = 0
            try:
                cell[0] += (active := 1)
                result = func(*args, **kwargs)
                cell[0], active = cell[0] - 1, 0
            finally:
                if active:
                    cell[0], active = cell[0] - 1, 0
            try:
                waits = type(result) not in awaitables.NEVER_FOLLOWED and awaitables.followed(result)
            except Exception as fault:  # a class that can't be hashed
                waits = awaitables.odd(fault)
            if not waits:
                return result
            return drivers.follow(result, awaitables.Counted(operation.state))
        call = FastCall()
        call.fast = fast
        here = reentrancy.here.state
        try:
            if reentrancy.waiting:
                reentrancy.drain()
            if operation.start_span is not None:
                begin_span(call, here)
            call.token = _call.set_current(call)
            call.cell, cell[0] = cell, cell[0] + 1
            call.start = start = clock.perf_counter()
            result = func(*args, **kwargs)
            try:
                waits = type(result) not in awaitables.NEVER_FOLLOWED and awaitables.followed(result)
            except Exception as fault:  # a class that can't be hashed
                waits = awaitables.odd(fault)
            if waits:
                waiting = call.hand_over()
                waiting._current.mine = waiting
                waiting.suspend()
                return drivers.follow(result, waiting)
            if call.made is not None or here.busy or call.deferred or reentrancy.latest.told is reentrancy.begun.told:
                call.finish(None, result)
                return result
            duration = clock.perf_counter() - start
            record = operation.record
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
                elif call.span is None:
                    call.made = _measurement.NO_MEASUREMENT  # whoever copied the context may ask later
                    cell[0], call.cell, token, call.token = cell[0] - 1, None, call.token, None
                    try:
                        _call.reset_current(token)
                    except Exception as fault:  # ended in another context than it began
                        if faults.raised_by_host(fault):
                            raise
                    return result
                else:
                    record = None  # the span is there for every call
            if reentrancy.waiting:
                reentrancy.drain()
            fast.ended(call, here, record, duration)
            cell[0], call.cell = cell[0] - 1, None
            return result
        except BaseException as exc:
            call.finish(exc, None)
            raise
        finally:
            # Whatever line an interrupt arrived at, nothing stays active or current.
            if call.cell is not None or call.token is not None or call.attached is not None:
                call.leave()

    return wrapper


def _async(func: Callable[..., Any], fast: Fast) -> Callable[..., Any]:
    operation = fast.operation

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            cell = operation.state.local.cell
        except AttributeError:
            cell = operation.state.new()
        if (
            sdk.metrics._METER_PROVIDER is not operation.seen_metrics
            or sdk.traces._TRACER_PROVIDER is not operation.seen_traces
            or sdk.override is not operation.seen_override
        ):
            operation.bind()
        if operation.idle:
            active = 0
            try:
                cell[0] += (active := 1)
                return await func(*args, **kwargs)
            finally:
                if not active:
                    pass
                elif cells.GIL:
                    cell[0], active = cell[0] - 1, 0
                else:
                    operation.state.leave(cell)
        call = FastCall()
        call.fast = fast
        here = reentrancy.here.state
        try:
            if reentrancy.waiting:
                reentrancy.drain()
            if operation.start_span is not None:
                begin_span(call, here)
            call.token = _call.set_current(call)
            call.cell, cell[0] = cell, cell[0] + 1
            call.start = start = clock.perf_counter()
            result = await func(*args, **kwargs)
            # A coroutine may end in another thread than it began.
            if (
                call.made is not None
                or here.busy
                or call.deferred
                or reentrancy.latest.told is reentrancy.begun.told
                or here is not reentrancy.here.state
            ):
                call.finish(None, result)
                return result
            duration = clock.perf_counter() - start
            record = operation.record
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
                elif call.span is None:
                    call.made = _measurement.NO_MEASUREMENT  # whoever copied the context may ask later
                    cell[0], call.cell, token, call.token = cell[0] - 1, None, call.token, None
                    try:
                        _call.reset_current(token)
                    except Exception as fault:  # ended in another context than it began
                        if faults.raised_by_host(fault):
                            raise
                    return result
                else:
                    record = None  # the span is there for every call
            if reentrancy.waiting:
                reentrancy.drain()
            fast.ended(call, here, record, duration)
            cell[0], call.cell = cell[0] - 1, None
            return result
        except BaseException as exc:
            call.finish(exc, None)
            raise
        finally:
            # Whatever line an interrupt arrived at, nothing stays active or current.
            if call.cell is not None or call.token is not None or call.attached is not None:
                call.leave()

    return wrapper
