"""Capturing arguments of real libraries' objects runs nothing of theirs."""

from typing import Any

import pytest

from telemetry_kit import Telemetry
from telemetry_kit.testing import Captured

pytestmark = pytest.mark.integration


def test_no_lazy_relation_is_loaded(telemetry: Telemetry, captured: Captured) -> None:
    """SEC 4: Capturing all arguments makes no queries: what SQLAlchemy hasn't loaded stays unloaded, and isn't shown."""
    orm = pytest.importorskip("sqlalchemy.orm")
    sqlalchemy = pytest.importorskip("sqlalchemy")

    class Base(orm.MappedAsDataclass, orm.DeclarativeBase):  # type: ignore[misc, name-defined]
        pass

    class Order(Base):
        __tablename__ = "orders"
        id: orm.Mapped[int] = orm.mapped_column(init=False, primary_key=True)
        user_id: orm.Mapped[int] = orm.mapped_column(sqlalchemy.ForeignKey("users.id"), init=False)

    class User(Base):
        __tablename__ = "users"
        id: orm.Mapped[int] = orm.mapped_column(init=False, primary_key=True)
        name: orm.Mapped[str]
        password: orm.Mapped[str]
        orders: orm.Mapped[list[Order]] = orm.relationship(default_factory=list)

    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(User(name="ann", password="hunter2", orders=[Order(), Order()]))
        session.commit()
    queries: list[str] = []
    sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *args: queries.append(args[2]))

    @telemetry.operation("greet", arguments="*")
    def greet(user: Any) -> str:
        return str(user.name)

    with orm.Session(engine) as session:
        user = session.scalars(sqlalchemy.select(User)).one()
        queries.clear()
        assert greet(user) == "ann"

    shown = str(captured.span("greet").attributes["user"])
    assert queries == []
    assert '"name": "ann"' in shown
    assert '"password": "[REDACTED]"' in shown
    assert "orders" not in shown
    engine.dispose()
