"""GoogleSQL run by DuckDB: what BigQuery would refuse is refused, what the two read differently is translated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any, Final

import duckdb
import sqlglot
from sqlglot import exp

BIGNUMERIC: Final = "DECIMAL(38, 12)"  # the widest DuckDB can multiply with an amount of ten decimals
DUCK_TYPES: Final = {
    "STRING": "VARCHAR",
    "BIGNUMERIC": BIGNUMERIC,
    "NUMERIC": "DECIMAL(38, 9)",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMPTZ",
    "DATE": "DATE",
    "INT64": "BIGINT",
    "INTEGER": "BIGINT",
    "BOOL": "BOOLEAN",
    "BOOLEAN": "BOOLEAN",
    "FLOAT64": "DOUBLE",
}
LOADED_AS: Final = {
    "DECIMAL": {"BIGNUMERIC", "NUMERIC"},
    "VARCHAR": {"STRING"},
    "TIMESTAMP": {"DATETIME", "TIMESTAMP"},
    "DATE": {"DATE"},
    "BIGINT": {"INT64", "INTEGER"},
}
WIDE: Final = Context(prec=80)
RESULT_TYPES: Final = {
    "VARCHAR": "STRING",
    "TIMESTAMP": "DATETIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "DATE": "DATE",
    "BOOLEAN": "BOOLEAN",
    "DOUBLE": "FLOAT",
}


class RefusedError(Exception):
    """An answer of BigQuery that is an error."""

    def __init__(self, reason: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.reason, self.message, self.status = reason, message, status


@dataclass(frozen=True)
class Statement:
    """DuckDB's text of a query, and the tables it reads as (dataset, table)."""

    text: str
    reads: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Result:
    """Columns as (name, BigQuery type) and rows as BigQuery's JSON shows them."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str | None, ...], ...]


def translate(sql: str, parameters: Sequence[Mapping[str, Any]], dataset: str | None) -> Statement:
    """Raises RefusedError for text that BigQuery does not understand."""
    try:
        tree = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.SqlglotError as problem:
        raise RefusedError("invalidQuery", f"Syntax error: {str(problem).splitlines()[0]}") from problem
    _refuse_foreign(tree)
    made = {cte.alias for cte in tree.find_all(exp.CTE)}
    reads = frozenset(_qualify(table, dataset) for table in tree.find_all(exp.Table) if table.db or table.name not in made)
    values = _Values(parameters)
    return Statement(tree.transform(values.put_in).transform(_adapt).sql("duckdb"), reads)


def run(cursor: Any, statement: Statement) -> Result:
    try:
        cursor.execute(statement.text)
    except duckdb.Error as problem:
        raise RefusedError("invalidQuery", f"{str(problem).splitlines()[0]} at [1:1]") from problem
    columns = tuple((column[0], _result_type(str(column[1]))) for column in cursor.description)
    if any(kind == "TIMESTAMP" for _, kind in columns):  # told in microseconds; DuckDB would want a library of time zones
        shown = ", ".join(f'epoch_us("{name}")' if kind == "TIMESTAMP" else f'"{name}"' for name, kind in columns)
        cursor.execute(f"SELECT {shown} FROM ({statement.text})")
    return Result(columns, tuple(tuple(_shown(value) for value in row) for row in cursor.fetchall()))


def refuse_other_types(found: Mapping[str, str], fields: Sequence[Mapping[str, str]]) -> None:
    """Raises RefusedError where a Parquet file does not hold what the schema of its load announces."""
    for one in fields:
        kind = found.get(one["name"], "")
        base = kind.partition("(")[0]
        if one["type"] not in LOADED_AS.get(base, ()):
            raise RefusedError(
                "invalid", f"Provided Schema does not match: field {one['name']} has changed type from {one['type']} to {kind}"
            )
        if one["type"] == "NUMERIC" and int(kind.rstrip(")").rpartition(",")[2]) > 9:
            raise RefusedError("invalid", f"Field {one['name']}: NUMERIC holds nine decimals, the file has {kind}")


def nested_type(field: Mapping[str, Any]) -> str:
    """Return DuckDB's type for a field of a BigQuery schema, with the fields within it."""
    if field["type"] in ("RECORD", "STRUCT"):
        inner = ", ".join(f'"{one["name"]}" {nested_type(one)}' for one in field["fields"])
        kind = f"STRUCT({inner})"
    else:
        kind = {**DUCK_TYPES, "FLOAT": "DOUBLE"}[field["type"]]
    return f"{kind}[]" if field.get("mode") == "REPEATED" else kind


def _refuse_foreign(tree: exp.Expr) -> None:
    for kind, what in ((exp.ILike, "ILIKE"), (exp.Escape, "ESCAPE")):
        if tree.find(kind):
            raise RefusedError("invalidQuery", f"Syntax error: Unexpected keyword {what}")
    for group in tree.find_all(exp.Group):
        if any(isinstance(key, exp.Literal | exp.Parameter) and not getattr(key, "is_int", False) for key in group.expressions):
            raise RefusedError("invalidQuery", "Cannot GROUP BY literal values")


def _qualify(table: exp.Table, dataset: str | None) -> tuple[str, str]:
    """Point a table at the dataset it lies in; the project is the server's only one."""
    place = table.db or dataset
    if place is None:
        raise RefusedError("invalid", f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).')
    table.set("db", exp.to_identifier(place, quoted=True))
    table.set("catalog", None)
    return place, table.name


class _Values:
    """The parameters of a query, put in as literals."""

    def __init__(self, parameters: Sequence[Mapping[str, Any]]) -> None:
        self._named = {one["name"].casefold(): one for one in parameters if one.get("name")}
        self._placed = iter([one for one in parameters if not one.get("name")])

    def put_in(self, node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.In) and (array := node.args.get("unnest")):
            found = self._find(array.expressions[0])
            values = [self._literal(found["parameterType"]["arrayType"], each) for each in found["parameterValue"].get("arrayValues", ())]
            return exp.In(this=node.this, expressions=values) if values else exp.false()
        if isinstance(node, exp.Parameter | exp.Placeholder):
            found = self._find(node)
            return self._literal(found["parameterType"], found["parameterValue"])
        return node

    def _find(self, node: exp.Expr) -> Mapping[str, Any]:
        one = next(self._placed, None) if isinstance(node, exp.Placeholder) else self._named.get(node.name.casefold())
        if one is None:
            raise RefusedError("invalidQuery", f"Query parameter '{node.name}' not found")
        return one

    @staticmethod
    def _literal(kind: Mapping[str, Any], value: Mapping[str, Any]) -> exp.Expr:
        text = value.get("value")
        if kind["type"] not in DUCK_TYPES:
            raise RefusedError("invalidQuery", f"Query parameters of type {kind['type']} are not known")
        plain = exp.null() if text is None else exp.Literal.string(str(text))
        return plain if kind["type"] == "STRING" and text is not None else exp.cast(plain, DUCK_TYPES[kind["type"]], dialect="duckdb")


def _adapt(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Like) and not isinstance(node.parent, exp.Escape):
        return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))
    if isinstance(node, exp.JSONExtractScalar):
        return exp.Anonymous(this="json_extract_string", expressions=[node.this, node.expression])
    if isinstance(node, exp.DataType) and node.is_type(exp.DataType.Type.BIGDECIMAL):
        return exp.DataType.build(BIGNUMERIC, dialect="duckdb")
    return node


def _result_type(kind: str) -> str:
    if kind.startswith("DECIMAL"):
        return "BIGNUMERIC"
    return RESULT_TYPES.get(kind, "INTEGER")


def _shown(value: Any) -> str | None:
    if isinstance(value, Decimal):
        return format(value.normalize(WIDE), "f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return None if value is None else str(value)
