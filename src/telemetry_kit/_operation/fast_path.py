"""The fast path: plain functions and coroutine functions of operations where nothing is asked at run time.

What a call of those needs is a `FastCall` with a few fields. A `Measurement` is only made where `current_measurement()`
asks for one, or the call isn't a plain success: it takes over then. Sync and async calls begin a span and end alike.

Where durations are sampled and there is no span, calls go the `hot_path`.
What has no `await` in it is written out in both closures all the same: a function between would be a frame of every call,
and near the limit of recursion there is no room for one that puts back what was counted and current.

What the closures refer to are modules, functions, classes and what travels by itself: cloudpickle and dill send a
decorated function of a script by value, with all that its code names. Its globals are those of the bare function
(`callables.disguise`), so that each maker imports what its closure names, builtins too, which a module may shadow.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from telemetry_kit._operation import hot_path
from telemetry_kit._operation.fast_call import Fast
from telemetry_kit._wrapping import callables

if TYPE_CHECKING:
    from telemetry_kit._operation.definition import Definition
    from telemetry_kit._operation.recorder import OperationCalls


def fits(operation: Definition, func: Any, arguments: object) -> bool:
    """Whether `func` can go the fast path."""
    return (
        operation.span_mode in (True, False)
        and operation.plain
        and arguments is None
        and callables.kind_of(func) in ("sync", "async")
    )


def closure(func: Callable[..., Any], operation: Definition, decorated: OperationCalls) -> Callable[..., Any]:
    """`func`, measured on the fast path."""
    fast = Fast(operation, decorated.span_static)
    coroutine = callables.kind_of(func) == "async"
    exact = operation.sampled and operation.objectives is None and not operation.judges
    if exact and operation.span_mode is False:
        return (hot_path.coroutine() if coroutine else hot_path.sync())(func, fast)
    return (_async() if coroutine else _sync())(func, fast)


@functools.cache
def _sync() -> Callable[[Callable[..., Any], Fast], Callable[..., Any]]:
    from builtins import AttributeError, BaseException, Exception, RecursionError, type  # noqa: A004

    from telemetry_kit._core import clock, reentrancy, sdk
    from telemetry_kit._core import context as _context
    from telemetry_kit._operation import call as _call
    from telemetry_kit._operation import current
    from telemetry_kit._operation.fast_call import FastCall, begin_span
    from telemetry_kit._wrapping import awaitables, drivers

    def closure(func: Callable[..., Any], fast: Fast) -> Callable[..., Any]:
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
                cell[0] += 1
                try:
                    result = func(*args, **kwargs) if kwargs else func(*args)
                    cell[0] -= 1
                except BaseException:
                    cell[0] -= 1
                    raise
                try:
                    waits = type(result) not in awaitables.NEVER_FOLLOWED and awaitables.followed(result)
                except Exception as fault:  # a class that can't be hashed
                    waits = awaitables.odd(fault)
                if not waits:
                    return result
                return drivers.follow(result, awaitables.Counted(operation.state))
            call = FastCall()
            call.fast = fast
            call.made = call.start = call.span = call.context = call.attached = call.token = call.cell = None
            over = False
            here = reentrancy.here.state
            try:
                if reentrancy.waiting:
                    reentrancy.drain()
                if operation.start_span is not None:
                    begin_span(call, here)
                call.token = _call.set_current(call)
                call.cell, cell[0] = cell, cell[0] + 1
                call.start = start = clock.perf_counter()
                result = func(*args, **kwargs) if kwargs else func(*args)
                try:
                    waits = type(result) not in awaitables.NEVER_FOLLOWED and awaitables.followed(result)
                except Exception as fault:  # a class that can't be hashed
                    waits = awaitables.odd(fault)
                if waits:
                    result = call.go_on(result)
                    over = True
                    return result
                if (
                    call.made is not None
                    or here.busy
                    or reentrancy.latest.reported is reentrancy.begun.reported
                    or (operation.judges and call.fails(result))
                ):
                    call.finish(None, result)
                    return result
                duration = clock.perf_counter() - start
                if reentrancy.waiting:
                    reentrancy.drain()
                try:
                    fast.ended(call, here, operation.record, duration)
                except RecursionError:  # no room to record it
                    pass
                else:
                    cell[0], call.cell = cell[0] - 1, None
                    over = True
                return result
            except BaseException as exc:
                call.finish(exc, None)
                raise
            finally:
                if not over:  # whatever line an interrupt arrived at, nothing stays active or current
                    if call.cell is not None:
                        cell[0], call.cell = cell[0] - 1, None
                    if call.token is not None:
                        token, call.token = call.token, None
                        try:
                            _call.reset_current(token)
                        except Exception as fault:  # ended in another context than it began
                            awaitables.odd(fault)
                    elif _call.CURRENT_CALL.get() is call:  # an exception arrived before the token was kept
                        _call.set_current(None)
                    if call.attached is not None:
                        attached, call.attached = call.attached, None
                        try:
                            _context.detach(attached)
                        except Exception as fault:
                            awaitables.odd(fault)
                    elif not call.made and call.context is not None and _context.get_current() is call.context:
                        _context.attach(call.before)
                    if call.made is not None and call.made is not current.NO_MEASUREMENT:
                        call.made._put_back()

        return wrapper

    return closure


@functools.cache
def _async() -> Callable[[Callable[..., Any], Fast], Callable[..., Any]]:
    from builtins import AttributeError, BaseException, Exception, RecursionError  # noqa: A004

    from telemetry_kit._core import cells, clock, reentrancy, sdk
    from telemetry_kit._core import context as _context
    from telemetry_kit._operation import call as _call
    from telemetry_kit._operation import current
    from telemetry_kit._operation.fast_call import FastCall, begin_span
    from telemetry_kit._wrapping import awaitables

    def closure(func: Callable[..., Any], fast: Fast) -> Callable[..., Any]:
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
                cell[0] += 1
                try:
                    result = await func(*args, **kwargs) if kwargs else await func(*args)
                    if cells.GIL:
                        cell[0] -= 1
                    else:
                        operation.state.leave(cell)
                except BaseException:
                    if cells.GIL:
                        cell[0] -= 1
                    else:
                        operation.state.leave(cell)
                    raise
                return result
            call = FastCall()
            call.fast = fast
            call.made = call.start = call.span = call.context = call.attached = call.token = call.cell = None
            over = False
            here = reentrancy.here.state
            try:
                if reentrancy.waiting:
                    reentrancy.drain()
                if operation.start_span is not None:
                    begin_span(call, here)
                call.token = _call.set_current(call)
                call.cell, cell[0] = cell, cell[0] + 1
                call.start = start = clock.perf_counter()
                result = await func(*args, **kwargs) if kwargs else await func(*args)
                # A coroutine may end in another thread than it began.
                if (
                    call.made is not None
                    or here.busy
                    or reentrancy.latest.reported is reentrancy.begun.reported
                    or here is not reentrancy.here.state
                    or (operation.judges and call.fails(result))
                ):
                    call.finish(None, result)
                    return result
                duration = clock.perf_counter() - start
                if reentrancy.waiting:
                    reentrancy.drain()
                try:
                    fast.ended(call, here, operation.record, duration)
                except RecursionError:  # no room to record it
                    pass
                else:
                    cell[0], call.cell = cell[0] - 1, None
                    over = True
                return result
            except BaseException as exc:
                call.finish(exc, None)
                raise
            finally:
                if not over:  # whatever line an interrupt arrived at, nothing stays active or current
                    if call.cell is not None:
                        call.cell = None
                        if cells.GIL:
                            cell[0] -= 1
                        else:
                            operation.state.leave(cell)
                    if call.token is not None:
                        token, call.token = call.token, None
                        try:
                            _call.reset_current(token)
                        except Exception as fault:  # ended in another context than it began
                            awaitables.odd(fault)
                    elif _call.CURRENT_CALL.get() is call:  # an exception arrived before the token was kept
                        _call.set_current(None)
                    if call.attached is not None:
                        attached, call.attached = call.attached, None
                        try:
                            _context.detach(attached)
                        except Exception as fault:
                            awaitables.odd(fault)
                    elif not call.made and call.context is not None and _context.get_current() is call.context:
                        _context.attach(call.before)
                    if call.made is not None and call.made is not current.NO_MEASUREMENT:
                        call.made._put_back()

        return wrapper

    return closure
