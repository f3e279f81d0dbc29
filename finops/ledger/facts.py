"""Runs statements in process, by DuckDB, over exactly the Parquet files it is given."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Column, FromClause, MetaData, Table
from sqlalchemy.sql.expression import Select

from finops.errors import LedgerError
from finops.ledger.dialects import duckdb_text
from finops.ledger.statements import Statement, charges


class Reading(Protocol):
    """One question's view of the files it asks: the same from its first statement to its last."""

    charges: FromClause

    def keep(self, statement: Select[Any]) -> FromClause:
        """Return a relation with the statement's rows, which later statements of this question may read again and again."""

    def run(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Return the rows of a statement built on `charges` or on what was kept."""

    def empty(self, columns: Collection[str]) -> frozenset[str]:
        """Return those of the columns that are known to hold nothing in these files."""


class Facts(Protocol):
    """Where the charges of the live files can be asked."""

    def reading(self, paths: Sequence[str]) -> AbstractContextManager[Reading]:
        """Open exactly these files, one or more, for one question."""

    def keep(self, path: str, file: Path) -> None:
        """Take a file in before it is made live; repeating it changes nothing."""

    def drop(self, path: str) -> None:
        """Forget a file that no reader can need any more."""

    def close(self) -> None:
        """Let go of connections."""


class DuckFacts:
    """One in-memory DuckDB for the process; every question has a cursor of its own, so threads do not meet."""

    def __init__(self, root: Path, *, threads: int | None = None, memory_limit: str | None = None) -> None:
        self._root = root
        self._settings = {"threads": threads, "memory_limit": memory_limit}
        self._lock = threading.Lock()
        self._connection: Any = None
        self._holds: dict[str, frozenset[str]] = {}  # path → columns with a value in them

    @contextmanager
    def reading(self, paths: Sequence[str]) -> Iterator[Reading]:
        """Raises LedgerError when a live file is missing or unreadable: figures without it would be wrong."""
        import duckdb

        with self._open().cursor() as cursor:
            try:
                yield DuckReading(
                    cursor,
                    f"WITH charges AS NOT MATERIALIZED (SELECT * FROM read_parquet({self._list(paths)}))",
                    lambda columns: self._empty(cursor, paths, columns),
                )
            except duckdb.IOException as problem:
                raise LedgerError(f"a file of the ledger cannot be read ({problem}); restore it or load the bill again") from problem

    def _empty(self, cursor: Any, paths: Sequence[str], columns: Collection[str]) -> frozenset[str]:
        """Files never change, so what a file's own statistics say of it is read once."""
        for path in paths:
            if path not in self._holds:
                found = cursor.execute(
                    f"SELECT path_in_schema FROM parquet_metadata({self._list([path])}) GROUP BY path_in_schema "
                    "HAVING coalesce(sum(stats_null_count), 0) < sum(num_values)"
                ).fetchall()
                self._holds[path] = frozenset(name for (name,) in found)
        return frozenset(column for column in columns if not any(column in self._holds[path] for path in paths))

    def keep(self, path: str, file: Path) -> None:
        """Nothing to do: the file's place in the folder is where it is read."""

    def drop(self, path: str) -> None:
        (self._root / path).unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _list(self, paths: Sequence[str]) -> str:
        return "[" + ", ".join("'" + str(self._root / path).replace("'", "''") + "'" for path in paths) + "]"

    def _open(self) -> Any:
        import duckdb

        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(":memory:", config={k: v for k, v in self._settings.items() if v is not None})
                self._connection.execute("SET parquet_metadata_cache = true")
            return self._connection


@dataclass
class DuckReading:
    """A cursor, and the clause that names the files `charges`; what is kept is a temporary table that goes with the cursor."""

    cursor: Any
    clause: str
    empty: Callable[[Collection[str]], frozenset[str]]
    charges: FromClause = charges
    kept: int = 0

    def keep(self, statement: Select[Any]) -> FromClause:
        self.kept += 1
        name = f"kept_{self.kept}"
        self.cursor.execute(f"CREATE TEMP TABLE {name} AS {self._text(statement)}")
        return Table(name, MetaData(), *(Column(column.name, column.type) for column in statement.selected_columns))

    def run(self, statement: Statement) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.cursor.execute(self._text(statement)).fetchall()
        return rows

    def _text(self, statement: Statement) -> str:
        """A clause costs less than a view, which would look into every file before the statement does."""
        sql = duckdb_text(statement)
        if self.kept and "FROM charges" not in sql:
            return sql
        return f"{self.clause}, {sql.removeprefix('WITH ')}" if sql.startswith("WITH ") else f"{self.clause} {sql}"
