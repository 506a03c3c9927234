"""pytest hands out fixtures and parameters by the names in the signature."""

import asyncio
from collections.abc import Iterator

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration

telemetry = Telemetry("shop.module")


@pytest.fixture
@telemetry.operation("basket")
def basket(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """A decorated fixture that asks for another and cleans up."""
    items = [request.node.name]
    yield items
    items.clear()


@pytest.fixture(params=["north", "south"])
@telemetry.operation("shop")
def shop(request: pytest.FixtureRequest) -> str:
    return request.param


class TestPytest:
    """pytest hands out fixtures and parameters by the names in the signature."""

    @telemetry.operation("fixture")
    def test_fixtures(self, basket: list[str]) -> None:
        """WRP 6: a decorated test is given what a decorated generator fixture yields."""
        assert basket == ["test_fixtures"]

    @pytest.mark.parametrize(("left", "right"), [(1, 2), (2, 1)])
    @telemetry.operation("parametrized")
    def test_parameters(self, left: int, right: int) -> None:
        """WRP 6: a decorated test below `parametrize` is given its parameters."""
        assert left + right == 3

    @telemetry.operation("parametrized")
    @pytest.mark.parametrize("number", [1, 2])
    def test_marks_below(self, number: int, request: pytest.FixtureRequest) -> None:
        """WRP 6: marks below the operation count too."""
        assert request.node.callspec.params == {"number": number}

    @telemetry.operation("parametrized")
    def test_parametrized_fixtures(self, shop: str, request: pytest.FixtureRequest) -> None:
        """WRP 6: a decorated fixture has its parameters."""
        assert request.node.callspec.params == {"shop": shop}

    @pytest.mark.asyncio
    @telemetry.operation("coroutine")
    async def test_coroutines(self, basket: list[str]) -> None:
        """WRP 6: a decorated coroutine function is a test that runs in a loop."""
        assert asyncio.get_running_loop().is_running()

    @telemetry.operation("recorded")
    def test_recorded(self, captured: Captured) -> None:
        """A decorated test is an operation like others, which is running while the test asks."""
        assert captured.span("recorded").end is None
