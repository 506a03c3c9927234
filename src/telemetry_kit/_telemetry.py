"""`Telemetry`: the scope of an instrumented library, and the only way from a user to the capabilities.

Each method makes one thing of one capability, whose package is imported when first needed: a library that only counts
its operations does not pay for executors. These are signatures and docstrings, so it may be longer than other files.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, TypeVar, overload

from opentelemetry.trace import SpanKind

from telemetry_kit._core import sdk
from telemetry_kit._core.attributes import encodable
from telemetry_kit._core.blocks import Gone
from telemetry_kit._core.error_policy import DEFAULT_POLICY, ErrorPolicy
from telemetry_kit._core.face import public
from telemetry_kit._core.late import is_over, late_import
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._core.scope import Scope
from telemetry_kit._core.switched_off import VARIABLE, is_switched_off
from telemetry_kit._errors.recorder import recorder_of
from telemetry_kit._operation.operation import Operation
from telemetry_kit._operation.options import OperationOptions

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

    from telemetry_kit._core.names import Handle
    from telemetry_kit._core.outcome import Expected
    from telemetry_kit._events.unhandled import UnhandledWatch
    from telemetry_kit._executors.wrap import Propagate
    from telemetry_kit._jobs.job import BatchJob
    from telemetry_kit._jobs.options import Seconds
    from telemetry_kit._operation.objective import Objectives
    from telemetry_kit._operation.options import ErrorIf, SpanMode
    from telemetry_kit._spans.new import NewSpan
    from telemetry_kit._use.cache import Cache
    from telemetry_kit._use.database import Database
    from telemetry_kit._use.health import Check
    from telemetry_kit._use.own_instruments import Counter, Read
    from telemetry_kit._use.pool import Pool
    from telemetry_kit._use.pool_stats import PoolStats
    from telemetry_kit._use.queue import QueueStats, Sized
    from telemetry_kit._wrapping.arguments import Arguments, Attributes
    from telemetry_kit.conventions import Convention, PoolConvention

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")
E = TypeVar("E", bound="Executor")


@public
class Telemetry(ByRecipe):
    """The scope of an instrumented library or application module: make one at import, it is cheap and thread-safe.

    Args:
        name: the name of the library or module, as it appears as `scope.name` and as the scope of spans and events.
        version: its version, or None.
        tracer_provider: where spans go; None for the global provider, whichever that is and becomes.
        meter_provider: where metrics go; None for the global one.
        logger_provider: where events go; None for the global one.
        errors: how much is recorded of errors; the default policy is one object for the whole process.

    Raises TypeError where `name` or `version` is no str, ValueError where the name is empty. An SDK that is installed before, after or
    never all work. Where the environment variable `TELEMETRY_KIT_DISABLED` names it (names or patterns, separated by
    commas; `*`, `true`, `1` and `all` mean every one, `false`, `0` and nothing none) all of it does nothing, `.tracer`,
    `.meter` and `.logger` included, and `repr()` says so.

    >>> from telemetry_kit import Telemetry
    >>> telemetry = Telemetry("shop.orders", version="1.4.0")
    """

    def __init__(
        self,
        name: str,
        version: str | None = None,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        errors: ErrorPolicy = DEFAULT_POLICY,
    ) -> None:
        if not isinstance(name, str):
            msg = f"the name of a Telemetry must be a str, got {name!r:.100} of type {type(name).__name__}"
            raise TypeError(msg)
        if not name:
            msg = "the name of a Telemetry must not be empty, got '': give the library's or module's, say 'shop.orders'"
            raise ValueError(msg)
        if version is not None and not isinstance(version, str):
            msg = f"version of Telemetry {name!r} must be a str or None, got {version!r:.100}: give its text"
            raise TypeError(msg)
        if not isinstance(errors, ErrorPolicy):
            msg = f"errors of Telemetry {name!r} must be an ErrorPolicy, got {errors!r:.100}"
            raise TypeError(msg)
        sdk.load_configured()
        if sdk.CONSOLE_VARIABLE in os.environ:
            with late_import():
                from telemetry_kit.diagnosis.console import start_if_wanted

            start_if_wanted()
        self._scope = Scope(
            encodable(name),
            None if version is None else encodable(version),
            errors=recorder_of(errors),
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            logger_provider=logger_provider,
            disabled=is_switched_off(name),
        )

    def _recipe(self) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        return _of_scope, (self._scope,), {}

    def __repr__(self) -> str:
        off = f", switched off by {VARIABLE}" if self._scope.disabled else ""
        return f"<Telemetry {self.name!r}{off}>"

    @property
    def name(self) -> str:
        """The name of the instrumented library or module."""
        return self._scope.name

    @property
    def version(self) -> str | None:
        """Its version."""
        return self._scope.version

    @property
    def tracer(self) -> Tracer:
        """The plain OpenTelemetry tracer of this scope."""
        return self._scope.plain_tracer()

    @property
    def meter(self) -> Meter:
        """The plain OpenTelemetry meter of this scope. The kit's own metrics are on a meter of the kit's."""
        return self._scope.plain_meter()

    @property
    def logger(self) -> Logger:
        """The plain OpenTelemetry logger of this scope."""
        return self._scope.logger()  # type: ignore[no-any-return]

    # RED

    @overload
    def operation(self, func: F, /) -> F: ...

    @overload
    def operation(
        self,
        name: str | None = None,
        /,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        span: SpanMode = True,
        metric_attributes: Attributes = None,
        span_attributes: Attributes = None,
        arguments: Arguments | None = None,
        carrier: Any = None,
        links: Any = None,
        public_endpoint: bool = False,
        expected: Expected = (),
        error_if: ErrorIf | None = None,
        convention: Convention | None = None,
        objective: Objectives = None,
        sample_durations: float = 1.0,
    ) -> Operation: ...

    def operation(
        self,
        name: Any = None,
        /,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        span: SpanMode = True,
        metric_attributes: Attributes = None,
        span_attributes: Attributes = None,
        arguments: Arguments | None = None,
        carrier: Any = None,
        links: Any = None,
        public_endpoint: bool = False,
        expected: Expected = (),
        error_if: ErrorIf | None = None,
        convention: Convention | None = None,
        objective: Objectives = None,
        sample_durations: float = 1.0,
    ) -> Any:
        """Measure rate, errors and duration of something: a decorator, and the maker of measurements.

        Args:
            name: what it is called on span and metric; by default the decorated function's `__qualname__`.
            kind: the kind of its span; it also decides what `carrier` means.
            span: True for a span per call. False: metrics only. `"current"`: attributes and outcome go to the span
                that is current, such as auto-instrumentation made. `"errors"`: no span on success, a back-dated one
                on failure, within the error limit.
            metric_attributes: a mapping, or a callable given the call's arguments that returns one: on metric and
                span, each key with its first 100 values, then `_OTHER`.
            span_attributes: likewise, on the span only; a callable is asked only if the span is recording.
            arguments: the call's arguments as span attributes: `{"parameter": "attribute.key"}`, names of parameters,
                or `"*"` for all but `self`, with secrets redacted.
            carrier: for SERVER and CONSUMER where the parent is extracted from, for CLIENT and PRODUCER what the span
                is injected into; or a callable given the call's arguments.
            links: carriers, contexts or links of other work that this continues, or a callable likewise.
            public_endpoint: True starts a new trace that links to the incoming context, and drops its baggage.
            expected: exception types that are no errors, or a callable given the exception.
            error_if: given the result; True or a string (the `error.type`) makes it an error.
            convention: one of `telemetry_kit.conventions`, whose names, buckets, kind and error rule apply.
            objective: an `Objective`, or several: how many calls met what was promised, `operation.objective.calls`,
                exactly, whatever the buckets are. Cancelled calls are in neither count.
            sample_durations: the share of calls, 0.0 to 1.0, whose duration goes into the histogram. Below 1.0
                `operation.calls` and `operation.time` count every call exactly.

        Raises TypeError and ValueError, here or when it decorates, for options that can't be right. Outcomes follow
        "recording errors" of the semantic conventions: no `error.type` on success.

        >>> from telemetry_kit import Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> @telemetry.operation("price", arguments=["sku"])
        ... def price(sku):
        ...     return 100
        >>> price("A1")
        100
        >>> with telemetry.operation("checkout").measure() as m:
        ...     m.set_metric_attribute("cache.result", "hit")
        """
        if callable(name) or hasattr(type(name), "__get__"):
            return Operation(self._scope)(name)
        options = OperationOptions(
            kind=kind,
            span=span,
            metric_attributes=metric_attributes,
            span_attributes=span_attributes,
            arguments=arguments,
            carrier=carrier,
            links=links,
            public_endpoint=public_endpoint,
            expected=expected,
            error_if=error_if,
            convention=convention,
            objective=objective,
            sample_durations=sample_durations,
        )
        return Operation(self._scope, name, options)

    # Spans, events, exceptions

    @overload
    def span(self, func: F, /) -> F: ...

    @overload
    def span(
        self,
        name: str | None = None,
        /,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        arguments: Arguments | None = None,
        carrier: Any = None,
        links: Any = None,
        expected: Expected = (),
    ) -> NewSpan: ...

    def span(
        self,
        name: Any = None,
        /,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        arguments: Arguments | None = None,
        carrier: Any = None,
        links: Any = None,
        expected: Expected = (),
    ) -> Any:
        """Make a new span without metrics: a decorator of any kind of callable, or `with ... as span:`.

        Args:
            name: of the span; by default the decorated function's `__qualname__`.
            kind: of the span; it also decides what `carrier` means.
            attributes: a mapping, or a callable given the call's arguments that is asked only if the span is recorded.
            arguments: the call's arguments as attributes: `{"parameter": "attribute.key"}`, names of parameters, or
                `"*"` for all but `self`, with secrets redacted.
            carrier: for SERVER and CONSUMER where the parent is extracted from, for CLIENT and PRODUCER what the span
                is injected into; or a callable given the call's arguments.
            links: carriers, contexts or links of other work that this continues, or a callable likewise.
            expected: exception types that are no errors, or a callable given the exception.

        Raises TypeError and ValueError, here or when it decorates, for options that can't be right. An exception sets
        `error.type` and the status, and is recorded in detail as far as the error policy lets it. A decorated
        function's span has `code.function.name`; a generator's `operation.busy_time`, the seconds its body worked.

        >>> from telemetry_kit import Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> @telemetry.span("price", arguments={"sku": "product.sku"})
        ... def price(sku):
        ...     return 100
        >>> price("A1")
        100
        >>> with telemetry.span("discount") as span:
        ...     span.set_attribute("discount.percent", 10)
        """
        new_span = _new_span()
        if callable(name) or hasattr(type(name), "__get__"):
            return new_span(self._scope)(name)
        return new_span(
            self._scope,
            name,
            kind=kind,
            attributes=attributes,
            arguments=arguments,
            carrier=carrier,
            links=links,
            expected=expected,
        )

    def event(
        self,
        name: str,
        attributes: Mapping[str, object] | None = None,
        *,
        severity: str = "INFO",
        body: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Emit a log-based event: a log record with a name, correlated with the current span. Never raises.

        Args:
            name: what happened, in the form `config.changed`. It is low-cardinality: what varies is an attribute.
            attributes: what is to be known of it; values that can't be exported are left out, long ones cut.
            severity: TRACE, DEBUG, INFO, WARN, ERROR or FATAL.
            body: text for people, if there is any.
            exception: one that belongs to it, recorded as the error policy says.

        >>> from telemetry_kit import Telemetry
        >>> Telemetry("shop.orders").event("config.changed", {"config.file": "app.toml"})
        """
        events = _events()
        if events is not None:
            events.event(self._scope, name, attributes, severity=severity, body=body, exception=exception)

    def record_exception(self, exc: BaseException, *, attributes: Mapping[str, object] | None = None) -> None:
        """Record an exception that was handled: on the current span or as a log record, as the error policy's signal
        says, within its limits and scrubbed. The span's status stays. Where there is no span it is a log record.

        Args:
            exc: the exception. One that was recorded before is not recorded again.
            attributes: what else is to be known of it.

        >>> from telemetry_kit import Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> try:
        ...     int("many")
        ... except ValueError as problem:
        ...     telemetry.record_exception(problem)
        """
        events = _events()
        if events is not None:
            events.record_exception(self._scope, exc, attributes=attributes)

    def watch_unhandled(self) -> UnhandledWatch:
        """Emit an event for each exception that nobody handles: in the main thread, in threads, in tasks and callbacks
        of the running asyncio loop (if there is one), and in finalisers.

        The hooks that were there are called after ours. Gives a handle: `.stop()` puts them back, and it is a context
        manager. The events have the name `exception` and say in `telemetry_kit.exception.hook` which hook saw it.

        >>> from telemetry_kit import Telemetry
        >>> watch = Telemetry("shop.orders").watch_unhandled()
        >>> watch.stop()
        """
        with late_import():
            from telemetry_kit._events.unhandled import UnhandledWatch

        return UnhandledWatch(self._scope)

    # USE

    def pool(
        self,
        name: str,
        /,
        *,
        limit: int | None = None,
        metric_attributes: Mapping[str, object] | None = None,
        convention: PoolConvention | None = None,
    ) -> Pool:
        """Count something finite that is taken and given back: connections, GPU slots, permits, licences.

        Args:
            name: what it is called, `pool.name`. Two pools of one name are added up.
            limit: how many items there are at most, None for no limit. It can be changed by `resize`.
            metric_attributes: low-cardinality attributes of all its metrics.
            convention: `telemetry_kit.conventions.DB_CONNECTIONS` reports `db.client.connection.*` instead of `pool.*`.

        Reports `pool.usage`, `.limit`, `.utilization`, `.pending`, `.errors`, and in seconds `.wait_time` and
        `.use_time`, as long as somebody holds the pool. Raises ValueError for a negative limit or an empty name,
        TypeError for what is no int, no mapping or no convention of pools.

        >>> from telemetry_kit import Telemetry
        >>> gpus = Telemetry("shop.images").pool("gpu", limit=4)
        >>> with gpus.wait():
        ...     slot = "acquired"
        >>> with gpus.use():
        ...     gpus.stats().used
        1
        >>> @gpus.use()
        ... def render(image):
        ...     return image.upper()
        >>> render("cat")
        'CAT'
        """
        with late_import():
            from telemetry_kit._use.pool import Pool

        return Pool(self._scope, name, limit=limit, metric_attributes=metric_attributes, convention=convention)

    def observe_pool(
        self,
        obj: object = None,
        /,
        *,
        name: str,
        stats: Callable[[], PoolStats] | None = None,
        limit: int | None = None,
        convention: PoolConvention | None = None,
        record_times: bool = False,
    ) -> Handle:
        """Report what a pool knows of itself, read at each collection; the pool is left as it is.

        Args:
            obj: a SQLAlchemy engine (also an async one; `dispose()` is followed) or pool, a pool of psycopg_pool,
                redis-py or asyncpg, a redis client, a connection pool or manager of urllib3, an `HTTPAdapter` of
                requests, a connector or session of aiohttp, a pool of kombu (Celery's `app.pool`), a semaphore of
                threading or asyncio, or a `CapacityLimiter` of anyio. It is held weakly where it allows that: a collected pool's levels end, its counts stay.
            name: what it is called, `pool.name`. Two pools of one name are added up; one pool that is observed twice
                under one name is reported once, until the last handle is stopped.
            stats: for any other pool, a function that returns its numbers as a `PoolStats`. Given together with `obj`
                it is called for as long as that lives.
            limit: how many items there are at most, for those that don't know it, such as a plain semaphore.
            convention: `telemetry_kit.conventions.DB_CONNECTIONS` reports `db.client.connection.*` instead of `pool.*`.
            record_times: report how long connections are waited for and used, `pool.wait_time` and `.use_time`, too:
                of SQLAlchemy engines and pools, whose events say so.

        Reports `pool.usage`, `.limit`, `.utilization`, `.pending` and `.errors`, as far as the pool knows: what it
        can't know is absent. In a forked child the errors begin at zero. Raises TypeError for an object that isn't
        known, for a semaphore without a limit, and where there are no times to record; ValueError for a negative limit.

        >>> import threading
        >>> from telemetry_kit import PoolStats, Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> seats = threading.BoundedSemaphore(10)
        >>> observed = telemetry.observe_pool(seats, name="seats")
        >>> observed.stop()
        >>> with telemetry.observe_pool(name="tables", stats=lambda: PoolStats(used=3, limit=10)):
        ...     pass
        """
        with late_import():
            from telemetry_kit._use.pool_polling import observe_pool

        return observe_pool(
            self._scope,
            obj,
            name=name,
            stats=stats,
            limit=limit,
            convention=convention,
            record_times=record_times,
        )

    def observe_queue(
        self, queue: Sized | None = None, *, name: str, stats: Callable[[], QueueStats] | None = None
    ) -> Handle:
        """Report how full a queue is: `queue.size`, `queue.limit` where it has one, `queue.oldest_age` where it is known.

        Args:
            queue: a `queue.Queue`, an `asyncio.Queue`, a `multiprocessing.Queue` where the platform can tell its size
                (macOS can't), a manager's, or whatever has `qsize()`. It is held weakly.
            name: what it is called, `queue.name`. Two queues of one name are added up; one queue that is observed twice
                under one name is reported once.
            stats: for a broker's queue, a function that gives its numbers as a `QueueStats`.

        What is in another process, a manager's queue and all that `stats` asks for, is asked in a thread: a collection
        waits for it for at most a second, and has the last answer, up to a minute old, where none comes. Raises
        TypeError for a class, and for what has no `qsize()`.

        >>> import queue
        >>> from telemetry_kit import QueueStats, Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> orders = queue.Queue(maxsize=100)
        >>> observed = telemetry.observe_queue(orders, name="orders")
        >>> with telemetry.observe_queue(name="mails", stats=lambda: QueueStats(size=3, oldest_age=12.5)):
        ...     pass
        """
        with late_import():
            from telemetry_kit._use.queue import observe_queue

        return observe_queue(self._scope, queue, name=name, stats=stats)

    def cache(self, name: str) -> Cache:
        """Count the look-ups of a cache (`cache.requests` by `cache.result`), its evictions (`cache.evictions`) and how
        long it takes to load what is missing (`cache.load.duration`, seconds).

        Caches of one name are one. Raises TypeError or ValueError for what is no name.

        >>> from telemetry_kit import Telemetry
        >>> prices = Telemetry("shop.orders").cache("prices")
        >>> kept = {"A1": 100}
        >>> if not prices.lookup("B2" in kept):
        ...     with prices.load():
        ...         kept["B2"] = 200
        >>> prices.hit()
        """
        with late_import():
            from telemetry_kit._use.cache import Cache

        return Cache(self._scope, name)

    def observe_cache(self, cached_function: Any, *, name: str) -> Handle:
        """Report what a function with `cache_info()` knows of its cache: `cache.requests` by `cache.result`,
        `cache.size`, and `cache.limit` where there is one.

        `functools.lru_cache` makes such functions, `cachetools.cached(..., info=True)` and `async_lru` too. The
        function is held weakly; `cache_clear()` makes no count go back, and in a forked child they begin at zero. A
        function that is observed twice under one name is reported once. Raises TypeError for what has no
        `cache_info()`, and for what is made anew at each look.

        >>> import functools
        >>> from telemetry_kit import Telemetry
        >>> @functools.lru_cache(maxsize=100)
        ... def price(sku):
        ...     return 100
        >>> observed = Telemetry("shop.orders").observe_cache(price, name="prices")
        """
        with late_import():
            from telemetry_kit._use.cache import observe_cache

        return observe_cache(self._scope, cached_function, name=name)

    def database(
        self,
        system: str,
        *,
        namespace: str | None = None,
        server_address: str | None = None,
        server_port: int | None = None,
    ) -> Database:
        """Measure calls of a database by hand, after the stable conventions for database clients.

        Args:
            system: which database it is, `db.system.name`: `"postgresql"`, `"mysql"`, `"sqlite"`, `"mongodb"`.
            namespace: the database's name there, `db.namespace`.
            server_address: its host, `server.address`.
            server_port: its port, `server.port`.

        Each query has a CLIENT span, `db.client.operation.duration` (seconds) and, once it says how many rows came
        back, `db.client.response.returned_rows`. Raises TypeError or ValueError for arguments that can't be right.

        >>> from telemetry_kit import Telemetry
        >>> db = Telemetry("shop.orders").database("postgresql", namespace="shop", server_address="db.internal")
        >>> with db.query("SELECT", collection="orders", text="SELECT * FROM orders WHERE id = $1") as q:
        ...     rows = [("A1", 2)]
        ...     q.returned_rows(len(rows))
        """
        with late_import():
            from telemetry_kit._use.database import Database

        return Database(
            self._scope, system, namespace=namespace, server_address=server_address, server_port=server_port
        )

    def health(self, name: str, check: Check, *, timeout: float = 1.0, max_age: float = 5.0) -> Handle:
        """Report whether something is well: `health.status`, 1 or 0, and `health.check.duration` in seconds.

        Args:
            name: what is checked, `health.check.name`. Of two checks of one name the worse one counts.
            check: returns True or None for healthy, False for unhealthy; raising and hanging are unhealthy too. It runs
                in a daemon thread, when metrics are collected and what is known is older than `max_age`. A coroutine
                function runs in the loop that ran where this was called, and without one in a loop of its own.
            timeout: seconds after which a check is taken to hang.
            max_age: seconds for which an answer is kept.

        A collection reports what is known. It waits for checks that have never answered, for all of them together for
        at most 1 second, and never for others: their new answer is in the next one. Raises TypeError for what can't be
        called or is no number, ValueError for seconds that can't be.

        >>> from telemetry_kit import Telemetry
        >>> disk = Telemetry("shop.orders").health("disk", lambda: True, max_age=30.0)
        >>> disk.stop()
        """
        with late_import():
            from telemetry_kit._use.health import observe_health

        return observe_health(self._scope, name, check, timeout=timeout, max_age=max_age)

    def observe_event_loop(self, loop: asyncio.AbstractEventLoop | None = None, *, name: str = "main") -> Handle:
        """Report how late an asyncio loop runs what is due: `event_loop.lag`, seconds, ten times a second.

        `loop` may run in another thread; by default it is the one that runs here. It isn't kept alive, and the series
        ends with it. Raises ValueError where there is no loop or it is closed, TypeError for what is none.

        >>> import asyncio
        >>> from telemetry_kit import Telemetry
        >>> async def main():
        ...     with Telemetry("shop.orders").observe_event_loop():
        ...         await asyncio.sleep(0)
        >>> asyncio.run(main())
        """
        with late_import():
            from telemetry_kit._use.event_loop import observe_event_loop

        return observe_event_loop(self._scope, loop, name=name)

    # Numbers of one's own

    def observe_gauge(self, name: str, read: Read, *, unit: str, description: str) -> Handle:
        """Report a number of one's own, read at each collection, on this library's own scope.

        Args:
            name: of the metric, such as `database.size`.
            read: gives a number, or pairs of a number and its low-cardinality attributes. What is no number, and what
                fails, is a counted fault and costs nothing else.
            unit: of the metric, as UCUM spells it: `"By"`, `"s"`, `"{order}"`.
            description: of the metric, in words.

        Of two gauges in one series the larger number counts; `.stop()` of the handle ends it. Each attribute keeps its
        first 100 values. Raises TypeError for what can't be called or is no str, ValueError for a name or a unit that
        OpenTelemetry doesn't take, and for a name that has another unit here.

        >>> from telemetry_kit import Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> size = telemetry.observe_gauge("database.size", lambda: 8_192, unit="By", description="Size of the database")
        >>> size.stop()
        """
        with late_import():
            from telemetry_kit._use.own_instruments import observe_gauge

        return observe_gauge(self._scope, name, read, unit=unit, description=description)

    def counter(self, name: str, *, unit: str, description: str) -> Counter:
        """Count something of one's own, exactly, on this library's own scope: `.add(amount=1, attributes=None)`.

        Args:
            name: of the metric, such as `mail.sent`.
            unit: of the metric, as UCUM spells it: `"{mail}"`, `"By"`.
            description: of the metric, in words.

        What was added before an SDK came is in it, and it outlives this `Telemetry`; in a forked child it begins at
        zero. Each attribute keeps its first 100 values; a negative amount is a counted fault. Counters of one name are
        one. Raises TypeError and ValueError as `observe_gauge` does.

        >>> from telemetry_kit import Telemetry
        >>> sent = Telemetry("shop.mail").counter("mail.sent", unit="{mail}", description="Mails that were sent")
        >>> sent.add()
        >>> sent.add(2, {"mail.kind": "receipt"})
        """
        with late_import():
            from telemetry_kit._use.own_instruments import Counter

        return Counter(self._scope, name, unit, description)

    # Executors

    def wrap_executor(
        self,
        executor: E,
        /,
        *,
        name: str,
        span: bool = False,
        metric_attributes: Mapping[str, object] | None = None,
        propagate: Propagate = "otel",
        sample_durations: float = 1.0,
    ) -> E:
        """See inside a worker pool, and carry the context of whoever submits a task to the worker that runs it.

        Args:
            executor: any `concurrent.futures.Executor`, which is wrapped and stays as it is: `isinstance` holds,
                `submit`, `map`, `shutdown`, `with` and futures behave as before. The executor itself isn't observed:
                submit to what this gives back. Once both are dropped, its threads end and its series too.
            name: what it is called on its metrics; two executors of one name are added up.
            span: whether each task has a span of its own, current in the task and a child of the submitter's. It
                begins when a worker gets the task: in a process pool when the task is sent to the workers.
            metric_attributes: on all its metrics and spans.
            propagate: what travels into a thread: `"otel"` for OpenTelemetry's context, `"contextvars"` for all
                context variables, None for nothing. Into a process, or to whatever other executors have for workers,
                OpenTelemetry's context travels as W3C headers, for both.
            sample_durations: the share of tasks, 0.0 to 1.0, whose time in the queue and at the worker go into the
                histograms. What is counted stays exact.

        Reports `executor.worker.count`, `.limit` and `.utilization`, `executor.queue.size` and `.wait_time`,
        `executor.task.duration` (seconds) and `executor.tasks` by outcome: succeeded, failed, cancelled, rejected (by
        `submit`), lost (with its worker or pool). Raises TypeError for what is no executor, TypeError and ValueError
        for other arguments that can't be right.

        >>> from concurrent.futures import ThreadPoolExecutor
        >>> from telemetry_kit import Telemetry
        >>> telemetry = Telemetry("shop.orders")
        >>> with telemetry.wrap_executor(ThreadPoolExecutor(8), name="resize") as pool:
        ...     list(pool.map(abs, [-1, 2]))
        [1, 2]
        """
        with late_import():
            from telemetry_kit._executors.wrap import wrap_executor

        return wrap_executor(
            self._scope,
            executor,
            name=name,
            span=span,
            metric_attributes=metric_attributes,
            propagate=propagate,
            sample_durations=sample_durations,
        )

    # Batch jobs

    def batch_job(
        self,
        name: str,
        /,
        *,
        metric_attributes: Mapping[str, object] | None = None,
        run_id: Callable[..., object] | None = None,
        expected_interval: Seconds | None = None,
        span: bool = True,
        expected: Expected = (),
        flush_timeout: Seconds | None = None,
        flush_at_start: bool = False,
        handle_sigterm: bool = False,
    ) -> BatchJob:
        """Work that starts, goes through records and ends, as a decorator and by `.run()`: `job.start.timestamp`,
        `job.success.timestamp`, `job.failed`, how long it takes, what it is at, and a span for each run.

        Args:
            name: what the job is called, `job.name`. Several batch jobs of one name and the same attributes are one.
            metric_attributes: low-cardinality attributes of all its metrics, and of its spans.
            run_id: a callable that makes the id of a run from the decorated call's arguments. It goes to the span.
            expected_interval: seconds (or a `timedelta`) in which a run is expected, so that an alert can tell that there was none.
            span: False for metrics only.
            expected: exception types, or a callable given the exception, that are no failure of the job.
            flush_timeout: seconds (or a `timedelta`) for which the end of a run waits for the SDK to deliver; None leaves that to the
                SDK's exit handlers. Not with the Python Prometheus exporter, which would show old and new points.
            flush_at_start: deliver that the run has started too, so that one that is killed leaves a trace; bounded by
                `flush_timeout` or 5 seconds.
            handle_sigterm: let SIGTERM end a run of the main thread as a failure, with `SystemExit(143)`. A handler that
                the host installed decides instead: it is called, and only what it raises ends the run. An ignored signal
                stays ignored, a second one meets what was there before, and in other threads nothing changes.

        Raises TypeError or ValueError where an option can't be what it is.

        >>> from telemetry_kit import Telemetry, current_run
        >>> billing = Telemetry("shop.billing").batch_job("nightly-billing", expected_interval=86_400)
        >>> with billing.run(run_id="2026-11-22") as run:
        ...     with run.step("extract"):
        ...         rows = ["a", "b"]
        ...     for row in run.track(rows):
        ...         pass
        >>> run.state
        'succeeded'
        >>> @billing
        ... def main():
        ...     current_run().processed(2)
        >>> main()
        """
        with late_import():
            from telemetry_kit._jobs.job import BatchJob
            from telemetry_kit._jobs.options import JobOptions

        options = JobOptions(
            metric_attributes=metric_attributes,
            run_id=run_id,
            expected_interval=expected_interval,
            span=span,
            expected=expected,
            flush_timeout=flush_timeout,
            flush_at_start=flush_at_start,
            handle_sigterm=handle_sigterm,
        )
        return BatchJob(self._scope, name, options)


@functools.cache
def _new_span() -> type[NewSpan | Gone]:
    if is_over():
        return Gone
    with late_import():
        from telemetry_kit._spans.new import NewSpan
    return NewSpan


@functools.cache
def _events() -> Any:
    if is_over():
        return None
    with late_import():
        from telemetry_kit._events import events
    return events


@public
def _of_scope(scope: Scope) -> Telemetry:
    sdk.load_configured()
    telemetry: Telemetry = Telemetry.__new__(Telemetry)
    telemetry._scope = scope
    return telemetry
