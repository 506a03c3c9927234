"""Prefect makes the parameter schema of flows and tasks of their annotations, and asks whether they are coroutine functions."""

# ruff: noqa: E402 - imported where it is there

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

pytest.importorskip("prefect", reason="needs prefect from PyPI, in an environment of its own: `nox -s frameworks`")
import prefect
from prefect.utilities.callables import get_call_parameters, parameter_schema

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured
from tests.frameworks.support import Decorator, bare

pytestmark = pytest.mark.integration


def functions(decorate: Decorator) -> list[Any]:
    @decorate
    def load(day: str, rows: list[int], limit: int | None = None) -> dict[str, int]:
        """Load a day."""
        return {day: sum(rows[:limit])}

    @decorate
    async def fetch(url: str, *, retries: int = 3) -> bytes:
        """Fetch."""
        return url.encode() * retries

    return [load, fetch]


def told(function: Any) -> list[Any]:
    """What Prefect knows of a function as a flow and as a task."""
    flow, task = prefect.flow(function), prefect.task(function)
    return [
        parameter_schema(function).model_dump(),
        flow.parameters.model_dump(),
        (flow.name, flow.description, flow.isasync, task.name, task.isasync),
        inspect.signature(flow.fn),
        get_call_parameters(function, ("a",), {"rows": []} if function.__name__ == "load" else {"retries": 1}),
    ]


@pytest.mark.parametrize("place", [0, 1], ids=["function", "coroutine function"])
def test_flows_and_tasks(telemetry: Telemetry, place: int) -> None:
    """WRP 7: types, defaults, names and kinds are those of the bare function."""
    decorated, plain = functions(telemetry.operation)[place], functions(bare)[place]

    assert told(decorated) == told(plain)
    assert "integer" in str(told(decorated)[0])


@pytest.mark.parametrize("parameters", [{"day": "monday", "rows": ["1", 2]}, {"day": "monday", "rows": "none"}])
def test_validation(telemetry: Telemetry, parameters: dict[str, Any]) -> None:
    """WRP 7: parameters are converted and refused by the annotations."""

    def validated(decorate: Decorator) -> Any:
        try:
            return prefect.flow(functions(decorate)[0]).validate_parameters(parameters)
        except Exception as exc:
            return type(exc)

    assert validated(telemetry.operation) == validated(bare)


def test_running(telemetry: Telemetry, captured: Captured) -> None:
    """WRP 6: the flow's function runs with its arguments, and is recorded."""
    load, fetch = functions(telemetry.operation)

    assert prefect.flow(load).fn("monday", [1, 2]) == {"monday": 3}
    assert asyncio.run(prefect.flow(fetch).fn("a")) == b"aaa"
    assert [span.name for span in captured.spans] == ["functions.load", "functions.fetch"]
