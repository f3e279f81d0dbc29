"""What the migrations make, repeated on empty databases: run anew for each test they were more than half of many a test's time."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event

from finops.ledger.state import _revision_on

Upgrade = Callable[[Connection], None]


def once_for_real(upgrade: Upgrade) -> Upgrade:
    """Return an upgrade that runs the migrations for the first empty database of a kind and gives their statements to the others."""
    made: dict[str, list[str]] = {}

    def apply(connection: Connection) -> None:
        kind = connection.dialect.name
        if _revision_on(connection) is not None:
            upgrade(connection)
        elif kind not in made:
            made[kind] = _statements(connection, upgrade)
        else:
            for statement in ["; ".join(made[kind])] if kind == "postgresql" else made[kind]:
                connection.exec_driver_sql(statement)

    return apply


def _statements(connection: Connection, upgrade: Upgrade) -> list[str]:
    """Run the migrations and return what they said to the database, apart from their questions."""
    seen: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            assert not parameters, f"a migration gives values beside its statement, which is not repeated: {statement}"
            seen.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        upgrade(connection)
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return seen
