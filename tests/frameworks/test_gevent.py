"""gevent's greenlets each have a context, and are killed or timed out by exceptions."""

# ruff: noqa: E402 - imported where it is there

import pytest

pytest.importorskip("gevent", reason="needs gevent from PyPI")
import gevent

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured, span

pytestmark = pytest.mark.integration


def test_a_killed_greenlet_is_cancelled(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 1."""
    worker = gevent.spawn(telemetry.operation("wait")(gevent.sleep), 60)
    gevent.sleep(0)
    worker.kill(timeout=10)

    assert captured.point("operation.duration").attributes["error.type"] == "cancelled"


def test_a_timeout_is_an_error(telemetry: Telemetry, captured: Captured) -> None:
    """ASY 1: `gevent.Timeout` is none of a cancellation's kind: something took too long."""
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        telemetry.operation("wait")(gevent.sleep)(60)

    assert captured.point("operation.duration").attributes["error.type"] == "gevent.timeout.Timeout"


def test_greenlets_have_their_own_parent(telemetry: Telemetry, captured: Captured) -> None:
    """A call that waits in one greenlet is no parent of what another one does meanwhile."""

    @telemetry.operation("wait")
    def wait() -> None:
        gevent.sleep(0.01)

    @telemetry.operation("quick")
    def quick() -> None: ...

    gevent.joinall([gevent.spawn(wait), gevent.spawn(quick)], timeout=10, raise_error=True)

    assert captured.spans == [span("wait", parent=""), span("quick", parent="")]
