"""What isn't a number where one is wanted, or only pretends to be one. numpy's: `integrations/test_numpy.py`."""

from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured


class Hostile(int):
    """Nothing may be asked of it."""

    def _refuse(self, *_: Any) -> Any:
        raise RuntimeError("asked")

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __add__ = __radd__ = __bool__ = __repr__ = _refuse  # type: ignore[assignment]
    __hash__ = int.__hash__


def test_a_whole_number_of_which_nothing_can_be_asked_is_a_count(telemetry: Telemetry, captured: Captured) -> None:
    """FLT 1: what a cache let go of."""
    telemetry.cache("prices").evicted(Hostile(3))

    assert captured.value("cache.evictions", {"cache.name": "prices"}) == 3


@pytest.mark.parametrize("limit", [True, 2.0, b"\xff", "4"], ids=repr)
def test_a_limit_that_is_no_whole_number(telemetry: Telemetry, limit: Any) -> None:
    """It raises where it is defined, with the rule."""
    with pytest.raises(TypeError, match=r"must be an int, or None|be UTF-8"):
        telemetry.pool("gpu", limit=limit)


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("n", [-1, 2.5, "2", None, [1]], ids=lambda n: type(n).__name__)
def test_what_is_no_count_is_a_fault(telemetry: Telemetry, captured: Captured, n: Any) -> None:
    """FLT 1: telling what was let go never raises."""
    telemetry.cache("prices").evicted(n)

    assert captured.value("telemetry_kit.faults", {"fault.site": "cache.evicted"}) == 1
    assert captured.points("cache.evictions") == []


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize(
    ("done", "total"), [(-1, 4), (1, -4), (1, float("nan")), (float("inf"), 4), ("x", 4)], ids=repr
)
def test_progress_below_zero_is_none(telemetry: Telemetry, captured: Captured, done: Any, total: Any) -> None:
    """FLT 2: it is a fault, and no number that a panel shows."""
    with telemetry.batch_job("nightly").run() as run:
        run.progress(done, total)
        assert captured.points("job.progress") == []
    assert captured.value("telemetry_kit.faults", {"fault.site": "job.progress"}) >= 1
