"""A free allowance a month: its free days are foreseen, and its charged days are not taken for the whole month."""

from datetime import date, timedelta

import numpy as np
import pytest

from finops.insight.forecast import Forecast, default_members
from finops.insight.forecast_allowance import Allowances, allowances
from finops.insight.panel import Floats
from tests.insight.forecast_samples import MONDAY, month, noisy, panel, sure

DAYS = [MONDAY + timedelta(days=number) for number in range(250)]


def metered(until: date, free: float, *uses: float) -> Floats:
    """Return days from a Monday on: each month `uses` units a day (the last one for all months after), of which `free` cost nothing."""
    costs, left, month_now = [], free, 0
    for day in DAYS[: (until - MONDAY).days]:
        left = free if day.month != month_now else left
        month_now = day.month
        use = uses[min(day.month, len(uses)) - 1]
        costs.append(max(0.0, use - left))
        left = max(0.0, left - use)
    return np.array(costs)


def found(series: Floats, ahead: int = 31) -> Allowances:
    days = [MONDAY + timedelta(days=number) for number in range(len(series) + ahead)]
    return allowances(series[None], days[: len(series)], days[len(series) :])


def free_ahead(series: Floats, ahead: int = 31) -> int:
    return int(found(series, ahead).ahead.sum())


def test_the_free_days_of_the_month_to_come_are_foreseen() -> None:
    """80 units are free and 10 are used a day: eight free days, then 23 at 10."""
    [answer] = month(panel(metered(date(2024, 5, 1), 80, 10)))
    assert [0.0] * 8 == [day.cost for day in answer.daily[:8]]
    assert pytest.approx(23 * 10) == answer.total


def test_within_the_free_days_the_rest_of_them_is_foreseen() -> None:
    [answer] = month(panel(metered(date(2024, 5, 4), 80, 10)))
    assert pytest.approx(23 * 10) == answer.total


def test_after_them_the_month_is_charged_to_its_end() -> None:
    [answer] = month(panel(metered(date(2024, 5, 15), 80, 10)))
    assert pytest.approx(23 * 10) == answer.total


def test_who_uses_twice_as_much_has_used_it_up_in_half_the_time() -> None:
    """16 free days at 5 a day in January and February, 8 at 10 in March and April; at 20 a day since the end of April there are 4."""
    calm, now = metered(date(2024, 5, 1), 80, 5, 5, 10), metered(date(2024, 5, 1), 80, 20)
    assert [8, 4] == [free_ahead(calm), free_ahead(np.concatenate([calm[:-7], now[-7:]]))]


def test_an_allowance_that_lasts_longer_than_thought_may_end_tomorrow() -> None:
    """Eight days were foreseen, ten are gone, and one more is believed."""
    series = metered(date(2024, 5, 1), 80, 10)
    assert 1 == free_ahead(np.append(series, np.zeros(10)), 21)


def test_the_free_days_of_two_months_ahead_are_foreseen_too() -> None:
    assert 8 + 8 == free_ahead(metered(date(2024, 5, 1), 80, 10), 61)


def test_one_month_that_began_with_free_days_is_chance() -> None:
    series = metered(date(2024, 5, 1), 80, 10)
    series[:91] = 10.0  # January to March without an allowance
    assert not found(series).past.any()


def test_a_job_that_runs_now_and_then_has_no_allowance() -> None:
    chance = np.random.default_rng(2)
    rows = np.where(chance.random((300, 250)) < 0.3, 10.0, 0.0)
    assert not any(found(row).past.any() for row in rows)


def test_weekends_and_ended_series_have_no_allowance() -> None:
    weekdays = np.where(np.arange(250) % 7 < 5, 10.0, 0.0)
    ended = metered(date(2024, 7, 1), 80, 10)
    ended[150:] = 0.0
    assert not any(found(series).past.any() for series in (weekdays, ended))


def test_two_weeks_of_history_tell_of_no_allowance() -> None:
    assert not found(metered(date(2024, 1, 15), 40, 10)).past.any()


def test_an_unsure_end_of_the_free_days_makes_the_band_wider() -> None:
    """The same use seen before and after the free days; only before them is their end unknown."""
    early, late = (band(month(panel(metered(until, 80, 10)))[0]) for until in (date(2024, 5, 2), date(2024, 5, 12)))
    assert early > 3 * late


def test_other_series_of_the_panel_are_untouched() -> None:
    """Members that learn from no other series say the same with and without the metered one beside them."""
    usual = noisy(3, 121)
    alone, beside = month(panel(*usual)), month(panel(*usual, metered(date(2024, 5, 1), 80, 10)))
    for one, other in zip(alone, beside, strict=False):
        assert sure(one.total) == pytest.approx(sure(other.total), rel=0.02)


def test_the_method_says_that_the_month_begins_with_free_days() -> None:
    metered_one, usual = month(panel(metered(date(2024, 5, 1), 80, 10), noisy(1, 121)[0]), members=default_members())
    assert "its months begin with free days" in metered_one.method
    assert "free days" not in usual.method


def band(answer: Forecast) -> float:
    return sure(answer.high80) - sure(answer.low80)
