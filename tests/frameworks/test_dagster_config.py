"""Dagster's configuration and context: it doesn't resolve them where annotations are strings, so that they are none here."""

# ruff: noqa: E402 - imported where it is there

from typing import Any

import pytest

pytest.importorskip("dagster", reason="needs dagster from PyPI, in an environment of its own: `nox -s frameworks`")
import dagster

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]  # its own, of its own functions


class Shop(dagster.Config):
    name: str
    limit: int = 10


def test_configuration(telemetry: Telemetry, captured: Captured) -> None:
    """WRP 7: a decorated asset is given context and configuration by its annotations."""

    @dagster.asset
    @telemetry.operation("orders")
    def orders(context: dagster.AssetExecutionContext, config: Shop) -> dict[str, int]:
        context.log.debug("loading")
        return {config.name: config.limit}

    given: Any = {"ops": {"orders": {"config": {"name": "north"}}}}
    built = dagster.materialize([orders], run_config=given, instance=dagster.DagsterInstance.ephemeral())

    assert (built.output_for_node("orders"), captured.span().name) == ({"north": 10}, "orders")
