"""Speeds and forecasts, worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from finops.guard.burn import burn_rate, forecast_total, rates_by_days
from finops.periods import DAY, Period, month_of

NOVEMBER = month_of(date(2026, 11, 1))
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def days(first: str, *costs: int) -> dict[date, Decimal]:
    return {date.fromisoformat(first) + DAY * number: Decimal(cost) for number, cost in enumerate(costs)}


def test_an_hour_that_costs_what_fourteen_may_burns_fourteen_times_as_fast() -> None:
    assert Decimal(14) == burn_rate(Decimal(14), timedelta(hours=1), Decimal(720), START, END)


def test_a_budget_of_nothing_has_no_speed() -> None:
    assert burn_rate(Decimal(1), timedelta(hours=1), Decimal(0), START, END) is None


def test_the_last_day_and_the_last_week_are_told_apart() -> None:
    assert {"1d": Decimal(8), "7d": Decimal(2)} == rates_by_days(
        days("2026-11-01", 10, 10, 10, 10, 10, 10, 80), Decimal(300), NOVEMBER, date(2026, 11, 8)
    )


def test_weekends_that_are_quiet_stay_quiet_in_the_forecast() -> None:
    """Eight weeks of 10 on workdays and 1 at weekends; November 2026 has 21 workdays."""
    first = date(2026, 9, 7)
    past = {first + DAY * number: Decimal(1 if (first + DAY * number).weekday() > 4 else 10) for number in range(56)}
    assert Decimal(21 * 10 + 9) == forecast_total(past, NOVEMBER, date(2026, 11, 1), date(2026, 11, 1) + DAY)


def test_a_single_day_that_breaks_all_bounds_does_not_become_the_level() -> None:
    past = days("2026-11-01", 10, 10, 10, 1000, 10, 10, 10, 10, 10, 10)
    assert Decimal(90 + 1000 + 20 * 10) == forecast_total(past, NOVEMBER, date(2026, 11, 11), date(2026, 11, 11))


def test_a_day_that_has_cost_more_than_usual_already_counts_as_it_is() -> None:
    past = days("2026-11-01", 10, 10, 50)
    assert Decimal(70 + 27 * 10) == forecast_total(past, NOVEMBER, date(2026, 11, 3), date(2026, 11, 3))


def test_without_a_complete_day_there_is_no_forecast_and_without_a_day_left_it_is_what_was_spent() -> None:
    assert forecast_total(days("2026-11-01", 10), NOVEMBER, date(2026, 11, 1), date(2026, 11, 1)) is None
    day = Period(date(2026, 11, 1), date(2026, 11, 2))
    assert Decimal(10) == forecast_total(days("2026-11-01", 10), day, date(2026, 11, 5), date(2026, 11, 5))
