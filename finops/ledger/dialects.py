"""The one place that knows how SQL dialects differ: reading a tag, and turning a statement into text."""

from typing import Any

from sqlalchemy import ColumnElement, Dialect, String
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.sql.visitors import InternalTraversal

from finops.errors import QueryError


class Tag(ColumnElement[str]):
    """The text under `key` in a column that holds a JSON object."""

    inherit_cache = True
    type = String()
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement), ("key_text", InternalTraversal.dp_string)]  # noqa: RUF012 - SQLAlchemy reads it off the class

    def __init__(self, column: ColumnElement[Any], key: str) -> None:
        self.column = column
        self.key_text = key


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json_path(key: str) -> str:
    return '$."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


@compiles(Tag)
def _tag_duckdb(element: Tag, compiler: SQLCompiler, **kw: Any) -> str:
    """DuckDB reads the text that the PostgreSQL compiler makes, so its form is the default."""
    column = compiler.process(element.column, **kw)
    if getattr(compiler.dialect, "speaks", "") == "postgresql":
        return f"(CAST({column} AS JSONB) ->> {_literal(element.key_text)})"
    return f"json_extract_string({column}, {_literal(_json_path(element.key_text))})"


@compiles(Tag, "bigquery")
def _tag_bigquery(element: Tag, compiler: SQLCompiler, **kw: Any) -> str:
    return f"JSON_VALUE({compiler.process(element.column, **kw)}, {_bigquery_literal(_json_path(element.key_text))})"


def _bigquery_literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class DuckText(PGDialect):
    """PostgreSQL's text as DuckDB reads it: values written in, with '' as the only escape."""

    supports_statement_cache = True

    def __init__(self) -> None:
        super().__init__(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self._backslash_escapes = False  # in DuckDB a backslash stands for itself


class PostgresText(PGDialect):
    """The same statement for a real PostgreSQL."""

    speaks = "postgresql"


def text_of(statement: ClauseElement, dialect: Dialect) -> str:
    """Return the statement with its values written in, for reading and for engines that are given text."""
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def duckdb_text(statement: ClauseElement) -> str:
    """Return the statement for DuckDB with its values written in as literals.

    The first value bound as a parameter makes DuckDB's client import pandas where it is installed: a second and a half
    for every command. Text is quoted by SQLAlchemy; a property test holds that any text comes back as it went in.
    Raises QueryError for text with a NUL, which no SQL text can hold.
    """
    sql = text_of(statement, DuckText())
    if "\0" in sql:
        raise QueryError("a value holds a NUL character, which no name in a bill has; leave it out")
    return sql
