"""Which requests were taken in already, so that one that comes again changes nothing."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, TypeVar

from sqlalchemy import Connection

AT_ONCE: Final = 5_000  # keys in one statement; SQLite allows 32,766 values
T = TypeVar("T")
Seen = tuple[bytes, date]


def known_requests(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Return those of the keys that were taken in before."""
    return {bytes(key) for some in _pieces(keys) for (key,) in _matching(connection, some)}


def remember_requests(tx: Connection, seen: Sequence[Seen]) -> int:
    """Note requests as taken in and return how many of them are new: fewer than given where somebody else was faster."""
    return sum(_insert(tx, some) for some in _pieces(seen))


def _pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


def _matching(connection: Connection, keys: Sequence[bytes]) -> Sequence[tuple[bytes]]:
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql("SELECT key FROM seen_requests WHERE key = ANY(%s)", (list(keys),))
    else:
        places = ", ".join("?" * len(keys))
        found = connection.exec_driver_sql(f"SELECT key FROM seen_requests WHERE key IN ({places})", tuple(keys))
    return [(row[0],) for row in found]


def _insert(tx: Connection, seen: Sequence[Seen]) -> int:
    if tx.dialect.name == "postgresql":
        rows = "SELECT unnest(%s::bytea[]), unnest(%s::date[])"
        columns = ([key for key, _ in seen], [day for _, day in seen])
        return tx.exec_driver_sql(f"INSERT INTO seen_requests (key, day) {rows} ON CONFLICT DO NOTHING", columns).rowcount
    values = [(key, day.isoformat()) for key, day in seen]
    return tx.exec_driver_sql("INSERT OR IGNORE INTO seen_requests (key, day) VALUES (?, ?)", values).rowcount
