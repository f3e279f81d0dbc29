"""The FOCUS specification's own software bills, which came out of a spreadsheet: all load, with exact sums."""

from decimal import Decimal
from pathlib import Path

import pytest

from finops.deliveries import Staging
from tests.sources.conftest import Rows, Stage

# Rows, then billed, effective, list and contracted cost, added up from the files by hand. In the virtual currency
# bills money goes out when tokens are bought and is used up when they are spent.
BILLS = {
    "saas_spend_agreements_a1": (4, 1200, 1200, 1257, 1200),
    "saas_spend_agreements_a2": (13, 1200, 1200, 1257, 1200),
    "saas_spend_agreements_b1": (5, 1200, 1200, 2457, 2400),
    "saas_spend_agreements_b2": (14, 1200, 1200, 2457, 2400),
    "simple_saas_agreements_a1": (1, 10_000, 10_000, 10_000, 10_000),
    "simple_saas_agreements_a2": (1, 50_000, 50_000, 50_000, 50_000),
    "simple_saas_agreements_a3": (1, 1_000, 1_000, 1_000, 1_000),
    "simple_saas_agreements_b": (1, 50_000, 50_000, 50_000, 50_000),
    "simple_saas_agreements_c": (3, 35_800, 35_800, 35_800, 35_800),
    "virtual_currency_pricing_model_a1": (1, 200_000, 0, 200_000, 200_000),
    "virtual_currency_pricing_model_a2": (3, 0, 1230, 1230, 1230),
    "virtual_currency_pricing_model_b1": (1, 100_000, 0, 200_000, 100_000),
    "virtual_currency_pricing_model_b2": (3, 0, 615, 1230, 615),
    "virtual_currency_pricing_model_b3": (3, 0, 495, 1230, 495),
    "virtual_currency_pricing_model_c": (2, 53_000, 0, 53_000, 53_000),
}


@pytest.fixture
def example(staged: Stage, data: Path) -> Stage:
    """Stage one of the examples by name."""

    def run(name: str) -> Staging:
        return staged(data / "focus-spec-examples" / f"{name}.csv")

    return run


def test_every_software_bill_of_the_specification_is_in_the_table(data: Path) -> None:
    names = {path.stem for path in (data / "focus-spec-examples").glob("*.csv")}
    assert set(BILLS) == {name for name in names if "saas" in name or "virtual" in name}


@pytest.mark.parametrize("name", BILLS)
def test_every_row_is_loaded_and_every_sum_is_exact(example: Stage, name: str) -> None:
    staging = example(name)
    totals = [total for part in staging.parts for total in part.totals]
    sums = [(each.rows, each.billed, each.effective, each.list or Decimal(0), each.contracted or Decimal(0)) for each in totals]
    assert ({}, {"USD"}) == (staging.bad_row_counts, {each.currency for each in totals})
    assert BILLS[name] == tuple(sum(column) for column in zip(*sums, strict=True))


def test_the_months_of_a_bill_are_told_apart(example: Stage) -> None:
    parts = example("simple_saas_agreements_c").parts
    expected = [("2025-04", Decimal(10_100)), ("2025-05", Decimal(13_000)), ("2025-06", Decimal(12_700))]
    assert expected == [(part.period, part.totals[0].billed) for part in parts]


def test_tokens_are_the_pricing_currency_and_dollars_the_billing_currency(example: Stage, rows: Rows) -> None:
    staging = example("virtual_currency_pricing_model_b3")
    expected = [("Token", "USD", 10, 10), ("Token", "USD", 240, 240), ("Token", "USD", 245, 245)]
    assert expected == rows(staging, "PricingCurrency, BillingCurrency, PricingCurrencyEffectiveCost, EffectiveCost")


def test_the_notes_say_once_how_dates_and_amounts_were_read(example: Stage) -> None:
    name = "simple_saas_agreements_c.csv"
    assert (
        f"dates with slashes were read month first, 4/1/25 as 2025-04-01 ({name})",
        f"amounts written as in a spreadsheet were read, such as $1,234.50 as 1234.50 ({name})",
    ) == example("simple_saas_agreements_c").notes


def test_plain_amounts_beside_dates_with_slashes_are_not_spoken_of(example: Stage) -> None:
    [note] = example("virtual_currency_pricing_model_a2").notes
    assert note.startswith("dates with slashes were read month first")
