"""The one place that knows how SQL dialects differ: reading a tag, a pattern, and turning a statement into text."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Dialect, String, literal
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

    @property
    def _from_objects(self) -> list[Any]:
        """A statement that shows nothing but a tag still reads from the tag's table."""
        return list(self.column._from_objects)


def _json_path(key: str) -> str:
    return '$."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


@compiles(Tag, "postgresql")
def _tag_postgres(element: Tag, compiler: SQLCompiler, **kw: Any) -> str:
    """DuckDB reads what the PostgreSQL dialect writes, except for its JSON."""
    column = compiler.process(element.column, **kw)
    if isinstance(compiler.dialect, DuckText):
        path = "/*" if element.key_text == "*" else _json_path(element.key_text)  # quoted or not, $."*" is every key to DuckDB
        return f"json_extract_string({column}, {compiler.render_literal_value(path, String())})"
    return f"(CAST({column} AS JSONB) ->> {compiler.render_literal_value(element.key_text, String())})"


@compiles(Tag, "bigquery")
def _tag_bigquery(element: Tag, compiler: SQLCompiler, **kw: Any) -> str:
    return f"JSON_VALUE({compiler.process(element.column, **kw)}, {_bigquery_literal(_json_path(element.key_text))})"


def _bigquery_literal(text: str) -> str:
    return "'" + "".join(_BIGQUERY_SIGNS.get(sign, sign) for sign in text) + "'"


_BIGQUERY_SIGNS = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}  # a quoted text ends at its line there


class DuckText(PGDialect):
    """PostgreSQL's text as DuckDB reads it: values written in, with '' as the only escape."""

    supports_statement_cache = True

    def __init__(self) -> None:
        super().__init__(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self._backslash_escapes = False  # in DuckDB a backslash stands for itself


def text_of(statement: ClauseElement, dialect: Dialect) -> str:
    """Return the statement with its values written in, for reading and for engines that are given text."""
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def duckdb_text(statement: ClauseElement) -> str:
    """Return the statement for DuckDB with its values written in as literals.

    The first value bound as a parameter makes DuckDB's client import pandas where it is installed: a second and a half
    for every command. Text is quoted by SQLAlchemy; a property test holds that any text comes back as it went in.
    Raises QueryError for text with a NUL, which no SQL text can hold.
    """
    return _without_nul(text_of(statement, DuckText()))


@dataclass(frozen=True)
class Parameter:
    """A value that travels beside the text under `@name`; a tuple is an array of `kind`."""

    name: str
    kind: str
    value: Any


def bigquery_text(statement: ClauseElement) -> tuple[str, tuple[Parameter, ...]]:
    """Return the statement for BigQuery and the values it names. Raises QueryError for text with a NUL."""
    compiled: Any = statement.compile(dialect=_bigquery()())
    found = {name: compiled.params[name] for name in compiled.kinds}
    values = tuple(Parameter(name, compiled.kinds[name], tuple(v) if isinstance(v, list) else v) for name, v in found.items())
    _without_nul("".join(text for value in values for text in (value.value if isinstance(value.value, tuple) else [str(value.value)])))
    return _without_nul(str(compiled)), values


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise QueryError("a value holds a NUL character, which no name in a bill has; leave it out")
    return text


@cache
def _bigquery() -> Any:
    """Build the dialect when first needed: its library takes seconds to load."""
    from sqlalchemy_bigquery import BigQueryDialect
    from sqlalchemy_bigquery.base import BigQueryCompiler, unnest

    unnest.inherit_cache = True  # it takes the place of every `unnest`, PostgreSQL's too, and would warn of each

    class Compiler(BigQueryCompiler):  # type: ignore[misc]
        """Values as `@name`, each with its type noted in `kinds`; patterns without ILIKE and ESCAPE, which are unknown there."""

        def __init__(self, *args: Any, **kw: Any) -> None:
            self.kinds: dict[str, str] = {}
            super().__init__(*args, **kw)

        def bindparam_string(self, name: str, **kw: Any) -> str:
            return f"@{name}"

        def visit_bindparam(self, bindparam: Any, *args: Any, **kw: Any) -> str:
            shown: str = super().visit_bindparam(bindparam, *args, **kw)
            name = shown.removeprefix("UNNEST(").removesuffix(")").removeprefix("@")
            self.kinds[name] = self.dialect.type_compiler_instance.process(bindparam.type)
            return shown

        def visit_ilike_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
            pattern = literal(_backslashed(binary.right.value, binary.modifiers["escape"]), String())
            return f"LOWER({self.process(binary.left, **kw)}) LIKE LOWER({self.process(pattern, **kw)})"

    class Text(BigQueryDialect):  # type: ignore[misc]
        statement_compiler = Compiler
        supports_statement_cache = False

    return Text


def _backslashed(pattern: str, escape: str) -> str:
    """Return the pattern as engines read it whose only escape is the backslash."""
    signs = iter(pattern)
    return "".join(_escaped(next(signs)) if sign == escape else "\\\\" if sign == "\\" else sign for sign in signs)


def _escaped(sign: str) -> str:
    return f"\\{sign}" if sign in "%_\\" else sign
