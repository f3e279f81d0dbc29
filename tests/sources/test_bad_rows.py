"""Rows that break a rule: found, explained, and placed on the line they stand on."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.sources.bills import Caps
from finops.sources.rules import REASONS, RULES
from tests.sources.conftest import MINIMAL, Rows, Stage

GOOD = "2026-03-01,1,USD,ok\n"


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("nope,1,USD,a", "start-unreadable"),
        ("25.1.5,1,USD,a", "start-unreadable"),
        ("2023-02-01T30:00:00Z,1,USD,a", "start-unreadable"),
        (",1,USD,a", "start-missing"),
        ("0026-03-01,1,USD,a", "start-far-off"),
        ("2026-03-01,abc,USD,a", "billed-unreadable"),
        ("2026-03-01,NaN,USD,a", "billed-unreadable"),
        ("2026-03-01,inf,USD,a", "billed-unreadable"),
        ("2026-03-01,1e40,USD,a", "billed-unreadable"),
        ('2026-03-01,"1,000",USD,a', "billed-unreadable"),
        ("2026-03-01,1_000,USD,a", "billed-unreadable"),
        ('2026-03-01,"10.000,00",USD,a', "billed-unreadable"),
        ("2026-03-01,€5,USD,a", "sign-contradicts"),
        ("2026-03-01,,USD,a", "billed-missing"),
        ("2026-03-01,1,,a", "currency-missing"),
        ("2026-03-01,1,US,a", "currency-unknown"),
        ("2026-03-01,1,TOKENS,a", "currency-unknown"),
    ],
)
def test_a_broken_rule_names_the_row(staged: Stage, row: str, rule: str) -> None:
    staging = staged(MINIMAL + GOOD + row + "\n" + GOOD)
    assert [(3, REASONS[rule], row)] == [(bad.line, bad.reason, bad.excerpt) for bad in staging.bad_rows]
    assert (1, 2) == (sum(staging.bad_row_counts.values()), staging.parts[0].rows)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("ChargePeriodEnd", "2026-02-28", "end-before-start"),
        ("ChargePeriodEnd", "soon", "end-unreadable"),
        ("ChargePeriodEnd", "2026-03-01T30:00:00Z", "end-unreadable"),
        ("BillingPeriodStart", "March", "period-unreadable"),
        ("BillingPeriodStart", "1026-03-01", "period-far-off"),
        ("EffectiveCost", "much", "effective-unreadable"),
        ("ListCost", "-", "list-unreadable"),
        ("ContractedCost", "1.2.3", "contracted-unreadable"),
        ("ChargeCategory", "Usages", "category-unknown"),
        ("ChargeCategory", "", "category-missing"),
    ],
)
def test_a_broken_optional_column_names_the_row(staged: Stage, column: str, value: str, rule: str) -> None:
    staging = staged(MINIMAL.replace("\n", f",{column}\n") + f"2026-03-01,1,USD,a,{value}\n")
    assert [REASONS[rule]] == [bad.reason for bad in staging.bad_rows]


def test_every_rule_is_tried_here() -> None:
    text = Path(__file__).read_text()
    assert [] == [rule.name for rule in RULES if f'"{rule.name}"' not in text]


def test_a_quantity_that_is_no_number_does_not_spoil_the_row(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL.replace("\n", ",ConsumedQuantity\n") + "2026-03-01,1,USD,a,many\n")
    assert [(None,)] == rows(staging, "ConsumedQuantity")
    assert "quantities or unit prices that are no numbers are unknown (1 row)" in staging.notes


def test_the_line_is_right_after_newlines_in_quotes_and_blank_lines(staged: Stage) -> None:
    text = MINIMAL + '2026-03-01,1,USD,"a\nb ""c""\n"\n\n' + GOOD + "2026-03-01,x,USD,d\n"
    assert [7] == [bad.line for bad in staged(text).bad_rows]
    assert [7] == [bad.line for bad in staged(text, name="bill.csv.gz").bad_rows]


def test_bad_rows_are_counted_by_period_and_the_good_ones_still_staged(staged: Stage) -> None:
    staging = staged(MINIMAL + GOOD + "2026-03-02,x,USD,a\n2026-04-02,x,USD,a\n2026-04-02,y,USD,a\n,1,USD,a\n")
    assert {"2026-03": 1, "2026-04": 2, None: 1} == staging.bad_row_counts
    assert ["2026-03", "2026-04", "2026-04", None] == [bad.period for bad in staging.bad_rows]
    assert [("2026-03", 1)] == [(part.period, part.rows) for part in staging.parts]


def test_a_file_of_bad_rows_only_stages_nothing(staged: Stage) -> None:
    staging = staged(MINIMAL + "2026-03-02,x,USD,a\n")
    assert ((), {"2026-03": 1}) == (staging.parts, staging.bad_row_counts)


def test_only_the_first_bad_rows_are_shown_and_all_are_counted(staged: Stage) -> None:
    lines = "".join(f"2026-03-02,x{number},USD,a\n" for number in range(5000))
    staging = staged(MINIMAL + GOOD * 3000 + lines, caps=Caps(bad_rows=10))
    assert {"2026-03": 5000} == staging.bad_row_counts
    assert list(range(3002, 3012)) == [bad.line for bad in staging.bad_rows]


def test_an_excerpt_is_one_short_line(staged: Stage) -> None:
    [bad] = staged(MINIMAL + '2026-03-02,x,USD,"' + "a\n\x1b" * 300 + '"\n').bad_rows
    assert (200, True) == (len(bad.excerpt), bad.excerpt.isprintable())


def test_a_bad_row_of_a_parquet_file_has_its_row_number(staged: Stage, tmp_path: Path) -> None:
    costs = [1.5, float("nan"), float("inf"), 2.0]
    base = {"ChargePeriodStart": ["2026-03-01"] * 4, "BillingCurrency": ["USD"] * 4, "ServiceName": ["a"] * 4}
    pq.write_table(pa.table({**base, "BilledCost": costs}), tmp_path / "bill.parquet")
    staging = staged(tmp_path / "bill.parquet")
    assert [2, 3] == [bad.line for bad in staging.bad_rows]
    assert "'BilledCost': nan}" in staging.bad_rows[0].excerpt
