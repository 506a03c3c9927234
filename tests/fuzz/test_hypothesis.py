"""SEC.1, SEC.2: carriers and propagators, given anything."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import propagate

from tests.fuzz.targets import FIELDS, MAKERS, PROPAGATORS, harmless, stable

pytestmark = pytest.mark.any_python

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

names = st.sampled_from(
    [spelling for field in FIELDS for spelling in (field, field.upper(), field.title(), field.encode())]
)
grammar = st.text(alphabet=" \t,;=%+@-_0af\r\n\x00é\ud800(", max_size=200)
hostile = st.one_of(
    st.text(max_size=100),
    grammar,
    st.builds("{}{}".format, st.just(PARENT), grammar),
    st.builds(lambda part, times: part * times, grammar, st.integers(0, 500)),
    st.sampled_from([PARENT, "a=1,b=2", "a=1;p;q=2,b=%41", " " * 5000, "," * 5000, "a=b," * 3000]),
)
values: Any = st.one_of(
    hostile,
    st.binary(max_size=100),
    hostile.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.none(),
    st.integers(),
    st.lists(st.one_of(hostile, st.binary(max_size=20), st.none()), max_size=4),
)
pairs = st.lists(st.tuples(st.one_of(names, st.text(max_size=10)), values), max_size=6)


@pytest.fixture(autouse=True, params=sorted(PROPAGATORS))
def propagator(request: pytest.FixtureRequest) -> Iterator[str]:
    """The API's propagators, and the strict ones."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(PROPAGATORS[request.param])
    yield request.param
    propagate.set_global_textmap(before)


common = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("number", range(len(MAKERS)))
@common
@given(pairs=pairs)
def test_no_input_does_harm(number: int, pairs: list[tuple[Any, Any]]) -> None:
    """It raises nothing, hangs nowhere, says one short line at most, and lets nothing out that isn't a header's."""
    harmless(MAKERS[number], pairs, len(repr(pairs)))


@common
@given(pairs=pairs)
def test_what_is_sent_on_is_stable(pairs: list[tuple[Any, Any]]) -> None:
    """Reading it again gives the same, and so on for ever."""
    stable(pairs)
