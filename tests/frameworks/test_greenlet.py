"""A greenlet is killed by an exception."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("greenlet", reason="needs greenlet from PyPI")
import greenlet

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


def test_a_killed_greenlet_is_cancelled(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 1."""

    @telemetry.operation("wait")
    def wait() -> None:
        greenlet.getcurrent().parent.switch()

    worker = greenlet.greenlet(wait)
    worker.switch()
    worker.throw()

    assert captured.point("operation.duration").attributes["error.type"] == "cancelled"
