"""What is current, and what of it a suspended body has made."""

from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from opentelemetry import baggage
from opentelemetry import context as api

from telemetry_kit._core import context


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> ContextVar[str | None]:
    """One that is to travel with bodies, from when it is first set."""
    monkeypatch.setattr(context, "others", ())
    return ContextVar("of a test", default=None)


@pytest.fixture
def kept() -> Iterator[None]:
    before = api.get_current()
    yield
    api.attach(before)


def test_a_variable_that_is_first_set_within_a_body_is_the_bodys(variable: ContextVar[str | None]) -> None:
    """GEN 9: nobody had set it before the body went on, so that it is unset for whoever has let it go on."""
    body = context.Suspended()
    body.resume()
    context.travels_with_bodies(variable)
    variable.set("of the body")
    body.suspend()

    assert variable.get() is None
    body.resume()
    assert variable.get() == "of the body"
    body.suspend()
    assert variable.get() is None


@pytest.mark.usefixtures("kept")
def test_a_body_that_has_put_back_what_it_made_current_finds_what_is_current_for_its_consumer() -> None:
    """GEN 9: also where that has changed since the body made its own current."""
    body = context.Suspended()
    body.resume()
    token = api.attach(baggage.set_baggage("of", "the body"))
    body.suspend()
    api.attach(baggage.set_baggage("of", "the consumer"))
    body.resume()
    api.detach(token)
    body.suspend()

    body.resume()
    assert baggage.get_baggage("of") == "the consumer"
    body.suspend()
    assert baggage.get_baggage("of") == "the consumer"


@pytest.mark.usefixtures("kept")
def test_a_body_may_make_current_at_one_step_what_the_consumer_had_at_another() -> None:
    """GEN 9: what a body once had, and has no longer, doesn't count when it makes something current anew."""
    first, second = (baggage.set_baggage("of", name) for name in ("first", "second"))
    body = context.Suspended()
    for mine in (first, api.get_current(), second):
        body.resume()
        api.attach(mine)
        body.suspend()
        assert baggage.get_baggage("of") is None
    api.attach(first)

    body.resume()
    assert baggage.get_baggage("of") == "second"
    body.suspend()
    assert baggage.get_baggage("of") == "first"


@pytest.mark.usefixtures("kept")
def test_a_runtime_without_a_variable_is_put_back_by_what_was_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """GEN 9: its own `detach` may refuse where something else has become current since, as a body's span has."""
    monkeypatch.setattr(context, "replace", context._replace)
    monkeypatch.setattr(context, "restore", context.attach)
    current = context.Current()
    current.context = baggage.set_baggage("of", "the body")
    body = context.Suspended(current)
    body.resume()
    api.attach(baggage.set_baggage("of", "a span in it"))
    body.suspend()

    assert baggage.get_baggage("of") is None
    body.resume()
    assert baggage.get_baggage("of") == "a span in it"
    body.suspend()
