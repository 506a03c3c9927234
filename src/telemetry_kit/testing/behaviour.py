"""`same_behaviour`: an instrumented callable does what the bare one does, seen from outside.

Each thing that can be seen is looked at on both: what they say of themselves, how they bind, how they travel, and what
each call gives. A generator, coroutine or async generator is made anew for each way of driving it.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from telemetry_kit.testing.callsite import is_ours
from telemetry_kit.testing.missing import of_an_assertion

__tracebackhide__: Callable[[Any], bool] = of_an_assertion
Call = tuple[Sequence[Any], Mapping[str, Any]] | Callable[[Any], Any]

_STEPS = 100
"""Steps after which a generator that doesn't end is closed."""
_SAYS = ("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__", "__annotations__")
_KINDS = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
    inspect.isroutine,
    callable,
)
_RESULTS = (inspect.isgenerator, inspect.iscoroutine, inspect.isasyncgen, inspect.isawaitable)
_BETWEEN = ("wrapt", "opentelemetry.", "contextlib", "asyncio.")


def same_behaviour(bare: Any, instrumented: Any, calls: Iterable[Call]) -> None:
    """Raise AssertionError, which lists what differs, unless `instrumented` behaves as `bare`.

    Compared are the signature, the name, the annotations and whatever else it says of itself; what kind of callable it is;
    how it binds as a method, class method and static method; copies and pickles; and for each call the result or the
    exception with its cause, its context and the frames of its traceback. Coroutines are awaited and cancelled,
    generators and async generators are driven to the end and by `send`, `throw` and `close`.

    Args:
        bare: The callable as it is.
        instrumented: The same, decorated.
        calls: What to call them with: pairs of positional and keyword arguments, or callables that are given the function
            and call it themselves. Each is done several times where the result has several ways of going on, with the
            same arguments.

    Arguments that don't fit may be refused when a coroutine or generator begins instead of when it is made. Within a capture the way with an SDK is taken, without one the way without.

    >>> from telemetry_kit import Telemetry
    >>> from telemetry_kit.testing import same_behaviour
    >>> def price(sku, *, discount=0):
    ...     return 100 - discount
    >>> decorated = Telemetry("shop.orders").operation("price")(price)
    >>> same_behaviour(price, decorated, [(("A1",), {"discount": 10}), ((), {})])
    """
    calls = list(calls)
    wrong = [*_says(bare, instrumented), *_binds(bare, instrumented, calls), *_travels(bare, instrumented)]
    for number, call in enumerate(calls, 1):
        for way in _ways(call, bare):
            expected, got = _outcome(call, bare, way), _outcome(call, instrumented, way)
            wrong += [f"call {number}, {way.name}: {line}" for line in _compare(expected, got, way)]
            if _refused(expected):
                break  # and goes on in no way
    if wrong:
        lines = "\n  ".join(dict.fromkeys(wrong))
        raise AssertionError(f"{_named(instrumented)} doesn't behave as the bare callable:\n  {lines}")


# What it says of itself


def _says(bare: Any, instrumented: Any) -> Iterable[str]:
    for name in _SAYS:
        if hasattr(bare, name):
            yield from _differ(name, getattr(bare, name), getattr(instrumented, name, "absent"))
    yield from _differ("the signature", _signature(bare), _signature(instrumented))
    for kind in _KINDS:
        yield from _differ(f"{kind.__name__}()", kind(bare), kind(instrumented))
    own = getattr(bare, "__dict__", {})
    for name in own if isinstance(own, dict) and inspect.isroutine(bare) else ():
        yield from _differ(f"its attribute {name!r}", True, hasattr(instrumented, name))


def _signature(function: Any) -> str:
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError) as problem:
        return f"none ({type(problem).__name__})"


# How it binds, as a method of any kind


def _binds(bare: Any, instrumented: Any, calls: Iterable[Call]) -> Iterable[str]:
    yield from _differ("whether it binds", hasattr(bare, "__get__"), hasattr(instrumented, "__get__"))
    if not inspect.isfunction(bare):
        return
    homes = [_home(function) for function in (bare, instrumented)]
    first, second = [home() for home in homes]
    yield from _differ("its signature as a method", _signature(first.method), _signature(second.method))
    yield from _differ("its signature on the class", _signature(homes[0].method), _signature(homes[1].method))
    if not inspect.ismethod(second.method) or second.method.__self__ is not second:
        yield "as a method it isn't bound to its instance"
    for kind in (classmethod, staticmethod):
        homes = [_home(kind(function)) for function in (bare, instrumented)]
        signatures = [_signature(home.method) for home in homes]
        yield from _differ(f"its signature as a {kind.__name__}", *signatures)
        if kind is staticmethod:
            for number, call in enumerate(calls, 1):
                expected, got = (_outcome(call, home.method, _END) for home in homes)
                yield from (f"call {number}, as a staticmethod: {line}" for line in _compare(expected, got, _END))


def _home(method: Any) -> Any:
    return type("Home", (), {"method": method})


# How it travels


def _travels(bare: Any, instrumented: Any) -> Iterable[str]:
    for copied in (copy.copy, copy.deepcopy):
        if _succeeds(copied, bare) and not _succeeds(copied, instrumented):
            yield f"{copied.__name__}() fails, and doesn't on the bare one"
    if inspect.isroutine(bare) and not isinstance(bare, functools.partial):  # which is one from 3.14 on
        if _reachable(instrumented) and not _succeeds(_comes_back, instrumented):
            yield "it doesn't come back as itself from pickle"
    elif _succeeds(pickle.dumps, bare) and not _succeeds(pickle.dumps, instrumented):
        yield "it can't be pickled, and the bare one can"


def _comes_back(function: Any) -> bool:
    return pickle.loads(pickle.dumps(function)) is function  # noqa: S301


def _succeeds(attempt: Callable[[Any], Any], on: Any) -> bool:
    try:
        return attempt(on) is not False
    except Exception:
        return False


def _reachable(function: Any) -> bool:
    """Whether it stands where its name says, as pickle wants it of a function: of bare and instrumented, one does."""
    module = sys.modules.get(getattr(function, "__module__", "") or "")
    try:
        return functools.reduce(getattr, function.__qualname__.split("."), module) is function
    except AttributeError:
        return False


# What a call gives


class _Outcome(NamedTuple):
    steps: list[tuple[str, Any]]
    """What came, in order: yielded, returned, raised."""


class _Way(NamedTuple):
    """A way of going on with what a call gave."""

    name: str
    first: int
    """Steps before `then` is done."""
    then: str
    """What is done: nothing, or the name of a method."""


_END = _Way("to its end", _STEPS, "")
"""The first of all ways."""
_SYNC = (_END, _Way("closed at once", 0, "close"), _Way("closed after a step", 1, "close"), _Way("sent to", 1, "send"),
         _Way("thrown into", 1, "throw"), _Way("thrown into at once", 0, "throw"))  # fmt: skip
_ASYNC = (_END, _Way("closed at once", 0, "aclose"), _Way("closed after a step", 1, "aclose"), _Way("sent to", 1, "asend"),
          _Way("thrown into", 1, "athrow"), _Way("thrown into at once", 0, "athrow"))  # fmt: skip
_AWAIT = (_END, _Way("cancelled", 0, "cancel"))


class Thrown(Exception):  # noqa: N818 - what is thrown into generators
    """Thrown into a generator to see where it comes out."""


def _ways(call: Call, bare: Any) -> Sequence[_Way]:
    """How the result of a call can go on: a call whose result is a value is done once."""
    function = bare.__func__ if isinstance(bare, (classmethod, staticmethod)) else bare
    if callable(call):
        return (_END,)
    if inspect.isasyncgenfunction(function):
        return _ASYNC
    if inspect.isgeneratorfunction(function):
        return _SYNC
    return _AWAIT if inspect.iscoroutinefunction(function) else (_END,)


def _outcome(call: Call, function: Any, way: _Way) -> _Outcome:
    steps: list[tuple[str, Any]] = []
    try:
        result = call(function) if callable(call) else function(*call[0], **call[1])
        steps.append(("made", [kind.__name__ for kind in _RESULTS if kind(result)]))
        if inspect.isgenerator(result):
            _drive(result, way, steps)
        elif inspect.isasyncgen(result):
            _run(lambda: _drive_async(result, way, steps))
        elif inspect.isawaitable(result):
            _run(lambda: _await(result, way, steps))
        else:
            steps.append(("returned", result))
    except BaseException as exc:
        steps.append(("raised", exc))
    return _Outcome(steps)


def _drive(generator: Any, way: _Way, steps: list[tuple[str, Any]]) -> None:
    try:
        for _ in range(way.first):
            steps.append(("yielded", next(generator)))  # noqa: PERF401 - those before it raises are wanted too
        if way.then == "send":
            steps.append(("yielded", generator.send("sent")))
        elif way.then == "throw":
            steps.append(("yielded", generator.throw(Thrown("thrown"))))
    except StopIteration as stop:
        steps.append(("returned", stop.value))
    generator.close()


async def _drive_async(generator: Any, way: _Way, steps: list[tuple[str, Any]]) -> None:
    try:
        for _ in range(way.first):
            steps.append(("yielded", await generator.__anext__()))  # noqa: PERF401
        if way.then == "asend":
            steps.append(("yielded", await generator.asend("sent")))
        elif way.then == "athrow":
            steps.append(("yielded", await generator.athrow(Thrown("thrown"))))
    except StopAsyncIteration:
        steps.append(("ended", None))
    await generator.aclose()


async def _await(awaitable: Any, way: _Way, steps: list[tuple[str, Any]]) -> None:
    async def whole() -> Any:
        return await awaitable

    task = asyncio.ensure_future(whole())
    if way.then == "cancel":
        await asyncio.sleep(0)
        task.cancel()
    steps.append(("returned", await task))


def _run(main: Callable[[], Any]) -> None:
    """In an event loop of its own, in a thread of its own: the caller may have one."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as exc:
            raised.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _refused(outcome: _Outcome) -> bool:
    """Whether the call itself raised, and made nothing."""
    return [name for name, _ in outcome.steps] == ["raised"]


def _compare(expected: _Outcome, got: _Outcome, way: _Way) -> Iterable[str]:
    if _refused(expected) and isinstance(expected.steps[0][1], TypeError):
        got = _Outcome([step for step in got.steps if step[0] != "made"])  # refused when it began
    for (wanted, value), (was, other) in zip(expected.steps, got.steps, strict=False):
        if wanted != was:
            yield f"{wanted} {value!r:.200}, but {was} {other!r:.200}"
            return
        if wanted == "raised":
            began = way.first > 0 or way.then not in ("throw", "athrow")
            yield from _compare_exceptions(value, other, frames=began)
        elif not _same(value, other):
            yield f"{wanted} {value!r:.200}, but {other!r:.200}"
    if len(expected.steps) != len(got.steps):
        yield f"{len(expected.steps)} steps, but {len(got.steps)}"


def _compare_exceptions(expected: BaseException, got: BaseException, *, frames: bool) -> Iterable[str]:
    yield from _differ("raised", type(expected), type(got))
    yield from _differ(f"raised {type(expected).__name__} with", expected.args, got.args)
    for chain in ("__cause__", "__context__"):
        yield from _differ(f"its {chain} is", type(getattr(expected, chain)), type(getattr(got, chain)))
    if frames:
        yield from _differ("its traceback goes through", _frames(expected), _frames(got))


def _frames(exc: BaseException) -> list[str]:
    frames = [frame for frame, _ in traceback.walk_tb(exc.__traceback__) if not is_ours(frame)]
    named = [(str(frame.f_globals.get("__name__", "")), frame.f_code.co_name) for frame in frames]
    return [name for module, name in named if not module.startswith(_BETWEEN)]


def _differ(what: str, expected: Any, got: Any) -> Iterable[str]:
    if not _same(expected, got):
        yield f"{what} {expected!r:.200}, but {got!r:.200}"


def _same(expected: Any, got: Any) -> bool:
    return expected is got or (type(expected) is type(got) and bool(expected == got))


def _named(function: Any) -> str:
    return str(getattr(function, "__qualname__", None) or repr(function))
