"""Opens the state database, SQLite or PostgreSQL, and brings it to the newest form."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from finops.errors import LedgerError, UserError
from finops.ledger.audit_chain import UNKEYED, Keys

HEAD = "0011"
MIGRATIONS = Path(__file__).with_name("migrations")
WRITERS_LOCK = 7_241_905  # any number of ours: names the PostgreSQL advisory lock of writers


def open_state(url: str, audit_keys: Keys = UNKEYED) -> Engine:
    """Return an engine on the state database at `url`, migrated. Raises UserError when it cannot be reached.

    Its audit is sealed with `audit_keys`; without any, it shows slips and not malice.
    """
    engine = _engine(url)
    engine.update_execution_options(audit_keys=audit_keys)
    try:
        _migrate(engine)
    except DBAPIError as problem:
        raise UserError(f"the state database {engine.url!r} cannot be used ({problem.orig}); check FINOPS_DATABASE_URL") from problem
    return engine


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as problem:
        raise UserError("FINOPS_DATABASE_URL is not a database address; use sqlite:///path or postgresql+psycopg://…") from problem
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise UserError(f"the state database can be SQLite or PostgreSQL, not {parsed.get_backend_name()}; change FINOPS_DATABASE_URL")
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed)
    event.listen(engine, "connect", _sqlite_pragmas)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    for pragma in ("busy_timeout=20000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    mode = "IMMEDIATE" if connection.get_execution_options().get("writing") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction that no other writer of any process runs beside: commits at the end, rolls back on an error."""
    with engine.connect().execution_options(writing=True, alone=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS_LOCK})
        yield connection


def _migrate(engine: Engine) -> None:
    if _revision(engine) == HEAD:
        return
    with writing(engine) as connection:
        if _revision_on(connection) != HEAD:
            _upgrade(connection)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return _revision_on(connection)


def _revision_on(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found > HEAD:
        raise LedgerError(f"the state database is of a newer form ({found}) than this finops-bot knows ({HEAD}); update finops-bot")
    return found


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
