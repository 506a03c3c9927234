"""Dagster makes the types of inputs, outputs and configurations of the annotations of ops and assets."""

# ruff: noqa: E402 - imported where it is there

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("dagster", reason="needs dagster from PyPI, in an environment of its own: `nox -s frameworks`")
import dagster

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, span
from tests.frameworks.support import Decorator, bare

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]  # its own, of its own functions


def made(decorate: Decorator) -> list[Any]:
    @dagster.op(config_schema={"limit": int})
    @decorate
    def load(context) -> list[int]:  # a context's annotation must be no string
        """Load."""
        context.log.debug("loading")
        return list(range(context.op_config["limit"]))

    @dagster.op
    @decorate
    def total(rows: list[int], factor: int = 2) -> int:
        """Add up."""
        return sum(rows) * factor

    @dagster.asset
    @decorate
    def orders() -> dict[str, int]:
        """All orders."""
        return {"north": 10}

    @dagster.asset
    @decorate
    def report(orders: dict[str, int]) -> str:
        """What was ordered."""
        return str(orders)

    return [load, total, orders, report]


def told(definition: Any) -> Any:
    """What Dagster knows of an op or of the op below an asset."""
    op = getattr(definition, "op", definition)
    inputs = {name: (str(i.dagster_type.display_name), i.has_default_value) for name, i in op.input_dict.items()}
    outputs = {name: str(o.dagster_type.display_name) for name, o in op.output_dict.items()}
    return op.name, op.description, inputs, outputs, str(op.config_schema.config_type.key)[:5]


def test_types(telemetry: Telemetry) -> None:
    """WRP 7: inputs, outputs, configuration, name and description are those of the bare functions."""
    decorated = [told(definition) for definition in made(telemetry.operation)]

    assert decorated == [told(definition) for definition in made(bare)]
    assert "Int" in str(decorated)


def test_running(telemetry: Telemetry, captured: Captured) -> None:
    """WRP 6: a job of decorated ops and assets of decorated functions run, and are recorded."""
    load, total, orders, report = made(telemetry.operation)

    @dagster.job
    def nightly() -> None:
        total(load())

    ran = nightly.execute_in_process(
        run_config={"ops": {"load": {"config": {"limit": 4}}}},
        instance=dagster.DagsterInstance.ephemeral(),
    )
    built = dagster.materialize([orders, report], instance=dagster.DagsterInstance.ephemeral())

    assert ran.output_for_node("total") == 12
    assert built.output_for_node("report") == "{'north': 10}"
    assert captured.spans == [span("made.load"), span("made.total"), span("made.orders"), span("made.report")]
