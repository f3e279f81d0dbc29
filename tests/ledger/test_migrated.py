"""The state databases of tests have the form that the migrations make, though most did not run them."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url

from finops.ledger.state import HEAD, open_state
from tests.ledger.older import state_at


def form(engine: Engine) -> dict[str, object]:
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            return {row.name: row.sql for row in connection.execute(text("SELECT name, sql FROM sqlite_master"))}
    found = inspect(engine)
    return {
        table: (
            [(column["name"], str(column["type"]), column["nullable"], column["default"]) for column in found.get_columns(table)],
            found.get_pk_constraint(table),
            found.get_indexes(table),
            found.get_unique_constraints(table),
            found.get_check_constraints(table),
        )
        for table in found.get_table_names()
    }


def forms(migrated: str, repeated: str) -> list[dict[str, object]]:
    state_at(migrated, HEAD)
    open_state(repeated).dispose()
    engines = [create_engine(make_url(url).set(drivername=driver_of(url))) for url in (migrated, repeated)]
    made = [form(engine) for engine in engines]
    for engine in engines:
        engine.dispose()
    return made


def driver_of(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"


def test_a_repeated_sqlite_database_is_like_a_migrated_one(tmp_path: Path) -> None:
    open_state(f"sqlite:///{tmp_path}/first.sqlite").dispose()
    migrated, repeated = forms(f"sqlite:///{tmp_path}/migrated.sqlite", f"sqlite:///{tmp_path}/repeated.sqlite")
    assert migrated == repeated
    assert len(migrated) > 20


@pytest.mark.postgres
def test_a_repeated_postgresql_database_is_like_a_migrated_one(postgres_database: str, another_postgres_database: str) -> None:
    migrated, repeated = forms(postgres_database, another_postgres_database)
    assert migrated == repeated
