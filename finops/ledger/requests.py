"""Which requests were taken in already, so that one that comes again changes nothing.

Ids are noted for some weeks; those of older days are looked up in the ledger's files, which hold every request for good.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import Connection, Engine, delete, select

from finops.ledger.derive import quoted
from finops.ledger.state import writing
from finops.ledger.tables import files, live, loads, seen_requests

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NOTED: Final = timedelta(days=45)  # gateways and their queues send again within days, not weeks
CLOCKS: Final = timedelta(days=2)  # whoever forgets may be so far ahead of whoever looks
SLICES: Final = 64  # of the table, forgotten one by one: writers wait for a part of it only
AT_ONCE: Final = 5_000  # keys in one statement; SQLite allows 32,766 values
T = TypeVar("T")
Seen = tuple[bytes, date]


def known_requests(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Return those of the keys that were taken in before."""
    return {bytes(key) for some in _pieces(keys) for (key,) in _matching(connection, some)}


def remember_requests(tx: Connection, seen: Sequence[Seen]) -> int:
    """Note requests as taken in and return how many of them are new: fewer than given where somebody else was faster."""
    return sum(_insert(tx, some) for some in _pieces(seen))


def forget_requests(engine: Engine, today: date) -> int:
    """Drop the ids of days that are looked up in the files from now on; return how many."""
    edges = [bytes([first * 256 // SLICES]) for first in range(SLICES)]
    return sum(_forget(engine, today - NOTED, edge, later) for edge, later in zip(edges, [*edges[1:], None], strict=True))


def _forget(engine: Engine, before: date, first: bytes, end: bytes | None) -> int:
    inside = [seen_requests.c.key >= first, *([seen_requests.c.key < end] if end else [])]
    with writing(engine) as tx:
        return tx.execute(delete(seen_requests).where(seen_requests.c.day < before, *inside)).rowcount


def may_be_forgotten(today: date) -> date:
    """Return the first day whose ids are noted for certain."""
    return today - NOTED + CLOCKS


def live_usage(connection: Connection, periods: Collection[str]) -> dict[str, str]:
    """Return load and path of the files that hold the requests of these months."""
    statement = (
        select(live.c.load_id, files.c.path)
        .join(loads, loads.c.id == live.c.load_id)
        .join(files, files.c.load_id == live.c.load_id)
        .where(loads.c.kind == "usage", live.c.period.in_(periods), files.c.retired_at.is_(None))
    )
    return {row.load_id: row.path for row in connection.execute(statement)}


def requests_in(con: "DuckDBPyConnection", paths: Sequence[str], ids: str) -> list[bytes]:
    """Return the keys of those requests in ledger files whose ids the query `ids` gives."""
    if not paths:
        return []
    listed = ", ".join(map(quoted, paths))
    rows = f"SELECT x_RequestId FROM read_parquet([{listed}], hive_partitioning = false) WHERE x_RequestId IN ({ids})"
    return [key for (key,) in con.execute(f"SELECT DISTINCT unhex(left(sha256(x_RequestId), 32)) FROM ({rows}) ORDER BY ALL").fetchall()]


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
