"""`same_behaviour` accepts what the kit decorates, and says how anything else isn't as the bare callable."""

import asyncio
import functools
from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import same_behaviour

telemetry = Telemetry("shop.orders")


def plain(first: int, *, second: int = 2) -> int:
    """Adds."""
    if first < 0:
        raise ValueError("negative") from KeyError("cause")
    return first + second


def generating(count: int):
    """Yields what it is sent, too."""
    try:
        for number in range(count):
            sent = yield number
            if sent:
                yield sent
    except GeneratorExit:
        raise
    except Exception as exc:
        yield type(exc).__name__
    return "done"


async def awaiting(fail: bool) -> str:
    await asyncio.sleep(0)
    if fail:
        raise LookupError("gone")
    return "found"


async def streaming(count: int):
    for number in range(count):
        sent = yield number
        if sent:
            yield sent


KINDS: list[tuple[Any, list[Any]]] = [
    (plain, [((1,), {}), ((1,), {"second": 5}), ((-1,), {}), ((), {}), ((1, 2), {}), lambda function: function(2)]),
    (generating, [((3,), {}), ((0,), {}), ((), {})]),
    (awaiting, [((False,), {}), ((True,), {}), ((), {})]),
    (streaming, [((3,), {}), ((0,), {})]),
    (functools.partial(plain, 1), [((), {}), ((), {"second": 3}), ((1,), {})]),
    (lambda: 1, [((), {})]),
]


@pytest.mark.parametrize(("bare", "calls"), KINDS, ids=lambda value: getattr(value, "__name__", None))
@pytest.mark.parametrize("decorate", [telemetry.operation("work"), telemetry.span("work")], ids=["operation", "span"])
@pytest.mark.parametrize("recording", [True, False], ids=["recorded", "no SDK"])
def test_what_the_kit_decorates(request, bare, calls, decorate, recording) -> None:
    """Operations and spans behave as the bare callable: functions of all kinds, recorded or without an SDK."""
    if recording:
        request.getfixturevalue("telemetry_capture")
    same_behaviour(bare, decorate(bare), calls)


def test_inside_an_event_loop() -> None:
    """It can be used in a coroutine test: what it awaits has a loop of its own."""

    async def main() -> None:
        same_behaviour(awaiting, telemetry.operation("work")(awaiting), [((False,), {})])

    asyncio.run(main())


def wrong(bare: Any, other: Any, *calls: Any) -> list[str]:
    with pytest.raises(AssertionError) as raised:
        same_behaviour(bare, other, calls)
    return str(raised.value).splitlines()


def test_a_lost_signature() -> None:
    """A wrapper that hides the function says so in its signature, its name and its documentation."""

    def hidden(*args, **kwargs):
        return plain(*args, **kwargs)

    lines = wrong(plain, hidden, ((1,), {}))

    assert lines[0].endswith("hidden doesn't behave as the bare callable:")
    assert "  __name__ 'plain', but 'hidden'" in lines
    assert "  __doc__ 'Adds.', but None" in lines
    assert "  the signature '(first: int, *, second: int = 2) -> int', but '(*args, **kwargs)'" in lines


def test_another_result() -> None:
    """Another result, and another type of an equal one, is said with both."""

    @functools.wraps(plain)
    def other(*args, **kwargs):
        return float(plain(*args, **kwargs))

    assert "  call 1, to its end: returned 3, but 3.0" in wrong(plain, other, ((1,), {}))


def test_another_exception() -> None:
    """An exception of another type, without its cause, is said."""

    @functools.wraps(plain)
    def other(*args, **kwargs):
        try:
            return plain(*args, **kwargs)
        except ValueError:
            raise RuntimeError("wrapped") from None

    lines = wrong(plain, other, ((-1,), {}))

    assert "  call 1, to its end: raised <class 'ValueError'>, but <class 'RuntimeError'>" in lines
    assert "  call 1, to its end: its __cause__ is <class 'KeyError'>, but <class 'NoneType'>" in lines


def test_a_swallowed_exception() -> None:
    """A call that raises on the bare one and returns on the other is said."""

    @functools.wraps(plain)
    def other(*args, **kwargs):
        try:
            return plain(*args, **kwargs)
        except ValueError:
            return None

    lines = wrong(plain, other, ((-1,), {}))

    assert "  call 1, to its end: made [], but" not in lines
    assert any(line.startswith("  call 1, to its end: raised ValueError('negative'), but made []") for line in lines)


def test_one_frame_more() -> None:
    """A traceback that goes through somebody else's frame is said."""

    @functools.wraps(plain)
    def other(*args, **kwargs):
        return plain(*args, **kwargs)

    assert any("its traceback goes through" in line for line in wrong(plain, other, ((-1,), {})))


def test_a_generator_function_that_is_none() -> None:
    """A decorator that makes a plain function of a generator function changes its kind."""

    @functools.wraps(generating)
    def other(*args, **kwargs):
        return generating(*args, **kwargs)

    assert "  isgeneratorfunction() True, but False" in wrong(generating, other, ((1,), {}))


def test_a_generator_that_loses_what_is_sent() -> None:
    """A wrapper that iterates instead of delegating loses what is sent, thrown in and returned."""

    @functools.wraps(generating)
    def other(*args, **kwargs):
        for value in generating(*args, **kwargs):  # noqa: UP028 - that is the mistake
            yield value

    lines = wrong(generating, other, ((2,), {}))

    assert "  call 1, to its end: returned 'done', but None" in lines
    assert "  call 1, sent to: yielded 'sent', but 1" in lines
    assert any(line.startswith("  call 1, thrown into: yielded 'Thrown', but raised Thrown") for line in lines)


def test_a_coroutine_that_swallows_cancellation() -> None:
    """A wrapper that doesn't let a cancellation through is said."""

    @functools.wraps(awaiting)
    async def other(*args, **kwargs):
        try:
            return await awaiting(*args, **kwargs)
        except asyncio.CancelledError:
            return "cancelled"

    assert any("call 1, cancelled: raised CancelledError" in line for line in wrong(awaiting, other, ((False,), {})))


def test_what_does_not_bind() -> None:
    """An object that stands in for a function and isn't bound as a method is said."""

    class Other:
        __name__, __qualname__, __module__, __doc__ = "plain", "plain", plain.__module__, plain.__doc__
        __defaults__, __kwdefaults__, __annotations__ = None, {"second": 2}, plain.__annotations__
        __wrapped__ = plain

        def __call__(self, *args, **kwargs):
            return plain(*args, **kwargs)

    lines = wrong(plain, Other(), ((1,), {}))

    assert "  whether it binds True, but False" in lines
    assert "  as a method it isn't bound to its instance" in lines


def test_what_cannot_travel() -> None:
    """A callable object that can't be pickled or copied, where the bare one can, is said."""

    class Holder:
        def __init__(self, function):
            self.function = function

        def __call__(self):
            return self.function()

        def __reduce_ex__(self, protocol):
            raise TypeError("can't pickle")

    bare = functools.partial(plain, 1)
    lines = wrong(bare, Holder(bare), ((), {}))

    assert "  it can't be pickled, and the bare one can" in lines
    assert "  copy() fails, and doesn't on the bare one" in lines
