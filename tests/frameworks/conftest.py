"""What the frameworks' tests share."""

import pytest


@pytest.fixture(params=["function", "coroutine function"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    """Whether the handler is a coroutine function."""
    return request.param == "coroutine function"
