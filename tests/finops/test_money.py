"""How amounts read, and that nothing is lost when they are split."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.money import percent, short, show, show_each, signed, split


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("12345.67", "USD", "$12,345.67"),
        ("12.3", "CHF", "CHF 12.30"),
        ("1234.5", "BRL", "R$1,234.50"),
        ("1234.5", "JPY", "¥1,235"),
        ("1.2345", "KWD", "KWD 1.235"),
        ("-3.2", "USD", "−$3.20"),
        ("0", "USD", "$0.00"),
        ("-0.00", "USD", "$0.00"),
        ("2.675", "EUR", "€2.68"),
        ("5", "", "5.00"),
    ],
)
def test_an_amount_is_shown_in_the_decimals_of_its_currency(amount: str, currency: str, expected: str) -> None:
    assert expected == show(Decimal(amount), currency)


def test_an_amount_too_small_for_cents_never_reads_as_nothing() -> None:
    assert show(Decimal("0.000012"), "USD") == "$0.000012"
    assert show(Decimal("0.3"), "JPY") == "¥0.30"
    assert show(Decimal("-0.0049"), "USD") == "−$0.0049"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**27), max_value=10**27))
def test_only_zero_reads_as_zero(amount: Decimal) -> None:
    assert (amount == 0) == (not any(digit in show(amount, "USD") for digit in "123456789"))


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("1234", "€1.2k"),
        ("999949", "€1M"),
        ("999.6", "€1k"),
        ("123456", "€123k"),
        ("2500000000", "€2.5B"),
        ("-4567", "−€4.6k"),
        ("250", "€250"),
        ("9.5", "€9.50"),
        ("0", "€0"),
        ("0.00012", "€0.00012"),
    ],
)
def test_a_short_amount_has_three_digits_at_most(amount: str, expected: str) -> None:
    assert expected == short(Decimal(amount), "EUR")


def test_a_signed_amount_names_its_direction() -> None:
    assert [signed(Decimal(each), "USD") for each in ("3.2", "-3.2", "0")] == ["+$3.20", "−$3.20", "$0.00"]


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.4, "40 %"),
        (0.034, "3.4 %"),
        (0.0004, "<0.1 %"),
        (0.996, "99.6 %"),
        (0.99999, "99.9 %"),
        (12.5, "1,250 %"),
        (-0.03, "−3 %"),
        (None, "–"),
    ],
)
def test_a_share_says_neither_nothing_nor_all_too_early(share: float | None, expected: str) -> None:
    assert expected == percent(share)


def test_a_signed_share_has_its_plus() -> None:
    assert percent(0.112, signed=True) == "+11 %"


def test_ten_dollars_for_three_leave_the_odd_cent_with_the_first() -> None:
    assert (Decimal("3.34"), Decimal("3.33"), Decimal("3.33")) == split(Decimal(10), [1, 1, 1])


def test_the_largest_remainder_gets_the_odd_cent() -> None:
    assert (Decimal("0.02"), Decimal("0.03")) == split(Decimal("0.05"), [45, 55])


def test_without_any_weight_everyone_pays_the_same() -> None:
    assert (Decimal("1.00"), Decimal("1.00")) == split(Decimal(2), [0, 0])


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_a_split_needs_weights_that_are_not_negative(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot split 5 by"):
        split(Decimal(5), weights)


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6)
WEIGHTS = st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**9, places=4), min_size=1, max_size=30)


@given(AMOUNTS, WEIGHTS)
def test_the_parts_sum_to_the_whole_exactly(total: Decimal, weights: list[Decimal]) -> None:
    assert total == sum(split(total, weights))


@given(st.integers(-(10**12), 10**12), WEIGHTS)
def test_each_part_is_within_a_cent_of_its_exact_share(cents: int, weights: list[Decimal]) -> None:
    total, whole = Decimal(cents) / 100, sum(weights)
    shares = [total * weight / whole if whole else total / len(weights) for weight in weights]
    assert all(abs(part - share) < Decimal("0.0100001") for part, share in zip(split(total, weights), shares, strict=True))


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.0128349", "$0.0128"),
        ("0.000966", "$0.000966"),
        ("0.99951", "$1.00"),
        ("-0.5", "−$0.500"),
        ("1", "$1.00"),
        ("0", "$0.00"),
        ("12.345", "$12.35"),
    ],
)
def test_what_one_of_many_costs_keeps_three_digits(amount: str, shown: str) -> None:
    assert shown == show_each(Decimal(amount), "USD")
