"""`@pool.use()` and `@pool.wait()` on every kind of callable: to the end of what is awaited or yielded."""

import asyncio
import functools
import gc
import inspect
import pickle
from typing import Any

import pytest

from telemetry_kit import Pool, PoolStats, Telemetry
from telemetry_kit.testing import Captured

_module_pool = Telemetry("shop.module").pool("slots", limit=2)


@_module_pool.use()
def picklable(number: int) -> int:
    """Doubles."""
    return number * 2


@pytest.fixture
def gpus(telemetry: Telemetry) -> Pool:
    return telemetry.pool("gpu", limit=4)


def test_a_function_takes_an_item_for_as_long_as_it_runs(captured: Captured, gpus: Pool) -> None:
    """A call is one use; the result is the function's."""

    @gpus.use()
    def render(image: str) -> tuple[str, int]:
        return image.upper(), gpus.stats().used

    assert render("cat") == ("CAT", 1)
    assert gpus.stats().used == 0
    assert captured.value("pool.use_time") == 1


@pytest.mark.asyncio
async def test_a_coroutine_takes_an_item_to_the_end_of_its_await(captured: Captured, gpus: Pool) -> None:
    """Two calls that run at once are two items."""
    gate = asyncio.Event()

    @gpus.use()
    async def render() -> str:
        await gate.wait()
        return "done"

    both = asyncio.gather(render(), render())
    await asyncio.sleep(0)
    assert gpus.stats().used == 2
    gate.set()

    assert list(await both) == ["done", "done"]
    assert inspect.iscoroutinefunction(render)
    assert (gpus.stats().used, captured.value("pool.use_time")) == (0, 2)


def test_a_generator_takes_an_item_from_its_first_step_to_its_end(captured: Captured, gpus: Pool) -> None:
    """Between two steps it still has what it took."""

    @gpus.use()
    def frames() -> Any:
        yield 1
        yield 2

    steps = frames()
    assert gpus.stats().used == 0
    next(steps)
    assert gpus.stats().used == 1
    assert list(steps) == [2]
    assert (gpus.stats().used, captured.value("pool.use_time")) == (0, 1)


@pytest.mark.asyncio
async def test_an_async_generator_that_is_closed_early_gives_back_what_it_took(captured: Captured, gpus: Pool) -> None:
    """GEN.6: closing is no error."""

    @gpus.use()
    async def frames() -> Any:
        yield 1
        yield 2

    steps = frames()
    assert await steps.__anext__() == 1
    assert gpus.stats().used == 1
    await steps.aclose()

    assert gpus.stats() == PoolStats(used=0, limit=4)
    assert captured.value("pool.use_time") == 1


def test_an_abandoned_generator_gives_back_what_it_took(captured: Captured, gpus: Pool) -> None:
    """GEN.6: it is collected, ended once, and recorded from a safe point."""

    @gpus.use()
    def frames() -> Any:
        yield 1
        yield 2

    steps = frames()
    next(steps)
    del steps
    gc.collect()

    assert gpus.stats() == PoolStats(used=0, limit=4)
    assert captured.value("pool.use_time") == 1


def test_an_exception_of_a_decorated_function_is_the_pools(gpus: Pool) -> None:
    """ASY.5: the same object comes out, with at most one frame of ours."""
    problem = ValueError()

    @gpus.use()
    def render() -> None:
        raise problem

    with pytest.raises(ValueError) as caught:
        render()

    assert caught.value is problem
    assert len(caught.traceback) == 3
    assert gpus.stats() == PoolStats(used=0, limit=4, errors=1)


def test_a_decorated_wait_times_out(gpus: Pool) -> None:
    """`@pool.wait()` on what acquires: its TimeoutError is a timeout of the pool."""

    @gpus.wait()
    def acquire() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        acquire()

    assert gpus.stats() == PoolStats(used=0, limit=4, timeouts=1)


def test_methods_of_every_kind_are_decorated(gpus: Pool) -> None:
    """WRP.3: methods, class methods and static methods, above and below."""

    class Renderer:
        @gpus.use()
        def method(self, image: str) -> str:
            return image

        @gpus.use()
        @classmethod
        def above(cls, image: str) -> str:
            return image

        @staticmethod
        @gpus.use()
        def below(image: str) -> str:
            return image

    renderer = Renderer()
    assert [renderer.method("a"), renderer.above("b"), Renderer.below("c")] == ["a", "b", "c"]


def test_a_callable_object_stays_what_it_is(gpus: Pool) -> None:
    """WRP.3: an `lru_cache` keeps its `cache_info`."""

    @gpus.use()
    @functools.lru_cache
    def price(sku: str) -> int:
        return gpus.stats().used

    assert price("A1") == 1
    assert price.cache_info().misses == 1


def test_the_signature_stays_and_the_function_can_be_pickled() -> None:
    """WRP.1, WRP.2: introspection and pickle see the bare function."""
    assert str(inspect.signature(picklable)) == "(number: int) -> int"
    assert (picklable.__name__, picklable.__doc__) == ("picklable", "Doubles.")
    assert pickle.loads(pickle.dumps(picklable))(2) == 4


def test_a_class_cant_be_decorated(gpus: Pool) -> None:
    """The TypeError names the pool."""
    with pytest.raises(TypeError, match=r"use\(\) of pool 'gpu' decorates must not be a class"):

        @gpus.use()
        class Renderer: ...
