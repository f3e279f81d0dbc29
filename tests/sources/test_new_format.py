"""The page on adding a format is true: its example is loaded and reads its own bill."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.charges import COLUMNS
from finops.sources.formats import FORMATS
from finops.sources.mapping import Mapping, choose, fold, readings
from finops.sources.staging import stage
from tests.sources.conftest import Rows

PAGE = Path(__file__).parents[2] / "docs" / "new-format.md"


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture
def acme() -> Mapping:
    """The mapping of the page, as if it were a file."""
    names: dict[str, Any] = {}
    exec(compile(block("python"), "acme.py", "exec"), names)
    mapping = names["ACME"]
    assert isinstance(mapping, Mapping)
    return mapping


def test_the_example_reads_its_bill(acme: Mapping, tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "acme.csv").write_text(block("csv"))
    staging = stage([tmp_path / "acme.csv"], acme, source="acme", folder=tmp_path / "out", derived={})
    expected = [("Credit", Decimal("-2.5"), "search", None), ("Usage", Decimal("12.5"), "search", "prod")]
    assert expected == rows(staging, "ChargeCategory, BilledCost, x_Project, x_Env")
    assert {"subtotals were left out (1 row)", "welcome bonuses are counted as credits (1 row)"} == set(staging.notes)


def test_the_first_expression_with_all_its_columns_is_used(acme: Mapping, tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "acme.csv").write_text("date,amount,amount_net,currency\n2026-03-01,2,1,EUR\n")
    staging = stage([tmp_path / "acme.csv"], acme, source="acme", folder=tmp_path / "out", derived={})
    assert [(Decimal(1), "Acme Hosting")] == rows(staging, "BilledCost, ServiceName")


@pytest.mark.parametrize("mapping", FORMATS.values(), ids=FORMATS)
def test_a_format_writes_only_columns_of_the_ledger_and_is_listed_under_its_name(mapping: Mapping) -> None:
    assert set() == set(mapping.columns) - set(COLUMNS)
    assert mapping is FORMATS[mapping.name]


@pytest.mark.parametrize("mapping", FORMATS.values(), ids=FORMATS)
def test_every_required_column_is_one_the_format_reads(mapping: Mapping) -> None:
    read = {fold(each.column) for some in mapping.columns.values() for text in some for each in readings(text)}
    assert [] == [name for group in mapping.required for name in group if fold(name) not in read]


@pytest.mark.parametrize("mapping", FORMATS.values(), ids=FORMATS)
def test_a_column_that_was_not_delivered_is_not_read(mapping: Mapping) -> None:
    bound = [column for column, some in mapping.columns.items() if not any(_free(text) for text in some)]
    assert [] == [column for column in bound if choose(mapping, column, {}) is not None]


def _free(expression: str) -> bool:
    """Whether an expression can do without any raw column."""
    return all(each.optional for each in readings(expression))
