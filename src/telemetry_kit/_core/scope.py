"""What a `Telemetry` gives its capabilities: a name, the instruments, a tracer if there is an SDK, how errors are recorded."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import opentelemetry.metrics
import opentelemetry.trace

from telemetry_kit._core import faults, forks, sdk
from telemetry_kit._core.cardinality import NAMES, Distinct
from telemetry_kit._core.face import public
from telemetry_kit._core.instruments import NO_INSTRUMENTS, SCHEMA_URL, Instruments, instruments_of
from telemetry_kit._core.late import late_import
from telemetry_kit._core.overflow import Overflow
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._core.registry import Registry
from telemetry_kit._core.switched_off import is_switched_off
from telemetry_kit.catalogue import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from telemetry_kit._core.attributes import AttributeValue
    from telemetry_kit._core.error_policy import ErrorPolicy, ExceptionRecord, Signal


T = TypeVar("T")


class Errors(Protocol):
    """What a scope records its errors with: `_errors.recorder` makes one for each policy."""

    policy: ErrorPolicy

    def admit(
        self,
        exc: BaseException,
        *,
        scope: Scope,
        operation: str | None,
        error_type: str,
        span: Span | None = None,
        wanted: bool = False,
        outermost: bool = False,
    ) -> int | None:
        """Whether `exc` may be recorded in detail, and how many of its kind were suppressed before it."""
        ...

    def admit_failure(self, *, scope: Scope, operation: str | None, error_type: str) -> int | None:
        """The same for an error without an exception."""
        ...

    def describe(self, exc: BaseException, error_type: str | None, suppressed: int) -> dict[str, AttributeValue]:
        """The attributes of a detailed record of an exception that was admitted."""
        ...

    def clean(self, text: str) -> str:
        """A text cut and scrubbed."""
        ...

    def record(
        self,
        span: Span,
        scope: Scope,
        exc: BaseException,
        *,
        operation: str | None,
        error_type: str,
        record: ExceptionRecord,
    ) -> None:
        """Put the outcome of a call onto its span, with the detail if that is admitted."""

    def where(self) -> Signal:
        """The signal of now."""
        ...

    def emit(
        self,
        span: Span,
        scope: Scope,
        attributes: Mapping[str, AttributeValue],
        *,
        record: ExceptionRecord,
    ) -> None:
        """Record an exception with what `describe` gave."""

    def emit_event(
        self,
        span: Span,
        scope: Scope,
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        severity: str = "INFO",
    ) -> None:
        """Record an event where the policy says."""


_scopes: weakref.WeakSet[Scope] = weakref.WeakSet()


def scopes() -> list[Scope]:
    """All scopes that are there, for a diagnosis."""
    return list(_scopes)


class _Living:
    """What ends with the last `Telemetry` of a name: who counts the running calls of its operations, say."""

    __slots__ = ("__weakref__", "kept")

    def __init__(self) -> None:
        self.kept: dict[object, Any] = {}


class _Named:
    """What is kept of the `Telemetry` objects of one name: it outlives them, so that no count ever goes back."""

    __slots__ = ("kept", "living")

    def __init__(self) -> None:
        self.kept: dict[object, Any] = {}
        self.living: Callable[[], _Living | None] = lambda: None


_NAMED: Registry[dict[str, _Named]] = Registry(dict)
"""By name, for each meter provider."""
_LABELS: Registry[Distinct] = Registry(lambda: Distinct(NAMES))
_lock = forks.Lock()


class Scope(ByRecipe):
    """An instrumented library or module, as every capability sees it."""

    __slots__ = (
        "__weakref__",
        "_bound",
        "_tracer",
        "disabled",
        "errors",
        "instruments",
        "kept",
        "label",
        "living",
        "logger_provider",
        "meter_provider",
        "name",
        "tracer_provider",
        "version",
    )

    def __init__(
        self,
        name: str,
        version: str | None,
        *,
        errors: Errors,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: Any = None,
        disabled: bool = False,
    ) -> None:
        self.name: str = name
        self.version: str | None = version
        self.errors: Errors = errors
        self.disabled: bool = disabled
        self.meter_provider: Any = _given(meter_provider)
        self.logger_provider: Any = _given(logger_provider)
        self.instruments: Instruments = NO_INSTRUMENTS if disabled else instruments_of(self.meter_provider)
        self.label: str = name if disabled else _label(self.instruments, name)
        """`scope.name` on metrics: the name, or `_OTHER` once there have been too many, as of one made for each request."""
        self.kept: dict[object, Any]
        """What each capability keeps for all of this name, also when they are gone: see `Registry`."""
        self.living: _Living
        """What it keeps as long as one of this name lives."""
        self.kept, self.living = ({}, _Living()) if disabled else _shared(self.instruments, self.label)
        self.tracer_provider: Any = _given(tracer_provider)
        self._bound: TracerProvider | None = None
        self._tracer: Tracer | None = None
        _scopes.add(self)

    def _recipe(self) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        if not self.by_globals or self.logger_provider is not None:
            msg = (
                f"what is pickled of Telemetry {self.name!r} must have the global providers, got its own: leave them out, "
                "or make it where it is needed"
            )
            raise TypeError(msg)
        return _made_again, (self.name, self.version, self.errors), {}

    @property
    def by_globals(self) -> bool:
        """Whether both traces and metrics go to the global providers, so that `sdk.absent()` speaks for it."""
        return self.tracer_provider is None and self.meter_provider is None

    def tracer(self) -> Tracer | None:
        """The tracer of this scope, or None: no SDK, or switched off by the host."""
        if self.disabled:
            return None
        provider = self.tracer_provider if self.tracer_provider is not None else sdk.tracer_provider()
        if provider is not self._bound:
            self._tracer = self._make_tracer(provider)
            self._bound = provider
        return self._tracer

    def plain_tracer(self) -> Tracer:
        """The tracer as users have it: the API's own no-op one where there is none."""
        noop: Tracer = opentelemetry.trace.NoOpTracer()
        if self.disabled:
            return noop
        found = self.tracer()
        get = opentelemetry.trace.get_tracer
        return found if found is not None else _made(lambda: get(self.name, self.version, schema_url=SCHEMA_URL), noop)

    def plain_meter(self) -> Meter:
        """The meter as users have it. The kit's own metrics are on a meter of the kit's."""
        noop: Meter = opentelemetry.metrics.NoOpMeter(self.name, self.version, SCHEMA_URL)
        if self.disabled:
            return noop
        provider, get = self.meter_provider, opentelemetry.metrics.get_meter
        if provider is None and sdk.override is not None:
            provider = sdk.override.meter_provider
        return _made(lambda: get(self.name, self.version or "", provider, SCHEMA_URL), noop)

    def logger(self) -> Any:
        """The logger of this scope for log-based events: the API's, a no-op without an SDK. The package is still
        `opentelemetry._logs`, and imported when the first event needs it."""
        with late_import():
            from opentelemetry import _logs

        noop = _logs.NoOpLogger(self.name)
        if self.disabled:
            return noop
        provider = self.logger_provider
        if provider is None and sdk.override is not None:
            provider = sdk.override.logger_provider
        if provider is None:
            provider = _logs.get_logger_provider()
        return _made(lambda: provider.get_logger(self.name, self.version, SCHEMA_URL), noop)

    def _make_tracer(self, provider: TracerProvider | None) -> Tracer | None:
        if provider is None or type(provider) is opentelemetry.trace.NoOpTracerProvider:
            return None
        try:
            return _sound(provider.get_tracer(self.name, self.version, schema_url=SCHEMA_URL))
        except Exception as fault:
            faults.record("trace.get_tracer", fault)
            return None


def _made(make: Callable[[], T | None], noop: T) -> T:
    """What `make` gives; `noop`, and a counted fault, where an odd provider has none: a library must be importable."""
    try:
        return _there(make())
    except Exception as fault:
        faults.record("scope.given", fault)
        return noop


def _there(made: T | None) -> T:
    if made is None:
        raise TypeError("the SDK must give what the API promises, got None")
    return made


def _label(instruments: Instruments, name: str) -> str:
    label: str = _LABELS.of(instruments)(name)
    if label != name:
        Overflow(instruments, label, "scope", label)(keys.SCOPE_NAME)
    return label


def _sound(tracer: Tracer) -> Tracer:
    """The tracer; TypeError for what an odd SDK gives in its place."""
    if not callable(getattr(tracer, "start_span", None)):
        msg = f"the SDK must give a tracer, got a {type(tracer).__qualname__} that starts no span"
        raise TypeError(msg)
    return tracer


def _shared(instruments: Instruments, name: str) -> tuple[dict[object, Any], _Living]:
    with _lock:
        named = _NAMED.of(instruments).setdefault(name, _Named())
        living = named.living()
        if living is None:
            living = _Living()
            named.living = weakref.ref(living)
        return named.kept, living


@public
def _made_again(name: str, version: str | None, errors: Errors) -> Scope:
    return Scope(name, version, errors=errors, disabled=is_switched_off(name))


def _given(provider: Any) -> Any:
    """A proxy that a host hands in stands for the global provider."""
    return None if provider is None or sdk.is_placeholder(provider) else provider
