"""A greenlet is killed by an exception."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("greenlet", reason="needs greenlet from PyPI")
import greenlet

from telemetry_kit import Telemetry
from tests.support import Sdk

pytestmark = pytest.mark.integration


def test_a_killed_greenlet_is_cancelled(telemetry: Telemetry, sdk: Sdk) -> None:
    """ASY 1."""

    @telemetry.operation("wait")
    def wait() -> None:
        greenlet.getcurrent().parent.switch()

    worker = greenlet.greenlet(wait)
    worker.switch()
    worker.throw()

    assert sdk.point("operation.duration").attributes["error.type"] == "cancelled"
