"""Every statement of the ledger is written once: each engine reads it, and PostgreSQL answers as DuckDB does."""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Engine, String, create_engine, insert, literal, select
from sqlalchemy.dialects import postgresql

from finops.errors import QueryError
from finops.ledger import catalog
from finops.ledger.bigquery import _parameter
from finops.ledger.dialects import Tag, bigquery_text, duckdb_text, text_of
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger
from finops.ledger.state import open_state
from finops.ledger.statements import Statement, charges
from tests.fakes.bigquery_sql import run, translate
from tests.ledger.questions import ODD, QUESTIONS, TERMS, Question, fill, in_order

CONNECTION = duckdb.connect(config={"threads": 1})
LEDGER = Path(__file__).parents[2] / "finops" / "ledger"
ENGINES = re.compile(r"duckdb|duck\b|postgres|psycopg|bigquery|spark|clickhouse|json_value|json_extract|jsonb|@compiles", re.IGNORECASE)
QUESTION = pytest.mark.parametrize("question", [Question(*each) for each in QUESTIONS.items()], ids=lambda each: each.name)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("dialects")
    opened = Ledger(open_state(f"sqlite:///{folder / 'state.sqlite'}"), folder, DuckFacts(folder, threads=1), TERMS)
    fill(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def paths(ledger: Ledger) -> list[str]:
    with ledger.engine.connect() as connection:
        return [file.path for file in catalog.live_files(connection)]


@pytest.fixture(scope="module")
def postgres(postgres_server: str, ledger: Ledger, paths: Sequence[str]) -> Iterator[Engine]:
    """A PostgreSQL table of exactly the rows of the ledger's files."""
    name = f"facts_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    engine = create_engine(f"{postgres_server}/{name}".replace("postgresql:", "postgresql+psycopg:"))
    rows = read(ledger, paths, select(charges))
    with engine.begin() as connection:
        charges.create(connection)
        connection.execute(insert(charges), [dict(zip(charges.c.keys(), row, strict=True)) for row in rows])
    yield engine
    engine.dispose()


def read(ledger: Ledger, paths: Sequence[str], statement: Statement) -> list[tuple[Any, ...]]:
    with ledger.facts.reading(paths) as reading:
        return reading.run(statement)


def spark(statement: Statement) -> str:
    return sqlglot.transpile(duckdb_text(statement), read="duckdb", write="spark")[0]


def clickhouse(statement: Statement) -> str:
    return sqlglot.transpile(duckdb_text(statement), read="duckdb", write="clickhouse")[0]


def postgres_text(statement: Statement) -> str:
    return text_of(statement, postgresql.dialect())  # type: ignore[no-untyped-call]


def bigquery(statement: Statement) -> str:
    return bigquery_text(statement)[0]


TARGETS = {"duckdb": duckdb_text, "postgres": postgres_text, "bigquery": bigquery, "spark": spark, "clickhouse": clickhouse}


@QUESTION
@pytest.mark.parametrize("target", TARGETS)
def test_each_statement_is_text_that_the_engine_reads(question: Question, target: str) -> None:
    for statement in question.statements(charges):
        (parsed,) = sqlglot.parse(TARGETS[target](statement), read=target)
        assert isinstance(parsed, sqlglot.exp.Query)
        assert len(statement.selected_columns) == len(parsed.selects)


@pytest.mark.postgres
@QUESTION
def test_postgresql_answers_as_duckdb_does(question: Question, postgres: Engine, ledger: Ledger, paths: Sequence[str]) -> None:
    with postgres.connect() as connection:
        for statement in question.statements(charges):
            found = [tuple(row) for row in connection.execute(statement)]
            assert in_order(found) == in_order(read(ledger, paths, statement))


def test_the_questions_find_something(ledger: Ledger, paths: Sequence[str]) -> None:
    """Equal answers prove nothing where all are empty."""
    found = [[len(read(ledger, paths, one)) for one in Question(*each).statements(charges)] for each in QUESTIONS.items()]
    assert [sum(counts[kind] > 0 for counts in found) >= len(found) // 2 for kind in range(6)] == [True] * 6


def test_what_can_be_known_of_a_tag_is_read_from_the_charges(ledger: Ledger) -> None:
    assert ledger.values("tag:app") == ["chat", "Chat", "märz"]


def on_duckdb(value: ColumnElement[Any]) -> Any:
    row = CONNECTION.execute(duckdb_text(select(value.label("found")))).fetchone()
    assert row is not None
    return row[0]


def on_bigquery(value: ColumnElement[Any]) -> Any:
    """What BigQuery makes of it: its text and values, read by the fake's rules."""
    sql, values = bigquery_text(select(value.label("found")))
    ((found,),) = run(CONNECTION.cursor(), translate(sql, [_parameter(each).to_api_repr() for each in values], None)).rows
    return found


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a/%b%", "A%bc", True),
        ("a/%b%", "axbc", False),
        ("a/_b", "a_B", True),
        ("a/_b", "axb", False),
        ("a//b", "a/b", True),
        ("%\\c", "A\\C", True),
        ("%\\%", "ab", False),
        ("grö%", "GRÖSSE", True),
        ("", "", True),
    ],
)
def test_a_pattern_means_the_same_where_the_escape_is_another(pattern: str, text: str, matches: bool) -> None:
    asked = literal(text, String()).ilike(pattern, escape="/")
    assert (on_duckdb(asked), on_bigquery(asked)) == (matches, str(matches).lower())


@given(st.text("ab%_/\\", max_size=8), st.text("ab%_/\\", max_size=8))
def test_any_pattern_means_the_same(text: str, part: str) -> None:
    pattern = part.replace("/", "//").replace("%", "/%").replace("_", "/_") + "%"
    asked = literal(text, String()).ilike(pattern, escape="/")
    assert str(on_duckdb(asked)).lower() == on_bigquery(asked) == str(text.startswith(part)).lower()


@given(TEXTS)
def test_any_text_comes_back_from_bigquery_as_it_went(text: str) -> None:
    assert on_bigquery(literal(text, String())) == text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_tag_of_any_name_is_written_as_one_literal(key: str) -> None:
    """Its path is text in the statement, so nothing in it may end that text early."""
    sql, _ = bigquery_text(select(Tag(literal("{}", String()), key)))
    parsed = sqlglot.parse_one(sql, read="bigquery")
    assert isinstance(parsed, sqlglot.exp.Select)
    assert [type(each.this) for each in parsed.selects] == [sqlglot.exp.JSONExtractScalar]


@pytest.mark.parametrize("key", ["app", ODD, "a.b", "ключ", "a b", "'; DROP TABLE charges; --"])
def test_a_tag_is_found_under_an_odd_name(key: str) -> None:
    tag = Tag(literal(json.dumps({key: "found"}), String()), key)
    assert (on_duckdb(tag), on_bigquery(tag)) == ("found", "found")


@pytest.mark.postgres
@pytest.mark.parametrize("key", ["app", ODD, "a.b", "ключ", "100%", "%(x)s", "back\\slash", "'; DROP TABLE charges; --"])
def test_a_tag_is_found_under_an_odd_name_on_postgresql(key: str, postgres: Engine) -> None:
    with postgres.connect() as connection:
        assert connection.execute(select(Tag(literal(json.dumps({key: "found"}), String()), key))).scalar() == "found"


def test_a_nul_is_refused_wherever_it_stands() -> None:
    for value in (literal("a\0b", String()), literal("a", String()).in_(["x\0"]), Tag(literal("{}", String()), "\0")):
        with pytest.raises(QueryError, match="NUL"):
            bigquery_text(select(value))


def test_only_one_file_knows_the_engines_apart() -> None:
    """State, files and loads have engines of their own; what a question means is said in `statements` and `catalog`."""
    assert [line for name in ("statements", "catalog") for line in named(name)] == []


def test_no_other_module_compiles_for_a_dialect() -> None:
    assert [path.name for path in LEDGER.glob("*.py") if "@compiles" in path.read_text() or "sqlalchemy_bigquery" in path.read_text()] == [
        "dialects.py"
    ]


def named(module: str) -> list[str]:
    return [line for line in (LEDGER / f"{module}.py").read_text().splitlines() if ENGINES.search(line)]
