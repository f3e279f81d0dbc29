"""Values written into SQL text come back as they went in, and mean nothing else."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Date, DateTime, String, cast, literal, select

from finops.errors import QueryError
from finops.ledger.dialects import Tag, duckdb_text
from finops.ledger.statements import rate_literal

CONNECTION = duckdb.connect()


def fetch(value: ColumnElement[Any]) -> Any:
    row = CONNECTION.execute(duckdb_text(select(value))).fetchone()
    assert row is not None
    return row[0]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_only_text(text: str) -> None:
    assert fetch(literal(text, String())) == text


@pytest.mark.parametrize("text", ["'; DROP TABLE charges; --", "\\'", "a''b", "%s %(x)s $1 :name ?", "$$x$$", "/*", "E'\\n'"])
def test_text_that_means_something_elsewhere(text: str) -> None:
    assert fetch(literal(text, String())) == text


@given(st.dates(), st.datetimes(), st.decimals(0, 999_999, places=12))
def test_days_moments_and_rates(day: date, moment: datetime, rate: Decimal) -> None:
    assert fetch(cast(literal(day, Date()), Date())) == day
    assert fetch(cast(literal(moment, DateTime()), DateTime())) == moment
    assert fetch(rate_literal(rate)) == rate


def test_a_nul_is_refused() -> None:
    with pytest.raises(QueryError, match="NUL"):
        duckdb_text(select(literal("a\0b", String())))


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30))
@example("*")
def test_any_tag_key_finds_its_value(key: str) -> None:
    tags = literal(json.dumps({key: "found"}), String())
    assert fetch(Tag(tags, key)) == "found"
