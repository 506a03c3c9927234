"""Calls of a database by hand, after the stable conventions: how long they took, and how many rows came of them.

Rows returned beside queries made is what shows a loop that asks for one row at a time, and a query without a limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from opentelemetry.semconv.attributes import db_attributes, server_attributes

from telemetry_kit._core import faults, forks
from telemetry_kit._core.attributes import AttributeValue, class_name
from telemetry_kit._core.cardinality import SETS_PER_HELPER, ValueGuard
from telemetry_kit._core.face import public
from telemetry_kit._core.guards import few, guard_of
from telemetry_kit._core.names import check_name
from telemetry_kit._core.recipe import ByRecipe
from telemetry_kit._core.registry import Registry
from telemetry_kit._operation.definition import Definition
from telemetry_kit._operation.measurement import Measurement
from telemetry_kit._operation.options import OperationOptions
from telemetry_kit._wrapping.awaitables import NO_RESULT
from telemetry_kit.conventions import DB_CLIENT

if TYPE_CHECKING:
    from telemetry_kit._core.scope import Scope

RETURNED_ROWS = "db.client.response.returned_rows"
ROWS = "db.response.returned_rows"
"""The span's attribute of the same number."""
MAX_PORT = 65_535
_MOST_ROWS = 2**63 - 1
"""An exporter loses the whole collection with an integer that 64 bits don't hold."""
_DATABASES: Registry[ValueGuard] = Registry(ValueGuard)
"""Which databases there have been: a namespace for each tenant must not be kept for ever."""


@public
class Database(ByRecipe):
    """A database that is asked. Made by `Telemetry.database`.

    >>> from telemetry_kit import Telemetry
    >>> database = Telemetry("shop.orders").database("postgresql", namespace="shop", server_address="db.internal")
    """

    def __init__(
        self,
        scope: Scope,
        system: str,
        *,
        namespace: str | None = None,
        server_address: str | None = None,
        server_port: int | None = None,
    ) -> None:
        self._system: str = check_name("database system", system)
        if server_port is not None and (isinstance(server_port, bool) or not isinstance(server_port, int)):
            msg = f"server_port of database {system!r} must be an int or None, got {server_port!r:.100}"
            raise TypeError(msg)
        if server_port is not None and not 0 <= server_port <= MAX_PORT:
            msg = f"server_port of database {system!r} must be from 0 to {MAX_PORT}, got {server_port}"
            raise ValueError(msg)
        for option, value in (("namespace", namespace), ("server_address", server_address)):
            if value is not None and not isinstance(value, str):
                msg = f"{option} of database {system!r} must be a str or None, got {value!r:.100}"
                raise TypeError(msg)
        self._scope = scope
        self._own = _present(
            {
                db_attributes.DB_SYSTEM_NAME: system,
                db_attributes.DB_NAMESPACE: namespace,
                server_attributes.SERVER_ADDRESS: server_address,
                server_attributes.SERVER_PORT: server_port,
            }
        )
        server = server_address if server_address is None or server_port is None else f"{server_address}:{server_port}"
        self._place = namespace or server
        told_apart = tuple(few(_DATABASES.of(scope), self._own).items())
        self._guard = guard_of(scope, "database", str(system), also=told_apart)
        self._operations: dict[tuple[object, ...], Definition] = {}
        """By the attributes on their metrics: as many as the guard lets through."""
        self._asked: dict[tuple[object, ...], Definition] = {}
        """By what was asked, the first of them, so that the guard is asked once."""

    def __repr__(self) -> str:
        return f"<Database {self._system!r}>"

    def query(
        self, operation: str, collection: str | None = None, *, summary: str | None = None, text: str | None = None
    ) -> Query:
        """One call of the database, as a context manager: a CLIENT span and `db.client.operation.duration`.

        Args:
            operation: what is done (`"SELECT"`, `"findAndModify"`): `db.operation.name`.
            collection: what it is done to, a table or its like: `db.collection.name`.
            summary: the query in a few words of low cardinality (`"SELECT orders JOIN customers"`), which then names
                the span; without it the span is named `operation` and the collection, else the namespace or server.
            text: the query with placeholders for its values, on the span only. It isn't looked into: leave values out.

        Of collections, operations and summaries the first 100 each are told apart, later ones are `_OTHER` on metrics.

        >>> with database.query("SELECT", "orders", text="SELECT * FROM orders WHERE id = %s") as query:
        ...     query.returned_rows(1)
        """
        asked = _present(
            {
                db_attributes.DB_OPERATION_NAME: operation,
                db_attributes.DB_COLLECTION_NAME: collection,
                db_attributes.DB_QUERY_SUMMARY: summary,
            }
        )
        made = self._operation(asked)
        if text is not None:
            asked[db_attributes.DB_QUERY_TEXT] = text
        elif asked.items() <= made.span_static.items():
            return Query(made)
        return Query(made, span_attributes=asked)

    def _operation(self, asked: dict[str, Any]) -> Definition:
        """The operation of all queries that look alike on a metric."""
        try:
            key = tuple(asked.items())
            found = self._asked.get(key)
            if found is None:
                found = self._few(asked)
                if len(self._asked) < 2 * SETS_PER_HELPER:
                    self._asked[key] = found
        except Exception as fault:  # a name that isn't a str, and can't even be hashed
            faults.record("database.query", fault)
            return self._few({})
        return found

    def _few(self, asked: dict[str, Any]) -> Definition:
        guarded = few(self._guard, asked)
        key = tuple(guarded.items())
        return self._operations.get(key) or self._operations.setdefault(key, self._make(guarded))

    def _make(self, asked: dict[str, AttributeValue]) -> Definition:
        summary = asked.get(db_attributes.DB_QUERY_SUMMARY)
        target = asked.get(db_attributes.DB_COLLECTION_NAME) or self._place
        words = (summary,) if summary else (asked.get(db_attributes.DB_OPERATION_NAME), target)
        name = " ".join(str(word) for word in words if word) or self._system
        return Definition(
            self._scope, name, OperationOptions(convention=DB_CLIENT, metric_attributes={**self._own, **asked})
        )


@public
@final
class Query(Measurement):
    """One call of a database, as `database.query()` gives it: a measurement that also knows how many rows came back.

    >>> with database.query("SELECT", "orders") as query:
    ...     query.returned_rows(3)
    """

    _rows: int | None = None

    def __enter__(self) -> Query:
        super().__enter__()
        return self

    if TYPE_CHECKING:

        async def __aenter__(self) -> Query: ...

    def returned_rows(self, n: int) -> None:
        """Say how many rows came back. Where they come in parts, say it for each: the query has their sum.

        >>> with database.query("SELECT", "orders") as query:
        ...     for part in ([1, 2], [3]):
        ...         query.returned_rows(len(part))
        """
        if self._state != 1:
            self._lost("rows", n)
            return
        kind = type(n)  # whatever was handed over is not asked itself
        count = int.__int__(n) if issubclass(kind, int) and kind is not bool else -1
        if count < 0:
            wrong = "one below zero" if issubclass(kind, int) and kind is not bool else f"a {class_name(kind)}"
            faults.record("database.returned_rows", ValueError(f"n of returned_rows() must be a count, got {wrong}"))
            return
        self._rows = min((self._rows or 0) + count, _MOST_ROWS)

    def _end(self, exc: BaseException | None, result: Any = NO_RESULT) -> None:
        """Record the rows while the span is still current, then the rest."""
        rows = self._rows
        if rows is not None and self._state == 1 and self._generation is forks.fork.generation:
            self._rows = None
            operation = self._operation
            try:
                error_type = self._classify(exc, result) if exc is not None else self._failed
                if error_type is not None or self._metric is not None:
                    attributes = operation.metric_set(self._metric, error_type)
                else:
                    attributes = operation.metric_static
                self._scope.instruments.histogram(RETURNED_ROWS).record(rows, attributes)
                self.set_attribute(ROWS, rows)
            except Exception as fault:
                faults.record("database.returned_rows", fault)
        super()._end(exc, result)


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
