"""Amounts as a spreadsheet writes them: read where only one meaning is possible, bad rows elsewhere."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.deliveries import Staging
from finops.sources.rules import REASONS
from finops.sources.spreadsheets import SIGNS
from tests.sources.conftest import MINIMAL, Rows, Stage

UNREADABLE = REASONS["billed-unreadable"]
CONTRADICTS = REASONS["sign-contradicts"]


def bill(*amounts: str, currency: str = "USD") -> str:
    """A bill with a row for each amount, numbered by its service."""
    return MINIMAL + "".join(f'2026-03-01,"{amount}",{currency},{number}\n' for number, amount in enumerate(amounts))


def reasons(staging: Staging) -> list[str]:
    return [bad.reason for bad in staging.bad_rows]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$10,000.00 ", "10000"),
        (" $1,234.50 ", "1234.5"),
        ("$ 1,234.50", "1234.5"),
        ("$5", "5"),
        ("$.5", "0.5"),
        ("US$1,000,000.25", "1000000.25"),
        ("USD 12.5", "12.5"),
        ("USD12.5", "12.5"),
        ("1,234.5678901234", "1234.5678901234"),
        ("12,345,678", "12345678"),
        ("$1,234", "1234"),
        ("-$1.50", "-1.5"),
        ("- $1.50", "-1.5"),
        ("$-1.50", "-1.5"),
        ("$ -1.50", "-1.5"),
        ("($1.50)", "-1.5"),
        ("(1.50)", "-1.5"),
        ("( $1,500.00 )", "-1500"),
        ("$(1,500.00)", "-1500"),
        ("-1,234.50", "-1234.5"),
        (" $-   ", "0"),  # the accounting style's zero
    ],
)
def test_an_amount_that_can_be_read_one_way_only_is_read(staged: Stage, rows: Rows, text: str, amount: str) -> None:
    staging = staged(bill(text))
    assert ([], [(Decimal(amount),)]) == (reasons(staging), rows(staging, "BilledCost"))
    assert "amounts written as in a spreadsheet were read, such as $1,234.50 as 1234.50 (bill.csv)" in staging.notes


@pytest.mark.parametrize(
    "text",
    [
        *("1.234,56", "1,23", "12,34,567", "1 234", "0,005", "1,2345", "1,23,456.00", "$1.234,56", "1,234.50.1", ",234", "1,234,"),
        *("$", "-", "5 USD", "5 €", "1.50-", "-($5)", "(5", "5)", "$$5", "--$5", "usd 5", "$ (-5)", "1'234.50", "1,234", "$1e3", "TBD -"),
    ],
)
def test_an_amount_that_may_mean_something_else_is_a_bad_row(staged: Stage, text: str) -> None:
    assert [UNREADABLE] == reasons(staged(bill("5", text, "7")))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.decimals(min_value=-(10**15), max_value=10**15, places=2), min_size=1, max_size=40))
def test_whatever_a_spreadsheet_writes_comes_back_as_it_was(staged: Stage, rows: Rows, amounts: list[Decimal]) -> None:
    signed = [f"(${-amount:,})" if amount < 0 else f"${amount:,} " for amount in amounts]
    assert [(amount,) for amount in amounts] == rows(staged(bill(*signed)), "BilledCost", "CAST(ServiceName AS INTEGER)")


@pytest.mark.parametrize("proof", ["0.5", "12.50", "$3.25", "1,234.50", "1,234,567", "$2,000", "1.5E-05"])
def test_one_comma_is_a_thousand_where_the_file_proves_it(staged: Stage, rows: Rows, proof: str) -> None:
    staging = staged(bill("1,234", proof))
    assert ([], 1234) == (reasons(staging), rows(staging, "BilledCost", "ServiceName")[0][0])


@pytest.mark.parametrize("other", ["7", "1.234", "-5"])
def test_one_comma_stays_a_bad_row_where_nothing_proves_it(staged: Stage, other: str) -> None:
    assert [UNREADABLE] == reasons(staged(bill("1,234", other)))


@pytest.mark.parametrize("other", ["1,5", "0,250", "1.234,56", "12,34,567.00"])
def test_one_comma_stays_a_bad_row_where_another_comma_is_none_of_thousands(staged: Stage, other: str) -> None:
    """Even with a dollar sign, and beside amounts that are clear."""
    staging = staged(bill("1,234", "$1,234", "1,234.50", other))
    assert [2, 3, 5] == [bad.line for bad in staging.bad_rows]
    assert Decimal("1234.5") == staging.parts[0].totals[0].billed


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("€5", "EUR"),
        ("£5", "GBP"),
        ("¥5", "JPY"),
        ("¥5", "CNY"),
        ("R$ 5", "BRL"),
        ("$5", "CAD"),
        ("A$5", "AUD"),
        ("CHF 5", "CHF"),
        ("$5", "usd"),
        ("₹5", "INR"),
        ("€ 5", "eur"),
    ],
)
def test_a_sign_of_the_billing_currency_is_welcome(staged: Stage, text: str, currency: str) -> None:
    staging = staged(bill(text, currency=currency))
    totals = [(total.currency, total.billed) for part in staging.parts for total in part.totals]
    assert ([], [(currency.upper(), Decimal(5))]) == (reasons(staging), totals)


@pytest.mark.parametrize(
    ("text", "currency"),
    [("€5", "USD"), ("(€5)", "USD"), ("-£5", "EUR"), ("$5", "EUR"), ("US$5", "CAD"), ("CHF 5", "EUR"), ("ABC 5", "USD"), ("€-", "USD")],
)
def test_a_sign_of_another_currency_is_a_bad_row(staged: Stage, text: str, currency: str) -> None:
    assert [CONTRADICTS] == reasons(staged(bill(text, currency=currency)))


def test_a_sign_on_any_of_the_costs_counts(staged: Stage) -> None:
    header = MINIMAL.replace("\n", ",EffectiveCost,ListCost,ContractedCost\n")
    row = ["2026-03-01,1,USD,a", "1", "1", "1"]
    lines = [",".join([*row[:at], "€1", *row[at + 1 :]]) for at in (1, 2, 3)]
    assert [CONTRADICTS] * 3 == reasons(staged(header + "\n".join(lines) + "\n"))


def test_a_price_in_the_pricing_currency_may_bear_its_sign(staged: Stage, rows: Rows) -> None:
    header = MINIMAL.replace("\n", ",PricingCurrency,PricingCurrencyListUnitPrice\n")
    staging = staged(header + "2026-03-01,$1.50,USD,a,EUR,€2\n")
    assert ([], [(2,)]) == (reasons(staging), rows(staging, "PricingCurrencyListUnitPrice"))


@pytest.mark.parametrize("sign", SIGNS)
def test_every_sign_of_the_table_is_read_for_its_currencies_only(staged: Stage, sign: str) -> None:
    codes = SIGNS[sign].split()
    lines = "".join(f"2026-03-01,{sign}1,{code},a\n" for code in [*codes, "XAF"])
    staging = staged(MINIMAL + lines)
    assert (set(codes), [CONTRADICTS]) == ({total.currency for part in staging.parts for total in part.totals}, reasons(staging))


def test_quantities_and_prices_are_read_too(staged: Stage, rows: Rows) -> None:
    header = MINIMAL.replace("\n", ",ConsumedQuantity,ListUnitPrice\n")
    staging = staged(header + '2026-03-01,1.25,USD,a,"1,500",$0.02\n')
    assert [(1500, Decimal("0.02"))] == rows(staging, "ConsumedQuantity, ListUnitPrice")


def test_amounts_that_turn_up_late_in_a_long_file_are_read(staged: Stage) -> None:
    """The first rows promise plain numbers; a thousand and more comes only at the end."""
    staging = staged(MINIMAL + "2026-03-01,0.5,USD,a\n" * 100_000 + '2026-03-01,"1,000.00",USD,a\n2026-03-01,x,USD,a\n')
    [part] = staging.parts
    assert (100_001, Decimal(51_000)) == (part.rows, part.totals[0].billed)
    assert [100_003] == [bad.line for bad in staging.bad_rows]


def test_text_in_parquet_is_read_the_same_way(staged: Stage, tmp_path: Path) -> None:
    base = {"ChargePeriodStart": ["3/31/26"] * 2, "BillingCurrency": ["USD"] * 2, "ServiceName": ["a"] * 2}
    pq.write_table(pa.table({**base, "BilledCost": ["$1,000.50", "1"]}), tmp_path / "bill.parquet")
    [part] = staged(tmp_path / "bill.parquet").parts
    assert Decimal("1001.5") == part.totals[0].billed


def test_numbers_that_are_none_in_a_typed_parquet_file_are_bad_rows_as_ever(staged: Stage, tmp_path: Path) -> None:
    base = {"ChargePeriodStart": pa.array([0], pa.timestamp("us")), "BillingCurrency": ["USD"], "ServiceName": ["a"]}
    table = pa.table({**base, "BilledCost": [float("nan")], "BillingPeriodStart": pa.array([0], pa.timestamp("us"))})
    table = table.set_column(0, "ChargePeriodStart", pa.array([1_772_323_200_000_000], pa.timestamp("us")))
    pq.write_table(table.drop_columns(["BillingPeriodStart"]), tmp_path / "bill.parquet")
    assert [UNREADABLE] == reasons(staged(tmp_path / "bill.parquet"))
