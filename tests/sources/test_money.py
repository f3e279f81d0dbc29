"""Money from text: exact to ten decimals, and no value that is not plainly a number."""

from decimal import ROUND_HALF_UP, Context, Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.sources.casts import read

WIDE = Context(prec=60)


def as_money(value: object, type_: str) -> Decimal | None:
    with duckdb.connect() as con:
        row = con.execute(f"SELECT {read('x', type_, 'money')} FROM (SELECT CAST(? AS {type_}) AS x)", [value]).fetchone()
    assert row
    found: Decimal | None = row[0]
    return found


@given(st.decimals(min_value=-(10**27), max_value=10**27, places=10))
def test_ten_decimals_come_back_as_they_were(amount: Decimal) -> None:
    assert amount == as_money(format(amount, "f"), "VARCHAR")


@given(st.decimals(min_value=-(10**5), max_value=10**5, places=18))
def test_more_decimals_are_rounded_half_up(amount: Decimal) -> None:
    assert amount.quantize(Decimal("1E-10"), ROUND_HALF_UP, WIDE) == as_money(format(amount, "f"), "VARCHAR")


@given(st.integers(-(10**6), 10**6), st.integers(0, 10))
def test_exponents_mean_what_they_say(digits: int, exponent: int) -> None:
    assert Decimal(f"{digits}E-{exponent}") == as_money(f"{digits}E-{exponent}", "VARCHAR")


@given(st.integers(1, 9999), st.integers(15, 300))
def test_amounts_far_below_the_tenth_decimal_are_zero(digits: int, exponent: int) -> None:
    assert Decimal(0) == as_money(f"{digits}e-{exponent}", "VARCHAR")


@given(st.decimals(min_value=-(10**8), max_value=10**8, places=6))
def test_a_double_is_the_decimal_it_was_written_as(amount: Decimal) -> None:
    assert amount == as_money(float(amount), "DOUBLE")


def test_a_single_precision_number_is_its_shortest_text() -> None:
    assert Decimal("0.1") == as_money(0.1, "FLOAT")


@pytest.mark.parametrize(
    "text", ["1,000", "1.000,50", "1_000", "$5", "5 USD", "NaN", "inf", "-Infinity", "", "--1", "0x10", "1e", "1" * 29, "٣"]
)
def test_what_is_not_plainly_a_number_is_none(text: str) -> None:
    assert None is as_money(text, "VARCHAR")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e40])
def test_a_double_that_is_no_amount_is_none(value: float) -> None:
    assert None is as_money(value, "DOUBLE")
