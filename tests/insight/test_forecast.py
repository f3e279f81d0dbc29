"""The total of a period: what is in it, what it says when little is known, and what it refuses."""

from datetime import date

import numpy as np
import pytest

from finops.insight.forecast import default_members, forecast
from finops.insight.panel import Panel
from finops.periods import Period, month_of
from tests.insight.forecast_samples import MONDAY, QUICK, days_from, month, noisy, panel, sure, week

MARCH = Period(date(2024, 3, 1), date(2024, 4, 1))


def test_a_month_is_what_it_cost_so_far_and_the_days_to_come() -> None:
    """70 days from 1 January end on 10 March: 10 days of March known, 21 to come, 15 of them weekdays."""
    [answer] = month(panel(week(70)))
    assert 6 * 10 + 4 * 4 == answer.month_to_date
    assert 76 + 15 * 10 + 6 * 4 == pytest.approx(answer.total)


def test_an_incomplete_day_is_completed_to_what_its_weekday_usually_costs() -> None:
    half_a_monday = np.append(week(70), 3.0)
    [answer] = month(panel(half_a_monday, complete=70), today=date(2024, 3, 12))
    assert 76 + 3.0 == answer.month_to_date
    assert pytest.approx(76 + 15 * 10 + 6 * 4) == answer.total


def test_an_incomplete_day_is_at_least_what_it_already_holds() -> None:
    [answer] = month(panel(np.append(week(70), 50.0), complete=70), today=date(2024, 3, 12))
    assert pytest.approx(76 + 50 + 14 * 10 + 6 * 4) == answer.total
    assert (50.0, 50.0, False) == (answer.daily[10].cost, answer.daily[10].low80, answer.daily[10].complete)


def test_today_is_incomplete_whatever_the_panel_says() -> None:
    [answer] = month(panel(np.append(week(70), 0.0)), today=date(2024, 3, 11))
    assert pytest.approx(76 + 15 * 10 + 6 * 4) == answer.total


def test_series_complete_up_to_different_days_are_each_continued_from_theirs() -> None:
    both = Panel(panel(week(70), week(70)).keys, MONDAY, np.array([week(70), week(70)]), np.array([70, 66]))
    first, second = month(both)
    assert [10, 6] == [sum(day.complete for day in answer.daily) for answer in (first, second)]
    assert pytest.approx(first.total) == second.total


def test_a_period_gone_by_is_what_it_cost() -> None:
    [answer] = forecast(panel(week(70)), Period(date(2024, 2, 1), date(2024, 3, 1)), today=date(2024, 3, 11), members=QUICK)
    cost = 21 * 10 + 8 * 4
    assert pytest.approx([cost] * 5) == [answer.total, answer.low95, answer.low80, answer.high80, answer.high95]


def test_a_quarter_to_come_is_forecast_whole_and_says_nothing_of_the_days_before_it() -> None:
    [answer] = forecast(panel(week(70)), Period(date(2024, 4, 1), date(2024, 7, 1)), today=date(2024, 3, 11), members=QUICK)
    assert (0.0, 91) == (answer.month_to_date, len(answer.daily))
    assert pytest.approx(13 * 58) == answer.total


def test_every_day_of_the_period_is_told_once() -> None:
    [answer] = month(panel(week(70)))
    assert list(MARCH) == [day.date for day in answer.daily]
    assert pytest.approx(answer.total) == sum(day.cost for day in answer.daily)


def test_nothing_known_is_unknown_and_not_zero() -> None:
    nothing, something = month(panel([np.nan] * 70, week(70)))
    assert (None, None, None, "unknown") == (nothing.total, nothing.low80, nothing.month_to_date, nothing.label)
    assert something.total is not None


def test_a_panel_without_days_or_without_series_answers() -> None:
    [answer] = forecast(Panel((((),)), MONDAY, np.empty((1, 0)), np.zeros(1, dtype=np.intp)), MARCH, today=MONDAY)
    empty = forecast(Panel((), MONDAY, np.empty((0, 5)), np.zeros(0, dtype=np.intp)), MARCH, today=MARCH.start)
    assert (None, "unknown", ()) == (answer.total, answer.label, empty)


def test_a_gap_in_the_past_is_not_a_free_day() -> None:
    gap = week(70)
    gap[40:43] = np.nan
    [answer] = month(panel(gap))
    assert pytest.approx(76 + 15 * 10 + 6 * 4, rel=0.01) == answer.total


def test_a_dead_series_is_expected_to_stay_dead() -> None:
    dead, _ = month(panel(np.where(np.arange(100) < 60, week(100), 0.0), noisy(1, 100)[0]))
    assert ("dead", 0.0) == (dead.label, dead.total)


def test_a_series_of_five_days_is_new_and_its_band_wide() -> None:
    rows = noisy(8, 100)
    rows[0, :95] = 0.0
    new, *old = month(panel(*rows))
    assert "new" == new.label
    assert max(width(answer) for answer in old) < width(new)


def test_a_series_of_a_month_is_short_and_knows_it_was_hardly_tested() -> None:
    [answer] = month(panel(week(35)))
    assert "short" == answer.label
    assert "younger than two months" in answer.method


def test_a_level_that_moved_is_followed() -> None:
    [answer] = month(panel(np.where(np.arange(100) < 84, 1.0, 3.0) * week(100)))
    rest = [day.cost for day in answer.daily if not day.complete]
    assert "shifted" == answer.label
    assert 2.5 * 8.3 < np.mean(rest) < 3.5 * 8.3


def test_a_batch_job_is_its_average_and_called_intermittent() -> None:
    chance = np.random.default_rng(3)
    jobs = np.where(chance.random(300) < 0.2, 100.0, 0.0)
    [answer] = forecast(panel(jobs), days_from(date(2024, 10, 27), 30), today=date(2024, 10, 27), members=default_members())
    assert "intermittent" == answer.label
    assert 300 < sure(answer.total) < 900
    assert sure(answer.low80) < 0.8 * sure(answer.total) < 1.2 * sure(answer.total) < sure(answer.high80)


def test_credits_may_bring_a_forecast_below_zero() -> None:
    [answer] = month(panel(-week(70)))
    assert pytest.approx(-(76 + 15 * 10 + 6 * 4)) == answer.total


def test_the_method_says_what_kind_of_series_it_is_and_which_members_count() -> None:
    answer = month(panel(*noisy(4, 200)))[0]
    assert answer.method.startswith("Steady, its days are much as foretold: ")
    assert pytest.approx(1.0, abs=0.001) == sum(weight for _, weight in answer.weights)
    assert "times the error of the run-rate" in answer.method


def test_the_back_test_is_told_with_every_forecast() -> None:
    answer = month(panel(*noisy(30, 300)))[0]
    test = answer.backtest
    assert test.origins >= 15
    assert 0 < sure(test.mape_total) < sure(test.wape) < 0.2
    assert 0.5 <= sure(test.coverage80) <= sure(test.coverage95) <= 1.0
    assert abs(sure(test.bias)) <= sure(test.mape_total)


def test_a_weekly_profile_beats_the_run_rate_in_the_back_test() -> None:
    answer = forecast(panel(week(120)), days_from(date(2024, 4, 30), 3), today=date(2024, 4, 30), members=QUICK)[0]
    assert sure(answer.backtest.skill_vs_run_rate) > 0.9


def test_a_panel_by_hours_is_refused() -> None:
    hours = Panel((()), MONDAY, np.empty((0, 24)), np.zeros(0, dtype=np.intp), step="hour")
    with pytest.raises(ValueError, match="needs a panel by day, not by hour; add the hours up first"):
        forecast(hours, month_of(MONDAY), today=MONDAY)


def test_a_period_years_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 800 days after 2024-03-11; ask for a nearer period"):
        forecast(panel(week(70)), days_from(date(2030, 1, 1), 30), today=date(2024, 3, 11))


def width(answer: object) -> float:
    high, low, total = (sure(getattr(answer, name)) for name in ("high80", "low80", "total"))
    return (high - low) / total
