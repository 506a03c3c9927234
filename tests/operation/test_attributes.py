"""Attributes: what goes to the span, what to the metric, and what keeps a mistake with them small."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from telemetry_kit import Telemetry, current_measurement
from telemetry_kit._core import faults as _faults
from telemetry_kit.testing import Captured, point
from tests.support import Sdk

OWN = {"operation.name": "work", "scope.name": "shop.orders"}


def faults(site: str) -> int:
    return _faults.counts().get(site, 0)


# Declared


def test_declared_metric_attributes_are_on_metric_and_span(telemetry: Telemetry, captured: Captured) -> None:
    """`metric_attributes` of an operation are on each point and each span."""
    telemetry.operation("work", metric_attributes={"payment.provider": "stripe"})(lambda: None)()

    assert dict(captured.point("operation.duration").attributes) == {**OWN, "payment.provider": "stripe"}
    assert captured.span().attributes["payment.provider"] == "stripe"


def test_declared_span_attributes_are_on_the_span_only(telemetry: Telemetry, captured: Captured) -> None:
    """`span_attributes` of an operation never reach a metric."""
    telemetry.operation("work", span_attributes={"shard": 7})(lambda: None)()

    assert dict(captured.point("operation.duration").attributes) == OWN
    assert captured.span().attributes["shard"] == 7


def test_declared_attributes_are_there_at_the_start_of_the_span(sdk: Sdk) -> None:
    """Samplers see the declared attributes."""
    seen: list[Mapping[str, Any]] = []

    class Sampler(type(ALWAYS_OFF)):  # type: ignore[misc]
        def __init__(self) -> None: ...

        def should_sample(self, *args: Any, **kwargs: Any) -> Any:
            seen.append(kwargs.get("attributes") or args[4])
            return ALWAYS_OFF.should_sample(*args, **kwargs)

    telemetry = Sdk(sampler=Sampler()).telemetry()
    telemetry.operation("work", metric_attributes={"a": 1}, span_attributes={"b": 2})(lambda: None)()

    assert {"a": 1, "b": 2}.items() <= dict(seen[0]).items()


# Callables


def test_metric_attributes_from_the_call(telemetry: Telemetry, captured: Captured) -> None:
    """A callable is given the call's own arguments, and what it returns is on metric and span."""

    @telemetry.operation("work", metric_attributes=lambda order, *, express=False: {"express": express, "kind": order})
    def work(order: str, *, express: bool = False) -> None: ...

    work("book", express=True)

    assert dict(captured.point("operation.duration").attributes) == {**OWN, "express": True, "kind": "book"}
    assert captured.span().attributes["kind"] == "book"


def test_callables_are_given_self(telemetry: Telemetry, captured: Captured) -> None:
    """Callables are given what the function is given, `self` included."""

    class Cart:
        kind = "big"

        @telemetry.operation("work", metric_attributes=lambda self: {"kind": self.kind})
        def work(self) -> None: ...

    Cart().work()

    assert captured.points("operation.duration", {"kind": "big"})


def test_span_attributes_from_the_call(telemetry: Telemetry, captured: Captured) -> None:
    """A callable for span attributes is given the call's arguments, and reaches the span only."""
    telemetry.operation("work", span_attributes=lambda number: {"number": number})(lambda number: None)(7)

    assert captured.span().attributes["number"] == 7
    assert dict(captured.point("operation.duration").attributes) == OWN


@pytest.mark.parametrize("options", [{"span": False}, {"span": "current"}], ids=str)
def test_span_attributes_are_not_asked_for_without_a_recording_span(
    telemetry: Telemetry, options: dict[str, Any]
) -> None:
    """A callable for span attributes is evaluated only when the span is recording."""
    asked: list[int] = []
    telemetry.operation("work", span_attributes=lambda: asked.append(1), **options)(lambda: None)()  # type: ignore[arg-type,return-value]

    assert asked == []


def test_span_attributes_are_not_asked_for_when_sampled_out() -> None:
    """A callable for span attributes isn't asked where the sampler said no."""
    asked: list[int] = []
    telemetry = Sdk(sampler=ALWAYS_OFF).telemetry()
    telemetry.operation("work", span_attributes=lambda: asked.append(1))(lambda: None)()  # type: ignore[arg-type,return-value]

    assert asked == []


@pytest.mark.parametrize("option", ["metric_attributes", "span_attributes"])
def test_a_callable_of_an_operation_is_not_called_for_a_block(
    telemetry: Telemetry, captured: Captured, option: str
) -> None:
    """`measure()` takes its attributes directly: an extractor for calls isn't called for a block."""
    before = _faults.counts()
    operation = telemetry.operation("work", **{option: lambda order: {"order": order}})

    with operation.measure():
        pass

    assert _faults.counts() == before
    assert captured.point("operation.duration").count == 1


def test_measures_own_attributes(telemetry: Telemetry, captured: Captured) -> None:
    """`measure()` adds its metric attributes to the declared ones, and its span attributes to the span."""
    operation = telemetry.operation("work", metric_attributes={"a": 1}, span_attributes={"b": 2})
    with operation.measure(metric_attributes={"c": 3}, span_attributes={"d": 4}):
        pass

    assert dict(captured.point("operation.duration").attributes) == {**OWN, "a": 1, "c": 3}
    assert {"a": 1, "b": 2, "c": 3, "d": 4}.items() <= dict(captured.span().attributes).items()


def test_a_calls_attribute_wins_over_a_declared_one(telemetry: Telemetry, captured: Captured) -> None:
    """What is said of a call wins over what is said of the operation."""
    with telemetry.operation("work", metric_attributes={"tier": "free"}).measure() as m:
        m.set_metric_attribute("tier", "paid")

    assert captured.point("operation.duration").attributes["tier"] == "paid"
    assert captured.span().attributes["tier"] == "paid"


# arguments=


def test_arguments_by_mapping(telemetry: Telemetry, captured: Captured) -> None:
    """`arguments={"parameter": "key"}` puts the argument on the span under that key, never on the metric."""
    telemetry.operation("work", arguments={"sku": "product.sku"})(lambda sku, count: None)("a", 2)

    assert captured.span().attributes["product.sku"] == "a"
    assert "count" not in captured.span().attributes
    assert dict(captured.point("operation.duration").attributes) == OWN


def test_arguments_by_name(telemetry: Telemetry, captured: Captured) -> None:
    """`arguments=["parameter"]` puts the argument on the span under its own name, defaults included."""
    telemetry.operation("work", arguments=["sku", "count"])(lambda sku, count=2: None)("a")

    assert {"sku": "a", "count": 2}.items() <= dict(captured.span().attributes).items()


def test_all_arguments(telemetry: Telemetry, captured: Captured) -> None:
    """`arguments="*"` takes all but `self`, and redacts what is on the deny list (SEC 4)."""

    class Cart:
        @telemetry.operation("work", arguments="*")
        def add(self, sku: str, password: str) -> None: ...

    Cart().add("a", password="hunter2")

    attributes = dict(captured.span().attributes)
    assert attributes["sku"] == "a"
    assert "self" not in attributes
    assert "hunter2" not in str(attributes)


@pytest.mark.parametrize("kind", ["async", "generator"])
def test_arguments_of_other_kinds(telemetry: Telemetry, captured: Captured, kind: str) -> None:
    """Arguments are taken from coroutine functions and generators, too."""
    import asyncio

    async def fetch(sku: str) -> None: ...

    def rows(sku: str):  # noqa: ANN202
        yield sku

    operation = telemetry.operation("work", arguments=["sku"])
    if kind == "async":
        asyncio.run(operation(fetch)("a"))
    else:
        list(operation(rows)("a"))

    assert captured.span().attributes["sku"] == "a"


# The kit's own keys


@pytest.mark.parametrize("key", ["operation.name", "scope.name", "error.type"])
@pytest.mark.parametrize("way", ["declared", "callable", "measure", "set", "set metric"])
def test_the_kits_own_keys_win(telemetry: Telemetry, captured: Captured, key: str, way: str) -> None:
    """A user can't overwrite the kit's own attributes, on the metric or on the span."""
    given: dict[str, Any] = {key: "mine"}
    options: dict[str, Any] = {
        "declared": {"metric_attributes": given},
        "callable": {"metric_attributes": lambda: given},
    }
    operation = telemetry.operation("work", **options.get(way, {}))
    if way == "measure":
        with operation.measure(metric_attributes=given, span_attributes=given):
            pass
    else:

        @operation
        def work() -> None:
            if way == "set":
                current_measurement().set_attribute(key, "mine")
            elif way == "set metric":
                current_measurement().set_metric_attribute(key, "mine")

        work()

    assert dict(captured.point("operation.duration").attributes) == OWN
    assert "mine" not in captured.span().attributes.values()


# The guard


def test_set_attribute_never_reaches_a_metric(telemetry: Telemetry, captured: Captured) -> None:
    """`set_attribute` is for the span alone, of any cardinality."""
    operation = telemetry.operation("work")
    for user in range(500):
        with operation.measure() as m:
            m.set_attribute("user.id", user)

    assert captured.points("operation.duration") == [point(attributes=OWN)]
    assert {span.attributes["user.id"] for span in captured.spans} == set(range(500))


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_a_key_keeps_its_first_hundred_values(telemetry: Telemetry, captured: Captured) -> None:
    """A metric attribute keeps its first 100 values, later ones are `_OTHER`, and the known ones stay (STM 3)."""
    operation = telemetry.operation("work")
    for number in [*range(150), 3]:
        with operation.measure() as m:
            m.set_metric_attribute("tenant", f"t{number}")

    counts = {point.attributes["tenant"]: point.count for point in captured.points("operation.duration")}
    assert len(counts) == 101
    assert counts["_OTHER"] == 50
    assert counts["t3"] == 2


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_the_span_has_the_value_that_the_guard_left_out(telemetry: Telemetry, captured: Captured) -> None:
    """Beyond the limit the span still has the true value: high cardinality goes to spans."""
    operation = telemetry.operation("work")
    for number in range(101):
        with operation.measure() as m:
            m.set_metric_attribute("tenant", f"t{number}")

    assert captured.spans[-1].attributes["tenant"] == "t100"


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_an_operation_has_at_most_two_hundred_sets(telemetry: Telemetry, captured: Captured) -> None:
    """Beyond 200 attribute sets the guarded values are `_OTHER`, and `error.type` stays (STM 3)."""
    operation = telemetry.operation("work")
    for a in range(30):
        for b in range(30):
            with operation.measure(metric_attributes={"a": a, "b": b}):
                pass
    with operation.measure(metric_attributes={"a": 29, "b": 29}) as m:
        m.fail("late")

    series = [point.attributes for point in captured.points("operation.duration")]
    assert len(series) <= 202
    assert {**OWN, "a": "_OTHER", "b": "_OTHER"} in series
    assert {**OWN, "a": "_OTHER", "b": "_OTHER", "error.type": "late"} in series
    assert captured.value("operation.duration") == 901


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_operations_of_one_name_share_a_guard(telemetry: Telemetry, captured: Captured) -> None:
    """Making operations on the fly doesn't get around the limit (STM 3)."""
    for number in range(150):
        telemetry.operation("work", metric_attributes={"tenant": number})(lambda: None)()

    assert len([point.attributes for point in captured.points("operation.duration")]) == 101


@pytest.mark.telemetry_capture(allow=("overflow",))
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_values_stay_small(telemetry: Telemetry, captured: Captured) -> None:
    """A hundred thousand distinct values keep memory bounded: at most 4 MB (STM 3)."""
    import tracemalloc

    operation = telemetry.operation("work", span=False)
    tracemalloc.start()
    try:
        for number in range(100_000):
            with operation.measure() as m:
                m.set_metric_attribute("user.id", f"user {number}")
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert current < 4_000_000
    assert len([point.attributes for point in captured.points("operation.duration")]) == 101


# Odd values


class Raising:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparing")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")


class Shy:
    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no class")


def recursive() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


DROPPED = {"None": None, "object": object(), "raising": Raising(), "shy": Shy(), "set": {1, 2}, "no text": b"\xff"}
ON_SPANS_ONLY = {
    "dict": ({"a": 1}, '{"a": 1}'),
    "nested": ([[1], [2]], "[[1], [2]]"),
    "mixed": ([1, "a"], '[1, "a"]'),
    "infinite": (float("-inf"), float("-inf")),
    "recursive": (recursive(), '[[[[[["..."]]]]]]'),
    "empty": ("", ""),
}


@pytest.mark.telemetry_capture(allow=("dropped",))
@pytest.mark.parametrize("how", ["set_attribute", "set_metric_attribute"])
@pytest.mark.parametrize("odd", DROPPED)
def test_an_odd_value_is_dropped(telemetry: Telemetry, captured: Captured, odd: str, how: str) -> None:
    """A value that OpenTelemetry can't take is dropped, the measurement and its other attributes stay (FLT 2)."""
    with telemetry.operation("work").measure() as m:
        getattr(m, how)("odd", DROPPED[odd])
        getattr(m, how)("good", 1)

    assert "odd" not in captured.span().attributes
    assert "odd" not in captured.point("operation.duration").attributes
    assert captured.span().attributes["good"] == 1


@pytest.mark.telemetry_capture(allow=("dropped",))
@pytest.mark.parametrize("odd", ON_SPANS_ONLY)
def test_what_only_a_span_can_have(telemetry: Telemetry, captured: Captured, odd: str) -> None:
    """What a metric can't have is on the span all the same (FLT 2)."""
    value, right = ON_SPANS_ONLY[odd]
    with telemetry.operation("work").measure(metric_attributes={"given": value}) as m:
        m.set_metric_attribute("odd", value)

    attributes = captured.span().attributes
    assert (attributes["odd"], attributes["given"]) == (right, right)
    assert {"odd", "given"}.isdisjoint(captured.point("operation.duration").attributes)


@pytest.mark.telemetry_capture(allow=("dropped",))
@pytest.mark.parametrize("option", ["metric_attributes", "span_attributes"])
@pytest.mark.parametrize("odd", DROPPED)
def test_an_odd_value_of_a_mapping_is_dropped(telemetry: Telemetry, captured: Captured, odd: str, option: str) -> None:
    """In a mapping, only the odd value is dropped, wherever it stands (FLT 2)."""
    with telemetry.operation("work").measure(**{option: {"first": 1, "odd": DROPPED[odd], "last": 2}}):
        pass

    attributes = dict(captured.span().attributes)
    assert (attributes["first"], attributes["last"]) == (1, 2)
    assert "odd" not in attributes


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("key", [None, 1, "", [], Raising(), b"bytes"], ids=lambda key: type(key).__name__)
@pytest.mark.parametrize("how", ["set_attribute", "set_metric_attribute"])
def test_an_odd_key_is_dropped(
    telemetry: Telemetry, captured: Captured, key: Any, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that is no string, or empty, is dropped with its value (FLT 2)."""
    with telemetry.operation("work").measure() as m:
        getattr(m, how)(key, 1)
        getattr(m, how)("good", 1)

    assert dict(captured.span().attributes) == {"good": 1}
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("given", [None, 7, [1], "text", Raising()], ids=lambda given: type(given).__name__)
def test_attributes_that_are_no_mapping(telemetry: Telemetry, captured: Captured, given: Any) -> None:
    """`set_attributes` of something else does nothing (FLT 2)."""
    with telemetry.operation("work").measure() as m:
        m.set_attributes(given)

    assert captured.point("operation.duration").count == 1


def test_a_long_string_is_cut(telemetry: Telemetry, captured: Captured) -> None:
    """Strings are cut: at 4,096 characters on spans, at 256 on metrics (FLT 2)."""
    with telemetry.operation("work").measure() as m:
        m.set_metric_attribute("text", "x" * 100_000)

    assert len(captured.span().attributes["text"]) == 4_096
    assert len(captured.point("operation.duration").attributes["text"]) == 256


class Color(str, Enum):
    RED = "red"


class Level(int, Enum):
    HIGH = 3


@pytest.mark.parametrize(("value", "plain"), [(Color.RED, "red"), (Level.HIGH, 3), (True, True), ([1, 2], (1, 2))])
def test_values_of_subclasses_become_plain(telemetry: Telemetry, captured: Captured, value: Any, plain: Any) -> None:
    """Enumerations of strings and numbers become plain values, lists tuples (FLT 2)."""
    with telemetry.operation("work").measure() as m:
        m.set_metric_attribute("value", value)

    for attributes in (captured.span().attributes, captured.point("operation.duration").attributes):
        assert attributes["value"] == plain
        assert type(attributes["value"]) is type(plain)


@pytest.mark.parametrize("option", ["metric_attributes", "span_attributes"])
def test_an_enumeration_can_be_a_key(telemetry: Telemetry, captured: Captured, option: str) -> None:
    """Keys from an enumeration of strings are keys."""
    with telemetry.operation("work").measure(**{option: {Color.RED: 1}}):
        pass

    assert captured.span().attributes["red"] == 1
    assert [type(key) for key in captured.span().attributes] == [str]


def test_one_and_true_are_two_values(telemetry: Telemetry, captured: Captured) -> None:
    """Values that are equal but of different types keep their types."""
    operation = telemetry.operation("work", span=False)
    for value in (1, True, 1.0):
        with operation.measure(metric_attributes={"value": value}) as m:
            pass
        assert m.duration is not None

    assert captured.value("operation.duration") == 3


class Torn(Mapping[str, Any]):
    """A mapping that breaks in the middle."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("torn")

    def __iter__(self) -> Iterator[str]:
        yield "a"

    def __len__(self) -> int:
        return 1


@pytest.mark.telemetry_capture(allow=("fault",))
@pytest.mark.parametrize("option", ["metric_attributes", "span_attributes"])
def test_a_mapping_that_raises(telemetry: Telemetry, captured: Captured, option: str) -> None:
    """A mapping that raises is a counted fault, and the measurement is kept (FLT 2)."""
    before = sum(_faults.counts().values())
    with telemetry.operation("work").measure(**{option: Torn()}):
        pass

    assert sum(_faults.counts().values()) > before
    assert captured.point("operation.duration").count == 1


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_ten_thousand_attributes_take_bounded_time(telemetry: Telemetry, captured: Captured) -> None:
    """A mapping of very many attributes is cut to what the SDK keeps (FLT 2)."""
    many = {f"key {number}": number for number in range(10_000)}
    with telemetry.operation("work").measure(metric_attributes=many, span_attributes=many):
        pass

    assert len(captured.span().attributes) <= 128
    assert len(captured.point("operation.duration").attributes) <= 128


@pytest.mark.telemetry_capture(allow=("fault",))
def test_active_and_duration_survive_a_raising_extractor(telemetry: Telemetry, captured: Captured) -> None:
    """An extractor that raises loses its attributes and nothing else (FLT 1)."""
    before = faults("operation.metric_attributes")
    telemetry.operation("work", metric_attributes=lambda: 1 / 0)(lambda: None)()  # type: ignore[arg-type,return-value]

    assert dict(captured.point("operation.duration").attributes) == OWN
    assert faults("operation.metric_attributes") == before + 1


# Names


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_dynamic_operation_names_are_bounded(
    telemetry: Telemetry, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """A `Telemetry` keeps 1,000 operation names, later ones are `_OTHER` on metrics, said once (STM 3)."""
    _faults._said.pop("operation.name", None)
    for number in range(1_100):
        with telemetry.operation(f"GET /{number}", span=False).measure():
            pass

    names = {
        series["operation.name"] for series in [point.attributes for point in captured.points("operation.duration")]
    }
    assert len(names) == 1_001
    assert captured.point("operation.duration", {"operation.name": "_OTHER"}).count == 100
    assert captured.value("operation.active", {"operation.name": "_OTHER"}) == 0
    assert len([record for record in caplog.records if "operation.name" in record.getMessage()]) == 1


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_a_known_name_keeps_its_series(telemetry: Telemetry, captured: Captured) -> None:
    """A name from before the limit keeps its own series beyond it (STM 3)."""
    for number in [*range(1_001), 5]:
        with telemetry.operation(f"GET /{number}", span=False).measure():
            pass

    assert captured.point("operation.duration", {"operation.name": "GET /5"}).count == 2


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_error_types_are_bounded(telemetry: Telemetry, captured: Captured) -> None:
    """An operation has 100 values of `error.type`, then `_OTHER` (STM 3)."""
    operation = telemetry.operation("work")
    for number in range(150):
        kind = type(f"Error{number}", (Exception,), {"__module__": "app"})
        with pytest.raises(kind), operation.measure():
            raise kind

    types = {series["error.type"] for series in [point.attributes for point in captured.points("operation.duration")]}
    assert len(types) == 101
    assert captured.point("operation.duration", {"error.type": "_OTHER"}).count == 50


def test_an_error_type_is_bounded(telemetry: Telemetry, captured: Captured) -> None:
    """An `error.type` is a metric's string, so at most 256 characters, whatever `fail` is given (FLT 2)."""
    with telemetry.operation("work").measure() as m:
        m.fail("x" * 10_000)

    assert len(captured.point("operation.duration").attributes["error.type"]) == 256


@pytest.mark.parametrize("given", [None, 7, "", object(), ["x"]], ids=lambda given: type(given).__name__)
def test_an_odd_error_type_is_other(telemetry: Telemetry, captured: Captured, given: Any) -> None:
    """`fail` with something that is no name is an error of type `_OTHER` (FLT 2)."""
    with telemetry.operation("work").measure() as m:
        m.fail(given)

    assert captured.point("operation.duration").attributes["error.type"] == "_OTHER"
