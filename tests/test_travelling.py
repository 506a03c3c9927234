"""Handles copy as themselves and travel by recipe: to a process pool, in a pickle, in an object that holds one (WRP 8)."""

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from telemetry_kit import ErrorPolicy, Telemetry
from telemetry_kit.conventions import CONVENTIONS, DB_CONNECTIONS, HTTP_SERVER
from telemetry_kit.testing import capture
from tests.support import Sdk

HANDLES: dict[str, Callable[[Telemetry], Any]] = {
    "Telemetry": lambda telemetry: telemetry,
    "Operation": lambda telemetry: telemetry.operation(
        "price", metric_attributes={"shop": "a"}, convention=HTTP_SERVER
    ),
    "BatchJob": lambda telemetry: telemetry.batch_job("nightly", expected=KeyError),
    "Pool": lambda telemetry: telemetry.pool("gpu", limit=4, convention=DB_CONNECTIONS),
    "Cache": lambda telemetry: telemetry.cache("prices"),
    "Database": lambda telemetry: telemetry.database("postgresql", namespace="shop"),
}


def observer(telemetry: Telemetry) -> Any:
    """The handle of a gauge, stopped: other tests must not see it."""
    handle = telemetry.observe_gauge("shop.size", lambda: 1, unit="{thing}", description="Things.")
    handle.stop()
    return handle


HELD_HERE: dict[str, Callable[[Telemetry], Any]] = {
    "Measurement": lambda telemetry: telemetry.operation("price").measure(),
    "JobRun": lambda telemetry: telemetry.batch_job("nightly").run(),
    "observer": lambda telemetry: observer(telemetry),
    "executor": lambda telemetry: telemetry.wrap_executor(ThreadPoolExecutor(1), name="pool"),
}


class Service:
    """As people write them: an object that holds a handle."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
@pytest.mark.parametrize("kind", HANDLES)
def test_a_copy_is_the_handle_itself(telemetry: Telemetry, kind: str, how: Callable[[Any], Any]) -> None:
    """WRP 8: also where its providers are its own."""
    handle = HANDLES[kind](telemetry)

    assert how(handle) is handle
    assert how(Service(handle)).handle is handle


@pytest.mark.parametrize("kind", HANDLES)
def test_a_pickle_that_comes_back_is_the_handle_itself(kind: str) -> None:
    """WRP 8: where the same one lives already it is that one."""
    handle = HANDLES[kind](Telemetry("shop"))

    assert pickle.loads(pickle.dumps(Service(handle))).handle is handle


@pytest.mark.parametrize("kind", HANDLES)
def test_providers_of_its_own_cannot_travel(telemetry: Telemetry, sdk: Sdk, kind: str) -> None:
    """WRP 8: a TypeError says why, and what to do."""
    with pytest.raises(TypeError, match="must have the global providers, got its own.*make it where it is needed"):
        pickle.dumps(HANDLES[kind](telemetry))


@pytest.mark.parametrize("kind", HELD_HERE)
def test_what_is_bound_to_its_process_says_so(kind: str) -> None:
    """WRP 8: measurements, runs, observers and executors can't be sent."""
    with pytest.raises(TypeError, match="must not belong to this process"):
        pickle.dumps(HELD_HERE[kind](Telemetry("shop")))


@pytest.mark.parametrize("convention", [*CONVENTIONS, DB_CONNECTIONS], ids=lambda convention: convention.name)
def test_conventions_are_themselves(convention: Any) -> None:
    """WRP 8: they travel by name."""
    assert pickle.loads(pickle.dumps(convention)) is convention


def work(service: Service, again: Service) -> tuple[bool, list[Any], str]:
    """Runs in another process, with the handles that arrive there."""
    operation = service.handle
    with capture() as captured:
        with operation.measure():
            pass
        policy = operation._definition.scope.errors
        return (
            operation is again.handle,
            [dict(point.attributes) for point in captured.points("operation.duration")],
            f"{policy.rate} {policy.burst}",
        )


def test_a_handle_is_made_anew_in_another_process() -> None:
    """WRP 8: by its name and options, once, on the providers that are there."""
    telemetry = Telemetry("shop", errors=ErrorPolicy(rate=3.0, burst=7))
    operation = telemetry.operation("price", metric_attributes={"shop": "a"})
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        same, points, limits = pool.submit(work, Service(operation), Service(operation)).result(60)

    assert same
    assert points == [{"shop": "a", "operation.name": "price", "scope.name": "shop"}]
    assert limits == "3.0 7"
