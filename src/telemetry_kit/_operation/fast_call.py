"""One call on the fast path: what it has made current, how its span begins, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from telemetry_kit._core import active_span, ambient, faults, forks, reentrancy
from telemetry_kit._core import context as _context
from telemetry_kit._operation import call as _call
from telemetry_kit._operation import current, measurement
from telemetry_kit._operation.entered import Entered
from telemetry_kit._operation.state import SampledCalls
from telemetry_kit._wrapping import drivers

if TYPE_CHECKING:
    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._operation.definition import Definition
    from telemetry_kit._operation.measurement import Measurement


class FastCall(Entered):
    """One call on the fast path: what it is, when it began, and what is current for it."""

    __slots__ = ("fast", "made", "span", "start")
    # Whoever begins it sets what it needs, one by one, and `measurement` what is asked for only then.
    __init__: Any = object.__init__
    fast: Fast
    made: Any
    """The measurement that stands for it once somebody asked, or what says that one is made before its end."""
    start: float | None
    """None until its body begins."""
    span: Any

    def _is_running(self) -> bool:
        """Whether it has begun and not ended."""
        made: Any = self.made
        return made is None or bool(made._is_running())

    def measurement(self) -> Measurement:
        """The measurement of the call, made when it is first asked for."""
        return self.made or self._make(forks.fork.generation if self.cell is None else self.cell[1])

    def _make(self, generation: object) -> Measurement:
        fast = self.fast
        self.variable, self.mine, self.running = _call.CURRENT_CALL, None, fast.operation.state
        if self.context is None:
            self.before = None
        deferred = fast.span_static if self.made is _call.DEFERRED else None
        made = measurement.Measurement.__new__(measurement.Measurement)
        self.made = measurement.take_over(
            made, fast.operation, self, self.start or 0.0, generation, self.span, deferred
        )
        return made

    def fails(self, result: Any) -> bool:
        """Whether what its function returned is judged to be an error, or has to be judged with what else is known."""
        operation = self.fast.operation
        try:
            judge = None if operation.convention is not None else operation.options.error_if
            if judge is None:
                return True
            error_type = _call.named_by(judge(result))
            if error_type is not None:
                self.measurement().fail(error_type)
            return error_type is not None
        except Exception as fault:
            try:
                faults.record("operation.error_if", fault)
            except RecursionError:  # no room to say so
                pass
            return False

    def finish(self, exc: BaseException | None, result: Any) -> None:
        """End a call that isn't a plain success, unless its body never began."""
        try:
            if self.start is not None and self.made is not current.NO_MEASUREMENT:
                self.measurement()._end(exc, result)
                self.made = current.NO_MEASUREMENT
        except RecursionError:  # no room to record it
            pass

    def go_on(self, result: Any) -> Any:
        """Go on until what the function returned is over; gives that."""
        waiting = self.mine = self.measurement()
        waiting._suspend()
        followed = drivers.follow(result, waiting)
        self.made = current.NO_MEASUREMENT
        return followed


class HotCall(FastCall):
    """One call on the hot path, which has no span and is counted elsewhere."""

    __slots__ = ("counted",)
    counted: list[Any]
    """The cell in which it is counted, until somebody follows what it returned."""

    def measurement(self) -> Measurement:
        if self.made:
            return self.made  # type: ignore[no-any-return]
        self.context = self.attached = self.cell = self.span = None
        return self._make(self.counted[1])

    def go_on(self, result: Any) -> Any:
        self.measurement()
        self.count_in()
        return super().go_on(result)


@reentrancy.section
def begin_span(call: FastCall, here: Any) -> None:
    """Start the call's span and make it current; where the API can't be called it is deferred."""
    if (here.busy and reentrancy.still_busy()) or (
        reentrancy.latest.reported is reentrancy.begun.reported and reentrancy.collecting()
    ):
        call.made = _call.DEFERRED
        return
    fast = call.fast
    operation = fast.operation
    try:
        here.busy = True
        before = _context.get_current()
        static: Any = ambient.for_span(fast.span_static, before) if ambient.used else fast.span_static
        span = operation.start_span(operation.name, before, operation.kind, static)  # type: ignore[misc]
        if type(span) not in active_span.sound:
            active_span.check(span)
        call.span, call.before = span, before
        call.context = context = Context({**before, _context.SPAN_KEY: span})
        try:
            call.attached = _context.attach(context)
        except Exception as fault:
            faults.record("context.attach", fault)
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
        faults.record("metrics.record", fault)
    finally:
        call.made = current.NO_MEASUREMENT  # whoever copied the context may ask later
        try:
            try:
                _call.reset_current(call.token)  # type: ignore[arg-type]
            except Exception as fault:  # ended in another context than it began
                faults.pass_on(fault)
            call.token = None
        finally:
            if call.span is None:
                here.busy = False
            else:
                try:
                    if call.attached is not None:
                        in_order = _context.get_current() is call.context
                        try:
                            _context.detach(call.attached)
                        except Exception as fault:
                            faults.pass_on(fault)
                        else:
                            if _context.out_of_order or not in_order:
                                _context.go_back(call.context, call.before, in_order)
                        call.attached = None
                finally:
                    now = _context.get_current()
                    try:
                        call.span.end()
                    except Exception as fault:
                        faults.record("trace.end", fault)
                    finally:
                        here.busy = False
                        if _context.get_current() is not now:  # as `unchanged_by` says
                            _context.attach(now)


def end_sampled(call: FastCall, here: Any, record: Callable[..., None] | None, duration: float) -> None:
    """The same where durations are sampled: there is a span for each call, and a duration of some."""
    fast = call.fast
    try:
        cell = fast.local.cell
    except AttributeError:
        cell = fast.calls.new()
    ended = cell[2] + 1
    cell[0], cell[2], cell[3] = cell[0] + 1, ended, cell[3] + duration  # in one, for what interrupts it
    end(call, here, record if ended >= cell[4] and SampledCalls.is_due(cell, fast.operation.gap) else None, duration)


class Fast:
    """What the closure of one function knows beside its operation."""

    __slots__ = ("calls", "ended", "local", "operation", "span_static")

    def __init__(self, operation: Definition, span_static: dict[str, AttributeValue]) -> None:
        self.operation = operation
        self.span_static = span_static
        self.calls: Any = operation.success
        """Where those that succeeded are counted, if durations are sampled."""
        self.local: Any = None if self.calls is None else self.calls.local
        ending = end if operation.success is None else end_sampled
        objectives = operation.objectives
        self.ended: Callable[..., None] = ending if objectives is None else objectives.before(ending)

    def record_if_due(self, cell: list[Any], duration: float) -> None:
        """Record a duration if it is one of those that are, of a call without a span."""
        operation = self.operation
        try:
            if SampledCalls.is_due(cell, operation.gap):
                operation.histogram.record(duration, operation.metric_static)
        except RecursionError:  # no room to record it
            pass

    def __reduce__(self) -> tuple[Any, ...]:
        return Fast, (self.operation, self.span_static)
