"""Calls of a database by hand: names, attributes and rows after the stable conventions."""

from typing import Any

import pytest
from opentelemetry.semconv.attributes import db_attributes
from opentelemetry.trace import SpanKind, StatusCode

from telemetry_kit import Database, Telemetry, current_measurement
from telemetry_kit.testing import Captured, FakeClock, point

OWN = {"db.system.name": "postgresql", "db.namespace": "shop", "server.address": "db.internal", "server.port": 5432}
ORDERS = {**OWN, "db.operation.name": "SELECT", "db.collection.name": "orders"}
TEXT = "SELECT * FROM orders WHERE id = $1"


@pytest.fixture
def db(telemetry: Telemetry) -> Database:
    return telemetry.database("postgresql", namespace="shop", server_address="db.internal", server_port=5432)


def test_a_query_is_a_client_span_with_the_conventions_attributes(captured: Captured, db: Database) -> None:
    """Named by operation and collection; the text is on the span."""
    with db.query("SELECT", collection="orders", text=TEXT):
        pass

    span = captured.span()
    assert (span.name, span.kind, span.status.status_code) == ("SELECT orders", SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(span.attributes or {}) == {**ORDERS, "db.query.text": TEXT}


def test_a_query_has_a_duration_without_its_text(captured: Captured, db: Database, clock: FakeClock) -> None:
    """`db.client.operation.duration` has the convention's attributes alone: no text, no scope, no `operation.*` beside."""
    with db.query("SELECT", collection="orders", text=TEXT):
        clock.advance(0.02)

    point = captured.point("db.client.operation.duration")
    assert (dict(point.attributes), point.count, round(point.sum, 9)) == (ORDERS, 1, 0.02)
    assert not [name for name in captured.metrics if name.startswith("operation.")]


def test_returned_rows_are_one_point_a_query(captured: Captured, db: Database) -> None:
    """Rows that come in parts are added up; queries made are the count, rows returned the sum."""
    with db.query("SELECT", collection="orders") as q:
        q.returned_rows(100)
        q.returned_rows(20)
    with db.query("SELECT", collection="orders") as q:
        q.returned_rows(0)
    with db.query("SELECT", collection="orders"):
        pass

    point = captured.point("db.client.response.returned_rows")
    assert (dict(point.attributes), point.count, point.sum) == (ORDERS, 2, 120)
    assert [span.attributes.get("db.response.returned_rows") for span in captured.spans if span.attributes] == [
        120,
        0,
        None,
    ]


@pytest.mark.telemetry_capture(allow=("fault", "dropped"))
def test_rows_that_are_no_number_are_a_fault(captured: Captured, db: Database) -> None:
    """FLT.2: the query is measured, its rows aren't told."""
    with db.query("SELECT", collection="orders") as q:
        q.returned_rows(-1)
        q.returned_rows("many")  # type: ignore[arg-type]
        q.returned_rows(None)  # type: ignore[arg-type]
    q.returned_rows(3)

    assert captured.points("db.client.response.returned_rows") == []
    assert captured.value("db.client.operation.duration") == 1
    assert captured.value("telemetry_kit.faults", {"fault.site": "database.returned_rows"}) >= 3


@pytest.mark.parametrize(
    ("options", "asked", "name"),
    [
        ({}, {"operation": "SELECT", "collection": "orders"}, "SELECT orders"),
        ({}, {"operation": "SELECT", "summary": "SELECT orders JOIN items"}, "SELECT orders JOIN items"),
        ({"namespace": "shop"}, {"operation": "SELECT"}, "SELECT shop"),
        ({"server_address": "db", "server_port": 5432}, {"operation": "SELECT"}, "SELECT db:5432"),
        ({"server_address": "db"}, {"operation": "SELECT"}, "SELECT db"),
        ({}, {"operation": "SELECT"}, "SELECT"),
        ({"namespace": "shop"}, {"operation": None}, "shop"),
        ({}, {"operation": None}, "sqlite"),
    ],
)
def test_the_span_is_named_by_the_conventions_rule(
    captured: Captured, telemetry: Telemetry, options: Any, asked: Any, name: str
) -> None:
    """The summary; else operation and target: collection, namespace, server; else the target, else the system."""
    with telemetry.database("sqlite", **options).query(**asked):
        pass

    assert captured.span().name == name


def test_the_summary_is_on_metric_and_span(captured: Captured, db: Database) -> None:
    """`db.query.summary` is of low cardinality, so the metric has it too."""
    with db.query("SELECT", summary="SELECT orders JOIN items"):
        pass

    expected = {**OWN, "db.operation.name": "SELECT", "db.query.summary": "SELECT orders JOIN items"}
    assert dict(captured.span().attributes or {}) == expected
    assert captured.points("db.client.operation.duration") == [point(attributes=expected)]


def test_a_query_that_fails_says_how_on_everything(captured: Captured, db: Database) -> None:
    """`error.type` on span, duration and rows; the exception comes out as it is."""
    problem = ValueError("no such table")
    with pytest.raises(ValueError) as caught, db.query("SELECT", collection="orders") as q:
        q.returned_rows(7)
        raise problem

    assert caught.value is problem
    assert captured.span().status.status_code is StatusCode.ERROR
    assert (captured.span().attributes or {})["error.type"] == "ValueError"
    failed = {**ORDERS, "error.type": "ValueError"}
    assert captured.points("db.client.operation.duration") == [point(attributes=failed)]
    assert captured.points("db.client.response.returned_rows") == [point(attributes=failed)]


def test_a_query_is_a_measurement(captured: Captured, db: Database) -> None:
    """`fail()`, attributes and `current_measurement()` work as in any operation."""
    with db.query("SELECT", collection="orders") as q:
        assert current_measurement() is q
        q.set_metric_attribute("db.response.status_code", "42P01")
        q.returned_rows(0)
        q.fail("42P01")

    failed = {**ORDERS, "db.response.status_code": "42P01", "error.type": "42P01"}
    assert (
        [point.attributes for point in captured.points("db.client.operation.duration")]
        == [point.attributes for point in captured.points("db.client.response.returned_rows")]
        == [failed]
    )


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_a_thousand_collections_are_few_series(captured: Captured, db: Database) -> None:
    """STM.3: beyond the first hundred collections metric and span name say `_OTHER`, and the span keeps the real one."""
    for number in range(1_000):
        with db.query("SELECT", collection=f"tenant_{number}") as q:
            q.returned_rows(1)

    assert len(captured.points("db.client.operation.duration")) == 101
    assert captured.value("db.client.operation.duration") == captured.value("db.client.response.returned_rows") == 1_000
    assert captured.value("db.client.operation.duration", {"db.collection.name": "_OTHER"}) == 900
    last = captured.spans[-1]
    assert (last.name, (last.attributes or {})["db.collection.name"]) == ("SELECT _OTHER", "tenant_999")


@pytest.mark.telemetry_capture(allow=("fault",))
def test_a_name_that_cant_be_used_never_raises(captured: Captured, db: Database) -> None:
    """FLT.2: what is no name is left out, and the query is measured."""
    with db.query([1], collection={}) as q:  # type: ignore[arg-type]
        q.returned_rows(1)

    assert captured.value("db.client.operation.duration") == 1
    assert captured.value("telemetry_kit.faults", {"fault.site": "database.query"}) >= 1


@pytest.mark.parametrize(
    ("system", "options", "error", "words"),
    [
        ("", {}, ValueError, "name of a database system"),
        (None, {}, TypeError, "name of a database system"),
        ("sqlite", {"server_port": "5432"}, TypeError, "server_port of database 'sqlite'"),
        ("sqlite", {"server_port": True}, TypeError, "server_port of database 'sqlite'"),
        ("sqlite", {"server_port": -1}, ValueError, "server_port of database 'sqlite' must be from 0 to 65535, got -1"),
        ("sqlite", {"namespace": 7}, TypeError, "namespace of database 'sqlite'"),
        ("sqlite", {"server_address": 7}, TypeError, "server_address of database 'sqlite'"),
    ],
)
def test_what_cant_be_right_raises_at_definition(
    telemetry: Telemetry, system: Any, options: Any, error: Any, words: str
) -> None:
    """The error names the thing, the rule and the value."""
    with pytest.raises(error, match=words):
        telemetry.database(system, **options)


def test_without_an_sdk_a_query_does_nothing() -> None:
    """A library may always say `with db.query(...)`."""
    db = Telemetry("shop.orders").database("sqlite")

    with db.query("SELECT", collection="orders", text=TEXT) as q:
        q.returned_rows(3)

    assert q.duration is not None
    assert db_attributes.DB_SYSTEM_NAME == "db.system.name"


@pytest.mark.telemetry_capture(allow=("overflow",))
def test_databases_made_on_the_fly_are_bounded(captured: Captured, telemetry: Telemetry) -> None:
    """STM 3: a namespace for each tenant is `_OTHER` on metrics after the first 100, and no guard is kept for it."""
    for number in range(300):
        with telemetry.database("postgresql", namespace=f"tenant-{number}").query("SELECT", collection="orders"):
            pass

    assert len({point.attributes["db.namespace"] for point in captured.points("db.client.operation.duration")}) == 101
    assert captured.value("db.client.operation.duration") == 300
