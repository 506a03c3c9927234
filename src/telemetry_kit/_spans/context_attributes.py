"""Attributes for everything below: said once for a request, on each span, event and job that it leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry.context import Context

from telemetry_kit._core import ambient, blocks, cells, faults
from telemetry_kit._core.active_span import ActiveSpan
from telemetry_kit._core.attributes import OWN_KEYS, AttributeValue, metric_value, span_attributes
from telemetry_kit._core.blocks import HeadsBlocks
from telemetry_kit._core.context import Current, get_current
from telemetry_kit._core.face import public
from telemetry_kit._wrapping import awaitables, callables, decorating

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")


@public
class context_attributes(HeadsBlocks[None]):  # noqa: N801 - reads as a function, and heads blocks and functions as one
    """Every span, event, measurement and job that the kit makes below carries these attributes.

    A context manager, for sync and async code alike, and a decorator of any kind of function. The attributes are in
    OpenTelemetry's context: they travel to threads, tasks and, in `wrap_executor`'s envelope, to process pools; never in
    headers. The kit's own keys win, then what a call says, what was declared, then these; of nested ones the inner.

    Args:
        attributes: any cardinality; a mapping of keys to values.
        metric_keys: which of them `operation.duration`, `operation.calls`, `operation.time`, `job.duration` and
            `job.step.duration` have too, guarded as all of a metric's attributes are: of low cardinality.

    Raises TypeError where `attributes` is no mapping or `metric_keys` no collection of keys, ValueError for one that isn't
    among the attributes.

    >>> from telemetry_kit import Telemetry, context_attributes
    >>> telemetry = Telemetry("shop.orders")
    >>> with context_attributes({"tenant.id": "acme", "user.id": 7}, metric_keys=["tenant.id"]):
    ...     with telemetry.operation("checkout").measure():
    ...         pass
    """

    def __init__(self, attributes: Mapping[str, object], *, metric_keys: Iterable[str] = ()) -> None:
        if not isinstance(attributes, Mapping):
            msg = f"attributes of context_attributes must be a mapping, got {attributes!r:.100}"
            raise TypeError(msg)
        if isinstance(metric_keys, str) or not isinstance(metric_keys, Iterable):
            msg = f"metric_keys of context_attributes must be a collection of keys, got {metric_keys!r:.100}"
            raise TypeError(msg)
        on_span = {key: value for key, value in span_attributes(attributes).items() if key not in OWN_KEYS}
        on_metric: dict[str, AttributeValue] = {}
        for key in metric_keys:
            if key not in attributes:
                msg = f"metric_keys of context_attributes must be among its attributes, got {key!r:.100}"
                raise ValueError(msg)
            value = metric_value(attributes[key], key) if key in on_span else None
            if value is not None:
                on_metric[key] = value
        self._given = ambient.Ambient(on_span, on_metric)
        self._blocks: list[Current] = []

    def _context(self) -> Context:
        context: Context = get_current()
        outer, given = ambient.within(context), self._given
        if outer is not None:
            metric = {**outer.on_metric, **{k: v for k, v in given.on_span.items() if k in outer.on_metric}}
            given = ambient.Ambient({**outer.on_span, **given.on_span}, {**metric, **given.on_metric})
        return ambient.put_into(context, given)

    def __enter__(self) -> None:
        current = Current()
        with faults.guard("context_attributes"):
            current.context = self._context()
        blocks.begin(self._blocks, current)
        current.enter()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current = blocks.end(self._blocks, "context_attributes")
        if current is not None:
            current.leave()

    def __call__(self, func: F, /) -> F:
        """Decorate `func`, which may be any kind of callable: what it does carries the attributes.

        Raises TypeError for what can't be decorated.
        """
        return decorating.decorate(func, "context_attributes", partial(_AttributesCalls, self))


class _AttributesCalls:
    """The attributes on one function: `Calls` for `drivers`."""

    def __init__(self, of: context_attributes, func: Any) -> None:
        self._of = of
        self._stepwise = callables.kind_of_call(func) in ("generator", "async_generator")
        self.running = cells.Running()

    def idle(self) -> bool:
        """Never: a context is there without an SDK, too."""
        return False

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> awaitables.Call:
        return _Call(self._of, self._stepwise)


class _Call(ActiveSpan):
    """One call, in whose context the attributes are while its body runs. It has no span."""

    def __init__(self, of: context_attributes, stepwise: bool) -> None:
        self._stepwise = stepwise
        self._current = Current()
        with faults.guard("context_attributes"):
            self._current.context = of._context()
        self._be_current()

    def _end(self, exc: BaseException | None, result: Any = awaitables.NO_RESULT) -> None:
        self._leave()

    def _drop(self) -> None:
        self._current.drop()
