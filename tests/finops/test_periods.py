"""Days, weeks, months and the periods before them, across month ends and leap years."""

from datetime import date

import pytest

from finops.periods import (
    DAY,
    Grain,
    Period,
    Unit,
    add_months,
    back,
    default_grain,
    floor,
    month_of,
    months_before,
    preceding,
    same_days_before,
    to_date,
    unit_before,
    unit_of,
    year_before,
)


def days(text: str) -> Period:
    """Read `2026-03-01..2026-03-31`, both days included."""
    first, _, last = text.partition("..")
    return Period(date.fromisoformat(first), date.fromisoformat(last or first) + DAY)


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_a_period_ends_after_it_starts() -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        Period(day("2026-03-01"), day("2026-03-01"))


def test_a_period_holds_its_first_day_but_not_its_end() -> None:
    period = days("2026-03-01..2026-03-03")
    assert [day("2026-03-01"), day("2026-03-02"), day("2026-03-03")] == list(period)
    assert day("2026-03-04") not in period
    assert period.days == 3


def test_periods_that_only_touch_do_not_overlap() -> None:
    assert not days("2026-03-01..2026-03-31").overlaps(days("2026-04-01"))
    assert days("2026-03-01..2026-03-31").overlaps(days("2026-03-31"))


@pytest.mark.parametrize(("grain", "expected"), [("day", "2028-02-29"), ("week", "2028-02-28"), ("month", "2028-02-01")])
def test_a_day_belongs_to_a_step(grain: Grain, expected: str) -> None:
    assert day(expected) == floor(day("2028-02-29"), grain)


def test_steps_begin_before_the_period_when_it_begins_inside_one() -> None:
    assert [day("2026-02-01"), day("2026-03-01")] == days("2026-02-15..2026-03-02").steps("month")


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-11-30", 3, "2027-02-28"),
        ("2026-05-31", 0, "2026-05-31"),
    ],
)
def test_months_later_keeps_the_day_where_the_month_has_it(start: str, months: int, expected: str) -> None:
    assert day(expected) == add_months(day(start), months)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("day", "2028-02-29"),
        ("week", "2028-02-28..2028-03-05"),
        ("month", "2028-02-01..2028-02-29"),
        ("quarter", "2028-01-01..2028-03-31"),
        ("year", "2028-01-01..2028-12-31"),
    ],
)
def test_a_day_lies_in_a_whole_unit(unit: Unit, expected: str) -> None:
    assert days(expected) == unit_of(day("2028-02-29"), unit)


def test_the_month_of_a_day_in_december_ends_with_the_year() -> None:
    assert days("2026-12-01..2026-12-31") == month_of(day("2026-12-31")) == unit_of(day("2026-12-31"), "month")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("day", "2025-12-31"),
        ("week", "2025-12-22..2025-12-28"),
        ("month", "2025-12-01..2025-12-31"),
        ("quarter", "2025-10-01..2025-12-31"),
        ("year", "2025-01-01..2025-12-31"),
    ],
)
def test_the_unit_before_new_year_lies_in_the_old_year(unit: Unit, expected: str) -> None:
    assert days(expected) == unit_before(day("2026-01-01"), unit)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("week", "2026-11-16..2026-11-20"),
        ("month", "2026-11-01..2026-11-20"),
        ("quarter", "2026-10-01..2026-11-20"),
        ("year", "2026-01-01..2026-11-20"),
    ],
)
def test_to_date_includes_today(unit: Unit, expected: str) -> None:
    assert days(expected) == to_date(day("2026-11-20"), unit)


def test_to_date_on_the_first_of_a_month_is_that_one_day() -> None:
    assert days("2026-11-01") == to_date(day("2026-11-01"), "month")


@pytest.mark.parametrize(
    ("amount", "unit", "expected"),
    [
        (7, "day", "2028-02-24"),
        (4, "week", "2028-02-03"),
        (1, "month", "2028-02-02"),
        (2, "quarter", "2027-09-02"),
        (1, "year", "2027-03-02"),
    ],
)
def test_going_back_counts_units(amount: int, unit: Unit, expected: str) -> None:
    assert day(expected) == back(day("2028-03-02"), amount, unit)


def test_the_preceding_period_is_as_long_and_ends_where_this_one_starts() -> None:
    assert days("2028-02-23..2028-02-29") == preceding(days("2028-03-01..2028-03-07"))


def test_the_month_before_may_be_shorter() -> None:
    assert days("2026-02-01..2026-02-28") == months_before(days("2026-03-01..2026-03-31"), 1)


@pytest.mark.parametrize(
    ("period", "unit", "expected"),
    [
        ("2026-03-01..2026-03-20", "month", "2026-02-01..2026-02-20"),
        ("2026-03-01..2026-03-31", "month", "2026-02-01..2026-02-28"),
        ("2028-03-01..2028-03-30", "month", "2028-02-01..2028-02-29"),
        ("2026-11-16..2026-11-18", "week", "2026-11-09..2026-11-11"),
        ("2026-07-01..2026-09-30", "quarter", "2026-04-01..2026-06-30"),
        ("2028-01-01..2028-12-31", "year", "2027-01-01..2027-12-31"),
    ],
)
def test_as_many_days_of_the_unit_before_or_all_of_a_shorter_one(period: str, unit: Unit, expected: str) -> None:
    assert days(expected) == same_days_before(days(period), unit)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("2026-11-13..2026-11-19", "2025-11-13..2025-11-19"),
        ("2028-02-29", "2027-02-28"),
        ("2029-02-01..2029-02-28", "2028-02-01..2028-02-29"),
        ("2028-02-01..2028-02-29", "2027-02-01..2027-02-28"),
        ("2028-02-20..2028-02-29", "2027-02-20..2027-02-28"),
    ],
)
def test_a_year_earlier_whole_months_stay_whole(period: str, expected: str) -> None:
    assert days(expected) == year_before(days(period))


@pytest.mark.parametrize(("length", "expected"), [(1, "day"), (45, "day"), (46, "week"), (200, "week"), (201, "month")])
def test_longer_periods_are_drawn_in_longer_steps(length: int, expected: Grain) -> None:
    assert expected == default_grain(Period(day("2026-01-01"), day("2026-01-01") + DAY * length))
